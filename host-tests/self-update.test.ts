/** Ferry's own update, end to end and in virtual time: from the offer to the verdict, over whichever build runs. */

import { assert } from "chai";
import { makeFerryImage } from "../host/peers/ferry-image.js";
import { NcpEvent, NcpState, RpcStatus } from "../src/rpc/protocol.js";
import { CONFIRMATION_MS, PROBE_INTERVAL_MS } from "../src/update/self-update-machine.js";
import type { SelfPhase } from "../src/update/self-update-state.js";
import { NEW_VERSION, OLD_VERSION, SelfBench, type SelfBenchOptions, urlOf } from "./support/self-bench.js";

const CONFIRMED = Object.freeze({ kind: "succeeded", proof: "confirmed" });

/** Updates Ferry, which must succeed. */
function update(options: SelfBenchOptions = {}, changes: Parameters<SelfBench["offerFerry"]>[0] = {}): SelfBench {
  const bench = new SelfBench(options);
  bench.start();
  assert.isUndefined(bench.offerFerry(changes));
  assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
  assertRunsNew(bench);
  return bench;
}

function assertRunsNew(bench: SelfBench): void {
  const { storage } = bench.device;
  assert.strictEqual(bench.runningVersion, NEW_VERSION);
  assert.strictEqual(storage.bootSlot, "ota_1");
  assert.isTrue(storage.bootSlotIsConfirmed);
  assert.deepEqual(storage.peek("ota_1", 0, bench.image.length), bench.image);
  assert.deepEqual(storage.chip.misuses, []);
}

function assertRunsOld(bench: SelfBench): void {
  const { storage } = bench.device;
  assert.strictEqual(bench.runningVersion, OLD_VERSION);
  assert.strictEqual(storage.bootSlot, "ota_0");
  assert.deepEqual(storage.chip.misuses, []);
}

function awaitPhase(bench: SelfBench, phase: SelfPhase, limitMs = 3_600_000): void {
  bench.runUntil(() => bench.last("self-phase")?.phase === phase, limitMs, `phase ${phase}`);
}

