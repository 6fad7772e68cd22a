/**
 * How much of the line the transfer uses, in virtual time: 1 MiB of random bytes in chunks of 1024 to an MCU that
 * answers at once, over a UART with true bit timing and the ESP32's interrupts.
 *
 * `share` is payload bits over all bit times from the first chunk's first bit to the last RESULT's last bit. `limit` is
 * what the protocol allows: the same frames and replies, back to back. `ratio` is share over limit.
 */

import { Workbench } from "../host/peers/workbench.js";
import type { SimCpu } from "../host/sim/cpu.js";
import type { DeviceOverrides } from "../host/sim/device.js";
import { Random } from "../host/sim/random.js";
import { DEFAULT_PARTITIONS, SimStorage } from "../host/sim/storage.js";
import type { ObservedRun, UartEndOptions } from "../host/sim/uart.js";
import { crc32 } from "../src/base/crc.js";
import { ChargedSerial } from "./charged-serial.js";

const IMAGE_BYTES = 1024 * 1024;
const CHUNK_BYTES = 1024;
const CHIP_BYTES = 8 * 1024 * 1024;
const BITS_PER_BYTE = 10;
export const BAUDS: readonly number[] = Object.freeze([38_400, 115_200, 921_600, 2_000_000]);

export interface LineFigures {
  readonly share: number;
  readonly limit: number;
  readonly ratio: number;
}

/** What the engine is charged with, in milliseconds of the chip's time. */
export interface EngineCharges {
  /** From a RESULT's arrival to the hand-over of the next frame. */
  readonly turnaroundMs: number;
  /** For making the next frame, by the byte of its chunk; while it is made nothing else runs. */
  readonly frameMsPerByte?: number;
}

/** The wire in TypeScript, over the SDK's serial port. */
export function measureLine(baud: number, charges: EngineCharges): LineFigures {
  const { turnaroundMs, frameMsPerByte = 0 } = charges;
  let cpu: SimCpu | undefined;
  return measureTransfer(baud, {
    overridesOf: () => ({
      wrapSerial: (io, processor) => {
        cpu = processor;
        return ChargedSerial.over(io, processor, turnaroundMs);
      },
    }),
    onFrameMade: (chunkBytes) => cpu?.spend(chunkBytes * frameMsPerByte),
  });
}

export interface TransferSetup {
  /** What the device is built with; the workbench is complete when it is asked. */
  overridesOf(bench: () => Workbench): DeviceOverrides;
  readonly deviceUart?: UartEndOptions;
  /** Ferry makes the frame of a chunk of so many bytes. */
  onFrameMade(chunkBytes: number): void;
}

export function measureTransfer(baud: number, setup: TransferSetup): LineFigures {
  let ferrying = false;
  const bench: Workbench = new Workbench({
    storage: makeLargeStorage(),
    image: new Random(1).bytes(IMAGE_BYTES),
    mcuUart: { rxFullThreshold: 1, rxIdleSymbols: 0 }, // it answers at once: each byte is its own interrupt
    mcu: { targetBaud: baud, prefetch: true, chunkBytes: CHUNK_BYTES, slotBytes: IMAGE_BYTES, eraseMs: 0, writeMs: 0 },
    ...(setup.deviceUart ? { deviceUart: setup.deviceUart } : {}),
    overrides: {
      ...setup.overridesOf(() => bench),
      // A chunk's CRC is taken when its frame is made: the moment to charge for both.
      crc32: (bytes, crc) => {
        if (ferrying) setup.onFrameMade(bytes.length);
        return crc32(bytes, crc);
      },
    },
  });
  const runs: ObservedRun[] = [];
  bench.uart.observe((run) => runs.push(run));
  bench.start();
  bench.offer({ type: "", version: "", build: "", target: "mcu" });
  bench.runUntil(() => bench.last("phase")?.phase === "serving", 600_000, "the transfer's start");
  ferrying = true;
  const startMs = bench.clock.now();
  bench.runUntil(() => bench.last("ferried")?.bytes === IMAGE_BYTES, 3_600_000, "the transfer's end");
  return figuresOf(
    runs.filter((run) => run.startMs >= startMs),
    bench,
    baud,
  );
}

/** A module of 8 MB: on 4 MB the storage partition is smaller than the image. */
export function makeLargeStorage(): SimStorage {
  const [last, ...rest] = [...DEFAULT_PARTITIONS].reverse();
  if (!last) throw new Error("bench: no partitions");
  return new SimStorage({
    chipBytes: CHIP_BYTES,
    partitions: [...rest.reverse(), { ...last, size: CHIP_BYTES - last.offset }],
  });
}

/** Looks at the wire only: from the first chunk's frame to the RESULT of the last. */
function figuresOf(runs: readonly ObservedRun[], bench: Workbench, baud: number): LineFigures {
  const bitMs = 1000 / baud;
  const first = runs.find((run) => run.from === bench.uart.a && run.bytes.length > 16);
  const last = runs.findLast((run) => run.from === bench.uart.b);
  if (!first || !last) throw new Error("bench: no transfer on the wire");
  const inside = runs.filter((run) => run.startMs >= first.startMs && run.startMs <= last.startMs);
  const byteCount = inside.reduce((sum, run) => sum + run.bytes.length, 0);
  const elapsedMs = last.startMs + last.bytes.length * last.byteMs - first.startMs;
  const payloadMs = IMAGE_BYTES * 8 * bitMs;
  const share = payloadMs / elapsedMs;
  const limit = payloadMs / (byteCount * BITS_PER_BYTE * bitMs);
  return { share, limit, ratio: share / limit };
}
