/** Downloads into a real image store, from servers that do everything wrong that they can. */

import { assert } from "chai";
import type { FileServerBehavior, Knob } from "../host/peers/file-response.js";
import { makeFirmware } from "../host/peers/firmware.js";
import { SimDigest } from "../host/sim/digest.js";
import { STALL_MS } from "../src/download/download-request.js";
import { FRUITLESS_ATTEMPTS_MAX } from "../src/download/retries.js";
import type { Offer } from "../src/image/offer.js";
import {
  assertFailed,
  COMPLETE,
  DownloadBench,
  type DownloadBenchOptions,
  digestOf,
  HOST,
  PATH,
} from "./support/download-bench.js";

const FIRMWARE = { type: "TMPL", version: "2.0.0", build: "Nov 21 2026 12:00:00" };
const IMAGE = makeFirmware(5000, FIRMWARE, 1);
const OTHER_IMAGE = makeFirmware(5000, FIRMWARE, 2);
const LONGER_IMAGE = makeFirmware(5600, FIRMWARE, 1);
const DATE = "Sat, 21 Nov 2026 12:00:00 GMT";
/** Where the faults of most tests strike. */
const BYTE = 2500;
const CUT_ONCE = { cutAtByte: { byte: BYTE, times: 1 } };

function makeBench(server: Partial<FileServerBehavior> = {}, options: DownloadBenchOptions = {}): DownloadBench {
  return new DownloadBench(IMAGE, { ...options, server: { ...server, ...options.server } });
}

