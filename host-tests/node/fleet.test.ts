/**
 * A fleet against one real broker and one real file server of this computer, over TLS, in real time. FLEET_SIZE=500 is
 * the whole fleet of the bench; every day's tests are content with fewer.
 */

import { assert } from "chai";
import { CertificateAuthority } from "../../host/node/certificates.js";
import { realClock } from "../../host/node/clock.js";
import { NodeDigest } from "../../host/node/digest.js";
import { LOOPBACK, NodeFileServer } from "../../host/node/file-server.js";
import { NodeMqttBroker } from "../../host/node/mqtt-broker.js";
import { NodeNetwork } from "../../host/node/network.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import { makeFirmware } from "../../host/peers/firmware.js";
import { Fleet, tokenOf } from "../../host/peers/fleet.js";
import { ShippingCloud } from "../../host/peers/shipping-cloud.js";
import { FIRMWARE_PATH, NEW_FIRMWARE } from "../../host/peers/workbench.js";
import { Random } from "../../host/sim/random.js";

const SIZE = Number(process.env.FLEET_SIZE ?? 25);
const IMAGE_BYTES = 16_384;
/** Of the time that the devices see, which is real time, or slower where this computer is. */
const LIMIT_MS = 600_000;
const POWER_RETURNS_WITHIN_MS = 10 * SIZE;

describe("A fleet at a real broker", () => {
  it(`of ${SIZE} devices is updated, each once, and the broker hears of it`, async () => {
    const authority = new CertificateAuthority("the fleet");
    const identity = authority.issue(LOOPBACK);
    const tokens = Array.from({ length: SIZE }, (_, index) => tokenOf(index + 1));
    const broker = await NodeMqttBroker.listen({ tokens }, { identity });
    const image = makeFirmware(IMAGE_BYTES, NEW_FIRMWARE);
    const files = await NodeFileServer.listen({ files: { [FIRMWARE_PATH]: { bytes: image } } }, { identity });
    const clock = new PacedClock();
    const network = new NodeNetwork({ clock, trust: [authority.certificate] });
    const fleet = new Fleet({
      network,
      size: SIZE,
      protocol: "mqtt",
      cloud: { host: LOOPBACK, port: broker.port },
      overrides: { Digest: NodeDigest },
    });
    const cloud = new ShippingCloud(realClock, broker);
    const offer = { ...NEW_FIRMWARE, url: files.url(FIRMWARE_PATH), sizeBytes: image.length };
    cloud.shipment = offer;
    const random = new Random(1);
    try {
      for (const product of fleet.products) clock.set(() => product.powerOn(), random.next() * POWER_RETURNS_WITHIN_MS);
      const succeeded = () =>
        new Set(cloud.timeline.filter(({ text }) => /: succeeded$/.test(text)).map(({ token }) => token));
      await clock.run(() => succeeded().size === SIZE, LIMIT_MS, "the last device's success");
      assert.equal(fleet.updated(offer), SIZE);
      assert.equal(fleet.installs, SIZE);
      assert.equal(files.requests.length, SIZE);
      assert.equal(broker.online, SIZE);
      if (process.env.FLEET_SIZE) {
        const messages = cloud.messages.length / SIZE;
        console.log({ deviceSeconds: clock.now() / 1000, messages, logins: cloud.logins.length });
      }
    } finally {
      network.dropConnections();
      await Promise.all([broker.close(), files.close()]);
    }
  }).timeout(600_000);
});
