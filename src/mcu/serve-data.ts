/**
 * What the MCU tells the cloud: ONEWAYs, so nothing is answered. Blynk's ncptool sends setMetadata as an INVOKE, and
 * gets an OK. Values stand in the message that brought them: whoever keeps one copies it.
 */

import type { RpcSession } from "../rpc/session.js";

/** False: refused, and counted by the one who refused. */
export interface DataDomain {
  virtualWrite(vpin: number, value: Uint8Array): boolean;
  syncAll(): boolean;
  syncVirtual(vpins: Uint8Array): boolean;
  setProperty(vpin: number, property: string, value: Uint8Array): boolean;
  beginGroup(timestampMs: bigint): boolean;
  endGroup(): boolean;
  logEvent(code: string, description: string): boolean;
  resolveEvent(code: string): boolean;
  resolveAllEvents(code: string): boolean;
  setMetadata(field: string, value: string): boolean;
}

export function serveData(session: RpcSession, domain: DataDomain): void {
  session.serve("blynk.virtualWrite", ({ vpin, value }) => done(domain.virtualWrite(vpin, value)));
  session.serve("blynk.syncAll", () => done(domain.syncAll()));
  session.serve("blynk.syncVirtual", ({ vpins }) => done(domain.syncVirtual(vpins)));
  session.serve("blynk.setProperty", ({ vpin, property, value }) => done(domain.setProperty(vpin, property, value)));
  session.serve("blynk.beginGroup", ({ timestampMs }) => done(domain.beginGroup(timestampMs)));
  session.serve("blynk.endGroup", () => done(domain.endGroup()));
  session.serve("blynk.logEvent", ({ code, description }) => done(domain.logEvent(code, description)));
  session.serve("blynk.resolveEvent", ({ code }) => done(domain.resolveEvent(code)));
  session.serve("blynk.resolveAllEvents", ({ code }) => done(domain.resolveAllEvents(code)));
  session.serve("blynk.setMetadata", ({ field, value }) => done(domain.setMetadata(field, value)));
}

/** The protocol has no room for a refusal. */
function done(_taken: boolean): Record<never, never> {
  return {};
}
