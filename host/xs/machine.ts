/**
 * A real XS engine on this computer, with its meter. It runs scripts, not modules: bundle.ts makes one of a program.
 *
 * The engine calls the host through callHost() (guest/call-host.ts): text out, text back, while the script waits.
 * The meter counts the engine's own work, natives included, and repeats to the step for the same source and replies.
 * Out of memory and stack overflow end the engine, as on the device: nothing in the script can catch them.
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromWorker, ToWorker } from "./protocol.js";

/** What one evaluate() took. */
export interface XsMeter {
  /** Engine steps, modulo 2^32: meter long work in pieces. */
  readonly compute: number;
  /** Bytes that the engine has taken from the computer so far, in large blocks. */
  readonly allocate: number;
  /** Slots in use afterwards: garbage that has not been collected yet is among them. */
  readonly currentHeapCount: number;
}

export interface XsMachineOptions {
  /** Answers callHost(); may take its time, as the script waits. Without it each call is answered with "". */
  onCommand?(text: string): string | Promise<string>;
}

export class XsError extends Error {
  override readonly name = "XsError";
  /** The engine has ended: the machine is of no more use. */
  readonly fatal: boolean;

  constructor(message: string, fatal: boolean) {
    super(message);
    this.fatal = fatal;
  }
}

interface Waiting {
  resolve(message: FromWorker): void;
  reject(error: XsError): void;
}

export class XsMachine {
  readonly #worker: ChildProcess;
  readonly #onCommand: (text: string) => string | Promise<string>;
  #waiting: Waiting | undefined;
  #ended: XsError | undefined;

  private constructor(options: XsMachineOptions) {
    this.#onCommand = options.onCommand?.bind(options) ?? (() => "");
    this.#worker = fork(fileURLToPath(import.meta.resolve("#xs-worker")), { execArgv: [] });
    this.#worker.on("message", (message: FromWorker) => this.#onMessage(message));
    this.#worker.on("error", (error) => this.#end(`the engine's process failed: ${error.message}`));
    this.#worker.on("exit", (code, signal) => this.#end(`the engine's process ended (${signal ?? code})`));
  }

  static async start(options: XsMachineOptions = {}): Promise<XsMachine> {
    const machine = new XsMachine(options);
    await machine.#answer();
    return machine;
  }

  /**
   * Runs a script until the engine's job queue is empty; one at a time. Scripts share the machine's globals.
   *
   * @throws XsError when the script throws (`fatal` false) and when the engine dies (`fatal` true)
   */
  async evaluate(source: string): Promise<XsMeter> {
    if (this.#ended) throw this.#ended;
    if (this.#waiting) throw new Error("XsMachine: a script is running; wait for its end before the next evaluate()");
    const answer = this.#answer();
    this.#tell({ kind: "evaluate", source });
    const message = await answer;
    if (message.kind === "threw") throw new XsError(message.message, false);
    if (message.kind !== "evaluated") throw new Error(`XsMachine: unexpected "${message.kind}" from the worker`);
    return message.meter;
  }

  /** Ends the engine, also in the middle of a script. Final and idempotent. */
  close(): void {
    this.#end("the machine is closed");
  }

  #answer(): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #onMessage(message: FromWorker): void {
    if (message.kind === "command") {
      void this.#reply(message.text);
    } else if (message.kind === "died") {
      this.#end(`${message.message}. The script cannot catch this: look for unbounded recursion or growing queues`);
    } else {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve(message);
    }
  }

  async #reply(text: string): Promise<void> {
    try {
      this.#tell({ kind: "reply", text: await this.#onCommand(text) });
    } catch (error) {
      this.#end(`onCommand failed: ${error instanceof Error ? error.message : error}`);
    }
  }

  #tell(message: ToWorker): void {
    if (this.#worker.connected) this.#worker.send(message);
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = new XsError(reason, true);
    if (this.#worker.connected) this.#worker.disconnect();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#ended);
  }
}

/** Runs one script on a machine of its own. */
export async function runOnXs(source: string, options: XsMachineOptions = {}): Promise<XsMeter> {
  const machine = await XsMachine.start(options);
  try {
    return await machine.evaluate(source);
  } finally {
    machine.close();
  }
}
