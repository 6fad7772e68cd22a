/** Command lines: `--flag value`, `--flag=value`, switches and files in any order; behind `--` all are files. */

import { printable } from "../../src/store/partition-rules.js";

/** What the user has to mend: shown as one line, exit code 2. */
export class BadInput extends Error {
  override readonly name = "BadInput";
}

export interface Grammar<Flag extends string, Switch extends string> {
  /** A flag that may stand without its value has one here; it takes another only as `--flag=value`. */
  readonly flags: Readonly<Record<Flag, string | undefined>>;
  readonly switches: readonly Switch[];
}

export interface Arguments<Flag extends string, Switch extends string> {
  readonly values: ReadonlyMap<Flag, string>;
  readonly switches: ReadonlySet<Switch>;
  readonly files: readonly string[];
}

/** Throws BadInput for what the grammar does not have, and for a flag without value or given twice. */
export function sortArguments<Flag extends string, Switch extends string>(
  argv: readonly string[],
  grammar: Grammar<Flag, Switch>,
): Arguments<Flag, Switch> {
  const isFlag = (name: string): name is Flag => Object.hasOwn(grammar.flags, name);
  const values = new Map<Flag, string>();
  const switches = new Set<Switch>();
  const files: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    if (argument === "--") return { values, switches, files: [...files, ...argv.slice(i + 1)] };
    if (!argument.startsWith("-") || argument === "-") {
      files.push(argument);
      continue;
    }
    const [name, inline] = splitAtFirst(argument, "=");
    const flag = isFlag(name) ? name : undefined;
    const toggle = grammar.switches.find((known) => known === argument);
    if (toggle) switches.add(toggle);
    else if (!flag) throw new BadInput(`unknown option ${printable(argument)}: see --help`);
    else {
      const value = inline ?? grammar.flags[flag] ?? argv[++i];
      if (value === undefined) throw new BadInput(`${flag} needs a value: see --help`);
      if (values.has(flag)) throw new BadInput(`${flag} is given twice`);
      values.set(flag, value);
    }
  }
  return { values, switches, files };
}

/** The whole number that a flag was given; `undefined` where it was not given. Throws BadInput. */
export function numberOf(flag: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  throw new BadInput(`${flag} "${printable(text)}" is not a whole number of ${range}`);
}

function splitAtFirst(text: string, separator: string): [before: string, behind: string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
