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
import type { SerialClass, SerialOptions } from "../src/ports.js";
import { type LineFigures, measureTransfer } from "./line.js";

/** The glue and the chip, in milliseconds. 1e-6 is a nanosecond, or a quarter of a clock cycle at 240 MHz. */
export const CHIP = Object.freeze({
  /** The interrupt comes when the line was silent for so many bytes, or 96 wait: as wire-esp32.c sets it. */
  rxIdleSymbols: 2,
  rxFullThreshold: 96,
  /** The other one comes when fewer bytes than this are left to be sent. */
  txLowBytes: 32,
  /** The interrupt, from RAM: it empties or fills the FIFO and wakes the wire's task. */
  interruptMs: 10_000e-6,
  /** Change to the wire's task, and taking what is in the ring. */
  taskMs: 20_000e-6,
  /** Decoding or encoding, with CRC-8 and copying; once more for a chunk's CRC-32, which the ROM takes. 24 cycles. */
  byteMs: 100e-6,
  /** Taking the line's lock, and the first bytes of a frame into the FIFO. */
  kickMs: 25_000e-6,
  /** Telling the engine, and the change to its task. */
  postMs: 20_000e-6,
});

/** The UART as its interrupt sees it: each costs, and so does each byte. */
function chargedSerial(io: SerialClass, interrupt: SimCpu, onReceived: (count: number) => void): SerialClass {
  return class extends io {
    constructor(options: SerialOptions & Record<string, unknown>) {
      super({
        ...options,
        onReadable(count: number): void {
          interrupt.spend(CHIP.interruptMs + count * CHIP.byteMs);
          onReceived(count);
          options.onReadable(count);
        },
        onWritable(count: number): void {
          interrupt.spend(CHIP.interruptMs + count * CHIP.byteMs);
          options.onWritable(count);
        },
      });
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
  /** The longest that the wire's task stood still for the flash. */
  longestStallMs(): number;
}

/**
 * `resultMs`: what the engine is charged with each time that it hears of something. `flashStopsWire`: the wire's task lies
 * in flash, so it stands still while a sector is erased or a page is programmed; its interrupt lies in RAM and goes on.
 */
export function nativeWireModel(options: { resultMs: number; flashStopsWire?: boolean }): NativeWireModel {
  const { resultMs, flashStopsWire = false } = options;
  let engine: SimCpu | undefined;
  let longestStallMs = 0;
  const stopFor = (clock: VirtualClock, task: SimCpu) => (startMs: number, durationMs: number) => {
    longestStallMs = Math.max(longestStallMs, durationMs);
    for (let doneMs = 0; doneMs < durationMs; doneMs += SECTOR_ERASE_MS) {
      const pieceMs = Math.min(SECTOR_ERASE_MS, durationMs - doneMs);
      clock.setAt(() => task.run(() => task.spend(pieceMs)), startMs + doneMs);
    }
  };
  return {
    engine: () => engine,
    longestStallMs: () => longestStallMs,
    deviceUart: {
      rxIdleSymbols: CHIP.rxIdleSymbols,
      rxFullThreshold: CHIP.rxFullThreshold,
      txLowBytes: CHIP.txLowBytes,
    },
    overridesOf: (bench) => ({
      wrapSerial: (io, processor) => {
        engine = processor;
        return io;
      },
      Wire: class extends CoreWire {
        constructor(options: WireOptions) {
          const { clock, uart } = bench();
          const [interrupt, task] = [new SimCpu(clock), new SimCpu(clock)];
          if (engine && flashStopsWire) engine.onStall = stopFor(clock, task);
          const io = makeSerialClass({ end: uart.a, cpu: interrupt, life: { assertAlive: () => {} } });
          let isTask = false;
          let undecodedBytes = 0;
          const serveCharged = (serve: () => void) => {
            task.spend(CHIP.taskMs + undecodedBytes * CHIP.byteMs);
            undecodedBytes = 0;
            isTask = true;
            serve();
            isTask = false;
          };
          const tellCharged = (tell: () => void) => {
            engine?.spend(CHIP.postMs + resultMs);
            tell();
          };
          super(
            { ...options, serial: { io: chargedSerial(io, interrupt, (count) => (undecodedBytes += count)) } },
            {
              clock: new DeviceClock(clock, task),
              kick: (transmit) => clock.setAt(transmit, (isTask ? task : (engine ?? task)).now() + CHIP.kickMs),
              wake: (serve) => clock.setAt(() => task.run(() => serveCharged(serve)), interrupt.now()),
              post: (tell) => clock.setAt(() => engine?.run(() => tellCharged(tell)), task.now()),
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
