/** Wi-Fi, as ESP-IDF has it: what the SDK's class leaves out. network/ports.ts says what each member is for. */

import type { Radio } from "../network/ports.js";

export class EspRadio implements Radio {
  watch(): void {
    native("xs_ferry_radio_watch").call(this);
  }

  get reason(): number {
    return native("xs_ferry_radio_reason").call(this);
  }

  forgetReason(): void {
    native("xs_ferry_radio_forgetReason").call(this);
  }

  setNameServer(index: number, address: string): void {
    native("xs_ferry_radio_setNameServer").call(this, index, address);
  }

  openAccessPoint(ssid: string, password: string, channel: number): void {
    native("xs_ferry_radio_openAccessPoint").call(this, ssid, password, channel);
  }

  closeAccessPoint(): void {
    native("xs_ferry_radio_closeAccessPoint").call(this);
  }
}
