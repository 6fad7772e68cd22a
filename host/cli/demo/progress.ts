/** How far a leg of the update has come: a bar that is redrawn on a terminal, a line each tenth of the way elsewhere. */

import type { Screen } from "./screen.js";

const BAR_COLUMNS = 32;
const PLAIN_STEPS = 10;

export class Progress {
  readonly #screen: Screen;
  readonly #line: (text: string) => void;
  #leg = "";
  #bytes = 0;
  /** Tenths that have been told of. */
  #steps = 0;

  /** `line` prints a line of the log. */
  constructor(screen: Screen, line: (text: string) => void) {
    this.#screen = screen;
    this.#line = line;
  }

  update(leg: string, bytes: number, sizeBytes: number): void {
    if (leg !== this.#leg || bytes < this.#bytes) this.#begin(leg);
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    const text = `${leg} ${percent(bytes, sizeBytes)}  ${bytes} of ${sizeBytes} bytes`;
    if (this.#screen.isLive) {
      this.#screen.draw(
        `${leg} ${bar(bytes / sizeBytes)} ${percent(bytes, sizeBytes)}  ${bytes} of ${sizeBytes} bytes`,
      );
      if (bytes === sizeBytes) this.#screen.settle();
      return;
    }
    const steps = Math.floor((bytes * PLAIN_STEPS) / sizeBytes);
    if (steps > this.#steps) this.#line(text);
    this.#steps = steps;
  }

  /** What was under way has been cut off: the next update begins a new line. */
  interrupt(): void {
    this.#screen.settle();
    this.#begin("");
  }

  #begin(leg: string): void {
    this.#leg = leg;
    this.#bytes = 0;
    this.#steps = 0;
  }
}

function percent(bytes: number, sizeBytes: number): string {
  return `${Math.floor((bytes * 100) / sizeBytes)} %`.padStart(5);
}

function bar(share: number): string {
  return `[${"#".repeat(Math.floor(share * BAR_COLUMNS)).padEnd(BAR_COLUMNS, ".")}]`;
}
