/** The station's MAC address, which needs no network: blynk-ncp.md, 1.4 (hw.getWiFiMAC). */

import type { Io } from "../ports.js";
import type { WifiClass } from "./ports.js";

/** "0A:1B:2C:3D:4E:5F", as Arduino's macAddress() has it; `undefined` where the radio does not start. */
export function readMac({ io: Wifi, ...own }: Io<WifiClass>): string | undefined {
  try {
    const wifi = new Wifi({ ...own, onChanged: () => {} });
    const { MAC } = wifi;
    wifi.close();
    return MAC?.toUpperCase();
  } catch {
    return undefined;
  }
}
