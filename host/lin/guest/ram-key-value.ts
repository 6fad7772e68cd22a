/** Guest code: a key-value store in RAM, for the SDK has none on Linux. One run, one life: nothing is kept. */

import type { KeyValue, KeyValueDomain } from "../../../src/ports.js";

class RamDomain implements KeyValueDomain {
  readonly #values = new Map<string, ArrayBuffer>();

  read(key: string): ArrayBuffer | undefined {
    return this.#values.get(key)?.slice(0);
  }

  write(key: string, value: Uint8Array | ArrayBuffer): void {
    this.#values.set(key, value instanceof ArrayBuffer ? value.slice(0) : value.slice().buffer);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  close(): void {}
}

export function makeRamKeyValue(): KeyValue {
  const domains = new Map<string, RamDomain>();
  return {
    open({ path }) {
      const domain = domains.get(path) ?? new RamDomain();
      domains.set(path, domain);
      return domain;
    },
  };
}
