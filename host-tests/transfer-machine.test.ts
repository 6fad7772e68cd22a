/** The transfer's decisions, as a pure machine: what is sent next, whatever the MCU says. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import {
  beginTransfer,
  CHUNK_RESENDS_MAX,
  chunkCount,
  FINISH_RESENDS_MAX,
  stepTransfer,
  type TransferEffect,
  type TransferEvent,
  type TransferState,
} from "../src/update/transfer-machine.js";

const SIZE = 10_000;
const CHUNK = 1024;
const CHUNKS = 10;

const ALL: TransferEvent = { kind: "available", bytes: SIZE };
const STORED: TransferEvent = { kind: "stored" };
const SILENT: TransferEvent = { kind: "silent" };
const DENIED: TransferEvent = { kind: "denied", reason: "false" };

/** Feeds the events and returns the last state, and what was done as short words. */
function run(...events: TransferEvent[]): { state: TransferState; done: string[] } {
  let state = beginTransfer(SIZE, CHUNK);
  const done: string[] = [];
  for (const event of events) {
    const step = stepTransfer(state, event);
    state = step.state;
    if (step.effect) done.push(wordFor(step.effect));
  }
  return { state, done };
}

function wordFor(effect: TransferEffect): string {
  if (effect.do === "write") return `write ${effect.index}`;
  if (effect.do === "finish") return "finish";
  return effect.result.kind === "failed" ? effect.result.failure.cause : effect.result.kind;
}

const storedChunks = (count: number) => Array.from({ length: count }, () => STORED);

describe("the transfer machine", () => {
  describe("with bytes at hand", () => {
    it("writes each chunk once, in order, then finishes", () => {
      const { done } = run(ALL, ...storedChunks(CHUNKS), STORED);
      assert.deepEqual(done, [...Array.from({ length: CHUNKS }, (_, i) => `write ${i}`), "finish", "accepted"]);
    });

    it("waits where the image ends for now, and goes on with the bytes", () => {
      const { done } = run({ kind: "available", bytes: CHUNK + 1 }, STORED, { kind: "available", bytes: 2 * CHUNK });
      assert.deepEqual(done, ["write 0", "write 1"]);
    });

    it("keeps still while it is paused, and goes on where it was", () => {
      const { done, state } = run(ALL, { kind: "paused" }, STORED, ALL, { kind: "resumed" });
      assert.deepEqual(done, ["write 0", "write 1"]);
      assert.isFalse(state.paused);
    });
  });

  describe("when a chunk is refused", () => {
    it("sends the same chunk again, at once", () => {
      assert.deepEqual(run(ALL, DENIED, DENIED, STORED).done, ["write 0", "write 0", "write 0", "write 1"]);
    });

    it("gives up after the last resend, and names the byte", () => {
      const { done, state } = run(ALL, STORED, ...Array.from({ length: CHUNK_RESENDS_MAX + 1 }, () => DENIED));
      assert.equal(done.filter((word) => word === "write 1").length, CHUNK_RESENDS_MAX + 1);
      assert.equal(done.at(-1), "rejected");
      assert.equal(state.phase, "over");
    });

    it("counts resends anew for each chunk", () => {
      const bout = [DENIED, DENIED, DENIED, DENIED, STORED];
      assert.equal(run(ALL, ...bout, ...bout, ...bout).state.phase, "writing");
    });
  });

  describe("when a chunk goes unanswered", () => {
    it("sends it again, and probes with the next when that is refused: the first may have arrived", () => {
      const { done, state } = run(ALL, SILENT, DENIED, STORED);
      assert.deepEqual(done, ["write 0", "write 0", "write 1", "write 2"]);
      assert.equal(state.next, 2);
    });

    it("goes back when the probe is refused: the chunk was never stored", () => {
      assert.deepEqual(run(ALL, SILENT, DENIED, DENIED, STORED).done, [
        "write 0",
        "write 0",
        "write 1",
        "write 0",
        "write 1",
      ]);
    });

    it("probes the last chunk with Finish: the MCU's own check decides", () => {
      assert.deepEqual(run(ALL, ...storedChunks(CHUNKS - 1), SILENT, DENIED, STORED).done.slice(-3), [
        "write 9",
        "finish",
        "accepted",
      ]);
    });

    it("waits with the probe until its bytes are there", () => {
      const { done } = run({ kind: "available", bytes: CHUNK }, SILENT, DENIED, ALL);
      assert.deepEqual(done, ["write 0", "write 0", "write 1"]);
    });

    it("gives up when the MCU stays silent", () => {
      const { done } = run(ALL, ...Array.from({ length: CHUNK_RESENDS_MAX + 1 }, () => SILENT));
      assert.deepEqual([done.length, done.at(-1)], [CHUNK_RESENDS_MAX + 2, "no-answer"]);
    });
  });

  describe("at Finish", () => {
    const finished = [ALL, ...storedChunks(CHUNKS)];

    it("reports a refusal as the MCU's own check", () => {
      assert.equal(run(...finished, DENIED).done.at(-1), "rejected");
    });

    it("asks again into a silence, and leaves the verdict to the MCU's return", () => {
      const silences = Array.from({ length: FINISH_RESENDS_MAX + 1 }, () => SILENT);
      const { done } = run(...finished, ...silences);
      assert.deepEqual(done.slice(-4), ["finish", "finish", "finish", "unconfirmed"]);
    });

    it("takes a refusal after a silence for what it may be: the first was taken", () => {
      assert.equal(run(...finished, SILENT, DENIED).done.at(-1), "unconfirmed");
    });
  });

  it("does nothing any more when it is over", () => {
    const over = run(ALL, ...storedChunks(CHUNKS), STORED).state;
    for (const event of [ALL, STORED, SILENT, DENIED, { kind: "paused" }, { kind: "resumed" }] as const) {
      assert.isUndefined(stepTransfer(over, event).effect, event.kind);
    }
  });

  it("never skips, never loops for ever, and ends, whatever a strict MCU and a lossy line do", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const loss = random.next() * 0.5;
      let expected = 0;
      let state = beginTransfer(SIZE, CHUNK);
      let step = stepTransfer(state, ALL);
      for (let turn = 0; step.effect && step.effect.do !== "end"; turn++) {
        assert.isBelow(turn, 2_000, `seed ${seed}: no end`);
        state = step.state;
        const arrives = !random.chance(loss);
        const answers = arrives && !random.chance(loss);
        let yes = true;
        if (step.effect.do === "write") {
          yes = step.effect.index === expected;
          if (arrives && yes) expected++;
        } else yes = expected === CHUNKS;
        step = stepTransfer(state, !answers ? SILENT : yes ? STORED : DENIED);
      }
      const result = step.effect?.do === "end" ? step.effect.result.kind : "none";
      if (result === "accepted")
        assert.equal(expected, chunkCount(state), `seed ${seed}: accepted with chunks missing`);
      else assert.include(["failed", "unconfirmed"], result, `seed ${seed}`);
    }
  });
});
