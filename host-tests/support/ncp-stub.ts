/**
 * A small scripted NCP, for tests of the simulated MCU: it answers what a table says, keeps what it heard, and can
 * carry out a transfer in the plainest way. It has Ferry's codec and frame decoder, but nothing of its logic.
 */

import type { McuLine } from "../../host/peers/mcu-line.js";
import type { VirtualClock } from "../../host/sim/clock.js";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import { crc32 } from "../../src/base/crc.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { FRAME_BYTES_MAX } from "../../src/frame/layout.js";
import { type Args, type Call, type CallName, calls, callsServedBy, type Field } from "../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult, readFields } from "../../src/rpc/codec.js";
import { NcpState, OPCODE_INVOKE, OPCODE_RESULT, RpcStatus } from "../../src/rpc/protocol.js";

/** Results, an error status, or nothing at all; after a delay. */
export interface StubAnswer {
  readonly results?: Decoded;
  readonly status?: number;
  readonly silent?: boolean;
  readonly afterMs?: number;
}

export interface HeardCall {
  readonly atMs: number;
  readonly name: CallName;
  readonly messageId: number;
  readonly args: Decoded;
}

/** A call of the stub's own. `status` stays undefined until the RESULT or the timeout. */
export interface StubCall {
  readonly name: CallName;
  readonly messageId: number;
  status: number | undefined;
  results: Decoded;
}

/** How the stub sends an image. */
export interface TransferPlan {
  readonly image: Uint8Array;
  /** Chunks of this size instead of what was asked. */
  readonly chunkBytes?: number;
  /** After `false` for a resend: goes on with the next chunk, to see whether the MCU had stored this one. */
  readonly probesAfterFalse?: boolean;
}

const RESENDS_MAX = 5;

export class NcpStub {
  readonly heard: HeardCall[] = [];
  /** Payloads of RESULTs that the stub did not wait for any more. */
  lateResults = 0;
  readonly raw: number[] = [];
  finishAnswers: (boolean | undefined)[] = [];
  readonly #clock: VirtualClock;
  readonly #line: McuLine;
  readonly #decoder: FrameDecoder;
  readonly #answers = new Map<CallName, (args: Decoded) => StubAnswer>();
  readonly #names = callsServedBy("ncp");
  readonly #pending = new Map<number, { call: StubCall; finish: (status: number, results: Decoded) => void }>();
  #messageId = 0;
  #plan: TransferPlan | undefined;
  #transfer = 0;

  constructor(clock: VirtualClock, line: McuLine, baud = 38400) {
    this.#clock = clock;
    this.#line = line;
    this.#decoder = new FrameDecoder((payload, length) => this.#onPayload(payload.slice(0, length)));
    line.onBytes = (bytes) => {
      this.raw.push(...bytes);
      this.#decoder.push(bytes);
    };
    line.setBaud(baud);
    this.answer("blynk.getState", () => ({ results: { state: NcpState.CONNECTED } }));
    this.answer("blynk.otaUpdatePrefetch", () => ({ results: { status: 1 } }));
    this.answer("blynk.getNcpVersion", () => ({ results: { version: "0.7.0", ok: true } }));
    this.answer("hw.setUartBaudRate", (args) => {
      // at the old baud first, then the change
      clock.set(() => line.setBaud(args.baud as number), 5);
      return {};
    });
  }

  /** Sets the answer to a call; by default all results are zero, empty or true. */
  answer(name: CallName, answer: (args: Decoded) => StubAnswer): void {
    this.#answers.set(name, answer);
  }

  setBaud(baud: number): void {
    this.#line.setBaud(baud);
    this.#decoder.reset();
  }

  sendBytes(...bytes: number[]): void {
    this.#line.write(Uint8Array.from(bytes));
  }

  sendHex(hex: string): void {
    this.sendBytes(...fromHex(hex));
  }

  invoke<N extends CallName>(name: N, args: Args<N>, onDone: (call: StubCall) => void = () => {}): StubCall {
    const messageId = ++this.#messageId & 0xffff;
    const call: StubCall = { name, messageId, status: undefined, results: {} };
    const writer = new ByteWriter(4096);
    encodeInvoke(writer, calls[name], messageId, args as Decoded);
    this.#send(writer);
    const finish = (status: number, results: Decoded) => {
      this.#pending.delete(messageId);
      this.#clock.clear(timer);
      call.status = status;
      call.results = results;
      onDone(call);
    };
    const timer = this.#clock.set(() => finish(RpcStatus.TIMEOUT, {}), calls[name].timeoutMs);
    this.#pending.set(messageId, { call, finish });
    return call;
  }

  tell<N extends CallName>(name: N, args: Args<N>): void {
    const writer = new ByteWriter(4096);
    encodeOneway(writer, calls[name], args as Decoded);
    this.#send(writer);
  }

  calls(name: CallName): HeardCall[] {
    return this.heard.filter((call) => call.name === name);
  }

  // ---- a transfer ----------------------------------------------------------------------------------------------

  /** Offers the image; each otaUpdateStart from then on begins the transfer anew. */
  offer(plan: TransferPlan, onDone: (call: StubCall) => void = () => {}): StubCall {
    this.serveTransfers(plan);
    const sizeBytes = plan.image.length;
    const args = { filename: "fw.bin", sizeBytes, type: "TMPL0123456789", version: "2.0.0", build: "today" };
    return this.invoke("client.otaUpdateAvailable", args, onDone);
  }

