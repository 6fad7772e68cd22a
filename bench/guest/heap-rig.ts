/**
 * Guest code: all of Ferry (ncp.ts) with the parts of a product, on ports that keep nothing, so that whatever the heap
 * gains is Ferry's. The wire is one that costs nothing and the digests are native on the device: both are left out.
 */

import type { Wire, WireClass, WireOptions } from "../../src/frame/wire.js";
import type { Offer } from "../../src/image/offer.js";
import { Ncp } from "../../src/ncp.js";
import { NcpState } from "../../src/rpc/protocol.js";
import { FreeWire } from "./free-wire.js";
import { EndlessServer, HollowDirectory, NoDigest, PlainClock, PlainKeyValue } from "./hollow-ports.js";
import { makeProduct, setUp } from "./whole-ferry.js";

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

/** The light's timers never end. */
const STEPS_MAX = 200_000;

/** As many values, and as long, as fill the queues to and from the cloud. */
const VALUES = 64;
const VALUE_BYTES = 127;

export class HeapRig {
  readonly clock = new PlainClock();
  readonly #server = new EndlessServer(this.clock);
  readonly #keyValue = new PlainKeyValue();
  readonly #directory = new HollowDirectory();
  readonly #product = makeProduct(this.clock);
  #ncp: Ncp | undefined;
  #isStaged = false;
  ferriedBytes = 0;
  verdict = "";
  #mcu: AgreeableMcu | undefined;

  constructor() {
    setUp(this.#keyValue);
  }

  get ncp(): Ncp {
    if (!this.#ncp) throw new Error("not started");
    return this.#ncp;
  }

  /** Constructs Ferry: what the heap gains by this is what a started Ferry takes. */
  start(): void {
    const rig = this;
    const { slot, ...parts } = this.#product;
    this.#ncp = new Ncp({
      ...parts,
      clock: this.clock,
      serial: { io: class {} as never },
      Wire: class {
        constructor(options: WireOptions) {
          rig.#mcu = new AgreeableMcu(options);
          // biome-ignore lint/correctness/noConstructorReturn: keeps hold of the wire that it hands out
          return rig.#mcu as Wire;
        }
      } as WireClass,
      keyValue: this.#keyValue,
      storage: { root: this.#directory, capacityBytes: 16 * 1024 * 1024, slot },
      network: { http: { io: this.#server.Client } },
      Digest: NoDigest,
      crc32: () => 0,
      system: { restart: () => {} },
      random: () => 0,
      onNews: (news) => {
        if (news.kind === "ferried") this.ferriedBytes = news.bytes;
        if (news.kind === "staged") this.#isStaged = true;
        if (news.kind === "verdict") this.verdict = news.verdict.kind;
      },
    });
  }

  /** The MCU initializes, with a button and a light, and Ferry goes online. */
  goOnline(): void {
    this.#mcu?.call(0x0301, 0x54, 0, 0x46, 0); // initialize("T", "F")
    this.#mcu?.call(0x0211, 4, 0, 1); // initUserButton(GPIO4)
    this.#mcu?.call(0x0222, 25, 0, 26, 0, 27, 0, 0); // initRGB(GPIO25, 26, 27)
    this.#runUntil(() => this.ncp.state === NcpState.CONNECTED, "the login");
    this.run(100);
  }

  #runUntil(isSo: () => boolean, what: string): void {
    for (let i = 0; i < STEPS_MAX && !isSo(); i++) this.clock.step(1_000);
    if (!isSo()) throw new Error(`${what} never comes; ${this.ferriedBytes} bytes were ferried`);
  }

  /** In the middle of an update: the MCU and the cloud send values until every queue is full. */
  crowd(): void {
    const value = new Uint8Array(VALUE_BYTES).fill(0x31);
    for (let vpin = 0; vpin < VALUES; vpin++) {
      this.#mcu?.call(0x0311, vpin, 0, VALUE_BYTES, 0, ...value); // virtualWrite
      this.#product.setPin(vpin, "1".repeat(VALUE_BYTES));
      while (this.clock.step(0)); // one by one, so that no queue of the rig's own grows
    }
  }

  run(steps: number): void {
    for (let i = 0; i < steps && this.clock.step(100); i++);
  }

  /** Prefetches an image and begins to ferry it. */
  begin(sizeBytes: number): void {
    this.#server.sizeBytes = sizeBytes;
    const offer: Offer = { url: `http://h/${sizeBytes}`, target: "mcu", sizeBytes, type: "", version: "", build: "" };
    const problem = this.ncp.offer(offer);
    if (problem !== undefined) throw new Error(problem);
    this.run(100);
    this.#isStaged = false;
    this.#mcu?.call(0x0345); // otaUpdatePrefetch
    this.#runUntil(() => this.#isStaged, "the whole image");
    this.ferriedBytes = 0;
    this.verdict = "";
    this.#mcu?.call(0x0341, 0, 4); // otaUpdateStart(1024)
  }

  ferryUntil(bytes: number): void {
    this.#runUntil(() => this.ferriedBytes >= bytes, `byte ${bytes}`);
  }

  /** To the end, and the MCU back: Ferry is idle again. */
  finish(): void {
    this.run(100);
    this.#mcu?.call(0x0301, 0x54, 0, 0x46, 0);
    this.run(100);
    if (this.verdict !== "succeeded") throw new Error(`the verdict is "${this.verdict}"`);
  }
}
