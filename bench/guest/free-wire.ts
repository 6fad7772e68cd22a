/** A wire whose CRC and escaping cost nothing: what the native one leaves to the engine. */

import type { Wire, WireCounters } from "../../src/frame/wire.js";

export class FreeWire implements Wire {
  readonly baud = 0;
  readonly counters: WireCounters = {
    frames: 0,
    noiseBytes: 0,
    crcErrors: 0,
    escapeErrors: 0,
    oversizeFrames: 0,
    restarts: 0,
    emptyFrames: 0,
    framesSent: 0,
    framesCued: 0,
    bytesSent: 0,
    bytesReceived: 0,
    baudChanges: 0,
  };

  get idle(): boolean {
    return true;
  }

  send(_payload: Uint8Array, _length: number): void {}

  prepare(_payload: Uint8Array, _length: number, _cue?: Uint8Array): void {}

  sendPrepared(): boolean {
    return true;
  }

  dropCue(): boolean {
    return true;
  }

  setBaud(): void {}

  afterDrain(): void {}

  close(): void {}
}
