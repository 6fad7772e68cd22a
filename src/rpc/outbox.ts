/**
 * What waits to be sent, and in which order it goes.
 *
 * RESULTs go first, because the MCU blocks for them; then invokes; then the state, then events, and those only while no
 * RESULT is owed: a blocked MCU handles each event on its stack (blynk-ncp.md, 1.7). Every queue is bounded and counts
 * what it turns away. Of the state only the latest is kept, and no event takes its place: nobody asks for it again. The
 * outbox hands over one message whenever the wire can take one.
 */

/** Where messages go: a wire, as far as RPC needs it. */
export interface FrameSink {
  /** A frame may be sent now. */
  readonly idle: boolean;
  /** Encodes and sends payload [0, length). Only while idle. */
  send(payload: Uint8Array, length: number): void;
  /**
   * Encodes a payload ahead of time, beside one that is on its way. Replaces one prepared before. It leaves by itself
   * when the payload `cue` arrives while the sink is idle.
   */
  prepare(payload: Uint8Array, length: number, cue?: Uint8Array): void;
  /** Sends what was prepared, unless it has left by itself: true. False when the sink is not idle. Ends the cue. */
  sendPrepared(): boolean;
  /** Ends the cue. False: it has come, what was prepared has left. */
  dropCue(): boolean;
}

export interface OutboxCounters {
  /** RESULTs turned away: the MCU asked more at once than any real one does. */
  resultsDropped: number;
  /** Invokes refused at the door; their callers are told. */
  invokesRefused: number;
  /** Events lost because newer ones came: the oldest goes. */
  eventsDropped: number;
}

export const RESULTS_QUEUED_MAX = 8;
export const INVOKES_QUEUED_MAX = 8;
export const EVENTS_QUEUED_MAX = 16;

/** Stands in the queue for the prepared message. */
const PREPARED = Symbol("prepared");

export class Outbox {
  readonly #sink: FrameSink;
  /** Answers that the MCU waits for. */
  readonly #later: { readonly owed: number };
  readonly #results: Uint8Array[] = [];
  readonly #invokes: (Uint8Array | typeof PREPARED)[] = [];
  readonly #events: Uint8Array[] = [];
  #state: Uint8Array | undefined;
  readonly counters: OutboxCounters = { resultsDropped: 0, invokesRefused: 0, eventsDropped: 0 };
  /** Everything else waits: the wire is about to change its baud, and the MCU does so within 20 ms of its answer. */
  resultsOnly = false;

  constructor(sink: FrameSink, later: { readonly owed: number }) {
    this.#sink = sink;
    this.#later = later;
  }

  get eventsWaiting(): number {
    return this.#events.length + (this.#state ? 1 : 0);
  }

  /** Queues are handed copies: the caller's buffer is free on return. */
  postResult(payload: Uint8Array, length: number): void {
    if (this.#sink.idle) return this.#sink.send(payload, length);
    if (this.#results.length >= RESULTS_QUEUED_MAX) this.counters.resultsDropped++;
    else this.#results.push(payload.slice(0, length));
  }

  /** False when the queue is full. */
  postInvoke(payload: Uint8Array, length: number): boolean {
    if (this.#sink.idle) {
      this.#sink.send(payload, length);
      return true;
    }
    return this.#queueInvoke(() => payload.slice(0, length));
  }

  /** Encodes a message into the sink ahead of time. One that was prepared and has not gone yet is withdrawn. */
  prepare(payload: Uint8Array, length: number, cue?: Uint8Array): void {
    const at = this.#invokes.indexOf(PREPARED);
    if (at >= 0) this.#invokes.splice(at, 1);
    this.#sink.prepare(payload, length, cue);
  }

  /** Sends what the sink holds prepared, unless it has left at its cue. False when the queue is full. */
  postPrepared(): boolean {
    return this.#sink.sendPrepared() || this.#queueInvoke(() => PREPARED);
  }

  /** What is prepared waits for postPrepared() alone. False: it has left at its cue. */
  holdPrepared(): boolean {
    return this.#sink.dropCue();
  }

  postEvent(payload: Uint8Array, length: number): void {
    if (this.#events.length >= EVENTS_QUEUED_MAX) {
      this.#events.shift();
      this.counters.eventsDropped++;
    }
    this.#events.push(payload.slice(0, length));
    this.pump();
  }

  /** Takes the place of a state that still waits. */
  postState(payload: Uint8Array, length: number): void {
    this.#state = payload.slice(0, length);
    this.pump();
  }

  /** Sends the next message if the wire is idle: call whenever it becomes so. */
  pump(): void {
    if (!this.#sink.idle) return;
    const next = this.#results.shift() ?? (this.resultsOnly ? undefined : this.#nextCall());
    if (next === PREPARED) this.#sink.sendPrepared();
    else if (next) this.#sink.send(next, next.length);
  }

  /** Forgets everything that waits: the MCU it was meant for has restarted. */
  clear(): void {
    this.#sink.dropCue();
    this.#results.length = 0;
    this.#invokes.length = 0;
    this.#events.length = 0;
    this.#state = undefined;
  }

  #nextCall(): Uint8Array | typeof PREPARED | undefined {
    return this.#invokes.shift() ?? (this.#later.owed > 0 ? undefined : (this.#takeState() ?? this.#events.shift()));
  }

  #takeState(): Uint8Array | undefined {
    const state = this.#state;
    this.#state = undefined;
    return state;
  }

  #queueInvoke(make: () => Uint8Array | typeof PREPARED): boolean {
    if (this.#invokes.length >= INVOKES_QUEUED_MAX) {
      this.counters.invokesRefused++;
      return false;
    }
    this.#invokes.push(make());
    return true;
  }
}
