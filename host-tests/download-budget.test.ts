/** How often an image is downloaded as a whole: three times in 24 hours, as Blynk's file server has it, and no more. */

import { assert } from "chai";
import type { FileServerBehavior } from "../host/peers/file-response.js";
import { makeFirmware } from "../host/peers/firmware.js";
import { SimKeyValue } from "../host/sim/key-value.js";
import { Random } from "../host/sim/random.js";
import { KEEP_TIME_MS, WHOLE_DOWNLOADS_MAX, WINDOW_MS } from "../src/download/budget.js";
import { SEGMENT_BYTES } from "../src/store/segments.js";
import {
  assertFailed,
  COMPLETE,
  DownloadBench,
  type DownloadBenchOptions,
  HOST,
  PATH,
} from "./support/download-bench.js";

const HOUR_MS = 3_600_000;
const IMAGE = makeFirmware(5_000, undefined, 1);
/** Two segments, the second short. */
const LARGE = makeFirmware(SEGMENT_BYTES + 9_000, undefined, 2);
/** Each answer breaks off before its first byte: nothing is in hand, and the next request is for the whole. */
const NEVER_BEGINS = { cutAtByte: { byte: 0 } };

function makeBench(server: Partial<FileServerBehavior> = {}, options: DownloadBenchOptions = {}): DownloadBench {
  return new DownloadBench(IMAGE, { server, wholeDownloadsMax: WHOLE_DOWNLOADS_MAX, ...options });
}

/** Runs until the download waits for its budget; returns the wait. */
function awaitHold(bench: DownloadBench): number {
  const before = bench.holds.length;
  bench.clock.runUntil(() => bench.holds.length > before, 10 * HOUR_MS, "a hold");
  return bench.holds.at(-1)?.waitMs ?? 0;
}

/** Times at which the server began to send the file from its first byte. */
function wholeTimes(bench: DownloadBench): number[] {
  return bench.server.requests.filter(({ status }) => status === 200).map(({ atMs }) => atMs);
}

/** No 24 hours of the server's see more than three whole downloads. */
function assertBound(bench: DownloadBench, what = ""): void {
  const times = wholeTimes(bench);
  for (const [index, time] of times.entries()) {
    const inWindow = times.filter((other) => other >= time && other < time + WINDOW_MS).length;
    assert.isAtMost(inWindow, WHOLE_DOWNLOADS_MAX, `${what} from download ${index} on`);
  }
}

describe("The whole downloads of an image", () => {
  it("are three, and the next one waits for a day, and then comes by itself", () => {
    const bench = makeBench({ cutAtByte: { byte: 0, times: 3 } });
    bench.start();
    const waitMs = awaitHold(bench);
    assert.lengthOf(bench.requests, WHOLE_DOWNLOADS_MAX);
    assert.strictEqual(bench.network.connections, 0, "nothing is open meanwhile");
    assert.isTrue(bench.downloader.running);
    const { failure } = bench.holds[0] ?? assert.fail();
    assert.deepInclude(failure, { stage: "download", cause: "budget", offset: 0 });
    assert.match(failure.detail, /downloaded 3 times.*goes on by itself after 24 more hours/);
    bench.clock.advance(waitMs - 1_000);
    assert.deepEqual([bench.requests.length, bench.releases], [WHOLE_DOWNLOADS_MAX, 0]);
    assert.deepEqual(bench.finish(), COMPLETE);
    assert.deepEqual([bench.requests.length, bench.releases], [WHOLE_DOWNLOADS_MAX + 1, 1]);
    assert.strictEqual(bench.server.fired.cutAtByte, 3);
    assertBound(bench);
    bench.assertStaged();
  });

  it("come to an end as all requests do", () => {
    const bench = makeBench(NEVER_BEGINS);
    bench.start();
    const outcome = bench.finish(3 * WINDOW_MS);
    assertFailed(outcome, { stage: "download", cause: "request" }, /gave up after 5 requests/);
    assert.lengthOf(bench.holds, 1);
    assertBound(bench);
  });

  it("are counted over restarts, and a power cut costs the wait little", () => {
    const bench = makeBench(NEVER_BEGINS);
    for (let life = 0; life < WHOLE_DOWNLOADS_MAX; life++) {
      bench.start();
      bench.clock.runUntil(() => bench.requests.length === life + 1, HOUR_MS);
      bench.clock.advance(100);
      bench.reboot();
    }
    bench.start();
    assert.isAbove(awaitHold(bench), WINDOW_MS - 60_000);
    bench.clock.advance(20 * HOUR_MS);
    bench.reboot();
    bench.start();
    const waitMs = awaitHold(bench);
    assert.isBelow(waitMs, 4 * HOUR_MS + KEEP_TIME_MS + 2_000);
    assert.isAbove(waitMs, 4 * HOUR_MS - 60_000);
    assert.lengthOf(bench.requests, WHOLE_DOWNLOADS_MAX);
    bench.server.behavior = { files: bench.server.behavior.files };
    assert.deepEqual(bench.finish(5 * HOUR_MS), COMPLETE);
    assertBound(bench);
  });

  it("are counted for each offer of it", () => {
    const bench = makeBench({}, { file: { replacement: { bytes: IMAGE } } });
    const wrong = bench.makeOffer({ sha256: "0".repeat(64) });
    for (let i = 0; i < WHOLE_DOWNLOADS_MAX; i++) assertFailed(bench.run(wrong), { cause: "mismatch" }, /^SHA-256/);
    bench.start(wrong);
    assert.isAbove(awaitHold(bench), 0);
    assert.lengthOf(bench.requests, WHOLE_DOWNLOADS_MAX);
    assert.deepEqual(bench.run(bench.makeSignedOffer()), COMPLETE, "of another image is another matter");
  });

  it("are no more, and no longer held back than need be, whatever becomes of power and offers, with 12 seeds", () => {
    let held = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Random(seed);
      const bench = makeBench({ ...NEVER_BEGINS, latencyMs: 50 });
      for (let life = 0; life < 8; life++) {
        bench.start();
        bench.clock.advance(random.chance(0.5) ? random.below(60_000) : random.below(30 * HOUR_MS));
        if (random.chance(0.3)) bench.downloader.cancel();
        else bench.reboot();
      }
      held += bench.holds.length;
      assertBound(bench, `seed ${seed}`);
      bench.server.behavior = { files: bench.server.behavior.files };
      bench.start();
      assert.deepEqual(bench.finish(WINDOW_MS + HOUR_MS), COMPLETE, `seed ${seed}`);
      assertBound(bench, `seed ${seed}, at last`);
    }
    assert.isAbove(held, 12);
  });

  it("go on in lives that last no longer than it takes to keep the time", () => {
    const bench = makeBench({ cutAtByte: { byte: 0, times: 3 } });
    bench.start();
    awaitHold(bench);
    let lives = 0;
    for (; bench.outcomes.length === 0 && lives < 1_000; lives++) {
      bench.reboot();
      bench.start();
      bench.clock.advance(KEEP_TIME_MS + 10_000);
    }
    assert.deepEqual(bench.outcomes, [COMPLETE]);
    assert.isAtMost(lives, WINDOW_MS / KEEP_TIME_MS + 1);
  });
});

