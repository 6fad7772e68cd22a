/**
 * The same transfer over the native wire, as the chip would run it: the portable C, at work in a model of the glue
 * around it (src/native/wire-esp32.c).
 *
 * The model has two processors. The wire's task and its interrupts go before the engine's task on the chip, so the
 * engine never delays them; they do delay nothing of the engine's, which is to its favour by less than a percent. All
 * that either does is charged: the engine by its metered steps, the C by the byte, and every interrupt, change of task
 * and hand-over by a fixed time. None of these was measured on a board yet: each is meant to be too high.
 */

import { CoreWire } from "../host/native/wire.js";
import type { Workbench } from "../host/peers/workbench.js";
import type { VirtualClock } from "../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../host/sim/cpu.js";
import type { DeviceOverrides } from "../host/sim/device.js";
import { SECTOR_ERASE_MS } from "../host/sim/nor.js";
import { makeSerialClass } from "../host/sim/serial.js";
import type { UartEndOptions } from "../host/sim/uart.js";
import type { WireOptions } from "../src/frame/wire.js";
import type { Clock, SerialClass, SerialOptions } from "../src/ports.js";
import { type LineFigures, measureTransfer } from "./line.js";

/** The glue and the chip, in milliseconds. 1e-6 is a nanosecond, or a quarter of a clock cycle at 240 MHz. */
export const CHIP = Object.freeze({
  /** The interrupt comes when the line was silent for so many bytes, or 96 wait: as wire-esp32.c sets it. */
  rxIdleSymbols: 2,
  rxFullThreshold: 96,
  /** Room for what is to be sent: the driver's ring, which its interrupt moves into the FIFO. */
  transmitRingBytes: 4096,
  /** The interrupt, from IRAM: it empties the FIFO into the driver's ring and wakes the wire's task. */
  interruptMs: 10_000e-6,
  /** Change to the wire's task, and taking what is in the ring. */
  taskMs: 20_000e-6,
  /** Decoding or encoding, with CRC-8 and copying; once more for a chunk's CRC-32, which the ROM takes. 24 cycles. */
  byteMs: 100e-6,
  /** Copying a frame into the driver's ring, the interrupt, and the first bytes in the FIFO. */
  handOverMs: 25_000e-6,
  /** Telling the engine, and the change to its task. */
  postMs: 20_000e-6,
});

/** The wire's task, and whether it is what runs now: else the engine is. */
class WireTask {
  readonly cpu: SimCpu;
  readonly clock: Clock;
  isAtIt = false;

  constructor(clock: VirtualClock) {
    this.cpu = new SimCpu(clock);
    const timers = new DeviceClock(clock, this.cpu);
    this.clock = {
      now: () => timers.now(),
      set: (callback, delayMs) => timers.set(() => this.perform(callback), delayMs),
      clear: (handle) => timers.clear(handle),
    };
  }

  perform(work: () => void): void {
    this.isAtIt = true;
    work();
    this.isAtIt = false;
  }
}

/** Charges what is done with the UART: by the wire's task, or by the engine, when it is ahead of that. */
function chargedSerial(io: SerialClass, task: WireTask, engine: () => SimCpu | undefined): SerialClass {
  const { cpu } = task;
  return class extends io {
    constructor(options: SerialOptions & Record<string, unknown>) {
      super({
        ...options,
        onReadable(count: number): void {
          cpu.spend(CHIP.interruptMs + CHIP.taskMs + count * CHIP.byteMs);
          task.perform(() => options.onReadable(count));
        },
        onWritable: (count: number) => task.perform(() => options.onWritable(count)),
      });
    }

    override write(bytes: Uint8Array): void {
      const engineIsAheadByMs = task.isAtIt ? 0 : (engine()?.now() ?? 0) - cpu.now();
      cpu.spend(Math.max(0, engineIsAheadByMs) + CHIP.handOverMs);
      super.write(bytes);
    }
  };
}

/** What the engine is charged with, in milliseconds of the chip's time. */
export interface NativeEngineCharges {
  /** Each time that it hears of something. */
  readonly resultMs: number;
  /** For making the next frame, by the byte of its chunk. */
  readonly frameMsPerByte: number;
}

export interface NativeWireModel {
  readonly deviceUart: UartEndOptions;
  /** What the device is built with; the workbench is complete when it is asked. */
  overridesOf(bench: () => Workbench): DeviceOverrides;
  /** The engine's processor, in its present life. */
  engine(): SimCpu | undefined;
}

/**
 * `resultMs`: what the engine is charged with each time that it hears of something. `flashStopsWire`: the wire's task lies
 * in flash, so it stands still while a sector is erased or a page is programmed; the interrupt goes on.
 */
export function nativeWireModel(options: { resultMs: number; flashStopsWire?: boolean }): NativeWireModel {
  const { resultMs, flashStopsWire = false } = options;
  let engine: SimCpu | undefined;
  const stopFor = (clock: VirtualClock, task: SimCpu) => (startMs: number, durationMs: number) => {
    for (let doneMs = 0; doneMs < durationMs; doneMs += SECTOR_ERASE_MS) {
      const pieceMs = Math.min(SECTOR_ERASE_MS, durationMs - doneMs);
      clock.setAt(() => task.run(() => task.spend(pieceMs)), startMs + doneMs);
    }
  };
  return {
    engine: () => engine,
    deviceUart: {
      rxIdleSymbols: CHIP.rxIdleSymbols,
      rxFullThreshold: CHIP.rxFullThreshold,
      txFifoBytes: CHIP.transmitRingBytes,
    },
    overridesOf: (bench) => ({
      wrapSerial: (io, processor) => {
        engine = processor;
        return io;
      },
      Wire: class extends CoreWire {
        constructor(options: WireOptions) {
          const { clock, uart } = bench();
          const task = new WireTask(clock);
          if (engine && flashStopsWire) engine.onStall = stopFor(clock, task.cpu);
          const io = makeSerialClass({ end: uart.a, cpu: task.cpu, life: { assertAlive: () => {} } });
          const serial = { io: chargedSerial(io, task, () => engine) };
          const tell = (deliver: () => void) => {
            engine?.spend(CHIP.postMs + resultMs);
            deliver();
          };
          super(
            { ...options, serial },
            {
              clock: task.clock,
              transmitBytes: CHIP.transmitRingBytes,
              post: (deliver) => clock.setAt(() => engine?.run(() => tell(deliver)), task.cpu.now()),
            },
          );
        }
      },
    }),
  };
}

export function measureNativeLine(baud: number, charges: NativeEngineCharges): LineFigures {
  const { engine, ...model } = nativeWireModel(charges);
  return measureTransfer(baud, {
    ...model,
    onFrameMade: (chunkBytes) => engine()?.spend(chunkBytes * (charges.frameMsPerByte + 2 * CHIP.byteMs)),
  });
}
