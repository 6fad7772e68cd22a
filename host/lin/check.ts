/**
 * The check of the headless Linux build: the contract suites of the ports on the SDK's own modules, odd answers to HTTP
 * clients, and whole updates with the ESP32's heap. Says what it finds, or with --json prints the same as one object.
 */

import { parseArgs } from "node:util";
import { CertificateAuthority, type KeyKind } from "../node/certificates.js";
import { GOOD_ANSWER, ODD_ANSWERS } from "./answer-scenarios.js";
import { runRequest } from "./answers.js";
import { creationOfEsp32, writeManifest } from "./manifests.js";
import { buildProgram, bundleGuest, findSdk, SDK_VERSION, type Sdk } from "./sdk.js";
import { HOST, runSuitesOnLinux, serverTls } from "./suites.js";
import { makeSilentCase, makeTlsCases, type TlsCase } from "./tls-scenarios.js";
import { runUpdate } from "./update.js";
import type { HeapFigures, UpdateReport } from "./update-protocol.js";

const MEBIBYTE = 1 << 20;
const SMALL_UPDATE = Object.freeze({ imageBytes: 1 << 16, sampleEveryMs: 20 });
const HANDSHAKES = 5;
const SILENCE_MS = 500;
/** What Ferry may hold the engine for. */
const SLICE_MS = 20;
/** Names of suites, without those that need TLS. */
const NOT_OVER_TLS = "^(?!.* on its own TLS )";
const NOT_ON_LINUX =
  "key-value (NVS), flash, app slots and update: the SDK has no module for Linux, so no suite ran on them";

interface Handshake {
  /** The longest turn of the event loop: median of the runs. */
  readonly longestTurnMs: number;
  /** From the request to the answer. */
  readonly answeredMs: number;
}

export interface LinuxReport {
  readonly sdk: string;
  readonly suites: { readonly passed: number; readonly failed: number };
  readonly update: {
    readonly imageBytes: number;
    readonly durationMs: number;
    readonly own: HeapFigures;
    readonly started: HeapFigures;
    readonly heap: HeapFigures;
  };
  /** Absent on a computer without mbedTLS. */
  readonly tls?: Readonly<Record<KeyKind, Handshake>> & { readonly heapInUpdate: HeapFigures };
  /** Sentences; none when all is well. */
  readonly failures: readonly string[];
}

const { values } = parseArgs({ options: { json: { type: "boolean" } } });
const failures: string[] = [];

function say(line: string): void {
  if (!values.json) console.log(line);
}

function fail(line: string): void {
  failures.push(line);
  say(`  failed: ${line}`);
}

async function checkSuites(program: string, hasTls: boolean): Promise<LinuxReport["suites"]> {
  const run = await runSuitesOnLinux(program, hasTls ? "" : NOT_OVER_TLS);
  for (const failure of run.failures) fail(failure);
  say(`contract suites on the SDK's modules: ${run.passed} passed, ${run.failures.length} failed`);
  say(`  ${NOT_ON_LINUX}`);
  return { passed: run.passed, failed: run.failures.length };
}

/** Ferry's client ends in order; that the SDK's alone does not proves that the answers are as bad as they seem. */
async function checkAnswers(program: string): Promise<void> {
  for (const { title, pieces, ends, restartsSdk } of ODD_ANSWERS) {
    const ferry = await runRequest(program, { client: "ferry", pieces });
    const last = ferry.report?.log.at(-1) ?? "a restart";
    if (!last.startsWith(ends)) fail(`${title}: Ferry's HTTP client ends in "${last}", not in "${ends}"`);
    const bare = await runRequest(program, { client: "bare", pieces });
    if ((bare.report === undefined) !== restartsSdk) {
      fail(`${title}: the SDK's client ${restartsSdk ? "survives it" : "restarts the chip"}, against what was known`);
    }
  }
  say(`odd answers: ${ODD_ANSWERS.length} ended in order; without Ferry's HTTP client the SDK's gave up where known`);
}

async function checkTls(program: string): Promise<void> {
  const cases = makeTlsCases();
  for (const { title, ends, ...tlsCase } of cases) {
    const { report, end } = await askOverTls(program, tlsCase);
    const log = report?.log ?? [];
    if (!log.some((line) => ends.test(line))) fail(`TLS, ${title}: ${log.join(", ") || `a restart: ${end.output}`}`);
    if (ends.test("200") !== log.includes("200")) fail(`TLS, ${title}: answered by ${log.join(", ")}`);
  }
  const silent = await askOverTls(program, { ...makeSilentCase(), limitMs: SILENCE_MS });
  if (silent.report?.log.length !== 0 || silent.end.status !== 0) fail("TLS, a silent server: it cannot be left");
  say(`TLS: ${cases.length + 1} servers, each believed or refused as it should be`);
}

function askOverTls(program: string, tlsCase: Omit<TlsCase, "title" | "ends"> & { limitMs?: number }) {
  const { server, authority, ...how } = tlsCase;
  const tls = { authority, ...(server ? { server } : {}) };
  return runRequest(program, { client: "ferry", pieces: GOOD_ANSWER, tls, ...how });
}

