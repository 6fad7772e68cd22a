/** The calls about the first setup, its reset, and the factory's tests of it. */

import type { RpcSession } from "../rpc/session.js";

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

export function serveSetup(session: RpcSession, domain: SetupDomain): void {
  session.serve("blynk.setVendorPrefix", ({ vendor }) => ({ ok: domain.setVendorPrefix(vendor) }));
  session.serve("blynk.setVendorServer", ({ host }) => ({ ok: domain.setVendorServer(host) }));
  session.serve("blynk.getHotspotName", () => {
    const name = domain.hotspotName;
    return { name: name ?? "", ok: name !== undefined };
  });
  // The answer leaves before the state that it leads to: Blynk's driver handles events while it waits.
  session.serveLater("blynk.configStart", (_, reply) => {
    reply({ ok: true });
    domain.startConfig();
  });
  session.serveLater("blynk.configStop", (_, reply) => {
    reply({ ok: true });
    domain.stopConfig();
  });
  session.serveLater("blynk.configReset", (_, reply) => {
    reply({ ok: true });
    domain.resetConfig();
  });
  session.serve("blynk.isConfigured", () => ({ ok: domain.configured }));
  session.serve("blynk.setConfigTimeout", ({ timeoutSeconds }) => ({ ok: domain.setConfigTimeout(timeoutSeconds) }));
  session.serve("blynk.setConfigSkipLimit", ({ count }) => ({ ok: domain.setSkipLimit(count) }));
  session.serveLater("blynk.factoryReset", (_, reply) => {
    reply({ ok: true });
    domain.factoryReset();
  });
  session.serveLater("blynk.factoryTestWiFi", ({ ssid, password }, reply) =>
    domain.testWifi(ssid, password, (rssiDbm, status) => reply({ rssiDbm, status })),
  );
  session.serveLater("blynk.factoryTestWiFiAP", ({ channel }, reply) =>
    domain.testAccessPoint(channel, (status) => reply({ status })),
  );
  session.serveLater("blynk.factoryTestConnect", (_, reply) => domain.testConnect((status) => reply({ status })));
}
