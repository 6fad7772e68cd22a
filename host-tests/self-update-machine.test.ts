/** The machine of Ferry's own update, by itself: what it does on each event, and what it makes of what a life finds. */

import { assert } from "chai";
import { failure } from "../src/base/failure.js";
import { URL_LENGTH_MAX } from "../src/base/url.js";
import { encodeUtf8 } from "../src/base/utf8.js";
import { FIRMWARE_TEXT_MAX, type Offer } from "../src/image/offer.js";
import { RECORD_BODY_BYTES_MAX } from "../src/store/record-slot.js";
import { decodeSelfUpdate, encodeSelfUpdate } from "../src/update/self-record.js";
import {
  REPEAT_DELAY_MS,
  resetCauseOf,
  resumeSelfUpdate,
  SELF_RECOVERY,
  type SelfFindings,
  type SelfRecordPhase,
  selfActionFor,
  TRIALS_MAX,
  TRIES_MAX,
} from "../src/update/self-recovery.js";
import {
  CONFIRM_RETRY_MS,
  CONFIRMATION_MS,
  PROBE_INTERVAL_MS,
  REVERTED_BUILDS_MAX,
  stepSelfUpdate,
} from "../src/update/self-update-machine.js";
import {
  type Activity,
  SELF_IDLE,
  type SelfPhase,
  type SelfUpdateEvent,
  type SelfUpdateState,
} from "../src/update/self-update-state.js";

const OFFER: Offer = Object.freeze({
  url: "http://h/ferry.bin",
  sizeBytes: 1000,
  type: "",
  version: "",
  build: "",
  target: "ncp",
});
const BUILD = Object.freeze({ version: "1.1.0", sha256: "ab".repeat(32) });
const FREE: Activity = Object.freeze({ mcuBusy: false, suspended: false });
const BUSY: Activity = Object.freeze({ mcuBusy: true, suspended: false });
const SUSPENDED: Activity = Object.freeze({ mcuBusy: false, suspended: true });
const OFFERED: SelfUpdateEvent = Object.freeze({ kind: "offered", offer: OFFER, force: false });
const STAGED: SelfUpdateEvent = Object.freeze({ kind: "staged", target: "ncp" });
const CHECKED: SelfUpdateEvent = Object.freeze({ kind: "checked", build: BUILD, slot: "ota_1" });
const FAILED = failure("download", "connect", "no answer");

/** The state after these events, and the names of the effects of the last one. */
function stateAfter(state: SelfUpdateState, ...events: readonly SelfUpdateEvent[]) {
  let effects: string[] = [];
  let last = state;
  for (const event of events) {
    const step = stepSelfUpdate(last, event);
    last = step.state;
    effects = step.effects.map((effect) => effect.do);
  }
  return { ...last, effects };
}

function inPhase(phase: SelfPhase, changes: Partial<SelfUpdateState> = {}): SelfUpdateState {
  return { ...SELF_IDLE, phase, offer: OFFER, build: BUILD, slot: "ota_1", ...changes };
}