describe("Ferry's own update", () => {
  it("is staged, checked, installed, booted and confirmed, and the MCU sees it come", () => {
    const bench = update();
    const phases = bench.news.flatMap((news) => (news.kind === "self-phase" ? [news.phase] : []));
    assert.deepEqual(phases, ["staging", "checking", "installing", "restarting", "trial", "confirming", "ended"]);
    bench.clock.advance(1_000);
    assert.deepEqual(
      bench.mcu.record.events.map(({ name, text }) => `${name.slice("client.".length)} ${text}`),
      [
        `blynkStateChange ${NcpState.IDLE}`,
        `blynkStateChange ${NcpState.OTA_UPGRADE}`,
        `processEvent ${NcpEvent.NCP_REBOOTING}`,
        `blynkStateChange ${NcpState.IDLE}`,
      ],
    );
    assert.strictEqual(bench.device.boots, 2);
    assert.deepEqual([...bench.mcu.violations], []);
  });

  it("says so to whoever asks for the version", () => {
    const bench = update();
    const versions: string[] = [];
    bench.mcu.call("blynk.getNcpVersion", {}, ({ results }) => versions.push(results.version));
    bench.runUntil(() => versions.length > 0, 1_000);
    assert.deepEqual(versions, [NEW_VERSION]);
    assert.deepEqual(bench.device.ncp?.selfVerdict, CONFIRMED);
    assert.isUndefined(bench.device.ncp?.verdict);
  });

  it("writes each sector of the slot once, but for the first one, and downloads each byte once", () => {
    const bench = update({ ferry: { bytes: 40_000 } });
    const { storage, downloadedBytes } = bench.device;
    assert.strictEqual(downloadedBytes, bench.image.length);
    const { offset, size } = storage.partition("ota_1");
    const [first, ...others] = [...storage.wear.sectorErases.subarray(offset / 4096, (offset + size) / 4096)];
    assert.strictEqual(first, 2, "the stamp, and the app");
    assert.strictEqual(Math.max(...others), 1);
    const running = storage.partition("ota_0");
    assert.isTrue(
      storage.wear.sectorErases.subarray(running.offset / 4096, offset / 4096).every((count) => count === 0),
    );
  });

  it("can be followed by the next one, into the other slot", () => {
    const next = makeFerryImage({ version: "1.2.0", bytes: 10_000, seed: 3 });
    const bench = update({ others: { "/next.bin": next } });
    assert.isUndefined(bench.offerFerry({ url: urlOf("/next.bin"), sizeBytes: next.length }));
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assert.strictEqual(bench.runningVersion, "1.2.0");
    assert.strictEqual(bench.device.storage.bootSlot, "ota_0");
  });

  it("goes through the files where the image did not say for whom it is before it was there", () => {
    const bench = new SelfBench();
    bench.start();
    assert.isUndefined(bench.offerFerry({ target: "unknown" }));
    awaitPhase(bench, "installing");
    assert.isAbove(bench.device.storage.files.blocksUsed(), 4);
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertRunsNew(bench);
  });

  it("answers pings in time all along, up to the restart", () => {
    for (const target of ["ncp", "unknown"] as const) {
      const bench = new SelfBench({ ferry: { bytes: 20_000 } });
      bench.start();
      const latencies: number[] = [];
      const ping = () => {
        if (bench.last("self-phase")?.phase === "restarting") return;
        const askedMs = bench.clock.now();
        bench.mcu.call("ncp.ping", {}, ({ status }) => {
          if (status === RpcStatus.OK) latencies.push(bench.clock.now() - askedMs);
          bench.clock.set(ping, 20);
        });
      };
      ping();
      bench.offerFerry({ target });
      awaitPhase(bench, "restarting");
      assert.isAbove(latencies.length, 10);
      assert.isBelow(Math.max(...latencies), 100, `offered for ${target}`);
    }
  });

  it("goes on after a restart in the middle of the download, where that had come", () => {
    const bench = new SelfBench({ ferry: { bytes: 60_000 }, network: { bytesPerSecond: 20_000 } });
    bench.start();
    bench.offerFerry();
    bench.runUntil(() => (bench.last("self-fetched")?.bytes ?? 0) > 40_000, 60_000, "most of it");
    bench.device.restart();
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertRunsNew(bench);
    assert.isBelow(bench.device.downloadedBytes, 100_000);
  });

  it("needs nobody to answer where nothing is to be proved", () => {
    const bench = new SelfBench({ overrides: { selfUpdate: { confirmation: { mcu: false } } } });
    bench.device.powerOn();
    bench.runUntil(() => bench.device.ncp !== undefined);
    bench.offerFerry();
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertRunsNew(bench);
  });

  it("announces nothing to an MCU that has not initialized", () => {
    const bench = new SelfBench({ mcu: { bringUp: "none" } });
    bench.powerOn();
    bench.runUntil(() => bench.device.ncp !== undefined);
    bench.offerFerry();
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED, "it answers pings");
    assert.deepEqual(bench.mcu.record.events, []);
  });

  it("takes the same offer again meanwhile, and no other once it is about to restart", () => {
    const bench = new SelfBench();
    bench.start();
    assert.isUndefined(bench.offerFerry());
    assert.isUndefined(bench.offerFerry());
    awaitPhase(bench, "installing");
    assert.isUndefined(bench.offerFerry());
    assert.match(bench.offerFerry({ sizeBytes: 5_000 }) ?? "", /^the offer is refused: Ferry is about to restart/);
    awaitPhase(bench, "trial");
    assert.match(bench.offerFerry({ sizeBytes: 5_000 }) ?? "", /own update has not proved itself yet/);
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assert.strictEqual(bench.server.requests.length, 1);
  });

  it("gives way to another offer up to then", () => {
    const other = makeFerryImage({ version: "1.5.0", bytes: 8_000, seed: 9 });
    const bench = new SelfBench({ network: { bytesPerSecond: 5_000 }, others: { "/other.bin": other } });
    bench.start();
    bench.offerFerry();
    bench.clock.advance(2_000);
    assert.isUndefined(bench.offerFerry({ url: urlOf("/other.bin"), sizeBytes: other.length }));
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assert.strictEqual(bench.runningVersion, "1.5.0");
  });
});

