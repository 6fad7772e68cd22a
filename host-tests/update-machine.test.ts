/** The update's decisions, as a pure machine: every phase, and the events that no healthy run ever sees. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { failure } from "../src/base/failure.js";
import type { FirmwareInfo } from "../src/image/info-tag.js";
import type { Offer } from "../src/image/offer.js";
import { OFFERS_MAX, stepUpdate } from "../src/update/update-machine.js";
import { encodeUpdate, recallUpdate } from "../src/update/update-record.js";
import { IDLE, type UpdateEvent, type UpdateState } from "../src/update/update-state.js";

const OLD: FirmwareInfo = { type: "T", version: "1.0.0", build: "" };
const NEW: FirmwareInfo = { type: "T", version: "2.0.0", build: "" };
const OFFER: Offer = { url: "http://h/f.bin", sizeBytes: 1000, ...NEW };

const OFFERED: UpdateEvent = { kind: "offered", offer: OFFER, running: OLD };
const READY: UpdateEvent = { kind: "mcu-ready", reported: OLD };
const YES: UpdateEvent = { kind: "offer-answered", yes: true };
const START: UpdateEvent = { kind: "start-asked", chunkBytes: 512, valid: true };
const PREFETCH: UpdateEvent = { kind: "prefetch-asked" };
const STAGED: UpdateEvent = { kind: "staged", tagged: NEW };
const TAKEN: UpdateEvent = { kind: "transferred", result: { kind: "accepted" } };
const LOST_NET: UpdateEvent = { kind: "staging-failed", failure: failure("download", "connect", "no route") };
const WRONG_FILE: UpdateEvent = { kind: "staging-failed", failure: failure("verify", "mismatch", "other bytes") };

function run(...events: UpdateEvent[]): { state: UpdateState; effects: string[]; last: string[] } {
  let state: UpdateState = IDLE;
  const effects: string[] = [];
  let last: string[] = [];
  for (const event of events) {
    const step = stepUpdate(state, event);
    state = step.state;
    last = step.effects.map((effect) => {
      if (effect.do === "answer-start") return `start ${effect.ok}`;
      if (effect.do === "answer-prefetch") return `prefetch ${effect.failure?.cause ?? "ok"}`;
      if (effect.do === "wait") return `wait ${effect.wait}`;
      return effect.do;
    });
    effects.push(...last);
  }
  return { state, effects, last };
}

describe("the update machine", () => {
  it("goes from offer to verdict", () => {
    const { state, effects } = run(READY, OFFERED, YES, PREFETCH, STAGED, START, TAKEN, {
      kind: "mcu-ready",
      reported: NEW,
    });
    assert.equal(state.phase, "ended");
    assert.deepEqual(state.verdict, { kind: "succeeded", proof: "version" });
    assert.deepEqual(effects, [
      "remember",
      "make-offer",
      "wait offer",
      "wait accepted",
      "fetch",
      "prefetch ok",
      "remember",
      "start true",
      "serve",
      "remember",
      "wait return",
      "remember",
      "report-verdict",
    ]);
  });

  describe("without an offer", () => {
    it("refuses Start and Prefetch, and stays idle whatever comes", () => {
      assert.deepEqual(run(START).last, ["start false"]);
      assert.deepEqual(run(PREFETCH).last, ["prefetch nothing-offered"]);
      for (const event of [READY, YES, TAKEN]) assert.equal(run(event).state.phase, "idle", event.kind);
    });
  });

  describe("while an offer is open", () => {
    it("takes a late answer, a Prefetch or a Start for a yes", () => {
      const silent: UpdateEvent = { kind: "offer-silent" };
      assert.equal(run(READY, OFFERED, silent).state.phase, "open");
      assert.equal(run(READY, OFFERED, silent, YES).state.phase, "accepted");
      assert.equal(run(READY, OFFERED, silent, PREFETCH).state.phase, "accepted");
      assert.equal(run(READY, OFFERED, silent, START).state.phase, "serving");
    });

    it("ends on a no, and on an MCU that cannot take updates", () => {
      for (const [event, cause] of [
        [{ kind: "offer-answered", yes: false }, "declined"],
        [{ kind: "offer-unsupported" }, "unsupported"],
      ] as const) {
        const { verdict } = run(READY, OFFERED, event).state;
        assert.equal(verdict?.kind === "failed" && verdict.failure.cause, cause);
      }
    });

    it("repeats the offer when nothing comes of it, so many times", () => {
      const timeout: UpdateEvent = { kind: "timeout", wait: "offer" };
      const { effects, state } = run(READY, OFFERED, ...Array.from({ length: OFFERS_MAX }, () => timeout));
      assert.equal(effects.filter((effect) => effect === "make-offer").length, OFFERS_MAX);
      assert.equal(state.phase, "ended");
    });

    it("still serves an MCU that calls Start after all", () => {
      const timeout: UpdateEvent = { kind: "timeout", wait: "offer" };
      const { last } = run(READY, OFFERED, ...Array.from({ length: OFFERS_MAX }, () => timeout), START);
      assert.deepEqual(last, ["start true", "fetch", "serve"]);
    });
  });

  describe("while suspended", () => {
    const suspend: UpdateEvent = { kind: "suspend-asked", seconds: 60 };
    const resume: UpdateEvent = { kind: "suspend-asked", seconds: 0 };
    const timeout: UpdateEvent = { kind: "timeout", wait: "suspension" };

    it("makes no offer, until the time is over or the MCU resumes", () => {
      assert.notInclude(run(READY, suspend, OFFERED).effects, "make-offer");
      assert.include(run(READY, suspend, OFFERED, timeout).effects, "make-offer");
      assert.include(run(READY, suspend, OFFERED, resume).effects, "make-offer");
    });

    it("pauses a transfer and resumes it", () => {
      assert.deepEqual(run(READY, OFFERED, YES, START, suspend).last, ["wait suspension", "pause"]);
      assert.deepEqual(run(READY, OFFERED, YES, START, suspend, timeout).last, ["resume"]);
    });

    it("serves an MCU that starts on its own wish", () => {
      const { state, last } = run(READY, OFFERED, YES, suspend, START);
      assert.deepEqual(last, ["start true", "fetch", "serve"]);
      assert.isFalse(state.suspended);
    });
  });

  describe("when the download fails", () => {
    it("says why to the Prefetch that waits, and tries again when the MCU starts all the same", () => {
      const failed = run(READY, OFFERED, YES, PREFETCH, LOST_NET);
      assert.deepEqual(failed.last, ["prefetch connect", "remember", "report-verdict"]);
      assert.deepEqual(run(READY, OFFERED, YES, PREFETCH, LOST_NET, START).last, ["start true", "fetch", "serve"]);
    });

    it("cancels a transfer that waits for the rest", () => {
      assert.deepEqual(run(READY, OFFERED, YES, START, LOST_NET).last, [
        "stop-serving",
        "cancel-mcu",
        "remember",
        "report-verdict",
      ]);
    });

    it("never serves an image that is not the one offered", () => {
      assert.deepEqual(run(READY, OFFERED, YES, PREFETCH, WRONG_FILE, START).last, ["start false"]);
      assert.deepEqual(run(READY, OFFERED, YES, PREFETCH, WRONG_FILE, PREFETCH).last, ["prefetch mismatch"]);
    });
  });

  describe("while the download is held", () => {
    const HELD: UpdateEvent = { kind: "staging-held", failure: failure("download", "budget", "too often") };
    const RELEASED: UpdateEvent = { kind: "staging-released" };

    it("lets the MCU go, without a verdict, and offers the update again when the download goes on", () => {
      const held = run(READY, OFFERED, YES, PREFETCH, HELD);
      assert.deepEqual(held.last, ["prefetch budget"]);
      assert.equal(held.state.phase, "queued");
      assert.isUndefined(held.state.verdict);
      const released = run(READY, OFFERED, YES, PREFETCH, HELD, RELEASED);
      assert.deepEqual(released.last, ["make-offer", "wait offer"]);
      assert.deepEqual(run(READY, OFFERED, YES, PREFETCH, HELD, RELEASED, YES, START).last, ["start true", "serve"]);
    });

    it("breaks off a transfer that waits for the rest", () => {
      assert.deepEqual(run(READY, OFFERED, YES, START, HELD).last, ["stop-serving", "cancel-mcu"]);
    });

    it("says no to Start, why to Prefetch, and makes no offer, whatever the MCU does", () => {
      const held = [READY, OFFERED, YES, PREFETCH, HELD] as const;
      assert.deepEqual(run(...held, START).last, ["start false"]);
      assert.deepEqual(run(...held, PREFETCH).last, ["prefetch budget"]);
      for (const event of [READY, { kind: "mcu-adopted" }, { kind: "timeout", wait: "offer" }, YES] as UpdateEvent[]) {
        assert.deepEqual(run(...held, event).last, [], event.kind);
      }
      assert.deepEqual(run(...held, START, PREFETCH, READY, RELEASED).last, ["make-offer", "wait offer"]);
    });

    it("offers as often as ever afterwards: the MCU had answered", () => {
      let events: UpdateEvent[] = [READY, OFFERED];
      for (let day = 0; day < 2 * OFFERS_MAX; day++) events = [...events, YES, PREFETCH, HELD, RELEASED];
      assert.equal(run(...events).state.phase, "offering");
    });

    it("keeps a verdict that was there before", () => {
      const timeout: UpdateEvent = { kind: "timeout", wait: "accepted" };
      const { state } = run(READY, OFFERED, YES, PREFETCH, timeout, HELD, RELEASED);
      assert.deepEqual([state.phase, state.staging], ["ended", "fetching"]);
    });

    it("begins another offer at once", () => {
      const { state, last } = run(READY, OFFERED, YES, PREFETCH, HELD, {
        ...OFFERED,
        offer: { ...OFFER, url: "http://h/2" },
      });
      assert.deepEqual(last, ["remember", "make-offer", "wait offer"]);
      assert.equal(state.staging, "none");
    });
  });

  describe("when the MCU restarts", () => {
    it("stops serving and offers again", () => {
      assert.deepEqual(run(READY, OFFERED, YES, START, READY).last, ["stop-serving", "make-offer", "wait offer"]);
    });

    it("sees the update done when the MCU has changed to what was offered, though Finish was never answered", () => {
      const { state } = run(READY, OFFERED, YES, PREFETCH, STAGED, START, { kind: "mcu-ready", reported: NEW });
      assert.deepEqual(state.verdict, { kind: "succeeded", proof: "version" });
    });

    it("corrects a verdict that a later return disproves, either way", () => {
      const done = [READY, OFFERED, YES, START, STAGED, TAKEN] as const;
      const rolledBack = run(...done, { kind: "mcu-ready", reported: NEW }, { kind: "mcu-ready", reported: OLD });
      assert.equal(rolledBack.state.verdict?.kind, "rolled-back");
      const late = run(...done, { kind: "timeout", wait: "return" }, { kind: "mcu-ready", reported: NEW });
      assert.equal(late.state.verdict?.kind, "succeeded");
    });
  });

  it("answers a Prefetch that the MCU asks twice, each once", () => {
    const { effects } = run(READY, OFFERED, YES, PREFETCH, PREFETCH, STAGED);
    assert.deepEqual(
      effects.filter((effect) => effect.startsWith("prefetch")),
      ["prefetch superseded", "prefetch ok"],
    );
  });

  it("answers every Start and every Prefetch exactly once, in any order of events", () => {
    const events = [OFFERED, READY, YES, START, PREFETCH, STAGED, TAKEN, LOST_NET, WRONG_FILE] as const;
    const others: UpdateEvent[] = [
      { kind: "mcu-lost" },
      { kind: "mcu-adopted" },
      { kind: "offer-silent" },
      { kind: "offer-unsupported" },
      { kind: "start-asked", chunkBytes: 0, valid: false },
      { kind: "suspend-asked", seconds: 5 },
      { kind: "suspend-asked", seconds: 0 },
      ...(["offer", "accepted", "return", "suspension"] as const).map((wait) => ({ kind: "timeout", wait }) as const),
    ];
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed);
      let state: UpdateState = IDLE;
      let owed = 0;
      for (let i = 0; i < 60; i++) {
        const pool = random.chance(0.6) ? events : others;
        const event = pool[random.below(pool.length)] as UpdateEvent;
        const step = stepUpdate(state, event);
        const told = (what: string) => step.effects.filter((effect) => effect.do === what).length;
        assert.equal(told("answer-start"), event.kind === "start-asked" ? 1 : 0, `seed ${seed}, event ${i}`);
        // A restarted MCU waits for nothing any more.
        owed = event.kind === "mcu-ready" ? 0 : owed;
        owed += (event.kind === "prefetch-asked" ? 1 : 0) - told("answer-prefetch");
        assert.equal(owed, step.state.prefetchOwed ? 1 : 0, `seed ${seed}, event ${i} ${event.kind}`);
        state = step.state;
      }
    }
  });

  it("remembers the image that the MCU last proved good, into the next life", () => {
    const before: Offer = { ...OFFER, url: "", version: "", sha256: "aa".repeat(32) };
    const back = (reported: FirmwareInfo): UpdateEvent => ({ kind: "mcu-ready", reported });
    const served = [READY, OFFERED, YES, START, STAGED, TAKEN];
    const next: UpdateEvent = { kind: "offered", offer: { ...OFFER, version: "3" }, running: NEW, before };
    const other: UpdateEvent = { ...next, before: { ...before, sha256: "bb".repeat(32) } };
    const failed: UpdateEvent = { kind: "offer-answered", yes: false };
    for (const [what, events, expected] of [
      ["the one before, which succeeded", [...served, back(NEW), next], before],
      ["none after a failure", [READY, OFFERED, failed, next], undefined],
      ["none while the first is under way", [READY, OFFERED, YES, next], undefined],
      ["the same after more failures", [...served, back(NEW), next, failed, other, failed, other], before],
      ["none when the success was rolled back", [...served, back(NEW), back(OLD), next], undefined],
      ["none when what succeeded is not there any more", [...served, back(NEW), OFFERED], undefined],
    ] as const) {
      const { state } = run(...events);
      assert.deepEqual(state.lastGood, expected, what);
      const body = encodeUpdate(state);
      assert.deepEqual(body && recallUpdate({ kind: "valid", body }).lastGood, expected, `${what}, recalled`);
    }
  });

  it("begins the next life where the last one ended, from its record", () => {
    for (const [events, phase] of [
      [[OFFERED], "queued"],
      [[READY, OFFERED, YES, START], "queued"],
      [[READY, OFFERED, YES, START, STAGED, TAKEN], "returning"],
      [[READY, OFFERED, YES, START, STAGED, TAKEN, { kind: "mcu-ready", reported: NEW }], "ended"],
      [[READY, OFFERED, { kind: "offer-answered", yes: false }], "ended"],
    ] as const) {
      const { state } = run(...events);
      const body = encodeUpdate(state);
      if (!body) throw new Error("no record");
      const recalled = recallUpdate({ kind: "valid", body });
      assert.equal(recalled.phase, phase);
      assert.deepEqual(recalled.offer, OFFER);
      assert.deepEqual(recalled.previous, OLD);
      assert.deepEqual(recalled.verdict, phase === "ended" ? state.verdict : undefined);
    }
  });

  it("begins idle without a record, or with one that is damaged", () => {
    for (const kind of ["absent", "damaged"] as const) assert.deepEqual(recallUpdate({ kind }), IDLE);
  });

  it("begins idle where the record makes no sense", () => {
    for (const text of ["", "null", "[]", "{}", '{"offer":{}}', '{"offer":7}', "{", '{"offer":{"url":1}}']) {
      const body = new Uint8Array([...text].map((letter) => letter.charCodeAt(0)));
      assert.equal(recallUpdate({ kind: "valid", body }).phase, "idle", text);
    }
  });
});
