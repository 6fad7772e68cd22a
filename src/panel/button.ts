/**
 * The user button: a digital input, debounced, in front of button-machine.ts.
 *
 * An edge only notes its time and sees to it that a timer runs; when no edge has come for DEBOUNCE_MS the level is read
 * and counts, from the last edge on. So bouncing contacts cost a timer each DEBOUNCE_MS and no more, and an input that
 * never rests (a wrong pin, a broken wire) means nothing at all.
 *
 * A deadline of the machine that falls into such unrest waits for its end. So does one at which the pin has another
 * level than the machine knows: after a long step of the engine a release may be known to the pin alone.
 */

import type { Clock, Io, TimerHandle } from "../ports.js";
import {
  type ButtonEvent,
  type ButtonHint,
  DEBOUNCE_MS,
  deadlineOf,
  type Gesture,
  hintOf,
  isDown,
  stepButton,
  UNREADY,
} from "./button-machine.js";
import type { Digital, DigitalClass } from "./ports.js";

export interface ButtonOptions {
  clock: Clock;
  digital: Io<DigitalClass>;
  pin: number;
  /** The pin is low while the button is down. Decides the pull, too. */
  activeLow: boolean;
  onGesture(gesture: Gesture): void;
  /** What the LED should show instead of the state, also where that is no news; `undefined`: the state. */
  onHint(hint: ButtonHint | undefined): void;
  /** Comes before the gesture "reset-done". */
  onResetConfig(): void;
}

export class Button {
  readonly #options: ButtonOptions;
  readonly #port: Digital;
  #state = UNREADY;
  #edgeAtMs: number;
  #settleTimer: TimerHandle;
  #deadlineTimer: TimerHandle;
  #isOpen = true;

  /** Throws when the port refuses the pin. */
  constructor(options: ButtonOptions) {
    const { clock, digital, pin, activeLow } = options;
    const { io: DigitalIo, ...rest } = digital;
    this.#options = options;
    this.#port = new DigitalIo({
      ...rest,
      pin,
      mode: activeLow ? DigitalIo.InputPullUp : DigitalIo.InputPullDown,
      activeLow,
      edge: DigitalIo.Rising + DigitalIo.Falling,
      onReadable: () => this.#onEdge(),
    });
    this.#edgeAtMs = clock.now();
    // The pull has to charge the wire first: the level at the start settles like any other.
    this.#settleAfter(DEBOUNCE_MS);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.clock.clear(this.#settleTimer);
    this.#options.clock.clear(this.#deadlineTimer);
    this.#port.close();
  }

  #onEdge(): void {
    this.#edgeAtMs = this.#options.clock.now();
    if (this.#settleTimer === undefined) this.#settleAfter(DEBOUNCE_MS);
  }

  #settleAfter(delayMs: number): void {
    this.#settleTimer = this.#options.clock.set(() => this.#settle(), delayMs);
  }

  #settle(): void {
    this.#settleTimer = undefined;
    const restlessMs = this.#edgeAtMs + DEBOUNCE_MS - this.#options.clock.now();
    // At least a millisecond: rounding must not make it look again and again at the same moment.
    if (restlessMs > 0) return this.#settleAfter(Math.max(1, restlessMs));
    this.#step({ kind: this.#port.read() ? "pressed" : "released", atMs: this.#edgeAtMs });
    if (this.#deadlineTimer === undefined) this.#awaitDeadline();
  }

  #onDeadline(): void {
    this.#deadlineTimer = undefined;
    if (this.#settleTimer !== undefined) return;
    if ((this.#port.read() === 1) === isDown(this.#state)) this.#step({ kind: "timeout" });
    else this.#onEdge(); // it was not reported yet
  }

  #step(event: ButtonEvent): void {
    const before = this.#state;
    const { state, actions } = stepButton(before, event);
    if (state === before) return;
    this.#state = state;
    this.#awaitDeadline();
    this.#options.onHint(hintOf(state));
    for (const action of actions) {
      if (!this.#isOpen) return;
      if (action === "reset-config") this.#options.onResetConfig();
      else this.#options.onGesture(action);
    }
  }

  #awaitDeadline(): void {
    const { clock } = this.#options;
    clock.clear(this.#deadlineTimer);
    const deadlineMs = deadlineOf(this.#state);
    this.#deadlineTimer =
      deadlineMs === undefined ? undefined : clock.set(() => this.#onDeadline(), Math.max(0, deadlineMs - clock.now()));
  }
}
