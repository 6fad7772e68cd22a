/** Downloads across reboots, cancellations, failing storage and servers that speak barely any HTTP. */

import { assert } from "chai";
import { makeFirmware } from "../host/peers/firmware.js";
import { asciiBytes } from "../host/sim/ascii.js";
import type { SimCpu } from "../host/sim/cpu.js";
import { mountFiles } from "../host/sim/files.js";
import { DeviceCrash } from "../host/sim/http-client.js";
import { SimKeyValue } from "../host/sim/key-value.js";
import { SECTOR_ERASE_MS } from "../host/sim/nor.js";
import type { TcpEnd } from "../host/sim/tcp-stream.js";
import { STALL_MS } from "../src/download/download-request.js";
import { FRUITLESS_ATTEMPTS_MAX } from "../src/download/retries.js";
import type { DigestClass } from "../src/ports.js";
import { SEGMENT_BYTES } from "../src/store/segments.js";
import {
  assertFailed,
  COMPLETE,
  DownloadBench,
  type DownloadBenchOptions,
  HOST,
  PATH,
} from "./support/download-bench.js";
import { QuickDigest } from "./support/quick-digest.js";

const SMALL = makeFirmware(5000, undefined, 3);
/** A whole segment and a bit. */
const LARGE = makeFirmware(SEGMENT_BYTES + 9000, undefined, 4);

/** A bench whose file is on a host of its own, where `answer` is all the HTTP that there is. */
function makeOddBench(answer: (connection: TcpEnd, request: number) => void, image = SMALL) {
  const bench = new DownloadBench(image);
  let requests = 0;
  bench.network.listen("odd.example", 80, (connection) => {
    connection.handlers = {
      onReceive: () => {
        connection.read(new Uint8Array(connection.waiting));
        answer(connection, ++requests);
      },
    };
    return true;
  });
  const offer = bench.makeOffer({ url: "http://odd.example/firmware.bin" });
  return { bench, offer, requests: () => requests };
}

function head(...lines: string[]): Uint8Array {
  return asciiBytes(`${["HTTP/1.1 200 OK", ...lines].join("\r\n")}\r\n\r\n`);
}

