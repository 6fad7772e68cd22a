/** An update whose image was downloaded too often for its server: it waits, tells everybody, and goes on by itself. */

import { assert } from "chai";
import { FIRMWARE_PATH, SERVER_HOST, Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";
import { VirtualClock } from "../host/sim/clock.js";
import { failure } from "../src/base/failure.js";
import { WINDOW_MS } from "../src/download/budget.js";
import { PrefetchStatus } from "../src/rpc/protocol.js";
import type { DownloadCallbacks, UpdateImage } from "../src/update/update-needs.js";
import { Updater } from "../src/update/updater.js";

const HOUR_MS = 3_600_000;

/** A server that breaks off its first three answers before the file's first byte. */
function startHeld(options: WorkbenchOptions = {}): Workbench {
  const bench = new Workbench({
    mcu: { prefetch: true },
    server: { cutAtByte: { byte: 0, times: 3 } },
    powerReturnsAfterMs: 1_000,
    ...options,
  });
  bench.start();
  bench.offer();
  bench.runUntil(() => bench.last("held") !== undefined, 60_000, "the wait");
  assert.equal(bench.server.fired.cutAtByte, 3);
  return bench;
}

function assertGoesOn(bench: Workbench): void {
  assert.deepEqual(bench.awaitVerdict(WINDOW_MS + HOUR_MS), { kind: "succeeded", proof: "version" });
  assert.isAbove(bench.clock.now(), WINDOW_MS);
  assert.equal(bench.server.requests.length, 4);
  assert.isTrue(bench.mcuRunsNewImage);
  assert.deepEqual([...bench.mcu.violations], []);
}

describe("an update whose image was downloaded three times in vain", () => {
  it("answers the MCU's Prefetch, refuses its Start, and installs a day later without anybody's doing", () => {
    const bench = startHeld();
    const held = bench.last("held");
    assert.equal(held?.failure.cause, "budget");
    assert.closeTo(held?.waitMs ?? 0, WINDOW_MS, 60_000);
    bench.clock.advance(HOUR_MS);
    const { prefetchStatuses, writes, offers } = bench.mcu.record.update;
    assert.deepEqual(prefetchStatuses, [PrefetchStatus.REQUEST_FAILED]);
    assert.deepEqual([writes, offers.length, bench.count("verdict")], [0, 1, 0]);
    assert.notInclude(bench.mcu.record.update.startAnswers, true);
    assertGoesOn(bench);
    assert.lengthOf(bench.mcu.record.update.offers, 2);
  });

  it("cancels the transfer to an MCU that did not prefetch", () => {
    const bench = startHeld({ mcu: { prefetch: false } });
    bench.clock.advance(10_000);
    assert.equal(bench.mcu.record.update.cancels, 1);
    assertGoesOn(bench);
  });

  it("goes on through restarts of Ferry", () => {
    const bench = startHeld();
    for (let i = 0; i < 3; i++) {
      bench.clock.advance(5 * HOUR_MS);
      bench.device.powerOff();
    }
    bench.clock.advance(5 * 60_000);
    assert.equal(bench.server.requests.length, 3);
    assert.isAtMost(bench.last("held")?.waitMs ?? 0, WINDOW_MS - 14 * HOUR_MS);
    assertGoesOn(bench);
  });

  it("goes on after the MCU has restarted, too", () => {
    const bench = startHeld();
    bench.clock.advance(HOUR_MS);
    bench.mcu.reset();
    assertGoesOn(bench);
  });

  it("asks the new URL of the same digest, when its time has come", () => {
    const bench = new Workbench({ mcu: { prefetch: true }, server: { cutAtByte: { byte: 0, times: 3 } } });
    bench.start();
    const sha256 = bench.sha256OfImage();
    bench.offer({ sha256 });
    bench.runUntil(() => bench.last("held") !== undefined, 60_000, "the wait");
    bench.server.behavior = { files: { "/rotated.bin": { bytes: bench.image } } };
    bench.offer({ sha256, url: `http://${SERVER_HOST}/rotated.bin` });
    assertGoesOn(bench);
    assert.equal(bench.server.requests.at(-1)?.path, "/rotated.bin");
  });

  it("makes way for another image at once", () => {
    const bench = startHeld();
    bench.server.behavior = { files: { "/other.bin": { bytes: bench.image } } };
    bench.offer({ url: `http://${SERVER_HOST}/other.bin`, build: "Nov 30 2026 12:00:00" });
    assert.equal(bench.awaitVerdict(HOUR_MS).kind, "succeeded");
    assert.notInclude(
      bench.server.requests.slice(3).map(({ path }) => path),
      FIRMWARE_PATH,
    );
  });
});

describe("an updater whose download goes on after a wait", () => {
  const OFFER = { url: "http://h/f.bin", sizeBytes: 100, type: "", version: "", build: "" };
  const HELD = failure("download", "budget", "too often");

  /** Lets the download of a prefetched image wait, and go on; returns the images that were downloaded into. */
  function downloadedInto(meanwhile: (images: UpdateImage[]) => void): UpdateImage[] {
    const images: UpdateImage[] = [];
    const started: { image: UpdateImage; events: DownloadCallbacks }[] = [];
    const updater = new Updater<UpdateImage>({
      clock: new VirtualClock(),
      images: {
        find: () => images[0],
        create: (offer) => {
          images[0] = { offer, facts: undefined, readableBytes: 0, read: () => 0, close: () => {} };
          return images[0];
        },
        roomFor: () => "now",
      },
      downloads: { start: (image, events) => started.push({ image, events }), cancel: () => {} },
      calls: {
        offer: () => ({ forget: () => {} }),
        cancel: () => {},
        chunkPlace: () => new Uint8Array(0),
        prepareWrite: () => {},
        holdPrepared: () => true,
        writePrepared: () => ({ forget: () => {} }),
        finish: () => ({ forget: () => {} }),
      },
      record: { read: () => ({ kind: "absent" }), write: () => {} },
      crc32: () => 0,
      onNews: () => {},
    });
    updater.onMcuReady();
    updater.offer(OFFER);
    updater.onPrefetch(() => {});
    const { events } = started[0] ?? assert.fail("no download");
    events.onHold(HELD, 1_000);
    meanwhile(images);
    events.onRelease();
    return started.map(({ image }) => image);
  }

  it("lets it go on into its image", () => {
    assert.lengthOf(
      downloadedInto(() => {}),
      1,
    );
  });

  it("begins it anew where its place was needed for something else meanwhile", () => {
    const [first, second, ...more] = downloadedInto((images) => images.splice(0));
    assert.isDefined(second);
    assert.notStrictEqual(first, second);
    assert.lengthOf(more, 0);
  });
});