describe("Among the whole downloads", () => {
  it("those that go on where an earlier one ended do not count", () => {
    const bench = makeBench({ cutAtByte: { byte: 300, times: 12 } });
    assert.deepEqual(bench.run(), COMPLETE);
    assert.strictEqual(bench.server.fired.cutAtByte, 12);
    assert.lengthOf(bench.holds, 0);
    assert.lengthOf(wholeTimes(bench), 1);
  });

  it("those that go on after a power cut do not count", () => {
    const bench = new DownloadBench(LARGE, { wholeDownloadsMax: 1 });
    bench.start();
    bench.clock.runUntil(() => bench.progress.length > 0, 60_000);
    bench.reboot();
    assert.deepEqual(bench.run(), COMPLETE);
    assert.deepEqual(bench.requests, ["whole 200", `bytes=${SEGMENT_BYTES}- if "one" 206`]);
  });

  it("answers without the file do not count: statuses, redirects, refusals, silence", () => {
    for (const server of [
      { statusFor: { status: 503, times: 2 } },
      { refusesConnections: { times: 2 } },
      { redirects: { "/a": { location: "/b" }, "/b": { location: "/c" }, "/c": { location: "/d" } } },
    ]) {
      const bench = makeBench({ ...server, cutAtByte: { byte: 0, times: 2 } });
      const { redirects } = bench.server.behavior;
      const moved = { ...redirects, ...(redirects ? { "/d": { location: PATH } } : {}) };
      bench.server.behavior = { ...bench.server.behavior, redirects: moved };
      const offer = bench.makeOffer(redirects ? { url: `http://${HOST}/a` } : {});
      assert.deepEqual(bench.run(offer), COMPLETE);
      assert.lengthOf(bench.holds, 0, JSON.stringify(server));
      assert.lengthOf(wholeTimes(bench), WHOLE_DOWNLOADS_MAX);
    }
  });

  it("the whole file in the place of its rest counts", () => {
    const bench = makeBench({ cutAtByte: { byte: 2_500, times: 2 }, ignoresRange: true });
    assert.deepEqual(bench.run(), COMPLETE);
    assert.deepEqual(wholeTimes(bench).length, WHOLE_DOWNLOADS_MAX);
    bench.store.remove(bench.store.find(bench.makeOffer()) ?? assert.fail());
    bench.start();
    assert.isAbove(awaitHold(bench), 0);
  });

  it("one too many in the place of the rest is not taken, and what is in hand is not asked to be continued again", () => {
    const bench = makeBench({ cutAtByte: { byte: 2_500 }, ignoresRange: true });
    bench.start();
    awaitHold(bench);
    // The fourth answer told that it would be the whole again; not a byte of it was read.
    assert.lengthOf(wholeTimes(bench), WHOLE_DOWNLOADS_MAX + 1);
    assert.strictEqual(bench.store.find(bench.makeOffer())?.appendedBytes, 0);
    bench.server.behavior = { files: bench.server.behavior.files };
    assert.deepEqual(bench.finish(WINDOW_MS + HOUR_MS), COMPLETE);
    assert.strictEqual(bench.requests.at(-1), "whole 200");
  });

  it("another image has its own", () => {
    const bench = makeBench(NEVER_BEGINS);
    bench.start();
    awaitHold(bench);
    bench.server.behavior = { files: { "/other.bin": { bytes: LARGE } } };
    const other = bench.makeOffer({ url: `http://${HOST}/other.bin`, sizeBytes: LARGE.length });
    assert.deepEqual(bench.run(other), COMPLETE);
    assert.lengthOf(bench.holds, 1);
  });

  it("an image of a known digest has one, under whatever URL", () => {
    const bench = makeBench(NEVER_BEGINS);
    bench.start(bench.makeSignedOffer());
    awaitHold(bench);
    bench.server.behavior = { files: { "/rotated": { bytes: IMAGE } } };
    bench.start(bench.makeSignedOffer(IMAGE, { url: `http://${HOST}/rotated` }));
    assert.isAbove(awaitHold(bench), 0);
    assert.deepEqual(bench.finish(WINDOW_MS + HOUR_MS), COMPLETE);
    assert.strictEqual(bench.requests.at(-1), "/rotated whole 200", "from where it is by now");
    assertBound(bench);
  });

  it("those of an image that was evicted or lost with its file system count all the same", () => {
    for (const lose of [
      (bench: DownloadBench) => bench.store.remove(bench.store.find(bench.makeOffer()) ?? assert.fail()),
      (bench: DownloadBench) => {
        bench.device.storage.files.format();
        bench.reboot();
      },
    ]) {
      const bench = makeBench();
      for (let i = 0; i < WHOLE_DOWNLOADS_MAX; i++) {
        assert.deepEqual(bench.run(), COMPLETE);
        lose(bench);
      }
      bench.start();
      assert.isAbove(awaitHold(bench), 0);
      assert.lengthOf(bench.requests, WHOLE_DOWNLOADS_MAX);
    }
  });

  it("one that cannot be counted is not taken", () => {
    const bench = makeBench();
    bench.store.create(bench.makeOffer(), []);
    const domain = new SimKeyValue(bench.device.life).open({ path: "filler" });
    for (let length = 2_000; length >= 1; length = length > 32 ? length >> 1 : length - 1) {
      for (let i = 0; ; i++) {
        try {
          domain.write(`${length}.${i}`, new Uint8Array(length));
        } catch {
          break;
        }
      }
    }
    assertFailed(bench.run(), { stage: "download", cause: "storage", offset: 0 }, /ESP_ERR_NVS_NOT_ENOUGH_SPACE/);
    assert.strictEqual(bench.store.find(bench.makeOffer())?.appendedBytes, 0);
  });

  it("a bound of another server's holds where it is given", () => {
    const bench = makeBench(NEVER_BEGINS, { wholeDownloadsMax: 1 });
    bench.start();
    awaitHold(bench);
    assert.lengthOf(bench.requests, 1);
    assert.match(bench.holds[0]?.failure.detail ?? "", /downloaded once/);
  });
});

describe("A download that waits", () => {
  it("leaves nothing behind when it is cancelled, also from inside its own events", () => {
    const bench = makeBench(NEVER_BEGINS);
    bench.start(bench.makeOffer(), { onHold: () => bench.downloader.cancel() });
    awaitHold(bench);
    assert.isFalse(bench.downloader.running);
    assert.strictEqual(bench.clock.pending, 0);
    bench.start(bench.makeOffer(), { onRelease: () => bench.downloader.cancel() });
    bench.clock.runUntil(() => bench.releases === 1, WINDOW_MS + HOUR_MS);
    bench.clock.advance(HOUR_MS);
    assert.lengthOf(bench.requests, WHOLE_DOWNLOADS_MAX);
    assert.strictEqual(bench.clock.pending, 0);
  });

  it("costs the flash few small records", () => {
    const bench = makeBench(NEVER_BEGINS);
    bench.start();
    awaitHold(bench);
    const operations = bench.device.operations(() => bench.clock.advance(WINDOW_MS - HOUR_MS));
    assert.isAtMost(operations, WINDOW_MS / KEEP_TIME_MS);
    assert.isAtLeast(operations, 200);
  });
});