describe("A download across a reboot", () => {
  /** Cuts the power when so many bytes can be read. */
  function cutAt(bench: DownloadBench, readableBytes: number, offer = bench.makeOffer()): void {
    bench.start(offer);
    bench.clock.runUntil(() => (bench.progress.at(-1) ?? 0) >= readableBytes, 60_000);
    bench.clock.advance(15);
    bench.reboot();
  }

  it("fetches at most a segment again", () => {
    const bench = new DownloadBench(LARGE);
    cutAt(bench, SEGMENT_BYTES);
    assert.deepEqual(bench.run(), COMPLETE);
    assert.deepEqual(bench.requests, ["whole 200", `bytes=${SEGMENT_BYTES}- if "one" 206`]);
    const fetched = bench.server.requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    assert.isAbove(fetched, LARGE.length, "the cut was in the middle of a segment");
    assert.isAtMost(fetched, LARGE.length + SEGMENT_BYTES);
    bench.assertStaged();
  });

  it("starts over when the file has changed meanwhile", () => {
    const changed = makeFirmware(LARGE.length, undefined, 5);
    const file = { replacement: { bytes: changed, tag: "two" } };
    const bench = new DownloadBench(LARGE, { file, server: { changesContentAfterRequests: 1 } });
    cutAt(bench, SEGMENT_BYTES);
    assert.deepEqual(bench.run(), COMPLETE);
    bench.assertFired("changesContentAfterRequests");
    assert.deepEqual(bench.requests, ["whole 200", `bytes=${SEGMENT_BYTES}- if "one" 200`]);
    bench.assertStaged(bench.makeOffer(), changed);
  });

  it("asks the rotated URL of the same digest for the rest", () => {
    const bench = new DownloadBench(LARGE);
    cutAt(bench, SEGMENT_BYTES, bench.makeSignedOffer());
    bench.server.behavior = { files: { "/rotated?token=2": { bytes: LARGE, tag: "one" } } };
    const rotated = bench.makeSignedOffer(LARGE, { url: `http://${HOST}/rotated?token=2` });
    assert.deepEqual(bench.run(rotated), COMPLETE);
    assert.deepEqual(bench.requests, ["whole 200", `/rotated?token=2 bytes=${SEGMENT_BYTES}- if "one" 206`]);
    bench.assertStaged(rotated);
  });

  it("holds what is staged against a digest that is offered only now", () => {
    const bench = new DownloadBench(LARGE);
    cutAt(bench, SEGMENT_BYTES);
    const offer = bench.makeOffer({ sha256: "0".repeat(64) });
    assertFailed(bench.run(offer), { stage: "verify", cause: "mismatch" }, /^SHA-256 is /);
    bench.assertNothingStaged(offer);
  });

  it("asks for nothing when only the verdict was missing", () => {
    const rehearsal = new DownloadBench(LARGE);
    rehearsal.run();
    const bench = new DownloadBench(LARGE);
    bench.device.power.plan({ operation: rehearsal.device.power.operations, kind: "before" });
    bench.start();
    bench.clock.runUntil(() => bench.device.cuts.length > 0, 60_000);
    assert.match(bench.device.cuts[0] ?? "", /^before key-value write/, "the record of completion comes last");
    bench.reboot();
    assert.deepEqual(bench.run(), COMPLETE);
    assert.lengthOf(bench.requests, 1);
    bench.assertStaged();
  });

  it("finds out when staged bytes have rotted, and fetches the whole file", () => {
    const bench = new DownloadBench(LARGE);
    const offer = bench.makeSignedOffer();
    cutAt(bench, SEGMENT_BYTES, offer);
    const rotten = bench.device.storage.files.peek("images/0/0");
    if (rotten) rotten[100] = (rotten[100] ?? 0) ^ 1;
    assert.deepEqual(bench.run(offer), COMPLETE);
    const rest = `bytes=${SEGMENT_BYTES}- if "one" 206`;
    assert.deepEqual(bench.requests, ["whole 200", rest, "whole 200"]);
    bench.assertStaged(offer);
  });

  // The SDK's client sets a timer for the rest of a delivery when a chunk ends, and does not clear it when more arrives:
  // should the body end before it fires, the client throws where nobody can catch it.
  const smallChunks: DownloadBenchOptions = {
    network: { latencyMs: 5, bytesPerSecond: 1_000_000 },
    server: { chunked: { chunkBytes: 64 } },
  };

  it("is complete, without another request, after the SDK's client has restarted the chip at the end of a body", () => {
    const bench = new DownloadBench(SMALL, smallChunks);
    assert.throws(() => bench.run(), DeviceCrash);
    bench.assertFired("chunked");
    bench.reboot();
    assert.deepEqual(bench.run(), COMPLETE);
    assert.lengthOf(bench.requests, 1, "all bytes were there");
    bench.assertStaged();
  });

  it("does not get that far where a digest tells that all is there", () => {
    const bench = new DownloadBench(SMALL, smallChunks);
    const offer = bench.makeSignedOffer();
    assert.deepEqual(bench.run(offer), COMPLETE);
    bench.assertFired("chunked");
    bench.clock.advance(1000);
    bench.assertStaged(offer);
  });
});

