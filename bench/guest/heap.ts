/**
 * Guest entry: all of Ferry (ncp.ts) on ports that keep nothing, so that whatever the heap gains is Ferry's. The wire is
 * one that costs nothing and the digests are native on the device: both are left out.
 */

import { callHost } from "../../host/xs/guest/call-host.js";
import type { Wire, WireClass, WireOptions } from "../../src/frame/wire.js";
import { Ncp } from "../../src/ncp.js";
import type { Clock, Digest, Directory, File, HttpClient, HttpRequestOptions, KeyValue } from "../../src/ports.js";
import { FreeWire } from "./free-wire.js";

/** Timers in a map: a cleared one is gone, as on the device. Time jumps from one to the next. */
class PlainClock implements Clock {
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
class HollowDirectory implements Directory {
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

class PlainKeyValue implements KeyValue {
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
class NoDigest implements Digest {
  write(): void {}

  close(): ArrayBuffer {
    return new ArrayBuffer(16);
  }
}

/** An endless server: announces what was asked for and has it all waiting. */
class EndlessClient implements HttpClient {
  static sizeBytes = 0;
  static rig: HeapRig;

  request(options: HttpRequestOptions) {
    let left = EndlessClient.sizeBytes;
    const { clock } = EndlessClient.rig;
    clock.set(() => {
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

  close(): void {}
}

/** Says yes to everything. */
class AgreeableMcu extends FreeWire {
  readonly #options: WireOptions;
  #prepared = 0;

  constructor(options: WireOptions) {
    super();
    this.#options = options;
  }

  override send(payload: Uint8Array): void {
    this.#answer(payload);
  }

  override prepare(payload: Uint8Array): void {
    this.#prepared = (payload[4] as number) | ((payload[5] as number) << 8);
  }

  override sendPrepared(): void {
    this.#reply(this.#prepared);
  }

  #answer(payload: Uint8Array): void {
    if (payload[0] === 0xbc) this.#reply((payload[4] as number) | ((payload[5] as number) << 8));
  }

  #reply(id: number): void {
    this.#options.clock.set(() => this.#options.onPayload(Uint8Array.of(0x12, 0xa5, id & 0xff, id >> 8, 0, 1), 6), 1);
  }

  /** The MCU calls Ferry: uid and arguments, as bytes. */
  call(uid: number, ...args: number[]): void {
    const payload = Uint8Array.of(0xbc, 0x67, uid & 0xff, uid >> 8, 1, 0, ...args);
    this.#options.onPayload(payload, payload.length);
  }
}

class HeapRig {
  readonly clock = new PlainClock();
  readonly ncp: Ncp;
  ferriedBytes = 0;
  verdict = "";
  #mcu: AgreeableMcu | undefined;

  constructor() {
    const rig = this;
    EndlessClient.rig = this;
    this.ncp = new Ncp({
      clock: this.clock,
      serial: { io: class {} as never },
      Wire: class {
        constructor(options: WireOptions) {
          rig.#mcu = new AgreeableMcu(options);
          // biome-ignore lint/correctness/noConstructorReturn: keeps hold of the wire that it hands out
          return rig.#mcu as Wire;
        }
      } as WireClass,
      keyValue: new PlainKeyValue(),
      storage: { root: new HollowDirectory(), capacityBytes: 16 * 1024 * 1024 },
      network: { http: { io: EndlessClient } },
      Digest: NoDigest,
      crc32: () => 0,
      system: { restart: () => {} },
      random: () => 0,
      onNews: (news) => {
        if (news.kind === "ferried") this.ferriedBytes = news.bytes;
        if (news.kind === "verdict") this.verdict = news.verdict.kind;
      },
    });
    this.#mcu?.call(0x0301, 0x54, 0, 0x46, 0); // initialize("T", "F")
    this.run(100);
  }

  run(steps: number): void {
    for (let i = 0; i < steps && this.clock.step(100); i++);
  }

  /** Prefetches an image and begins to ferry it. */
  begin(sizeBytes: number): void {
    EndlessClient.sizeBytes = sizeBytes;
    const problem = this.ncp.offer({ url: `http://h/${sizeBytes}`, sizeBytes, type: "", version: "", build: "" });
    if (problem !== undefined) throw new Error(problem);
    this.run(100);
    this.#mcu?.call(0x0345); // otaUpdatePrefetch
    while (this.clock.step(100));
    this.ferriedBytes = 0;
    this.#mcu?.call(0x0341, 0, 4); // otaUpdateStart(1024)
  }

  ferryUntil(bytes: number): void {
    while (this.ferriedBytes < bytes && this.clock.step(100));
    if (this.ferriedBytes < bytes) throw new Error(`stuck at byte ${this.ferriedBytes}`);
  }

  /** To the end, and the MCU back: Ferry is idle again. */
  finish(): void {
    while (this.clock.step(100));
    this.#mcu?.call(0x0301, 0x54, 0, 0x46, 0);
    this.run(100);
    if (this.verdict !== "succeeded") throw new Error(`the verdict is "${this.verdict}"`);
  }
}

Object.assign(globalThis, { HeapRig, report: callHost });
