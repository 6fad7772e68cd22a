/**
 * One setting in its durable record. What is in RAM is what is stored: a value that could not be written is not taken.
 * Damaged bytes read as no value, and stay where they are until the next value is written over them.
 */

import { messageOf } from "../base/failure.js";
import { decodeFields, encodeFields, type FieldTable } from "./fields.js";

/** As store/record-slot.ts has it: atomic, and durable when write() and delete() return; they throw when they fail. */
export interface DurableRecord {
  read(): { readonly kind: "absent" | "damaged" } | { readonly kind: "valid"; readonly body: Uint8Array };
  write(body: Uint8Array): void;
  delete(): void;
}

export interface ValueCodec<V> {
  /** Throws RangeError for what must not be stored. */
  encode(value: V): Uint8Array;
  /** `undefined` for what encode() cannot have written. */
  decode(body: Uint8Array): V | undefined;
}

export function codecOf<T extends object>(table: FieldTable<T>): ValueCodec<T> {
  const fields = table; // what functions in flash take from around them must be constant, and a parameter is not
  return { encode: (value) => encodeFields(fields, value), decode: (body) => decodeFields(fields, body) };
}

export class StoredValue<V> {
  readonly #record: DurableRecord;
  readonly #codec: ValueCodec<V>;
  #value: V | undefined;
  #isDamaged: boolean;
  #revision = 0;

  /** Reads at once. */
  constructor(options: { record: DurableRecord; codec: ValueCodec<V> }) {
    this.#record = options.record;
    this.#codec = options.codec;
    const body = this.#readBody();
    if (body !== "absent" && body !== "damaged") this.#value = options.codec.decode(body);
    this.#isDamaged = body !== "absent" && this.#value === undefined;
  }

  get value(): V | undefined {
    return this.#value;
  }

  /** Something is stored, and nobody can tell what. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** Another number after each change of the value. */
  get revision(): number {
    return this.#revision;
  }

  /** Says why it could not be stored. What is stored already is not written again. */
  save(value: V): string | undefined {
    try {
      const body = this.#codec.encode(value);
      const stored = this.#readBody();
      if (typeof stored === "string" || !sameBytes(stored, body)) {
        this.#record.write(body);
        this.#revision++;
      }
    } catch (error) {
      return messageOf(error);
    }
    this.#value = value;
    this.#isDamaged = false;
    return undefined;
  }

  /** Says why it could not be erased; in RAM the value is gone all the same. */
  erase(): string | undefined {
    this.#value = undefined;
    this.#revision++;
    try {
      this.#record.delete();
    } catch (error) {
      return messageOf(error);
    }
    this.#isDamaged = false;
    return undefined;
  }

  /** A store that cannot even be read is as good as damaged. */
  #readBody(): Uint8Array | "absent" | "damaged" {
    try {
      const stored = this.#record.read();
      return stored.kind === "valid" ? stored.body : stored.kind;
    } catch {
      return "damaged";
    }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
