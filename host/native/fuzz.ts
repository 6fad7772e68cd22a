/** Compiles and runs the fuzzer of the wire's C code (fuzz.c), under sanitizers where the compiler has them. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import recorded from "../../host-tests/vectors/blynk-rpc.json";
import { projectPath, projectRoot } from "../node/project.js";

const SOURCES: readonly string[] = Object.freeze([
  "host/native/fuzz.c",
  "src/native/wire-core.c",
  "src/native/wire-frame.c",
]);
const HEADERS: readonly string[] = Object.freeze([
  "src/native/wire-core.h",
  "src/native/wire-frame.h",
  "src/native/wire-line.h",
]);
const SANITIZERS: readonly string[] = Object.freeze([
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=all",
  "-DFERRY_SANITIZED",
]);
const PROBE = "int main(int count, char **arguments) { return arguments[count] != 0; }\n";

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** The number of the first input; each is the same whatever comes before it. */
  readonly first?: number;
}

export interface FuzzOutcome {
  readonly clean: boolean;
  /** Whether the compiler had AddressSanitizer and UBSan. */
  readonly sanitized: boolean;
  /** What the fuzzer said: a summary, or what is wrong and how to see it again. */
  readonly report: string;
}

export function runFuzzer({ inputs, seed, first = 0 }: FuzzOptions): FuzzOutcome {
  mkdirSync(projectPath("build/native"), { recursive: true });
  const sanitized = hasSanitizers();
  const program = compileFuzzer(sanitized);
  const { status, signal, stdout, stderr } = run(program, [writeCorpus(), `${seed}`, `${first}`, `${inputs}`]);
  const clean = status === 0;
  const report = clean ? stdout.trim() : `${stderr.trim()}\n(${signal ?? `exit status ${status}`})`;
  return { clean, sanitized, report };
}

function run(command: string, args: readonly string[], input = "") {
  const { error, ...result } = spawnSync(command, args, { cwd: projectRoot(), input, encoding: "utf8" });
  if (error) throw new Error(`fuzz: cannot run ${command}: ${error.message}`);
  return result;
}

/** Compilers may know the flags and lack the libraries: only a program that runs proves both. */
function hasSanitizers(): boolean {
  const probe = projectPath("build/native/probe");
  const compiled = run("cc", [...SANITIZERS, "-x", "c", "-", "-o", probe], PROBE);
  return compiled.status === 0 && run(probe, []).status === 0;
}

function compileFuzzer(sanitized: boolean): string {
  const program = projectPath(`build/native/${sanitized ? "fuzz" : "fuzz-unsanitized"}`);
  const newestMs = Math.max(...[...SOURCES, ...HEADERS].map((path) => statSync(projectPath(path)).mtimeMs));
  if (existsSync(program) && statSync(program).mtimeMs > newestMs) return program;
  mkdirSync(dirname(program), { recursive: true });
  const warnings = ["-Wall", "-Wextra", "-Werror"];
  const flags = ["-std=c11", "-g", "-O1", ...warnings, ...(sanitized ? SANITIZERS : [])];
  const { status, stderr } = run("cc", [...flags, "-o", program, ...SOURCES]);
  if (status !== 0) throw new Error(`fuzz: host/native/fuzz.c does not compile:\n${stderr}`);
  return program;
}

/** Every recorded frame, each after its length (u16, little-endian). */
function writeCorpus(): string {
  const frames = recorded.flatMap(({ request, response }) => (response ? [request, response] : [request]));
  const pieces = frames.map((hex) => {
    const bytes = Buffer.from(hex, "hex");
    const length = Buffer.alloc(2);
    length.writeUInt16LE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  const path = projectPath("build/native/corpus.bin");
  writeFileSync(path, Buffer.concat(pieces));
  return path;
}
