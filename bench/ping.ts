/**
 * How long an MCU waits for the answer to its ping while Ferry does something else, in virtual time: from the last bit
 * of the ping at Ferry's UART to the last bit of the RESULT on the line. Blynk's driver gives up after 100 ms.
 *
 * The engine is charged with its metered steps, with the flash (host/sim/nor.ts), with digests and with TLS handshakes.
 * Two wires: the TypeScript one over the SDK's serial port, where an answer waits for the engine; and the native one,
 * whose task lies in flash and so stands still while a sector is erased, but whose interrupt lies in RAM, and answers.
 */

import { FIRMWARE_PATH, SERVER_HOST, Workbench } from "../host/peers/workbench.js";
import type { VirtualClock } from "../host/sim/clock.js";
import type { SimCpu } from "../host/sim/cpu.js";
import type { DeviceOverrides } from "../host/sim/device.js";
import { SimDigest } from "../host/sim/digest.js";
import { Random } from "../host/sim/random.js";
import type { ObservedRun, UartLine } from "../host/sim/uart.js";
import { crc32 } from "../src/base/crc.js";
import { FrameDecoder } from "../src/frame/decoder.js";
import { encodeFrame } from "../src/frame/encoder.js";
import { FRAME_BYTES_MAX } from "../src/frame/layout.js";
import type { DigestClass } from "../src/ports.js";
import { calls } from "../src/rpc/catalogue.js";
import { OPCODE_INVOKE, OPCODE_RESULT } from "../src/rpc/protocol.js";
import { ChargedSerial } from "./charged-serial.js";
import type { DownloadCost } from "./download.js";
import { makeLargeStorage } from "./line.js";
import { type NativeWireModel, nativeWireModel } from "./native-line.js";
import type { XsCost } from "./xs-cost.js";

const IMAGE_BYTES = 512 * 1024;
/** Too large for the files of a module of 4 MB. */
const SLOT_IMAGE_BYTES = 1_000_000;
/** Each ends with the first byte of the image: what an erase adds to a ping is another phase's. */
const HANDSHAKES = 6;
const CHUNK_BYTES = 1024;
const IDLE_MS = 60_000;
/** Ferry is up again. */
const BOOT_MS = 1_000;
/** The next ping leaves so long after the last answer: at any phase of whatever else goes on. */
const PAUSE_MS_MIN = 20;
const PAUSE_MS_SPREAD = 40;
/** The ids of the MCU itself count from 1. */
const FIRST_ID = 0x8000;
const PERCENTILE = 0.99;
/** The handshake's public-key work in JavaScript, in one go. Nobody has measured it: hundreds of ms to seconds. */
export const TLS_HANDSHAKE_MS = 1_500;
/** MD5 or SHA-256 of a byte in native code: some 40 cycles. */
const DIGEST_MS_PER_BYTE = 160e-6;

export const PING_PHASES = Object.freeze([
  "idle",
  "downloading",
  "stagingInSlot",
  "handshakes",
  "hashing",
  "serving",
] as const);
export type PingPhase = (typeof PING_PHASES)[number];

export interface PingFigures {
  readonly pings: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The longest that the native wire's task stood still meanwhile. */
  readonly stalledMs: number;
}

export interface PingsFigures {
  /** Of the worst phase. */
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly phases: Readonly<Record<PingPhase, PingFigures>>;
}

/** What the engine is charged with, in milliseconds of the chip's time. */
export interface PingCharges {
  /** For each delivery from the wire: hearing of a call and answering it. */
  readonly deliveryMs: number;
  /** For each byte from the socket to the staging place, without its digests. */
  readonly downloadMsPerByte: number;
  /** For making a chunk's frame, by the byte. */
  readonly frameMsPerByte: number;
}

export type PingWire = "typescript" | "native";

export interface PingSetup {
  readonly baud: number;
  readonly wire: PingWire;
  readonly charges: PingCharges;
}

/** The engine's steps as bench/xs-cost.ts and bench/download.ts meter them. */
export function pingChargesOf(wire: PingWire, xs: XsCost, download: DownloadCost, msPerStep: number): PingCharges {
  const isNative = wire === "native";
  const { stepsPerDownloadedByte, stepsPerDownloadedByteNativeCrc } = download;
  return {
    deliveryMs: (isNative ? xs.resultStepsNativeWire : xs.turnaroundSteps) * msPerStep,
    downloadMsPerByte: (isNative ? stepsPerDownloadedByteNativeCrc : stepsPerDownloadedByte) * msPerStep,
    frameMsPerByte: (isNative ? xs.stepsPerServedByteNativeWire : xs.stepsPerServedByte) * msPerStep,
  };
}

