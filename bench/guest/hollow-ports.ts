/**
 * Guest code: ports that keep nothing and cost next to nothing, so that whatever the heap gains, and whatever the meter
 * shows, is Ferry's.
 */

import type {
  Clock,
  Digest,
  Directory,
  File,
  HttpClient,
  HttpClientClass,
  HttpRequestOptions,
  KeyValue,
} from "../../src/ports.js";

/** Timers in a map: a cleared one is gone, as on the device. Time jumps from one to the next. */
export class PlainClock implements Clock {
  readonly #timers = new Map<number, { callback: () => void; dueMs: number }>();
  #nowMs = 0;
  #last = 0;

  now(): number {
    return this.#nowMs;
  }

  set(callback: () => void, delayMs: number): number {
    this.#timers.set(++this.#last, { callback, dueMs: this.#nowMs + delayMs });
    return this.#last;
  }

  clear(handle: unknown): void {
    this.#timers.delete(handle as number);
  }

  /** Fires the earliest timer, if it is due within `withinMs`. */
  step(withinMs: number): boolean {
    let next: number | undefined;
    let dueMs = this.#nowMs + withinMs;
    for (const [id, timer] of this.#timers) {
      if (timer.dueMs > dueMs || (next !== undefined && timer.dueMs === dueMs)) continue;
      next = id;
      dueMs = timer.dueMs;
    }
    const timer = next === undefined ? undefined : this.#timers.get(next);
    if (!timer || next === undefined) return false;
    this.#timers.delete(next);
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    timer.callback();
    return true;
  }
}

/**
 * Files of which only the sizes are kept, in an array of fixed length, as names are numbers here; what is read is
 * whatever the buffer held.
 */
export class HollowDirectory implements Directory {
  readonly #sizes = new Uint32Array(256);
  readonly #directories = new Map<string, HollowDirectory>();

  openFile({ path, mode = "r" }: { path: string; mode?: string }): File {
    const sizes = this.#sizes;
    const index = Number(path);
    if (mode.startsWith("w")) sizes[index] = 0;
    return {
      read: (buffer) => buffer.length,
      write: (buffer, position) => {
        sizes[index] = Math.max(sizes[index] ?? 0, position + buffer.length);
      },
      flush: () => {},
      status: () => ({ size: sizes[index] ?? 0 }),
      close: () => {},
    };
  }

  openDirectory({ path }: { path: string }): Directory {
    return this.#directories.get(path) ?? this;
  }

  createDirectory(path: string): void {
    if (!this.#directories.has(path)) this.#directories.set(path, new HollowDirectory());
  }

  delete(path: string): boolean {
    const index = Number(path);
    if (this.#sizes[index]) this.#sizes[index] = 0;
    else this.#directories.delete(path);
    return true;
  }

  move(): void {}

  status(path: string) {
    const size = this.#sizes[Number(path)] ?? 0;
    return { size, isFile: () => size > 0, isDirectory: () => this.#directories.has(path) };
  }

  scan(): Iterator<string> {
    const files = [...this.#sizes.keys()].filter((index) => this.#sizes[index]).map(String);
    return [...files, ...this.#directories.keys()][Symbol.iterator]();
  }

  close(): void {}
}

export class PlainKeyValue implements KeyValue {
  readonly #values = new Map<string, ArrayBuffer>();

  open() {
    const values = this.#values;
    return {
      read: (key: string) => values.get(key),
      write: (key: string, value: Uint8Array | ArrayBuffer) =>
        void values.set(key, value instanceof ArrayBuffer ? value : new Uint8Array(value).buffer),
      delete: (key: string) => void values.delete(key),
      close: () => {},
    };
  }
}

/** No digest at all: on the device it is native code, and nothing here asks whether it is right. */
export class NoDigest implements Digest {
  write(): void {}

  close(): ArrayBuffer {
    return new ArrayBuffer(16);
  }
}

/** An endless server: announces as many bytes as it is set to, and has them all waiting. */
export class EndlessServer {
  sizeBytes = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get Client(): HttpClientClass {
    const answer = (options: HttpRequestOptions) => this.#answer(options);
    return class implements HttpClient {
      request(options: HttpRequestOptions) {
        return answer(options);
      }

      close(): void {}
    };
  }

  #answer(options: HttpRequestOptions) {
    let left = this.sizeBytes;
    this.#clock.set(() => {
      options.onHeaders(200, new Map([["content-length", String(left)]]));
      options.onReadable(left);
    }, 1);
    return {
      read: (buffer: Uint8Array) => {
        const count = Math.min(buffer.length, left);
        left -= count;
        return count;
      },
    };
  }
}
