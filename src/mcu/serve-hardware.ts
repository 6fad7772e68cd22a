/** The calls about pins and addresses. */

import type { RpcSession } from "../rpc/session.js";

export interface HardwareDomain {
  initButton(gpio: number, activeLow: boolean): boolean;
  initLed(gpio: number, activeLow: boolean): boolean;
  initRgb(red: number, green: number, blue: number, commonAnode: boolean): boolean;
  initArgb(gpio: number, mode: number, count: number): boolean;
  setBrightness(brightness: number): boolean;
  /** "A0:B1:C2:D3:E4:F5"; `undefined` where there is no such interface. */
  readonly wifiMac: string | undefined;
  readonly ethernetMac: string | undefined;
}

export function serveHardware(session: RpcSession, domain: HardwareDomain): void {
  session.serve("hw.initUserButton", ({ gpio, activeLow }) => ({ ok: domain.initButton(gpio, activeLow) }));
  session.serve("hw.initLED", ({ gpio, activeLow }) => ({ ok: domain.initLed(gpio, activeLow) }));
  session.serve("hw.initRGB", ({ gpioRed, gpioGreen, gpioBlue, commonAnode }) => ({
    ok: domain.initRgb(gpioRed, gpioGreen, gpioBlue, commonAnode),
  }));
  session.serve("hw.initARGB", ({ gpio, mode, count }) => ({ ok: domain.initArgb(gpio, mode, count) }));
  session.serve("hw.setLedBrightness", ({ value }) => ({ ok: domain.setBrightness(value) }));
  session.serve("hw.getWiFiMAC", () => macResult(domain.wifiMac));
  session.serve("hw.getEthernetMAC", () => macResult(domain.ethernetMac));
}

function macResult(mac: string | undefined): { mac: string; ok: boolean } {
  return { mac: mac ?? "", ok: mac !== undefined };
}
