/**
 * The simulated Primary MCU: a board that links Blynk's C driver, behind one UART, in virtual time.
 *
 * It is the NCP's customer and its judge. How it behaves is a record of knobs (mcu-behavior.ts); what it saw is in
 * `record`, `violations` and `fired`; what survives its resets (running image, slot) is in its flash. Rooms: mcu-core
 * (processor), mcu-framing, mcu-rpc (driver), mcu-bringup, mcu-application, mcu-bootloader, mcu-update, mcu-watch.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import type { TimerHandle } from "../../src/ports.js";
import type { Args } from "../../src/rpc/catalogue.js";
import type { VirtualClock } from "../sim/clock.js";
import { type ApplicationParts, type Errand, McuApplication } from "./mcu-application.js";
import { FaultBook, type Fired, healthyMcu, type McuBehavior } from "./mcu-behavior.js";
import { McuBootloader } from "./mcu-bootloader.js";
import { type CoreCounters, type Ending, McuCore } from "./mcu-core.js";
import { McuParser } from "./mcu-framing.js";
import type { McuLine } from "./mcu-line.js";
import { McuRecord } from "./mcu-record.js";
import { McuRpc, type NcpCallName, type Reply } from "./mcu-rpc.js";
import { type Installed, imageOf, McuStorage } from "./mcu-storage.js";
import { McuUpdate } from "./mcu-update.js";
import { type Violation, WireWatch } from "./mcu-watch.js";

export interface PrimaryMcuOptions {
  readonly clock: VirtualClock;
  readonly line: McuLine;
  /** What differs from a healthy MCU. */
  readonly behavior?: Partial<McuBehavior>;
  /** What runs at first; by default a few bytes with the tag of `behavior.firmware`. */
  readonly image?: Uint8Array;
  /** Gets each line of its log. */
  readonly onLog?: (text: string) => void;
  /** The NCP's reset pin, where it is wired: held low for so long from now on. */
  readonly resetNcp?: (heldMs: number) => void;
}

/** One life, from boot to reset. */
interface Life {
  readonly update: McuUpdate;
  readonly application: McuApplication | undefined;
}

export class PrimaryMcu {
  /** May be changed at any time; `bufferBytes`, `resyncsOnBeg` count from the next boot, `serialRingBytes` from the first. */
  readonly behavior: McuBehavior;
  readonly record: McuRecord;
  readonly storage: McuStorage;
  readonly #clock: VirtualClock;
  readonly #line: McuLine;
  readonly #resetNcp: (heldMs: number) => void;
  readonly #core: McuCore;
  readonly #watch: WireWatch;
  readonly #faults: FaultBook;
  readonly #errands: Errand[] = [];
  #life: Life | undefined;
  #isOn = false;
  #bootTimer: TimerHandle;
  #crashTimer: TimerHandle;
  #trialTimer: TimerHandle;

  constructor(options: PrimaryMcuOptions) {
    this.#clock = options.clock;
    this.#line = options.line;
    this.#resetNcp = options.resetNcp ?? (() => {});
    this.behavior = { ...healthyMcu, ...options.behavior };
    const now = () => this.#clock.now();
    this.record = new McuRecord(now, options.onLog);
    this.#watch = new WireWatch(now, this.record.note);
    this.#faults = new FaultBook(this.behavior, this.record.note);
    this.#core = new McuCore(options.clock, this.behavior.serialRingBytes, (ending) => this.#onEnd(ending));
    const { firmware } = this.behavior;
    this.storage = new McuStorage({ image: options.image ?? imageOf(firmware), firmware });
    this.storage.isInBootloader = this.behavior.bringUp === "bootloader";
    options.line.onBytes = (bytes) => this.#onBytes(bytes);
  }

  // ---- what it saw ---------------------------------------------------------------------------------------------

  /** What the NCP must not do, and did. */
  get violations(): readonly Violation[] {
    return this.#watch.violations;
  }

  /** How often each knob has struck. */
  get fired(): Fired {
    return this.#faults.fired;
  }

  get log(): readonly string[] {
    return this.record.log;
  }

  /** Losses at its UART. */
  get serialCounters(): Readonly<CoreCounters> {
    return this.#core.counters;
  }

  get running(): Installed {
    return this.storage.running;
  }

