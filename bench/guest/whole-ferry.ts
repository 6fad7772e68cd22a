/**
 * Guest code: the parts of a product around Ferry, as main.ts has them, over ports that keep nothing and agree to
 * everything: a radio, a cloud that lets in whoever comes, pins, app slots. What the heap gains is Ferry's.
 */

import { encodeUtf8 } from "../../src/base/utf8.js";
import { NativeCloud } from "../../src/cloud/native/native-cloud.js";
import { makeTlsSocketClass } from "../../src/device/tls-socket.js";
import { makeWifiClasses, type SdkWifi, type SdkWifiClass } from "../../src/device/wifi.js";
import type { NcpOptions } from "../../src/ncp.js";
import type { Radio } from "../../src/network/ports.js";
import { ESP32_PINS } from "../../src/panel/pins.js";
import type { Digital, DigitalClass, LedStripClass, Pwm, PwmClass } from "../../src/panel/ports.js";
import type { Clock, FlashPartition, KeyValue, Slots, Socket, TlsConnectionOptions } from "../../src/ports.js";
import { Settings } from "../../src/settings/settings.js";
import type { SlotPorts } from "../../src/store/passive-slot.js";
import { RecordSlot } from "../../src/store/record-slot.js";

const SOON_MS = 1;
/** A response of Blynk's native protocol: command, id, status. */
const RESPONSE = 0;
const STATUS_OK = 200;
const HEADER_BYTES = 5;
const LOGIN = 29;
const HARDWARE = 20;
const PING = 6;
const ROOM_BYTES = 1_024;
const SLOT_BYTES = 1_966_080;

class CalmRadio implements Radio {
  readonly reason = 0;
  watch(): void {}
  forgetReason(): void {}
  setNameServer(): void {}
  openAccessPoint(): void {}
  closeAccessPoint(): void {}
}

/** Joins whatever it is told to. */
function makeJoiner(clock: Clock): SdkWifiClass {
  return class Joiner implements SdkWifi {
    connection = 200;
    readonly address = "192.0.2.7";
    readonly MAC = "a0:b1:c2:d3:e4:f5";
    readonly SSID = "home";
    readonly BSSID = "02:00:00:00:00:01";
    readonly RSSI = -50;
    readonly channel = 6;
    readonly #onChanged: (property: "connection") => void;

    constructor({ onChanged }: { onChanged(property: "connection"): void }) {
      this.#onChanged = onChanged;
    }

    connect(): void {
      for (const connection of [300, 400, 500]) {
        clock.set(() => {
          this.connection = connection;
          this.#onChanged("connection");
        }, SOON_MS);
      }
    }

    disconnect(): void {
      this.connection = 200;
    }

    scan({ onFound, onComplete }: Parameters<SdkWifi["scan"]>[0]): void {
      const { SSID, BSSID, RSSI, channel } = this;
      onFound({ SSID, BSSID, RSSI, channel, security: "wpa2_psk" });
      clock.set(onComplete, SOON_MS);
    }

    configure(): void {}

    close(): void {}
  };
}

/** The server's end of a connection. */
function makeCloudConnection(clock: Clock, connections: { send(message: Uint8Array): void }[]) {
  return class CloudConnection implements Socket {
    readonly #options: TlsConnectionOptions;
    readonly #answers: Uint8Array[] = [];

    constructor(options: TlsConnectionOptions) {
      this.#options = options;
      connections.push(this);
      clock.set(() => options.onWritable(ROOM_BYTES), SOON_MS);
    }

    read(buffer: Uint8Array): number | undefined {
      const answer = this.#answers.shift();
      if (answer) buffer.set(answer);
      return answer?.length;
    }

    write(bytes: Uint8Array): number {
      for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
        const [command = 0, idHigh = 0, idLow = 0, lengthHigh = 0, lengthLow = 0] = bytes.subarray(at);
        at += HEADER_BYTES + (lengthHigh << 8) + lengthLow;
        if (command === LOGIN || command === PING) this.#answer(idHigh, idLow);
      }
      return ROOM_BYTES;
    }

    close(): void {}

    send(message: Uint8Array): void {
      this.#answers.push(message);
      clock.set(() => this.#options.onReadable(message.length), 0);
    }

    #answer(idHigh: number, idLow: number): void {
      this.send(Uint8Array.of(RESPONSE, idHigh, idLow, 0, STATUS_OK));
    }
  };
}

