/** A panel on a simulated ESP32's pins, with a person at its button. */

import type { VirtualClock } from "../../host/sim/clock.js";
import { DeviceClock } from "../../host/sim/cpu.js";
import { makeDigitalClass } from "../../host/sim/digital.js";
import { SimPins } from "../../host/sim/gpio.js";
import { makeLedStripClass } from "../../host/sim/led-strip.js";
import { makePwmClass } from "../../host/sim/pwm.js";
import type { Gesture } from "../../src/panel/button-machine.js";
import { Panel, type PanelOptions } from "../../src/panel/panel.js";
import type { DigitalClass, LedStripClass, PwmClass } from "../../src/panel/ports.js";
import { SimBench } from "../ports/sim-bench.js";

/** As the README wires them. */
const TAKEN_PINS = Object.freeze({ 16: "the UART to the MCU", 17: "the UART" });

export interface PanelPorts {
  readonly Digital: DigitalClass;
  readonly Pwm: PwmClass;
  readonly LedStrip: LedStripClass;
}

export interface PanelBenchOptions {
  readonly panel?: Partial<PanelOptions>;
  /** Puts something between the panel and its ports. */
  readonly wrap?: (ports: PanelPorts) => PanelPorts;
  /** Leaves these ports out. */
  readonly without?: readonly ("pwm" | "strip")[];
}

export class PanelBench {
  readonly #sim = new SimBench();
  readonly clock: VirtualClock = this.#sim.clock;
  readonly pins = new SimPins();
  /** "reset-config" among the gestures is the action. */
  readonly heard: (Gesture | "reset-config")[] = [];
  /** When, since the bench began. */
  readonly heardAtMs: number[] = [];
  readonly refusals: string[] = [];
  panel: Panel;
  readonly #options: PanelBenchOptions;

  constructor(options: PanelBenchOptions = {}) {
    this.#options = options;
    this.panel = this.#start();
  }

  /** A new life on the same board. */
  reboot(): void {
    this.#sim.boot();
    this.pins.reset();
    this.panel = this.#start();
  }

  /** Keeps the processor busy for so long. */
  hold(durationMs: number): void {
    this.#sim.cpu.run(() => this.#sim.cpu.spend(durationMs));
  }

  /** How long the ports have kept the processor waiting, in their longest task. */
  get longestTaskMs(): number {
    return this.#sim.cpu.longestTaskMs;
  }

  pass(durationMs: number): void {
    this.clock.advance(durationMs);
  }

  /** A button between the pin and ground goes down and up again. */
  press(pin: number, durationMs: number): void {
    this.pins.connect(pin, 0);
    this.pass(durationMs);
    this.pins.connect(pin, undefined);
  }

  hear(what: Gesture | "reset-config"): void {
    this.heard.push(what);
    this.heardAtMs.push(this.clock.now());
  }

  #start(): Panel {
    const { cpu, life } = this.#sim;
    const { wrap = (ports) => ports, without = [], panel } = this.#options;
    const binding = { pins: this.pins, cpu, life };
    const { Digital, Pwm, LedStrip } = wrap({
      Digital: makeDigitalClass(binding),
      Pwm: makePwmClass(binding),
      LedStrip: makeLedStripClass(binding),
    });
    return new Panel({
      clock: new DeviceClock(this.clock, cpu),
      digital: { io: Digital },
      ...(without.includes("pwm") ? {} : { pwm: { io: Pwm } }),
      ...(without.includes("strip") ? {} : { strip: { io: LedStrip } }),
      takenPins: TAKEN_PINS,
      onGesture: (gesture) => this.hear(gesture),
      onResetConfig: () => this.hear("reset-config"),
      onRefused: (reason) => this.refusals.push(reason),
      ...panel,
    });
  }
}

/** What a light shows over some time, looked at each millisecond: runs of [shown, milliseconds]. */
export function watch<T>(bench: PanelBench, durationMs: number, look: () => T): [T, number][] {
  const runs: [T, number][] = [];
  for (let ms = 0; ms < durationMs; ms++) {
    const shown = look();
    const last = runs.at(-1);
    if (last && last[0] === shown) last[1]++;
    else runs.push([shown, 1]);
    bench.pass(1);
  }
  return runs;
}
