/**
 * What a download costs, in virtual time and in the engine's steps: 1 MiB from a server on a home network into the
 * files of a module of 8 MB, undisturbed, after one cut of the connection, and after one of the power.
 *
 * The longest task is in the chip's time: flash as host/sim/nor.ts has it, and the engine's own work by the byte.
 * Digests are native on the chip, and not charged: nobody has measured them.
 */

import { Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";
import type { SimCpu } from "../host/sim/cpu.js";
import { Random } from "../host/sim/random.js";
import { bundleForXs } from "../host/xs/bundle.js";
import { XsMachine } from "../host/xs/machine.js";
import { crc32 } from "../src/base/crc.js";
import { SEGMENT_BYTES } from "../src/store/segments.js";
import { makeLargeStorage } from "./line.js";

const IMAGE_BYTES = 1024 * 1024;
/** In the middle of a segment in the middle of the image. */
const CUT_AT_BYTE = 16 * SEGMENT_BYTES + SEGMENT_BYTES / 2;
const METERED_SEGMENTS = 4;

export interface DownloadFigures {
  readonly requests: number;
  readonly connections: number;
  /** Bytes of bodies that were read, over bytes of the image. */
  readonly fetchedPerImageByte: number;
  readonly fetchedAgainBytes: number;
  /** In milliseconds of the chip's time; a ping waits no longer. */
  readonly longestTaskMs: number;
}

export interface DownloadCost {
  /** From the socket to the staging place, with the CRC-32 in TypeScript. */
  readonly stepsPerDownloadedByte: number;
  /** The same with a native CRC-32. */
  readonly stepsPerDownloadedByteNativeCrc: number;
}

export async function measureDownloadCost(): Promise<DownloadCost> {
  const machine = await XsMachine.start();
  try {
    await machine.evaluate((await bundleForXs({ path: "bench/guest/download.ts" })).source);
    const measure = async (native: boolean) => {
      await machine.evaluate(`globalThis.rig = new DownloadRig(${native}); rig.begin(${IMAGE_BYTES})`);
      await machine.evaluate(`rig.fetchUntil(${SEGMENT_BYTES})`); // code and tables on their first use
      const bytes = METERED_SEGMENTS * SEGMENT_BYTES;
      return (await machine.evaluate(`rig.fetchUntil(${SEGMENT_BYTES + bytes})`)).compute / bytes;
    };
    return { stepsPerDownloadedByte: await measure(false), stepsPerDownloadedByteNativeCrc: await measure(true) };
  } finally {
    machine.close();
  }
}

/** `msPerByte`: what the engine is charged with for a byte of the image. */
export function measureDownloads(msPerByte: number): Readonly<Record<string, DownloadFigures>> {
  return {
    undisturbed: measureDownload(msPerByte),
    connectionCut: measureDownload(msPerByte, { cut: "connection" }),
    powerCut: measureDownload(msPerByte, { cut: "power" }),
  };
}

function measureDownload(msPerByte: number, { cut }: { cut?: "connection" | "power" } = {}): DownloadFigures {
  const bench = makeBench(msPerByte);
  if (cut === "connection") {
    bench.server.behavior = { ...bench.server.behavior, cutAtByte: { byte: CUT_AT_BYTE, times: 1 } };
  }
  bench.start();
  bench.offer({ type: "", version: "", build: "", target: "mcu" });
  if (cut === "power") {
    bench.runUntil(() => bench.device.downloadedBytes >= CUT_AT_BYTE, 600_000, "the moment of the cut");
    bench.device.powerOff();
  }
  bench.runUntil(() => bench.count("staged") === 1, 600_000, "the staged image");
  const { downloadedBytes, longestTaskMs } = bench.device;
  return {
    requests: bench.server.requests.length,
    connections: bench.server.connections,
    fetchedPerImageByte: downloadedBytes / IMAGE_BYTES,
    fetchedAgainBytes: downloadedBytes - IMAGE_BYTES,
    longestTaskMs,
  };
}

function makeBench(msPerByte: number): Workbench {
  let cpu: SimCpu | undefined;
  const overrides: WorkbenchOptions["overrides"] = {
    wrapSerial: (io, processor) => {
      cpu = processor;
      return io;
    },
    // Every byte of the image passes here once.
    crc32: (bytes, crc) => {
      cpu?.spend(bytes.length * msPerByte);
      return crc32(bytes, crc);
    },
  };
  return new Workbench({
    storage: makeLargeStorage(),
    image: new Random(1).bytes(IMAGE_BYTES),
    mcu: { prefetch: true, eraseMs: 0, slotBytes: IMAGE_BYTES },
    powerReturnsAfterMs: 1_000,
    overrides,
  });
}
