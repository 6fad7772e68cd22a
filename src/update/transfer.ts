/**
 * Performs what the transfer machine decides: reads chunks from the staging place and sends them.
 *
 * The frame of the next chunk is made while the MCU stores the last one, and leaves by itself when the MCU says that it
 * has: the line does not wait for the engine. Memory is one chunk, whatever the image's size.
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
  /** Makes the frame of a chunk ahead of time. It leaves by itself as soon as `after` is answered with yes. */
  prepareWrite(offset: number, chunk: Uint8Array, crc32: number, after?: { forget(): void }): void;
  /** What is prepared does not leave by itself. False: it has left, and the answer that let it is about to come. */
  holdPrepared(): boolean;
  /** Sends what was prepared, unless it has left. */
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
  /** A pause was wanted when the next chunk had left by itself: it begins behind that chunk. */
  #pauseIsDue = false;
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
    if (this.#nextIsPrepared() && !this.#options.calls.holdPrepared()) this.#pauseIsDue = true;
    else this.#handle({ kind: "paused" });
  }

  resume(): void {
    this.#pauseIsDue = false;
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

  #onStored(): void {
    this.#storedAfterAll = false;
    this.#handle(STORED);
    if (!this.#pauseIsDue) return;
    this.#pauseIsDue = false;
    this.#handle({ kind: "paused" });
  }

  #write(index: number): void {
    if (this.#prepared !== index && !this.#prepare(index)) return;
    this.#prepared = -1;
    this.#listen(index, this.#options.calls.writePrepared(this.#onAnswer));
    this.#options.clock.clear(this.#prepareTimer);
    this.#prepareTimer = this.#options.clock.set(() => this.#prepareAhead(), 0);
  }

  #prepareAhead(): void {
    const index = this.#state.at + 1;
    if (this.#state.phase !== "writing" || index >= chunkCount(this.#state)) return;
    if (chunkEnd(this.#state, index) > this.#state.availableBytes) return;
    this.#prepare(index, this.#state.paused ? undefined : this.#listening.at(-1));
  }

  #nextIsPrepared(): boolean {
    return this.#prepared === this.#state.at + 1 && this.#state.phase === "writing";
  }

  /** False when the image cannot be read any more. `after`: the call whose yes lets the chunk leave by itself. */
  #prepare(index: number, after?: { forget(): void }): boolean {
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
    this.#options.calls.prepareWrite(offset, chunk, this.#options.crc32(chunk), after);
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
    while (this.#listening.length > 0) this.#listening.pop()?.forget();
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
