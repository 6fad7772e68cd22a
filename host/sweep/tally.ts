/** What a sweep has seen of one scenario in one geometry: plain data, so that shards can be sent and added up. */

import { CUT_KINDS, type CutKind } from "../sim/power.js";
import type { ProblemKind } from "./oracle.js";
import type { RunResult } from "./run.js";
import { type Geometry, idOf, type Schedule } from "./schedule.js";

export interface KindCount {
  fired: number;
  /** Swept operations that have no such cut: nothing was run for them. */
  notApplicable: number;
}

export interface Failure {
  /** Replays it. */
  readonly id: string;
  readonly problem: ProblemKind;
  readonly detail: string;
}

export interface Tally {
  readonly scenario: string;
  readonly geometry: Geometry;
  /** Durable operations, and moments between them, that were swept. */
  operations: number;
  runs: number;
  /** Cuts that have struck. */
  cuts: number;
  bricks: number;
  wrongBytes: number;
  /** Of one cut, on average over the cuts of its run. */
  refetchedBytesMax: number;
  readonly kinds: Record<CutKind, KindCount>;
  readonly failures: Failure[];
}

export function makeTally(scenario: string, geometry: Geometry): Tally {
  const kinds = Object.fromEntries(CUT_KINDS.map((kind) => [kind, { fired: 0, notApplicable: 0 }]));
  return {
    scenario,
    geometry,
    operations: 0,
    runs: 0,
    cuts: 0,
    bricks: 0,
    wrongBytes: 0,
    refetchedBytesMax: 0,
    kinds: kinds as Record<CutKind, KindCount>,
    failures: [],
  };
}

export function countRun(tally: Tally, schedule: Schedule, result: RunResult, rehearsedBytes: number): void {
  tally.runs++;
  for (const { kind, applied } of result.struck) {
    if (!applied) continue;
    tally.cuts++;
    tally.kinds[kind].fired++;
  }
  const again = Math.ceil((result.downloadedBytes - rehearsedBytes) / schedule.cuts.length);
  if (!result.mayFetchAgain) tally.refetchedBytesMax = Math.max(tally.refetchedBytesMax, again);
  countProblems(tally, schedule, result);
}

export function countProblems(tally: Tally, schedule: Schedule, { problems }: RunResult): void {
  if (problems.some(({ kind }) => kind === "brick")) tally.bricks++;
  if (problems.some(({ kind }) => kind === "wrong-bytes")) tally.wrongBytes++;
  for (const { kind, detail } of problems) tally.failures.push({ id: idOf(schedule), problem: kind, detail });
}

/** Adds what another shard has seen of the same scenario. */
export function addTally(sum: Tally, other: Tally): void {
  sum.operations = Math.max(sum.operations, other.operations);
  sum.runs += other.runs;
  sum.cuts += other.cuts;
  sum.bricks += other.bricks;
  sum.wrongBytes += other.wrongBytes;
  sum.refetchedBytesMax = Math.max(sum.refetchedBytesMax, other.refetchedBytesMax);
  for (const kind of CUT_KINDS) {
    sum.kinds[kind].fired += other.kinds[kind].fired;
    sum.kinds[kind].notApplicable += other.kinds[kind].notApplicable;
  }
  sum.failures.push(...other.failures);
}
