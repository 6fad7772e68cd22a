/** A device's serial port, and whatever listens at the other end of its line: what the suites about wires share. */

import { type McuLine, mcuLineOf } from "../../host/peers/mcu-line.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { makeSerialClass } from "../../host/sim/serial.js";
import { UartLine } from "../../host/sim/uart.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { FRAME_BYTES_MAX } from "../../src/frame/layout.js";
import type { Clock, Io, SerialClass } from "../../src/ports.js";
import { toHex } from "./ncp-stub.js";

export class WireBench {
  readonly clock = new VirtualClock();
  readonly line: UartLine;
  /** Busy when a test says so. */
  readonly cpu = new SimCpu(this.clock);
  readonly deviceClock: Clock = new DeviceClock(this.clock, this.cpu);
  readonly serial: Io<SerialClass>;
  /** The other end: takes all in, at its own baud. */
  readonly far: McuLine;
  /** What the other end has heard, byte by byte. */
  readonly heard: number[] = [];
  /** Payloads of the good frames among it, as hexadecimal text, and when each was complete. */
  readonly payloads: string[] = [];
  readonly payloadTimesMs: number[] = [];
  readonly farDecoder: FrameDecoder;

  constructor(farBaud: number) {
    this.line = new UartLine(this.clock, {
      b: { rxFifoBytes: 8192, txFifoBytes: 8192, rxFullThreshold: 256, rxIdleSymbols: 1 },
    });
    this.serial = {
      io: makeSerialClass({ end: this.line.a, cpu: this.cpu, life: { assertAlive: () => {} } }),
    };
    this.farDecoder = new FrameDecoder((payload, length) => {
      this.payloads.push(toHex(payload.subarray(0, length)));
      this.payloadTimesMs.push(this.clock.now());
      this.onFarPayload(payload.slice(0, length));
    });
    this.far = mcuLineOf(this.line.b);
    this.far.onBytes = (bytes) => {
      this.heard.push(...bytes);
      this.farDecoder.push(bytes);
    };
    this.far.setBaud(farBaud);
  }

  /** For scripts of the other end. */
  onFarPayload: (payload: Uint8Array) => void = () => {};

  /** What has arrived before is heard first. */
  setFarBaud(baud: number): void {
    const rest = new Uint8Array(8192);
    const count = this.line.b.read(rest);
    if (count !== undefined) this.far.onBytes(rest.slice(0, count));
    this.far.setBaud(baud);
    this.farDecoder.reset();
  }

  /** The other end sends a frame. */
  farSends(payload: Uint8Array): void {
    const out = new Uint8Array(FRAME_BYTES_MAX);
    this.far.write(out.slice(0, encodeFrame(payload, payload.length, out)));
  }

  /** Forgets what the other end has heard; returns it as hexadecimal text. */
  takeHeard(): string {
    this.payloads.length = 0;
    this.payloadTimesMs.length = 0;
    return toHex(this.heard.splice(0));
  }
}
