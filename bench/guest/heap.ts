/**
 * Guest entry: all of Ferry (ncp.ts) on ports that keep nothing, so that whatever the heap gains is Ferry's. The wire is
 * one that costs nothing and the digests are native on the device: both are left out.
 */

import { callHost } from "../../host/xs/guest/call-host.js";
import type { Wire, WireClass, WireOptions } from "../../src/frame/wire.js";
import { Ncp } from "../../src/ncp.js";
import { FreeWire } from "./free-wire.js";
import { EndlessServer, HollowDirectory, NoDigest, PlainClock, PlainKeyValue } from "./hollow-ports.js";

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

  override sendPrepared(): boolean {
    this.#reply(this.#prepared);
    return true;
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
  readonly #server = new EndlessServer(this.clock);
  readonly ncp: Ncp;
  ferriedBytes = 0;
  verdict = "";
  #mcu: AgreeableMcu | undefined;

  constructor() {
    const rig = this;
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
      network: { http: { io: this.#server.Client } },
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
    this.#server.sizeBytes = sizeBytes;
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
