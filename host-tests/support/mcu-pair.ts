/** A simulated MCU and a scripted NCP on a perfect wire, and what tests of the pair ask again and again. */

import { assert } from "chai";
import { healthyMcu, type McuBehavior } from "../../host/peers/mcu-behavior.js";
import { imageOf } from "../../host/peers/mcu-storage.js";
import { PrimaryMcu } from "../../host/peers/primary-mcu.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { Random } from "../../host/sim/random.js";
import type { CallName } from "../../src/rpc/catalogue.js";
import { memoryWire, NcpStub, type StubCall, type TransferPlan } from "./ncp-stub.js";

export const NEW_FIRMWARE = {
  type: "TMPL0123456789",
  version: "2.0.0",
  build: "May  1 2024 12:00:00",
  blynkVersion: "0.7.0",
};
export const IMAGE = imageOf(NEW_FIRMWARE, new Random(7).bytes(5000));
const OLD_IMAGE = imageOf(healthyMcu.firmware);

export function makePair(behavior: Partial<McuBehavior> = {}) {
  const clock = new VirtualClock();
  const wire = memoryWire(clock);
  const mcu = new PrimaryMcu({ clock, line: wire.mcu, behavior: { configuresHardware: false, ...behavior } });
  const ncp = new NcpStub(clock, wire.ncp);
  return { clock, mcu, ncp };
}

export type Pair = ReturnType<typeof makePair>;

/** Powered on, and come up. */
export function makeRunningPair(behavior: Partial<McuBehavior> = {}): Pair {
  const pair = makePair(behavior);
  pair.mcu.powerOn();
  pair.clock.runUntil(() => pair.mcu.record.initializations > 0, 60_000, "initialize");
  return pair;
}

/** Offers IMAGE and lets time pass; returns the offer's call. */
export function update(pair: Pair, plan: Partial<TransferPlan> = {}, waitMs = 120_000): StubCall {
  const offer = pair.ncp.offer({ image: IMAGE, ...plan });
  pair.clock.advance(waitMs);
  return offer;
}

export function namesOf(pair: Pair): CallName[] {
  return pair.ncp.heard.map(({ name }) => name);
}

export function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  assert.equal(
    actual.findIndex((byte, at) => byte !== expected[at]),
    -1,
  );
}

export function assertUpdated({ mcu }: Pair): void {
  assert.equal(mcu.running.firmware.version, "2.0.0", mcu.log.join("\n"));
  assertSame(mcu.running.image, IMAGE);
}

export function assertNotUpdated({ mcu }: Pair): void {
  assert.equal(mcu.running.firmware.version, "1.0.0", mcu.log.join("\n"));
  assertSame(mcu.running.image, OLD_IMAGE);
}