describe("A download that is cancelled", () => {
  function assertQuiet(bench: DownloadBench): void {
    const asked = bench.asked.length;
    bench.clock.advance(10 * STALL_MS);
    assert.lengthOf(bench.outcomes, 0);
    assert.lengthOf(bench.asked, asked);
    assert.strictEqual(bench.network.connections, 0, "a connection is left open");
    assert.strictEqual(bench.clock.pending, 0, "a timer is left running");
    assert.isFalse(bench.downloader.running);
  }

  it("in the middle ends without an event, and keeps whole segments", () => {
    const bench = new DownloadBench(LARGE);
    bench.start();
    bench.clock.runUntil(() => bench.progress.length === 1, 60_000);
    bench.clock.advance(15);
    const image = bench.store.find(bench.makeOffer());
    assert.isAbove(image?.appendedBytes ?? 0, SEGMENT_BYTES);
    bench.device.cpu.run(() => bench.downloader.cancel());
    bench.clock.runUntil(() => !bench.downloader.running, 1000);
    assert.strictEqual(image?.appendedBytes, SEGMENT_BYTES);
    assertQuiet(bench);
    assert.deepEqual(bench.run(), COMPLETE);
    assert.deepEqual(bench.requests, ["whole 200", `bytes=${SEGMENT_BYTES}- if "one" 206`]);
    bench.assertStaged();
  });

  it("before its first task does nothing at all", () => {
    const bench = new DownloadBench(SMALL);
    bench.start();
    bench.device.cpu.run(() => bench.downloader.cancel());
    assertQuiet(bench);
    assert.lengthOf(bench.requests, 0);
  });

  it("while it connects, waits for headers, stalls or pauses, leaves nothing behind", () => {
    for (const afterMs of [10, 50, 70, 100, 200, 500, STALL_MS + 300]) {
      const bench = new DownloadBench(SMALL, { server: { latencyMs: 50, stallAtByte: { byte: 1000 } } });
      bench.start();
      bench.clock.advance(afterMs);
      bench.device.cpu.run(() => bench.downloader.cancel());
      assertQuiet(bench);
    }
  });

  it("twice, or without a download, is fine", () => {
    const bench = new DownloadBench(SMALL);
    bench.downloader.cancel();
    bench.start();
    bench.device.cpu.run(() => bench.downloader.cancel());
    bench.device.cpu.run(() => bench.downloader.cancel());
    assertQuiet(bench);
  });

  for (const event of ["onRequest", "onRetry", "onProgress"] as const) {
    it(`from inside ${event} ends there and then`, () => {
      const bench = new DownloadBench(SMALL, { server: { cutAtByte: { byte: 2000, times: 1 } } });
      let fired = 0;
      let askedBefore = 0;
      const cancel = () => {
        fired++;
        askedBefore = bench.asked.length;
        bench.downloader.cancel();
      };
      bench.start(bench.makeOffer(), { [event]: cancel });
      bench.clock.advance(5000);
      assert.strictEqual(fired, 1, event);
      assert.lengthOf(bench.asked, askedBefore);
      assertQuiet(bench);
      assert.isUndefined(bench.store.find(bench.makeOffer())?.facts);
    });
  }

  it("by the start of another one makes way for it", () => {
    const other = makeFirmware(4000, undefined, 6);
    const bench = new DownloadBench(LARGE);
    bench.server.behavior = { files: { ...bench.server.behavior.files, "/other.bin": { bytes: other } } };
    bench.start();
    bench.clock.runUntil(() => bench.progress.length === 1, 60_000);
    const offer = bench.makeOffer({ url: `http://${HOST}/other.bin`, sizeBytes: other.length });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.lengthOf(bench.outcomes, 1, "the first one tells nothing more");
    bench.clock.advance(60_000);
    assert.lengthOf(bench.requests, 2);
    assert.strictEqual(bench.network.connections, 0);
    bench.assertStaged(offer, other);
  });

  it("by its own end makes way for another one from inside the handler", () => {
    const bench = new DownloadBench(SMALL);
    bench.start(bench.makeOffer(), { onComplete: () => void bench.start(bench.makeOffer(), {}) });
    bench.clock.runUntil(() => bench.outcomes.length === 2, 60_000);
    assert.deepEqual(bench.outcomes, [COMPLETE, COMPLETE]);
    assert.lengthOf(bench.requests, 1);
  });
});

