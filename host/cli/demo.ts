/**
 * `ferry demo`: Ferry's whole job, before one's eyes. See demo/options.ts for what it takes and gives.
 *
 * Exit codes: 0 the MCU runs the new image, 1 the update failed, 2 bad input, with one line on standard error.
 */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../node/folder.js";
import { BadInput } from "./arguments.js";
import type { DemoListener } from "./demo/engine.js";
import { runOnNode } from "./demo/on-node.js";
import { runOnXs } from "./demo/on-xs.js";
import { type DemoOptions, HELP, parseOptions, RECEIVED_FILE, SUMMARY_FILE } from "./demo/options.js";
import { prepare } from "./demo/preparation.js";
import { Report } from "./demo/report.js";
import { Screen } from "./demo/screen.js";
import { summarize } from "./demo/summary.js";

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_BAD_INPUT = 2;
/** What shells expect of a program that Ctrl-C has ended. */
const EXIT_INTERRUPTED = 130;

const SILENT: DemoListener = { onServed() {}, onEvent() {} };

/** Runs the command with the arguments after `ferry demo`, and returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    return await demo(argv);
  } catch (error) {
    if (error instanceof BadInput) complain(error.message);
    else complain(`the demo broke: ${error instanceof Error ? error.stack : error}`);
    return error instanceof BadInput ? EXIT_BAD_INPUT : EXIT_FAILED;
  }
}

async function demo(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (options.help) {
    process.stdout.write(HELP);
    return EXIT_OK;
  }
  const preparation = prepare(options);
  prepareFolder(options);
  const screen = new Screen(process.stdout);
  const report = options.json ? undefined : new Report(screen, preparation);
  process.once("SIGINT", () => {
    screen.settle();
    complain("interrupted; nothing was written");
    process.exit(EXIT_INTERRUPTED);
  });
  const run = await (options.engine === "xs" ? runOnXs : runOnNode)(preparation, report ?? SILENT);
  const summary = summarize(preparation, run);
  if (summary.ok) writeFileSync(join(options.out, RECEIVED_FILE), run.received);
  writeFileSync(join(options.out, SUMMARY_FILE), `${JSON.stringify(summary, undefined, 2)}\n`);
  report?.onEnd(run, summary);
  report?.onFiles(options.out, summary.ok);
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  return summary.ok ? EXIT_OK : EXIT_FAILED;
}

/** What an earlier run left must not pass for this one's. Throws BadInput. */
function prepareFolder({ out }: DemoOptions): void {
  try {
    makeFolder(out);
    for (const file of [RECEIVED_FILE, SUMMARY_FILE]) rmSync(join(out, file), { force: true });
  } catch (error) {
    throw new BadInput(`cannot write to --out ${out}: ${error instanceof Error ? error.message : error}`);
  }
}

function complain(message: string): void {
  process.stderr.write(`ferry demo: ${message.replace(/[\r\n]+/g, " ")}\n`);
}
