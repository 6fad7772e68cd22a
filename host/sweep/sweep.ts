/**
 * The sweep: each scenario is rehearsed without a cut, which counts its durable operations; then it is run once for
 * each of them and each kind of cut that it has (depth 1). A second cut then strikes whatever such a run did after the
 * first one (depth 2): at every operation in the small geometry, at a seeded sample in the real one.
 *
 * Deterministic: a run depends on its schedule alone, so the trace of a run tells where its successors can be cut.
 */

import type { DeviceOverrides } from "../sim/device.js";
import { CUT_KINDS, type Operation } from "../sim/power.js";
import { Random } from "../sim/random.js";
import { type RunResult, runSchedule } from "./run.js";
import { makeScenario, type Scenario } from "./scenarios.js";
import type { Cut, Geometry, Schedule } from "./schedule.js";
import { countProblems, countRun, makeTally, type Tally } from "./tally.js";

/** Pairs of cuts tried in the real geometry, in each scenario. */
const REAL_PAIRS = 40;

export interface SweepOptions {
  readonly scenarios: readonly string[];
  readonly geometries: readonly Geometry[];
  readonly depth: 1 | 2;
  readonly seed: number;
  /** Schedules of each scenario, geometry and depth at most, drawn by the seed. */
  readonly limit?: number;
  /** Something was left out on purpose. */
  readonly isPartial?: boolean;
  /** Does every `count`-th schedule only, from number `index`. */
  readonly shard?: { readonly index: number; readonly count: number };
  readonly overrides?: DeviceOverrides;
}

/** How far a sweep is, in first cuts. */
export interface SweepProgress {
  readonly scenario: string;
  readonly done: number;
  readonly total: number;
}

/** Sweeps; yields now and then how far it is, and returns a tally for each scenario and geometry. */
export function* sweep(options: SweepOptions): Generator<SweepProgress, Tally[]> {
  const parts = options.geometries.flatMap((geometry) =>
    options.scenarios.map((name) => new Part(options, name, geometry)),
  );
  const total = parts.reduce((sum, part) => sum + part.total, 0);
  let done = 0;
  for (const part of parts) {
    for (const _ of part.run()) yield { scenario: part.scenario.name, done: ++done, total };
  }
  return parts.map(({ tally }) => tally);
}

/** One scenario in one geometry. */
class Part {
  readonly scenario: Scenario;
  readonly tally: Tally;
  readonly #options: SweepOptions;
  readonly #geometry: Geometry;
  readonly #rehearsal: RunResult;
  /** All first cuts there are. */
  readonly #allFirsts: readonly Cut[];
  readonly #firsts: readonly Cut[];
  readonly #pairs: number | "all";

  constructor(options: SweepOptions, name: string, geometry: Geometry) {
    this.scenario = makeScenario(name, geometry);
    this.tally = makeTally(name, geometry);
    this.#options = options;
    this.#geometry = geometry;
    this.#rehearsal = this.#run([]);
    const swept = this.#rehearsal.operations.slice(0, this.#rehearsal.sweptOperations);
    this.tally.operations = swept.length;
    this.#allFirsts = cutsOf(swept);
    const { depth, limit, seed, shard = { index: 0, count: 1 } } = options;
    const mine = (_: unknown, index: number) => index % shard.count === shard.index;
    const firsts = limit === undefined ? this.#allFirsts : draw(this.#allFirsts, limit, new Random(seed));
    this.#firsts = firsts.filter(mine);
    const sample = limit ?? (geometry === "r" ? REAL_PAIRS : undefined);
    const share = (count: number) => Array.from({ length: count }).filter(mine).length;
    this.#pairs = depth === 1 ? 0 : sample === undefined ? "all" : share(sample);
    // Counted once, whoever does the work.
    if (shard.index === 0) {
      countProblems(this.tally, this.#scheduleOf([]), this.#rehearsal);
      this.#countNotApplicable(swept);
    }
  }

  /** Of the progress. */
  get total(): number {
    return this.#firsts.length + (this.#pairs === "all" ? 0 : this.#pairs);
  }

  *run(): Generator<void> {
    for (const first of this.#firsts) {
      const result = this.#count([first]);
      if (this.#pairs === "all") for (const second of secondsOf(result, first)) this.#count([first, second]);
      yield;
    }
    if (this.#pairs !== "all") yield* this.#runSample(this.#pairs);
  }

  *#runSample(pairs: number): Generator<void> {
    const { seed, shard } = this.#options;
    const random = new Random(seed + 1 + (shard?.index ?? 0));
    for (let pair = 0; pair < pairs; pair++) {
      const first = this.#allFirsts[random.below(this.#allFirsts.length)];
      const seconds = first ? secondsOf(this.#run([first]), first) : [];
      const second = seconds[random.below(seconds.length)];
      if (first && second) this.#count([first, second]);
      yield;
    }
  }

  #count(cuts: readonly Cut[]): RunResult {
    const result = this.#run(cuts);
    countRun(this.tally, this.#scheduleOf(cuts), result, this.#rehearsal.downloadedBytes);
    return result;
  }

  #run(cuts: readonly Cut[]): RunResult {
    const { seed, overrides } = this.#options;
    const rehearsedBytes = cuts.length === 0 ? undefined : this.#rehearsal.downloadedBytes;
    return runSchedule({
      scenario: this.scenario,
      seed,
      cuts,
      ...(rehearsedBytes === undefined ? {} : { rehearsedBytes }),
      ...(overrides ? { overrides } : {}),
    });
  }

  #scheduleOf(cuts: readonly Cut[]): Schedule {
    return { scenario: this.scenario.name, geometry: this.#geometry, seed: this.#options.seed, cuts };
  }

  #countNotApplicable(swept: readonly Operation[]): void {
    for (const { kinds } of swept) {
      for (const kind of CUT_KINDS) if (!kinds.includes(kind)) this.tally.kinds[kind].notApplicable++;
    }
  }
}

/** Runs one schedule, after its rehearsal. Throws for a scenario that does not exist. */
export function replay({ scenario: name, geometry, seed, cuts }: Schedule): RunResult & { refetchedBytes: number } {
  const scenario = makeScenario(name, geometry);
  const rehearsedBytes = runSchedule({ scenario, seed, cuts: [] }).downloadedBytes;
  const result = runSchedule({ scenario, seed, cuts, rehearsedBytes });
  return { ...result, refetchedBytes: Math.max(0, result.downloadedBytes - rehearsedBytes) };
}

function cutsOf(operations: readonly Operation[]): Cut[] {
  return operations.flatMap(({ number, kinds }) =>
    CUT_KINDS.filter((kind) => kinds.includes(kind)).map((kind) => ({ operation: number, kind })),
  );
}

function secondsOf({ operations }: RunResult, first: Cut): Cut[] {
  return cutsOf(operations.filter(({ number }) => number > first.operation));
}

/** So many of the items, in their order. */
function draw<T>(items: readonly T[], count: number, random: Random): T[] {
  // Selection sampling: each item is taken with the chance that is left for it.
  let wanted = Math.min(count, items.length);
  return items.filter((_, index) => {
    const isTaken = random.below(items.length - index) < wanted;
    if (isTaken) wanted--;
    return isTaken;
  });
}
