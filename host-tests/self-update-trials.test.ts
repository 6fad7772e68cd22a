/**
 * The trial of a new build of Ferry, beside hosts of every kind: a reset that is not the build's fault does not end it
 * for good, and a host that answers the notice of a restart with a reset of its own does not do so for ever.
 */

import { assert } from "chai";
import type { McuBehavior } from "../host/peers/mcu-behavior.js";
import { NcpEvent, RpcStatus } from "../src/rpc/protocol.js";
import { REPEAT_DELAY_MS, TRIALS_MAX } from "../src/update/self-recovery.js";
import { CONFIRMATION_MS } from "../src/update/self-update-machine.js";
import { NEW_VERSION, OLD_VERSION, SelfBench } from "./support/self-bench.js";

const CONFIRMED = Object.freeze({ kind: "succeeded", proof: "confirmed" });
const POWER_RETURNS_AFTER_MS = 2_000;
/** For a host to notice that Ferry is another one, and to set it up. */
const SETTLE_MS = 5 * 60_000;

type Host = readonly [who: string, mcu: Partial<McuBehavior>];

const BAUDS = [38_400, 115_200, 230_400] as const;
const HOSTS: readonly Host[] = BAUDS.flatMap((targetBaud): Host[] => [
  [`an Arduino host at ${targetBaud} baud`, { bringUp: "arduino", targetBaud }],
  [`a Zephyr host at ${targetBaud} baud with a reset pin`, { bringUp: "zephyr", targetBaud, hasNcpResetPin: true }],
  [`a Zephyr host at ${targetBaud} baud without one`, { bringUp: "zephyr", targetBaud, hasNcpResetPin: false }],
  [`a low-level host at ${targetBaud} baud that says nothing`, { bringUp: "low-level", targetBaud }],
]);

function start(mcu: Partial<McuBehavior>): SelfBench {
  const bench = new SelfBench({ mcu, powerReturnsAfterMs: POWER_RETURNS_AFTER_MS });
  bench.start(120_000);
  bench.clock.advance(1_000);
  assert.isUndefined(bench.offerFerry());
  return bench;
}

function trialsOf(bench: SelfBench): number {
  return bench.news.filter((news) => news.kind === "self-phase" && news.phase === "trial").length;
}

/** Runs to the begin of the n-th trial, and interrupts it a moment later. */
function interrupt(bench: SelfBench, trial: number, how: () => void): void {
  bench.runUntil(() => trialsOf(bench) === trial, 3_600_000, `trial ${trial}`);
  bench.clock.advance(1);
  assert.strictEqual(bench.last("self-phase")?.phase, "trial", "it is over already");
  how();
}

function noticesHeard(bench: SelfBench): number {
  return bench.mcu.record.events.filter(
    ({ name, text }) => name === "client.processEvent" && text === `${NcpEvent.NCP_REBOOTING}`,
  ).length;
}

function assertEndsWell(bench: SelfBench): void {
  assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
  assert.strictEqual(bench.runningVersion, NEW_VERSION);
  assert.isTrue(bench.device.storage.bootSlotIsConfirmed);
  bench.clock.advance(SETTLE_MS);
  assert.strictEqual(bench.runningVersion, NEW_VERSION);
  let answered = false;
  bench.mcu.call("ncp.ping", {}, ({ status }) => {
    answered = status === RpcStatus.OK;
  });
  bench.runUntil(() => answered, 60_000, "an answer to the host's ping");
  assert.strictEqual(bench.count("self-verdict"), 1);
  assert.deepEqual([...bench.mcu.violations], []);
}

for (const [who, mcu] of HOSTS) {
  describe(`A new build of Ferry beside ${who}`, () => {
    it("is confirmed in its first trial where nothing happens", () => {
      const bench = start(mcu);
      assertEndsWell(bench);
      assert.strictEqual(trialsOf(bench), 1);
    });

    it("is confirmed in a second one when the reset pin ends the first, and the host is not told again", () => {
      const bench = start(mcu);
      interrupt(bench, 1, () => bench.device.restart(100));
      assertEndsWell(bench);
      assert.strictEqual(trialsOf(bench), 2);
      assert.strictEqual(noticesHeard(bench), 1);
    });

    it("is confirmed when the power fails in its first and in its second trial", () => {
      const bench = start(mcu);
      for (const trial of [1, 2]) interrupt(bench, trial, () => bench.device.powerOff());
      assertEndsWell(bench);
      assert.lengthOf(bench.cuts, 2);
      assert.strictEqual(trialsOf(bench), TRIALS_MAX);
    });

    it("is confirmed when the power of both fails in its trial", () => {
      const bench = start(mcu);
      interrupt(bench, 1, () => {
        bench.device.powerOff();
        bench.mcu.powerOff();
      });
      bench.clock.advance(POWER_RETURNS_AFTER_MS);
      bench.mcu.powerOn();
      assertEndsWell(bench);
      assert.strictEqual(trialsOf(bench), 2);
    });
  });
}

