/** What the MCU may ask of a device of a cloud, each call led to the part that knows: a room of ncp.ts. */

import type { Failure } from "../base/failure.js";
import { meaningOf } from "../base/failure-code.js";
import type { McuRoom } from "../mcu/room.js";
import { DATA_CALLS } from "../mcu/serve-data.js";
import { ADDRESS_CALLS, NO_PINS, PIN_CALLS } from "../mcu/serve-hardware.js";
import { OWN_CALLS, type OwnDomain } from "../mcu/serve-own.js";
import { SETUP_CALLS, type SetupDomain } from "../mcu/serve-setup.js";
import { TIME_CALLS } from "../mcu/serve-time.js";
import type { MCU_CALLS } from "../mcu/service.js";
import type { Panel } from "../panel/panel.js";
import type { NcpCallName } from "../rpc/catalogue.js";
import type { RpcSession } from "../rpc/session.js";
import type { Verdict } from "../update/verdict.js";
import { failureIn, linkCountersOf } from "./mcu-words.js";
import type { Online } from "./online.js";
import type { NcpCounters } from "./options.js";

export interface OnlineCallParts {
  readonly online: Online;
  readonly room: McuRoom;
  /** Absent: pins are answered with false. */
  readonly panel: Panel | undefined;
  readonly ncp: {
    readonly state: number;
    readonly counters: NcpCounters;
    readonly verdict: Verdict | undefined;
    readonly selfVerdict: Verdict | undefined;
  };
  factoryReset(): void;
}

export function serveOnline(session: RpcSession, parts: OnlineCallParts): void {
  const { online, panel } = parts;
  session.serve(OWN_CALLS, new OwnCalls(parts));
  session.serve(SETUP_CALLS, new SetupCalls(parts));
  session.serve(ADDRESS_CALLS, online.wifi);
  session.serve(PIN_CALLS, panel ?? NO_PINS);
  session.serve(TIME_CALLS, online.wallClock);
  session.serve(DATA_CALLS, online.uplink);
}

type NamesIn<Tables extends object> = Tables extends object ? keyof Tables : never;
type Served = NamesIn<
  | typeof MCU_CALLS
  | typeof OWN_CALLS
  | typeof SETUP_CALLS
  | typeof ADDRESS_CALLS
  | typeof PIN_CALLS
  | typeof TIME_CALLS
  | typeof DATA_CALLS
>;
/** A call of the catalogue that no table has is an error here, and named. */
export type Unserved<None extends never = Exclude<NcpCallName, Served>> = None;

class SetupCalls implements SetupDomain {
  readonly #parts: OnlineCallParts;

  constructor(parts: OnlineCallParts) {
    this.#parts = parts;
  }

  get hotspotName(): string | undefined {
    return this.#parts.online.hotspotName;
  }

  get configured(): boolean {
    return this.#parts.online.lifecycle.configured;
  }

  setVendorPrefix(vendor: string): boolean {
    return this.#parts.online.settings.saveVendorPrefix(vendor) === undefined;
  }

  setVendorServer(host: string): boolean {
    return this.#parts.online.setVendorServer(host);
  }

  startConfig(): void {
    this.#parts.online.lifecycle.startConfig();
  }

  stopConfig(): void {
    this.#parts.online.lifecycle.stopConfig();
  }

  resetConfig(): void {
    this.#parts.online.lifecycle.resetConfig();
  }

  setConfigTimeout(seconds: number): boolean {
    return this.#parts.online.lifecycle.setConfigTimeout(seconds);
  }

  setSkipLimit(count: number): boolean {
    return this.#parts.online.lifecycle.setSkipLimit(count);
  }

  factoryReset(): void {
    this.#parts.factoryReset();
  }

  testWifi(ssid: string, password: string, answer: (rssiDbm: number, status: number) => void): void {
    this.#parts.online.wifi.tests.testWifi(ssid, password, ({ rssiDbm, status }) => answer(rssiDbm, status));
  }

  testAccessPoint(channel: number, answer: (status: number) => void): void {
    this.#parts.online.wifi.tests.testAccessPoint(channel, answer);
  }

  testConnect(answer: (status: number) => void): void {
    this.#parts.online.wifi.tests.testConnect(answer);
  }
}

class OwnCalls implements OwnDomain {
  readonly #parts: OnlineCallParts;

  constructor(parts: OnlineCallParts) {
    this.#parts = parts;
  }

  get connection(): OwnDomain["connection"] {
    const { lastError } = this.#parts.online.lifecycle;
    return {
      state: this.#parts.ncp.state,
      lastError: lastError ?? 0,
      meaning: lastError ? meaningOf(lastError) : "",
    };
  }

  get linkCounters(): OwnDomain["linkCounters"] {
    return linkCountersOf(this.#parts.ncp.counters, this.#parts.online.pins.counters);
  }

  get lastFailure(): Failure | undefined {
    const { verdict, selfVerdict } = this.#parts.ncp;
    return failureIn(verdict) ?? failureIn(selfVerdict);
  }

  setNetwork(ssid: string, password: string): boolean {
    const network = password === "" ? { ssid } : { ssid, psk: password };
    return this.#parts.online.settings.saveNetwork(network) === undefined;
  }

  removeNetwork(ssid: string): boolean {
    return this.#parts.online.settings.removeNetwork(ssid) === undefined;
  }

  setCloud(host: string, port: number, token: string): boolean {
    const place = { ...(host === "" ? {} : { host }), ...(port === 0 ? {} : { port }) };
    return this.#parts.online.settings.saveCloud({ ...place, token }) === undefined;
  }

  onSettingsChanged(): void {
    this.#parts.online.lifecycle.onSettingsChanged();
  }

  get canConnect(): boolean {
    return this.#parts.online.settings.configured;
  }

  connect(): void {
    this.#parts.online.lifecycle.connect();
  }

  setReceiveBuffer(bytes: number): boolean {
    return this.#parts.room.onBufferTold(bytes);
  }
}