describe("the machine of Ferry's own update", () => {
  it("remembers what it will do before it does it, all along", () => {
    let state = SELF_IDLE;
    const rows: readonly (readonly [SelfUpdateEvent, SelfPhase, string[]])[] = [
      [OFFERED, "staging", ["remember", "stage"]],
      [STAGED, "checking", ["check"]],
      [CHECKED, "installing", ["announce", "remember", "install"]],
      [{ kind: "installed" }, "restarting", ["remember", "restart"]],
    ];
    for (const [event, phase, effects] of rows) {
      const next = stateAfter(state, event);
      assert.deepEqual([next.phase, next.effects], [phase, effects], event.kind);
      state = next;
    }
    assert.strictEqual(state.tries, 1);
  });

  it("tells the MCU of the first restart into a build, and of no other", () => {
    for (const tries of [0, 1, 2]) {
      const step = stepSelfUpdate(inPhase("installing", { tries }), { kind: "installed" });
      assert.deepEqual(step.effects, [{ do: "remember" }, { do: "restart", silently: tries > 0 }]);
    }
  });

  it("waits before it takes a build up again, whatever happens, but for another offer", () => {
    const held = inPhase("queued", { tries: 1, isHeld: true });
    const nudged = stateAfter(held, { kind: "activity", activity: BUSY }, { kind: "activity", activity: FREE });
    assert.deepEqual([nudged.phase, nudged.effects], ["queued", []]);
    const next = stateAfter(held, { kind: "timeout", wait: "repeat" });
    assert.deepEqual([next.phase, next.isHeld, next.tries, next.effects], ["staging", false, 1, ["stage"]]);
    const other = stateAfter(held, { kind: "offered", offer: OFFER, force: true });
    assert.deepEqual([other.phase, other.isHeld, other.tries], ["staging", false, 0]);
  });

  it("ends with a failure wherever one comes, and tells an MCU that was told of a restart", () => {
    for (const [phase, kind, effects] of [
      ["staging", "staging-failed", ["remember", "report-verdict"]],
      ["checking", "check-failed", ["remember", "report-verdict"]],
      ["installing", "install-failed", ["announce", "remember", "report-verdict"]],
    ] as const) {
      const next = stateAfter(inPhase(phase), { kind, failure: FAILED });
      assert.deepEqual(next.verdict, { kind: "failed", failure: FAILED });
      assert.deepEqual([next.phase, next.slot, next.effects], ["ended", undefined, effects], phase);
    }
  });

  it("takes another offer up to the installation, and drops what it was at", () => {
    const other = { ...OFFER, url: "http://h/other.bin" };
    for (const [phase, stop] of [
      ["staging", ["stop-staging"]],
      ["checking", ["stop-checking"]],
      ["waiting", []],
      ["ended", []],
    ] as const) {
      const before = inPhase(phase, { tries: 1, verdict: { kind: "failed", failure: FAILED }, revertedBuilds: ["a"] });
      const next = stateAfter(before, { kind: "offered", offer: other, force: true });
      assert.deepEqual(next.effects, [...stop, "remember", "stage"]);
      assert.deepEqual([next.offer, next.force, next.tries, next.revertedBuilds], [other, true, 0, ["a"]]);
      assert.deepEqual([next.build, next.slot, next.verdict], [undefined, undefined, undefined]);
    }
  });

  it("keeps to the last URL and the last will of whoever offers the same again", () => {
    const moved = { ...OFFER, url: "http://h/moved.bin" };
    const next = stateAfter(inPhase("waiting"), { kind: "offer-renewed", offer: moved, force: true });
    assert.deepEqual([next.phase, next.offer, next.force, next.effects], ["waiting", moved, true, ["remember"]]);
  });

  describe("beside the MCU's own update", () => {
    it("does not begin before that is over", () => {
      const queued = stateAfter({ ...SELF_IDLE, activity: BUSY }, OFFERED);
      assert.deepEqual([queued.phase, queued.effects], ["queued", ["remember"]]);
      const next = stateAfter(queued, { kind: "activity", activity: FREE });
      assert.deepEqual([next.phase, next.effects], ["staging", ["stage"]]);
    });

    it("gives up its download, and its installation, for that", () => {
      const staging = stateAfter(inPhase("staging"), { kind: "activity", activity: BUSY });
      assert.deepEqual([staging.phase, staging.effects], ["queued", ["stop-staging"]]);
      const installing = stateAfter(inPhase("installing"), { kind: "activity", activity: BUSY });
      assert.deepEqual(
        [installing.phase, installing.effects],
        ["waiting", ["stop-installing", "announce", "remember"]],
      );
      const again = stateAfter(installing, { kind: "activity", activity: FREE });
      assert.deepEqual([again.phase, again.effects], ["installing", ["announce", "remember", "install"]]);
    });

    it("lets nothing stop it once the boot loader has been told", () => {
      for (const phase of ["restarting", "trial", "confirming", "reverting", "ended"] as const) {
        const next = stateAfter(inPhase(phase), { kind: "activity", activity: BUSY });
        assert.deepEqual([next.phase, next.effects], [phase, []]);
      }
    });

    it("goes on with a check, and waits then", () => {
      const checking = stateAfter(inPhase("checking"), { kind: "activity", activity: BUSY });
      assert.deepEqual([checking.phase, checking.effects], ["checking", []]);
      const next = stateAfter(checking, CHECKED);
      assert.deepEqual([next.phase, next.effects], ["waiting", []]);
    });

    it("downloads while the MCU has suspended updates, and does not restart", () => {
      const suspended = { ...SELF_IDLE, activity: SUSPENDED };
      const next = stateAfter(suspended, OFFERED, STAGED, CHECKED);
      assert.deepEqual([next.phase, next.effects], ["waiting", []]);
      const installing = stateAfter(inPhase("installing"), { kind: "activity", activity: SUSPENDED });
      assert.strictEqual(installing.phase, "waiting");
    });
  });

  describe("with an image whose offer left open whose it is", () => {
    const open: Offer = { ...OFFER };
    delete (open as { target?: string }).target;
    const offered: SelfUpdateEvent = { kind: "offered", offer: open, force: false };

    it("goes on when it is Ferry's", () => {
      const next = stateAfter(SELF_IDLE, offered, STAGED);
      assert.deepEqual([next.phase, next.offer?.target], ["checking", "ncp"]);
    });

    it("hands it over when it is not", () => {
      for (const target of ["mcu", undefined] as const) {
        const step = stepSelfUpdate(stateAfter(SELF_IDLE, offered), { kind: "staged", target });
        assert.deepEqual(step.effects, [{ do: "hand-over", offer: open }, { do: "remember" }]);
        assert.deepEqual([step.state.phase, step.state.offer], ["idle", undefined]);
      }
    });

    it("hands it over when the MCU has time, suspended or not", () => {
      const staging = { ...stateAfter(SELF_IDLE, offered), activity: BUSY };
      const waiting = stateAfter(staging, { kind: "staged", target: "mcu" });
      assert.deepEqual([waiting.phase, waiting.effects], ["waiting", []]);
      const next = stateAfter(waiting, { kind: "activity", activity: SUSPENDED });
      assert.deepEqual(next.effects, ["hand-over", "remember"]);
    });

    it("refuses an MCU's image that was offered as Ferry's", () => {
      const next = stateAfter(SELF_IDLE, OFFERED, { kind: "staged", target: "mcu" });
      assert.strictEqual(next.verdict?.kind, "failed");
    });
  });

  it("does not try a build again that was rolled back, but by force", () => {
    const reverted = { revertedBuilds: ["00", BUILD.sha256] };
    const next = stateAfter(inPhase("checking", reverted), CHECKED);
    assert.deepInclude(next.verdict?.kind === "failed" && next.verdict.failure, { cause: "tried-before" });
    assert.strictEqual(stateAfter(inPhase("checking", { ...reverted, force: true }), CHECKED).phase, "installing");
  });

  it("begins again when something else has taken the image's place", () => {
    const next = stateAfter(inPhase("installing"), { kind: "image-lost" });
    assert.deepEqual([next.phase, next.effects], ["staging", ["announce", "remember", "stage"]]);
    assert.deepEqual([next.build, next.slot], [undefined, undefined]);
  });

  describe("on trial", () => {
    const both = inPhase("trial", { missing: { mcu: true, cloud: true } });

    it("confirms when all proofs are there, in any order", () => {
      for (const [first, second] of [
        ["mcu-answered", "cloud-accepted"],
        ["cloud-accepted", "mcu-answered"],
      ] as const) {
        const one = stateAfter(both, { kind: first });
        assert.deepEqual([one.phase, one.effects], ["trial", []]);
        const two = stateAfter(one, { kind: second });
        assert.deepEqual([two.phase, two.effects], ["confirming", ["remember", "confirm"]]);
        const done = stateAfter(two, { kind: "confirmed" });
        assert.deepEqual([done.phase, done.effects], ["ended", ["remember", "report-verdict"]]);
        assert.deepEqual(done.verdict, { kind: "succeeded", proof: "confirmed" });
      }
    });

    it("asks the MCU while its answer is missing", () => {
      const step = stepSelfUpdate(both, { kind: "timeout", wait: "probe" });
      assert.deepEqual(step.effects, [{ do: "ask-mcu" }, { do: "wait", wait: "probe", ms: PROBE_INTERVAL_MS }]);
      const answered = stateAfter(both, { kind: "mcu-answered" }, { kind: "timeout", wait: "probe" });
      assert.deepEqual(answered.effects, []);
    });

    it("reverts when the time is up, and names what is missing", () => {
      for (const [missing, says] of [
        [{ mcu: true, cloud: true }, /in time: the MCU did not answer, no cloud login, nor an answer to a poll$/],
        [{ mcu: true, cloud: false }, /in time: the MCU did not answer$/],
        [{ mcu: false, cloud: true }, /in time: no cloud login, nor an answer to a poll$/],
      ] as const) {
        const next = stateAfter({ ...both, missing }, { kind: "timeout", wait: "proof" });
        assert.deepEqual([next.phase, next.effects], ["reverting", ["remember", "revert"]]);
        assert.match(next.failure?.detail ?? "", says);
      }
    });

    it("tries again to store its confirmation", () => {
      const step = stepSelfUpdate(inPhase("confirming"), { kind: "confirm-failed" });
      assert.deepEqual(step.effects, [{ do: "wait", wait: "proof", ms: CONFIRM_RETRY_MS }]);
      assert.deepEqual(stateAfter(step.state, { kind: "timeout", wait: "proof" }).effects, ["confirm"]);
    });

    it("stays where there is nothing to go back to, as a failure", () => {
      const reverting = stateAfter(both, { kind: "timeout", wait: "proof" });
      const confirming = stateAfter(reverting, { kind: "revert-failed" });
      assert.deepEqual([confirming.phase, confirming.effects], ["confirming", ["remember", "confirm"]]);
      const ended = stateAfter(confirming, { kind: "confirmed" });
      assert.deepInclude(ended.verdict?.kind === "failed" && ended.verdict.failure, { cause: "unconfirmed" });
    });

    it("leaves record and verdict alone when it was not installed by an offer", () => {
      const { slot: _, build: __, ...foreign } = both;
      const confirming = stateAfter(foreign, { kind: "mcu-answered" }, { kind: "cloud-accepted" });
      assert.deepEqual(confirming.effects, ["confirm"]);
      const goesOn = stateAfter(confirming, { kind: "confirmed" });
      assert.deepEqual([goesOn.phase, goesOn.effects], ["staging", ["remember", "stage"]]);
      assert.deepEqual(stateAfter(foreign, { kind: "timeout", wait: "proof" }).effects, ["revert"]);
    });
  });

  it("takes no event for what it is not at", () => {
    const late: SelfUpdateEvent[] = [
      STAGED,
      CHECKED,
      { kind: "staging-failed", failure: FAILED },
      { kind: "check-failed", failure: FAILED },
      { kind: "install-failed", failure: FAILED },
      { kind: "installed" },
      { kind: "confirmed" },
      { kind: "revert-failed" },
      { kind: "image-lost" },
      { kind: "timeout", wait: "proof" },
      { kind: "timeout", wait: "probe" },
    ];
    assert.deepEqual(stateAfter(inPhase("trial"), { kind: "timeout", wait: "repeat" }).effects, []);
    for (const phase of ["idle", "queued", "restarting", "ended"] as const) {
      for (const event of late) {
        const next = stateAfter(inPhase(phase), event);
        assert.deepEqual([next.phase, next.effects], [phase, []], `${event.kind} in ${phase}`);
      }
    }
  });
});

