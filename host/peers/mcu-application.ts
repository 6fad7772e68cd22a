/**
 * The MCU's application: bring-up, then for ever the client library's loop, with its heartbeat and re-initialisation.
 *
 * Arduino: getState when nothing was received for 30 s; NOT_INITIALIZED, or 10 failures, or the NCP's notice that it
 * reboots: bring-up anew. Zephyr: ping every 15 s; 8 misses in a row, state NOT_INITIALIZED or the notice: bring-up
 * anew after a second. Low-level: nothing of the kind.
 */

import { decodeUtf8, encodeUtf8 } from "../../src/base/utf8.js";
import type { Args } from "../../src/rpc/catalogue.js";
import { NcpEvent, NcpState, RpcStatus } from "../../src/rpc/protocol.js";
import { type BringUpParts, bringUp, ping } from "./mcu-bringup.js";
import { done, type Task } from "./mcu-core.js";
import type { ReceivedEvent } from "./mcu-record.js";
import type { McuHandlers, McuRpc } from "./mcu-rpc.js";
import type { McuUpdate } from "./mcu-update.js";

export interface ApplicationParts extends BringUpParts {
  readonly update: McuUpdate;
  /** Work handed in from outside; done from the main loop, in order. */
  readonly errands: Errand[];
  /** Something wrote beyond the receive buffer. */
  readonly onSmash: () => void;
}

export type Errand = (rpc: McuRpc) => Task<void>;

const SILENCE_BEFORE_GET_STATE_MS = 30_000;
const GET_STATE_FAILURES_MAX = 10;
const ZEPHYR_FIRST_PING_MS = 10_000;
const ZEPHYR_PING_EVERY_MS = 15_000;
/** Misses that Zephyr only counts; the next one starts it over. */
const ZEPHYR_PING_MISSES_MAX = 7;
const ZEPHYR_REINIT_DELAY_MS = 1000;

type NoResults = Record<never, never>;

/** The next beat of a periodic timer; beats that were missed are not made up for. */
function nextTick(lastMs: number, everyMs: number, nowMs: number): number {
  return lastMs + everyMs * Math.max(1, Math.floor((nowMs - lastMs) / everyMs) + 1);
}

export class McuApplication {
  readonly #parts: ApplicationParts;
  /** When to come up again without a reset. */
  #reinitAtMs = Number.POSITIVE_INFINITY;
  #rebootIsDue = false;
  #ncpState: number;
  #failures = 0;
  #hasGivenUp = false;
  #nextPingMs = Number.POSITIVE_INFINITY;
  #nextReportMs = Number.POSITIVE_INFINITY;

  constructor(parts: ApplicationParts) {
    this.#parts = parts;
    // what each client starts with: an equal state is no news to it
    this.#ncpState = parts.behavior.bringUp === "zephyr" ? NcpState.NOT_INITIALIZED : NcpState.UNKNOWN;
  }

  get ncpState(): number {
    return this.#ncpState;
  }

