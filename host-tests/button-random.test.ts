/**
 * Random people at the button, against an oracle that restates the rules naively: it looks at the level every 5 ms and
 * counts, without machine or timers. All times are multiples of that.
 */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { PanelBench } from "./support/panel-bench.js";

const PIN = 4;
const TICK_MS = 5;
const RUNS = 60;
const PRESSES = 25;

interface Change {
  readonly atMs: number;
  readonly isDown: boolean;
}

/** Presses of all lengths, around the limits above all; some bounce, some are spikes. */
function makeTimeline(random: Random): Change[] {
  const changes: Change[] = [];
  let atMs = 100;
  const add = (isDown: boolean, durationMs: number): void => {
    changes.push({ atMs, isDown });
    atMs += durationMs;
  };
  const pick = (limits: readonly number[]): number => {
    const limit = limits[random.below(limits.length)] ?? 0;
    const off = random.chance(0.5) ? random.below(5) - 2 : random.below(200) - 100;
    return Math.max(TICK_MS, limit + off * TICK_MS);
  };
  for (let i = 0; i < PRESSES; i++) {
    const bounces = random.chance(0.3) ? 1 + random.below(4) : 0;
    for (let bounce = 0; bounce < bounces; bounce++) {
      add(true, TICK_MS * (1 + random.below(4)));
      add(false, TICK_MS * (1 + random.below(4)));
    }
    add(true, pick([30, 100, 400, 1_000, 4_000, 10_000, 15_000, 20_000]));
    add(false, pick([30, 100, 400, 1_000]));
  }
  add(false, 1_000);
  return changes;
}

/** What a person who watches the button, and knows the rules, says. */
class Watcher {
  readonly said: string[] = [];
  #raw = false;
  #rawSinceMs = 0;
  #isDown = false;
  #pressedAtMs = 0;
  /** Of a short press that may become a double click. */
  #releasedAtMs: number | undefined;
  #saidLong = false;
  #saidStart = false;
  #saidCancel = false;

  /** A look at the button, before it may change its level. */
  look(nowMs: number): void {
    if (nowMs - this.#rawSinceMs < 30) return; // restless: nothing is decided
    if (this.#raw !== this.#isDown) {
      this.#isDown = this.#raw;
      if (this.#isDown) this.#onPressed();
      else this.#onReleased(this.#rawSinceMs - this.#pressedAtMs);
    }
    if (this.#isDown) this.#onHeld(nowMs - this.#pressedAtMs);
    else if (this.#releasedAtMs !== undefined && nowMs - this.#releasedAtMs >= 400) this.#sayClick();
  }

  change(nowMs: number, isDown: boolean): void {
    if (isDown !== this.#raw) this.#rawSinceMs = nowMs;
    this.#raw = isDown;
  }

  #onPressed(): void {
    this.#pressedAtMs = this.#rawSinceMs;
    this.#saidLong = this.#saidStart = this.#saidCancel = false;
  }

  #onHeld(heldMs: number): void {
    if (heldMs >= 1_000 && !this.#saidLong) {
      this.#sayClick();
      this.said.push("long-press");
      this.#saidLong = true;
    }
    if (heldMs >= 10_000 && !this.#saidStart) {
      this.said.push("reset-start");
      this.#saidStart = true;
    }
    if (heldMs >= 15_000) this.#cancel();
  }

  #onReleased(heldMs: number): void {
    if (this.#saidLong) {
      if (heldMs >= 15_000) this.#cancel();
      this.said.push("long-release");
      if (this.#saidStart && !this.#saidCancel) this.said.push("reset-config", "reset-done");
    } else if (this.#releasedAtMs === undefined) {
      this.#releasedAtMs = this.#rawSinceMs;
    } else {
      this.said.push("double-click");
      this.#releasedAtMs = undefined;
    }
  }

  #sayClick(): void {
    if (this.#releasedAtMs !== undefined) this.said.push("click");
    this.#releasedAtMs = undefined;
  }

  #cancel(): void {
    if (this.#saidStart && !this.#saidCancel) this.said.push("reset-cancel");
    this.#saidCancel = true;
  }
}

function judge(changes: readonly Change[], endMs: number): string[] {
  const watcher = new Watcher();
  let next = 0;
  for (let nowMs = 0; nowMs <= endMs; nowMs += TICK_MS) {
    watcher.look(nowMs);
    for (let change = changes[next]; change && change.atMs <= nowMs; change = changes[++next]) {
      watcher.change(nowMs, change.isDown);
    }
  }
  return watcher.said;
}

describe("A button that random people press", () => {
  const heardInAll = new Map<string, number>();

  for (let seed = 1; seed <= RUNS; seed++) {
    it(`says what the rules say (seed ${seed})`, () => {
      const bench = new PanelBench();
      assert.isTrue(bench.panel.initButton(PIN, true));
      const timeline = makeTimeline(new Random(seed));
      for (const { atMs, isDown } of timeline) {
        bench.clock.advance(atMs - bench.clock.now());
        bench.pins.connect(PIN, isDown ? 0 : undefined);
      }
      bench.pass(2_000);
      assert.deepEqual(bench.heard, judge(timeline, bench.clock.now()));
      assert.equal(bench.clock.pending, 0);
      for (const what of bench.heard) heardInAll.set(what, (heardInAll.get(what) ?? 0) + 1);
    });
  }

  it("has said everything that it can say, often", () => {
    const counts = [
      "click",
      "double-click",
      "long-press",
      "long-release",
      "reset-start",
      "reset-config",
      "reset-done",
      "reset-cancel",
    ].map((what) => heardInAll.get(what) ?? 0);
    assert.isAtLeast(Math.min(...counts), RUNS / 2, `${counts}`);
  });
});