  /** The update slot, as far as it is written. */
  get slot(): Uint8Array {
    return this.storage.slot.subarray(0, this.#life?.update.storedBytes ?? 0);
  }

  /** Whether firmware runs: not off, not booting, not dead. */
  get isAlive(): boolean {
    return this.#core.running;
  }

  get isInBootloader(): boolean {
    return this.storage.isInBootloader;
  }

  /** The NCP's state as its events told; `undefined` outside the application. */
  get ncpState(): number | undefined {
    return this.#life?.application?.ncpState;
  }

  get updatePhase(): McuUpdate["phase"] | undefined {
    return this.#life?.update.phase;
  }

  /** In lower-case hexadecimal. */
  runningSha256(): string {
    return Array.from(sha256(this.running.image), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // ---- what one can do to it -----------------------------------------------------------------------------------

  powerOn(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.record.note("power on");
    this.#bootAfter(0);
  }

  powerOff(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.record.note("power off");
    this.#endLife();
  }

  /** Its reset pin. */
  reset(): void {
    if (!this.#isOn) return;
    this.record.note("reset");
    this.#endLife();
    this.#bootAfter(0);
  }

  /** Has the application make a call from its main loop, as a sketch would. `onReply` gets the answer or a timeout. */
  call<N extends NcpCallName>(name: N, args: Args<N>, onReply: (reply: Reply<N>) => void = () => {}): void {
    this.#errand(function* (rpc) {
      onReply(yield* rpc.invoke(name, args));
    });
  }

  /** Has the application send a call that has no answer. */
  tell<N extends NcpCallName>(name: N, args: Args<N>): void {
    this.#errand((rpc) => rpc.tell(name, args));
  }

  /** Has the application do something else for so long: its UART is not serviced. */
  occupy(durationMs: number): void {
    this.#errand(() => this.#core.busy(durationMs));
  }

  /** Errands of one life are forgotten with it. */
  #errand(errand: Errand): void {
    this.#errands.push(errand);
    this.#core.signal();
  }

  // ---- lives ---------------------------------------------------------------------------------------------------

  #onBytes(bytes: Uint8Array): void {
    if (this.#core.running) this.#watch.received(bytes);
    this.#core.feed(bytes);
  }

  #bootAfter(darkMs: number): void {
    this.#bootTimer = this.#clock.set(() => this.#boot(), darkMs + this.behavior.bootMs);
  }

  #boot(): void {
    const { behavior, record, storage } = this;
    const core = this.#core;
    const watch = this.#watch;
    const faults = this.#faults;
    record.boots++;
    record.note(`boot ${record.boots}: ${storage.isInBootloader ? "bootloader" : storage.running.firmware.version}`);
    const parser = new McuParser(behavior, {
      onSmash: () => this.#onSmash(),
      onBadCrc: () => {
        record.counters.badCrcs++;
      },
    });
    const rpc = new McuRpc({
      core,
      line: this.#line,
      parser,
      watch,
      behavior,
      faults,
      counters: record.counters,
      log: record.note,
    });
    const update = new McuUpdate({ core, rpc, storage, behavior, faults, record });
    const resetNcp = this.#resetNcp;
    const parts = { core, rpc, parser, storage, behavior, record, update, resetNcp, errands: this.#errands };
    watch.restart(storage.isInBootloader ? storage.bootloaderTaskBytes : undefined);
    this.#startTrial();
    this.#run({ ...parts, onSmash: () => this.#onSmash() });
  }

  #run(parts: ApplicationParts): void {
    const application = this.storage.isInBootloader ? undefined : new McuApplication(parts);
    const firmware = application ?? new McuBootloader(parts);
    this.#life = { update: parts.update, application };
    parts.rpc.serve(firmware.handlers());
    this.#core.start(firmware.main());
  }

  #onEnd(ending: Ending): void {
    this.record.note(ending.reason);
    this.#endLife();
    if (ending.bootsAgain) this.#bootAfter(ending.darkMs);
  }

  #endLife(): void {
    this.#core.stop();
    this.#line.close();
    this.#errands.length = 0;
    this.#life = undefined;
    for (const timer of [this.#bootTimer, this.#crashTimer, this.#trialTimer]) this.#clock.clear(timer);
  }

  /** Called from inside the driver: the crash itself comes when that code has returned. */
  #onSmash(): void {
    this.#watch.smashed(this.behavior.bufferBytes);
    const darkMs = this.behavior.crashesWhenSmashedMs;
    if (darkMs === undefined) return;
    this.#faults.note("crashesWhenSmashedMs");
    const ending = { reason: "crash: memory smashed", darkMs, bootsAgain: true };
    this.#crashTimer = this.#clock.set(() => this.#onEnd(ending), 0);
  }

  /** A freshly installed image runs on trial where the knob says so. */
  #startTrial(): void {
    const { trialMs } = this.storage;
    if (trialMs === undefined || this.storage.isInBootloader) return;
    this.#trialTimer = this.#clock.set(() => {
      this.storage.trialMs = undefined;
      this.#faults.note("rollsBackAfterUpdate");
      this.storage.revert();
      this.#onEnd({ reason: "roll back to the image before", darkMs: 0, bootsAgain: true });
    }, trialMs);
  }
}
