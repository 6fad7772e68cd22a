/**
 * Performs what the transfer machine decides: reads chunks from the staging place and sends them.
 *
 * The frame of the next chunk is made while the MCU stores the last one, so that between a RESULT and the next frame
 * there is nothing to do but hand it over. Memory is one chunk, whatever the image's size.
 */

import type { Crc32 } from "../base/crc.js";
import { failure, messageOf } from "../base/failure.js";
import type { Clock, TimerHandle } from "../ports.js";
import {
  beginTransfer,
  chunkCount,
  chunkEnd,
  stepTransfer,
  type TransferEvent,
  type TransferResult,
  type TransferState,
  type TransferStep,
} from "./transfer-machine.js";

/** How the MCU took a call: the outcomes of rpc/session, as far as a transfer tells them apart. */
export type Answer =
  | { readonly kind: "answered"; readonly results: { readonly ok: boolean }; readonly late: boolean }
  | { readonly kind: "refused"; readonly status: number; readonly late: boolean }
  | { readonly kind: "timeout" };

/** The calls to the MCU that a transfer makes. Each outcome comes by callback, late ones too, until forgotten. */
export interface TransferCalls {
  /** Where to put the next chunk: in its message already, so that it is not copied. Valid until prepareWrite(). */
  chunkPlace(length: number): Uint8Array;
  /** Makes the frame of a chunk ahead of time. */
  prepareWrite(offset: number, chunk: Uint8Array, crc32: number): void;
  /** Sends what was prepared. */
  writePrepared(onAnswer: (answer: Answer) => void): { forget(): void };
  finish(onAnswer: (answer: Answer) => void): { forget(): void };
}

/** The bytes to send. */
export interface TransferSource {
  readonly sizeBytes: number;
  readonly readableBytes: number;
  read(buffer: Uint8Array, offset: number): number;
}

export interface TransferOptions {
  clock: Clock;
  calls: TransferCalls;
  source: TransferSource;
  crc32: Crc32;
  chunkBytes: number;
  /** The MCU has stored everything up to here. */
  onProgress(storedBytes: number): void;
  /** Another send of the chunk at `offset`, and why. */
  onResend(offset: number, reason: string): void;
  onEnd(result: TransferResult): void;
}

const STORED: TransferEvent = Object.freeze({ kind: "stored" });

