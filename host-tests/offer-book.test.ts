/** What is made of offers that come again and again: the rule, row by row, and what of it outlives a restart. */

import { assert } from "chai";
import { VirtualClock } from "../host/sim/clock.js";
import { crc32 } from "../src/base/crc.js";
import { type Cause, failure, type Stage } from "../src/base/failure.js";
import type { Offer } from "../src/image/offer.js";
import {
  CONTENTS_MAX,
  FAILED_REST_MS,
  FAILED_TRIES_MAX,
  OFFER_RULES,
  OfferBook,
  REST_KEEP_MS,
  sameVersion,
} from "../src/update/offer-book.js";
import type { Verdict } from "../src/update/verdict.js";

const OFFER: Offer = {
  url: "https://files.example/fw_1.bin?token=a",
  sizeBytes: 1_000,
  type: "TMPL",
  version: "2.0.0",
  build: "Nov 21 2026 12:00:00",
};
const OLD = { type: "TMPL", version: "1.0.0", build: "" };
const SUCCEEDED: Verdict = { kind: "succeeded", proof: "version" };
const ROLLED_BACK: Verdict = { kind: "rolled-back", failure: failure("restart", "wrong-version", "") };
const SHA256 = "ab".repeat(32);

function failed(stage: Stage, cause: Cause): Verdict {
  return { kind: "failed", failure: failure(stage, cause, "") };
}

/** A record in memory, and one book after another over it. */
class Desk {
  readonly clock = new VirtualClock();
  readonly faults: string[] = [];
  isFull = false;
  writes = 0;
  #body: Uint8Array | undefined;
  book = this.#open();

  restart(): void {
    this.book.close();
    this.book = this.#open();
  }

  damage(): void {
    this.#body = Uint8Array.of(1, 2, 3);
  }

  found(offer: Offer = OFFER, running = OLD, isUnderWay = false): string {
    return this.book.ruleFor(offer, running, isUnderWay ? "under way" : undefined).found;
  }

  #open(): OfferBook {
    const { clock } = this;
    return new OfferBook({
      clock,
      crc32,
      record: {
        read: () => (this.#body ? { kind: "valid", body: this.#body } : { kind: "absent" }),
        write: (body) => {
          if (this.isFull) throw new Error("full");
          this.writes++;
          this.#body = body.slice();
        },
      },
      onFault: (detail) => this.faults.push(detail),
    });
  }
}

describe("The rule for offers that come by themselves", () => {
  it("has a row for each finding, once, and the last one catches all", () => {
    const names = OFFER_RULES.map(({ found }) => found);
    assert.equal(new Set(names).size, names.length);
    assert.equal(names.at(-1), "any");
    assert.deepEqual(
      OFFER_RULES.filter(({ taken }) => taken).map(({ found }) => found),
      ["under way", "any"],
    );
  });

  it("takes what is not known, and what is under way whatever became of it before", () => {
    const desk = new Desk();
    assert.equal(desk.found(), "any");
    desk.book.note(OFFER, ROLLED_BACK);
    assert.equal(desk.found(OFFER, OLD, true), "under way");
  });

  it("knows one version from two places, as far as both offers name it and no digest tells", () => {
    const elsewhere = { ...OFFER, url: "https://mirror.example/x.bin" };
    assert.isTrue(sameVersion(OFFER, elsewhere));
    assert.isTrue(sameVersion(OFFER, { ...elsewhere, type: "", build: "", sha256: SHA256 }));
    for (const other of [
      { version: "" },
      { version: "2.0.1" },
      { type: "OTHER" },
      { build: "Nov 22 2026 12:00:00" },
      { sizeBytes: OFFER.sizeBytes + 1 },
    ])
      assert.isFalse(sameVersion(OFFER, { ...elsewhere, ...other }), JSON.stringify(other));
    const digest = { sha256: SHA256 };
    assert.isFalse(sameVersion({ ...OFFER, ...digest }, { ...elsewhere, ...digest }), "sameContent tells");
  });

  it("leaves alone what the device names, as far as both sides name it", () => {
    const desk = new Desk();
    assert.equal(desk.found(OFFER, { type: "TMPL", version: "2.0.0", build: "" }), "running");
    assert.equal(desk.found(OFFER, { type: "", version: "2.0.0", build: "" }), "running");
    assert.equal(desk.found({ ...OFFER, sha256: SHA256 }, { type: "TMPL", version: "2.0.0", build: "" }), "running");
    assert.equal(desk.found(OFFER, { type: "OTHER", version: "2.0.0", build: "" }), "any");
    assert.equal(desk.found(OFFER, { type: "TMPL", version: "2.0.0", build: "Nov 22 2026 12:00:00" }), "any");
    assert.equal(desk.found({ ...OFFER, version: "" }, { type: "TMPL", version: "", build: "" }), "any");
  });

  it("leaves alone what was installed, unless the device names another version since", () => {
    const desk = new Desk();
    desk.book.note(OFFER, SUCCEEDED);
    assert.equal(desk.found(OFFER, { type: "TMPL", version: "", build: "" }), "installed");
    assert.equal(desk.found(OFFER, { type: "TMPL", version: "1.5.0", build: "" }), "any");
    const nameless = { ...OFFER, version: "", build: "" };
    desk.book.note(nameless, SUCCEEDED);
    assert.equal(desk.found(nameless), "installed");
  });

  it("never takes what was rolled back, or failed by what it is, however long ago", () => {
    const causes: [Stage, Cause][] = [
      ["verify", "mismatch"],
      ["restart", "wrong-version"],
      ["restart", "no-return"],
      ["verify", "wrong-chip"],
      ["verify", "not-newer"],
      ["verify", "untrusted"],
      ["verify", "tried-before"],
    ];
    for (const verdict of [ROLLED_BACK, ...causes.map(([stage, cause]) => failed(stage, cause))]) {
      const desk = new Desk();
      desk.book.note(OFFER, verdict);
      desk.clock.advance(30 * FAILED_REST_MS);
      desk.restart();
      assert.equal(desk.found(), "rejected", JSON.stringify(verdict));
    }
  });

  it("takes what failed on the way again, until it has failed too often, and after a rest again", () => {
    const desk = new Desk();
    for (let tries = 1; tries <= FAILED_TRIES_MAX; tries++) {
      assert.equal(desk.found(), "any");
      desk.book.note(OFFER, failed("download", "connect"));
    }
    assert.equal(desk.found(), "failing");
    desk.clock.advance(FAILED_REST_MS - 1);
    assert.equal(desk.found(), "failing");
    desk.clock.advance(1);
    assert.equal(desk.found(), "any");
    desk.book.note(OFFER, failed("download", "connect"));
    assert.equal(desk.found(), "any", "they are counted anew");
  });

  it("forgets failures when the update succeeds after all", () => {
    const desk = new Desk();
    desk.book.note(OFFER, failed("restart", "no-return"));
    desk.book.note(OFFER, SUCCEEDED);
    assert.equal(desk.found(OFFER, { type: "", version: "", build: "" }), "installed");
  });
});