describe("A trial of a new build of Ferry", () => {
  const mcu: Partial<McuBehavior> = { bringUp: "low-level", targetBaud: 38_400 };

  it("is repeated a bounded number of times, and then only by force", () => {
    const bench = start(mcu);
    for (let trial = 1; trial <= TRIALS_MAX; trial++) interrupt(bench, trial, () => bench.device.restart(100));
    const verdict = bench.awaitSelfVerdict(10_000);
    assert.strictEqual(verdict.kind, "rolled-back");
    assert.match(verdict.kind === "rolled-back" ? verdict.failure.detail : "", /was reset by its pin, .* of 3 boots$/);
    assert.strictEqual(bench.runningVersion, OLD_VERSION);
    assert.match(bench.offerFerry() ?? "", /only tried again by force/);
    assert.isUndefined(bench.offerFerry({}, true));
    assertEndsWellByForce(bench);
  });

  function assertEndsWellByForce(bench: SelfBench): void {
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assert.strictEqual(bench.runningVersion, NEW_VERSION);
  }

  it("is begun again when the host has had time to set up the old build", () => {
    const bench = start(mcu);
    interrupt(bench, 1, () => bench.device.restart(100));
    const interruptedMs = bench.clock.now();
    bench.runUntil(() => trialsOf(bench) === 2, 600_000, "a second trial");
    assert.isAbove(bench.clock.now() - interruptedMs, REPEAT_DELAY_MS);
    assert.isBelow(bench.clock.now() - interruptedMs, REPEAT_DELAY_MS + 10_000);
  });

  it("costs no second download", () => {
    const bench = start(mcu);
    interrupt(bench, 1, () => bench.device.powerOff());
    assertEndsWell(bench);
    assert.strictEqual(bench.device.downloadedBytes, bench.image.length);
  });

  it("is not repeated for a build that crashes when the power has failed before", () => {
    const bench = start(mcu);
    interrupt(bench, 1, () => bench.device.powerOff());
    interrupt(bench, 2, () => bench.device.restart(0, "crash"));
    const verdict = bench.awaitSelfVerdict(10_000);
    assert.match(verdict.kind === "rolled-back" ? verdict.failure.detail : "", /^version 1\.1\.0 crashed before/);
  });

  it("outlasts a power cut at any of its moments", () => {
    const { bauds } = { bauds: [115_200] };
    let cuts = 0;
    for (const targetBaud of bauds) {
      for (let afterMs = 0; afterMs < 12_000; afterMs += 750) {
        const bench = start({ bringUp: "low-level", targetBaud });
        bench.runUntil(() => trialsOf(bench) === 1, 600_000, "the trial");
        bench.clock.advance(afterMs);
        if (bench.last("self-phase")?.phase !== "trial") continue;
        cuts++;
        bench.device.powerOff();
        assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED, `after ${afterMs} ms`);
        assert.strictEqual(bench.runningVersion, NEW_VERSION);
      }
    }
    assert.isAbove(cuts, 5, "the trial was over too soon");
  });

  it("ends by its own time where no host answers at either baud", () => {
    const bench = start({ bringUp: "low-level", targetBaud: 115_200 });
    bench.runUntil(() => bench.last("self-phase")?.phase === "restarting", 600_000);
    bench.mcu.powerOff();
    bench.runUntil(() => trialsOf(bench) === 1, 10_000);
    const bauds = bench.count("baud");
    const beganMs = bench.clock.now();
    assert.strictEqual(bench.awaitSelfVerdict().kind, "rolled-back");
    assert.approximately(bench.clock.now() - beganMs, CONFIRMATION_MS, 2_000);
    assert.isAbove(bench.count("baud") - bauds, 10, "it looked for the host at one baud only");
  });
});