  get #isArduino(): boolean {
    return this.#parts.behavior.bringUp === "arduino" || this.#parts.behavior.bringUp === "bootloader";
  }

  get #isZephyr(): boolean {
    return this.#parts.behavior.bringUp === "zephyr";
  }

  *main(): Task<void> {
    const { behavior, rpc } = this.#parts;
    if (behavior.bringUp === "none") rpc.reopen(behavior.initialBaud);
    else yield* this.#bringUp();
    if (behavior.virtualWriteEveryMs > 0) this.#nextReportMs = this.#parts.core.now() + behavior.virtualWriteEveryMs;
    while (!this.#hasGivenUp) yield* this.#loop();
  }

  *#bringUp(): Task<void> {
    const { core, record } = this.#parts;
    const isDone = yield* bringUp(this.#parts);
    if (isDone) this.#failures = 0;
    this.#nextPingMs = core.now() + ZEPHYR_FIRST_PING_MS;
    if (isDone || !this.#isZephyr) return;
    record.note("Zephyr's thread has returned: silent for good");
    this.#hasGivenUp = true;
  }

  *#loop(): Task<void> {
    const { core, errands, rpc, update } = this.#parts;
    yield* rpc.run(errands.length > 0 ? core.now() : this.#nextDueMs());
    yield* update.run();
    if (this.#rebootIsDue) yield* core.end({ reason: "mcu.reboot", darkMs: 0, bootsAgain: true });
    const errand = errands.shift();
    if (errand) yield* errand(rpc);
    if (core.now() >= this.#nextReportMs) yield* this.#report();
    if (core.now() >= this.#reinitAtMs) {
      this.#reinitAtMs = Number.POSITIVE_INFINITY;
      this.#parts.record.reinitializations++;
      yield* this.#bringUp();
    } else if (core.now() >= this.#heartbeatDueMs()) {
      yield* this.#isZephyr ? this.#zephyrPing() : this.#askState();
    }
  }

  #nextDueMs(): number {
    return Math.min(this.#parts.update.dueMs, this.#nextReportMs, this.#reinitAtMs, this.#heartbeatDueMs());
  }

  #heartbeatDueMs(): number {
    if (this.#isZephyr) return this.#nextPingMs;
    if (this.#isArduino) return this.#parts.rpc.lastReceivedMs + SILENCE_BEFORE_GET_STATE_MS + 1;
    return Number.POSITIVE_INFINITY;
  }

  *#report(): Task<void> {
    const { behavior, core } = this.#parts;
    this.#nextReportMs = nextTick(this.#nextReportMs, behavior.virtualWriteEveryMs, core.now());
    const value = encodeUtf8(String(Math.floor(core.now())));
    yield* this.#parts.rpc.tell("blynk.virtualWrite", { vpin: 1, value });
  }

  *#askState(): Task<void> {
    const reply = yield* this.#parts.rpc.invoke("blynk.getState", {});
    if (reply.status === RpcStatus.OK) {
      this.#failures = 0;
      if (reply.results.state === NcpState.NOT_INITIALIZED) this.#reinit("the NCP is not initialized", 0);
    } else if (++this.#failures >= GET_STATE_FAILURES_MAX) {
      this.#reinit("the NCP does not tell its state", 0);
    }
  }

  *#zephyrPing(): Task<void> {
    this.#nextPingMs = nextTick(this.#nextPingMs, ZEPHYR_PING_EVERY_MS, this.#parts.core.now());
    if (yield* ping(this.#parts)) this.#failures = 0;
    else if (++this.#failures > ZEPHYR_PING_MISSES_MAX) {
      this.#failures = 0;
      this.#reinit("the NCP does not answer pings", ZEPHYR_REINIT_DELAY_MS);
    }
  }

  #reinit(reason: string, delayMs: number): void {
    this.#parts.record.note(`bring-up anew: ${reason}`);
    this.#reinitAtMs = this.#parts.core.now() + delayMs;
  }

  // ---- handlers ------------------------------------------------------------------------------------------------

  handlers(): McuHandlers {
    const { rpc, update } = this.#parts;
    return {
      "mcu.ping": () => done({}),
      "mcu.reboot": () => done(this.#onReboot()),
      "mcu.hasUID": ({ uid }) => done({ ok: rpc.knows(uid) }),
      "client.blynkStateChange": ({ state }) => done(this.#onState(state)),
      "client.blynkVPinChange": (change) => done(this.#onPin(change)),
      "client.processEvent": ({ event }) => done(this.#onEvent(event)),
      "client.otaUpdateAvailable": (offer) => update.available(offer),
      "client.otaUpdateWrite": (chunk) => update.write(chunk),
      "client.otaUpdateFinish": () => update.finish(),
      "client.otaUpdateCancel": () => update.cancel(),
    };
  }

  #onReboot(): { ok: boolean } {
    this.#rebootIsDue = true;
    return { ok: true };
  }

  #onState(state: number): NoResults {
    this.#remember("client.blynkStateChange", String(state));
    if (state === this.#ncpState) return {};
    this.#parts.record.note(`NCP state ${this.#ncpState} -> ${state}`);
    this.#ncpState = state;
    if (this.#isZephyr && state === NcpState.NOT_INITIALIZED) this.#reinit("NCP state", ZEPHYR_REINIT_DELAY_MS);
    return {};
  }

  /** Clients end the value with a NUL, one byte past the payload: that byte must still lie in the buffer. */
  #onPin({ vpin, value }: Args<"client.blynkVPinChange">): NoResults {
    this.#remember("client.blynkVPinChange", `${vpin}=${decodeUtf8(value)}`);
    const { onSmash, parser } = this.#parts;
    if (parser.frameBytes >= parser.buffer.length) onSmash();
    return {};
  }

  #onEvent(event: number): NoResults {
    this.#remember("client.processEvent", String(event));
    if (event === NcpEvent.NCP_REBOOTING) {
      if (this.#isZephyr) this.#reinit("the NCP reboots", ZEPHYR_REINIT_DELAY_MS);
      else if (this.#isArduino) this.#reinit("the NCP reboots", 0);
    }
    return {};
  }

  #remember(name: ReceivedEvent["name"], text: string): void {
    const { core, record } = this.#parts;
    record.events.push({ atMs: core.now(), name, text });
  }
}