describe("A download whose storage fails", () => {
  it("for lack of space says so, with the byte, and can go on when there is space", () => {
    const bench = new DownloadBench(LARGE, { fileBlocks: 32 });
    const root = mountFiles(bench.device.life);
    const filler = root.openFile({ path: "filler", mode: "w" });
    filler.write(new Uint8Array(18 * 4000), 0);
    filler.close();
    const failed = assertFailed(
      bench.run(),
      { stage: "download", cause: "no-space" },
      /storage partition is full \(LFS ERR -28\).*erase it/,
    );
    assert.isAtLeast(failed.offset ?? 0, SEGMENT_BYTES);
    assert.strictEqual(bench.network.connections, 0);
    root.delete("filler");
    assert.deepEqual(bench.run(), COMPLETE);
    const segments = Math.floor((failed.offset ?? 0) / SEGMENT_BYTES);
    assert.strictEqual(bench.requests[1], `bytes=${segments * SEGMENT_BYTES}- if "one" 206`);
    bench.assertStaged();
  });

  it("for lack of space in the key-value store says so", () => {
    const bench = new DownloadBench(SMALL);
    bench.store.create(bench.makeOffer(), []);
    const domain = new SimKeyValue(bench.device.life).open({ path: "filler" });
    for (let length = 2000; length >= 1; length = length > 32 ? length >> 1 : length - 1) {
      for (let i = 0; ; i++) {
        try {
          domain.write(`${length}.${i}`, new Uint8Array(length));
        } catch {
          break;
        }
      }
    }
    assertFailed(bench.run(), { stage: "download", cause: "storage", offset: 0 }, /ESP_ERR_NVS_NOT_ENOUGH_SPACE/);
    assert.strictEqual(bench.network.connections, 0);
  });

  it("when staged bytes cannot be read, says so", () => {
    const bench = new DownloadBench(LARGE);
    bench.start();
    bench.clock.runUntil(() => bench.progress.length === 1, 60_000);
    bench.downloader.cancel();
    mountFiles(bench.device.life).delete("images/0/0");
    assertFailed(bench.run(), { stage: "download", cause: "storage" }, /staging failed: LFS ERR -2/);
    bench.reboot();
    assert.deepEqual(bench.run(), COMPLETE);
    bench.assertStaged();
  });
});

describe("A download whose sockets throw, as the SDK's do without a network", () => {
  function makeOfflineBench(failures: number) {
    const fired = { count: 0 };
    const portsOf: DownloadBenchOptions["portsOf"] = ({ http }) => {
      const Http = http.io;
      const Offline = class extends Http {
        constructor(options: ConstructorParameters<typeof Http>[0]) {
          if (fired.count < failures) {
            fired.count++;
            throw new Error("no network");
          }
          super(options);
        }
      };
      return { http: { io: Offline } };
    };
    return { bench: new DownloadBench(SMALL, { portsOf }), fired };
  }

  it("asks again until there is one", () => {
    const { bench, fired } = makeOfflineBench(3);
    assert.deepEqual(bench.run(), COMPLETE);
    assert.strictEqual(fired.count, 3);
    assert.deepEqual(bench.retries[0], { reason: "no network", pauseMs: 1000 });
    bench.assertStaged();
  });

  it("gives up when there is none", () => {
    const { bench, fired } = makeOfflineBench(99);
    assertFailed(bench.run(), { stage: "download", cause: "connect", offset: 0 }, /^no network; gave up after 5/);
    assert.strictEqual(fired.count, FRUITLESS_ATTEMPTS_MAX);
    assert.strictEqual(bench.clock.pending, 0);
  });
});

