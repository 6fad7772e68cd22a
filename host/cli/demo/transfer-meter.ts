/**
 * The figures of a transfer to the MCU, from Ferry's news and its end of the UART. When a transfer starts over (after
 * a power cut, say), only the last one counts: it brought all the bytes.
 */

import type { NcpNews } from "../../../src/ncp.js";
import type { Clock } from "../../../src/ports.js";
import type { UartEnd } from "../../sim/uart.js";

/** Bits that the line spends on a byte: start, eight, stop. */
const LINE_BITS_PER_BYTE = 10;

export interface TransferReport {
  /** Chunks that the MCU has stored. */
  readonly chunks: number;
  readonly resends: number;
  /** From the answer to otaUpdateStart, behind which the first chunk follows at once, to the accepted Finish. */
  readonly virtualMs: number;
  /** The image's bits over all bits that went to the MCU meanwhile, start and stop bits included. */
  readonly payloadShare: number;
}

export class TransferMeter {
  readonly #chunkBytes: number;
  readonly #sizeBytes: number;
  readonly #uart: UartEnd;
  readonly #clock: Clock;
  #startMs = 0;
  #bytesAtStart = 0;
  #stored = 0;
  #resends = 0;
  #end: { readonly atMs: number; readonly lineBytes: number } | undefined;

  constructor(sizeBytes: number, chunkBytes: number, uart: UartEnd, clock: Clock) {
    this.#sizeBytes = sizeBytes;
    this.#chunkBytes = chunkBytes;
    this.#uart = uart;
    this.#clock = clock;
  }

  onNews(news: NcpNews): void {
    if (news.kind === "ferried") this.#stored = news.bytes;
    else if (news.kind === "resend") this.#resends++;
    else if (news.kind === "phase" && news.phase === "serving") this.#begin();
    else if (news.kind === "phase" && news.phase === "returning") {
      this.#end = { atMs: this.#clock.now(), lineBytes: this.#uart.sent.bytes - this.#bytesAtStart };
    }
  }

  get report(): TransferReport {
    const end = this.#end;
    const isWhole = this.#stored === this.#sizeBytes;
    return {
      chunks: Math.ceil(this.#stored / this.#chunkBytes),
      resends: this.#resends,
      virtualMs: end ? end.atMs - this.#startMs : 0,
      payloadShare: end && isWhole ? (this.#sizeBytes * 8) / (end.lineBytes * LINE_BITS_PER_BYTE) : 0,
    };
  }

  #begin(): void {
    this.#startMs = this.#clock.now();
    this.#bytesAtStart = this.#uart.sent.bytes;
    this.#stored = 0;
    this.#resends = 0;
    this.#end = undefined;
  }
}
