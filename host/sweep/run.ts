/**
 * One run: a scenario from the factory to its end, under the cuts of one schedule, judged from outside the device.
 *
 * After each cut the device boots from what its storage holds, nothing else. The cloud does what a cloud does: it
 * offers again what the MCU does not run yet, a bounded number of times. The oracle looks at the MCU's flash after
 * every event, at the flash chip's own complaints, and at what Ferry downloads.
 */

import type { NcpNews } from "../../src/ncp.js";
import { RpcStatus } from "../../src/rpc/protocol.js";
import { SEGMENT_BYTES } from "../../src/store/segments.js";
import { CHECKPOINT_BYTES } from "../../src/store/slot-body.js";
import type { SelfPhase } from "../../src/update/self-update-state.js";
import { NodeDigest } from "../node/digest.js";
import { Workbench } from "../peers/workbench.js";
import type { DeviceOverrides } from "../sim/device.js";
import type { Operation, StruckCut } from "../sim/power.js";
import { Random } from "../sim/random.js";
import { SimStorage } from "../sim/storage.js";
import { Failed, FerryOracle, McuOracle, type Oracle, type Problem } from "./oracle.js";
import type { CloudImage, Moment, Scenario, Step } from "./scenarios.js";
import type { Cut } from "./schedule.js";

/** The MCU's line stands still meanwhile, so that it notices, but not so long that it gives up. */
const POWER_RETURNS_AFTER_MS = 2_000;
const BOOT_PATIENCE_MS = 10_000;
/** For one offer: downloads with retries, a transfer, the MCU's return. */
const OFFER_PATIENCE_MS = 20 * 60_000;
/** The cloud offers an update so often before it is called impossible. */
const OFFERS_MAX = 4;
/** From the last thing that the oracle waits for to the end: for what comes late. */
const SETTLE_MS = 5_000;
const PING_PATIENCE_MS = 120_000;
const PING_AGAIN_MS = 5_000;
/** Ferry's own bound would make an update wait a day that lost its power three times in its first segment. */
const WHOLE_DOWNLOADS_MAX = 100;
/** After one cut Ferry may fetch so much again: the larger of what it makes durable at once, by the place. */
export const REFETCHED_BYTES_MAX = Math.max(SEGMENT_BYTES, CHECKPOINT_BYTES);

export interface RunResult {
  /** From the begin of what is swept to the end of the run. */
  readonly operations: readonly Operation[];
  /** How many of them, from the first, belong to what is swept. Of a rehearsal only. */
  readonly sweptOperations: number;
  readonly struck: readonly StruckCut[];
  /**
   * Bytes of bodies that Ferry has read from the network since the begin of the swept steps. What the server had sent
   * and a cut caught in flight is not among them: no program can keep that.
   */
  readonly downloadedBytes: number;
  /** How much of them was fetched again says nothing: see Scenario. */
  readonly mayFetchAgain: boolean;
  readonly problems: readonly Problem[];
}

export interface RunOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly cuts: readonly Cut[];
  /** What the same scenario downloads without a cut; `undefined` in that very run. */
  readonly rehearsedBytes?: number;
  readonly overrides?: DeviceOverrides;
}

export function runSchedule(options: RunOptions): RunResult {
  return new Run(options).result();
}

