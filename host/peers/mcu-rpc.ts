/**
 * Blynk's RPC driver as it runs on the MCU: blocking, single-threaded, recursive.
 *
 * While an invoke waits, incoming calls are dispatched inside it, as deep as they come. A RESULT with another message
 * id is thrown away, so an outer invoke loses its RESULT when that arrives during an inner one, and late RESULTs are
 * lost. The remaining time is reckoned when a frame arrives: what its handler takes is not counted until the next one.
 * Unknown calls get no answer; arguments that do not fit get 0x15; events that do not fit are dropped.
 */

import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import {
  type Args,
  type Call,
  type CallName,
  calls,
  callsServedBy,
  type Field,
  type Results,
} from "../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult, readFields } from "../../src/rpc/codec.js";
import { OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT, RpcStatus } from "../../src/rpc/protocol.js";
import type { FaultBook, McuBehavior } from "./mcu-behavior.js";
import type { McuCore, Task } from "./mcu-core.js";
import { frameOf, type McuParser } from "./mcu-framing.js";
import type { McuLine } from "./mcu-line.js";
import type { WireWatch } from "./mcu-watch.js";

export type NcpCallName = Extract<CallName, `ncp.${string}` | `hw.${string}` | `blynk.${string}` | `ferry.${string}`>;
export type McuCallName = Exclude<CallName, NcpCallName>;

/** A handler's way to let no RESULT leave. */
export const NO_ANSWER = "no answer";

/** Handlers may block, and may invoke in their turn. Binary arguments live in the receive buffer: copy to keep. */
export type McuHandlers = {
  readonly [N in McuCallName]: (args: Args<N>) => Task<Results<N> | typeof NO_ANSWER>;
};

/** What the shim of a call returns. Unless the status is OK, all results are zero, empty or false. */
export interface Reply<N extends NcpCallName> {
  readonly status: number;
  readonly results: Results<N>;
}

export interface RpcCounters {
  framesReceived: number;
  framesSent: number;
  badCrcs: number;
  invokesSent: number;
  /** Own invokes that ended without a RESULT. */
  timeouts: number;
  /** RESULTs that nobody waited for: late, or for an outer invoke. */
  strayResults: number;
  invokesServed: number;
  eventsServed: number;
  unknownCalls: number;
  badArguments: number;
  /** The deepest recursion of handlers; each level costs a real MCU stack. */
  nestingMax: number;
}

export interface RpcParts {
  readonly core: McuCore;
  readonly line: McuLine;
  readonly parser: McuParser;
  readonly watch: WireWatch;
  readonly behavior: McuBehavior;
  readonly faults: FaultBook;
  readonly counters: RpcCounters;
  readonly log: (text: string) => void;
}

const WRITE_BUFFER_BYTES = 1536;
const BITS_PER_BYTE = 10;

function zeroOf(fields: readonly Field[]): Decoded {
  const zeroes: Decoded = {};
  for (const [name, type] of fields) {
    if (type === "string") zeroes[name] = "";
    else if (type === "binary") zeroes[name] = new Uint8Array(0);
    else if (type === "i64") zeroes[name] = 0n;
    else zeroes[name] = type === "bool" ? false : 0;
  }
  return zeroes;
}

export class McuRpc {
  /** When the last good frame arrived, of whatever kind. */
  lastReceivedMs: number;
  readonly #parts: RpcParts;
  #handlers: McuHandlers | undefined;
  readonly #served = callsServedBy("mcu") as Map<number, McuCallName>;
  readonly #writer = new ByteWriter(WRITE_BUFFER_BYTES);
  readonly #reader = new ByteReader();
  #messageId = 0;
  #depth = 0;

  constructor(parts: RpcParts) {
    this.#parts = parts;
    this.lastReceivedMs = parts.core.now();
  }

  /** Once, before anything is received. */
  serve(handlers: McuHandlers): void {
    this.#handlers = handlers;
  }

  knows(uid: number): boolean {
    return this.#served.has(uid) && !this.#parts.behavior.unansweredUids.includes(uid);
  }

  /** Opens the UART at another baud: what waited in its ring is gone. The parser keeps its state. */
  reopen(baud: number): void {
    this.#parts.line.setBaud(baud);
    this.#parts.core.clearInput();
    this.#parts.watch.baud = baud;
  }

  // ---- calling the NCP -----------------------------------------------------------------------------------------

