/** `npm run soak`: ten million bytes and 100,000 conversations gone wrong, for a whole Ferry; other ones each time. */

import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { recordedFrames } from "../../host-tests/support/recorded-frames.js";
import { type FuzzReport, fuzzFerry } from "../peers/fuzz/fuzz.js";

const USAGE = `npm run soak -- [options]
  --bytes N          from nowhere; 10000000 unless said otherwise
  --conversations N  gone wrong; 100000 unless said otherwise
  --seed N           which ones; a new seed each time unless said otherwise`;

/** What the engine's heap may have grown by from the first quarter to the end: caches and compiled code. */
const HEAP_GROWTH_BYTES_MAX = 8 * 1024 * 1024;
const SETTLED_SHARE = 0.25;
const PARTS_TOLD = 20;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Says each twentieth, and what the heap holds after the first quarter. */
function makeWatch(what: string) {
  let told = 0;
  let settledBytes = 0;
  let lastBytes = 0;
  return {
    onProgress(done: number): void {
      if (done * PARTS_TOLD < told + 1) return;
      told = Math.floor(done * PARTS_TOLD);
      lastBytes = heapBytes();
      if (done >= SETTLED_SHARE && settledBytes === 0) settledBytes = lastBytes;
      console.error(`soak: ${Math.round(done * 100)} % of the ${what}, heap ${(lastBytes / 2 ** 20).toFixed(1)} MiB`);
    },
    growthBytes: () => lastBytes - settledBytes,
  };
}

function run(what: string, plan: { seed: number; bytes: number; conversations: number }): boolean {
  const watch = makeWatch(what);
  const startMs = performance.now();
  let report: FuzzReport;
  try {
    report = fuzzFerry({ ...plan, recorded: recordedFrames(), onProgress: watch.onProgress });
  } catch (error) {
    console.log(`soak: FAILED: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    return false;
  }
  const growthBytes = watch.growthBytes();
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  console.log(`soak: ${what}, seed ${plan.seed}, ${seconds} s: ${JSON.stringify({ ...report, growthBytes })}`);
  if (growthBytes <= HEAP_GROWTH_BYTES_MAX) return true;
  console.log(`soak: FAILED: the heap has grown by ${growthBytes} bytes`);
  return false;
}

const { values } = parseArgs({
  options: {
    bytes: { type: "string", default: "10000000" },
    conversations: { type: "string", default: "100000" },
    seed: { type: "string", default: `${Date.now() % 2 ** 31}` },
  },
});
const [bytes, conversations, seed] = [values.bytes, values.conversations, values.seed].map(Number) as [
  number,
  number,
  number,
];
if (![bytes, conversations, seed].every((value) => Number.isSafeInteger(value) && value >= 0)) {
  console.error(`soak: whole numbers, please.\n${USAGE}`);
  process.exit(2);
}
const isClean =
  run("bytes", { seed, bytes, conversations: 0 }) && run("conversations", { seed, bytes: 0, conversations });
console.log(isClean ? "soak: clean" : `soak: FAILED, once more with --seed ${seed}`);
if (!isClean) process.exitCode = 1;
