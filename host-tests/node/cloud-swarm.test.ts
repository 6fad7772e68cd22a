/**
 * A product in a bad world, for hours: each seed draws what happens to its network, its cloud, its file server, its MCU
 * and its power while the cloud ships a firmware, over either protocol.
 *
 * Safety: the MCU runs its old bytes or the offered ones, installs them once, and hears of them no oftener than the rule
 * allows; no hour sees a storm of messages or of logins. Liveness: each verdict reaches the cloud, and when all is well
 * again the device gets online and up to date by itself. A failing seed is in the message:
 * CLOUD_SWARM_SEEDS=17 runs it alone, over both protocols.
 */

import { assert } from "chai";
import type { Oddities } from "../../host/peers/file-response.js";
import type { McuBehavior } from "../../host/peers/mcu-behavior.js";
import { ProductBench, REGION_HOST, TOKEN } from "../../host/peers/product-bench.js";
import type { CloudCounts, CloudMood } from "../../host/peers/shipping-cloud.js";
import { FIRMWARE_PATH } from "../../host/peers/workbench.js";
import type { CloudProtocol } from "../../host/sim/connectivity.js";
import { Random } from "../../host/sim/random.js";

const SEEDS =
  process.env.CLOUD_SWARM_SEEDS?.split(",").map(Number) ?? Array.from({ length: 60 }, (_, index) => index + 1);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const BAD_HOURS_MAX = 6;
const EVENTS_MAX = 24;
/** After the bad hours: a rest of a day, and a login after it. Clouds restart now and then. */
const GOOD_HOURS_MAX = 60;
const CLOUD_RESTARTS_EVERY_MS = 6 * HOUR_MS;
const IMAGE_BYTES_MAX = 40_000;
/** Of one device: heartbeats are 90 of them, and a login brings eight. */
const MESSAGES_PER_HOUR_MAX = 400;
/** A ring of redirects makes four of each try, and whatever restarts begins its pauses anew. */
const LOGINS_PER_HOUR_MAX = 200;

function drawMcu(random: Random, chunks: number): Partial<McuBehavior> {
  const fault = () => ({ index: random.below(chunks), times: 1 + random.below(2) });
  const maybe = <T>(value: T): T | undefined => (random.chance(0.15) ? value : undefined);
  return {
    prefetch: random.chance(0.5),
    bringUp: (["arduino", "zephyr"] as const)[random.below(2)] ?? "arduino",
    eraseMs: random.below(9_000),
    startDelayMs: random.chance(0.2) ? random.below(10 * MINUTE_MS) : 0,
    answersFalseAtChunk: maybe(fault()),
    losesResultAtChunk: maybe(fault()),
    ignoresChunk: maybe({ ...fault(), times: 1 + random.below(8) }),
    rebootAtChunk: maybe(fault()),
    crashAtChunk: maybe({ ...fault(), silentMs: random.below(40_000) }),
    losesFinishResult: random.chance(0.1),
    virtualWriteEveryMs: random.chance(0.3) ? 60_000 : 0,
  };
}

function drawServer(random: Random, imageBytes: number): Oddities {
  const byte = random.below(imageBytes);
  const times = 1 + random.below(4);
  const oddities: Oddities[] = [
    { stallAtByte: { byte, times } },
    { cutAtByte: { byte, times } },
    { truncatesAtByte: { byte, times } },
    { statusFor: { status: 503, times } },
    { statusFor: { status: 404, times } },
    { refusesConnections: { times } },
    { ignoresRange: true },
  ];
  return oddities[random.below(oddities.length)] as Oddities;
}

function drawMood(random: Random): CloudMood {
  const moods: CloudMood[] = [
    { refusesTokens: true },
    { isMute: true },
    { ignoresPings: true },
    { hangsUpAfterMs: random.below(90_000) },
    { redirectsTo: REGION_HOST },
    { repeatsItself: true },
  ];
  return moods[random.below(moods.length)] as CloudMood;
}

function nothing(): void {}

