/**
 * Everything at once: each seed draws faults of the MCU, the line, the server, the network and the power supply.
 *
 * Safety: the MCU never runs anything but its old bytes or the offered ones. Liveness: with the faults switched off,
 * the next offer ends in the offered bytes, and there is nothing that the device would not come back from.
 * A failing seed is in the message: SWARM_SEEDS=17 runs it alone.
 */

import { assert } from "chai";
import type { FileServerBehavior } from "../../host/peers/file-response.js";
import type { McuBehavior } from "../../host/peers/mcu-behavior.js";
import { FIRMWARE_PATH, Workbench } from "../../host/peers/workbench.js";
import { Random } from "../../host/sim/random.js";

const SEEDS = process.env.SWARM_SEEDS?.split(",").map(Number) ?? Array.from({ length: 200 }, (_, index) => index + 1);
const IMAGE_BYTES_MAX = 50_000;

function drawMcu(random: Random, chunks: number): Partial<McuBehavior> {
  const fault = () => ({ index: random.below(chunks), times: 1 + random.below(3) });
  const maybe = <T>(value: T): T | undefined => (random.chance(0.15) ? value : undefined);
  return {
    prefetch: random.chance(0.5),
    bringUp: (["arduino", "low-level", "zephyr"] as const)[random.below(3)] ?? "arduino",
    targetBaud: [57_600, 115_200, 460_800, 921_600][random.below(4)] ?? 115_200,
    eraseMs: random.below(9_000),
    writeMs: random.below(40),
    startDelayMs: random.chance(0.2) ? random.below(60_000) : 0,
    answersFalseAtChunk: maybe(fault()),
    losesResultAtChunk: maybe(fault()),
    ignoresChunk: maybe(fault()),
    lateResultAtChunk: maybe({ ...fault(), delayMs: 4_000 + random.below(12_000) }),
    restartsTransferAtChunk: maybe(fault()),
    rebootAtChunk: maybe(fault()),
    crashAtChunk: maybe({ ...fault(), silentMs: random.below(40_000) }),
    updatesInBootloader: random.chance(0.1),
    losesFinishResult: random.chance(0.1),
    idempotentWrites: random.chance(0.2),
  };
}

function drawServer(random: Random, imageBytes: number): Partial<FileServerBehavior> {
  const byte = random.below(imageBytes);
  const times = 1 + random.below(3);
  const maybe = <T>(name: string, value: T) => (random.chance(0.12) ? { [name]: value } : {});
  return {
    ...maybe("stallAtByte", { byte, times }),
    ...maybe("cutAtByte", { byte, times }),
    ...maybe("truncatesAtByte", { byte, times }),
    ...maybe("statusFor", { status: 503, times }),
    ...maybe("refusesConnections", { times }),
    ...maybe("ignoresRange", true),
    ...maybe("wrongContentRange", { shiftBytes: 1 }),
    ...maybe("changesEtagAfterRequests", 1),
    ...maybe("noLength", true),
  };
}

function disturbLine(bench: Workbench, random: Random): void {
  for (const end of [bench.uart.a, bench.uart.b]) {
    end.faults.flipProbability = random.chance(0.3) ? random.next() * 2e-4 : 0;
    end.faults.dropProbability = random.chance(0.3) ? random.next() * 1e-4 : 0;
    end.faults.insertProbability = random.chance(0.3) ? random.next() * 1e-4 : 0;
  }
}

function calmDown(bench: Workbench): void {
  for (const end of [bench.uart.a, bench.uart.b]) {
    Object.assign(end.faults, { flipProbability: 0, dropProbability: 0, insertProbability: 0 });
  }
  bench.server.behavior = { files: { [FIRMWARE_PATH]: { bytes: bench.image } } };
  const { prefetch, bringUp, targetBaud } = bench.mcu.behavior;
  const faults = ["answersFalse", "losesResult", "ignores", "lateResult", "restartsTransfer", "reboot", "crash"];
  for (const knob of Object.keys(bench.mcu.behavior)) {
    if (faults.some((fault) => knob.startsWith(fault))) Object.assign(bench.mcu.behavior, { [knob]: undefined });
  }
  Object.assign(bench.mcu.behavior, {
    prefetch,
    bringUp,
    targetBaud,
    losesFinishResult: false,
    ignoresChunk: undefined,
  });
}

/** Old bytes or offered ones: never anything else. */
function assertSafe(bench: Workbench, old: string, what: string): void {
  if (!bench.mcuRunsNewImage) assert.equal(bench.mcu.runningSha256(), old, `${what}: the MCU runs foreign bytes`);
  assert.deepEqual([...bench.device.storage.chip.misuses], [], what);
}

function runFor(bench: Workbench, durationMs: number): void {
  const untilMs = bench.clock.now() + durationMs;
  while (!bench.mcuRunsNewImage && bench.clock.step(untilMs));
}

function offerAgain(bench: Workbench): void {
  if (!bench.device.ncp) bench.runUntil(() => bench.device.ncp !== undefined, 30_000, "a boot");
  try {
    bench.offer();
  } catch {
    // Another update is under way, or power failed at the offer itself.
  }
}

describe("a swarm of faults", () => {
  it("never brings foreign bytes, and when it is over the next offer brings the right ones", () => {
    let faultsStruck = 0;
    for (const seed of SEEDS) {
      const what = `SWARM_SEEDS=${seed}`;
      const random = new Random(seed);
      const imageBytes = 2_000 + random.below(IMAGE_BYTES_MAX - 2_000);
      const bench = new Workbench({
        imageBytes,
        seed,
        mcu: drawMcu(random, Math.ceil(imageBytes / 1024)),
        server: drawServer(random, imageBytes),
        // Its own bound would have a download wait for a day here: update-budget.test.ts.
        overrides: { wholeDownloadsMax: 100 },
        powerReturnsAfterMs: 1_000 + random.below(20_000),
      });
      const old = bench.mcu.runningSha256();
      bench.powerOn();
      runFor(bench, 15_000);
      disturbLine(bench, random);
      for (let attempt = 0; attempt < 3 && !bench.mcuRunsNewImage; attempt++) {
        if (random.chance(0.4)) {
          const operation = bench.device.power.operations + 1 + random.below(14);
          bench.device.power.plan({ operation, kind: random.chance(0.5) ? "after" : "torn" });
        }
        offerAgain(bench);
        runFor(bench, 20 * 60_000);
        assertSafe(bench, old, what);
      }
      faultsStruck += Object.values(bench.mcu.fired).reduce((sum, count) => sum + (count ?? 0), bench.cuts.length);
      calmDown(bench);
      bench.device.power.plan(undefined);
      for (let attempt = 0; attempt < 3 && !bench.mcuRunsNewImage; attempt++) {
        // An MCU that has given up for good is switched off and on by its owner.
        if (attempt > 0) bench.mcu.reset();
        runFor(bench, 60_000);
        offerAgain(bench);
        runFor(bench, 60 * 60_000);
      }
      assertSafe(bench, old, what);
      assert.isTrue(bench.mcuRunsNewImage, `${what}: no update though all is well`);
    }
    if (SEEDS.length > 1) assert.isAbove(faultsStruck, SEEDS.length, "hardly a fault struck");
  }).timeout(120_000);
});
