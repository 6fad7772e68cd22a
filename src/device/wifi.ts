/**
 * The Wi-Fi ports over the SDK's class and Ferry's own native calls, which add what that leaves out: the reason of an
 * end, name servers for a fixed address, and an access point beside the station.
 *
 * Invariants: the driver is watched before the SDK's class starts it; a fixed address gets its name servers before Ferry
 * hears that it is up, for the driver forgets them at each association; there is one access point at a time.
 */

import type {
  AccessPoint,
  AccessPointClass,
  AccessPointOptions,
  Radio,
  Wifi,
  WifiAddress,
  WifiClass,
} from "../network/ports.js";

/** Module "embedded:network/interface/wifi": see Wifi. */
export interface SdkWifi extends Omit<Wifi, "reason" | "configure"> {
  configure(options: { static: Omit<WifiAddress, "nameServers"> | false }): void;
}

export type SdkWifiClass = new (options: { onChanged(property: "connection" | "address"): void }) => SdkWifi;

export interface WifiParts {
  readonly Wifi: SdkWifiClass;
  readonly radio: Radio;
  /** The station has an address, for the first time or again; told once or more each time. */
  onUp?(): void;
}

export interface WifiClasses {
  readonly Wifi: WifiClass;
  readonly AccessPoint: AccessPointClass;
}

const UP = 500;
const SSID_BYTES_MAX = 32;
const CHANNEL_MAX = 13;
const PASSWORD_CHARACTERS_MIN = 8;

/** Once, before anybody constructs the SDK's class. */
export function makeWifiClasses(parts: WifiParts): WifiClasses {
  parts.radio.watch();
  return { Wifi: makeStationClass(parts), AccessPoint: makeAccessPointClass(parts) };
}

/** What follows is made for each chip's parts by a subclass of a few lines: the classes themselves lie in flash. */
function makeStationClass(parts: WifiParts): WifiClass {
  return class extends DeviceWifi {
    constructor({ onChanged }: StationEvents) {
      super(parts, onChanged);
    }
  };
}

function makeAccessPointClass(parts: WifiParts): AccessPointClass {
  const air = { isTaken: false };
  return class extends DeviceAccessPoint {
    constructor(options: AccessPointOptions) {
      super(parts, air, options);
    }
  };
}

interface StationEvents {
  onChanged(property: "connection" | "address"): void;
}

class DeviceWifi implements Wifi {
  readonly #radio: Radio;
  readonly #wifi: SdkWifi;
  #nameServers: readonly string[] = [];

  constructor({ Wifi: Sdk, radio, onUp }: WifiParts, onChanged: StationEvents["onChanged"]) {
    this.#radio = radio;
    this.#wifi = new Sdk({
      onChanged: (property) => {
        const isUp = this.#wifi.connection >= UP;
        if (isUp) this.#setNameServers();
        onChanged(property);
        if (isUp) onUp?.();
      },
    });
  }

  get connection() {
    return this.#wifi.connection;
  }

  get address() {
    return this.#wifi.address;
  }

  get MAC() {
    return this.#wifi.MAC;
  }

  get SSID() {
    return this.#wifi.SSID;
  }

  get BSSID() {
    return this.#wifi.BSSID;
  }

  get RSSI() {
    return this.#wifi.RSSI;
  }

  get channel() {
    return this.#wifi.channel;
  }

  get reason() {
    return this.#radio.reason;
  }

  connect(options: Parameters<Wifi["connect"]>[0]) {
    this.#radio.forgetReason();
    this.#wifi.connect(options);
  }

  disconnect() {
    this.#wifi.disconnect();
  }

  scan(options: Parameters<Wifi["scan"]>[0]) {
    this.#wifi.scan(options);
  }

  configure({ static: fixed }: { static: WifiAddress | false }) {
    this.#nameServers = fixed ? fixed.nameServers : [];
    if (!fixed) return this.#wifi.configure({ static: false });
    const { address, mask, gateway } = fixed;
    this.#wifi.configure({ static: { address, mask, gateway } });
  }

  close() {
    this.#wifi.close();
  }

  #setNameServers(): void {
    for (const [index, address] of this.#nameServers.entries()) this.#radio.setNameServer(index, address);
  }
}

/** There is one radio. */
interface Air {
  isTaken: boolean;
}

class DeviceAccessPoint implements AccessPoint {
  readonly #radio: Radio;
  readonly #air: Air;
  #isOpen = true;

  constructor({ Wifi: Sdk, radio }: WifiParts, air: Air, { ssid, password = "", channel }: AccessPointOptions) {
    this.#radio = radio;
    this.#air = air;
    if (air.isTaken) throw new Error("in use");
    if (!(channel >= 1 && channel <= CHANNEL_MAX)) throw new RangeError("invalid channel");
    if (ssid === "" || ssid.length > SSID_BYTES_MAX) throw new RangeError("invalid ssid");
    if (password !== "" && password.length < PASSWORD_CHARACTERS_MIN) throw new RangeError("password too short");
    new Sdk({ onChanged: () => {} }).close(); // starts the driver, unless it runs
    radio.openAccessPoint(ssid, password, channel);
    air.isTaken = true;
  }

  close() {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#air.isTaken = false;
    this.#radio.closeAccessPoint();
  }
}