describe("A new build of Ferry", () => {
  const isNew = ({ version }: { version: string }) => version === NEW_VERSION;

  for (const behavior of ["crash", "hang"] as const) {
    it(`that ${behavior === "crash" ? "crashes" : "hangs"} is tried twice, and given up by the boot loader`, () => {
      const bench = new SelfBench({ build: (app) => (isNew(app) ? behavior : {}) });
      bench.start();
      bench.offerFerry();
      const verdict = bench.awaitSelfVerdict();
      assert.strictEqual(verdict.kind, "rolled-back");
      assert.deepInclude(verdict.kind === "rolled-back" && verdict.failure, { stage: "restart", cause: "reverted" });
      assertRunsOld(bench);
      assert.strictEqual(bench.device.boots, 5, "old, new, old, new, old");
      assert.strictEqual(bench.server.requests.length, 1, "the second time from what was staged");
    });
  }

  for (const [reason, deed] of [
    ["software", "restarts"],
    ["crash", "crashes"],
    ["watchdog", "hangs"],
  ] as const) {
    it(`that ${deed} before it has proved itself is rolled back`, () => {
      const bench = new SelfBench({ mcu: { bringUp: "none" } });
      bench.powerOn();
      bench.runUntil(() => bench.device.ncp !== undefined);
      bench.mcu.powerOff();
      bench.offerFerry();
      awaitPhase(bench, "trial");
      bench.clock.advance(1_000);
      bench.device.restart(0, reason);
      const verdict = bench.awaitSelfVerdict(10_000);
      assert.strictEqual(verdict.kind, "rolled-back");
      assert.match(verdict.kind === "rolled-back" ? verdict.failure.detail : "", /^version 1\.1\.0 .* before it was/);
      assertRunsOld(bench);
    });
  }

  /** An MCU that dies with the old build. */
  function updateWithoutMcu(options: SelfBenchOptions = {}): SelfBench {
    const bench = new SelfBench(options);
    bench.start();
    bench.offerFerry();
    awaitPhase(bench, "restarting");
    bench.mcu.powerOff();
    return bench;
  }

  it("whose MCU never answers goes back when its time is up, and says why", () => {
    const bench = updateWithoutMcu();
    awaitPhase(bench, "trial");
    const beganMs = bench.clock.now();
    const verdict = bench.awaitSelfVerdict();
    assert.approximately(bench.clock.now() - beganMs, CONFIRMATION_MS, 2_000);
    assert.strictEqual(verdict.kind, "rolled-back");
    assert.deepEqual(verdict.kind === "rolled-back" && verdict.failure, {
      stage: "restart",
      cause: "unconfirmed",
      detail: "version 1.1.0 ran and was not confirmed in time: the MCU did not answer",
    });
    assertRunsOld(bench);
  });

  it("that was rolled back is not tried again, by whatever offer, unless by force", () => {
    const image = makeFerryImage({ version: NEW_VERSION, bytes: 12_000, seed: 2 });
    const overrides = { selfUpdate: { confirmationMs: 20_000 } };
    const bench = updateWithoutMcu({ image, others: { "/again.bin": image }, overrides });
    const sha256 = bench.sha256OfImage();
    bench.awaitSelfVerdict();
    const refusal =
      /^the offer is refused: this build was tried before and rolled back; it is only tried again by force/;
    assert.match(bench.offerFerry() ?? "", refusal);
    assert.match(bench.offerFerry({ url: urlOf("/moved.bin"), sha256 }) ?? "", refusal);
    bench.device.restart();
    bench.runUntil(() => bench.device.ncp !== undefined);
    assert.match(bench.offerFerry() ?? "", refusal, "also in a later life");

    // Another place and no digest: only the image itself can tell.
    assert.isUndefined(bench.offerFerry({ url: urlOf("/again.bin") }));
    const verdict = bench.awaitSelfVerdict();
    assert.deepInclude(verdict.kind === "failed" && verdict.failure, { stage: "verify", cause: "tried-before" });
    assertRunsOld(bench);

    bench.mcu.powerOn();
    assert.isUndefined(bench.offerFerry({}, true));
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertRunsNew(bench);
  });

  it("that was rolled back does not stand in the way of another one", () => {
    const better = makeFerryImage({ version: NEW_VERSION, bytes: 8_000, seed: 4 });
    const overrides = { selfUpdate: { confirmationMs: 20_000 } };
    const bench = updateWithoutMcu({ others: { "/better.bin": better }, overrides });
    bench.awaitSelfVerdict();
    bench.mcu.powerOn();
    bench.offerFerry({ url: urlOf("/better.bin"), sizeBytes: better.length });
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assert.strictEqual(bench.runningVersion, NEW_VERSION);
  });

  it("waits for the cloud as well where that is required", () => {
    const overrides = { selfUpdate: { confirmation: { mcu: true, cloud: true }, confirmationMs: 120_000 } };
    const bench = new SelfBench({ overrides });
    bench.start();
    bench.offerFerry();
    awaitPhase(bench, "trial");
    bench.clock.advance(60_000);
    assert.strictEqual(bench.last("self-phase")?.phase, "trial");
    assert.strictEqual(bench.device.storage.bootSlot, "ota_0", "a reset now would go back");
    bench.device.run((ncp) => ncp.onCloudAccepted());
    bench.runUntil(() => bench.count("self-verdict") > 0, 1_000, "a verdict");
    assert.deepEqual(bench.device.ncp?.selfVerdict, CONFIRMED);
    assertRunsNew(bench);
  });

  it("goes back when the cloud alone is missing", () => {
    const overrides = { selfUpdate: { confirmation: { cloud: true }, confirmationMs: 120_000 } };
    const bench = new SelfBench({ overrides });
    bench.start();
    bench.offerFerry();
    const verdict = bench.awaitSelfVerdict();
    assert.match(
      verdict.kind === "rolled-back" ? verdict.failure.detail : "",
      /in time: no cloud login, nor an answer to a poll$/,
    );
    assertRunsOld(bench);
  });

  it("asks an MCU that does not initialize, until it answers", () => {
    const bench = new SelfBench({ mcu: { bringUp: "low-level", targetBaud: 38_400 } });
    bench.start();
    bench.offerFerry();
    awaitPhase(bench, "trial");
    const beganMs = bench.clock.now();
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assert.isBelow(bench.clock.now() - beganMs, 2 * PROBE_INTERVAL_MS);
  });

  it("survives a host that restarts its NCP whenever it comes up itself", () => {
    const bench = new SelfBench({ mcu: { bringUp: "zephyr", hasNcpResetPin: false } });
    bench.start(120_000);
    const boots = bench.device.boots;
    bench.offerFerry();
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertRunsNew(bench);
    bench.runUntil(() => bench.last("initialized") !== undefined, 300_000);
    assert.isAtLeast(bench.device.boots, boots + 1);
  });

  for (const targetBaud of [38_400, 115_200]) {
    it(`survives a host at ${targetBaud} baud that resets its NCP by pin when it hears of the restart`, () => {
      const bench = new SelfBench({ mcu: { bringUp: "zephyr", targetBaud, hasNcpResetPin: true } });
      bench.start();
      bench.offerFerry();
      awaitPhase(bench, "restarting");
      const { boots } = bench.device;
      assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
      assertRunsNew(bench);
      assert.isTrue(bench.mcu.log.filter((line) => line.includes("reset by its pin")).length === 2, "no second reset");
      assert.strictEqual(bench.device.boots, boots + 1, "the new build had more than its one boot");
    });
  }

  it("stays when it was never offered, but brought by cable, and proves itself all the same", () => {
    const bench = new SelfBench();
    const { storage } = bench.device;
    storage.chip.preset(bench.image, storage.partition("ota_1").offset);
    storage.selectBootSlot("ota_1");
    bench.start();
    bench.runUntil(() => storage.bootSlotIsConfirmed, 10_000, "a confirmation");
    assertRunsNew(bench);
    assert.strictEqual(bench.count("self-verdict"), 0);
    assert.strictEqual(bench.last("self-phase")?.phase, "idle");
  });
});
