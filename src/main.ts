/**
 * Ferry on the chip: builds the parts over the SDK's modules and starts them. The only file that names those modules.
 *
 * Their typings lag behind them, so here and there a cast says what the module does; ports.ts says how each behaves.
 * Not preloaded: this runs once, when the chip starts.
 */

import Resource from "Resource";
import Digital from "embedded:io/digital";
import PWM from "embedded:io/pwm";
import Serial from "embedded:io/serial";
import TCP from "embedded:io/socket/tcp";
import WiFi from "embedded:network/interface/wifi";
import * as files from "embedded:storage/files";
import flash from "embedded:storage/flash";
import keyValue from "embedded:storage/key-value";
import update from "embedded:update";
import { Digest } from "crypt";
import Curve from "curve";
import ECDSA from "ecdsa";
import ECPoint from "ecp";
import settings from "mc/config";
import NeoPixel from "neopixel";
import SNTP from "sntp";
import Time from "time";
import Timer from "timer";
import type { CloudTransport } from "./cloud/cloud.js";
import { makeMqttClientClass } from "./cloud/mqtt/client.js";
import { MqttCloud } from "./cloud/mqtt/mqtt-cloud.js";
import { NativeCloud } from "./cloud/native/native-cloud.js";
import { SdkClock } from "./device/clock.js";
import { type DeviceConfig, forDevice, NOT_CONNECTED, parseConfig } from "./device/config.js";
import { DateKeeper } from "./device/date.js";
import { resetReasonOf } from "./device/reset-reason.js";
import { makeSocketClass, type SdkTcpClass } from "./device/socket.js";
import { makeTlsSocketClass } from "./device/tls-socket.js";
import { makeVerifyP256 } from "./device/update-key.js";
import { makeWifiClasses, type SdkWifiClass } from "./device/wifi.js";
import { makeHttpClientClass } from "./download/http-client.js";
import { ownFirmwareType, ownVersion } from "./native/identity.js";
import { EspRadio } from "./native/radio.js";
import { espResetReason } from "./native/reset-reason.js";
import { EspSlots } from "./native/slots.js";
import { TlsConnection } from "./native/tls.js";
import { makeNativeWire } from "./native/wire.js";
import { Ncp } from "./ncp.js";
import { readMac } from "./network/mac.js";
import { ESP32_C3_PINS, ESP32_PINS, ESP32_S3_PINS, type PinMap } from "./panel/pins.js";
import type { DigitalClass, LedStripClass, PwmClass } from "./panel/ports.js";
import type { Clock, DigestClass, Directory, Io, KeyValue, SerialClass, SocketClass, Updater } from "./ports.js";
import type { ConnectivityOptions } from "./wiring/connectivity.js";
import type { PanelPorts } from "./wiring/options.js";
import type { SelfUpdateOptions } from "./wiring/self-update.js";

/** As partitions.csv names it, and the SDK mounts it. */
const FILES_PARTITION = "storage";
/** In an image's header, 16 bits, little-endian (esp_image_header_t). */
const IMAGE_CHIP_ID_OFFSET = 12;
/** By chip id; see image/esp-image.ts. */
const PIN_MAPS: readonly (readonly [chipId: number, pins: PinMap])[] = [
  [0, ESP32_PINS],
  [5, ESP32_C3_PINS],
  [9, ESP32_S3_PINS],
];

/** Ways to other hosts: everything that goes over the network goes over one of them. */
interface Sockets {
  readonly plain: Io<SocketClass>;
  readonly tls: Io<SocketClass>;
}

function start(): void {
  const { config, problems } = parseConfig(settings.ferry);
  for (const problem of problems) trace(`Ferry: ${problem}\n`);
  const clock = new SdkClock(Time, Timer);
  const chipId = runningChipId();
  const date = new DateKeeper({
    Sntp: SNTP,
    clock,
    host: config.timeServer,
    readDate: () => Date.now() / 1000,
    setDate: (seconds) => Time.set(seconds),
  });
  const sockets = makeSockets(date, config);
  const { updateKey } = config;
  new Ncp({
    version: ownVersion(),
    clock,
    serial: { io: Serial as unknown as SerialClass }, // the wire takes the UART, and constructs none
    Wire: makeNativeWire(config.uart),
    initialBaud: config.uart.baud,
    keyValue: keyValue as unknown as KeyValue,
    storage: {
      root: (files as unknown as { default: Directory }).default,
      capacityBytes: filesBytes(),
      slot: { flash, slots: new EspSlots() },
    },
    network: {
      http: { io: makeHttpClientClass({ clock, socket: sockets.plain }) },
      https: { io: makeHttpClientClass({ clock, socket: sockets.tls }), port: 443 },
    },
    Digest: Digest as unknown as DigestClass,
    system: { restart: () => System.restart(), resetReason: () => resetReasonOf(espResetReason()) },
    connectivity: makeConnectivity(clock, config, date, sockets),
    panel: makePanelPorts(config, chipId),
    ...(updateKey === "unusable" ? {} : { selfUpdate: makeSelfUpdate(chipId, updateKey) }),
    random: Math.random, // the chip's own generator: esp_random()
    onNews: (news) => trace(`Ferry: ${JSON.stringify(news)}\n`),
  });
}

