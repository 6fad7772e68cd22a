/**
 * A fleet against one cloud and one file server, in virtual time: power comes back everywhere within a minute, a firmware
 * is shipped to all at once, and in the middle of that the cloud restarts.
 */

import { FileServer } from "../host/peers/file-server.js";
import { makeFirmware } from "../host/peers/firmware.js";
import { Fleet, tokenOf } from "../host/peers/fleet.js";
import { MqttBroker } from "../host/peers/mqtt-broker.js";
import { NativeCloudServer } from "../host/peers/native-cloud-server.js";
import { CLOUD_HOST } from "../host/peers/product-bench.js";
import { ShippingCloud } from "../host/peers/shipping-cloud.js";
import { FIRMWARE_PATH, NEW_FIRMWARE, SERVER_HOST } from "../host/peers/workbench.js";
import { VirtualClock } from "../host/sim/clock.js";
import { CLOUD_MAKERS, type CloudProtocol } from "../host/sim/connectivity.js";
import { Network } from "../host/sim/network.js";
import { Random } from "../host/sim/random.js";
import type { Offer } from "../src/image/offer.js";

export const FLEET_SIZE = 500;
const IMAGE_BYTES = 32_768;
const POWER_RETURNS_WITHIN_MS = 60_000;
const SHIPS_AT_MS = 120_000;
const CLOUD_RESTARTS_AT_MS = 121_000;
/** All in all. */
const RUN_MS = 600_000;
const LOOK_EVERY_MS = 100;
const SECOND_MS = 1_000;

export interface FleetFigures {
  readonly devices: number;
  readonly updated: number;
  /** More than devices would be installations for nothing. */
  readonly installs: number;
  /** From the shipment to the last version reported. */
  readonly secondsToAllUpdated: number;
  /** In ten minutes. */
  readonly messagesPerDevice: number;
  /** To cloud and file server together. */
  readonly connectionsPeak: number;
  /** In one second, after the cloud's restart. */
  readonly loginsPerSecondPeak: number;
  readonly serverDownloads: number;
}

export function measureFleet(protocol: CloudProtocol, size = FLEET_SIZE): FleetFigures {
  const clock = new VirtualClock();
  const network = new Network(clock);
  const image = makeFirmware(IMAGE_BYTES, NEW_FIRMWARE);
  const files = new FileServer(clock, { files: { [FIRMWARE_PATH]: { bytes: image } } });
  network.listen(SERVER_HOST, 80, files.accept);
  const behavior = { tokens: Array.from({ length: size }, (_, index) => tokenOf(index + 1)) };
  const server = protocol === "native" ? new NativeCloudServer(clock, behavior) : new MqttBroker(clock, behavior);
  network.listen(CLOUD_HOST, CLOUD_MAKERS[protocol].port, server.accept);
  const cloud = new ShippingCloud(clock, server);
  const fleet = new Fleet({ network, size, protocol, cloud: { host: CLOUD_HOST } });
  const random = new Random(1);
  for (const product of fleet.products) clock.set(() => product.powerOn(), random.next() * POWER_RETURNS_WITHIN_MS);

  const offer: Offer = { ...NEW_FIRMWARE, url: `http://${SERVER_HOST}${FIRMWARE_PATH}`, sizeBytes: image.length };
  let connectionsPeak = 0;
  clock.setAt(() => {
    cloud.shipment = offer;
    cloud.offerToAll();
  }, SHIPS_AT_MS);
  clock.setAt(() => cloud.hangUp(), CLOUD_RESTARTS_AT_MS);
  let doneAtMs = Number.POSITIVE_INFINITY;
  while (clock.now() < RUN_MS) {
    clock.advance(LOOK_EVERY_MS);
    connectionsPeak = Math.max(connectionsPeak, network.connections);
    const known = [...cloud.versions.values()].filter((version) => version === offer.version).length;
    if (known === size) doneAtMs = Math.min(doneAtMs, clock.now());
  }
  return {
    devices: size,
    updated: fleet.updated(offer),
    installs: fleet.installs,
    secondsToAllUpdated: (doneAtMs - SHIPS_AT_MS) / SECOND_MS,
    messagesPerDevice: cloud.messages.length / size,
    connectionsPeak,
    loginsPerSecondPeak: mostPerSecond(cloud.logins.filter((atMs) => atMs > CLOUD_RESTARTS_AT_MS)),
    serverDownloads: files.requests.length,
  };
}

function mostPerSecond(timesMs: readonly number[]): number {
  let first = 0;
  return timesMs.reduce((most, atMs, index) => {
    while ((timesMs[first] ?? atMs) <= atMs - SECOND_MS) first++;
    return Math.max(most, index - first + 1);
  }, 0);
}