async function measureHandshake(program: string, keys: KeyKind): Promise<Handshake> {
  const trusted = new CertificateAuthority("Ferry's test authority", { keys });
  const tls = { server: serverTls(trusted, HOST), authority: trusted.certificateDer };
  const turns: number[] = [];
  const answers: number[] = [];
  for (let run = 0; run < HANDSHAKES; run++) {
    const { report } = await runRequest(program, { client: "ferry", pieces: GOOD_ANSWER, tls });
    turns.push((report?.longestTurnUs ?? Number.NaN) / 1000);
    answers.push(report?.answeredMs ?? Number.NaN);
  }
  const handshake = { longestTurnMs: medianOf(turns), answeredMs: medianOf(answers) };
  if (!(handshake.longestTurnMs < SLICE_MS)) fail(`TLS with ${keys} keys: a turn of ${handshake.longestTurnMs} ms`);
  say(`TLS with ${keys} keys: the longest turn takes ${handshake.longestTurnMs.toFixed(1)} ms on this computer`);
  return handshake;
}

function medianOf(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;
}

async function checkUpdate(
  program: string,
  title: string,
  options: { imageBytes: number; sampleEveryMs?: number; authority?: CertificateAuthority },
): Promise<(Pick<UpdateReport, "own" | "started" | "heap"> & { durationMs: number }) | undefined> {
  const run = await runUpdate({ program, ...options });
  const { report, verdict, end, durationMs } = run;
  for (const violation of run.violations) fail(`${title}: ${violation}`);
  if (!run.delivered) fail(`${title}: ${report?.refusal ?? JSON.stringify(verdict ?? end)}`);
  if (!report) return undefined;
  const { own, started, heap } = report;
  const { heap: slots, chunk, stack } = creationOfEsp32();
  if (heap.slotsReserved > slots.initial || heap.chunkBytesReserved > chunk.initial)
    fail(`${title}: the heap has grown`);
  const used = `${heap.slots} of ${slots.initial} slots, ${heap.chunkBytes} of ${chunk.initial} chunk bytes`;
  say(`${title}: ${used}, ${heap.stackSlots} of ${stack} stack slots, ${(durationMs / 1000).toFixed(1)} s`);
  say(
    `  of these ${own.slots} and ${own.chunkBytes} before Ferry starts, ${started.slots} and ${started.chunkBytes} after`,
  );
  return { own, started, heap, durationMs };
}

async function check(sdk: Sdk): Promise<LinuxReport> {
  if (sdk.version !== SDK_VERSION) say(`this is SDK ${sdk.version}; Ferry is made for ${SDK_VERSION}`);
  await bundleGuest("host/lin/guest/main.ts", "ferry-suites");
  const suitesProgram = buildProgram(sdk, "host/lin/suites", "ferry-suites");
  const suites = await checkSuites(suitesProgram, sdk.hasTls);
  await checkAnswers(suitesProgram);

  const folder = await writeManifest("ferry-update", "host/lin/guest/update.ts", creationOfEsp32());
  const updateProgram = buildProgram(sdk, folder, "ferry-update");
  const large = await checkUpdate(updateProgram, "update of 1 MiB", { imageBytes: MEBIBYTE });
  const small = await checkUpdate(updateProgram, "update of 64 KiB, heap looked at all the time", SMALL_UPDATE);
  if (!large || !small) throw new Error(failures.join("\n"));
  const update = {
    imageBytes: MEBIBYTE,
    durationMs: large.durationMs,
    own: small.own,
    started: small.started,
    heap: small.heap,
  };
  const tls = sdk.hasTls ? await checkAllOfTls(suitesProgram, updateProgram) : undefined;
  if (!tls) say("TLS: not checked, for mbedTLS is not on this computer (Debian: libmbedtls-dev)");
  return { sdk: sdk.version, suites, update, ...(tls ? { tls } : {}), failures };
}

async function checkAllOfTls(suitesProgram: string, updateProgram: string): Promise<LinuxReport["tls"]> {
  await checkTls(suitesProgram);
  const rsa = await measureHandshake(suitesProgram, "rsa");
  const p256 = await measureHandshake(suitesProgram, "p256");
  const authority = new CertificateAuthority("Ferry's test authority", { keys: "p256" });
  const secure = await checkUpdate(updateProgram, "the same over TLS", { ...SMALL_UPDATE, authority });
  if (!secure) throw new Error(failures.join("\n"));
  return { rsa, p256, heapInUpdate: secure.heap };
}

const sdk = findSdk();
if (typeof sdk === "string") {
  console.error(`Ferry: the headless Linux build is not checked: ${sdk}.`);
  process.exitCode = 1;
} else {
  try {
    const report = await check(sdk);
    if (values.json) console.log(JSON.stringify(report));
    if (failures.length > 0) process.exitCode = 1;
  } catch (error) {
    console.error(`Ferry: the headless Linux build failed: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
