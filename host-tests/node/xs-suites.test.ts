import { assert } from "chai";
import { runSuitesOnXs, type XsSuiteResult } from "../../host/xs/suites.js";

const FIXTURES = "host-tests/node/fixtures";

async function run(fixture: string, grep?: string): Promise<XsSuiteResult & { report: string }> {
  const lines: string[] = [];
  const result = await runSuitesOnXs([`${FIXTURES}/${fixture}.ts`], { grep, log: (line) => lines.push(line) });
  return { ...result, report: lines.join("\n") };
}

describe("The suite runner for XS", () => {
  it("runs tests and hooks in mocha's order and counts what passes and what fails", async () => {
    const { passed, failed } = await run("mixed-suite");
    assert.equal(passed, 3);
    assert.equal(failed, 5);
  });

  it("reports a failure with its full name, what was expected, and its place in the source", async () => {
    const { report } = await run("mixed-suite");
    assert.include(report, "mixed deeper fails an assertion");
    assert.include(report, "{ bytes: Uint8Array[ 1, 2 ] } to deeply equal { bytes: Uint8Array[ 1, 3 ] }");
    assert.match(report, /host-tests\/node\/fixtures\/mixed-suite\.ts:25\)/);
  });

  it("reports what was thrown without being an error", async () => {
    assert.include((await run("mixed-suite")).report, "thrown: no error object");
  });

  it("refuses asynchronous tests, which would pass unseen", async () => {
    const { report } = await run("mixed-suite", "promise|callback");
    assert.include(report, "mixed returns a promise");
    assert.include(report, "mixed waits for a callback");
    assert.match(report, /portable suites are synchronous/);
  });

  it("reports a failing hook and does not run the tests that stand on it", async () => {
    const { report } = await run("mixed-suite");
    assert.include(report, 'a suite whose hook fails "before" hook');
    assert.include(report, "no ground to stand on");
  });

  it("runs only tests whose full name fits the pattern", async () => {
    const { passed, failed } = await run("mixed-suite", "^mixed passes$");
    assert.deepEqual({ passed, failed }, { passed: 1, failed: 0 });
  });

  it("names the test at which the engine died, and counts what passed before", async () => {
    const { passed, failed, report } = await run("fatal-suite");
    assert.deepEqual({ passed, failed }, { passed: 1, failed: 1 });
    assert.include(report, "fatal recurses without end");
    assert.include(report, "stack overflow");
  });

  it("reports a suite that throws while it is collected", async () => {
    const { passed, failed, report } = await run("throwing-suite");
    assert.deepEqual({ passed, failed }, { passed: 0, failed: 1 });
    assert.include(report, "no such vector");
  });

  it("needs no engine for no suites", async () => {
    assert.deepEqual(await runSuitesOnXs([]), { passed: 0, failed: 0 });
  });
});