  serveTransfers(plan: TransferPlan): void {
    this.#plan = plan;
    const { image } = plan;
    this.answer("blynk.otaUpdateStart", (args) => {
      const transfer = ++this.#transfer;
      const chunkBytes = plan.chunkBytes ?? (args.chunkBytes as number);
      this.#clock.set(() => this.#sendChunk(transfer, 0, chunkBytes, 0), 3);
      return {};
    });
    this.answer("blynk.otaUpdateGetCRC32", () => ({ results: { crc32: crc32(image), ok: true } }));
  }

  #sendChunk(transfer: number, offset: number, chunkBytes: number, resends: number): void {
    const plan = this.#plan;
    if (!plan || transfer !== this.#transfer) return;
    const chunk = plan.image.subarray(offset, offset + chunkBytes);
    if (chunk.length === 0) {
      this.invoke("client.otaUpdateFinish", {}, (call) => this.finishAnswers.push(okOf(call)));
      return;
    }
    const args = { offset, chunk, crc32: crc32(chunk) };
    this.invoke("client.otaUpdateWrite", args, (call) => {
      const isStored = okOf(call) === true || (plan.probesAfterFalse && resends > 0 && okOf(call) === false);
      if (isStored) this.#sendChunk(transfer, offset + chunk.length, chunkBytes, 0);
      else if (resends < RESENDS_MAX) this.#sendChunk(transfer, offset, chunkBytes, resends + 1);
      else if (transfer === this.#transfer) this.invoke("client.otaUpdateCancel", {});
    });
  }

  // ---- messages ------------------------------------------------------------------------------------------------

  #send(writer: ByteWriter): void {
    const out = new Uint8Array(FRAME_BYTES_MAX + 2 * writer.length);
    this.#line.write(out.slice(0, encodeFrame(writer.bytes, writer.length, out)));
  }

  #onPayload(payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    const opcode = reader.u16();
    if (opcode === OPCODE_RESULT) {
      this.#onResult(reader);
      return;
    }
    const name = this.#names.get(reader.u16());
    if (!name) return;
    const call: Call = calls[name];
    const messageId = opcode === OPCODE_INVOKE ? reader.u16() : 0;
    const args = readFields(reader, call.argFields);
    if (typeof args === "string") throw new Error(`stub: ${name} has bad arguments: ${args}`);
    this.heard.push({ atMs: this.#clock.now(), name, messageId, args });
    if (call.kind === "invoke") this.#respond(call, messageId, this.#answers.get(name)?.(args) ?? {});
  }

  #respond(call: Call, messageId: number, answer: StubAnswer): void {
    if (answer.silent) return;
    const writer = new ByteWriter(4096);
    const status = answer.status ?? RpcStatus.OK;
    const results = { ...defaultsOf(call.resultFields), ...answer.results };
    encodeResult(writer, messageId, status, status === RpcStatus.OK ? call.resultFields : [], results);
    this.#clock.set(() => this.#send(writer), answer.afterMs ?? 1);
  }

  #onResult(reader: ByteReader): void {
    const pending = this.#pending.get(reader.u16());
    if (!pending) {
      this.lateResults++;
      return;
    }
    const status = reader.u8();
    const results = readFields(reader, status === RpcStatus.OK ? calls[pending.call.name].resultFields : []);
    if (typeof results === "string") throw new Error(`stub: ${pending.call.name} has bad results: ${results}`);
    pending.finish(status, results);
  }
}

function okOf(call: StubCall): boolean | undefined {
  return call.status === RpcStatus.OK ? (call.results.ok as boolean) : undefined;
}

function defaultsOf(fields: readonly Field[]): Decoded {
  const values: Decoded = {};
  for (const [name, type] of fields) {
    if (type === "string") values[name] = "";
    else if (type === "binary") values[name] = new Uint8Array(0);
    else if (type === "i64") values[name] = 0n;
    else values[name] = type === "bool" ? true : 0;
  }
  return values;
}

export function fromHex(hex: string): number[] {
  const digits = hex.replaceAll(" ", "");
  const bytes: number[] = [];
  for (let i = 0; i < digits.length; i += 2) bytes.push(Number.parseInt(digits.slice(i, i + 2), 16));
  return bytes;
}

export function toHex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const BITS_PER_BYTE = 10;

/** Two ends of a perfect wire: each write arrives whole, when its last bit has; at another baud it does not arrive. */
export function memoryWire(clock: VirtualClock): { readonly mcu: McuLine; readonly ncp: McuLine } {
  const mcu = new MemoryLine(clock);
  const ncp = new MemoryLine(clock);
  mcu.other = ncp;
  ncp.other = mcu;
  return { mcu, ncp };
}

class MemoryLine implements McuLine {
  other: MemoryLine | undefined;
  onBytes: (bytes: Uint8Array) => void = () => {};
  baud = 0;
  #isOpen = false;
  #freeMs = 0;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  write(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    const copy = bytes.slice();
    const sentBaud = this.baud;
    this.#freeMs = Math.max(this.#freeMs, this.#clock.now()) + (bytes.length * BITS_PER_BYTE * 1000) / sentBaud;
    this.#clock.setAt(() => this.other?.arrive(copy, sentBaud), this.#freeMs);
  }

  arrive(bytes: Uint8Array, sentBaud: number): void {
    if (this.#isOpen && this.baud === sentBaud) this.onBytes(bytes);
  }

  setBaud(baud: number): void {
    this.baud = baud;
    this.#isOpen = true;
  }

  close(): void {
    this.#isOpen = false;
  }
}