export class Transfer {
  readonly #options: TransferOptions;
  #state: TransferState;
  /** The chunk whose frame is ready; -1 when none is. */
  #prepared = -1;
  #prepareTimer: TimerHandle;
  /** Calls whose answers still count: all sends of the chunk on the wire, or of Finish. */
  #listening: { forget(): void }[] = [];
  #listeningTo = -1;
  /** The next chunk, sent before the machine asked for it. */
  #sentAhead: { forget(): void } | undefined;
  /** Calls whose own time has not run out. */
  #open = 0;
  /** A late RESULT has said that the chunk is stored, while a resend of it was under way. */
  #storedAfterAll = false;
  /**
   * One chunk at a time on the line: while a resend is under way its own outcome is waited for, so that a slow MCU's
   * receive buffer never holds more than it asked for; but a late "stored" of an earlier send is not forgotten.
   */
  readonly #onAnswer = (answer: Answer): void => {
    const isLate = answer.kind !== "timeout" && answer.late;
    if (!isLate) this.#open--;
    const isStored = answer.kind === "answered" && answer.results.ok;
    if (this.#open > 0) {
      this.#storedAfterAll ||= isStored;
    } else if (isStored || this.#storedAfterAll) {
      this.#onStored();
    } else this.#onRefusal(answer);
  };

  constructor(options: TransferOptions) {
    this.#options = options;
    this.#state = beginTransfer(options.source.sizeBytes, options.chunkBytes);
  }

  /** Sends the first chunk, once it can be read. */
  start(): void {
    this.onAvailable();
  }

  /** More of the image can be read. */
  onAvailable(): void {
    this.#handle({ kind: "available", bytes: this.#options.source.readableBytes });
  }

  pause(): void {
    this.#handle({ kind: "paused" });
  }

  resume(): void {
    this.#handle({ kind: "resumed" });
  }

  /** Ends without a further callback. */
  close(): void {
    this.#state = { ...this.#state, phase: "over" };
    this.#options.clock.clear(this.#prepareTimer);
    this.#forgetCalls();
  }

  #handle(event: TransferEvent): void {
    if (this.#state.phase === "over") return;
    const storedBefore = this.#state.next;
    const step = stepTransfer(this.#state, event);
    this.#state = step.state;
    this.#perform(step);
    // The next frame is on its way: now there is time to tell.
    if (this.#state.next !== storedBefore) this.#options.onProgress(chunkEnd(this.#state, this.#state.next - 1));
  }

  #perform(step: TransferStep): void {
    const effect = step.effect;
    if (effect?.do === "write") this.#write(effect.index);
    else if (effect?.do === "finish") this.#finish();
    else if (effect?.do === "end") this.#end(effect.result);
  }

  /**
   * What follows a stored chunk is nearly always the next one: it is handed over before the machine is asked, which
   * will want just that. The MCU's line stands still meanwhile, so every step counts.
   */
  #onStored(): void {
    const state = this.#state;
    if (this.#prepared === state.at + 1 && state.phase === "writing" && !state.paused) {
      this.#sentAhead = this.#options.calls.writePrepared(this.#onAnswer);
    }
    this.#storedAfterAll = false;
    this.#handle(STORED);
  }

  #write(index: number): void {
    if (this.#prepared !== index && !this.#prepare(index)) return;
    this.#prepared = -1;
    const call = this.#sentAhead ?? this.#options.calls.writePrepared(this.#onAnswer);
    this.#sentAhead = undefined;
    this.#listen(index, call);
    this.#options.clock.clear(this.#prepareTimer);
    this.#prepareTimer = this.#options.clock.set(() => this.#prepareAhead(), 0);
  }

  #prepareAhead(): void {
    const index = this.#state.at + 1;
    if (this.#state.phase !== "writing" || index >= chunkCount(this.#state)) return;
    if (chunkEnd(this.#state, index) <= this.#state.availableBytes) this.#prepare(index);
  }

  /** False when the image cannot be read any more. */
  #prepare(index: number): boolean {
    const offset = index * this.#options.chunkBytes;
    const length = chunkEnd(this.#state, index) - offset;
    const chunk = this.#options.calls.chunkPlace(length);
    try {
      const count = this.#options.source.read(chunk, offset);
      if (count !== length) throw new Error(`only ${count} of ${length} bytes are there`);
    } catch (error) {
      const detail = `cannot read the staged image: ${messageOf(error)}`;
      this.#end({ kind: "failed", failure: failure("transfer", "storage", detail, offset) });
      return false;
    }
    this.#options.calls.prepareWrite(offset, chunk, this.#options.crc32(chunk));
    this.#prepared = index;
    return true;
  }

  #finish(): void {
    const call = this.#options.calls.finish(this.#onAnswer);
    this.#listen(chunkCount(this.#state), call);
  }

  /** Answers to the last chunk are history as soon as another one is on the wire. */
  #listen(index: number, call: { forget(): void }): void {
    if (index !== this.#listeningTo) this.#forgetCalls();
    this.#listeningTo = index;
    this.#listening.push(call);
    this.#open++;
  }

  #forgetCalls(): void {
    for (const call of this.#listening) call.forget();
    this.#listening.length = 0;
    this.#open = 0;
  }

  #onRefusal(answer: Answer): void {
    const reason =
      answer.kind === "timeout" ? "no answer" : answer.kind === "refused" ? `status ${answer.status}` : "false";
    const offset = this.#state.at * this.#options.chunkBytes;
    const writing = this.#state.phase === "writing";
    this.#handle(answer.kind === "timeout" ? { kind: "silent" } : { kind: "denied", reason });
    if (writing && this.#state.phase === "writing") this.#options.onResend(offset, reason);
  }

  #end(result: TransferResult): void {
    this.close();
    this.#options.onEnd(result);
  }
}
