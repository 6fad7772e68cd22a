/**
 * An observer on the MCU's pins: reads both directions at the moment the bytes pass, without the driver's faults, and
 * writes down what the NCP must not do. It survives the MCU's resets, but expects nothing across one.
 */

import { ByteReader } from "../../src/base/bytes.js";
import { type CallName, calls } from "../../src/rpc/catalogue.js";
import { type Decoded, readFields } from "../../src/rpc/codec.js";
import { OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT } from "../../src/rpc/protocol.js";
import { crc32Of, McuParser } from "./mcu-framing.js";

export type ViolationKind =
  /** A frame longer than the MCU's receive buffer. */
  | "memorySmashed"
  /** Anything at all after that, in the same life of the MCU. */
  | "bytesAfterSmash"
  /** More payload than the protocol allows. */
  | "frameAboveLimit"
  /** BEGIN and END with nothing between, which makes the driver lose the next frame. */
  | "emptyFrame"
  /** A chunk that is neither as long as asked nor the last. */
  | "wrongChunkSize"
  /** A chunk whose CRC-32 is not its own, in a frame that is whole. */
  | "wrongChunkCrc"
  /** Bytes beyond the offered size. */
  | "writeBeyondEnd"
  /** A second write while the first has neither been answered nor timed out. */
  | "secondWriteOutstanding"
  /** Neither the next chunk, nor the same again, nor 0 after otaUpdateStart. */
  | "offsetOutOfOrder"
  /** An event while the MCU waits for a RESULT. */
  | "eventBeforeResult"
  /** Arguments that do not fit the call. */
  | "badArguments"
  /** A RESULT that does not fit the call, or an error that carries a payload. */
  | "badResult";

export interface Violation {
  readonly kind: ViolationKind;
  readonly atMs: number;
  readonly detail: string;
}

/** The protocol's limit for the payload of a frame. */
const PAYLOAD_LIMIT_BYTES = 1536;
/** A frame that long on the wire still says what it was. */
const TAP_BUFFER_BYTES = 8192;
/** What an NCP may need to see an INVOKE and hold its events back. */
const REACTION_MS = 20;
/** Calls that may take longer than this do not hold events back. */
const LONG_CALL_MS = 5000;
/** A resend may come this much before the MCU's reckoning of the timeout. */
const TIMEOUT_SLACK_MS = 10;
const BITS_PER_BYTE = 10;

interface Owed {
  readonly name: CallName;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** The place in the image where the transfer is. */
interface Progress {
  readonly offset: number;
  readonly end: number;
}

export class WireWatch {
  readonly violations: Violation[] = [];
  readonly #now: () => number;
  readonly #log: (text: string) => void;
  readonly #tap: McuParser;
  readonly #reader = new ByteReader();
  #baud = 0;
  #smashed = false;
  #owed = new Map<number, Owed>();
  #write: { readonly messageId: number; readonly atMs: number } | undefined;
  /** As the last otaUpdateStart asked; `undefined` before the first. */
  #chunkBytes: number | undefined;
  #sizeBytes: number | undefined;
  #progress: Progress | undefined;
  /** otaUpdateStart has been sent: offset 0 is in order. */
  #mayRestart = false;

  constructor(now: () => number, log: (text: string) => void) {
    this.#now = now;
    this.#log = log;
    this.#tap = new McuParser(
      { bufferBytes: TAP_BUFFER_BYTES, resyncsOnBeg: true },
      {
        onEmptyFrame: () => this.report("emptyFrame", "AA BB"),
        onSmash: () => this.report("frameAboveLimit", `a frame with no end after ${TAP_BUFFER_BYTES} bytes`),
      },
    );
  }

