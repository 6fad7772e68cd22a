/** The outcome of a whole sweep: for people, and as the JSON object of `--json`. */

import { CUT_KINDS, type CutKind } from "../sim/power.js";
import { REFETCHED_BYTES_MAX } from "./run.js";
import type { SweepOptions } from "./sweep.js";
import { addTally, type KindCount, makeTally, type Tally } from "./tally.js";

/** Failures that are printed one by one. */
const FAILURES_SHOWN_MAX = 20;

export interface SweepReport extends Omit<Tally, "scenario" | "geometry" | "operations"> {
  readonly ok: boolean;
  readonly seed: number;
  readonly depth: 1 | 2;
  /** The most that may be fetched again: a segment in LittleFS or a checkpoint in the slot, whichever is larger. */
  readonly segmentBytes: number;
  /** Cut kinds that never struck. */
  readonly kindsNotFired: readonly CutKind[];
  readonly scenarios: readonly Omit<Tally, "failures">[];
}

/** A sweep that was not told to leave anything out must have fired every kind of cut. */
export function makeReport(options: SweepOptions, tallies: readonly Tally[]): SweepReport {
  const sum = makeTally("", "s");
  for (const tally of tallies) addTally(sum, tally);
  const { scenario: _, geometry: __, operations: ___, ...totals } = sum;
  const kindsNotFired = CUT_KINDS.filter((kind) => sum.kinds[kind].fired === 0);
  const isIdle = tallies.some(({ cuts }) => cuts === 0);
  return {
    ok: sum.failures.length === 0 && !isIdle && (options.isPartial === true || kindsNotFired.length === 0),
    seed: options.seed,
    depth: options.depth,
    ...totals,
    segmentBytes: REFETCHED_BYTES_MAX,
    kindsNotFired,
    scenarios: tallies.map(({ failures: _, ...tally }) => tally),
  };
}

/** Whole lines. */
export function renderReport(report: SweepReport): string {
  const { runs, cuts, bricks, wrongBytes, refetchedBytesMax, segmentBytes, failures, kindsNotFired } = report;
  const rows = report.scenarios.map((tally) => [
    `${tally.scenario}@${tally.geometry}`,
    `${tally.operations}`,
    `${tally.runs}`,
    ...CUT_KINDS.map((kind) => countOf(tally.kinds[kind])),
  ]);
  const lines = table([["scenario", "operations", "runs", ...CUT_KINDS], ...rows]);
  lines.push("", "Under each kind of cut: how often it fired; after the slash, operations that cannot be cut so.", "");
  for (const { id, problem, detail } of failures.slice(0, FAILURES_SHOWN_MAX))
    lines.push(`${problem}: ${id}: ${detail}`);
  if (failures.length > FAILURES_SHOWN_MAX) lines.push(`... and ${failures.length - FAILURES_SHOWN_MAX} more failures`);
  if (failures.length > 0) lines.push("Replay one with: npm run sweep -- --replay ID", "");
  if (kindsNotFired.length > 0) lines.push(`Never fired: ${kindsNotFired.join(", ")}`);
  lines.push(
    `${cuts} cuts in ${runs} runs: ${bricks} bricks, ${wrongBytes} wrong images, ${failures.length} failures; ` +
      `at most ${refetchedBytesMax} bytes fetched again after a cut (a segment has ${segmentBytes})`,
  );
  return `${lines.join("\n")}\n`;
}

function countOf({ fired, notApplicable }: KindCount): string {
  return notApplicable === 0 ? `${fired}` : `${fired}/${notApplicable}`;
}

/** The first column flush left, the others flush right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  "),
  );
}