  *invoke<N extends NcpCallName>(name: N, args: Args<N>): Task<Reply<N>> {
    const { core, counters, log, watch } = this.#parts;
    const call: Call = calls[name];
    const messageId = (this.#messageId + 1) & 0xffff;
    this.#messageId = messageId;
    encodeInvoke(this.#writer, call, messageId, args as Decoded);
    counters.invokesSent++;
    yield* this.#send();
    watch.invoked(name, messageId, args as Decoded, call.timeoutMs);
    const startMs = core.now();
    let leftMs = call.timeoutMs;
    for (;;) {
      const frame = yield* this.#receive(core.now() + leftMs);
      if (!frame) {
        counters.timeouts++;
        log(`${name} timed out`);
        return { status: RpcStatus.TIMEOUT, results: zeroOf(call.resultFields) as Results<N> };
      }
      leftMs = Math.max(0, call.timeoutMs - (core.now() - startMs));
      if (frame.opcode !== OPCODE_RESULT) yield* this.#dispatch(frame);
      else if (this.#reader.u16() === messageId) return this.#readReply(name, call);
      else counters.strayResults++;
    }
  }

  *tell<N extends NcpCallName>(name: N, args: Args<N>): Task<void> {
    encodeOneway(this.#writer, calls[name], args as Decoded);
    yield* this.#send();
  }

  #readReply<N extends NcpCallName>(name: N, call: Call): Reply<N> {
    const status = this.#reader.u8();
    const fields = status === RpcStatus.OK ? call.resultFields : [];
    const results = readFields(this.#reader, fields);
    // the shims of calls without results look no further, all others insist on the exact length
    const isExact = call.resultFields.length === 0 || (typeof results !== "string" && this.#reader.remaining === 0);
    if (!isExact || this.#reader.failed) {
      this.#parts.watch.report("badResult", `${name}: status ${status} and ${this.#reader.remaining} bytes left`);
      return { status: RpcStatus.RESULTS_READ, results: zeroOf(call.resultFields) as Results<N> };
    }
    if (status !== RpcStatus.OK) this.#parts.log(`${name} answered status 0x${status.toString(16)}`);
    const values = status === RpcStatus.OK ? results : zeroOf(call.resultFields);
    return { status, results: values as Results<N> };
  }

  // ---- serving the NCP -----------------------------------------------------------------------------------------

  /** Waits until `untilMs` or a signal for frames, and dispatches a burst of them. RESULTs are nobody's here. */
  *run(untilMs: number): Task<void> {
    let frame = yield* this.#receive(untilMs, "or a signal");
    while (frame) {
      if (frame.opcode === OPCODE_RESULT) this.#parts.counters.strayResults++;
      else yield* this.#dispatch(frame);
      frame = yield* this.#receive(this.#parts.core.now());
    }
  }

  *#receive(untilMs: number, orSignal?: "or a signal"): Task<{ opcode: number } | undefined> {
    const { core, counters, parser } = this.#parts;
    for (;;) {
      for (let byte = core.takeByte(); byte >= 0; byte = core.takeByte()) {
        if (!parser.push(byte)) continue;
        counters.framesReceived++;
        this.lastReceivedMs = core.now();
        this.#reader.reset(parser.buffer, 0, parser.frameBytes);
        return { opcode: this.#reader.u16() };
      }
      if (core.now() >= untilMs) return undefined;
      const wake = yield* core.input(untilMs);
      if (wake === "signal" && orSignal) return undefined;
    }
  }

  /** The driver finds the handler by uid alone; whether a message id comes first is the handler's own knowledge. */
  *#dispatch(frame: { opcode: number }): Task<void> {
    if (frame.opcode !== OPCODE_INVOKE && frame.opcode !== OPCODE_ONEWAY) return;
    const { counters, faults } = this.#parts;
    const uid = this.#reader.u16();
    const name = this.#served.get(uid);
    if (!name || !this.#handlers) {
      counters.unknownCalls++;
      return;
    }
    if (!this.knows(uid)) {
      faults.note("unansweredUids");
      return;
    }
    this.#depth++;
    counters.nestingMax = Math.max(counters.nestingMax, this.#depth);
    if (calls[name].kind === "invoke") yield* this.#serveInvoke(name);
    else yield* this.#serveEvent(name);
    this.#depth--;
  }

  *#serveInvoke(name: McuCallName): Task<void> {
    const { counters, watch } = this.#parts;
    const call: Call = calls[name];
    const messageId = this.#reader.u16();
    const args = readFields(this.#reader, call.argFields);
    if (typeof args === "string") {
      this.#noteBadArguments(name, args);
      encodeResult(this.#writer, messageId, RpcStatus.ARGS_READ);
    } else {
      counters.invokesServed++;
      const results = yield* this.#handle(name, args);
      if (results === NO_ANSWER) return;
      encodeResult(this.#writer, messageId, RpcStatus.OK, call.resultFields, results);
    }
    watch.answered(messageId);
    yield* this.#send();
  }

  *#serveEvent(name: McuCallName): Task<void> {
    const args = readFields(this.#reader, calls[name].argFields);
    if (typeof args === "string") {
      this.#noteBadArguments(name, args);
      return;
    }
    this.#parts.counters.eventsServed++;
    yield* this.#handle(name, args);
  }

  #handle(name: McuCallName, args: Decoded): Task<Decoded | typeof NO_ANSWER> {
    const handler = this.#handlers?.[name] as (args: Decoded) => Task<Decoded | typeof NO_ANSWER>;
    return handler(args);
  }

  #noteBadArguments(name: McuCallName, failure: string): void {
    this.#parts.counters.badArguments++;
    this.#parts.watch.report("badArguments", `${name}: ${failure}`);
  }

  /** The driver flushes: it goes on when the last byte has left. */
  *#send(): Task<void> {
    const { core, counters, line } = this.#parts;
    const frame = frameOf(this.#writer.bytes, this.#writer.length);
    counters.framesSent++;
    line.write(frame);
    yield* core.busy((frame.length * BITS_PER_BYTE * 1000) / line.baud);
  }
}