  report(kind: ViolationKind, detail: string): void {
    this.violations.push({ kind, atMs: this.#now(), detail });
    this.#log(`violation: ${kind}: ${detail}`);
  }

  /** A new life of the MCU. A size known from before (a bootloader's note) may be told. */
  restart(sizeBytes?: number): void {
    this.#tap.reset();
    this.#smashed = false;
    this.#owed.clear();
    this.#write = undefined;
    this.#chunkBytes = undefined;
    this.#sizeBytes = sizeBytes;
    this.#progress = undefined;
    this.#mayRestart = false;
  }

  set baud(baud: number) {
    this.#baud = baud;
    this.#tap.reset();
  }

  /** The MCU's receive buffer has been overrun. */
  smashed(bufferBytes: number): void {
    this.report("memorySmashed", `a frame longer than the receive buffer of ${bufferBytes} bytes`);
    this.#smashed = true;
  }

  /** Bytes on their way to the MCU. */
  received(bytes: Uint8Array): void {
    if (this.#smashed) {
      this.#smashed = false;
      this.report("bytesAfterSmash", `${bytes.length} bytes for an MCU whose memory is smashed`);
    }
    for (const byte of bytes) {
      if (this.#tap.push(byte)) this.#arrived(this.#tap.frame);
    }
  }

  /** The MCU has sent an INVOKE: the last byte left just now. */
  invoked(name: CallName, messageId: number, args: Readonly<Decoded>, timeoutMs: number): void {
    const sinceMs = this.#now();
    this.#owed.set(messageId, { name, sinceMs, untilMs: sinceMs + timeoutMs });
    if (name !== "blynk.otaUpdateStart") return;
    this.#chunkBytes = args.chunkBytes as number;
    this.#mayRestart = true;
  }

  /** The MCU sends a RESULT. */
  answered(messageId: number): void {
    if (this.#write?.messageId === messageId) this.#write = undefined;
  }

  #arrived(frame: Uint8Array): void {
    if (frame.length > PAYLOAD_LIMIT_BYTES) this.report("frameAboveLimit", `${frame.length} bytes of payload`);
    const reader = this.#reader;
    reader.reset(frame);
    const opcode = reader.u16();
    if (opcode === OPCODE_RESULT) this.#owed.delete(reader.u16());
    else if (opcode === OPCODE_ONEWAY) this.#checkEvent(reader.u16());
    else if (opcode === OPCODE_INVOKE) {
      const uid = reader.u16();
      const messageId = reader.u16();
      if (uid === calls["client.otaUpdateAvailable"].uid) this.#noteOffer();
      if (uid === calls["client.otaUpdateWrite"].uid) this.#checkWrite(messageId);
    }
  }

  #checkEvent(uid: number): void {
    const nowMs = this.#now();
    const startMs = nowMs - (this.#tap.wireBytes * BITS_PER_BYTE * 1000) / Math.max(1, this.#baud);
    for (const [messageId, owed] of this.#owed) {
      if (nowMs > owed.untilMs) this.#owed.delete(messageId);
      else if (calls[owed.name].timeoutMs <= LONG_CALL_MS && startMs > owed.sinceMs + REACTION_MS) {
        this.report("eventBeforeResult", `event ${uid.toString(16)} while ${owed.name} ${messageId} waits`);
      }
    }
  }

  #noteOffer(): void {
    const offer = readFields(this.#reader, calls["client.otaUpdateAvailable"].argFields);
    if (typeof offer !== "string") this.#sizeBytes = offer.sizeBytes as number;
  }

  #checkWrite(messageId: number): void {
    const write = readFields(this.#reader, calls["client.otaUpdateWrite"].argFields);
    if (typeof write === "string") return;
    const nowMs = this.#now();
    const timeoutMs = calls["client.otaUpdateWrite"].timeoutMs;
    if (this.#write && nowMs - this.#write.atMs < timeoutMs - TIMEOUT_SLACK_MS) {
      this.report("secondWriteOutstanding", `write ${messageId} while ${this.#write.messageId} is not answered`);
    }
    this.#write = { messageId, atMs: nowMs };
    const offset = write.offset as number;
    const end = offset + (write.chunk as Uint8Array).length;
    if (crc32Of(write.chunk as Uint8Array) !== write.crc32) this.report("wrongChunkCrc", `at ${offset}`);
    this.#checkChunkSize(offset, end);
    this.#checkOrder(offset, end);
  }

  #checkChunkSize(offset: number, end: number): void {
    const asked = this.#chunkBytes;
    const size = this.#sizeBytes;
    const detail = `[${offset}, ${end}) of ${size ?? "?"} bytes, ${asked ?? "?"} asked`;
    if (size !== undefined && end > size) this.report("writeBeyondEnd", detail);
    if (asked === undefined || end - offset === asked) return;
    const mayBeLast = size === undefined || end === size;
    if (end - offset > asked || end === offset || !mayBeLast) this.report("wrongChunkSize", detail);
  }

  #checkOrder(offset: number, end: number): void {
    const last = this.#progress;
    const isNext = offset === (last?.end ?? 0);
    const isSame = offset === last?.offset;
    const isRestart = offset === 0 && this.#mayRestart;
    const isOfAnEarlierTransfer = this.#chunkBytes === undefined || this.#waitsForStart();
    if (isRestart) this.#mayRestart = false;
    if (!isNext && !isSame && !isRestart && !isOfAnEarlierTransfer) {
      this.report("offsetOutOfOrder", `offset ${offset} after [${last?.offset ?? 0}, ${last?.end ?? 0})`);
    }
    this.#progress = { offset, end };
  }
  /** Until otaUpdateStart is answered, the NCP may still be at what it did before. */
  #waitsForStart(): boolean {
    for (const owed of this.#owed.values()) {
      if (owed.name === "blynk.otaUpdateStart" && owed.untilMs >= this.#now()) return true;
    }
    return false;
  }
}
