/** Settings over a simulated NVS: what suites of them share. */

import { SimKeyValue } from "../../host/sim/key-value.js";
import type { Life } from "../../host/sim/life.js";
import { Random } from "../../host/sim/random.js";
import { crc32 } from "../../src/base/crc.js";
import type { Network } from "../../src/settings/networks.js";
import { Settings } from "../../src/settings/settings.js";
import type { CloudAccess, StoredLocation } from "../../src/settings/values.js";
import { RecordSlot } from "../../src/store/record-slot.js";

export const DOMAIN = "ferry";

export const HOME: Network = { ssid: "Home", psk: "correct horse" };
export const CLOUD: CloudAccess = { host: "fra1.blynk.cloud", token: "0123456789abcdefghijklmnopqrstuv" };
export const LOCATION: StoredLocation = {
  latitude: "52.52",
  longitude: "13.405",
  olsonId: "Europe/Berlin",
  posixTz: "CET-1CEST,M3.5.0,M10.5.0/3",
};

/** A network with all its fields, as long as they may be. */
export function fullNetwork(index: number): Network {
  return {
    ssid: `network ${index}`.padEnd(32, "."),
    psk: index.toString(16).padStart(64, "0"),
    bssid: Uint8Array.of(2, 0, 0, 0, 0, index),
    channel: 196,
    hidden: true,
    ip: "192.168.100.200",
    gateway: "192.168.100.254",
    mask: "255.255.255.128",
    dns: "192.168.100.253",
    dns2: "192.168.100.252",
  };
}

export interface OpenSettings {
  readonly settings: Settings;
  /** What it said could not be read or stored. */
  readonly faults: string[];
}

export function openSettings(life: Life, seed = 1): OpenSettings {
  const domain = new SimKeyValue(life).open({ path: DOMAIN });
  const random = new Random(seed);
  const faults: string[] = [];
  const settings = new Settings({
    record: (name) => new RecordSlot({ domain, name, crc32 }),
    random: () => random.next(),
    onFault: (detail) => faults.push(detail),
  });
  return { settings, faults };
}

/** Everything that can be set. */
export function fill(settings: Settings): void {
  settings.saveNetwork(HOME);
  settings.saveNetwork({ ssid: "Office" });
  settings.saveCloud(CLOUD);
  settings.saveLocation(LOCATION);
  settings.saveVendorPrefix("Acme");
  settings.saveVendorServer("acme.example");
  settings.storeSkips(3);
}

/** All that can be read, to be compared. */
export function everything(settings: Settings) {
  const { configured, networks, cloud, location, vendor, counts, uidText } = settings;
  return { configured, networks, cloud, location, vendor, counts, uidText };
}