describe("a life that finds a record of Ferry's own update", () => {
  function resume(
    recorded: SelfRecordPhase,
    changes: Partial<SelfFindings> = {},
    state: Partial<SelfUpdateState> = {},
  ) {
    const found: SelfFindings = {
      state: { ...SELF_IDLE, offer: OFFER, build: BUILD, slot: "ota_1", tries: 1, ...state },
      recorded,
      passiveSlot: "ota_1",
      isPending: false,
      resetReason: "crash",
      confirmationMs: CONFIRMATION_MS,
      ...changes,
    };
    const { state: next, effects } = resumeSelfUpdate(found);
    return { ...next, effects: effects.map((effect) => effect.do) };
  }
  const asNew = { passiveSlot: "ota_0" };
  const onTrial = { ...asNew, isPending: true };
  const missing = { mcu: true, cloud: false };

  it("has a row for everything that can be found", () => {
    const phases = [
      "idle",
      "pending",
      "installing",
      "restarting",
      "trial",
      "confirming",
      "reverting",
      "ended",
    ] as const;
    const used = new Set<string>();
    for (const record of phases) {
      for (const running of ["new", "old"] as const) {
        for (const isPending of [true, false]) {
          for (const reset of ["outside", "Ferry"] as const) used.add(selfActionFor(record, running, isPending, reset));
        }
      }
    }
    assert.sameMembers([...used], [...new Set(SELF_RECOVERY.map(({ action }) => action))]);
  });

  it("puts the new build on trial, and notes that it has come that far", () => {
    for (const recorded of ["installing", "restarting", "trial", "confirming"] as const) {
      const next = resume(recorded, onTrial, { missing });
      assert.deepEqual([next.phase, next.effects], ["trial", ["remember", "wait", "wait"]]);
    }
    assert.deepEqual(resume("restarting", onTrial).effects, ["remember", "confirm"], "nothing is to be proved");
    assert.deepEqual(resume("restarting", onTrial, { missing: { mcu: false, cloud: true } }).effects, [
      "remember",
      "wait",
    ]);
  });

  it("counts the new build as good where nobody waits for its proof", () => {
    for (const recorded of ["installing", "restarting", "trial", "confirming"] as const) {
      assert.deepEqual(resume(recorded, asNew).verdict, { kind: "succeeded", proof: "confirmed" });
    }
  });

  it("installs again what the boot loader was never told of, or has forgotten", () => {
    for (const recorded of ["installing", "confirming"] as const) {
      const next = resume(recorded, {}, { tries: 0 });
      assert.deepEqual([next.phase, next.build, next.slot, next.effects], ["queued", undefined, undefined, []]);
    }
  });

  it("tries a build again that was cut off from outside, a bounded number of times, and waits before", () => {
    for (const recorded of ["restarting", "trial"] as const) {
      for (const resetReason of ["power", "pin", "brownout"] as const) {
        const next = resume(recorded, { resetReason }, { tries: TRIALS_MAX - 1 });
        assert.deepEqual([next.phase, next.isHeld, next.effects], ["queued", true, ["remember", "wait"]]);
        assert.deepEqual([next.revertedBuilds, next.verdict], [[], undefined]);
        const last = resume(recorded, { resetReason }, { tries: TRIALS_MAX });
        assert.match(
          last.verdict?.kind === "rolled-back" ? last.verdict.failure.detail : "",
          /at the last of 3 boots$/,
        );
        assert.deepEqual(last.revertedBuilds, [BUILD.sha256]);
      }
    }
  });

  it("blames the build for every other reset, and for one that nobody knows the reason of", () => {
    for (const [resetReason, says] of [
      ["software", /1\.1\.0 restarted before/],
      ["crash", /1\.1\.0 crashed before/],
      ["watchdog", /1\.1\.0 hung before/],
      ["unknown", /1\.1\.0 restarted before/],
    ] as const) {
      assert.strictEqual(resetCauseOf(resetReason), "Ferry");
      const { verdict } = resume("trial", { resetReason });
      assert.match(verdict?.kind === "rolled-back" ? verdict.failure.detail : "", says);
    }
  });

  it("waits in each life that takes such a build up again, and writes that down once", () => {
    const first = resumeSelfUpdate({
      state: { ...SELF_IDLE, offer: OFFER, build: BUILD, slot: "ota_1", tries: 1 },
      recorded: "trial",
      passiveSlot: "ota_1",
      isPending: false,
      resetReason: "power",
      confirmationMs: CONFIRMATION_MS,
    });
    assert.deepEqual(first.effects, [{ do: "remember" }, { do: "wait", wait: "repeat", ms: REPEAT_DELAY_MS }]);
    const { state, recorded } = decodeSelfUpdate(encodeSelfUpdate(first.state));
    assert.deepEqual([recorded, state.tries, state.isHeld], ["pending", 1, false]);
    const second = resume(recorded, {}, state);
    assert.deepEqual([second.phase, second.isHeld, second.effects], ["queued", true, ["wait"]]);
  });

  it("tries a build again that never came up, a bounded number of times", () => {
    assert.strictEqual(resume("restarting", {}, { tries: TRIES_MAX - 1 }).phase, "queued");
    const next = resume("restarting", {}, { tries: TRIES_MAX });
    assert.deepInclude(next.verdict?.kind === "rolled-back" && next.verdict.failure, { cause: "reverted" });
    assert.deepEqual(next.revertedBuilds, [BUILD.sha256]);
  });

  it("knows a build that was rolled back, and why", () => {
    const crashed = resume("trial");
    assert.deepInclude(crashed.verdict?.kind === "rolled-back" && crashed.verdict.failure, { cause: "reverted" });
    const unconfirmed = failure("restart", "unconfirmed", "no cloud");
    const gaveUp = resume("reverting", {}, { failure: unconfirmed });
    assert.deepEqual(gaveUp.verdict, { kind: "rolled-back", failure: unconfirmed });
    assert.deepEqual(gaveUp.effects, ["remember", "report-verdict"]);
  });

  it("remembers so many of them, the last one first, each once", () => {
    const others = Array.from({ length: REVERTED_BUILDS_MAX }, (_, index) => `${index}`);
    assert.deepEqual(resume("trial", {}, { revertedBuilds: others }).revertedBuilds, [
      BUILD.sha256,
      ...others.slice(0, REVERTED_BUILDS_MAX - 1),
    ]);
    const twice = resume("trial", {}, { revertedBuilds: ["1", BUILD.sha256, "2"] });
    assert.deepEqual(twice.revertedBuilds, [BUILD.sha256, "1", "2"]);
  });

  it("goes on with what had not touched the slot yet, and rests after the end", () => {
    assert.strictEqual(resume("pending").phase, "queued");
    const verdict = { kind: "failed", failure: FAILED } as const;
    const ended = resume("ended", {}, { verdict });
    assert.deepEqual([ended.phase, ended.verdict, ended.effects], ["ended", verdict, []]);
    assert.strictEqual(resume("idle").phase, "idle");
  });

  it("puts on trial whatever the boot loader waits for, and leaves the record alone when it does not know it", () => {
    for (const recorded of ["idle", "pending", "ended"] as const) {
      const next = resume(recorded, { isPending: true }, { missing });
      assert.deepEqual([next.phase, next.slot, next.effects], ["trial", undefined, ["wait", "wait"]], recorded);
    }
  });
});

