/**
 * The Wi-Fi ports of one life of a simulated ESP32: the SDK's wifi-esp32.c, with Ferry's native additions, over the radio
 * of radio.ts. Every object hears of what the radio does for all of them.
 */

import type {
  AccessPoint,
  AccessPointClass,
  AccessPointOptions,
  Wifi,
  WifiAddress,
  WifiClass,
} from "../../src/network/ports.js";
import { throwClosed } from "./life.js";
import {
  BOTH,
  CHANNEL_MAX,
  type DriverEvent,
  type DriverListener,
  IPV4,
  type SimRadio,
  SSID_BYTES_MAX,
} from "./radio.js";

const PASSWORD_BYTES_MAX = 64;

type OnChanged = (property: "connection" | "address") => void;

export function makeWifiClass(radio: SimRadio): WifiClass {
  return class extends SimWifi {
    constructor({ onChanged }: { onChanged: OnChanged }) {
      super(radio, onChanged);
    }
  };
}

export function makeAccessPointClass(radio: SimRadio): AccessPointClass {
  return class extends SimAccessPoint {
    constructor(options: AccessPointOptions) {
      super(radio, options);
    }
  };
}

class SimWifi implements Wifi, DriverListener {
  readonly #radio: SimRadio;
  readonly #onChanged: OnChanged;
  #isOpen = true;
  #connecting = false;
  #connected: boolean;
  #addresses: number;

  constructor(radio: SimRadio, onChanged: OnChanged) {
    radio.assertAlive();
    radio.start();
    this.#radio = radio;
    this.#onChanged = onChanged;
    this.#connected = radio.hotspot !== undefined;
    this.#addresses = radio.addresses;
    radio.attach(this);
  }

  get connection(): number {
    this.#use();
    if (this.#connected) return this.#addresses === BOTH ? 500 : 400;
    return this.#connecting ? 300 : 200;
  }

  get address(): string | undefined {
    return this.#use().address;
  }

  get MAC(): string | undefined {
    this.#use();
    return "24:0a:c4:00:00:01";
  }

  get SSID(): string | undefined {
    return this.#use().hotspot?.ssid;
  }

  get BSSID(): string | undefined {
    return this.#use().hotspot?.bssid;
  }

  get RSSI(): number | undefined {
    return this.#use().hotspot?.rssiDbm;
  }

  get channel(): number | undefined {
    return this.#use().hotspot?.channel;
  }

  get reason(): number {
    return this.#use().reason;
  }

  connect(options: Parameters<Wifi["connect"]>[0]): void {
    this.#use();
    const { SSID, password = "", channel = 1 } = options;
    if (this.#connecting) throw new Error("already connecting");
    if (SSID.length > SSID_BYTES_MAX || password.length > PASSWORD_BYTES_MAX) throw new RangeError("buffer too small");
    if (channel < 1 || channel > CHANNEL_MAX) throw new RangeError("invalid channel");
    this.#radio.connect({ ...options });
    this.#connecting = true;
  }

  disconnect(): void {
    this.#use().disconnect();
    this.#connecting = false;
    this.#connected = false;
    this.#addresses = 0;
  }

  scan(options: Parameters<Wifi["scan"]>[0]): void {
    this.#use().scan(this, options);
  }

  configure({ static: fixed }: { static: WifiAddress | false }): void {
    this.#use().configure(fixed);
  }

  close(): void {
    this.#radio.assertAlive();
    this.#isOpen = false;
    this.#radio.detach(this);
  }

  /** As wifiConnectDeliver() has it. */
  deliver({ kind, addresses }: DriverEvent): void {
    if (!this.#isOpen) return;
    const before = [this.#connecting, this.#connected, this.#addresses];
    const hadAddress = (this.#addresses & IPV4) !== 0;
    if (kind !== "addressed") this.#connecting = false;
    this.#connected = kind !== "disconnected";
    this.#addresses = addresses;
    const now = [this.#connecting, this.#connected, this.#addresses];
    if (now.some((value, index) => value !== before[index])) this.#onChanged("connection");
    if (this.#isOpen && !hadAddress && (this.#addresses & IPV4) !== 0) this.#onChanged("address");
  }

  #use(): SimRadio {
    this.#radio.assertAlive();
    return this.#isOpen ? this.#radio : throwClosed();
  }
}

class SimAccessPoint implements AccessPoint {
  readonly #radio: SimRadio;
  #isOpen = true;

  constructor(radio: SimRadio, options: AccessPointOptions) {
    radio.assertAlive();
    this.#radio = radio;
    radio.openAccessPoint(options);
  }

  close(): void {
    this.#radio.assertAlive();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#radio.closeAccessPoint();
  }
}
