/**
 * Calls in both directions at once.
 *
 * Nothing blocks: an invoke returns at once and its outcome comes by callback, so that the calls which the MCU makes
 * meanwhile (three digests inside its own otaUpdateFinish handler) are served as they come.
 * An invocation that timed out keeps listening until it is forgotten: a late RESULT is still news to those who wait
 * for it (a slow erase before the answer to an offer, a chunk that took long to write). Nothing from the wire throws;
 * bad messages are answered where the protocol has an answer, else dropped, and counted either way.
 */

import { ByteReader, ByteWriter } from "../base/bytes.js";
import type { Clock, TimerHandle } from "../ports.js";
import {
  type Args,
  type Call,
  type CallName,
  calls,
  NCP_CALLS_BY_UID,
  type NcpCallName,
  type Results,
} from "./catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult, readFields } from "./codec.js";
import { LaterAnswers, type Reply } from "./later-answers.js";
import { type FrameSink, Outbox } from "./outbox.js";
import { OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT, RpcStatus } from "./protocol.js";
import { type AnswerLater, type AnswerNow, type CallTable, ServedTables } from "./serving.js";
import { makeCounters, type SessionCounters } from "./session-counters.js";

/** Invocations that wait or listen for a late RESULT. The oldest listener makes room for a new call. */
export const INVOCATIONS_MAX = 16;

const RESULT_HEADER_BYTES = 5;
const INVOKE_HEADER_BYTES = 6;
const ONEWAY_HEADER_BYTES = 4;

const YES: Decoded = Object.freeze({ ok: true });
const NO: Decoded = Object.freeze({ ok: false });

/** How an invocation ended, or, after "timeout", what came late. */
export type Outcome<N extends CallName> =
  | { readonly kind: "answered"; readonly results: Results<N>; readonly late: boolean }
  /** An error status; RESULTS_READ when an OK answer could not be decoded. */
  | { readonly kind: "refused"; readonly status: number; readonly late: boolean }
  | { readonly kind: "timeout" };

/** A call under way. */
export interface Invocation {
  /** No more outcomes are wanted. */
  forget(): void;
}

export interface SessionOptions {
  clock: Clock;
  sink: FrameSink;
  /** The largest payload either way. */
  payloadBytesMax: number;
  /** A handler threw. */
  onFault?(call: CallName, error: unknown): void;
}

interface Pending extends Invocation {
  readonly id: number;
  readonly call: Call;
  readonly onOutcome: (outcome: Outcome<CallName>) => void;
  timer: TimerHandle | undefined;
  late: boolean;
}

export class RpcSession {
  readonly #clock: Clock;
  readonly #onFault: (call: CallName, error: unknown) => void;
  readonly #later: LaterAnswers;
  readonly #outbox: Outbox;
  readonly #writer: ByteWriter;
  readonly #reader = new ByteReader();
  readonly #served = new ServedTables();
  readonly #pending = new Map<number, Pending>();
  #lastMessageId = 0;
  #preparedId = 0;
  /** The call whose plain yes sends the prepared one. */
  #cueing: Invocation | undefined;
  /** That yes, as a message. */
  readonly #cue = Uint8Array.of(OPCODE_RESULT & 0xff, OPCODE_RESULT >> 8, 0, 0, RpcStatus.OK, 1);
  readonly counters: SessionCounters = makeCounters();
  /** The longest message that the MCU is known to have room for: Blynk's driver copies it without a look at its end. */
  peerRoomBytes: number;

  constructor(options: SessionOptions) {
    this.#clock = options.clock;
    this.#onFault = options.onFault ?? (() => {});
    this.#later = new LaterAnswers(options.clock, () => this.#outbox.pump());
    this.#outbox = new Outbox(options.sink, this.#later);
    this.#writer = new ByteWriter(options.payloadBytesMax);
    this.peerRoomBytes = options.payloadBytesMax;
  }

  get outboxCounters(): Outbox["counters"] {
    return this.#outbox.counters;
  }

  // ---- serving ----------------------------------------------------------------------------------------------

