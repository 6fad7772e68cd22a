/** The calls about pins and addresses. */

import { deepFreeze } from "../base/freeze.js";
import { callsOf } from "../rpc/serving.js";

/** False: the pin cannot be had. */
export interface PinDomain {
  initButton(gpio: number, activeLow: boolean): boolean;
  initLed(gpio: number, activeLow: boolean): boolean;
  initRgb(red: number, green: number, blue: number, commonAnode: boolean): boolean;
  initArgb(gpio: number, mode: number, count: number): boolean;
  setBrightness(brightness: number): boolean;
}

export interface AddressDomain {
  /** Of Wi-Fi, "A0:B1:C2:D3:E4:F5"; `undefined` while the radio does not start. No board that Ferry knows has Ethernet. */
  readonly mac: string | undefined;
}

/** Where no pins are Ferry's to use. */
export const NO_PINS: PinDomain = Object.freeze({
  initButton: () => false,
  initLed: () => false,
  initRgb: () => false,
  initArgb: () => false,
  setBrightness: () => false,
});

export const PIN_CALLS = deepFreeze(
  callsOf<PinDomain>()({
    "hw.initUserButton": (pins, { gpio, activeLow }) => ({ ok: pins.initButton(gpio, activeLow) }),
    "hw.initLED": (pins, { gpio, activeLow }) => ({ ok: pins.initLed(gpio, activeLow) }),
    "hw.initRGB": (pins, { gpioRed, gpioGreen, gpioBlue, commonAnode }) => ({
      ok: pins.initRgb(gpioRed, gpioGreen, gpioBlue, commonAnode),
    }),
    "hw.initARGB": (pins, { gpio, mode, count }) => ({ ok: pins.initArgb(gpio, mode, count) }),
    "hw.setLedBrightness": (pins, { value }) => ({ ok: pins.setBrightness(value) }),
  }),
);

export const ADDRESS_CALLS = deepFreeze(
  callsOf<AddressDomain>()({
    "hw.getWiFiMAC": ({ mac }) => macResult(mac),
    "hw.getEthernetMAC": () => macResult(undefined),
  }),
);

function macResult(mac: string | undefined): { mac: string; ok: boolean } {
  return { mac: mac ?? "", ok: mac !== undefined };
}