export function measurePings(setup: PingSetup): PingsFigures {
  const phases = Object.fromEntries(PING_PHASES.map((phase) => [phase, measurePhase(phase, setup)]));
  const worst = (of: (figures: PingFigures) => number) => Math.max(...Object.values(phases).map(of));
  return {
    p99Ms: worst(({ p99Ms }) => p99Ms),
    maxMs: worst(({ maxMs }) => maxMs),
    phases: phases as Record<PingPhase, PingFigures>,
  };
}

function measurePhase(phase: PingPhase, setup: PingSetup): PingFigures {
  const { bench, model } = makeBench(phase, setup);
  bench.start();
  bench.clock.advance(1_000);
  const pinger = new Pinger(bench.clock, bench.uart);
  prepare[phase](bench);
  pinger.start();
  bench.runUntil(isOver(phase, bench), 3_600_000, `the end of ${phase}`);
  pinger.stop();
  bench.clock.advance(10_000);
  return { ...pinger.figures(), stalledMs: model?.longestStallMs() ?? 0 };
}

/** Brings the phase about: it begins now. */
const prepare: Readonly<Record<PingPhase, (bench: Workbench) => void>> = Object.freeze({
  idle: () => {},
  downloading: (bench) => offer(bench),
  stagingInSlot: (bench) => offer(bench),
  handshakes: (bench) => offer(bench, `https://${SERVER_HOST}${FIRMWARE_PATH}`),
  hashing: (bench) => {
    offer(bench);
    bench.runUntil(() => bench.device.downloadedBytes >= 0.9 * IMAGE_BYTES, 600_000, "most of the image");
    const initializations = bench.count("initialized");
    bench.device.restart();
    bench.clock.advance(BOOT_MS);
    bench.mcu.reset();
    bench.runUntil(() => bench.count("initialized") > initializations, 10_000, "the MCU's return");
  },
  serving: (bench) => {
    offer(bench);
    bench.runUntil(() => bench.last("phase")?.phase === "serving", 600_000, "the transfer");
  },
});

function offer(bench: Workbench, url = `http://${SERVER_HOST}${FIRMWARE_PATH}`): void {
  bench.offer({ url, type: "", version: "", build: "", target: "mcu" });
}

function isOver(phase: PingPhase, bench: Workbench): () => boolean {
  if (phase === "idle") {
    const endMs = bench.clock.now() + IDLE_MS;
    return () => bench.clock.now() >= endMs;
  }
  if (phase === "serving") return () => bench.last("ferried")?.bytes === IMAGE_BYTES;
  if (phase === "downloading" || phase === "stagingInSlot") return () => bench.count("staged") > 0;
  const requests = bench.count("request") + (phase === "handshakes" ? HANDSHAKES : 1);
  return () => bench.count("request") >= requests;
}

function makeBench(
  phase: PingPhase,
  { baud, wire, charges }: PingSetup,
): { readonly bench: Workbench; readonly model: NativeWireModel | undefined } {
  const secure = phase === "handshakes";
  const model = wire === "native" ? nativeWireModel({ resultMs: charges.deliveryMs, flashStopsWire: true }) : undefined;
  let cpu: SimCpu | undefined;
  const msPerByte = phase === "serving" ? charges.frameMsPerByte : charges.downloadMsPerByte;
  const overrides: DeviceOverrides = {
    ...(model?.overridesOf(() => bench) ?? {
      wrapSerial: (io, processor) => {
        cpu = processor;
        return ChargedSerial.over(io, processor, charges.deliveryMs);
      },
    }),
    initialBaud: baud,
    secureHandshakeMs: secure ? TLS_HANDSHAKE_MS : 0,
    Digest: chargedDigest(() => cpu ?? model?.engine()),
    // Every byte passes here once: on its way into the flash, when it is checked, when its chunk is made.
    crc32: (bytes, crc) => {
      (cpu ?? model?.engine())?.spend(bytes.length * msPerByte);
      return crc32(bytes, crc);
    },
  };
  const bench: Workbench = new Workbench({
    ...(phase === "stagingInSlot" ? {} : { storage: makeLargeStorage() }),
    image: new Random(1).bytes(phase === "stagingInSlot" ? SLOT_IMAGE_BYTES : IMAGE_BYTES),
    mcu: {
      bringUp: "low-level",
      targetBaud: baud,
      prefetch: true,
      chunkBytes: CHUNK_BYTES,
      slotBytes: 1 << 22,
      eraseMs: 0,
    },
    ...(model ? { deviceUart: model.deviceUart } : {}),
    overrides,
  });
  if (secure) {
    bench.network.listen(SERVER_HOST, 443, bench.server.accept);
    const { behavior } = bench.server;
    bench.server.behavior = { ...behavior, cutAtByte: { byte: 1, times: HANDSHAKES } };
  }
  return { bench, model };
}

