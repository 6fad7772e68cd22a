/** The MCU's calls about setup, data, time and hardware, each led to the part that knows: a room of ncp.ts. */

import type { Failure } from "../base/failure.js";
import { meaningOf } from "../base/failure-code.js";
import { serveData } from "../mcu/serve-data.js";
import { serveHardware } from "../mcu/serve-hardware.js";
import { type OwnDomain, serveOwn } from "../mcu/serve-own.js";
import { serveSetup } from "../mcu/serve-setup.js";
import { serveTime } from "../mcu/serve-time.js";
import type { Panel } from "../panel/panel.js";
import type { RpcSession } from "../rpc/session.js";
import type { Online } from "./online.js";

export interface OnlineCalls {
  readonly online: Online;
  /** Absent: pins are answered with false. */
  readonly panel: Panel | undefined;
  readonly state: number;
  readonly linkCounters: OwnDomain["linkCounters"];
  readonly lastFailure: Failure | undefined;
  setReceiveBuffer(bytes: number): boolean;
  factoryReset(): void;
}

export function serveOnline(session: RpcSession, calls: OnlineCalls): void {
  serveData(session, calls.online.uplink);
  serveTime(session, calls.online.wallClock);
  servePins(session, calls);
  serveFirstSetup(session, calls);
  serveEngineers(session, calls);
}

function servePins(session: RpcSession, { online, panel }: OnlineCalls): void {
  serveHardware(session, {
    initButton: (gpio, activeLow) => panel?.initButton(gpio, activeLow) ?? false,
    initLed: (gpio, activeLow) => panel?.initLed(gpio, activeLow) ?? false,
    initRgb: (red, green, blue, commonAnode) => panel?.initRgb(red, green, blue, commonAnode) ?? false,
    initArgb: (gpio, mode, count) => panel?.initArgb(gpio, mode, count) ?? false,
    setBrightness: (brightness) => panel?.setBrightness(brightness) ?? false,
    wifiMac: online.wifi.mac,
    ethernetMac: undefined, // no board that Ferry knows has one
  });
}

function serveFirstSetup(session: RpcSession, { online, factoryReset }: OnlineCalls): void {
  const { settings, lifecycle } = online;
  const { tests } = online.wifi;
  serveSetup(session, {
    setVendorPrefix: (vendor) => settings.saveVendorPrefix(vendor) === undefined,
    setVendorServer: (host) => settings.saveVendorServer(host) === undefined,
    get hotspotName() {
      return online.hotspotName;
    },
    startConfig: () => lifecycle.startConfig(),
    stopConfig: () => lifecycle.stopConfig(),
    resetConfig: () => lifecycle.resetConfig(),
    get configured() {
      return lifecycle.configured;
    },
    setConfigTimeout: (seconds) => lifecycle.setConfigTimeout(seconds),
    setSkipLimit: (count) => lifecycle.setSkipLimit(count),
    factoryReset: () => factoryReset(),
    testWifi: (ssid, password, answer) => {
      tests.testWifi(ssid, password, ({ rssiDbm, status }) => answer(rssiDbm, status));
    },
    testAccessPoint: (channel, answer) => tests.testAccessPoint(channel, answer),
    testConnect: (answer) => tests.testConnect(answer),
  });
}

function serveEngineers(session: RpcSession, calls: OnlineCalls): void {
  const { settings, lifecycle } = calls.online;
  /** An MCU that sets everything before it initializes goes online then; later it says when: ferry.connect. */
  const stored = (problem: string | undefined): boolean => {
    if (!problem && settings.configured && !lifecycle.initialized) lifecycle.onProvisioned(true);
    return problem === undefined;
  };
  serveOwn(session, {
    setNetwork: (ssid, password) => stored(settings.saveNetwork(password === "" ? { ssid } : { ssid, psk: password })),
    removeNetwork: (ssid) => settings.removeNetwork(ssid) === undefined,
    setCloud: (host, port, token) => {
      const place = { ...(host === "" ? {} : { host }), ...(port === 0 ? {} : { port }) };
      return stored(settings.saveCloud({ ...place, token }));
    },
    connect: () => {
      if (settings.configured) lifecycle.onProvisioned(true);
      return settings.configured;
    },
    setReceiveBuffer: (bytes) => calls.setReceiveBuffer(bytes),
    get connection() {
      const { lastError } = lifecycle;
      return { state: calls.state, lastError: lastError ?? 0, meaning: lastError ? meaningOf(lastError) : "" };
    },
    get linkCounters() {
      return calls.linkCounters;
    },
    get lastFailure() {
      return calls.lastFailure;
    },
  });
}
