/** `npm run fuzz`: five million inputs for the wire's C code, other ones each time. */

import { parseArgs } from "node:util";
import { runFuzzer } from "./fuzz.js";

const USAGE = `npm run fuzz -- [options]
  --inputs N   how many; 5000000 unless said otherwise
  --seed N     which ones; a new seed each time unless said otherwise
  --first N    the number of the first one: with "--inputs 1", a failure once more`;

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "5000000" },
    seed: { type: "string", default: `${Date.now()}` },
    first: { type: "string", default: "0" },
  },
});
const [inputs, seed, first] = [values.inputs, values.seed, values.first].map(Number) as [number, number, number];
if (![inputs, seed, first].every((value) => Number.isSafeInteger(value) && value >= 0) || inputs === 0) {
  console.error(`fuzz: whole numbers, please.\n${USAGE}`);
  process.exit(2);
}
console.log(`fuzz: ${inputs} inputs from number ${first}, seed ${seed} ...`);
const startMs = performance.now();
const { clean, sanitized, report } = runFuzzer({ inputs, seed, first });
const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
console.log(report);
if (!sanitized) {
  console.error("fuzz: this compiler has no AddressSanitizer and UBSan: only crashes and broken promises would show.");
}
console.log(clean ? `fuzz: clean, after ${seconds} s` : "fuzz: FAILED");
if (!clean) process.exitCode = 1;
