/**
 * The emulator as it is seen: lines for what happens and, on a terminal, one below them for how things are; or objects
 * for programs.
 */

import type { Color } from "../../emulator/board.js";
import type { Emulator, EmulatorEvent } from "../../emulator/emulator.js";
import { type PlainNews, plainNews } from "../demo/events.js";
import { Progress } from "../demo/progress.js";
import type { Screen } from "../demo/screen.js";
import { newsText } from "../news-text.js";

export interface Display {
  /** Before anything else: where the UART is. */
  onAddress(address: Readonly<Record<string, string>>): void;
  onEvent(event: EmulatorEvent, atMs: number): void;
  /** How things are now; called many times a second. */
  onLook(emulator: Emulator): void;
  onEnd(): void;
}

export interface TextStream {
  write(text: string): unknown;
}

/** One object a line. */
export class JsonDisplay implements Display {
  readonly #stream: TextStream;

  constructor(stream: TextStream) {
    this.#stream = stream;
  }

  onAddress(address: Readonly<Record<string, string>>): void {
    this.#print(address);
  }

  onEvent(event: EmulatorEvent, atMs: number): void {
    const at = { atMs: Math.round(atMs * 1000) / 1000 };
    this.#print("news" in event ? { ...at, ...event, news: plainNews(event.news) } : { ...at, ...event });
  }

  onLook(): void {}

  onEnd(): void {}

  #print(object: object): void {
    this.#stream.write(`${JSON.stringify(object)}\n`);
  }
}

const OUTLET_TEXTS: Readonly<Record<string, string>> = {
  pty: "open it as the serial port of your MCU's code",
  port: "Ferry's UART; connect its RX and TX to the MCU, crossed",
  tcp: "connect your MCU's code there",
};
const KEYS_TEXT = "keys: b button, B hold it, p power cut, n network, o offer, q quit";

/** Lines for people. */
export class TextDisplay implements Display {
  readonly #screen: Screen;
  readonly #progress: Progress;
  #atMs = 0;
  #isBusy = false;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#progress = new Progress(screen, (text) => this.#log("ferry", text));
  }

  onAddress(address: Readonly<Record<string, string>>): void {
    for (const [kind, place] of Object.entries(address)) {
      this.#screen.print(`Ferry's UART is at ${place}: ${OUTLET_TEXTS[kind] ?? kind}.\n${KEYS_TEXT}\n`);
    }
  }

  onEvent(event: EmulatorEvent, atMs: number): void {
    this.#atMs = atMs;
    if ("news" in event) this.#onNews(plainNews(event.news));
    else this.#log(event.source, eventText(event));
  }

  onLook(emulator: Emulator): void {
    if (this.#screen.isLive && !this.#isBusy) this.#screen.draw(statusText(emulator));
  }

  onEnd(): void {
    this.#screen.settle();
  }

  #onNews(news: PlainNews): void {
    if (news.kind === "fetched" || news.kind === "ferried") {
      // The bar takes the place of the status until its leg is over.
      this.#isBusy = news.bytes < news.sizeBytes;
      this.#progress.update(news.kind, news.bytes, news.sizeBytes);
      return;
    }
    this.#isBusy = false;
    const text = newsText(news);
    if (text !== undefined) this.#log("ferry", text);
  }

  #log(who: string, text: string): void {
    this.#screen.print(`${(this.#atMs / 1000).toFixed(3).padStart(10)} s  ${who.padEnd(7)}  ${text}`);
  }
}

function eventText(event: Exclude<EmulatorEvent, { source: "ferry" }>): string {
  if ("problem" in event) return event.problem;
  if ("state" in event) return event.state;
  if ("isOpen" in event) return event.isOpen ? "somebody has opened it" : "nobody has it open any more";
  if ("baud" in event) return `the far end is at ${event.baud} baud`;
  if ("lostBytes" in event) return `${event.lostBytes} bytes for the far end are lost: it does not read`;
  if ("isOn" in event) return event.isOn ? "is back: Ferry boots" : "FAILS";
  if ("isUp" in event) return event.isUp ? "is back" : "is gone";
  if ("isPressed" in event) return event.isPressed ? "down" : "up";
  const { url, sizeBytes, version } = event.offer;
  return `${url}, ${sizeBytes} bytes, ${version ? `version ${version}` : "without Blynk's tag"}`;
}

/** One line; what comes first matters most, for a narrow terminal cuts it short. */
function statusText({ state, board, uart, farBaud, monitor, isNetworkUp }: Emulator): string {
  const { mcu, ncp } = monitor.counts;
  const rates = farBaud === undefined ? "nobody there" : farBaud === uart.a.baud ? "" : `far end ${farBaud}`;
  const damaged = mcu.damagedFrames + ncp.damagedFrames;
  return [
    `LED ${ledText(board.color)}`,
    state,
    `${uart.a.baud ?? "no"} baud${rates ? ` (${rates})` : ""}`,
    `calls ${mcu.calls} in, ${ncp.calls} out`,
    ...(damaged > 0 ? [`${damaged} damaged`] : []),
    ...(mcu.unheardBytes > 0 ? [`${mcu.unheardBytes} bytes unheard`] : []),
    ...(isNetworkUp ? [] : ["no network"]),
    ...(board.isPressed ? ["button down"] : []),
  ].join("  ");
}

const LEVEL_SEEN = 0.02;

/** How much of red, green and blue is lit: `.` for dark, else 0 to 9. */
function ledText(color: Color | undefined): string {
  if (!color) return "none";
  return `[${color.map((level) => (level < LEVEL_SEEN ? "." : Math.floor(level * 9.99))).join("")}]`;
}
