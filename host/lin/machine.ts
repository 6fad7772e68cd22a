/**
 * The headless Linux build at work: one process with an XS machine in it (main.c), and this program at its door.
 *
 * The guest asks, one text at a time, and stands still until it is answered. A machine that the engine gave up on has
 * ended with a report of why: on the chip that would have been a restart.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { Duplex } from "node:stream";

const LENGTH_BYTES = 4;

export interface LinMachineOptions {
  readonly program: string;
  /** Answers what the guest asks. */
  onAsk(text: string): string | Promise<string>;
  /** Gets what the guest's serial line carries. */
  onLine?(bytes: Uint8Array): void;
}

export interface LinEnd {
  /** 0 after exit(0) of the guest; `undefined` when it was killed. */
  readonly status: number | undefined;
  /** What it wrote to its streams: traces, and why the engine gave up. */
  readonly output: string;
}

export class LinMachine {
  /** How it ended. */
  readonly ended: Promise<LinEnd>;
  readonly #process: ChildProcess;
  readonly #door: Duplex;
  readonly #line: Duplex;
  readonly #onAsk: LinMachineOptions["onAsk"];
  #received = Buffer.alloc(0);
  #output = "";

  constructor({ program, onAsk, onLine }: LinMachineOptions) {
    this.#onAsk = onAsk;
    this.#process = spawn(program, [], { stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"] });
    this.#door = duplexOf(this.#process, 3);
    this.#line = duplexOf(this.#process, 4);
    this.#door.on("data", (bytes: Buffer) => this.#onDoor(bytes));
    this.#line.on("data", (bytes: Buffer) => onLine?.(bytes));
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on("data", (bytes: Buffer) => {
        this.#output += bytes.toString();
      });
    }
    this.ended = new Promise((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("close", (status) => resolve({ status: status ?? undefined, output: this.#output }));
    });
  }

  /** Sends over the guest's serial line. */
  send(bytes: Uint8Array): void {
    this.#line.write(bytes);
  }

  close(): void {
    this.#process.kill("SIGKILL");
  }

  #onDoor(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    if (this.#received.length < LENGTH_BYTES) return;
    const end = LENGTH_BYTES + this.#received.readUInt32LE(0);
    if (this.#received.length < end) return;
    const text = this.#received.toString("utf8", LENGTH_BYTES, end);
    this.#received = this.#received.subarray(end);
    void this.#answer(text);
  }

  async #answer(text: string): Promise<void> {
    try {
      const body = Buffer.from(await this.#onAsk(text));
      const head = Buffer.alloc(LENGTH_BYTES);
      head.writeUInt32LE(body.length);
      this.#door.write(Buffer.concat([head, body]));
    } catch (error) {
      this.#output += `The host program failed: ${error instanceof Error ? error.stack : error}\n`;
      this.close();
    }
  }
}

function duplexOf(process: ChildProcess, fd: number): Duplex {
  const stream: unknown = process.stdio[fd];
  if (!(stream instanceof Duplex)) throw new Error(`the machine's descriptor ${fd} is no socket`);
  // A machine that ended: `ended` tells.
  stream.on("error", () => {});
  return stream;
}