/** Something that happens to the product; returns how it is made good. */
function strike(bench: ProductBench, random: Random): () => void {
  const { air, clouds, device, home, mcu, network, server } = bench;
  const mishaps: (() => () => void)[] = [
    () => {
      air.remove(home);
      return () => air.add(home);
    },
    () => {
      air.drop(home);
      return nothing;
    },
    () => {
      network.resolverAnswers = false;
      return () => {
        network.resolverAnswers = true;
      };
    },
    () => {
      bench.closeCloud();
      return () => bench.openCloud();
    },
    () => {
      for (const cloud of clouds) cloud.hangUp();
      return nothing;
    },
    () => {
      const mood = drawMood(random);
      // Sent round for ever, if both houses are in that mood.
      const moody = random.chance(0.3) ? clouds : clouds.slice(0, 1);
      for (const cloud of moody) cloud.behave(mood);
      for (const cloud of moody) cloud.hangUp();
      return () => {
        for (const cloud of clouds) cloud.behave({});
      };
    },
    () => {
      for (const cloud of clouds) cloud.offerToAll();
      return nothing;
    },
    () => {
      server.behavior = { ...server.behavior, ...drawServer(random, bench.image.length) };
      return () => healServer(bench);
    },
    () => {
      mcu.reset();
      return nothing;
    },
    () => {
      device.powerOff();
      return nothing;
    },
    () => {
      const operation = device.power.operations + 1 + random.below(14);
      device.power.plan({ operation, kind: random.chance(0.5) ? "after" : "torn" });
      return () => device.power.plan(undefined);
    },
  ];
  return mishaps[random.below(mishaps.length)]?.() ?? nothing;
}

function endureBadHours(bench: ProductBench, random: Random): void {
  const { clock } = bench;
  const badMs = (1 + random.below(BAD_HOURS_MAX)) * HOUR_MS;
  const count = 4 + random.below(EVENTS_MAX);
  const remedies = new Set<() => void>();
  for (let i = 0; i < count; i++) {
    // Most of it happens while there is an update to disturb.
    const atMs = random.chance(0.6) ? random.below(10 * MINUTE_MS) : random.below(badMs);
    clock.set(() => {
      const remedy = strike(bench, random);
      remedies.add(remedy);
      clock.set(
        () => {
          if (remedies.delete(remedy)) remedy();
        },
        1_000 + random.below(random.chance(0.7) ? 3 * MINUTE_MS : 40 * MINUTE_MS),
      );
    }, atMs);
  }
  clock.advance(badMs);
  for (const remedy of remedies) remedy();
  remedies.clear();
}

function healServer({ server, image }: ProductBench): void {
  server.behavior = { files: { [FIRMWARE_PATH]: { bytes: image } } };
}

function calmDown(bench: ProductBench): void {
  healServer(bench);
  const { behavior } = bench.mcu;
  for (const knob of ["answersFalse", "losesResult", "ignores", "reboot", "crash"]) {
    for (const name of Object.keys(behavior)) {
      if (name.startsWith(knob) && name.endsWith("Chunk")) Object.assign(behavior, { [name]: undefined });
    }
  }
  behavior.losesFinishResult = false;
  // Zephyr's client gives up for good when its NCP vanishes in the middle of its bring-up: its owner helps.
  if (/silent for good/.test(bench.mcu.log.at(-1) ?? "")) bench.mcu.reset();
}

function mostWithin(timesMs: readonly number[], spanMs: number): number {
  let first = 0;
  return timesMs.reduce((most, atMs, index) => {
    while ((timesMs[first] ?? atMs) <= atMs - spanMs) first++;
    return Math.max(most, index - first + 1);
  }, 0);
}

function isGood(bench: ProductBench): boolean {
  return (
    bench.isOnline && bench.clouds.some(({ versions }) => versions.get(TOKEN) === "2.0.0") && bench.mcuRunsNewImage
  );
}

