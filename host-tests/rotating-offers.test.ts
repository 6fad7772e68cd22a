/** Offers whose URL is another at each login: the content decides what becomes of them, and the download budget holds. */

import { assert } from "chai";
import { makeFirmware } from "../host/peers/firmware.js";
import { ProductBench } from "../host/peers/product-bench.js";
import type { WorkbenchOptions } from "../host/peers/workbench.js";
import { WHOLE_DOWNLOADS_MAX } from "../src/download/budget.js";
import { REJECTED_TRIES_MAX } from "../src/update/offer-book.js";

const HOUR_MS = 3_600_000;
const LOGIN_EVERY_MS = 10 * 60_000;

/** Firmware without a tag: the cloud knows neither type nor version. */
function untagged(bytes = 20_000, seed = 7): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * seed + (i >> 8)) & 0xff);
}

interface Shipped {
  readonly path: string;
  readonly type?: string;
  readonly version?: string;
  readonly build?: string;
  readonly bytes?: Uint8Array;
}

function makeBench(options: Omit<WorkbenchOptions, "online">): ProductBench {
  return new ProductBench("native", { ...options, mcu: { prefetch: true, ...options.mcu } });
}

/** Puts a file on the server and ships it. */
function ship(bench: ProductBench, { path, type = "", version = "", build = "", bytes = bench.image }: Shipped): void {
  const { behavior } = bench.server;
  bench.server.behavior = { ...behavior, files: { ...behavior.files, [path]: { bytes } } };
  bench.cloud.shipment = { url: `http://files.example${path}`, sizeBytes: bytes.length, type, version, build };
}

/** One login after another, each with the next shipment. */
function logIn(bench: ProductBench, shipments: readonly Shipped[]): void {
  for (const shipped of shipments) {
    ship(bench, shipped);
    const before = bench.cloud.offersMade;
    if (bench.cloud.logins.length === 0) bench.powerOn();
    else bench.cloud.hangUp();
    bench.clock.advance(LOGIN_EVERY_MS);
    assert.isAbove(bench.cloud.offersMade, before, "the cloud has offered");
  }
}

function verdicts(bench: ProductBench): string[] {
  return bench.news.flatMap((news) => (news.kind === "verdict" ? [news.verdict.kind] : []));
}

function reasons(bench: ProductBench): string[] {
  return bench.news.flatMap((news) => (news.kind === "not-taken" ? [news.reason] : []));
}

const tokens = (count: number, rest: Partial<Shipped> = {}): Shipped[] =>
  Array.from({ length: count }, (_, n) => ({ path: `/firmware.bin?token=${n}`, ...rest }));
const paths = (count: number, rest: Partial<Shipped> = {}): Shipped[] =>
  Array.from({ length: count }, (_, n) => ({ path: `/fw_${n}.bin`, ...rest }));

for (const type of ["", "TMPL0123456789"]) {
  describe(`An offer without a version, of type "${type}", with a new token at each login`, () => {
    it("is installed once, and downloaded as often as the budget allows", () => {
      const bench = makeBench({ image: untagged() });
      logIn(bench, tokens(10, { type }));
      assert.equal(bench.mcu.record.update.installs, 1);
      assert.isAtMost(bench.server.requests.length, WHOLE_DOWNLOADS_MAX);
      assert.deepEqual(verdicts(bench), ["succeeded"]);
      assert.match(reasons(bench).at(0) ?? "", /already installed/);
      const told = bench.cloud.timeline.filter(({ text }) => text.endsWith("accepted"));
      assert.lengthOf(told, 1, "what is left alone was never accepted");
    });

    it("is installed once also when Ferry's power fails between the logins", () => {
      const bench = makeBench({ image: untagged(), powerReturnsAfterMs: 1_000 });
      for (const shipped of tokens(5, { type })) {
        logIn(bench, [shipped]);
        bench.device.powerOff();
        bench.clock.advance(5_000);
      }
      assert.equal(bench.mcu.record.update.installs, 1);
      assert.isAtMost(bench.server.requests.length, WHOLE_DOWNLOADS_MAX);
    });

    it("is installed when it is another file, of the same size, that only the query tells apart", () => {
      const bench = makeBench({ image: untagged() });
      const second = untagged(20_000, 11);
      logIn(bench, [{ path: "/firmware.bin?file=1", type }]);
      logIn(bench, [{ path: "/firmware.bin?file=2", type, bytes: second }]);
      assert.equal(bench.mcu.record.update.installs, 2);
      assert.deepEqual([...bench.mcu.running.image], [...second]);
    });

    it("is not heard of by the MCU before its content is known to be new", () => {
      const bench = makeBench({ image: untagged() });
      logIn(bench, tokens(3, { type }));
      assert.lengthOf(bench.mcu.record.update.offers, 1);
    });
  });
}

