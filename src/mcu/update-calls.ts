/** The calls of an update that the MCU serves, in the terms of the updater. */

import type { Outcome, RpcSession } from "../rpc/session.js";

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
    const { sizeBytes, type, version, build } = offer;
    return this.#session.invoke("client.otaUpdateAvailable", { filename, sizeBytes, type, version, build }, onAnswer);
  }

  chunkPlace(length: number): Uint8Array {
    return this.#session.argumentPlace(CHUNK_AT, length);
  }

  prepareWrite(offset: number, chunk: Uint8Array, crc32: number): void {
    this.#session.prepare("client.otaUpdateWrite", { offset, chunk, crc32 });
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
