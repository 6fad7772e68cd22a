/** The command line of `npm run sweep`. */

import { SCENARIO_NAMES } from "./scenarios.js";
import { type Geometry, parseId, type Schedule, SEED_MAX } from "./schedule.js";

export const HELP = `usage: npm run sweep -- [options]

Cuts the power of a simulated device at every durable operation of an update, in every way, and proves from outside
that the MCU ends with exactly the offered bytes or exactly its old ones; and, where Ferry updates itself, that there
is always a whole build of Ferry to boot, which in the end is the new one, confirmed, or the old one.

  --scenario NAME   only this one (may be repeated): ${SCENARIO_NAMES.join(", ")}
  --depth 1|2       cuts in one update (2)
  --seed N          of all randomness (1)
  --limit N         at most so many schedules of each scenario, geometry and depth, drawn by the seed
  --replay ID       only the run of this id, as a failure prints it
  --json            one JSON object as the last line
  --help            this text

Exit codes: 0 proven, 1 a brick, wrong bytes or another failure, 2 bad options.
`;

export interface CommandOptions {
  readonly scenarios: readonly string[];
  readonly geometries: readonly Geometry[];
  readonly depth: 1 | 2;
  readonly seed: number;
  readonly limit?: number;
  readonly isPartial: boolean;
  readonly replay?: Schedule;
  readonly json: boolean;
  readonly help: boolean;
}

const LIMIT_MAX = 1_000_000;
const VALUE_OPTIONS = ["--scenario", "--depth", "--seed", "--limit", "--replay"];
const FLAGS = ["--json", "--help"];

/** Returns what is wrong, in a few words, instead of options. */
export function parseOptions(argv: readonly string[]): CommandOptions | string {
  const values = new Map<string, string[]>();
  for (let i = 0; i < argv.length; i++) {
    const [name = "", ...rest] = (argv[i] ?? "").split("=");
    if (FLAGS.includes(name) && rest.length === 0) values.set(name, []);
    else if (!VALUE_OPTIONS.includes(name)) return `unknown option ${JSON.stringify(argv[i])}; see --help`;
    else {
      const value = rest.length > 0 ? rest.join("=") : argv[++i];
      if (value === undefined || value === "") return `${name} needs a value; see --help`;
      if (name !== "--scenario" && values.has(name)) return `${name} is given twice`;
      values.set(name, [...(values.get(name) ?? []), value]);
    }
  }
  return check(values);
}

function check(values: ReadonlyMap<string, readonly string[]>): CommandOptions | string {
  const scenarios = values.get("--scenario");
  const unknown = scenarios?.find((name) => !SCENARIO_NAMES.includes(name));
  if (unknown !== undefined)
    return `no scenario is called ${JSON.stringify(unknown)}; there are ${SCENARIO_NAMES.join(", ")}`;
  const depth = numberOf(values, "--depth", 2, 1, 2);
  const seed = numberOf(values, "--seed", 1, 0, SEED_MAX);
  const limit = numberOf(values, "--limit", LIMIT_MAX, 1, LIMIT_MAX);
  for (const value of [depth, seed, limit]) if (typeof value === "string") return value;
  const replay = replayOf(values);
  if (typeof replay === "string") return replay;
  return {
    scenarios: SCENARIO_NAMES.filter((name) => scenarios?.includes(name) ?? true),
    geometries: ["s", "r"],
    depth: depth as 1 | 2,
    seed: seed as number,
    ...(values.has("--limit") ? { limit: limit as number } : {}),
    isPartial: scenarios !== undefined || values.has("--limit"),
    ...(replay ? { replay } : {}),
    json: values.has("--json"),
    help: values.has("--help"),
  };
}

function replayOf(values: ReadonlyMap<string, readonly string[]>): Schedule | string | undefined {
  const id = values.get("--replay")?.[0];
  if (id === undefined) return undefined;
  const other = ["--scenario", "--depth", "--seed", "--limit"].find((name) => values.has(name));
  if (other) return `--replay ${id} says it all; leave ${other} away`;
  const schedule = parseId(id);
  if (typeof schedule === "string") return `--replay ${JSON.stringify(id)}: ${schedule}`;
  if (SCENARIO_NAMES.includes(schedule.scenario)) return schedule;
  return `--replay ${id}: no scenario is called ${schedule.scenario}; there are ${SCENARIO_NAMES.join(", ")}`;
}

function numberOf(
  values: ReadonlyMap<string, readonly string[]>,
  name: string,
  otherwise: number,
  min: number,
  max: number,
): number | string {
  const text = values.get(name)?.[0];
  if (text === undefined) return otherwise;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  return `${name} ${JSON.stringify(text)} is no whole number from ${min} to ${max}`;
}
