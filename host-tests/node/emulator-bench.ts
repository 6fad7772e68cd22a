/** The emulator as a process, and what is connected to it: a simulated MCU in real time, or a client that asks calls. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { SerialPort } from "serialport";
import type { McuLine } from "../../host/peers/mcu-line.js";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { PAYLOAD_BYTES_MAX } from "../../src/frame/layout.js";
import { type Args, type CallName, calls, type Results } from "../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, readFields } from "../../src/rpc/codec.js";
import { OPCODE_RESULT } from "../../src/rpc/protocol.js";

/** What scripts/run.mjs makes of host/cli/ferry.ts. */
const PROGRAM = "build/run/host/cli/ferry/host/cli/ferry.js";

/** A line of --json: the address, or an event. */
export type Line = Record<string, unknown>;

export class EmulatorProcess {
  readonly events: Line[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  readonly #exit: Promise<number | null>;
  stderr = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on("data", (bytes) => {
      this.stderr += bytes;
      for (const look of this.#waiting) look();
    });
    if (child.stdout) {
      createInterface({ input: child.stdout }).on("line", (line) => {
        this.events.push(JSON.parse(line));
        for (const look of this.#waiting) look();
      });
    }
    this.#exit = new Promise((done) => {
      child.on("close", (exitCode) => {
        done(exitCode);
        for (const look of this.#waiting) look();
      });
    });
  }

  /** Starts it with --json, and waits for its address. */
  static async start(...args: string[]): Promise<EmulatorProcess> {
    const emulator = EmulatorProcess.spawn("--json", ...args);
    await emulator.event(() => true);
    return emulator;
  }

  static spawn(...args: string[]): EmulatorProcess {
    return new EmulatorProcess(spawn(process.execPath, [PROGRAM, "emulate", ...args], { stdio: "pipe" }));
  }

  /** With its output going to an open file of ours. */
  static spawnTo(output: number, ...args: string[]): EmulatorProcess {
    return new EmulatorProcess(
      spawn(process.execPath, [PROGRAM, "emulate", ...args], { stdio: ["pipe", output, "pipe"] }),
    );
  }

  /** As the first line tells it. */
  address(kind: "pty" | "tcp" | "port"): string {
    return String(this.events[0]?.[kind]);
  }

  press(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Whoever reads its output, or what it says on standard error, has gone. */
  stopReading(stream: "stdout" | "stderr"): void {
    this.#child[stream]?.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first line, of all that came and will come, that fits. Fails when the process ends before. */
  event(fits: (line: Line) => boolean): Promise<Line> {
    return this.#until(() => this.events.find(fits));
  }

  /** Until its standard error has this in it. */
  async said(pattern: RegExp): Promise<void> {
    await this.#until(() => pattern.test(this.stderr) || undefined);
  }

  #until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = find();
        if (found !== undefined) resolve(found);
        else if (this.#child.exitCode !== null) reject(new Error(`it has ended: ${this.stderr}`));
        else return;
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** News of Ferry's, of this kind. */
  news(kind: string): Promise<Line> {
    return this.event((line) => newsOf(line)?.kind === kind);
  }

  hasNews(kind: string): boolean {
    return this.events.some((line) => newsOf(line)?.kind === kind);
  }

  /** The exit code. */
  ended(): Promise<number | null> {
    return this.#exit;
  }

  /** Ends it whatever it does: for after each test. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}

export function newsOf(line: Line): Line | undefined {
  return line.news as Line | undefined;
}

/** A serial port of this computer as the simulated MCU's UART. */
export class PortOfMcu implements McuLine {
  onBytes: (bytes: Uint8Array) => void = () => {};
  baud = 0;
  readonly #path: string;
  #port: SerialPort | undefined;
  /** Opening, writing and changing the rate, one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  write(bytes: Uint8Array): void {
    this.#then((port) => port?.write(bytes));
  }

  setBaud(baud: number): void {
    this.baud = baud;
    this.#then(async (port) => {
      if (port) await new Promise((done) => port.update({ baudRate: baud }, done));
      else this.#port = await this.#open(baud);
    });
  }

  close(): void {}

  /** For the end of a test. */
  async unplug(): Promise<void> {
    await this.#last;
    const port = this.#port;
    if (port) await new Promise<void>((done) => port.close(() => done()));
  }

  #then(action: (port: SerialPort | undefined) => unknown): void {
    this.#last = this.#last.then(() => action(this.#port));
  }

  #open(baudRate: number): Promise<SerialPort> {
    return new Promise((resolve, reject) => {
      const port = new SerialPort({ path: this.#path, baudRate }, (error) => (error ? reject(error) : resolve(port)));
      port.on("data", (bytes: Buffer) => this.onBytes(new Uint8Array(bytes)));
    });
  }
}

/** Asks one call after the other, over whatever carries bytes. */
export class Client {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #decoder: FrameDecoder;
  readonly #writer = new ByteWriter(PAYLOAD_BYTES_MAX);
  readonly #answers = new Map<number, (payload: Uint8Array) => void>();
  #id = 0;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
    this.#decoder = new FrameDecoder((payload, length) => {
      const bytes = payload.slice(0, length);
      const reader = new ByteReader(bytes);
      if (reader.u16() === OPCODE_RESULT) this.#answers.get(reader.u16())?.(bytes);
    });
  }

  /** Bytes that have come. */
  take(bytes: Uint8Array): void {
    this.#decoder.push(Uint8Array.from(bytes));
  }

  /** The frame of a call. */
  frame<N extends CallName>(name: N, args: Args<N>): Uint8Array {
    encodeInvoke(this.#writer, calls[name], ++this.#id, args as Decoded);
    const payload = this.#writer.copy();
    const frame = new Uint8Array(2 * (payload.length + 2));
    return frame.subarray(0, encodeFrame(payload, payload.length, frame));
  }

  /** Asks again and again until there is an answer, as MCUs do. Fails for any status but OK. */
  async ask<N extends CallName>(name: N, args: Args<N>): Promise<Results<N>> {
    for (;;) {
      const answer = await this.askOnce(name, args, 500);
      if (answer) return answer;
    }
  }

  /** `undefined` when none comes within so long. */
  askOnce<N extends CallName>(name: N, args: Args<N>, patienceMs: number): Promise<Results<N> | undefined> {
    const frame = this.frame(name, args);
    const id = this.#id;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(undefined), patienceMs);
      this.#answers.set(id, (payload) => {
        clearTimeout(timer);
        const reader = new ByteReader(payload, 5);
        const results = readFields(reader, calls[name].resultFields);
        if (payload[4] !== 0 || typeof results === "string") reject(new Error(`${name}: status ${payload[4]}`));
        else resolve(results as Results<N>);
      });
      this.#write(frame);
    });
  }
}