function chargedDigest(cpu: () => SimCpu | undefined): DigestClass {
  return class extends SimDigest {
    override write(bytes: Uint8Array): void {
      cpu()?.spend(bytes.byteLength * DIGEST_MS_PER_BYTE);
      super.write(bytes);
    }
  };
}

/** Pings from the MCU's end of the line, beside all that its firmware does, and looks at the line for the answers. */
class Pinger {
  readonly #clock: VirtualClock;
  readonly #uart: UartLine;
  readonly #random = new Random(7);
  readonly #waitsMs: number[] = [];
  /** Ids of the pings under way, and when their last bit was at Ferry's UART. */
  readonly #sentMs = new Map<number, number>();
  /** When the last bit of the byte was on the line that the decoder is at. */
  #byteEndMs = 0;
  #lastId = FIRST_ID;
  #isStopped = false;

  constructor(clock: VirtualClock, uart: UartLine) {
    this.#clock = clock;
    this.#uart = uart;
    const decoder = new FrameDecoder((payload) => this.#onPayload(payload));
    const byte = new Uint8Array(1);
    uart.observe((run) => {
      if (run.from === uart.b) return this.#onSent(run);
      for (const [i, value] of run.bytes.entries()) {
        byte[0] = value;
        this.#byteEndMs = run.startMs + (i + 1) * run.byteMs;
        decoder.push(byte, 1);
      }
    });
  }

  start(): void {
    const { b } = this.#uart;
    if (this.#isStopped) return;
    const frame = pingFrame(this.#lastId + 1);
    // The MCU's own frame goes first, and whole.
    if (this.#sentMs.size > 0 || !b.isOpen || b.free() < b.free(Number.POSITIVE_INFINITY)) return this.#later(1);
    this.#lastId++;
    b.write(frame);
    this.#later(PAUSE_MS_MIN + this.#random.below(PAUSE_MS_SPREAD));
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Throws when a ping was never answered. */
  figures(): Omit<PingFigures, "stalledMs"> {
    if (this.#sentMs.size > 0) throw new Error("bench: a ping was not answered at all");
    const sorted = [...this.#waitsMs].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
    return { pings: sorted.length, p99Ms: at(PERCENTILE), maxMs: at(1) };
  }

  #later(delayMs: number): void {
    this.#clock.set(() => this.start(), delayMs);
  }

  #onSent({ bytes, startMs, byteMs }: ObservedRun): void {
    if (bytes.length !== pingFrame(this.#lastId).length) return;
    if (!pingFrame(this.#lastId).every((byte, i) => byte === bytes[i])) return;
    this.#sentMs.set(this.#lastId, startMs + bytes.length * byteMs);
  }

  #onPayload(payload: Uint8Array): void {
    const [opcode, id = 0] = [u16(payload, 0), u16(payload, 2)];
    const sentMs = opcode === OPCODE_RESULT ? this.#sentMs.get(id) : undefined;
    if (sentMs === undefined) return;
    this.#sentMs.delete(id);
    this.#waitsMs.push(this.#byteEndMs - sentMs);
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function pingFrame(id: number): Uint8Array {
  const payload = Uint8Array.from(
    [OPCODE_INVOKE, calls["ncp.ping"].uid, id].flatMap((word) => [word & 0xff, word >> 8]),
  );
  const frame = new Uint8Array(FRAME_BYTES_MAX);
  return frame.slice(0, encodeFrame(payload, payload.length, frame));
}