describe("the record of Ferry's own update", () => {
  const phases: readonly (readonly [SelfPhase, SelfRecordPhase])[] = [
    ["queued", "pending"],
    ["staging", "pending"],
    ["checking", "pending"],
    ["waiting", "pending"],
    ["installing", "installing"],
    ["restarting", "restarting"],
    ["trial", "trial"],
    ["confirming", "confirming"],
    ["reverting", "reverting"],
    ["ended", "ended"],
  ];
  for (const [phase, recorded] of phases) {
    it(`keeps all that another life needs: ${phase}`, () => {
      const state = inPhase(phase, { force: true, tries: 2, failure: FAILED, revertedBuilds: ["aa", "bb"] });
      const verdict = { kind: "rolled-back", failure: FAILED } as const;
      const decoded = decodeSelfUpdate(
        encodeSelfUpdate({ ...state, verdict, activity: BUSY, missing: { mcu: true, cloud: true } }),
      );
      assert.deepEqual(decoded, { state: { ...state, phase: "idle", verdict }, recorded });
    });
  }

  const damaged: readonly (readonly [what: string, text: string])[] = [
    ["is no JSON", "{"],
    ["is an array", "[]"],
    ["has no offer", JSON.stringify({ phase: "installing", build: BUILD })],
    ["has an unknown phase", JSON.stringify({ phase: "flying", offer: OFFER })],
  ];
  for (const [what, text] of damaged) {
    it(`means that nothing is under way when it ${what}`, () => {
      assert.strictEqual(decodeSelfUpdate(encodeUtf8(text)).recorded, "idle");
    });
  }

  it("loses of what it cannot read that part only", () => {
    const record = {
      phase: "trial",
      offer: OFFER,
      build: { version: 1 },
      slot: 7,
      tries: "2",
      failure: {},
      verdict: "ok",
    };
    const text = JSON.stringify({ ...record, force: 1, revertedBuilds: [1, "aa", null] });
    const { state, recorded } = decodeSelfUpdate(encodeUtf8(text));
    assert.strictEqual(recorded, "trial");
    assert.deepEqual(state, { ...SELF_IDLE, offer: OFFER, revertedBuilds: ["aa"] });
  });

  it("has room for the longest texts", () => {
    const name = "漢".repeat(FIRMWARE_TEXT_MAX);
    const url = `http://h/${'"'.repeat(URL_LENGTH_MAX - 9)}`;
    const digest = "a".repeat(64);
    const offer = { ...OFFER, url, type: name, version: name, build: name, sha256: digest, md5: digest.slice(32) };
    const failed = failure("restart", "unconfirmed", "x".repeat(300), 1e9);
    const state = inPhase("ended", {
      offer,
      build: { version: name.slice(32), sha256: digest },
      verdict: { kind: "rolled-back", failure: failed },
      failure: failed,
      revertedBuilds: Array.from({ length: REVERTED_BUILDS_MAX }, () => digest),
    });
    assert.isAtMost(encodeSelfUpdate(state).length, RECORD_BODY_BYTES_MAX);
  });
});