describe("A download from a server of little HTTP", () => {
  it("gives up, in bounded time, on a connection that is accepted and then silent", () => {
    const { bench, offer, requests } = makeOddBench(() => {});
    assertFailed(bench.run(offer), { stage: "download", cause: "connect", offset: 0 }, /no answer for 30 s/);
    assert.strictEqual(requests(), FRUITLESS_ATTEMPTS_MAX);
    assert.isBelow(bench.clock.now(), FRUITLESS_ATTEMPTS_MAX * STALL_MS + 20_000);
  });

  it("gives up, in bounded time, on headers that never end", () => {
    const { bench, offer, requests } = makeOddBench((connection) => {
      connection.bytesPerSecondMax = 10;
      connection.send(asciiBytes(`HTTP/1.1 200 OK\r\n${"x-more: and more\r\n".repeat(100)}`));
    });
    assertFailed(bench.run(offer), { stage: "download", cause: "connect" }, /no answer for 30 s/);
    assert.strictEqual(requests(), FRUITLESS_ATTEMPTS_MAX);
  });

  it("gives up on an answer that is no HTTP", () => {
    const { bench, offer, requests } = makeOddBench((connection) => connection.send(asciiBytes("hello\r\n")));
    assertFailed(bench.run(offer), { stage: "download", cause: "connect", offset: 0 }, /gave up after 5/);
    assert.strictEqual(requests(), FRUITLESS_ATTEMPTS_MAX);
  });

  it("does not touch bytes behind the announced end", () => {
    const { bench, offer } = makeOddBench((connection) => {
      connection.send(head(`content-length: ${SMALL.length}`));
      connection.send(SMALL);
      connection.send(asciiBytes("trailing rubbish"));
    });
    assert.deepEqual(bench.run(offer), COMPLETE);
    bench.assertStaged(offer);
  });

  it("does not touch the body of an answer that it does not want", () => {
    const { bench, offer } = makeOddBench((connection) => {
      connection.send(
        asciiBytes("HTTP/1.1 404 Gone\r\ncontent-length: 3\r\n\r\nno such file, and much more than three"),
      );
    });
    assertFailed(bench.run(offer), { cause: "request" }, /404/);
    bench.clock.advance(60_000);
  });

  it("waits for the end of a body without a length no longer than a stall, and then knows by a 416", () => {
    const { bench, offer, requests } = makeOddBench((connection, request) => {
      if (request > 1) {
        const range = `content-range: bytes */${SMALL.length}`;
        connection.send(asciiBytes(`HTTP/1.1 416 No\r\n${range}\r\ncontent-length: 0\r\n\r\n`));
        return;
      }
      connection.send(head());
      connection.send(SMALL);
    });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.strictEqual(requests(), 2);
    assert.isAbove(bench.clock.now(), STALL_MS);
    bench.assertStaged(offer);
  });

  it("does not wait for that end where a digest tells that all is there", () => {
    const { bench, offer, requests } = makeOddBench((connection) => {
      connection.send(head());
      connection.send(SMALL);
    });
    const { sha256 } = bench.makeSignedOffer();
    const signed = { ...offer, ...(sha256 === undefined ? {} : { sha256 }) };
    assert.deepEqual(bench.run(signed), COMPLETE);
    assert.strictEqual(requests(), 1);
    assert.isBelow(bench.clock.now(), 5000);
    bench.assertStaged(signed);
  });

  it("asks again when a length cannot be read", () => {
    const { bench, offer } = makeOddBench((connection, request) => {
      connection.send(head(`content-length: ${request === 1 ? "many" : SMALL.length}`));
      connection.send(SMALL);
    });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.deepEqual(bench.retries, [{ reason: "the server's content-length cannot be read", pauseMs: 1000 }]);
    bench.assertStaged(offer);
  });

  it("asks for the whole file no more than a few times when each answer is a part", () => {
    const { bench, offer, requests } = makeOddBench((connection) => {
      connection.send(
        asciiBytes("HTTP/1.1 206 Part\r\ncontent-range: bytes 1-4999/5000\r\ncontent-length: 4999\r\n\r\n"),
      );
      connection.send(SMALL.slice(1));
    });
    assertFailed(
      bench.run(offer),
      { stage: "download", cause: "request", offset: 0 },
      /asked for bytes 0-4999, got 1-4999/,
    );
    assert.strictEqual(requests(), FRUITLESS_ATTEMPTS_MAX);
    bench.assertNothingStaged(offer);
  });

  it("makes no more than fifty requests, though each brings a byte", () => {
    const { bench, offer, requests } = makeOddBench((connection, request) => {
      const first = request - 1;
      const range = first === 0 ? "200 OK" : `206 Part\r\ncontent-range: bytes ${first}-4999/5000`;
      connection.send(asciiBytes(`HTTP/1.1 ${range}\r\ncontent-length: ${5000 - first}\r\netag: "x"\r\n\r\n`));
      connection.send(SMALL.slice(first, first + 1));
      connection.end("reset");
    });
    assertFailed(bench.run(offer), { cause: "request", offset: 50 }, /gave up after 50 requests/);
    assert.strictEqual(requests(), 50);
  });
});

