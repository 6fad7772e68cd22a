/** What Ferry holds of the engine's heap, on XS: the heap of the chip does not grow, and docs/budgets.md counts on this. */

import { assert } from "chai";
import { type HeldSlots, measureHeld } from "../../bench/memory.js";

describe("The memory of Ferry on XS", () => {
  let held: HeldSlots;

  before(async () => {
    held = await measureHeld();
  });

  it("is little when Ferry has started: what is constant lies in flash", () => {
    assert.isAtMost(held.started, 1_950);
  });

  it("is bounded with network, cloud, button and light", () => {
    assert.isAtMost(held.online, 2_650);
    assert.isAbove(held.online, held.started);
  });

  it("is bounded in an update with every queue full", () => {
    assert.isAtMost(held.crowded, 3_500);
    assert.isAbove(held.crowded, held.online + 500, "the queues were full");
  });
});
