/** What is remembered of whole downloads, and for how long. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { crc32 } from "../src/base/crc.js";
import { type BudgetRecord, DownloadBudget, WHOLE_DOWNLOADS_MAX, WINDOW_MS } from "../src/download/budget.js";
import type { Offer } from "../src/image/offer.js";
import { makeOffer } from "./support/image-bench.js";

const HOUR_MS = 3_600_000;

describe("The record of whole downloads", () => {
  function makeRecord(): BudgetRecord & { body: Uint8Array | undefined } {
    return {
      body: undefined,
      read() {
        return this.body ? { kind: "valid", body: this.body } : { kind: "absent" };
      },
      write(body) {
        this.body = body;
      },
    };
  }

  class StillClock {
    nowMs = 0;

    now(): number {
      return this.nowMs;
    }

    set(): undefined {}

    clear(): void {}
  }

  const offers = Array.from({ length: 9 }, (_, index) => makeOffer(100, { version: `${index}` }));
  const [first, second] = offers as [Offer, Offer];

  function spendAll(budget: DownloadBudget, offer: Offer): void {
    for (let i = 0; i < WHOLE_DOWNLOADS_MAX; i++) budget.spend(offer);
  }

  it("tells the wait from the last one, whenever the others were", () => {
    const clock = new StillClock();
    const budget = new DownloadBudget({ clock, crc32, record: makeRecord() });
    budget.spend(first);
    clock.nowMs += 23 * HOUR_MS;
    budget.spend(first);
    budget.spend(first);
    assert.strictEqual(budget.waitMs(first), WINDOW_MS);
    clock.nowMs += 2 * HOUR_MS;
    assert.strictEqual(budget.waitMs(first), WINDOW_MS - 2 * HOUR_MS, "those of the last hours are still three");
    clock.nowMs += 22 * HOUR_MS;
    assert.strictEqual(budget.waitMs(first), 0);
  });

  it("forgets what is a day old", () => {
    const clock = new StillClock();
    const budget = new DownloadBudget({ clock, crc32, record: makeRecord() });
    for (let day = 0; day < 10; day++) {
      assert.strictEqual(budget.waitMs(first), 0);
      budget.spend(first);
      clock.nowMs += WINDOW_MS;
    }
  });

  it("keeps eight contents, the latest", () => {
    const record = makeRecord();
    const budget = new DownloadBudget({ clock: new StillClock(), crc32, record });
    for (const offer of offers) spendAll(budget, offer);
    const next = new DownloadBudget({ clock: new StillClock(), crc32, record });
    const held = offers.filter((offer) => next.waitMs(offer) > 0).map(({ version }) => version);
    assert.deepEqual(held, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert.strictEqual(record.body?.length, 8 * 9);
  });

  it("counts nothing that the store did not take", () => {
    const record = makeRecord();
    const budget = new DownloadBudget({ clock: new StillClock(), crc32, record });
    spendAll(budget, second);
    record.write = () => {
      throw new Error("full");
    };
    for (let i = 0; i < 5; i++) assert.throws(() => budget.spend(first), "full");
    assert.strictEqual(budget.waitMs(first), 0);
    assert.isAbove(budget.waitMs(second), 0);
  });

  it("is read as far as it makes sense, whatever is in it", () => {
    const random = new Random(3);
    for (let i = 0; i < 500; i++) {
      const record = makeRecord();
      record.body = random.bytes(random.below(120));
      const budget = new DownloadBudget({ clock: new StillClock(), crc32, record });
      assert.isAtMost(budget.waitMs(first), WINDOW_MS);
      spendAll(budget, first);
      assert.strictEqual(budget.waitMs(first), WINDOW_MS);
      budget.keepTime();
      const next = new DownloadBudget({ clock: new StillClock(), crc32, record });
      assert.strictEqual(next.waitMs(first), WINDOW_MS);
    }
  });

  it("holds a digest for the same in capitals", () => {
    const budget = new DownloadBudget({ clock: new StillClock(), crc32, record: makeRecord() });
    spendAll(budget, makeOffer(100, { sha256: "ab".repeat(32) }));
    assert.isAbove(budget.waitMs(makeOffer(100, { sha256: "AB".repeat(32), url: "http://h/2" })), 0);
    spendAll(budget, makeOffer(100, { md5: "cd".repeat(16) }));
    assert.isAbove(budget.waitMs(makeOffer(100, { md5: "CD".repeat(16), url: "http://h/3" })), 0);
  });
});
