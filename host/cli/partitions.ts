/**
 * `ferry partitions FILE`: reads a partition table, CSV or binary, and prints it as a map.
 *
 * Exit codes: 0 for a valid table, 2 for anything else, with one line on standard error.
 */

import { readFileSync } from "node:fs";
import { isPartitionBinary, parsePartitionBinary } from "../../src/store/partition-binary.js";
import { parsePartitionCsv } from "../../src/store/partition-csv.js";
import { printable } from "../../src/store/partition-rules.js";
import type { PartitionTable, PartitionTableResult } from "../../src/store/partition-table.js";
import { NodeDigest } from "../node/digest.js";
import { flagNames, flashRegions, renderPartitionMap } from "./partition-map.js";

export const USAGE = "usage: ferry partitions FILE [--flash 4MB] [--json]";

const FLASH_DEFAULT = "4MB";
const FLASH_MIB = [1, 2, 4, 8, 16, 32, 64, 128];
const MIB = 0x10_0000;

export interface CommandResult {
  readonly exitCode: 0 | 2;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly file: string;
  readonly flashBytes: number;
  readonly json: boolean;
}

/** Runs the command with the arguments after `ferry partitions`, and returns the exit code. */
export function main(argv: readonly string[]): number {
  const { exitCode, stdout, stderr } = partitionsCommand(argv, (file) => readFileSync(file));
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return exitCode;
}

/** The command without its surroundings. `readFile` may throw. */
export function partitionsCommand(argv: readonly string[], readFile: (file: string) => Uint8Array): CommandResult {
  if (argv.includes("--help")) return { exitCode: 0, stdout: `${USAGE}\n`, stderr: "" };
  const options = parseOptions(argv);
  if (typeof options === "string") return fail(`${options}; ${USAGE}`);
  const { file, flashBytes, json } = options;

  let bytes: Uint8Array;
  try {
    bytes = readFile(file);
  } catch (error) {
    return fail(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = parseTable(bytes, flashBytes);
  if (typeof result === "string") return fail(`${file}: ${result}`);
  if (!result.ok) {
    const [first, ...others] = result.problems;
    const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
    return fail(`${file}: ${first?.row}: ${first?.message} [${first?.rule}]${more}`);
  }
  const stdout = json ? toJson(result.table, flashBytes) : renderPartitionMap(result.table, flashBytes);
  return { exitCode: 0, stdout, stderr: "" };
}

function parseOptions(argv: readonly string[]): Options | string {
  let file: string | undefined;
  let flash = FLASH_DEFAULT;
  let json = false;
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    if (argument === "--json") json = true;
    else if (argument === "--flash") flash = argv[++i] ?? "";
    else if (argument.startsWith("--flash=")) flash = argument.slice("--flash=".length);
    else if (argument.startsWith("-")) return `unknown option ${printable(argument)}`;
    else if (file !== undefined) return `one file at a time, and ${printable(argument)} is a second`;
    else file = argument;
  }
  const mib = Number(/^(\d+)MB?$/i.exec(flash)?.[1]);
  if (!FLASH_MIB.includes(mib))
    return `--flash "${printable(flash)}" is no size; use ${FLASH_MIB.join(", ")} MB, as in 8MB`;
  return file === undefined ? "no file is given" : { file, flashBytes: mib * MIB, json };
}

/** Tells the form by the first bytes, as ESP-IDF does. */
function parseTable(bytes: Uint8Array, flashBytes: number): PartitionTableResult | string {
  if (isPartitionBinary(bytes)) return parsePartitionBinary(bytes, NodeDigest, { flashBytes });
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return parsePartitionCsv(text, { flashBytes });
  } catch {
    // Not UTF-8: no text, so no CSV either.
  }
  return "this is neither CSV text nor a binary table, which begins with AA 50; give partitions.csv or partition-table.bin";
}

function toJson(table: PartitionTable, flashBytes: number): string {
  const free = flashRegions(table, flashBytes)
    .filter(({ kind }) => kind === "free")
    .map(({ offset, size }) => ({ offset, size }));
  const partitions = table.entries.map((entry) => {
    const { label, type, subtype, offset, size } = entry;
    return { label, type, subtype, offset, size, flags: flagNames(entry) };
  });
  return `${JSON.stringify({ flashBytes, tableOffset: table.tableOffset, partitions, free }, undefined, 2)}\n`;
}

function fail(message: string): CommandResult {
  return { exitCode: 2, stdout: "", stderr: `ferry partitions: ${message.replace(/[\r\n]+/g, " ")}\n` };
}
