/** How long an MCU waits for the answer to its ping, in the model of bench/ping.ts: virtual time, so it repeats. */

import { assert } from "chai";
import { measurePings, type PingCharges, TLS_HANDSHAKE_MS } from "../../bench/ping.js";
import { SECTOR_ERASE_MS } from "../../host/sim/nor.js";
import { calls } from "../../src/rpc/catalogue.js";

const { timeoutMs } = calls["ncp.ping"];
/** What Ferry promises, but for a chunk on a slow line, which is not cut short for anything. */
const P99_MS = 20;

/** As bench/main.ts has them from the engine's meter, rounded up. */
const TYPESCRIPT: PingCharges = { deliveryMs: 0.3, downloadMsPerByte: 0.00725, frameMsPerByte: 0.01725 };
const NATIVE: PingCharges = { deliveryMs: 0.11, downloadMsPerByte: 0.0025, frameMsPerByte: 0.00075 };

describe("a ping of the MCU's", () => {
  it("is answered within 20 ms over the native wire, whatever Ferry does, also while flash is erased", () => {
    const { maxMs, phases } = measurePings({ baud: 921_600, wire: "native", charges: NATIVE });
    assert.isBelow(maxMs, P99_MS);
    for (const phase of ["downloading", "stagingInSlot", "handshakes"] as const) {
      assert.isAtLeast(phases[phase].stalledMs, SECTOR_ERASE_MS, `${phase}: no erase is in the model`);
    }
    for (const { pings } of Object.values(phases)) assert.isAbove(pings, 30);
  }).timeout(60_000);

  it("is answered in time at 115,200 baud too, and waits for nothing but the chunk that takes the line for 92 ms", () => {
    const { maxMs, phases } = measurePings({ baud: 115_200, wire: "native", charges: NATIVE });
    assert.isBelow(maxMs, timeoutMs);
    assert.isAbove(phases.serving.p99Ms, 80);
    for (const phase of ["idle", "downloading", "stagingInSlot", "handshakes", "hashing"] as const) {
      assert.isBelow(phases[phase].maxMs, P99_MS, phase);
    }
  }).timeout(60_000);

  it("waits for the engine over the TypeScript wire: for two erases, and for a whole TLS handshake", () => {
    const { phases } = measurePings({ baud: 921_600, wire: "typescript", charges: TYPESCRIPT });
    for (const phase of ["idle", "downloading", "stagingInSlot", "hashing", "serving"] as const) {
      assert.isBelow(phases[phase].maxMs, timeoutMs, phase);
    }
    assert.isAbove(phases.downloading.p99Ms, P99_MS, "no erase is in the model");
    assert.isBelow(phases.handshakes.maxMs, TLS_HANDSHAKE_MS + timeoutMs);
    assert.isAbove(phases.handshakes.maxMs, timeoutMs);
  }).timeout(60_000);
});
