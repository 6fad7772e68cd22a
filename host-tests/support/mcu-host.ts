/**
 * The plainest MCU: makes any call of the catalogue and waits for its RESULT in virtual time, answers Ferry's own calls
 * as told, and keeps what it was told. For tests of what single calls do.
 */

import { assert } from "chai";
import { type McuLine, mcuLineOf } from "../../host/peers/mcu-line.js";
import type { VirtualClock } from "../../host/sim/clock.js";
import type { UartEnd } from "../../host/sim/uart.js";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { FRAME_BYTES_MAX } from "../../src/frame/layout.js";
import { type Args, type Call, type CallName, calls, callsServedBy, type Results } from "../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult, readFields } from "../../src/rpc/codec.js";
import { OPCODE_INVOKE, OPCODE_RESULT, RpcStatus } from "../../src/rpc/protocol.js";

const BUFFER_BYTES = 4096;
const ONEWAY_AS_CALL_MS = 1_000;

/** Something that Ferry told or asked. */
export interface HeardFromFerry {
  readonly atMs: number;
  readonly name: CallName;
  readonly args: Decoded;
  readonly payloadBytes: number;
}

export class McuHost {
  readonly heard: HeardFromFerry[] = [];
  /** What Ferry's invokes are answered with; by default an error, as of a call that the MCU does not know. */
  readonly answers = new Map<CallName, Decoded>();
  /** Hears, and answers nothing. */
  isDeaf: () => boolean = () => false;
  /** The status of the last RESULT; `undefined`: none came in time. */
  lastStatus: number | undefined;
  /** So much had been heard when the last RESULT came. */
  heardBeforeResult = 0;
  readonly #clock: VirtualClock;
  readonly #line: McuLine;
  readonly #names = callsServedBy("mcu");
  #messageId = 0;
  #awaited: { readonly id: number; onResult(status: number, reader: ByteReader): void } | undefined;

  constructor(clock: VirtualClock, end: UartEnd, baud = 38_400) {
    this.#clock = clock;
    this.#line = mcuLineOf(end);
    this.answers.set("mcu.ping", {});
    const decoder = new FrameDecoder((payload, length) => this.#onPayload(payload.slice(0, length)));
    this.#line.onBytes = (bytes) => decoder.push(bytes);
    this.#line.setBaud(baud);
  }

  setBaud(baud: number): void {
    this.#line.setBaud(baud);
  }

  /** Makes the call and returns its results; fails the test when it is refused or stays unanswered. */
  call<N extends CallName>(name: N, args: Args<N>): Results<N> {
    const results = this.tryCall(name, args);
    return results ?? assert.fail(`${name} was answered with status ${this.lastStatus}`);
  }

  /** `undefined` when it is refused or stays unanswered: see lastStatus. */
  tryCall<N extends CallName>(name: N, args: Args<N>): Results<N> | undefined {
    const writer = new ByteWriter(BUFFER_BYTES);
    const id = ++this.#messageId & 0xffff;
    encodeInvoke(writer, calls[name], id, args as Decoded);
    this.lastStatus = undefined;
    let results: Decoded | string = "no answer";
    this.#awaited = {
      id,
      onResult: (status, reader) => {
        this.lastStatus = status;
        this.heardBeforeResult = this.heard.length;
        if (status === RpcStatus.OK) results = readFields(reader, calls[name].resultFields);
      },
    };
    this.#send(writer);
    // A oneway that is made as a call, as one of Blynk's tools does, has no timeout of its own.
    const untilMs = this.#clock.now() + (calls[name].timeoutMs || ONEWAY_AS_CALL_MS);
    while (this.lastStatus === undefined && this.#clock.now() < untilMs) {
      if (!this.#clock.step(untilMs)) break;
    }
    this.#awaited = undefined;
    return typeof results === "string" ? undefined : (results as Results<N>);
  }

  tell<N extends CallName>(name: N, args: Args<N>): void {
    const writer = new ByteWriter(BUFFER_BYTES);
    encodeOneway(writer, calls[name], args as Decoded);
    this.#send(writer);
  }

  /** Names itself and initializes, as a sketch's begin() does. */
  initialize(version = "1.0.0"): void {
    this.call("blynk.setFirmwareInfo", { type: "TMPL01", version, build: "", blynkVersion: "0.7.0" });
    assert.isTrue(this.call("blynk.initialize", { templateId: "TMPL01", templateName: "Pump" }).ok);
  }

  /** States that Ferry has announced, in order, without repetitions. */
  get states(): number[] {
    const states = this.told("client.blynkStateChange").map(({ state }) => state as number);
    return states.filter((state, index) => state !== states[index - 1]);
  }

  get events(): number[] {
    return this.told("client.processEvent").map(({ event }) => event as number);
  }

  told(name: CallName): Decoded[] {
    return this.heard.filter((heard) => heard.name === name).map(({ args }) => args);
  }

  #send(writer: ByteWriter): void {
    const out = new Uint8Array(FRAME_BYTES_MAX + 2);
    this.#line.write(out.slice(0, encodeFrame(writer.bytes, writer.length, out)));
  }

  #onPayload(payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    const opcode = reader.u16();
    if (opcode === OPCODE_RESULT) {
      const id = reader.u16();
      const status = reader.u8();
      if (id === this.#awaited?.id) this.#awaited.onResult(status, reader);
      return;
    }
    const name = this.#names.get(reader.u16());
    if (!name) assert.fail("Ferry made a call that no MCU serves");
    const call: Call = calls[name];
    const id = opcode === OPCODE_INVOKE ? reader.u16() : 0;
    const args = readFields(reader, call.argFields);
    if (typeof args === "string") assert.fail(`Ferry called ${name} with bad arguments: ${args}`);
    else this.heard.push({ atMs: this.#clock.now(), name, args, payloadBytes: payload.length });
    if (call.kind === "invoke" && !this.isDeaf()) this.#answer(name, id);
  }

  #answer(name: CallName, id: number): void {
    const writer = new ByteWriter(BUFFER_BYTES);
    const results = this.answers.get(name);
    if (results) encodeResult(writer, id, RpcStatus.OK, calls[name].resultFields, results);
    else encodeResult(writer, id, RpcStatus.UNKNOWN_UID);
    this.#send(writer);
  }
}
