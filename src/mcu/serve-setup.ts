/** The calls about the first setup, its reset, and the factory's tests of it. */

import { deepFreeze } from "../base/freeze.js";
import { callsOf } from "../rpc/serving.js";

export interface SetupDomain {
  setVendorPrefix(vendor: string): boolean;
  setVendorServer(host: string): boolean;
  /** `undefined` before the MCU has initialized: it has the template's name in it. */
  readonly hotspotName: string | undefined;
  startConfig(): void;
  stopConfig(): void;
  resetConfig(): void;
  readonly configured: boolean;
  setConfigTimeout(seconds: number): boolean;
  setSkipLimit(count: number): boolean;
  /** Erases everything, and restarts once the answer has left. */
  factoryReset(): void;
  /** Each answers once, in the words of FactoryTestStatus. */
  testWifi(ssid: string, password: string, answer: (rssiDbm: number, status: number) => void): void;
  testAccessPoint(channel: number, answer: (status: number) => void): void;
  testConnect(answer: (status: number) => void): void;
}

/** Where an answer leaves before what it leads to: Blynk's driver handles events while it waits. */
export const SETUP_CALLS = deepFreeze(
  callsOf<SetupDomain>()({
    "blynk.setVendorPrefix": (setup, { vendor }) => ({ ok: setup.setVendorPrefix(vendor) }),
    "blynk.setVendorServer": (setup, { host }) => ({ ok: setup.setVendorServer(host) }),
    "blynk.getHotspotName": (setup) => {
      const name = setup.hotspotName;
      return { name: name ?? "", ok: name !== undefined };
    },
    "blynk.configStart": {
      later: (setup, _, reply) => {
        reply({ ok: true });
        setup.startConfig();
      },
    },
    "blynk.configStop": {
      later: (setup, _, reply) => {
        reply({ ok: true });
        setup.stopConfig();
      },
    },
    "blynk.configReset": {
      later: (setup, _, reply) => {
        reply({ ok: true });
        setup.resetConfig();
      },
    },
    "blynk.isConfigured": (setup) => ({ ok: setup.configured }),
    "blynk.setConfigTimeout": (setup, { timeoutSeconds }) => ({ ok: setup.setConfigTimeout(timeoutSeconds) }),
    "blynk.setConfigSkipLimit": (setup, { count }) => ({ ok: setup.setSkipLimit(count) }),
    "blynk.factoryReset": {
      later: (setup, _, reply) => {
        reply({ ok: true });
        setup.factoryReset();
      },
    },
    "blynk.factoryTestWiFi": {
      later: (setup, { ssid, password }, reply) =>
        setup.testWifi(ssid, password, (rssiDbm, status) => reply({ rssiDbm, status })),
    },
    "blynk.factoryTestWiFiAP": {
      later: (setup, { channel }, reply) => setup.testAccessPoint(channel, (status) => reply({ status })),
    },
    "blynk.factoryTestConnect": { later: (setup, _, reply) => setup.testConnect((status) => reply({ status })) },
  }),
);