  /** Serves the calls of a table, by that domain. Where two tables have a call, the later one counts. */
  serve<Domain, N extends NcpCallName>(table: CallTable<Domain, N>, domain: Domain): void {
    this.#served.add(table, domain);
  }

  /** Whether this number names a call that is served: what hasUID answers. */
  serves(uid: number): boolean {
    return this.#served.find(NCP_CALLS_BY_UID[uid]) !== undefined;
  }

  // ---- calling ----------------------------------------------------------------------------------------------

  /**
   * Calls the MCU. The outcome comes by callback, never from inside this call. One that is longer than the MCU has room
   * for is not sent, and times out at once; see prepare() for the one that it asks for itself.
   */
  invoke<N extends CallName>(name: N, args: Args<N>, onOutcome: (outcome: Outcome<N>) => void): Invocation {
    const call: Call = calls[name];
    const id = this.#nextId();
    encodeInvoke(this.#writer, call, id, args as Decoded);
    const fits = this.#writer.length <= this.peerRoomBytes;
    if (!fits) this.counters.callsTooLong++;
    const sent = fits && this.#outbox.postInvoke(this.#writer.bytes, this.#writer.length);
    return this.#expect(id, call, onOutcome as Pending["onOutcome"], sent);
  }

  /**
   * Where the bytes of a binary argument will stand in the next message, `at` bytes after its start: a large argument
   * that is made there is not copied. Valid until any other call of this session.
   */
  argumentPlace(at: number, length: number): Uint8Array {
    return this.#writer.place(at, length);
  }

  /**
   * Encodes a call ahead of time; the next invokePrepared() sends it. Replaces what was prepared before. It may be as
   * long as it likes: the MCU has named the size of its chunks.
   *
   * With `after`, a call that is answered by yes or no: its yes lets the prepared one leave at once, before its outcome
   * is told, and invokePrepared() then only says who waits for the answer. Who changes their mind meanwhile must call
   * holdPrepared().
   */
  prepare<N extends CallName>(name: N, args: Args<N>, after?: Invocation): void {
    this.#preparedId = this.#nextId();
    encodeInvoke(this.#writer, calls[name], this.#preparedId, args as Decoded);
    this.#outbox.prepare(this.#writer.bytes, this.#writer.length, this.#cueOf(after as Pending | undefined));
  }

  /**
   * What is prepared leaves at invokePrepared() only. False: too late, it has left, and the outcome that made it leave
   * is about to be told.
   */
  holdPrepared(): boolean {
    return this.#outbox.holdPrepared();
  }

  /** Sends what prepare() encoded for the same call, unless it has left by itself. */
  invokePrepared<N extends CallName>(name: N, onOutcome: (outcome: Outcome<N>) => void): Invocation {
    const sent = this.#outbox.postPrepared();
    this.#cueing = undefined;
    return this.#expect(this.#preparedId, calls[name], onOutcome as Pending["onOutcome"], sent);
  }

  /** Whether an event leaves at once, or after one message at most. */
  get canNotifySoon(): boolean {
    const { eventsWaiting, resultsOnly } = this.#outbox;
    return eventsWaiting === 0 && this.#later.owed === 0 && !resultsOnly;
  }

  /** While true, nothing but RESULTs leaves. */
  set resultsOnly(only: boolean) {
    this.#outbox.resultsOnly = only;
  }

  /** Tells the MCU something; no answer exists. */
  notify<N extends CallName>(name: N, args: Args<N>): void {
    encodeOneway(this.#writer, calls[name], args as Decoded);
    if (this.#writer.length > this.peerRoomBytes) {
      this.counters.eventsTooLong++;
      return;
    }
    this.#outbox.postEvent(this.#writer.bytes, this.#writer.length);
  }

  /** Tells the MCU Ferry's state. One that it has not heard yet is none any more. */
  notifyState(state: number): void {
    encodeOneway(this.#writer, calls["client.blynkStateChange"], { state });
    this.#outbox.postState(this.#writer.bytes, this.#writer.length);
  }

  /** The MCU has restarted: nothing owed to it or awaited from it holds any more. */
  forgetPeer(): void {
    this.#later.drop();
    for (const pending of this.#pending.values()) this.#clock.clear(pending.timer);
    this.#pending.clear();
    this.#outbox.clear();
  }

  /** Nothing that is not answered yet will be: the MCU hears so, and what waits behind it may leave. */
  refuseOwed(): void {
    for (const id of this.#later.drop()) this.#answer(id, RpcStatus.GENERIC);
  }

  /** The wire can take a message. */
  onSinkIdle(): void {
    this.#outbox.pump();
  }

  // ---- from the wire ----------------------------------------------------------------------------------------

  /** Takes one verified payload, bytes [0, length). */
  onPayload(payload: Uint8Array, length: number): void {
    const opcode = (payload[0] as number) | ((payload[1] as number) << 8);
    if (opcode === OPCODE_RESULT && length >= RESULT_HEADER_BYTES) this.#onResult(payload, length);
    else if (opcode === OPCODE_INVOKE && length >= INVOKE_HEADER_BYTES) this.#onInvoke(payload, length);
    else if (opcode === OPCODE_ONEWAY && length >= ONEWAY_HEADER_BYTES) this.#onOneway(payload, length);
    else this.counters.malformed++;
  }

  #onResult(payload: Uint8Array, length: number): void {
    const id = (payload[2] as number) | ((payload[3] as number) << 8);
    const status = payload[4] as number;
    const pending = this.#pending.get(id);
    if (!pending) {
      this.counters.strayResults++;
      return;
    }
    this.#pending.delete(id);
    pending.onOutcome(this.#judgeResult(pending, status, payload, length));
    if (pending.late) this.counters.lateResults++;
    else this.#clock.clear(pending.timer);
  }

  #judgeResult(pending: Pending, status: number, payload: Uint8Array, length: number): Outcome<CallName> {
    const { call, late } = pending;
    if (status !== RpcStatus.OK) return { kind: "refused", status, late };
    // Most calls answer a plain yes or no, and one of them answers every chunk: that needs no general decoder.
    if (call.answersYesNo && length === RESULT_HEADER_BYTES + 1) {
      const results = payload[RESULT_HEADER_BYTES] ? YES : NO;
      return { kind: "answered", results, late } as Outcome<CallName>;
    }
    this.#reader.reset(payload, RESULT_HEADER_BYTES, length);
    const results = readFields(this.#reader, call.resultFields);
    if (typeof results === "object") return { kind: "answered", results, late } as Outcome<CallName>;
    this.counters.badResults++;
    return { kind: "refused", status: RpcStatus.RESULTS_READ, late };
  }

  #onInvoke(payload: Uint8Array, length: number): void {
    const uid = (payload[2] as number) | ((payload[3] as number) << 8);
    const id = (payload[4] as number) | ((payload[5] as number) << 8);
    const name = NCP_CALLS_BY_UID[uid];
    const served = this.#served.find(name);
    if (!name || !served) {
      this.counters.unknownUids++;
      return this.#answer(id, RpcStatus.UNKNOWN_UID);
    }
    this.#reader.reset(payload, INVOKE_HEADER_BYTES, length);
    const args = readFields(this.#reader, calls[name].argFields);
    if (typeof args !== "object") {
      this.counters.badArguments++;
      return this.#answer(id, RpcStatus.ARGS_READ);
    }
    this.counters.callsServed++;
    const answer = served.answers[name] as AnswerNow | { later: AnswerLater };
    if (typeof answer === "function") this.#answerNow(name, answer, served.domain, args, id);
    else this.#answerLater(name, answer.later, served.domain, args, id);
  }

  #answerNow(name: NcpCallName, answer: AnswerNow, domain: unknown, args: Decoded, id: number): void {
    let results: Decoded;
    try {
      results = answer(domain, args);
    } catch (error) {
      this.#noteFault(name, error);
      return this.#answer(id, RpcStatus.GENERIC);
    }
    this.#answerWith(id, name, results);
  }

  #answerLater(name: NcpCallName, answer: AnswerLater, domain: unknown, args: Decoded, id: number): void {
    const handler = (reply: Reply): void => {
      try {
        answer(domain, args, reply);
      } catch (error) {
        this.#noteFault(name, error);
        reply(undefined);
      }
    };
    this.#later.ask(id, calls[name].timeoutMs, handler, (results) => {
      if (results) this.#answerWith(id, name, results);
      else this.#answer(id, RpcStatus.GENERIC);
    });
  }

  /** Results that fit no message are a fault inside Ferry, of which the MCU hears at once. */
  #answerWith(id: number, name: CallName, results: Decoded): void {
    try {
      encodeResult(this.#writer, id, RpcStatus.OK, calls[name].resultFields, results);
    } catch (error) {
      this.#noteFault(name, error);
      return this.#answer(id, RpcStatus.RESULTS_WRITE);
    }
    if (this.#writer.length > this.peerRoomBytes) {
      this.counters.resultsTooLong++;
      return this.#answer(id, RpcStatus.RESULTS_WRITE);
    }
    this.#outbox.postResult(this.#writer.bytes, this.#writer.length);
  }

  #answer(id: number, status: number): void {
    encodeResult(this.#writer, id, status);
    this.#outbox.postResult(this.#writer.bytes, this.#writer.length);
  }

  #noteFault(name: CallName, error: unknown): void {
    this.counters.handlerFaults++;
    this.#onFault(name, error);
  }

  #onOneway(payload: Uint8Array, length: number): void {
    const uid = (payload[2] as number) | ((payload[3] as number) << 8);
    const name = NCP_CALLS_BY_UID[uid];
    const served = this.#served.find(name);
    const answer = name && served?.answers[name];
    this.#reader.reset(payload, ONEWAY_HEADER_BYTES, length);
    const args = name && calls[name].kind === "oneway" ? readFields(this.#reader, calls[name].argFields) : "too short";
    if (!name || !served || typeof answer !== "function" || typeof args !== "object") {
      this.counters.onewaysDropped++;
      return;
    }
    this.counters.callsServed++;
    try {
      answer(served.domain, args);
    } catch (error) {
      this.#noteFault(name, error);
    }
  }

  // ---- waiting ----------------------------------------------------------------------------------------------

  #cueOf(after: Pending | undefined): Uint8Array | undefined {
    this.#cueing = after;
    if (!after?.call.answersYesNo) return undefined;
    this.#cue[2] = after.id & 0xff;
    this.#cue[3] = after.id >> 8;
    return this.#cue;
  }

