/**
 * Ferry in real time on this computer: a simulated ESP32 whose UART comes out at a real line. Its Wi-Fi is simulated, and
 * the network behind it is this computer's.
 *
 * Virtual time keeps to real time throughout. When this process is held up, the simulated chip is held up with it and
 * does not notice.
 */

import { messageOf } from "../../src/base/failure.js";
import type { Offer } from "../../src/image/offer.js";
import type { NcpNews } from "../../src/ncp.js";
import type { SerialClass, SerialOptions } from "../../src/ports.js";
import { NcpState } from "../../src/rpc/protocol.js";
import { NodeDigest } from "../node/digest.js";
import type { PacedClock } from "../node/paced-clock.js";
import { Air, type Hotspot } from "../sim/air.js";
import { SimDevice } from "../sim/device.js";
import { SimPins } from "../sim/gpio.js";
import type { SimStorage } from "../sim/storage.js";
import { UartLine } from "../sim/uart.js";
import { Board } from "./board.js";
import { Joint } from "./joint.js";
import { Keeper } from "./keeper.js";
import { nameIn } from "./messages.js";
import { Monitor } from "./monitor.js";
import type { Offers } from "./offers.js";
import type { RealLine } from "./real-line.js";
import type { StateFolder } from "./state-folder.js";
import type { SwitchableNetwork } from "./switchable-network.js";
import { type WayOnlineOptions, wayOnline } from "./way-online.js";

/** What happens, besides what is said on the line. */
export type EmulatorEvent =
  | { readonly source: "ferry"; readonly news: NcpNews }
  /** The name of Ferry's state; "OFF" without power. */
  | { readonly source: "state"; readonly state: string }
  | { readonly source: "line"; readonly isOpen: boolean }
  | { readonly source: "line"; readonly baud: number }
  | { readonly source: "line"; readonly lostBytes: number }
  | { readonly source: "power"; readonly isOn: boolean }
  | { readonly source: "network"; readonly isUp: boolean }
  | { readonly source: "button"; readonly isPressed: boolean }
  | { readonly source: "offer"; readonly offer: Offer }
  /** What somebody wanted, and why it cannot be. */
  | { readonly source: "line" | "offer" | "button" | "storage"; readonly problem: string };

export interface EmulatorOptions extends WayOnlineOptions {
  readonly clock: PacedClock;
  readonly network: SwitchableNetwork;
  readonly line: RealLine;
  readonly storage: SimStorage;
  /** Where Ferry's UART begins. */
  readonly initialBaud?: number;
  /** The far end's rate does not matter. */
  readonly anyBaud: boolean;
  readonly seed: number;
  readonly offers?: Offers;
  readonly folder?: StateFolder;
  readonly trace?: (line: string) => void;
  readonly onEvent: (event: EmulatorEvent, atMs: number) => void;
}

/** From a power cut to the next boot. */
export const POWER_RETURNS_AFTER_MS = 1_000;
/** Looks after what nobody tells of. Also the longest pause of the clock, which would lose time in longer ones. */
const LOOK_MS = 20;
const CLICK_MS = 100;
/** As the chip's UART driver has it: more than the bare FIFO of the SDK's serial class. */
const RECEIVE_RING_BYTES = 4096;
/** The real line's own end: whole frames at a time, and quickly. */
const FAR_END = { rxFifoBytes: 4096, rxFullThreshold: 512, rxIdleSymbols: 2 };

export class Emulator {
  readonly device: SimDevice;
  readonly monitor: Monitor;
  readonly board: Board;
  readonly uart: UartLine;
  readonly #options: EmulatorOptions;
  readonly #joint: Joint;
  readonly #air: Air;
  readonly #home: Hotspot;
  readonly #keeper: Keeper | undefined;
  /** SHA-256 of what has been offered without being asked. */
  readonly #offered = new Set<string>();
  #state = "";
  #isEnding = false;
  #problem: string | undefined;

