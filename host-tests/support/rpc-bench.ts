/** An RpcSession between a wire made of memory and hand-made messages: what the suites about calls share. */

import { assert } from "chai";
import { VirtualClock } from "../../host/sim/clock.js";
import { ByteWriter } from "../../src/base/bytes.js";
import { PAYLOAD_BYTES_MAX } from "../../src/frame/layout.js";
import { type Args, type Call, type CallName, calls, type NcpCallName, type Results } from "../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult } from "../../src/rpc/codec.js";
import type { FrameSink } from "../../src/rpc/outbox.js";
import { RpcStatus } from "../../src/rpc/protocol.js";
import type { CallTable } from "../../src/rpc/serving.js";
import { RpcSession } from "../../src/rpc/session.js";
import { toHex } from "./ncp-stub.js";

/** Keeps what is sent. Refuses, as a real wire does, what comes while it is busy. */
export class MemorySink implements FrameSink {
  idle = true;
  /** Each frame keeps the wire busy until the test sets it free. */
  takesTime = false;
  readonly sent: Uint8Array[] = [];
  #prepared: Uint8Array | undefined;
  #cue: string | undefined;
  #preparedHasLeft = false;

  send(payload: Uint8Array, length: number): void {
    assert.isTrue(this.idle, "sent while the wire is busy");
    this.sent.push(payload.slice(0, length));
    if (this.takesTime) this.idle = false;
  }

  prepare(payload: Uint8Array, length: number, cue?: Uint8Array): void {
    this.#prepared = payload.slice(0, length);
    this.#cue = cue && toHex(cue);
    this.#preparedHasLeft = false;
  }

  sendPrepared(): boolean {
    this.#cue = undefined;
    if (!this.#preparedHasLeft) {
      if (!this.idle) return false;
      this.#sendPrepared();
    }
    this.#preparedHasLeft = false;
    return true;
  }

  dropCue(): boolean {
    this.#cue = undefined;
    return !this.#preparedHasLeft;
  }

  /** What a wire does with a payload before anybody hears of it. */
  arrive(payload: Uint8Array): void {
    if (toHex(payload) !== this.#cue || !this.idle) return;
    this.#cue = undefined;
    this.#preparedHasLeft = true;
    this.#sendPrepared();
  }

  #sendPrepared(): void {
    assert.isDefined(this.#prepared, "nothing was prepared");
    this.send(this.#prepared, this.#prepared.length);
    this.#prepared = undefined;
  }
}

export class RpcBench {
  readonly clock = new VirtualClock();
  readonly sink = new MemorySink();
  readonly faults: { readonly call: CallName; readonly error: unknown }[] = [];
  readonly session: RpcSession;

  constructor() {
    this.session = new RpcSession({
      clock: this.clock,
      sink: this.sink,
      payloadBytesMax: PAYLOAD_BYTES_MAX,
      onFault: (call, error) => this.faults.push({ call, error }),
    });
  }

  /** Serves these calls, by nobody in particular. */
  serve<N extends NcpCallName>(table: CallTable<undefined, N>): void {
    this.session.serve(table, undefined);
  }

  /** The far end sends this payload. */
  receive(payload: Uint8Array): void {
    // As from a frame decoder: in a buffer with something else behind it, that is used again at once.
    const buffer = new Uint8Array(payload.length + 16).fill(0xee);
    buffer.set(payload);
    this.sink.arrive(payload);
    this.session.onPayload(buffer, payload.length);
    buffer.fill(0xdd);
  }

  /** The wire is free: lets one message go, as with `takesTime`, or all that wait. */
  release(): void {
    this.sink.idle = true;
    this.session.onSinkIdle();
  }

  /** Everything that waits leaves, one frame after the other. */
  releaseAll(): void {
    for (let before = -1; this.sink.sent.length !== before; ) {
      before = this.sink.sent.length;
      this.release();
    }
  }

  /** What was sent since the last call, as hexadecimal payloads. */
  takeSent(): string[] {
    return this.sink.sent.splice(0).map(toHex);
  }
}

const MESSAGE_BYTES_MAX = 4096;

function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(MESSAGE_BYTES_MAX);
  write(writer);
  return writer.copy();
}

export function invokeOf<N extends CallName>(name: N, messageId: number, args: Args<N>): Uint8Array {
  return written((writer) => encodeInvoke(writer, calls[name], messageId, args as Decoded));
}

export function onewayOf<N extends CallName>(name: N, args: Args<N>): Uint8Array {
  return written((writer) => encodeOneway(writer, calls[name], args as Decoded));
}

export function resultOf<N extends CallName>(name: N, messageId: number, results: Results<N>): Uint8Array {
  const { resultFields }: Call = calls[name];
  return written((writer) => encodeResult(writer, messageId, RpcStatus.OK, resultFields, results as Decoded));
}

export function refusalOf(messageId: number, status: number): Uint8Array {
  return written((writer) => encodeResult(writer, messageId, status));
}