class Run {
  readonly #options: RunOptions;
  readonly #bench: Workbench;
  readonly #operations: Operation[] = [];
  readonly #seen = new Set<Moment>();
  readonly #oracle: Oracle;
  /** Operations before the first one that is swept; `undefined` before that is known. */
  #base: number | undefined;
  #sweptOperations: number | undefined;
  #bytesBefore = 0;
  #chunks = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    const { scenario, seed } = options;
    const app = scenario.ferry ? { app: scenario.ferry } : {};
    const images = [...scenario.before, ...scenario.steps].map(({ image }) => image);
    this.#bench = new Workbench({
      mcu: { ...scenario.mcu, digestCalls: false },
      server: serverOf(scenario, images),
      storage: new SimStorage({ partitions: scenario.partitions, random: new Random(seed), ...app }),
      ...(scenario.build ? { build: scenario.build } : {}),
      overrides: { Digest: NodeDigest, wholeDownloadsMax: WHOLE_DOWNLOADS_MAX, ...options.overrides },
      image: images[0]?.bytes ?? new Uint8Array(0),
      seed,
      onNews: (news) => this.#onNews(news),
      powerReturnsAfterMs: POWER_RETURNS_AFTER_MS,
    });
    const bench = this.#bench;
    this.#oracle = scenario.ferry ? new FerryOracle(bench, scenario.ferry) : new McuOracle(bench, scenario.replacement);
  }

  result(): RunResult {
    const problems: Problem[] = [];
    try {
      this.#perform();
    } catch (error) {
      // Whatever breaks Ferry or brings its world to a standstill is a brick.
      const detail = error instanceof Error ? error.message : `${error}`;
      problems.push(error instanceof Failed ? error.problem : { kind: "brick", detail });
    }
    const { device } = this.#bench;
    const downloadedBytes = device.downloadedBytes - this.#bytesBefore;
    problems.push(...this.#refetched(downloadedBytes));
    for (const misuse of device.storage.chip.misuses) problems.push({ kind: "flash-misuse", detail: misuse });
    const { struck } = device.power;
    return {
      operations: this.#operations,
      sweptOperations: this.#sweptOperations ?? this.#operations.length,
      struck: struck.map((cut) => ({ ...cut, operation: cut.operation - (this.#base ?? 0) })),
      downloadedBytes,
      mayFetchAgain: this.#options.scenario.mayFetchAgain,
      problems,
    };
  }

  #perform(): void {
    const { scenario, cuts } = this.#options;
    const bench = this.#bench;
    bench.start();
    for (const step of scenario.before) this.#update(step);
    this.#bytesBefore = bench.device.downloadedBytes;
    this.#seen.clear();
    bench.device.power.onOperation = (operation) => this.#onOperation(operation);
    this.#see("offer");
    for (const step of scenario.steps) this.#update(step);
    this.#see("end");
    // A cut that is still to come, or what the last one has left undone.
    this.#advance(() => false, SETTLE_MS);
    this.#await(() => this.#isUp, BOOT_PATIENCE_MS, "Ferry does not boot");
    for (const step of scenario.steps.slice(-1)) if (!this.#oracle.isDone(step)) this.#update(step);
    this.#assertAnswers();
    const { struck } = bench.device.power;
    if (struck.length < cuts.length) throw new Failed("missed", `only ${struck.length} of ${cuts.length} cuts struck`);
    const vain = struck.find(({ applied }) => !applied);
    if (vain) throw new Failed("missed", `${vain.name} cannot be cut ${vain.kind}`);
  }

  // ---- cuts -----------------------------------------------------------------------------------------------------

  #onOperation({ number, ...operation }: Operation): void {
    const base = this.#base;
    if (base === undefined) return;
    const { power, storage } = this.#bench.device;
    const counted = number - base;
    this.#operations.push({ ...operation, number: counted });
    // Each operation tears in its own way, whatever cuts are still to come.
    storage.random.next();
    const next = this.#options.cuts.find((cut) => cut.operation >= counted);
    power.plan(next && { operation: base + next.operation, kind: next.kind });
  }

  #onNews(news: NcpNews): void {
    if (news.kind === "staged") this.#see("staged");
    if (news.kind === "self-phase") this.#onSelfPhase(news.phase);
    if (news.kind !== "ferried") return;
    // At the first chunk that the MCU has stored, the second, the fourth, and so on.
    const chunks = ++this.#chunks;
    const isMoment = (chunks & (chunks - 1)) === 0;
    this.#see("first-chunk");
    if (isMoment && this.#base !== undefined) this.#bench.device.power.moment("chunk stored by the MCU");
  }

  #onSelfPhase(phase: SelfPhase): void {
    if (phase === "checking") this.#see("staged");
    const isMoment = phase === "trial" || phase === "confirming";
    if (isMoment && this.#base !== undefined) this.#bench.device.power.moment(`the new build: ${phase}`);
  }

  #see(moment: Moment): void {
    if (this.#seen.has(moment)) return;
    this.#seen.add(moment);
    const { scenario } = this.#options;
    const { power } = this.#bench.device;
    if (!power.onOperation) return;
    if (moment === scenario.begins) this.#base = power.operations;
    if (moment === scenario.ends) this.#sweptOperations = this.#operations.length;
  }

  // ---- the cloud ------------------------------------------------------------------------------------------------

  #update(step: Step): void {
    this.#oracle.expect(step);
    for (let offers = 0; offers < OFFERS_MAX; offers++) {
      this.#await(() => this.#isUp, BOOT_PATIENCE_MS, "Ferry does not boot");
      const offeredIn = this.#bench.device.boots;
      if (this.#offer(step)) {
        const isDone = () => this.#oracle.isDone(step);
        const isOver = () => this.#isUp && (isDone() || (this.#oracle.verdict !== undefined && offers > 0));
        this.#advance(isOver, OFFER_PATIENCE_MS);
      }
      if (this.#oracle.isDone(step)) return;
      // A refusal, a failure or a cut: the cloud waits a moment.
      if (this.#bench.device.boots === offeredIn) this.#advance(() => false, SETTLE_MS);
    }
    throw new Failed("brick", `after ${OFFERS_MAX} offers ${this.#oracle.story}`);
  }

  /** False when a cut strikes the offer itself, or Ferry does not take it. */
  #offer(step: Step): boolean {
    let answer: "none" | "taken" | "refused" = "none";
    this.#bench.device.run((ncp) => {
      answer = ncp.offer(this.#oracle.offerOf(step)) === undefined ? "taken" : "refused";
    });
    this.#advance(() => answer !== "none" || !this.#isUp, BOOT_PATIENCE_MS);
    return answer === ("taken" as typeof answer);
  }

  get #isUp(): boolean {
    return this.#bench.device.ncp !== undefined;
  }

  // ---- what is looked at ------------------------------------------------------------------------------------------

  #assertAnswers(): void {
    const { clock, mcu } = this.#bench;
    const untilMs = clock.now() + PING_PATIENCE_MS;
    let answered = false;
    // A restarted Ferry listens at another baud until the MCU's driver has noticed and begun anew.
    while (!answered && clock.now() < untilMs) {
      mcu.call("ncp.ping", {}, ({ status }) => {
        answered = status === RpcStatus.OK;
      });
      this.#advance(() => answered, PING_AGAIN_MS);
    }
    if (!answered) throw new Failed("brick", "Ferry does not answer the MCU's pings");
  }

  #await(condition: () => boolean, limitMs: number, otherwise: string): void {
    if (!this.#advance(condition, limitMs)) throw new Failed("brick", otherwise);
  }

  /** Lets events happen until the condition holds; false when it did not in time. */
  #advance(condition: () => boolean, limitMs: number): boolean {
    const { clock } = this.#bench;
    const untilMs = clock.now() + limitMs;
    while (!condition()) {
      if (!clock.step(untilMs)) return false;
      this.#oracle.judge();
    }
    return true;
  }

  #refetched(downloadedBytes: number): Problem[] {
    const { rehearsedBytes, cuts, scenario } = this.#options;
    if (rehearsedBytes === undefined || scenario.mayFetchAgain) return [];
    const again = downloadedBytes - rehearsedBytes;
    if (again <= cuts.length * REFETCHED_BYTES_MAX) return [];
    const detail = `${again} bytes were fetched again after ${cuts.length} cuts, above ${REFETCHED_BYTES_MAX} for each`;
    return [{ kind: "refetched", detail }];
  }
}

function serverOf({ server, replacement }: Scenario, images: readonly CloudImage[]) {
  const files = Object.fromEntries(
    images.map(({ path, bytes }) => [path, { bytes, ...(replacement ? { replacement: { bytes: replacement } } : {}) }]),
  );
  return { files, ...server, ...(replacement ? { changesContentAfterRequests: 1 } : {}) };
}
