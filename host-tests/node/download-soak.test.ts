/**
 * Downloads under everything at once: servers with random oddities, bad networks and power cuts anywhere, by seed.
 *
 * First safety: what is complete is exactly a file that the server had, and the one whose digest was offered. Then
 * liveness: with all faults gone, the image is complete after one more download. A seed repeats its run.
 */

import { assert } from "chai";
import type { FileServerBehavior } from "../../host/peers/file-response.js";
import { makeFirmware } from "../../host/peers/firmware.js";
import { DeviceCrash } from "../../host/sim/http-client.js";
import type { NetworkConditions } from "../../host/sim/network.js";
import type { CutKind } from "../../host/sim/power.js";
import { Random } from "../../host/sim/random.js";
import type { Offer } from "../../src/image/offer.js";
import { SEGMENT_BYTES } from "../../src/store/segments.js";
import { COMPLETE, DownloadBench, PATH } from "../support/download-bench.js";
import { readAll, sameBytes } from "../support/image-bench.js";

const IMAGE = makeFirmware(2 * SEGMENT_BYTES + 5000, undefined, 1);
const REPLACEMENT = makeFirmware(IMAGE.length, undefined, 2);
const KINDS: readonly CutKind[] = ["before", "torn", "after"];
const SEEDS = 250;
const LIVES_MAX = 6;
const HOUR_MS = 3_600_000;
const CAUSES: readonly string[] = ["connect", "request", "stalled", "mismatch"];

/** Some oddities of a server, each a third of the time or less. */
function randomServer(random: Random, signed: boolean): Partial<FileServerBehavior> {
  const byte = () => random.below(IMAGE.length);
  const times = () => 1 + random.below(4);
  const dice = (probability = 0.25) => random.chance(probability);
  const framing = random.below(4);
  return {
    ...(dice(0.6) ? { cutAtByte: { byte: byte(), times: times() } } : {}),
    ...(dice() ? { stallAtByte: { byte: byte(), times: times() } } : {}),
    ...(dice() ? { truncatesAtByte: { byte: byte(), times: times() } } : {}),
    ...(dice(0.15) ? { slowBytesPerSecond: 2000 + random.below(20_000) } : {}),
    ...(dice() ? { latencyMs: random.below(2000) } : {}),
    ...(framing === 0 ? { chunked: { chunkBytes: 1 + random.below(9000) } } : framing === 1 ? { noLength: true } : {}),
    ...(dice(0.15) ? { ignoresRange: true } : {}),
    ...(dice(0.15) ? { wrongContentRange: { shiftBytes: random.below(2000) - 1000 } } : {}),
    ...(dice() ? { ignoresIfRange: true } : {}),
    ...(dice() ? { validators: random.chance(0.5) ? ("weak" as const) : ("none" as const) } : {}),
    ...(dice() ? { changesEtagAfterRequests: 1 + random.below(5) } : {}),
    ...(dice() ? { changesContentAfterRequests: 1 + random.below(4) } : {}),
    // Nobody can find out about this one without a digest.
    ...(dice() && signed ? { keepsEtag: true } : {}),
    ...(dice() ? { statusFor: { status: random.chance(0.5) ? 503 : 429, times: times() } } : {}),
    ...(dice() ? { refusesConnections: { times: times() } } : {}),
  };
}

function randomNetwork(random: Random): Partial<NetworkConditions> {
  return {
    latencyMs: random.below(300),
    bytesPerSecond: 5000 + random.below(500_000),
    segmentBytes: 100 + random.below(1400),
  };
}

interface Tally {
  completed: number;
  failed: number;
  cuts: number;
  crashes: number;
}

/** What is complete is whole; what is not is of no concern. */
function assertSafe(bench: DownloadBench, offer: Offer, signedFor: Uint8Array | undefined, what: string): void {
  const image = bench.store.find(offer);
  if (!image?.facts) return;
  const bytes = readAll(image);
  const allowed = signedFor ? [signedFor] : [IMAGE, REPLACEMENT];
  assert.isTrue(
    allowed.some((file) => sameBytes(bytes, file)),
    `${what}: complete with bytes of no file`,
  );
}