describe("The slices of a download", () => {
  /** Two digests and a CRC in TypeScript, on the chip: about 12 ms for 1024 bytes. */
  const HASH_MS_PER_BYTE = 0.006;
  const TASK_MS_MAX = 20;
  const PING_MS_MAX = 100;

  const slowDigest = (cpu: SimCpu): DigestClass =>
    class extends QuickDigest {
      override write(bytes: Uint8Array): void {
        super.write(bytes);
        cpu.spend(bytes.length * HASH_MS_PER_BYTE);
      }
    };

  /** Runs to the end; returns the longest that the processor was held at a time, apart from erasing. */
  function longestSliceMs(bench: DownloadBench): number {
    const { clock, device } = bench;
    const erases = () => Object.values(device.storage.wear.sectorErases).reduce((sum, count) => sum + count, 0);
    let longestMs = 0;
    const before = bench.outcomes.length;
    while (bench.outcomes.length === before) {
      const erasesBefore = erases();
      const busyUntilMs = device.cpu.now();
      assert.isTrue(clock.step());
      const heldMs = device.cpu.now() - Math.max(clock.now(), busyUntilMs);
      longestMs = Math.max(longestMs, heldMs - (erases() - erasesBefore) * SECTOR_ERASE_MS);
    }
    return longestMs;
  }

  it("hold the processor no longer than they may, while fetching and while checking", () => {
    const bench = new DownloadBench(LARGE, { digestFor: slowDigest, network: { bytesPerSecond: 1_000_000 } });
    bench.start();
    const fetchingMs = longestSliceMs(bench);
    assert.deepEqual(bench.outcomes, [COMPLETE]);
    assert.isBelow(fetchingMs, TASK_MS_MAX);
    assert.isAbove(fetchingMs, 1024 * 2 * HASH_MS_PER_BYTE - 1, "the digests did take their time");
    const cut = new DownloadBench(LARGE, { digestFor: slowDigest });
    cut.start();
    cut.clock.runUntil(() => cut.progress.at(-1) === SEGMENT_BYTES, 60_000);
    cut.reboot();
    cut.start();
    const checkingMs = longestSliceMs(cut);
    assert.deepEqual(cut.outcomes, [COMPLETE]);
    assert.strictEqual(cut.asked.at(-1)?.offset, SEGMENT_BYTES);
    assert.isBelow(checkingMs, TASK_MS_MAX);
  });

  it("let a ping be answered in time, also while the flash is erased", () => {
    const bench = new DownloadBench(LARGE, { digestFor: slowDigest, network: { bytesPerSecond: 1_000_000 } });
    bench.start();
    bench.clock.runUntil(() => bench.asked.length > 0, 1000); // after the directory was made, in a single call
    let longestWaitMs = 0;
    const ping = () => {
      const askedMs = bench.clock.now();
      bench.device.cpu.run(() => {
        longestWaitMs = Math.max(longestWaitMs, bench.clock.now() - askedMs);
      });
      if (bench.outcomes.length === 0) bench.clock.set(ping, 7);
    };
    ping();
    assert.deepEqual(bench.finish(), COMPLETE);
    assert.isAbove(longestWaitMs, 0);
    assert.isBelow(longestWaitMs, PING_MS_MAX);
  });
});

describe("A path", () => {
  it("is asked for with its query", () => {
    const bench = new DownloadBench(SMALL);
    const path = `${PATH}?token=a%20b&x=1`;
    bench.server.behavior = { files: { [path]: { bytes: SMALL } } };
    const offer = bench.makeOffer({ url: `http://${HOST}${path}#part` });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.deepEqual(bench.requests, [`${path} whole 200`]);
  });
});
