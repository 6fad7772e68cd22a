/**
 * What the MCU tells the cloud: ONEWAYs, so nothing is answered. Blynk's ncptool sends setMetadata as an INVOKE, and
 * gets an OK. Values stand in the message that brought them: whoever keeps one copies it.
 */

import { deepFreeze } from "../base/freeze.js";
import { callsOf } from "../rpc/serving.js";

const NOTHING = Object.freeze({});

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

export const DATA_CALLS = deepFreeze(
  callsOf<DataDomain>()({
    "blynk.virtualWrite": (data, { vpin, value }) => done(data.virtualWrite(vpin, value)),
    "blynk.syncAll": (data) => done(data.syncAll()),
    "blynk.syncVirtual": (data, { vpins }) => done(data.syncVirtual(vpins)),
    "blynk.setProperty": (data, { vpin, property, value }) => done(data.setProperty(vpin, property, value)),
    "blynk.beginGroup": (data, { timestampMs }) => done(data.beginGroup(timestampMs)),
    "blynk.endGroup": (data) => done(data.endGroup()),
    "blynk.logEvent": (data, { code, description }) => done(data.logEvent(code, description)),
    "blynk.resolveEvent": (data, { code }) => done(data.resolveEvent(code)),
    "blynk.resolveAllEvents": (data, { code }) => done(data.resolveAllEvents(code)),
    "blynk.setMetadata": (data, { field, value }) => done(data.setMetadata(field, value)),
  }),
);

/** The protocol has no room for a refusal. */
function done(_taken: boolean): Record<never, never> {
  return NOTHING;
}
