/**
 * Conversations as MCUs hold them, and what becomes of them on a bad line, or in the hands of a bad programmer: calls of
 * the whole catalogue with arguments from everywhere in their ranges, RESULTs that nobody asked for, recorded frames.
 */

import { ByteWriter } from "../../../src/base/bytes.js";
import { type Call, callNames, calls, type FieldType, type Value } from "../../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult } from "../../../src/rpc/codec.js";
import type { Random } from "../../sim/random.js";
import { frameOf } from "../mcu-framing.js";

/** Four of the longest texts, and more: far beyond what a frame may hold. */
const MESSAGE_BYTES_MAX = 8192;
const MESSAGES_MAX = 8;
const NUMBERS: readonly number[] = Object.freeze([
  0, 1, 2, 0x11, 0x7f, 0xaa, 0xbb, 0xcc, 0xff, 256, 1024, 0x7fff, 0xffff,
]);
const TEXTS: readonly string[] = Object.freeze([
  "",
  "home",
  "TMPL01",
  "correct horse",
  "1.0.0",
  "漢字",
  "\u0001",
  "%s%n",
]);
const LENGTHS: readonly number[] = Object.freeze([0, 1, 7, 32, 64, 255, 256, 1000, 1520]);
/** These end Ferry's life, or empty its storage: drawn as seldom as the others are often. */
const RARE: ReadonlySet<string> = new Set(["ncp.reboot", "blynk.factoryReset", "hw.setUartBaudRate"]);
const RARE_CHANCE = 0.02;

/** One message on its way: a frame, and the pause after it. */
export interface Spoken {
  readonly bytes: Uint8Array;
  readonly pauseMs: number;
}

export class Conversations {
  readonly #random: Random;
  readonly #recorded: readonly Uint8Array[];
  readonly #writer = new ByteWriter(MESSAGE_BYTES_MAX);

  /** `recorded`: frames of Blynk's own driver. */
  constructor(random: Random, recorded: readonly Uint8Array[]) {
    this.#random = random;
    this.#recorded = recorded;
  }

  /** A conversation with something wrong in it. */
  next(): Spoken[] {
    const count = 1 + this.#random.below(MESSAGES_MAX);
    const wrong = this.#random.below(count);
    return Array.from({ length: count }, (_, index) => {
      const isWrong = index === wrong || this.#random.chance(0.3);
      return { bytes: isWrong ? this.#mutated() : this.#frame(), pauseMs: this.#pauseMs() };
    });
  }

  /** Bytes from nowhere, with more of the protocol's own among them than chance would have. */
  garbage(length: number): Uint8Array {
    const own = [0xaa, 0xbb, 0xcc, 0xbc, 0x67, 0x01, 0x03];
    return this.#random.bytes(length).map((byte) => (this.#random.chance(0.2) ? this.#pick(own) : byte));
  }

  #frame(): Uint8Array {
    return this.#random.chance(0.2) ? this.#pick(this.#recorded) : frameOf(this.#payload());
  }

  #payload(): Uint8Array {
    const random = this.#random;
    const call = this.#call();
    const messageId = random.below(0x10000);
    if (random.chance(0.1)) {
      encodeResult(
        this.#writer,
        messageId,
        random.chance(0.8) ? 0 : random.below(256),
        call.resultFields,
        this.#values(call.resultFields),
      );
    } else if (call.kind === "oneway") encodeOneway(this.#writer, call, this.#values(call.argFields));
    else encodeInvoke(this.#writer, call, messageId, this.#values(call.argFields));
    return this.#writer.copy();
  }

  #call(): Call {
    for (;;) {
      const name = this.#pick(callNames);
      if (!RARE.has(name) || this.#random.chance(RARE_CHANCE)) return calls[name];
    }
  }

  #values(fields: Call["argFields"]): Decoded {
    return Object.fromEntries(fields.map(([name, type]) => [name, this.#value(type)]));
  }

  #value(type: FieldType): Value {
    const random = this.#random;
    switch (type) {
      case "bool":
        return random.chance(0.5);
      case "string":
        return random.chance(0.8) ? this.#pick(TEXTS) : "x".repeat(this.#pick(LENGTHS));
      case "binary":
        return random.bytes(this.#pick(LENGTHS));
      case "i64":
        return BigInt(random.below(2 ** 32)) * (random.chance(0.5) ? 1n : 1_000_000_000n);
      default:
        return random.chance(0.5) ? this.#pick(NUMBERS) : random.below(2 ** 32);
    }
  }

  /** In its payload, so that the frame is whole; or as a frame. */
  #mutated(): Uint8Array {
    return this.#random.chance(0.6) ? frameOf(this.#changed(this.#payload())) : this.#changed(this.#frame());
  }

  #changed(bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    const at = random.below(bytes.length + 1);
    const count = 1 + random.below(4);
    switch (random.below(7)) {
      case 0:
        return flipped(bytes, Math.min(at, bytes.length - 1), 1 << random.below(8));
      case 1:
        return bytes.slice(0, at);
      case 2:
        return joined(bytes.slice(0, at), random.bytes(count), bytes.slice(at));
      case 3:
        return joined(bytes.slice(0, at), bytes.slice(at + count));
      case 4:
        return joined(bytes, random.bytes(random.below(64)));
      case 5:
        return joined(bytes.slice(0, at), this.#payload().slice(random.below(4)));
      default:
        return joined(
          bytes.slice(0, at),
          Uint8Array.of(this.#pick([0, 0x11, 0xaa, 0xbb, 0xcc, 0xff])),
          bytes.slice(at + 1),
        );
    }
  }

  #pauseMs(): number {
    const random = this.#random;
    return random.chance(0.5) ? 0 : random.below(random.chance(0.05) ? 3_000 : 40);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)] as T;
  }
}

function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
