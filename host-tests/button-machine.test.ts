import { assert } from "chai";
import {
  type ButtonAction,
  type ButtonEvent,
  type ButtonPhase,
  type ButtonState,
  DOUBLE_CLICK_MS,
  deadlineOf,
  HOLD_SHOWN_MS,
  hintOf,
  isDown,
  LONG_PRESS_MS,
  RESET_CANCEL_MS,
  RESET_HOLD_MS,
  stepButton,
  UNREADY,
} from "../src/panel/button-machine.js";

const PRESSED_AT_MS = 5_000;

/** From the phase, by the event, to a phase and what is done; "-": nothing happens. */
type Row = readonly [
  from: ButtonPhase,
  by: "pressed" | "released" | "timeout",
  to: ButtonPhase | "-",
  ...ButtonAction[],
];

const TABLE: readonly Row[] = [
  ["unready", "pressed", "-"],
  ["unready", "released", "up"],
  ["unready", "timeout", "-"],
  ["up", "pressed", "down"],
  ["up", "released", "-"],
  ["up", "timeout", "-"],
  ["down", "pressed", "-"],
  ["down", "released", "clicked"],
  ["down", "timeout", "held", "long-press"],
  ["clicked", "pressed", "down-again"],
  ["clicked", "released", "-"],
  ["clicked", "timeout", "up", "click"],
  ["down-again", "pressed", "-"],
  ["down-again", "released", "up", "double-click"],
  ["down-again", "timeout", "held", "click", "long-press"],
  ["held", "pressed", "-"],
  ["held", "released", "up", "long-release"],
  ["held", "timeout", "hold-shown"],
  ["hold-shown", "pressed", "-"],
  ["hold-shown", "released", "up", "long-release"],
  ["hold-shown", "timeout", "armed", "reset-start"],
  ["armed", "pressed", "-"],
  ["armed", "released", "up", "long-release", "reset-config", "reset-done"],
  ["armed", "timeout", "cancelled", "reset-cancel"],
  ["cancelled", "pressed", "-"],
  ["cancelled", "released", "up", "long-release"],
  ["cancelled", "timeout", "-"],
];

describe("The button machine", () => {
  const from = (phase: ButtonPhase): ButtonState => ({ phase, sinceMs: PRESSED_AT_MS });
  const event = (kind: "pressed" | "released" | "timeout", atMs = PRESSED_AT_MS + 1): ButtonEvent =>
    kind === "timeout" ? { kind } : { kind, atMs };

  for (const [phase, by, to, ...actions] of TABLE) {
    it(`${phase}, ${by}: ${to === "-" ? "nothing" : [`goes ${to}`, ...actions].join(", ")}`, () => {
      const before = from(phase);
      const step = stepButton(before, event(by));
      assert.deepEqual([...step.actions], actions);
      if (to === "-") return assert.strictEqual(step.state, before);
      assert.equal(step.state.phase, to);
    });
  }

  it("has a row for each phase and each event", () => {
    const rows = new Set(TABLE.map(([phase, by]) => `${phase} ${by}`));
    assert.equal(rows.size, TABLE.length);
    assert.equal(rows.size, 3 * new Set(TABLE.map(([phase]) => phase)).size);
    for (const [, , to] of TABLE) if (to !== "-") assert.isTrue(rows.has(`${to} timeout`), to);
  });

  it("counts the times of a press from its beginning, whenever a timeout comes", () => {
    let { state } = stepButton(from("up"), event("pressed", 7_000));
    const deadlines: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      deadlines.push(deadlineOf(state));
      ({ state } = stepButton(state, event("timeout")));
    }
    assert.deepEqual(deadlines, [
      7_000 + LONG_PRESS_MS,
      7_000 + HOLD_SHOWN_MS,
      7_000 + RESET_HOLD_MS,
      7_000 + RESET_CANCEL_MS,
      undefined,
    ]);
  });

  it("waits for a second click from the release of the first", () => {
    const { state } = stepButton(from("down"), event("released", 9_000));
    assert.equal(deadlineOf(state), 9_000 + DOUBLE_CLICK_MS);
  });

  it("waits for nothing while it is up, unready or cancelled", () => {
    for (const state of [UNREADY, from("up"), from("cancelled")]) assert.isUndefined(deadlineOf(state));
  });

  it("cancels, and resets nothing, when the release is seen from the 15th second on, whoever missed the timeout", () => {
    const release = (heldMs: number) => stepButton(from("armed"), event("released", PRESSED_AT_MS + heldMs));
    assert.include(release(RESET_CANCEL_MS - 1).actions, "reset-config");
    for (const heldMs of [RESET_CANCEL_MS, RESET_CANCEL_MS + 60_000]) {
      assert.deepEqual([...release(heldMs).actions], ["reset-cancel", "long-release"]);
      assert.equal(release(heldMs).state.phase, "up");
    }
  });

  it("gives the LED a hint from 4 s on, another from 10 s on, and none otherwise", () => {
    const phases = [...new Set(TABLE.map(([phase]) => phase))];
    assert.deepEqual(
      phases.filter((phase) => hintOf(from(phase))).map((phase) => [phase, hintOf(from(phase))]),
      [
        ["hold-shown", "hold"],
        ["armed", "release-to-reset"],
      ],
    );
  });

  it("knows in which phases the button is down", () => {
    const phases = [...new Set(TABLE.map(([phase]) => phase))];
    assert.sameMembers(
      phases.filter((phase) => !isDown(from(phase))),
      ["up", "clicked"],
    );
  });

  it("changes no state that it was given", () => {
    const state = Object.freeze(from("armed"));
    stepButton(state, event("released"));
    assert.deepEqual(state, from("armed"));
  });
});
