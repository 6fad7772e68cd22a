/** The main job, end to end and in virtual time: an MCU gets its firmware through Ferry. */

import { assert } from "chai";
import { NEW_FIRMWARE, Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";
import { PrefetchStatus } from "../src/rpc/protocol.js";

const UNKNOWN = Object.freeze({ type: "", version: "", build: "" });

/** Runs one update to its verdict and holds it to the oracle: the very bytes, by rules of the protocol. */
function update(options: WorkbenchOptions = {}, changes: Parameters<Workbench["offer"]>[0] = {}): Workbench {
  const bench = new Workbench(options);
  bench.start();
  bench.offer(changes);
  const verdict = bench.awaitVerdict();
  assert.deepEqual(verdict, { kind: "succeeded", proof: "version" }, JSON.stringify(verdict));
  assert.isTrue(bench.mcuRunsNewImage, "the MCU runs other bytes than were offered");
  assert.deepEqual([...bench.mcu.violations], []);
  return bench;
}

describe("an update of a healthy MCU", () => {
  for (const prefetch of [true, false]) {
    const how = prefetch ? "that prefetches" : "that starts directly";

    it(`reaches an MCU ${how}, byte by byte, and is judged by the version that returns`, () => {
      const bench = update({ mcu: { prefetch }, imageBytes: 100_000 });
      assert.equal(bench.mcu.running.firmware.version, NEW_FIRMWARE.version);
      assert.equal(bench.server.requests.length, 1);
      assert.deepEqual(bench.mcu.record.update.startAnswers, [true]);
      assert.deepEqual(bench.mcu.record.update.prefetchStatuses, prefetch ? [PrefetchStatus.OK] : []);
      assert.equal(bench.count("resend"), 0);
    });

    it(`takes images of every size around a chunk and a segment, for an MCU ${how}`, () => {
      for (const imageBytes of [1, 1023, 1024, 1025, 2048, 32_723, 32_724, 32_725, 65_449]) {
        const bench = new Workbench({
          imageBytes,
          mcu: { prefetch, untaggedFirmware: { ...NEW_FIRMWARE, blynkVersion: "" } },
        });
        bench.start();
        bench.offer();
        assert.equal(bench.awaitVerdict().kind, "succeeded", `${imageBytes} bytes`);
        assert.isTrue(bench.mcuRunsNewImage, `${imageBytes} bytes`);
        assert.deepEqual([...bench.mcu.violations], [], `${imageBytes} bytes`);
      }
    });
  }

  it("sends chunks of exactly the size that was asked for, only the last one shorter", () => {
    for (const chunkBytes of [16, 100, 512, 1520]) {
      const bench = update({ mcu: { chunkBytes }, imageBytes: 5_000 });
      assert.equal(bench.mcu.record.update.writes, Math.ceil(5_000 / chunkBytes));
    }
  });

  it("serves CRC-32, MD5 and SHA-256 inside the MCU's own Finish handler", () => {
    const bench = update();
    assert.deepEqual(bench.mcu.record.update.digestVerdicts, [{ md5: "same", sha256: "same", crc32: "same" }]);
  });

  it("works with all bauds that MCUs use", () => {
    for (const targetBaud of [38_400, 57_600, 115_200, 230_400, 921_600, 2_000_000]) {
      const bench = update({ mcu: { targetBaud } });
      assert.equal(bench.device.ncp?.baud, targetBaud);
    }
  });

  it("waits out a suspension before it goes on", () => {
    const bench = update({ mcu: { suspendSeconds: 600, prefetch: true } });
    assert.deepEqual(bench.mcu.record.update.suspendAnswers, [true]);
  });

  it("needs no type, version or build in the offer: the image's own tag tells", () => {
    const bench = update({ mcu: { prefetch: true } }, UNKNOWN);
    assert.deepEqual(
      bench.mcu.record.update.offers.map(({ type, version, build }) => ({ type, version, build })),
      [UNKNOWN],
    );
  });

  it("succeeds without any version where the MCU took an untagged image and came back", () => {
    const image = new Uint8Array(3000).fill(7);
    const bench = new Workbench({ image });
    bench.start();
    bench.offer(UNKNOWN);
    assert.deepEqual(bench.awaitVerdict(), { kind: "succeeded", proof: "finish" });
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("cuts through: an MCU that starts directly gets its first chunks while the rest still arrives", () => {
    const bench = new Workbench({
      imageBytes: 200_000,
      mcu: { eraseMs: 0, targetBaud: 921_600 },
      network: { bytesPerSecond: 20_000 },
    });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.count("ferried") > 0, 60_000, "a first chunk");
    assert.isBelow(bench.server.requests[0]?.bytesSent ?? Number.NaN, 100_000);
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("lets an MCU that prefetches wait for the whole, verified image before its first chunk", () => {
    const bench = new Workbench({ imageBytes: 200_000, mcu: { prefetch: true }, network: { bytesPerSecond: 5_000 } });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.mcu.record.update.startAnswers.length > 0, 60_000, "otaUpdateStart");
    assert.deepEqual(bench.mcu.record.update.prefetchStatuses, [0], "the MCU's 30 s have run out");
    assert.isUndefined(bench.last("staged"), "the download is still under way");
    assert.equal(bench.count("ferried"), 0);
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.equal(bench.server.requests.length, 1, "otaUpdateStart joined the running download");
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("can be followed by another, and by the same one again without a download", () => {
    const bench = update({ mcu: { prefetch: true } });
    bench.offer({ version: "" });
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    const requests = bench.server.requests.length;
    bench.offer({ version: "" });
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.equal(bench.server.requests.length, requests);
  });

  it("answers pings within 100 ms all the while", () => {
    for (const prefetch of [true, false]) {
      const bench = update({ imageBytes: 150_000, mcu: { prefetch } });
      assert.isBelow(bench.device.longestTaskMs, 100);
    }
  });
});

describe("an offer", () => {
  it("waits for an MCU that has not initialized yet", () => {
    const bench = new Workbench({ mcu: { bootMs: 20_000 } });
    bench.powerOn();
    bench.clock.advance(1_000);
    bench.offer();
    assert.equal(bench.last("phase")?.phase, "queued");
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("that the MCU declines ends there, and nothing is downloaded", () => {
    const bench = new Workbench({ mcu: { acceptOffer: false } });
    bench.start();
    bench.offer();
    const verdict = bench.awaitVerdict();
    assert.equal(verdict.kind === "failed" && verdict.failure.cause, "declined");
    assert.equal(bench.server.requests.length, 0);
  });

  it("counts as accepted when the answer comes late: the MCU was erasing", () => {
    const bench = new Workbench({ mcu: { eraseMs: 9_000 } });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.last("phase")?.phase === "open", 10_000, "the answer's time to run out");
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.equal(bench.mcu.record.update.offers.length, 1);
  });

  it("is made again when the MCU never answers, and is given up at last", () => {
    const bench = new Workbench({ mcu: { acceptOffer: "never answer" } });
    bench.start();
    bench.offer();
    const verdict = bench.awaitVerdict();
    assert.equal(verdict.kind === "failed" && verdict.failure.cause, "no-answer");
    assert.equal(bench.mcu.record.update.offers.length, 5);
    assert.isAbove(bench.mcu.fired.acceptOffer ?? 0, 0);
  });

  it("is refused with a reason when it makes no sense", () => {
    const bench = new Workbench();
    bench.start();
    for (const [changes, reason] of [
      [{ sizeBytes: 0 }, /size is 0/],
      [{ sizeBytes: 1.5 }, /size is 1.5/],
      [{ url: "ftp://x/y" }, /neither http/],
      [{ url: "" }, /neither http/],
      [{ sha256: "12" }, /sha256/],
      [{ version: "x".repeat(65) }, /above 64/],
    ] as const) {
      assert.throws(() => bench.offer(changes), reason);
    }
    assert.equal(bench.count("phase"), 0);
  });

  it("of the same content while it is being worked on changes nothing", () => {
    const bench = new Workbench({ mcu: { startDelayMs: 5_000 } });
    bench.start();
    bench.offer();
    bench.clock.advance(2_000);
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.equal(bench.mcu.record.update.offers.length, 1);
  });

  it("of the same content at another place is fetched from there", () => {
    const bench = new Workbench({ mcu: { startDelayMs: 5_000 } });
    const sha256 = "0".repeat(64);
    bench.start();
    bench.offer({ url: "http://files.example/gone.bin", sha256 });
    bench.clock.advance(2_000);
    bench.offer({ sha256 });
    bench.awaitVerdict();
    assert.deepEqual(
      bench.server.requests.map((request) => request.path),
      ["/firmware.bin"],
    );
  });

  it("of other content while an image is being transferred is refused, and the transfer goes on", () => {
    const bench = new Workbench({ imageBytes: 60_000 });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.count("ferried") > 3);
    assert.throws(() => bench.offer({ sizeBytes: 5 }), /another update/);
    assert.equal(bench.awaitVerdict().kind, "succeeded");
  });
});

describe("otaUpdateStart", () => {
  it("is refused without an offer, and with a chunk of no bytes or of more than a frame holds", () => {
    const bench = new Workbench({ mcu: { acceptOffer: true, startDelayMs: 60_000 } });
    bench.start();
    const answers: unknown[] = [];
    const start = (chunkBytes: number) => {
      const before = answers.length;
      bench.mcu.call("blynk.otaUpdateStart", { chunkBytes }, (reply) => answers.push(reply));
      bench.runUntil(() => answers.length > before, 5_000, "an answer");
    };
    start(1024);
    bench.offer();
    bench.runUntil(() => bench.last("phase")?.phase === "accepted");
    start(0);
    start(1521);
    start(65_535);
    assert.equal(answers.length, 4);
    for (const answer of answers) assert.nestedPropertyVal(answer, "results.ok", false);
    assert.equal(bench.server.requests.length, 0);
  });

  it("is served from flash, without a download, to a boot loader that never initialized", () => {
    const bench = update({ mcu: { prefetch: true } });
    const requests = bench.server.requests.length;
    bench.mcu.powerOff();
    bench.mcu.storage.isInBootloader = true;
    bench.mcu.powerOn();
    const installs = bench.mcu.record.update.installs;
    bench.runUntil(() => bench.mcu.record.update.installs > installs, 600_000, "another installation");
    assert.equal(bench.server.requests.length, requests);
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("is served to an MCU that takes its updates in a boot loader, at another baud, announced or not", () => {
    for (const announcesBootloaderBaud of [true, false]) {
      const bench = update({
        mcu: { prefetch: true, updatesInBootloader: true, announcesBootloaderBaud, targetBaud: 460_800 },
      });
      assert.equal(bench.server.requests.length, 1);
    }
  });
});
