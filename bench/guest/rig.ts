/**
 * Guest code: the serving half of Ferry on the engine, between stubs that cost next to nothing, so that the meter shows
 * Ferry and not the simulator. Wired as ncp.ts wires it: source, transfer, calls, session, wire.
 */

import { type Crc32, crc32 } from "../../src/base/crc.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { FRAME_BYTES_MAX } from "../../src/frame/layout.js";
import { SerialWire, type Wire, type WireClass, type WireOptions } from "../../src/frame/wire.js";
import { McuLink } from "../../src/mcu/link.js";
import { McuUpdateCalls } from "../../src/mcu/update-calls.js";
import type { Clock, Serial, SerialOptions } from "../../src/ports.js";
import { Transfer } from "../../src/update/transfer.js";
import { FreeWire } from "./free-wire.js";

/** What the ESP32's FIFO announces as free when fewer than ten bytes are left in it. */
const FREE_BYTES = 119;

/** Keeps the one task that is due at once; nothing else ever comes due. */
class StubClock implements Clock {
  soon: (() => void) | undefined;

  now(): number {
    return 0;
  }

  set(callback: () => void, delayMs: number): number {
    if (delayMs === 0) this.soon = callback;
    return 1;
  }

  clear(): void {}
}

/** Thrown where the next frame is handed over: all steps until then were the turnaround. */
export class HandedOver extends Error {}

class StubSerial implements Serial {
  readonly options: SerialOptions;
  readonly #rig: ServingRig;
  incoming: Uint8Array | undefined;

  constructor(rig: ServingRig, options: SerialOptions) {
    this.#rig = rig;
    this.options = options;
    rig.serial = this;
  }

  read(buffer: Uint8Array): number | undefined {
    const bytes = this.incoming;
    if (!bytes) return undefined;
    buffer.set(bytes);
    this.incoming = undefined;
    return bytes.length;
  }

  write(bytes: Uint8Array): void {
    if (this.#rig.stopsAtWrite) throw new HandedOver();
    this.#rig.bytesWritten += bytes.length;
  }

  close(): void {}
}

class RigWire extends FreeWire {
  readonly #rig: ServingRig;
  /** Whether the prepared frame leaves by itself at the next RESULT. */
  hasCue = false;

  constructor(rig: ServingRig, options: WireOptions) {
    super();
    this.#rig = rig;
    rig.deliver = options.onPayload;
  }

  override prepare(_payload: Uint8Array, _length: number, cue?: Uint8Array): void {
    this.hasCue = cue !== undefined;
  }

  override sendPrepared(): boolean {
    if (this.#rig.stopsAtWrite) throw new HandedOver();
    return true;
  }
}

export class ServingRig {
  serial: StubSerial | undefined;
  deliver: ((payload: Uint8Array, length: number) => void) | undefined;
  stopsAtWrite = false;
  bytesWritten = 0;
  readonly #clock = new StubClock();
  #wire: Wire | undefined;
  readonly #transfer: Transfer;
  readonly #results: readonly Uint8Array[];
  #chunk = 0;

  /** Serves `chunks` chunks of random-looking bytes; `native` leaves CRC and escaping out. */
  constructor(chunks: number, chunkBytes: number, native: boolean) {
    const image = noise(chunkBytes);
    let filled = false;
    const rig = this;
    const link = new McuLink({
      clock: this.#clock,
      serial: {
        io: class extends StubSerial {
          constructor(serialOptions: SerialOptions) {
            super(rig, serialOptions);
          }
        },
      },
      Wire: class {
        constructor(options: WireOptions) {
          rig.#wire = native ? new RigWire(rig, options) : new SerialWire(options);
          // biome-ignore lint/correctness/noConstructorReturn: hands out the wire and keeps hold of it
          return rig.#wire;
        }
      } as WireClass,
      onBaud: () => {},
      onHeard: () => {},
      onFault: () => {},
    });
    const freeCrc: Crc32 = () => 0;
    this.#transfer = new Transfer({
      clock: this.#clock,
      calls: new McuUpdateCalls(link.session),
      crc32: native ? freeCrc : crc32,
      chunkBytes,
      source: {
        sizeBytes: chunks * chunkBytes,
        readableBytes: chunks * chunkBytes,
        read: (buffer) => {
          if (!filled) buffer.set(image); // stays in place: reading flash is native code, not the engine's
          filled = true;
          return buffer.length;
        },
      },
      onProgress: () => {},
      onResend: () => {},
      onEnd: () => {},
    });
    this.#results = Array.from({ length: chunks }, (_, index) => resultFrame(index + 1, native));
  }

  start(): void {
    this.serial?.options.onWritable(FREE_BYTES);
    this.#transfer.start();
  }

  /** The frame leaves, and meanwhile the next is made. */
  sendOut(): void {
    while (this.#wire && !this.#wire.idle) this.serial?.options.onWritable(FREE_BYTES);
    const soon = this.#clock.soon;
    this.#clock.soon = undefined;
    soon?.();
    this.serial?.options.onWritable(FREE_BYTES);
  }

  /** The MCU says that it has stored the chunk. */
  answer(): void {
    const result = this.#results[this.#chunk++] as Uint8Array;
    if (!this.serial) {
      if (this.stopsAtWrite && (this.#wire as RigWire).hasCue) throw new HandedOver(); // by C, before the engine hears
      return this.deliver?.(result, result.length);
    }
    this.serial.incoming = result;
    this.serial.options.onReadable(result.length);
  }

  serve(chunks: number): void {
    for (let i = 0; i < chunks; i++) {
      this.sendOut();
      this.answer();
    }
  }

  /** Takes Ferry out: turnAround() and answer() then take what they and the stubs do themselves, to be subtracted. */
  stubOut(): void {
    const serial = this.serial;
    const buffer = new Uint8Array(16);
    this.deliver = () => {};
    if (!serial) return;
    serial.options.onReadable = () => {
      serial.read(buffer);
      throw new HandedOver();
    };
  }

  /** Serves one more chunk's RESULT up to the hand-over of the next frame. */
  turnAround(): void {
    this.stopsAtWrite = true;
    try {
      this.answer();
    } catch (error) {
      if (!(error instanceof HandedOver)) throw error;
    }
  }
}

/** The RESULT `true` of message `id`: as payload, or as the frame on the wire. */
function resultFrame(id: number, payloadOnly: boolean): Uint8Array {
  const payload = Uint8Array.of(0x12, 0xa5, id & 0xff, id >> 8, 0, 1);
  if (payloadOnly) return payload;
  const frame = new Uint8Array(FRAME_BYTES_MAX);
  return frame.slice(0, encodeFrame(payload, payload.length, frame));
}

export function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 0x2545f491;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}