describe("A download", () => {
  describe("from an ordinary server", () => {
    it("asks once, stages exactly the served bytes, and knows them for good", () => {
      const bench = makeBench({}, { digestFor: () => SimDigest });
      assert.deepEqual(bench.run(), COMPLETE);
      assert.deepEqual(bench.requests, ["whole 200"]);
      assert.deepEqual(bench.asked, [{ url: `http://${HOST}${PATH}`, offset: 0 }]);
      assert.deepEqual(bench.progress, [IMAGE.length]);
      assert.deepEqual(bench.store.find(bench.makeOffer())?.facts?.firmware, FIRMWARE);
      assert.isFalse(bench.downloader.running);
      bench.assertStaged();
    });

    it("leaves no connection and no timer behind", () => {
      const bench = makeBench();
      bench.run();
      bench.clock.advance(1000);
      assert.strictEqual(bench.network.connections, 0);
      assert.strictEqual(bench.clock.pending, 0);
    });

    it("takes a file that is checked against digests and tag", () => {
      const bench = makeBench({}, { digestFor: () => SimDigest });
      const { type, version } = FIRMWARE;
      const digests = { sha256: digestOf("SHA256", IMAGE, SimDigest), md5: digestOf("MD5", IMAGE, SimDigest) };
      const offer = bench.makeOffer({ type, version, ...digests });
      assert.deepEqual(bench.run(offer), COMPLETE);
      bench.assertStaged(offer);
    });

    it("takes a file of one byte, and files around the size of a slice", () => {
      for (const size of [1, 1023, 1024, 1025]) {
        const bench = new DownloadBench(IMAGE.slice(0, size));
        assert.deepEqual(bench.run(), COMPLETE);
        bench.assertStaged();
      }
    });

    it("tells nothing from inside start()", () => {
      const bench = makeBench();
      bench.start();
      assert.deepEqual([bench.asked.length, bench.outcomes.length], [0, 0]);
    });

    it("makes no request for an image that is complete", () => {
      const bench = makeBench();
      bench.run();
      bench.reboot();
      bench.start();
      const operations = bench.device.operations(() => assert.deepEqual(bench.finish(), COMPLETE));
      assert.strictEqual(operations, 0);
      assert.lengthOf(bench.requests, 1);
      assert.lengthOf(bench.asked, 1);
    });
  });

  describe("whose body comes oddly", () => {
    it("waits for a slow server", () => {
      const bench = makeBench({ slowBytesPerSecond: 100 });
      assert.deepEqual(bench.run(), COMPLETE);
      assert.isAbove(bench.clock.now(), STALL_MS);
      bench.assertFired("slowBytesPerSecond");
      assert.deepEqual(bench.requests, ["whole 200"]);
      bench.assertStaged();
    });

    it("waits for a stall that ends in time", () => {
      const bench = makeBench({ stallAtByte: { byte: BYTE, forMs: STALL_MS - 1000 } });
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertFired("stallAtByte");
      assert.deepEqual(bench.requests, ["whole 200"]);
      bench.assertStaged();
    });

    it("goes on with another request after a stall that does not end", () => {
      const bench = makeBench({ stallAtByte: { byte: BYTE, times: 1 } });
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertFired("stallAtByte");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`]);
      assert.deepEqual(bench.retries, [{ reason: "nothing came for 30 s", pauseMs: 1000 }]);
      const [first, second] = bench.server.requests;
      const waitedMs = (second?.atMs ?? 0) - (first?.atMs ?? 0);
      assert.closeTo(waitedMs, STALL_MS + 1000, 500);
      bench.assertStaged();
    });

    it("gets there in pieces when each request stalls", () => {
      const bench = makeBench({ stallAtByte: { byte: 1000 } });
      assert.deepEqual(bench.run(), COMPLETE);
      assert.deepEqual(
        bench.asked.map(({ offset }) => offset),
        [0, 1000, 2000, 3000, 4000],
      );
      bench.assertStaged();
    });

    it("gives up when each request stalls before its first byte", () => {
      const bench = makeBench({ stallAtByte: { byte: 0 } });
      const outcome = bench.run();
      assertFailed(
        outcome,
        { stage: "download", cause: "stalled", offset: 0 },
        /nothing came for 30 s; gave up after 5/,
      );
      assert.strictEqual(bench.server.fired.stallAtByte, FRUITLESS_ATTEMPTS_MAX);
      assert.lengthOf(bench.requests, FRUITLESS_ATTEMPTS_MAX);
      assert.isBelow(bench.clock.now(), FRUITLESS_ATTEMPTS_MAX * STALL_MS + 20_000);
    });

    it("goes on where the connection was cut, however often", () => {
      const bench = makeBench({ cutAtByte: { byte: 1300 } });
      assert.deepEqual(bench.run(), COMPLETE);
      assert.strictEqual(bench.server.fired.cutAtByte, 3);
      const tag = 'if "one" 206';
      assert.deepEqual(bench.requests, ["whole 200", `bytes=1300- ${tag}`, `bytes=2600- ${tag}`, `bytes=3900- ${tag}`]);
      assert.deepEqual(
        bench.retries.map(({ pauseMs }) => pauseMs),
        [1000, 1000, 1000],
        "no growing pause while it gets on",
      );
      bench.assertStaged();
    });

    it("gives up when the connection is cut before each first byte", () => {
      const bench = makeBench({ cutAtByte: { byte: 0 } });
      assertFailed(
        bench.run(),
        { stage: "download", cause: "request", offset: 0 },
        /ended before the file did; gave up/,
      );
      assert.strictEqual(bench.server.fired.cutAtByte, FRUITLESS_ATTEMPTS_MAX);
      assert.deepEqual(
        bench.retries.map(({ pauseMs }) => pauseMs),
        [1000, 2000, 4000, 8000],
      );
    });

    it("keeps what it has when it gives up, and goes on from there the next time", () => {
      const bench = makeBench(CUT_ONCE);
      bench.start();
      bench.clock.runUntil(() => bench.server.fired.cutAtByte > 0, 10_000);
      bench.server.behavior = { ...bench.server.behavior, statusFor: { status: 404 } };
      assertFailed(bench.finish(), { cause: "request", offset: BYTE }, /404/);
      // The open segment is lost; a whole one would stay (see "across a reboot").
      bench.server.behavior = { files: bench.server.behavior.files };
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertStaged();
    });

    it("takes a body that ends in order, but too early, for one that was cut", () => {
      const bench = makeBench({ truncatesAtByte: { byte: BYTE, times: 1 } });
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertFired("truncatesAtByte");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`]);
      bench.assertStaged();
    });

    it("never takes a truncated body for a whole one", () => {
      const bench = makeBench({ truncatesAtByte: { byte: 4999 }, noLength: true, ignoresRange: true });
      assertFailed(bench.run(), { cause: "request", offset: 4999 }, /ended before the file did/);
      bench.assertFired("truncatesAtByte", "noLength", "ignoresRange");
      assert.isUndefined(bench.store.find(bench.makeOffer())?.facts);
    });

    for (const byBytes of [1, -1, 100_000, -IMAGE.length]) {
      it(`refuses a file whose length is announced ${byBytes} bytes off, without reading it`, () => {
        const bench = makeBench({ wrongLength: { byBytes } });
        const says = new RegExp(`has ${IMAGE.length + byBytes} bytes, offered were 5000`);
        assertFailed(bench.run(), { stage: "verify", cause: "mismatch" }, says);
        bench.assertFired("wrongLength");
        assert.lengthOf(bench.requests, 1);
        bench.assertNothingStaged();
      });
    }

    it("begins anew when only the rest has a wrong length", () => {
      const bench = makeBench(CUT_ONCE);
      bench.start();
      bench.clock.runUntil(() => bench.server.fired.cutAtByte > 0, 10_000);
      const { files } = bench.server.behavior;
      bench.server.behavior = { files, wrongLength: { byBytes: -1 } };
      bench.clock.runUntil(() => bench.retries.length === 2, 10_000);
      bench.server.behavior = { files };
      assert.deepEqual(bench.finish(), COMPLETE);
      bench.assertFired("wrongLength");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`, "whole 200"]);
      bench.assertStaged();
    });

    it("takes the end of the connection for the end of a body without a length", () => {
      const bench = makeBench({ noLength: true });
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertFired("noLength");
      assert.deepEqual(bench.requests, ["whole 200"]);
      bench.assertStaged();
    });

    it("goes on where a body without a length was cut", () => {
      const bench = makeBench({ noLength: true, ...CUT_ONCE });
      assert.deepEqual(bench.run(), COMPLETE);
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`]);
      bench.assertStaged();
    });

    for (const chunkBytes of [1500, 2048, 5000, 9999]) {
      it(`takes a body in chunks of ${chunkBytes} bytes`, () => {
        const bench = makeBench({ chunked: { chunkBytes } });
        assert.deepEqual(bench.run(), COMPLETE);
        bench.assertFired("chunked");
        assert.deepEqual(bench.requests, ["whole 200"]);
        bench.assertStaged();
      });
    }

    it("goes on where a body in chunks was cut", () => {
      const bench = makeBench({ chunked: { chunkBytes: 1600 }, ...CUT_ONCE });
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertFired("chunked", "cutAtByte");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`]);
      bench.assertStaged();
    });

    for (const framing of [{ noLength: true }, { chunked: { chunkBytes: 1500 } }, { chunked: { chunkBytes: 5000 } }]) {
      it(`refuses a longer file, and keeps none of it, when it comes ${JSON.stringify(framing)}`, () => {
        const bench = new DownloadBench(LONGER_IMAGE, { server: framing });
        const offer = bench.makeOffer({ sizeBytes: 5000 });
        const outcome = bench.run(offer);
        assertFailed(outcome, { stage: "verify", cause: "mismatch" }, /sends more than the 5000 bytes offered/);
        bench.assertFired(...(Object.keys(framing) as Knob[]));
        assert.lengthOf(bench.requests, 1);
        bench.assertNothingStaged(offer);
        assertFailed(bench.run(offer), { cause: "mismatch" }, /sends more/);
        bench.assertNothingStaged(offer);
      });
    }

    it("refuses an empty file", () => {
      const bench = makeBench({}, { file: { bytes: new Uint8Array(0) } });
      assertFailed(bench.run(), { stage: "verify", cause: "mismatch" }, /has 0 bytes, offered were 5000/);
      bench.assertNothingStaged();
    });

    for (const framing of [{ noLength: true }, { chunked: { chunkBytes: 100 } }]) {
      it(`asks again for an empty body ${JSON.stringify(framing)}, then gives up`, () => {
        const bench = makeBench(framing, { file: { bytes: new Uint8Array(0) } });
        assertFailed(bench.run(), { cause: "request", offset: 0 }, /ended before the file did/);
        assert.lengthOf(bench.requests, FRUITLESS_ATTEMPTS_MAX);
      });
    }
  });

  describe("that has to be resumed", () => {
    it("starts over where the server ignores Range", () => {
      const bench = makeBench({ ...CUT_ONCE, ignoresRange: true });
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertFired("cutAtByte", "ignoresRange");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 200`]);
      bench.assertStaged();
    });

    it("gives up where the server ignores Range and never gets further", () => {
      const bench = makeBench({ cutAtByte: { byte: BYTE }, ignoresRange: true });
      assertFailed(bench.run(), { cause: "request", offset: BYTE }, /gave up after 6 requests/);
      assert.strictEqual(bench.server.fired.cutAtByte, 1 + FRUITLESS_ATTEMPTS_MAX);
    });

    for (const shiftBytes of [1, -1, 1000, -BYTE]) {
      it(`starts over where the server sends another range, off by ${shiftBytes}`, () => {
        const bench = makeBench({ ...CUT_ONCE, wrongContentRange: { shiftBytes } });
        assert.deepEqual(bench.run(), COMPLETE);
        bench.assertFired("cutAtByte", "wrongContentRange");
        assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`, "whole 200"]);
        assert.match(bench.retries[1]?.reason ?? "", /asked for bytes 2500-4999, got/);
        bench.assertStaged();
      });
    }

    it("starts over when the file has a new tag, though its content is the same", () => {
      const bench = makeBench({ ...CUT_ONCE, changesEtagAfterRequests: 1 });
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertFired("cutAtByte", "changesEtagAfterRequests");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 200`]);
      bench.assertStaged();
    });

    it("starts over when the file has changed", () => {
      const bench = makeBench(
        { ...CUT_ONCE, changesContentAfterRequests: 1 },
        { file: { replacement: { bytes: OTHER_IMAGE, tag: "two" } } },
      );
      assert.deepEqual(bench.run(), COMPLETE);
      bench.assertFired("cutAtByte", "changesContentAfterRequests");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 200`]);
      assert.strictEqual(bench.store.find(bench.makeOffer())?.validator, '"two"');
      bench.assertStaged(bench.makeOffer(), OTHER_IMAGE);
    });

    it("goes on from the changed file under its new tag", () => {
      const bench = makeBench(
        { cutAtByte: { byte: BYTE, times: 2 }, changesContentAfterRequests: 1 },
        { file: { replacement: { bytes: OTHER_IMAGE, tag: "two" } } },
      );
      assert.deepEqual(bench.run(), COMPLETE);
      assert.deepEqual(bench.requests, ["whole 200", 'bytes=2500- if "one" 200', 'bytes=2500- if "two" 206']);
      bench.assertStaged(bench.makeOffer(), OTHER_IMAGE);
    });

    it("refuses a changed file that is not the one whose digest was offered, and keeps none of it", () => {
      const bench = makeBench({ ...CUT_ONCE, changesContentAfterRequests: 1 });
      const offer = bench.makeSignedOffer();
      assertFailed(bench.run(offer), { stage: "verify", cause: "mismatch", offset: IMAGE.length }, /^SHA-256 is /);
      bench.assertFired("changesContentAfterRequests");
      assert.lengthOf(bench.requests, 2);
      bench.assertNothingStaged(offer);
    });

    it("joins nothing where the server ignores If-Range and says so by another tag", () => {
      for (const signed of [false, true]) {
        const bench = makeBench(
          { ...CUT_ONCE, changesContentAfterRequests: 1, ignoresIfRange: true },
          { file: { replacement: { bytes: OTHER_IMAGE, tag: "two" } } },
        );
        const offer = signed ? bench.makeSignedOffer(OTHER_IMAGE) : bench.makeOffer();
        assert.deepEqual(bench.run(offer), COMPLETE);
        bench.assertFired("cutAtByte", "changesContentAfterRequests", "ignoresIfRange");
        assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`, "whole 200"]);
        bench.assertStaged(offer, OTHER_IMAGE);
      }
    });

    it("finds out by the digest that a file changed under its tag, and fetches it as a whole", () => {
      const bench = makeBench(
        { ...CUT_ONCE, changesContentAfterRequests: 1, keepsEtag: true },
        { file: { replacement: { bytes: OTHER_IMAGE } } },
      );
      const offer = bench.makeSignedOffer(OTHER_IMAGE);
      assert.deepEqual(bench.run(offer), COMPLETE);
      bench.assertFired("cutAtByte", "changesContentAfterRequests");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`, "whole 200"]);
      bench.assertStaged(offer, OTHER_IMAGE);
    });

    it("refuses a file that changed under its tag and is not the offered one, and keeps none of it", () => {
      const bench = makeBench({ ...CUT_ONCE, changesContentAfterRequests: 1, keepsEtag: true });
      const offer = bench.makeSignedOffer();
      assertFailed(bench.run(offer), { stage: "verify", cause: "mismatch" }, /^SHA-256 is /);
      bench.assertFired("cutAtByte", "changesContentAfterRequests");
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 206`, "whole 200"]);
      bench.assertNothingStaged(offer);
    });

    it("goes on by the date of change where the tag is weak", () => {
      const bench = makeBench({ ...CUT_ONCE, validators: "weak" }, { file: { lastModified: DATE } });
      assert.deepEqual(bench.run(), COMPLETE);
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if ${DATE} 206`]);
      bench.assertStaged();
    });

    for (const validators of ["weak", "none"] as const) {
      it(`starts over, with one request, where validators are ${validators} and no digest was offered`, () => {
        const bench = makeBench({ ...CUT_ONCE, validators });
        assert.deepEqual(bench.run(), COMPLETE);
        bench.assertFired("cutAtByte");
        assert.deepEqual(bench.requests, ["whole 200", "whole 200"]);
        bench.assertStaged();
      });

      for (const algorithm of ["SHA256", "MD5"] as const) {
        it(`goes on without a condition where validators are ${validators} and a ${algorithm} will tell`, () => {
          const bench = makeBench({ ...CUT_ONCE, validators });
          const digest = digestOf(algorithm, IMAGE);
          const offer = bench.makeOffer(algorithm === "MD5" ? { md5: digest } : { sha256: digest });
          assert.deepEqual(bench.run(offer), COMPLETE);
          bench.assertFired("cutAtByte");
          assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- 206`]);
          bench.assertStaged(offer);
        });
      }
    }

    it("fetches the whole file when what it joined without a validator fails the digest", () => {
      const bench = makeBench(
        { ...CUT_ONCE, validators: "none", changesContentAfterRequests: 1 },
        { file: { replacement: { bytes: OTHER_IMAGE } } },
      );
      const offer = bench.makeSignedOffer(OTHER_IMAGE);
      assert.deepEqual(bench.run(offer), COMPLETE);
      assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- 206`, "whole 200"]);
      assert.match(bench.retries[1]?.reason ?? "", /^SHA-256 is /);
      bench.assertStaged(offer, OTHER_IMAGE);
    });

    it("gives up where no validator is to be had and the connection always is cut at the same byte", () => {
      const bench = makeBench({ cutAtByte: { byte: BYTE }, validators: "none" });
      assertFailed(bench.run(), { cause: "request", offset: BYTE }, /gave up after 6 requests/);
      assert.deepEqual(new Set(bench.requests), new Set(["whole 200"]));
    });
  });

  describe("of a file that is not the offered one", () => {
    const wrong: readonly (readonly [what: string, changes: Partial<Offer>, says: RegExp])[] = [
      ["SHA-256", { sha256: "0".repeat(64) }, /^SHA-256 is /],
      ["MD5", { md5: "0".repeat(32) }, /^MD5 is /],
      ["version", { version: "2.0.1" }, /version "2.0.0", offered was "2.0.1"/],
      ["type", { type: "TMPX" }, /type "TMPL", offered was "TMPX"/],
    ];
    for (const [what, changes, says] of wrong) {
      it(`by its ${what} fails after one request, and keeps none of it`, () => {
        const bench = makeBench();
        const offer = bench.makeOffer(changes);
        assertFailed(bench.run(offer), { stage: "verify", cause: "mismatch", offset: IMAGE.length }, says);
        assert.deepEqual(bench.requests, ["whole 200"]);
        bench.assertNothingStaged(offer);
      });
    }

    it("refuses a file that is not what its own server says of it", () => {
      const bench = makeBench({ wrongDigestHeader: true }, { file: { sha256: new Uint8Array(32) } });
      const outcome = bench.run();
      assert.equal(outcome.kind === "failed" && outcome.failure.cause, "mismatch");
      bench.assertFired("wrongDigestHeader");
    });
  });
});