  #nextId(): number {
    do this.#lastMessageId = (this.#lastMessageId + 1) & 0xffff;
    while (this.#pending.has(this.#lastMessageId));
    return this.#lastMessageId;
  }

  /** A call that was not sent times out at once, but not from inside invoke(). */
  #expect(id: number, call: Call, onOutcome: Pending["onOutcome"], sent: boolean): Invocation {
    if (this.#pending.size >= INVOCATIONS_MAX) this.#evictLateListener();
    const pending: Pending = {
      id,
      call,
      onOutcome,
      late: false,
      timer: undefined,
      forget: () => {
        if (this.#cueing === pending) this.#outbox.holdPrepared();
        this.#clock.clear(pending.timer);
        if (this.#pending.get(id) === pending) this.#pending.delete(id);
      },
    };
    pending.timer = this.#clock.set(
      () => {
        // Its yes has arrived and sent what was prepared: the engine was too slow to hear of it, not the MCU to answer.
        if (this.#cueing === pending && !this.#outbox.holdPrepared()) return;
        pending.late = true;
        this.counters.timeouts++;
        onOutcome({ kind: "timeout" });
      },
      sent ? call.timeoutMs : 0,
    );
    this.#pending.set(id, pending);
    return pending;
  }

  #evictLateListener(): void {
    for (const [id, pending] of this.#pending) {
      if (!pending.late) continue;
      this.#pending.delete(id);
      return;
    }
  }
}
