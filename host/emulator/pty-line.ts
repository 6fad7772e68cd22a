/** The line as a pseudo-terminal: host/native/pty-bridge.c in a process of its own, which draws what goes between. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { projectPath } from "../node/project.js";
import type { LineListener, RealLine } from "./real-line.js";

const BRIDGE = "build/native/pty-bridge";
const RECORD_HEAD_BYTES = 3;

type Bridge = ChildProcessByStdio<Writable, Readable, Readable>;

export class PtyLine implements RealLine {
  readonly hasNoBaud = false;
  readonly address: { readonly pty: string };
  readonly #bridge: Bridge;
  readonly #records: RecordReader;

  private constructor(bridge: Bridge, records: RecordReader, path: string) {
    this.#bridge = bridge;
    this.#records = records;
    this.address = { pty: path };
  }

  /** Makes a pseudo-terminal. Throws an Error for people when none is to be had. */
  static async open(): Promise<PtyLine> {
    const program = projectPath(BRIDGE);
    if (!existsSync(program)) throw new Error(`${BRIDGE} is missing: "npm run emulate" builds it`);
    const bridge = spawn(program, [], { stdio: ["pipe", "pipe", "pipe"] });
    // Its end is told by "close"; what was on its way to it is lost with it.
    bridge.stdin.on("error", () => {});
    const complaint = collect(bridge.stderr);
    const records = new RecordReader(bridge.stdout);
    const path = await new Promise<string>((resolve, reject) => {
      records.onRecord = (_, bytes) => resolve(bytes.toString());
      bridge.once("error", reject);
      bridge.once("close", () => reject(new Error(complaint() || "the bridge to the pseudo-terminal has ended")));
    });
    return new PtyLine(bridge, records, path);
  }

  start(listener: LineListener): void {
    this.#bridge.once("close", () => listener.onFailure("the bridge to the pseudo-terminal has ended"));
    this.#records.onRecord = (kind, bytes) => {
      if (kind === "D") listener.onBytes(new Uint8Array(bytes));
      else if (kind === "C") listener.onOpen(bytes.readUInt8() === 1);
      else if (kind === "B") listener.onBaud(bytes.readUInt32LE());
      else if (kind === "L") listener.onLost(bytes.readUInt32LE());
    };
  }

  write(bytes: Uint8Array): void {
    this.#bridge.stdin.write(bytes);
  }

  /** The program on the terminal has a rate of its own. */
  setBaud(): void {}

  setPaused(isPaused: boolean): void {
    if (isPaused) this.#bridge.stdout.pause();
    else this.#bridge.stdout.resume();
  }

  async close(): Promise<void> {
    this.#records.onRecord = () => {};
    this.#bridge.removeAllListeners("close");
    if (this.#bridge.exitCode !== null) return;
    const closed = new Promise((resolve) => this.#bridge.once("close", resolve));
    this.#bridge.stdout.resume();
    this.#bridge.stdin.end();
    await closed;
  }
}

/** Takes records apart, in whatever pieces they come. */
class RecordReader {
  onRecord: (kind: string, bytes: Buffer) => void = () => {};
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    stream.on("data", (bytes: Buffer) => this.#take(bytes));
  }

  #take(bytes: Buffer): void {
    let rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    while (rest.length >= RECORD_HEAD_BYTES) {
      const end = RECORD_HEAD_BYTES + rest.readUInt16LE(1);
      if (rest.length < end) break;
      this.onRecord(String.fromCharCode(rest.readUInt8()), rest.subarray(RECORD_HEAD_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }
}

function collect(stream: Readable): () => string {
  let text = "";
  stream.on("data", (bytes) => {
    text += bytes;
  });
  return () => text.trim();
}
