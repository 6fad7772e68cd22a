/** The calls of an update that the MCU serves, in the terms of the updater. */

import { cutUtf8 } from "../base/utf8.js";
import type { Invocation, Outcome, RpcSession } from "../rpc/session.js";

/** Blynk's tags are ASCII and far shorter. With three such texts, an offer fits an MCU whose buffer has 256 bytes. */
const TEXT_BYTES_MAX = 64;

/** An otaUpdateWrite's chunk stands behind the INVOKE header, the offset and its own length. */
const CHUNK_AT = 6 + 4 + 2;

/** Outcomes of the calls that answer with a plain yes or no. */
type YesNo = Outcome<"client.otaUpdateWrite" | "client.otaUpdateFinish" | "client.otaUpdateAvailable">;

export interface OfferedFirmware {
  readonly sizeBytes: number;
  readonly type: string;
  readonly version: string;
  readonly build: string;
}

export class McuUpdateCalls {
  readonly #session: RpcSession;

  constructor(session: RpcSession) {
    this.#session = session;
  }

  offer(filename: string, offer: OfferedFirmware, onAnswer: (answer: YesNo) => void): { forget(): void } {
    const type = cutUtf8(offer.type, TEXT_BYTES_MAX);
    const version = cutUtf8(offer.version, TEXT_BYTES_MAX);
    const build = cutUtf8(offer.build, TEXT_BYTES_MAX);
    const args = { filename, sizeBytes: offer.sizeBytes, type, version, build };
    return this.#session.invoke("client.otaUpdateAvailable", args, onAnswer);
  }

  chunkPlace(length: number): Uint8Array {
    return this.#session.argumentPlace(CHUNK_AT, length);
  }

  prepareWrite(offset: number, chunk: Uint8Array, crc32: number, after?: Invocation): void {
    this.#session.prepare("client.otaUpdateWrite", { offset, chunk, crc32 }, after);
  }

  holdPrepared(): boolean {
    return this.#session.holdPrepared();
  }

  writePrepared(onAnswer: (answer: YesNo) => void): { forget(): void } {
    return this.#session.invokePrepared("client.otaUpdateWrite", onAnswer);
  }

  finish(onAnswer: (answer: YesNo) => void): { forget(): void } {
    return this.#session.invoke("client.otaUpdateFinish", {}, onAnswer);
  }

  /** Nothing depends on the answer. */
  cancel(): void {
    const call = this.#session.invoke("client.otaUpdateCancel", {}, () => call.forget());
  }
}