/** Lets one life download until its end, a cut or a crash. */
function live(bench: DownloadBench, offer: Offer, tally: Tally, what: string): void {
  const cutsBefore = bench.device.cuts.length;
  const outcomesBefore = bench.outcomes.length;
  try {
    bench.start(offer);
    const ended = () => bench.outcomes.length > outcomesBefore || bench.device.cuts.length > cutsBefore;
    bench.clock.runUntil(ended, HOUR_MS, `${what}: an end`);
  } catch (error) {
    if (bench.device.cuts.length === cutsBefore && !(error instanceof DeviceCrash)) throw error;
    if (error instanceof DeviceCrash) {
      tally.crashes++;
      assert.isDefined(bench.server.behavior.chunked, `${what}: only chunks make the SDK's client crash`);
    }
  }
  if (bench.device.cuts.length > cutsBefore) {
    tally.cuts++;
    return;
  }
  const outcome = bench.outcomes.length > outcomesBefore ? bench.outcomes.at(-1) : undefined;
  if (outcome?.kind === "complete") tally.completed++;
  if (outcome?.kind === "failed") {
    tally.failed++;
    assert.include(CAUSES, outcome.failure.cause, what);
  }
}

function soak(seed: number, tally: Tally): void {
  const what = `seed ${seed}`;
  const random = new Random(seed);
  const signedFor = random.chance(0.5) ? (random.chance(0.7) ? IMAGE : REPLACEMENT) : undefined;
  const bench = new DownloadBench(IMAGE, {
    network: randomNetwork(random),
    file: { replacement: { bytes: REPLACEMENT, tag: "two" } },
    server: randomServer(random, signedFor !== undefined),
  });
  const offer = signedFor ? bench.makeSignedOffer(signedFor) : bench.makeOffer();
  for (let life = 0; life < LIVES_MAX; life++) {
    if (random.chance(0.6)) {
      const kind = KINDS[random.below(KINDS.length)] ?? "before";
      bench.device.power.plan({ operation: bench.device.power.operations + 1 + random.below(25), kind });
    }
    live(bench, offer, tally, what);
    bench.device.power.plan(undefined);
    bench.reboot();
    assertSafe(bench, offer, signedFor, what);
  }
  bench.server.behavior = { files: { [PATH]: { bytes: signedFor ?? IMAGE, tag: "final" } } };
  assert.deepEqual(bench.run(offer), COMPLETE, `${what}: without faults`);
  bench.reboot();
  assertSafe(bench, offer, signedFor, what);
  assert.isDefined(bench.store.find(offer)?.facts, what);
}

describe("Downloads in a bad world", () => {
  it(`are safe while it is bad and complete when it is good again, with ${SEEDS} seeds`, () => {
    const tally: Tally = { completed: 0, failed: 0, cuts: 0, crashes: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) soak(seed, tally);
    assert.isAbove(tally.completed, SEEDS, "many came through");
    assert.isAbove(tally.failed, SEEDS / 10, "some did not");
    assert.isAbove(tally.cuts, SEEDS / 2);
  });

  it("survive a cut at each durable operation of a download, in each way, and fetch at most a segment again", () => {
    const rehearsal = new DownloadBench(IMAGE);
    assert.deepEqual(rehearsal.run(), COMPLETE);
    const fresh = new DownloadBench(IMAGE).device.power.operations;
    const operations = rehearsal.device.power.operations - fresh;
    assert.isAtLeast(operations, 10);
    for (let nth = 1; nth <= operations; nth++) {
      for (const kind of KINDS) {
        const bench = new DownloadBench(IMAGE);
        const offer = bench.makeOffer();
        const tally: Tally = { completed: 0, failed: 0, cuts: 0, crashes: 0 };
        bench.device.power.plan({ operation: fresh + nth, kind });
        live(bench, offer, tally, `${kind} operation ${nth}`);
        const cut = bench.device.cuts[0];
        assert.strictEqual(tally.cuts, 1, `${kind} operation ${nth} did not strike`);
        bench.reboot();
        assertSafe(bench, offer, undefined, cut ?? "");
        assert.deepEqual(bench.run(), COMPLETE, cut);
        const fetched = bench.server.requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
        assert.isAtMost(fetched, IMAGE.length + SEGMENT_BYTES + bench.network.conditions.windowBytes, cut);
        bench.assertStaged();
      }
    }
  });
});
