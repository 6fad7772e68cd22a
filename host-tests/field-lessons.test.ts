/**
 * What users of other update systems run into again and again, each held against Ferry. The names are those users'
 * complaints; their sources are esp-idf, zephyr, hawkBit, Tasmota, amazon-freertos, mcumgr and OpenEVSE issues.
 */

import { assert } from "chai";
import type { FileServerBehavior } from "../host/peers/file-response.js";
import { Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";
import { Random } from "../host/sim/random.js";
import { Retries } from "../src/download/retries.js";
import { SEGMENT_BYTES } from "../src/store/segments.js";

const IMAGE_BYTES = 2 * SEGMENT_BYTES + 5_000;

function start(options: WorkbenchOptions = {}): Workbench {
  const bench = new Workbench({
    imageBytes: IMAGE_BYTES,
    mcu: { prefetch: true },
    powerReturnsAfterMs: 1_000,
    ...options,
  });
  bench.start();
  return bench;
}

/** Serves with an oddity, offers, and holds the result to the oracle. */
function succeedDespite(server: Partial<FileServerBehavior>, knob: keyof Workbench["server"]["fired"]): Workbench {
  const bench = start({ server });
  bench.offer();
  assert.equal(bench.awaitVerdict().kind, "succeeded");
  assert.isAbove(bench.server.fired[knob], 0, `${knob} never struck`);
  assert.isTrue(bench.mcuRunsNewImage);
  return bench;
}

const rangesOf = (bench: Workbench) => bench.server.requests.map((request) => request.headers.get("range"));

describe("lessons from the field", () => {
  it("resume across reboots: a download goes on where its last whole segment ends", () => {
    const bench = start();
    bench.offer();
    bench.runUntil(() => bench.count("fetched") === 2, 60_000, "two segments");
    bench.device.powerOff();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.deepEqual(rangesOf(bench), [undefined, `bytes=${2 * SEGMENT_BYTES}-`]);
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("resume correctness: a server that answers 200 to a range is never appended to what is there", () => {
    const bench = succeedDespite({ cutAtByte: { byte: 40_000, times: 1 }, ignoresRange: true }, "ignoresRange");
    assert.lengthOf(bench.server.requests, 2);
  });

  it("resume correctness: a file that changed meanwhile is fetched anew, not joined", () => {
    const bench = start({ server: { cutAtByte: { byte: 40_000, times: 1 }, changesEtagAfterRequests: 1 } });
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.isAbove(bench.server.fired.changesEtagAfterRequests, 0);
    assert.equal(bench.server.requests.at(-1)?.status, 200);
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("resume keyed by content: a URL that rotates does not cost another download", () => {
    const bench = start();
    const sha256 = bench.sha256OfImage();
    bench.offer({ sha256 });
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    bench.offer({ sha256, url: "http://files.example/other-name.bin?token=2" });
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.lengthOf(bench.server.requests, 1);
  });

  it("a truncated download is never declared a success", () => {
    succeedDespite({ truncatesAtByte: { byte: 50_000, times: 2 } }, "truncatesAtByte");
    const bench = start({ server: { truncatesAtByte: { byte: 0 } } });
    bench.offer();
    bench.runUntil(() => bench.last("held") !== undefined, 60_000, "an end of the attempts");
    assert.isAbove(bench.server.fired.truncatesAtByte, 0);
    assert.equal(bench.count("staged"), 0);
    assert.equal(bench.mcu.record.update.writes, 0);
  });

  it("no new connection for each range: an undisturbed image takes one request on one connection", () => {
    const bench = start();
    bench.offer();
    bench.awaitVerdict();
    assert.equal(bench.server.connections, 1);
    assert.deepEqual(rangesOf(bench), [undefined]);
  });

  it("no watchdog bites during an erase: no task holds the processor for 100 ms", () => {
    const bench = start();
    bench.offer();
    bench.awaitVerdict();
    assert.isAbove(bench.device.longestTaskMs, 0);
    assert.isBelow(bench.device.longestTaskMs, 100);
  });

  it("a lost frame never makes the client wait for ever", () => {
    const bench = start({ mcu: { prefetch: true, ignoresChunk: { index: 3, times: 2 } } });
    bench.offer();
    assert.equal(bench.awaitVerdict(5 * 60_000).kind, "succeeded");
    assert.equal(bench.mcu.fired.ignoresChunk, 2);
  });

  it("the UART loses nothing during flash operations of a cut-through transfer", () => {
    const bench = start({
      mcu: { prefetch: false, targetBaud: 921_600, eraseMs: 0 },
      network: { bytesPerSecond: 60_000 },
    });
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.equal(bench.uart.a.received.overruns, 0);
    assert.equal(bench.count("resend"), 0);
  });

  it("download and install are apart: the image is staged and verified before the MCU's flash is touched", () => {
    const bench = start({ mcu: { prefetch: true, suspendSeconds: 3_600 } });
    bench.offer();
    bench.runUntil(() => bench.count("staged") === 1, 3 * 3_600_000, "the staged image");
    assert.equal(bench.mcu.record.update.writes, 0);
    assert.equal(bench.awaitVerdict(3 * 3_600_000).kind, "succeeded");
  });

  it("no thundering herd: devices that failed together do not come back together", () => {
    const random = new Random(7);
    const pauses = Array.from({ length: 50 }, () => {
      const retries = new Retries(0, () => random.next());
      retries.count();
      return retries.pauseMsAfter(0);
    });
    assert.isAbove(new Set(pauses).size, 40);
    for (const pause of pauses) assert.isAtLeast(pause ?? 0, 1_000);
  });

  it("no reinstall loop: a server that repeats its offer does not have the MCU updated twice at once", () => {
    const bench = start();
    for (let i = 0; i < 5; i++) bench.offer();
    bench.runUntil(() => bench.last("phase")?.phase === "serving", 60_000, "the transfer");
    for (let i = 0; i < 5; i++) bench.offer();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    bench.clock.advance(10 * 60_000);
    assert.equal(bench.mcu.record.update.installs, 1);
    assert.lengthOf(bench.mcu.record.update.offers, 1);
  });

  it("no upload twice: a content that is staged is served without a request", () => {
    const bench = start({ mcu: { prefetch: true, finishAnswersFalse: true } });
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "failed");
    bench.mcu.behavior.finishAnswersFalse = false;
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.lengthOf(bench.server.requests, 1);
  });
});
