/** A short run of the fuzzer; `npm run fuzz` is the long one. */

import { assert } from "chai";
import { runFuzzer } from "../../host/native/fuzz.js";

const INPUTS = 200_000;
const SEED = 20261121;

describe("The wire's C code", () => {
  it(`takes ${INPUTS} hostile inputs without a fault (seed ${SEED})`, function () {
    this.timeout(300_000);
    const { clean, sanitized, report } = runFuzzer({ inputs: INPUTS, seed: SEED });
    if (!sanitized) console.warn("      WITHOUT SANITIZERS: this compiler has no AddressSanitizer and UBSan");
    assert.isTrue(clean, report);
    assert.match(report, new RegExp(`^${INPUTS} inputs, [1-9]\\d{4,} payloads$`));
  });
});
