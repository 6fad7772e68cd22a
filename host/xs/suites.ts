/** Runs portable suites on the XS engine and tells of failures as mocha does on Node. */

import { resolve } from "node:path";
import { bundleForXs, type XsBundle } from "./bundle.js";
import type { SuiteEvent } from "./guest/suite-runner.js";
import { XsError, XsMachine } from "./machine.js";

export interface XsSuiteOptions {
  /** A regular expression that full test names must match. */
  readonly grep?: string | undefined;
  /** Takes the report, line by line; the console by default. */
  log?(line: string): void;
}

export interface XsSuiteResult {
  readonly passed: number;
  readonly failed: number;
}

function bundleSuites(suites: readonly string[], grep: string): Promise<XsBundle> {
  const imports = suites.map((suite) => `import ${JSON.stringify(resolve(suite))};`);
  const text = [
    'import "./host/xs/guest/globals.ts";',
    'import { runSuites } from "./host/xs/guest/suite-runner.ts";',
    ...imports,
    `runSuites(new RegExp(${JSON.stringify(grep)}));`,
  ].join("\n");
  return bundleForXs({ text, directory: resolve() });
}

/** Leaves out what every stack has at its foot: the runner and the entry. */
function pruneStack(stack: string): string {
  const isFoot = (line: string): boolean => /\((host\/xs\/guest\/|entry\.ts)|at eval \(\)/.test(line);
  return stack
    .split("\n")
    .filter((line) => !isFoot(line))
    .join("\n");
}

/** Suites on one machine. All their top-level names are locals of one script, and lie on the engine's stack. */
const BATCH_SUITES = 16;

/** Runs the suites (paths from the project's root, where this process must be) in order, a batch on a machine. */
export async function runSuitesOnXs(suites: readonly string[], options: XsSuiteOptions = {}): Promise<XsSuiteResult> {
  let passed = 0;
  let failed = 0;
  for (let first = 0; first < suites.length; first += BATCH_SUITES) {
    const result = await runBatch(suites.slice(first, first + BATCH_SUITES), options, failed);
    passed += result.passed;
    failed += result.failed;
  }
  return { passed, failed };
}

async function runBatch(
  suites: readonly string[],
  { grep = "", log = console.log }: XsSuiteOptions,
  failedBefore: number,
): Promise<XsSuiteResult> {
  const bundle = await bundleSuites(suites, grep);
  let passed = 0;
  let failed = 0;
  let running = "loading the suites";
  let finished = false;

  function fail(name: string, detail: string): void {
    failed++;
    log(`  ${failedBefore + failed}) on XS: ${name}\n     ${detail.trim().replaceAll("\n", "\n     ")}\n`);
  }

  const machine = await XsMachine.start({
    onCommand(text) {
      const event: SuiteEvent = JSON.parse(text);
      if (event.kind === "started") running = event.name;
      else if (event.kind === "passed") passed++;
      else if (event.kind === "failed") fail(event.name, pruneStack(bundle.mapStack(event.stack || event.message, 0)));
      else finished = true;
      return "";
    },
  });
  try {
    await machine.evaluate(bundle.source);
    if (!finished) fail(running, "the engine came to rest before the suites had ended");
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    fail(running, error.fatal ? `the engine died here, and later tests did not run: ${error.message}` : error.message);
  } finally {
    machine.close();
  }
  return { passed, failed };
}