describe("An image that the MCU rolls back, shipped from a new path at each login", () => {
  const options = { mcu: { bootsOldAfterUpdate: true } } as const;

  it(`is tried ${REJECTED_TRIES_MAX} times in all where its version is named`, () => {
    const bench = makeBench(options);
    const { type, version, build } = bench.makeOffer();
    logIn(bench, paths(8, { type, version, build }));
    assert.equal(bench.mcu.fired.bootsOldAfterUpdate, REJECTED_TRIES_MAX);
    assert.deepEqual(verdicts(bench), ["rolled-back", "rolled-back"]);
    assert.isAtMost(bench.server.requests.length, WHOLE_DOWNLOADS_MAX);
    assert.match(reasons(bench).at(-1) ?? "", /rolled back/);
  });

  it("is tried no more often when it comes under another version each time", () => {
    const bench = makeBench({ ...options, image: untagged() });
    const builds = paths(8).map((shipped, n) => ({ ...shipped, type: "TMPL0123456789", version: `2.0.${n}` }));
    logIn(bench, builds);
    assert.equal(bench.mcu.fired.bootsOldAfterUpdate, REJECTED_TRIES_MAX);
  });

  it("is tried no more often over restarts of Ferry", () => {
    const bench = makeBench({ ...options, powerReturnsAfterMs: 1_000 });
    const { type, version, build } = bench.makeOffer();
    for (const shipped of paths(5, { type, version, build })) {
      logIn(bench, [shipped]);
      bench.device.powerOff();
      bench.clock.advance(5_000);
    }
    assert.equal(bench.mcu.fired.bootsOldAfterUpdate, REJECTED_TRIES_MAX);
  });

  it("makes way for a mended build of the same version", () => {
    const bench = makeBench(options);
    const { type, version, build } = bench.makeOffer();
    logIn(bench, paths(4, { type, version, build }));
    bench.mcu.behavior.bootsOldAfterUpdate = false;
    const mended = { type, version, build: "Nov 30 2026 12:00:00" };
    logIn(bench, [{ path: "/mended.bin", ...mended, bytes: makeFirmware(bench.image.length, mended, 99) }]);
    assert.equal(verdicts(bench).at(-1), "succeeded");
  });
});

describe("A content that was installed", () => {
  it("is installed again when somebody offers it by hand", () => {
    const bench = makeBench({ image: untagged() });
    logIn(bench, tokens(2));
    bench.cloud.shipment = undefined;
    const leftAlone = reasons(bench).length;
    bench.offer({ url: "http://files.example/firmware.bin?token=1", type: "", version: "", build: "" });
    bench.runUntil(() => bench.mcu.record.update.installs === 2, HOUR_MS, "the second installation");
    assert.lengthOf(reasons(bench), leftAlone);
  });

  it("is installed again when other firmware was installed since", () => {
    const untaggedFirmware = { type: "TMPL0123456789", version: "1.0.0", build: "", blynkVersion: "0.7.0" };
    const bench = makeBench({ image: untagged(), mcu: { untaggedFirmware, firmware: untaggedFirmware } });
    const other = untagged(20_000, 11);
    logIn(bench, [{ path: "/a.bin?1" }, { path: "/b.bin?1", bytes: other }, { path: "/a.bin?2" }]);
    assert.equal(bench.mcu.record.update.installs, 3);
    assert.deepEqual(verdicts(bench), ["succeeded", "succeeded", "succeeded"]);
  });
});
