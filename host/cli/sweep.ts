/**
 * `npm run sweep`: the proof that no power cut harms the MCU, nor Ferry itself. See sweep/options.ts for what it takes, sweep/report.ts
 * for what it gives. The work is shared among threads, each of which does its shard of the schedules.
 *
 * Exit codes: 0 proven, 1 a brick, wrong bytes or another failure, 2 bad options, with one line on standard error.
 */

import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type CommandOptions, HELP, parseOptions } from "../sweep/options.js";
import { makeReport, renderReport } from "../sweep/report.js";
import { idOf, type Schedule } from "../sweep/schedule.js";
import { replay, type SweepOptions, type SweepProgress, sweep } from "../sweep/sweep.js";
import { addTally, type Tally } from "../sweep/tally.js";
import { Screen } from "./demo/screen.js";

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_BAD_OPTIONS = 2;
/** More would not end sooner: each rehearses everything first. */
const THREADS_MAX = 8;
const BAR_CELLS = 30;
/** Of progress, where there is no terminal. */
const PLAIN_LINES = 10;

type FromThread =
  | { readonly kind: "progress"; readonly progress: SweepProgress }
  | { readonly kind: "done"; readonly tallies: Tally[] };

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (typeof options === "string") return complain(options);
  if (options.help) {
    process.stdout.write(HELP);
    return EXIT_OK;
  }
  return options.replay ? replayOne(options.replay, options.json) : sweepAll(options);
}

async function sweepAll(options: CommandOptions): Promise<number> {
  const screen = new Screen(process.stdout);
  const report = makeReport(options, await sweepInThreads(options, screen));
  screen.settle();
  process.stdout.write(renderReport(report));
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  return report.ok ? EXIT_OK : EXIT_FAILED;
}

function replayOne(schedule: Schedule, json: boolean): number {
  const { problems, struck, refetchedBytes } = replay(schedule);
  const missed = problems.find(({ kind }) => kind === "missed");
  if (missed) return complain(`--replay ${idOf(schedule)}: ${missed.detail}`);
  for (const { operation, name, kind } of struck) process.stdout.write(`cut ${kind} operation ${operation}: ${name}\n`);
  for (const { kind, detail } of problems) process.stdout.write(`${kind}: ${detail}\n`);
  process.stdout.write(`${idOf(schedule)}: ${problems.length === 0 ? "survived" : "failed"}\n`);
  const ok = problems.length === 0;
  if (json) process.stdout.write(`${JSON.stringify({ ok, id: idOf(schedule), struck, problems, refetchedBytes })}\n`);
  return ok ? EXIT_OK : EXIT_FAILED;
}

// ---- threads ------------------------------------------------------------------------------------------------------

async function sweepInThreads(options: SweepOptions, screen: Screen): Promise<Tally[]> {
  const count = Math.min(THREADS_MAX, availableParallelism());
  const gauge = new Gauge(screen, count);
  const onProgress = (index: number, progress: SweepProgress) => gauge.show(index, progress);
  const shards = await Promise.all(
    Array.from({ length: count }, (_, index) => sweepInThread({ ...options, shard: { index, count } }, onProgress)),
  );
  const [sums = [], ...others] = shards;
  for (const tallies of others) {
    for (const [index, sum] of sums.entries()) addTally(sum, tallies[index] ?? sum);
  }
  return sums;
}

function sweepInThread(
  options: SweepOptions,
  onProgress: (index: number, progress: SweepProgress) => void,
): Promise<Tally[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: options });
    worker.on("message", (message: FromThread) => {
      if (message.kind === "progress") onProgress(options.shard?.index ?? 0, message.progress);
      else resolve(message.tallies);
    });
    worker.on("error", reject);
    worker.on("exit", () => reject(new Error("a thread ended before its work")));
  });
}

function serveThread(options: SweepOptions): void {
  const tell = (message: FromThread) => parentPort?.postMessage(message);
  const work = sweep(options);
  let step = work.next();
  for (; !step.done; step = work.next()) tell({ kind: "progress", progress: step.value });
  tell({ kind: "done", tallies: step.value });
}

/** How far all threads are: a bar on a terminal, now and then a line anywhere else. */
class Gauge {
  readonly #screen: Screen;
  readonly #progresses: (SweepProgress | undefined)[];
  #lines = 0;

  constructor(screen: Screen, threads: number) {
    this.#screen = screen;
    this.#progresses = Array.from({ length: threads });
  }

  show(thread: number, progress: SweepProgress): void {
    this.#progresses[thread] = progress;
    const all = this.#progresses.filter((known) => known !== undefined);
    // Before each has told how much it has to do, nobody knows what the whole is.
    if (all.length < this.#progresses.length) return;
    const done = all.reduce((sum, one) => sum + one.done, 0);
    const share = done / all.reduce((sum, one) => sum + one.total, 0);
    const cells = Math.floor(BAR_CELLS * share);
    const percent = `${Math.floor(100 * share)} %  ${progress.scenario}`;
    this.#screen.draw(`[${"#".repeat(cells).padEnd(BAR_CELLS, ".")}] ${percent}`);
    if (this.#screen.isLive || share * PLAIN_LINES < this.#lines + 1) return;
    this.#lines = Math.floor(share * PLAIN_LINES);
    this.#screen.print(percent);
  }
}

function complain(message: string): number {
  process.stderr.write(`ferry sweep: ${message.replace(/[\r\n]+/g, " ")}\n`);
  return EXIT_BAD_OPTIONS;
}

if (isMainThread) {
  // A reader that has seen enough (`| head`) is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(EXIT_OK);
  });
  process.exitCode = await main(process.argv.slice(2));
} else {
  serveThread(workerData as SweepOptions);
}
