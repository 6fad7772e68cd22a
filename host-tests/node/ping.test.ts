/** How long an MCU waits for the answer to its ping, in the model of bench/ping.ts: virtual time, so it repeats. */

import { assert } from "chai";
import { measurePings, type PingCharges, TLS_HANDSHAKE_MS } from "../../bench/ping.js";
import { PAGE_BYTES, PAGE_PROGRAM_MS, SECTOR_BYTES, SECTOR_ERASE_MS } from "../../host/sim/nor.js";
import { calls } from "../../src/rpc/catalogue.js";

const { timeoutMs } = calls["ncp.ping"];
const P99_MS = 20;
/** What the engine and the wire add to what a ping has to wait for. */
const OWN_MS = 5;
/** The wire's task lies in flash: it stands still for an erase, and its sector's pages are programmed right after. */
const FLASH_MS = SECTOR_ERASE_MS + (SECTOR_BYTES / PAGE_BYTES) * PAGE_PROGRAM_MS;
/** The native wire leaves a ping to the engine for so long. */
const PATIENCE_MS = 30;

/** As bench/main.ts has them from the engine's meter, rounded up. */
const TYPESCRIPT: PingCharges = { deliveryMs: 0.3, downloadMsPerByte: 0.00725, frameMsPerByte: 0.01725 };
const NATIVE: PingCharges = { deliveryMs: 0.11, downloadMsPerByte: 0.0025, frameMsPerByte: 0.00075 };

describe("a ping of the MCU's", () => {
  it("is always answered in time over the native wire, and within 20 ms where no flash is erased", () => {
    const { maxMs, phases } = measurePings({ baud: 921_600, wire: "native", charges: NATIVE });
    assert.isBelow(maxMs, timeoutMs);
    for (const phase of ["idle", "hashing", "serving"] as const) assert.isBelow(phases[phase].p99Ms, P99_MS, phase);
    assert.isBelow(phases.handshakes.p99Ms, PATIENCE_MS + OWN_MS);
    for (const phase of ["downloading", "stagingInSlot"] as const) {
      assert.isBelow(phases[phase].p99Ms, FLASH_MS + OWN_MS, phase);
      assert.isAbove(phases[phase].p99Ms, P99_MS, `${phase}: no erase is in the model`);
    }
    for (const { pings } of Object.values(phases)) assert.isAbove(pings, 30);
  }).timeout(60_000);

  it("is answered in time at 115,200 baud too, where the chunk before it takes the line for 92 ms", () => {
    const { maxMs, phases } = measurePings({ baud: 115_200, wire: "native", charges: NATIVE });
    assert.isBelow(maxMs, timeoutMs);
    assert.isAbove(phases.serving.p99Ms, 80);
  }).timeout(60_000);

  it("waits for the engine over the TypeScript wire: for two erases, and for a whole TLS handshake", () => {
    const { phases } = measurePings({ baud: 921_600, wire: "typescript", charges: TYPESCRIPT });
    for (const phase of ["idle", "downloading", "stagingInSlot", "hashing", "serving"] as const) {
      assert.isBelow(phases[phase].maxMs, timeoutMs, phase);
    }
    assert.isBelow(phases.handshakes.maxMs, TLS_HANDSHAKE_MS + timeoutMs);
    assert.isAbove(phases.handshakes.maxMs, timeoutMs);
  }).timeout(60_000);
});