  constructor(options: EmulatorOptions) {
    this.#options = options;
    const { clock, network, storage, initialBaud, anyBaud, line, seed, folder, trace } = options;
    clock.paceWhile(() => true);
    this.uart = new UartLine(clock, { a: { rxFifoBytes: RECEIVE_RING_BYTES }, b: FAR_END, seed });
    this.#joint = new Joint({
      clock,
      uart: this.uart,
      line,
      anyBaud,
      onOpen: (isOpen) => this.#tell({ source: "line", isOpen }),
      onBaud: (baud) => this.#tell({ source: "line", baud }),
      onLost: (lostBytes) => this.#tell({ source: "line", lostBytes }),
      onFailure: (problem) => this.#fail(problem),
    });
    this.#air = new Air(clock);
    this.#home = this.#air.add(options.wifi);
    const pins = new SimPins();
    this.board = new Board(pins);
    this.device = new SimDevice({
      clock,
      network,
      storage,
      seed,
      pins,
      online: wayOnline(this.#air, options),
      uart: this.uart.a,
      overrides: {
        Digest: NodeDigest,
        wrapSerial: (io) => this.#watched(io),
        ...(initialBaud ? { initialBaud } : {}),
      },
      onNews: (news) => this.#onNews(news),
      onPowerCut: () => this.#onPowerCut(),
    });
    this.monitor = new Monitor({
      clock,
      uart: this.uart,
      ...(trace ? { trace } : {}),
      onMessage: (speaker, message) => speaker === "ncp" && this.board.onMessage(message),
    });
    if (folder) {
      this.#keeper = new Keeper(folder, this.device, (problem) => this.#tell({ source: "storage", problem }));
    }
  }

  /** The rate of the far end, while somebody is there. */
  get farBaud(): number | undefined {
    return this.#joint.baud;
  }

  /** The name of Ferry's state; "OFF" without power. */
  get state(): string {
    const { ncp } = this.device;
    return ncp ? nameIn(NcpState, ncp.state) : "OFF";
  }

  get isNetworkUp(): boolean {
    return this.#options.network.isUp;
  }

  /** Runs until stop(), and leaves everything saved. Throws when it breaks, or the line is lost. */
  async run(): Promise<void> {
    const { clock, network, line, offers } = this.#options;
    try {
      this.#joint.start();
      this.device.powerOn();
      this.#look();
      await clock.run(() => this.#isEnding, Number.POSITIVE_INFINITY);
      if (this.#problem !== undefined) throw new Error(this.#problem);
    } finally {
      network.dropConnections();
      await this.#keeper?.close();
      await Promise.all([offers?.close(), line.close()]);
    }
  }

  stop(): void {
    this.#isEnding = true;
    this.#options.clock.arrive(() => {});
  }

  // ---- what a person does ---------------------------------------------------------------------------------------

  /** Power fails, and is back a second later. */
  cutPower(): void {
    this.#options.clock.arrive(() => this.device.powerOff());
  }

  switchNetwork(): void {
    const { clock, network } = this.#options;
    clock.arrive(() => {
      network.isUp = !network.isUp;
      if (network.isUp) this.#air.add(this.#home);
      else this.#air.remove(this.#home);
      this.#tell({ source: "network", isUp: network.isUp });
    });
  }

  /** Offers what is on offer now, whatever was offered before. */
  offer(): void {
    this.#offerNext(() => true);
  }

  click(): void {
    const { clock } = this.#options;
    clock.arrive(() => {
      if (this.#press(true)) clock.set(() => this.#press(false), CLICK_MS);
    });
  }

  /** Holds the button down, or lets it go. */
  toggleButton(): void {
    this.#options.clock.arrive(() => this.#press(!this.board.isPressed));
  }

  /** Returns whether the button is now as wanted, and was not before. */
  #press(isPressed: boolean): boolean {
    if (!this.board.hasButton) {
      this.#tell({ source: "button", problem: "the MCU has connected no button (hw.initUserButton)" });
      return false;
    }
    if (this.board.isPressed === isPressed) return false;
    this.board.isPressed = isPressed;
    this.#tell({ source: "button", isPressed });
    return true;
  }

  // ---- what happens ---------------------------------------------------------------------------------------------

  #onNews(news: NcpNews): void {
    this.#tell({ source: "ferry", news });
    this.#noticeState();
    if (news.kind !== "initialized") return;
    this.#offerNext(({ sha256 = "", version }) => {
      // An MCU that runs it already would get it again and again.
      if (this.#offered.has(sha256) || (version !== "" && version === news.firmware)) return false;
      this.#offered.add(sha256);
      return true;
    });
  }

  #onPowerCut(): void {
    const { clock } = this.#options;
    this.#tell({ source: "power", isOn: false });
    this.#noticeState();
    clock.set(() => {
      this.#tell({ source: "power", isOn: true });
      this.device.powerOn();
    }, POWER_RETURNS_AFTER_MS);
  }

  #offerNext(isWanted: (offer: Offer) => boolean): void {
    const { offers, clock } = this.#options;
    if (!offers) return;
    const refuse = (problem: string) => this.#tell({ source: "offer", problem });
    offers.next().then(
      (offer) => {
        if (!isWanted(offer)) return;
        clock.arrive(() => {
          if (!this.device.ncp) refuse("Ferry is off");
          this.device.run((ncp) => {
            const problem = ncp.offer(offer);
            if (problem === undefined) this.#tell({ source: "offer", offer });
            else refuse(problem);
          });
        });
      },
      (error) => refuse(messageOf(error)),
    );
  }

  #look(): void {
    const { clock } = this.#options;
    this.#noticeState();
    this.#keeper?.look(clock.now());
    clock.set(() => this.#look(), LOOK_MS);
  }

  #noticeState(): void {
    const { state } = this;
    if (state === this.#state) return;
    this.#state = state;
    this.#tell({ source: "state", state });
  }

  #fail(problem: string): void {
    this.#problem = problem;
    this.stop();
  }

  /** The joint learns of each opening of Ferry's UART: at its start, and at each change of the rate. */
  #watched(io: SerialClass): SerialClass {
    const joint = this.#joint;
    return class extends io {
      constructor(options: SerialOptions & Record<string, unknown>) {
        joint.beforeFerryOpens();
        super(options);
        joint.onFerryOpened(Number(options.baud));
      }
    };
  }

  #tell(event: EmulatorEvent): void {
    this.#options.onEvent(event, this.#options.clock.now());
  }
}