describe("The same content", () => {
  it("is recognized at another URL by its digest, and without one by all but the URL's query", () => {
    const desk = new Desk();
    desk.book.note(OFFER, ROLLED_BACK);
    assert.equal(desk.found({ ...OFFER, url: "https://files.example/fw_1.bin?token=b" }), "rejected");
    assert.equal(desk.found({ ...OFFER, url: "https://files.example/fw_2.bin?token=a" }), "any", "shipped anew");
    for (const change of [{ sizeBytes: 1_001 }, { version: "2.0.1" }, { build: "" }, { type: "" }]) {
      assert.equal(desk.found({ ...OFFER, ...change }), "any", JSON.stringify(change));
    }
    const digested = { ...OFFER, url: "https://files.example/fw_3.bin", sha256: SHA256 };
    desk.book.note(digested, ROLLED_BACK);
    assert.equal(desk.found({ ...digested, url: "https://other.example/x", sha256: SHA256.toUpperCase() }), "rejected");
    assert.equal(desk.found({ ...digested, sha256: "cd".repeat(32) }), "any");
  });

  it("is told by the whole URL where no version is named", () => {
    const desk = new Desk();
    desk.book.note({ ...OFFER, version: "" }, ROLLED_BACK);
    assert.equal(desk.found({ ...OFFER, version: "", url: "https://files.example/fw_1.bin?token=b" }), "any");
  });
});

describe("The book of offers", () => {
  it("remembers over restarts, and the rest goes on where it was", () => {
    const desk = new Desk();
    for (let tries = 0; tries < FAILED_TRIES_MAX; tries++) desk.book.note(OFFER, failed("offer", "declined"));
    desk.clock.advance(FAILED_REST_MS / 2);
    desk.restart();
    assert.equal(desk.found(), "failing");
    desk.clock.advance(FAILED_REST_MS / 2 - 2 * REST_KEEP_MS);
    assert.equal(desk.found(), "failing");
    desk.clock.advance(3 * REST_KEEP_MS);
    assert.equal(desk.found(), "any");
  });

  it("writes the time down only while a content rests", () => {
    const desk = new Desk();
    desk.book.note(OFFER, SUCCEEDED);
    desk.book.note({ ...OFFER, version: "3.0.0" }, failed("offer", "declined"));
    const before = desk.writes;
    desk.clock.advance(FAILED_REST_MS);
    assert.equal(desk.writes, before);
  });

  it("counts a verdict once that an earlier life left and noted, and notes one that it did not", () => {
    const desk = new Desk();
    desk.book.note(OFFER, failed("offer", "declined"));
    for (let life = 0; life < 5; life++) {
      desk.restart();
      desk.book.noteAgain(OFFER, failed("offer", "declined"));
    }
    assert.equal(desk.found(), "any");
    desk.restart();
    desk.book.noteAgain(OFFER, ROLLED_BACK);
    assert.equal(desk.found(), "rejected");
  });

  it("forgets the oldest when it is full, and nothing else", () => {
    const desk = new Desk();
    const versions = Array.from({ length: CONTENTS_MAX + 1 }, (_, index) => `2.0.${index}`);
    for (const version of versions) desk.book.note({ ...OFFER, version }, ROLLED_BACK);
    desk.restart();
    assert.deepEqual(
      versions.map((version) => desk.found({ ...OFFER, version })),
      ["any", ...Array.from({ length: CONTENTS_MAX }, () => "rejected")],
    );
  });

  it("begins anew with a damaged record, and says when it cannot write", () => {
    const desk = new Desk();
    desk.book.note(OFFER, ROLLED_BACK);
    desk.damage();
    desk.restart();
    assert.equal(desk.found(), "any");
    desk.isFull = true;
    desk.book.note(OFFER, ROLLED_BACK);
    assert.equal(desk.found(), "rejected", "known all the same, in this life");
    assert.match(desk.faults[0] ?? "", /forgotten at the next restart: full/);
  });
});