function filesBytes(): number {
  const partition = flash.open({ path: FILES_PARTITION, mode: "r" });
  const { size } = partition.status();
  partition.close();
  return size;
}

/** As the header of Ferry's own image has it. */
function runningChipId(): number {
  const partition = flash.open({ path: "running", mode: "r" });
  const id = new Uint8Array(2);
  partition.read(id, IMAGE_CHIP_ID_OFFSET);
  partition.close();
  return new DataView(id.buffer).getUint16(0, true);
}

function makeSockets(date: DateKeeper, { authority: authorityName, onlyAuthority }: DeviceConfig): Sockets {
  const { resolve } = System;
  const authority = findAuthority(authorityName);
  const tls = { Connection: TlsConnection, resolve, isDateKnown: () => date.known, authority, onlyAuthority };
  return {
    plain: { io: makeSocketClass({ Tcp: TCP as unknown as SdkTcpClass, resolve }) },
    tls: { io: makeTlsSocketClass(tls) },
  };
}

function findAuthority(name: string): object | undefined {
  if (name === "") return undefined;
  if (Resource.exists(name)) return new Resource(name);
  trace(`Ferry: config.ferry.authority names ${name}, which is not among the manifest's data\n`);
  return undefined;
}

function makeConnectivity(clock: Clock, config: DeviceConfig, date: DateKeeper, sockets: Sockets): ConnectivityOptions {
  const { Wifi, AccessPoint } = makeWifiClasses({
    Wifi: WiFi as unknown as SdkWifiClass,
    radio: new EspRadio(),
    onUp: () => date.ask(),
  });
  const { wifi, cloud, poll, report } = config;
  return {
    wifi: { station: { io: Wifi }, accessPoint: { io: AccessPoint }, socket: sockets.plain },
    ...(wifi.ssid === "" ? {} : { firstNetwork: networkOf(wifi) }),
    cloud: makeCloud(clock, cloud, sockets, () => readMac({ io: Wifi })),
    ...(poll.url === "" ? {} : { poll: { url: poll.url, intervalMs: poll.intervalMinutes * 60_000 } }),
    date,
    ...(cloud.host === "" ? {} : { defaultHost: cloud.host }),
    report: {
      ...(report.event === "" ? {} : { event: report.event }),
      ...(report.metadata === "" ? {} : { metadata: report.metadata }),
      ...(report.vpin === NOT_CONNECTED ? {} : { vpin: report.vpin }),
    },
    rtc: { read: () => Date.now(), write: (unixMs, source) => date.suggest(unixMs / 1000, source) },
  };
}

function networkOf({ ssid, password }: DeviceConfig["wifi"]) {
  return password === "" ? { ssid } : { ssid, psk: password };
}

function makeCloud(
  clock: Clock,
  config: DeviceConfig["cloud"],
  { plain, tls }: Sockets,
  mac: () => string | undefined,
): CloudTransport {
  const { transport, allowPlain, pinNames, user, clientId, topicPrefix, batchesGroups } = config;
  if (transport === "native") return new NativeCloud({ clock, tls, ...(allowPlain ? { plain } : {}) });
  const over = (socket: Io<SocketClass>) => ({ io: makeMqttClientClass({ clock, socket }) });
  return new MqttCloud({
    clock,
    tls: over(tls),
    ...(allowPlain ? { plain: over(plain) } : {}),
    pinNames: Object.entries(pinNames).map(([pin, name]) => [Number(pin), name]),
    user: forDevice(user, mac),
    clientId: forDevice(clientId, mac),
    topicPrefix: forDevice(topicPrefix, mac),
    batchesGroups,
  });
}

function makePanelPorts({ uart, takenPins, freesConsolePins }: DeviceConfig, chipId: number): PanelPorts {
  const pinMap = PIN_MAPS.find(([id]) => id === chipId)?.[1];
  const { transmit, receive, rts, cts } = uart;
  const ofUart = [transmit, receive, rts, cts].map((pin) => [String(pin), "the UART to the MCU"]);
  return {
    digital: { io: Digital as unknown as DigitalClass },
    pwm: { io: PWM as unknown as PwmClass },
    strip: { io: NeoPixel as unknown as LedStripClass },
    ...(pinMap ? { pinMap } : {}),
    takenPins: { ...takenPins, ...Object.fromEntries(ofUart) },
    freesConsolePins,
  };
}

/** A new build stays when the MCU has answered, and whoever brings the next one: the cloud, or else the poll's server. */
function makeSelfUpdate(chipId: number, key: Uint8Array | "none"): SelfUpdateOptions {
  const verifyP256 = makeVerifyP256({ Ecdsa: ECDSA, Curve, Point: ECPoint });
  return {
    updater: update as unknown as Updater,
    chipId,
    firmwareType: ownFirmwareType(),
    ...(key === "none" ? {} : { signature: { publicKey: key, verifyP256 } }),
    confirmation: { mcu: true, cloud: true },
  };
}

start();
