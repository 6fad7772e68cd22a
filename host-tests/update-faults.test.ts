/** Updates of MCUs and lines with faults: each fault is shown to have struck, and the bytes to be right in the end. */

import { assert } from "chai";
import type { McuBehavior } from "../host/peers/mcu-behavior.js";
import { Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";

const CHUNK = Object.freeze({ index: 7, times: 1 });
const LAST = Object.freeze({ index: 19, times: 1 }); // 20,082 bytes in chunks of 1024

function run(options: WorkbenchOptions): Workbench {
  const bench = new Workbench(options);
  bench.start();
  bench.offer();
  bench.awaitVerdict();
  return bench;
}

function verdictOf(bench: Workbench) {
  const news = bench.last("verdict");
  if (!news) throw new Error("no verdict");
  return news.verdict;
}

function assertSucceeded(bench: Workbench): void {
  assert.deepEqual(verdictOf(bench), { kind: "succeeded", proof: "version" });
  assert.isTrue(bench.mcuRunsNewImage);
  assert.deepEqual([...bench.mcu.violations], []);
}

function assertFailed(bench: Workbench, stage: string, cause: string): void {
  const verdict = verdictOf(bench);
  assert.equal(verdict.kind, "failed");
  if (verdict.kind !== "failed") return;
  assert.equal(`${verdict.failure.stage}: ${verdict.failure.cause}`, `${stage}: ${cause}`);
  assert.isNotEmpty(verdict.failure.detail);
}

function assertFired(bench: Workbench, knob: keyof McuBehavior): void {
  assert.isAbove(bench.mcu.fired[knob as keyof typeof bench.mcu.fired] ?? 0, 0, `${knob} never struck`);
}

describe("while an image is ferried, Ferry", () => {
  for (const [what, knob, value] of [
    ["sends a chunk again that the MCU refused once", "answersFalseAtChunk", CHUNK],
    ["sends a chunk again that the MCU refused five times", "answersFalseAtChunk", { index: 7, times: 5 }],
    ["sends the last chunk again that the MCU refused", "answersFalseAtChunk", LAST],
    ["goes on after a lost RESULT, though the MCU refuses the chunk it has already", "losesResultAtChunk", CHUNK],
    ["goes on after the last chunk's lost RESULT", "losesResultAtChunk", LAST],
    ["goes on after the first chunk's lost RESULT", "losesResultAtChunk", { index: 0, times: 1 }],
    ["sends a chunk again that never arrived", "ignoresChunk", CHUNK],
    ["sends a chunk again that did not arrive twice", "ignoresChunk", { index: 7, times: 2 }],
    ["sends the last chunk again that never arrived", "ignoresChunk", LAST],
    ["takes a RESULT that comes after its time", "lateResultAtChunk", { ...CHUNK, delayMs: 6_000 }],
    ["takes a RESULT that comes after two resends", "lateResultAtChunk", { ...CHUNK, delayMs: 11_000 }],
    ["starts over when the MCU calls otaUpdateStart again", "restartsTransferAtChunk", CHUNK],
    ["offers again when the MCU restarts in the middle", "rebootAtChunk", CHUNK],
    ["offers again when the MCU crashes and comes back later", "crashAtChunk", { ...CHUNK, silentMs: 3_000 }],
  ] as const) {
    for (const prefetch of [true, false]) {
      it(`${what} (${prefetch ? "prefetched" : "direct"})`, () => {
        const bench = run({ mcu: { prefetch, [knob]: value } });
        assertFired(bench, knob);
        assertSucceeded(bench);
        assert.equal(bench.server.requests.length, 1, "one download is enough");
      });
    }
  }

  for (const [what, behavior] of [
    ["an MCU whose writes can be repeated", { idempotentWrites: true, losesResultAtChunk: CHUNK }],
    ["an MCU that pads its writes to flash blocks", { paddedWrites: { blockBytes: 8 } }],
    ["an MCU that asks no digests", { digestCalls: false }],
    ["an MCU that calls otaUpdateStart twice", { asksStartTwice: true }],
    ["an MCU that calls otaUpdateStart inside its offer handler", { startsInsideOffer: true }],
    ["an MCU that calls otaUpdateStart minutes later", { startDelayMs: 300_000 }],
    ["an MCU with 256 bytes of buffer, which asks for small chunks", { bufferBytes: 256, chunkBytes: 128 }],
    ["an MCU that takes a second for each write", { writeMs: 1_000 }],
    ["an MCU with a small serial ring", { serialRingBytes: 64 }],
    ["an MCU that takes 4 s for its own check", { finishDelayMs: 4_000 }],
    ["the low-level example", { bringUp: "low-level" }],
    ["Zephyr with a reset pin", { bringUp: "zephyr", hasNcpResetPin: true }],
    ["Zephyr without a reset pin", { bringUp: "zephyr" }],
  ] as const) {
    it(`serves ${what}`, () => {
      const bench = run({ mcu: { prefetch: true, ...behavior } as Partial<McuBehavior> });
      assertSucceeded(bench);
    });
  }

  it("gives up after five resends, and tells the MCU", () => {
    const bench = run({ mcu: { prefetch: true, answersFalseAtChunk: { index: 7, times: 100 } } });
    assertFired(bench, "answersFalseAtChunk");
    assertFailed(bench, "transfer", "rejected");
    bench.clock.advance(2_000);
    assert.equal(bench.mcu.record.update.cancels, 1);
    assert.equal(bench.mcu.fired.answersFalseAtChunk, 6);
  });

  it("names the byte at which an MCU fell silent", () => {
    const bench = run({ mcu: { prefetch: true, ignoresChunk: { index: 7, times: 100 } } });
    assertFailed(bench, "transfer", "no-answer");
    const verdict = verdictOf(bench);
    assert.equal(verdict.kind === "failed" && verdict.failure.offset, 7 * 1024);
  });

  it("has an MCU that was gone for a minute take the update when it is offered again, from flash", () => {
    const bench = run({ mcu: { prefetch: true, crashAtChunk: { ...CHUNK, silentMs: 60_000 } } });
    assertFired(bench, "crashAtChunk");
    assertFailed(bench, "transfer", "no-answer");
    bench.offer();
    bench.awaitVerdict();
    assertSucceeded(bench);
    assert.equal(bench.server.requests.length, 1);
  });

  it("serves a failed update again as soon as it is offered again, from flash", () => {
    const bench = run({ mcu: { prefetch: true, answersFalseAtChunk: { index: 7, times: 6 } } });
    assertFailed(bench, "transfer", "rejected");
    bench.offer();
    bench.awaitVerdict();
    assertSucceeded(bench);
    assert.equal(bench.server.requests.length, 1);
  });
});

describe("when the image is with the MCU, Ferry", () => {
  it("reports an image that the MCU's own check refuses", () => {
    const bench = run({ mcu: { finishAnswersFalse: true } });
    assertFailed(bench, "finish", "rejected");
    assert.equal(bench.mcu.running.firmware.version, "1.0.0");
  });

  it("reports a byte that went wrong in the MCU's flash, found by the MCU's check", () => {
    const bench = run({ mcu: { corruptsFlashAtOffset: 5_000 } });
    assertFired(bench, "corruptsFlashAtOffset");
    assertFailed(bench, "finish", "rejected");
  });

  it("believes the returning version where the answer to Finish was lost", () => {
    const bench = run({ mcu: { losesFinishResult: true } });
    assertFired(bench, "losesFinishResult");
    assertSucceeded(bench);
  });

  it("recognizes an MCU that comes back with its old firmware", () => {
    const bench = run({ mcu: { bootsOldAfterUpdate: true } });
    assertFired(bench, "bootsOldAfterUpdate");
    assert.equal(verdictOf(bench).kind, "rolled-back");
  });

  it("corrects its verdict when the MCU rolls back later", () => {
    const bench = run({ mcu: { rollsBackAfterUpdate: { afterMs: 60_000 } } });
    assert.equal(verdictOf(bench).kind, "succeeded");
    bench.awaitVerdict();
    assert.equal(verdictOf(bench).kind, "rolled-back");
    assertFired(bench, "rollsBackAfterUpdate");
  });

  it("reports an MCU that never returns", () => {
    const bench = run({ mcu: { neverReturns: true } });
    assertFired(bench, "neverReturns");
    assertFailed(bench, "restart", "no-return");
  });

  it("stays up itself: no reboot of Ferry's for an MCU's update", () => {
    const bench = run({ mcu: { prefetch: true } });
    assert.equal(bench.device.boots, 1);
  });
});

describe("over a bad line", () => {
  for (const [what, disturb, counted] of [
    ["flipped bits", (bench: Workbench) => setFaults(bench, "flipProbability", 3e-4), "flips"],
    ["lost bytes", (bench: Workbench) => setFaults(bench, "dropProbability", 2e-4), "drops"],
    ["inserted noise", (bench: Workbench) => setFaults(bench, "insertProbability", 3e-4), "inserts"],
  ] as const) {
    it(`brings the very bytes through ${what}`, () => {
      const bench = new Workbench({ imageBytes: 60_000, mcu: { prefetch: true } });
      bench.start();
      disturb(bench);
      bench.offer();
      let verdict = bench.awaitVerdict();
      // A noisy line may exhaust one attempt; what counts is that the next goes on, and that no wrong byte arrives.
      for (let attempt = 0; attempt < 5 && verdict.kind !== "succeeded"; attempt++) {
        bench.offer();
        verdict = bench.awaitVerdict();
      }
      assert.equal(verdict.kind, "succeeded", `${counted}: ${JSON.stringify(verdict)}`);
      assert.isTrue(bench.mcuRunsNewImage);
      assert.equal(bench.server.requests.length, 1);
      const strikes = Object.values(bench.uart.a.faults.counts).reduce((sum, count) => sum + count, 0);
      assert.isAbove(strikes, 0, "the line was never disturbed");
    });
  }

  it("survives a cable that is pulled for ten seconds", () => {
    const bench = new Workbench({ imageBytes: 60_000, mcu: { prefetch: true } });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.count("ferried") > 10);
    bench.uart.plugged = false;
    bench.clock.advance(10_000);
    bench.uart.plugged = true;
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.isAbove(bench.count("resend"), 0);
    assert.isTrue(bench.mcuRunsNewImage);
  });
});

function setFaults(
  bench: Workbench,
  kind: "flipProbability" | "dropProbability" | "insertProbability",
  value: number,
): void {
  bench.uart.a.faults[kind] = value;
  bench.uart.b.faults[kind] = value;
}