function runSeed(protocol: CloudProtocol, seed: number) {
  const what = `over ${protocol}, CLOUD_SWARM_SEEDS=${seed}`;
  const random = new Random(seed);
  const imageBytes = 2_000 + random.below(IMAGE_BYTES_MAX - 2_000);
  const bench = new ProductBench(protocol, {
    imageBytes,
    seed,
    mcu: drawMcu(random, Math.ceil(imageBytes / 1024)),
    server: random.chance(0.5) ? drawServer(random, imageBytes) : {},
    powerReturnsAfterMs: 1_000 + random.below(20_000),
  });
  const { clock, mcu } = bench;
  const old = mcu.runningSha256();
  bench.ship();
  bench.powerOn();
  endureBadHours(bench, random);
  calmDown(bench);
  const untilMs = clock.now() + GOOD_HOURS_MAX * HOUR_MS;
  while (!isGood(bench) && clock.now() < untilMs) {
    clock.advance(CLOUD_RESTARTS_EVERY_MS);
    for (const cloud of bench.clouds) cloud.hangUp();
    clock.advance(10 * MINUTE_MS);
  }
  clock.advance(10 * MINUTE_MS);

  assert.isTrue(isGood(bench), `${what}: not online and up to date though all is well`);
  if (!bench.mcuRunsNewImage) assert.equal(mcu.runningSha256(), old, `${what}: the MCU runs foreign bytes`);
  assert.isAtMost(mcu.record.update.installs, 1, `${what}: installed again`);
  assert.deepEqual([...bench.device.storage.chip.misuses], [], what);
  const told = bench.clouds.flatMap(({ timeline }) => timeline.map(({ text }) => text));
  for (const news of bench.news) {
    if (news.kind !== "verdict") continue;
    const { verdict } = news;
    const words = verdict.kind === "succeeded" ? "succeeded" : `${verdict.kind}, ${verdict.failure.stage}`;
    const isTold = told.some((text) => text.startsWith(`MCU 2.0.0: ${words}`));
    assert.isTrue(isTold, `${what}: the cloud never heard of "${words}"`);
  }
  const logins = bench.clouds.flatMap((cloud) => [...cloud.logins]).sort((a, b) => a - b);
  const loginsPerHour = mostWithin(logins, HOUR_MS);
  const messages = bench.clouds.flatMap((cloud) => cloud.messages.map(({ atMs }) => atMs)).sort((a, b) => a - b);
  const messagesPerHour = mostWithin(messages, HOUR_MS);
  assert.isAtMost(messagesPerHour, MESSAGES_PER_HOUR_MAX, `${what}: a storm of messages`);
  assert.isAtMost(loginsPerHour, LOGINS_PER_HOUR_MAX, `${what}: a storm of logins`);
  const ofClouds = (name: keyof CloudCounts) => bench.clouds.reduce((sum, { counts }) => sum + counts[name], 0);
  return {
    figures: { verdicts: bench.count("verdict"), messagesPerHour, loginsPerHour, logins: logins.length },
    /** What has struck. */
    fired: {
      mcuFaults: Object.values(mcu.fired).reduce((sum, times) => sum + (times ?? 0), 0),
      serverFaults: Object.values(bench.server.fired).reduce((sum, times) => sum + times, 0),
      powerCuts: bench.cuts.length,
      wifiLosses: bench.air.counts.lost,
      unknownNames: bench.network.counts.unresolved,
      hangUps: ofClouds("hangUps"),
      redirects: ofClouds("redirects"),
      refusedLogins: ofClouds("refusedLogins"),
      offersAgain: bench.clouds.reduce((sum, { offersMade }) => sum + offersMade, -1),
    },
  };
}

/** By name, the sums of what runs have counted. */
function sumUp(runs: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const run of runs) for (const [name, count] of Object.entries(run)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

describe("A swarm of faults around a cloud", () => {
  for (const protocol of ["native", "mqtt"] as const) {
    it(`leaves the device online and up to date, installed once, every verdict told, over ${protocol}`, () => {
      const runs = SEEDS.map((seed) => runSeed(protocol, seed));
      const sums = sumUp(runs.map(({ fired }) => fired));
      if (process.env.CLOUD_SWARM_FIGURES) {
        const most = (name: "messagesPerHour" | "loginsPerHour") =>
          Math.max(...runs.map(({ figures }) => figures[name]));
        console.log(sums, sumUp(runs.map(({ figures }) => figures)), most("messagesPerHour"), most("loginsPerHour"));
      }
      if (SEEDS.length === 1) return;
      for (const [name, count] of Object.entries(sums)) assert.isAbove(count, SEEDS.length / 20, `hardly any ${name}`);
    }).timeout(600_000);
  }
});