/** Input, output, PWM and LED strip in one. */
class AnyPin implements Digital, Pwm {
  static readonly Input = 0;
  static readonly InputPullUp = 1;
  static readonly InputPullDown = 2;
  static readonly Output = 8;
  static readonly Rising = 1;
  static readonly Falling = 2;
  readonly resolution = 10;
  brightness = 64;
  read(): number {
    return 0;
  }
  write(): void {}
  makeRGB(): number {
    return 0;
  }
  fill(): void {}
  update(): void {}
  close(): void {}
}

class EmptyPartition implements FlashPartition {
  read(): number {
    return 0;
  }
  write(): void {}
  eraseBlock(): void {}
  status() {
    return { size: SLOT_BYTES, blockLength: 4096, blocks: SLOT_BYTES / 4096 };
  }
  close(): void {}
}

class TwoSlots implements Slots {
  passiveLabel(): string {
    return "ota_1";
  }
  passiveIsFree(): boolean {
    return true;
  }
  runningState(): "valid" {
    return "valid";
  }
  markValid(): void {}
  rollBackAndRestart(): void {}
}

export interface Product extends Required<Pick<NcpOptions, "connectivity" | "panel" | "selfUpdate">> {
  readonly slot: SlotPorts;
  /** The cloud sets a pin. */
  setPin(vpin: number, value: string): void;
}

/** All of it is made before anything of Ferry's: whoever measures Ferry measures around `new Ncp`. */
export function makeProduct(clock: Clock): Product {
  const resolve = (host: string, callback: (host: string, address: string) => void) => {
    clock.set(() => callback(host, "192.0.2.1"), SOON_MS);
  };
  const connections: { send(message: Uint8Array): void }[] = [];
  const { Wifi, AccessPoint } = makeWifiClasses({ Wifi: makeJoiner(clock), radio: new CalmRadio() });
  const tls = {
    io: makeTlsSocketClass({ Connection: makeCloudConnection(clock, connections), resolve, isDateKnown: () => true }),
  };
  return {
    connectivity: {
      wifi: { station: { io: Wifi }, accessPoint: { io: AccessPoint }, socket: tls },
      cloud: new NativeCloud({ clock, tls }),
      report: { event: "update" },
      rtc: { read: () => 0, write: () => {} },
    },
    panel: {
      digital: { io: AnyPin as DigitalClass },
      pwm: { io: AnyPin as PwmClass },
      strip: { io: AnyPin as LedStripClass },
      pinMap: ESP32_PINS,
    },
    selfUpdate: {
      updater: { open: () => ({ write: () => {}, complete: () => {}, close: () => {} }) },
      confirmation: { mcu: true, cloud: true },
    },
    setPin(vpin, value) {
      const body = encodeUtf8(`vw\0${vpin}\0${value}`);
      connections.at(-1)?.send(Uint8Array.of(HARDWARE, 0, 2, body.length >> 8, body.length & 0xff, ...body));
    },
    slot: { flash: { open: () => new EmptyPartition(), *[Symbol.iterator]() {} }, slots: new TwoSlots() },
  };
}

/** What a person has set up in an earlier life: Ferry goes online as soon as its MCU initializes. */
export function setUp(keyValue: KeyValue, crc32: NcpOptions["crc32"] = () => 0): void {
  const domain = keyValue.open({ path: "ferry", format: "buffer" });
  const settings = new Settings({
    record: (name) => new RecordSlot({ domain, name, crc32 }),
    random: () => 0,
    onFault: (detail) => {
      throw new Error(detail);
    },
  });
  const problem =
    settings.saveNetwork({ ssid: "home", psk: "a good password" }) ??
    settings.saveCloud({ token: "0123456789abcdefghijklmnopqrstuv" });
  if (problem !== undefined) throw new Error(problem);
  domain.close();
}
