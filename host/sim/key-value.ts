/**
 * The key-value port (embedded:storage/key-value): NVS of the ESP-IDF, blobs only.
 *
 * Writing a value and deleting one are durable and atomic: NVS writes the new version beside the old one and then
 * drops that. A value that is already there is not written again. Opening a new domain for writing stores its name.
 *
 * Fault model: harsher than NVS on demand. A cut of a kind that asks for it (power.ts) tears a value as a store would
 * that writes in place: cut short, its end half programmed, or half erased.
 */

import type { KeyValue, KeyValueDomain } from "../../src/ports.js";
import { bytesOf, type Life, throwClosed } from "./life.js";
import { programMs } from "./nor.js";
import { blobEntries, DOMAIN_ENTRIES } from "./nvs.js";
import type { Tears } from "./power.js";

export const NAME_CHARS_MAX = 15;
/** What one page holds. NVS spreads longer blobs over pages; Ferry keeps records, and has no business there. */
export const VALUE_BYTES_MAX = 4000;

export class SimKeyValue implements KeyValue {
  readonly #life: Life;

  constructor(life: Life) {
    this.#life = life;
  }

  open({ path, mode = "r+", format = "buffer" }: { path: string; mode?: "r" | "r+"; format?: "buffer" }): SimDomain {
    this.#life.assertAlive();
    if (path === "") throw new Error("invalid");
    const name = path.endsWith("/") ? path.slice(0, -1) : path;
    if (mode !== "r" && mode !== "r+") throw new Error("invalid mode");
    if (format !== "buffer") throw new RangeError("unsupported");
    this.#find(name, mode);
    return new SimDomain(this.#life, name, mode === "r+");
  }

  #find(name: string, mode: "r" | "r+"): void {
    const { keyValues } = this.#life.storage;
    if (keyValues.domains.has(name)) return;
    if (mode === "r") throw new Error("ESP_ERR_NVS_NOT_FOUND");
    assertName(name);
    keyValues.assertSpace(DOMAIN_ENTRIES);
    this.#life.perform("key-value open", () => {
      keyValues.domains.set(name, new Map());
      this.#life.spend(keyValues.program(DOMAIN_ENTRIES));
    });
  }
}

export class SimDomain implements KeyValueDomain {
  readonly #life: Life;
  readonly #values: Map<string, Uint8Array>;
  readonly #writable: boolean;
  #open = true;

  constructor(life: Life, name: string, writable: boolean) {
    this.#life = life;
    this.#values = life.storage.keyValues.domains.get(name) ?? new Map();
    this.#writable = writable;
  }

  read(key: string): ArrayBuffer | undefined {
    this.#use();
    const value = this.#values.get(key);
    return value && new Uint8Array(value).buffer;
  }

  write(key: string, value: Uint8Array | ArrayBuffer): void {
    this.#useForWriting();
    const bytes = bytesOf(value).slice();
    assertName(key);
    if (bytes.length > VALUE_BYTES_MAX) throw new Error("ESP_ERR_NVS_VALUE_TOO_LONG");
    const known = this.#values.get(key);
    if (known && sameBytes(known, bytes)) return;
    const { keyValues } = this.#life.storage;
    const entries = blobEntries(bytes.length);
    keyValues.assertSpace(entries);
    this.#life.perform(
      "key-value write",
      () => {
        this.#values.set(key, bytes);
        this.#life.spend(keyValues.program(entries));
      },
      this.#writeTears(key, bytes, known),
    );
  }

  delete(key: string): void {
    this.#useForWriting();
    const known = this.#values.get(key);
    if (!known) return;
    this.#life.perform(
      "key-value delete",
      () => {
        this.#values.delete(key);
        this.#life.spend(programMs(0, 1));
      },
      this.#eraseTears(key, known),
    );
  }

  close(): void {
    this.#life.assertAlive();
    this.#open = false;
  }

  #writeTears(key: string, bytes: Uint8Array, known: Uint8Array | undefined): Tears {
    const { random } = this.#life.storage;
    return {
      "torn-prefix": () => this.#values.set(key, bytes.slice(0, random.below(bytes.length))),
      "torn-bits": () => {
        const firstHalf = random.below(bytes.length);
        const half = bytes.map((byte, at) => (at < firstHalf ? byte : byte | random.below(256)));
        this.#values.set(key, half);
      },
      ...(known ? this.#eraseTears(key, known) : {}),
    };
  }

  #eraseTears(key: string, known: Uint8Array): Tears {
    const { random } = this.#life.storage;
    return {
      "erase-torn": () =>
        this.#values.set(
          key,
          known.map((byte) => byte | random.below(256)),
        ),
    };
  }

  #use(): void {
    this.#life.assertAlive();
    if (!this.#open) throwClosed();
  }

  #useForWriting(): void {
    this.#use();
    if (!this.#writable) throw new Error("read-only");
  }
}

function assertName(name: string): void {
  if (name.length > NAME_CHARS_MAX) throw new Error("ESP_ERR_NVS_KEY_TOO_LONG");
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
