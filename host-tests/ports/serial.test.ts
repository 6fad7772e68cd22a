/** The simulated ESP32's Serial: the contract, and what only a simulator can show: exact times and lost bytes. */

import { assert } from "chai";
import { VirtualClock } from "../../host/sim/clock.js";
import { SimCpu } from "../../host/sim/cpu.js";
import { PowerCut } from "../../host/sim/power.js";
import { makeSerialClass } from "../../host/sim/serial.js";
import { UartLine } from "../../host/sim/uart.js";
import type { Serial, SerialOptions } from "../../src/ports.js";
import { describeSerialContract } from "./contracts/serial.js";

const BAUD = 115_200;
const BYTE_MS = 10_000 / BAUD;

function makeDevice() {
  const clock = new VirtualClock();
  const line = new UartLine(clock, { b: { rxFifoBytes: 4096, txFifoBytes: 8192 } });
  const heard: number[] = [];
  const buffer = new Uint8Array(4096);
  line.b.open(BAUD, {
    onReceive: () => {
      const count = line.b.read(buffer) ?? 0;
      for (const byte of buffer.subarray(0, count)) heard.push(byte);
    },
  });
  const cpu = new SimCpu(clock);
  const life = {
    isOver: false,
    assertAlive(): void {
      if (this.isOver) throw new PowerCut("off");
    },
  };
  return { clock, line, heard, cpu, life, io: makeSerialClass({ end: line.a, cpu, life }) };
}

describeSerialContract("The simulated ESP32's UART", () => {
  const { clock, line, heard, io } = makeDevice();
  return {
    Serial: io,
    baud: BAUD,
    otherBaud: 38_400,
    options: { port: 1, receive: 16, transmit: 17 },
    send: (bytes) => line.b.write(bytes),
    heard: () => heard,
    pass: (durationMs) => clock.advance(durationMs),
  };
});

describe("The simulated ESP32's Serial", () => {
  let device: ReturnType<typeof makeDevice>;
  let port: Serial;
  let events: { readonly what: "readable" | "writable"; readonly count: number; readonly atMs: number }[];

  const open = (options: Partial<SerialOptions> = {}) => {
    const note = (what: "readable" | "writable") => (count: number) => {
      events.push({ what, count, atMs: device.clock.now() });
    };
    port = new device.io({ baud: BAUD, onReadable: note("readable"), onWritable: note("writable"), ...options });
    device.clock.advance(0);
    events.length = 0;
  };
  const sendMany = (count: number) => device.line.b.write(new Uint8Array(count).fill(0x55));
  const readAll = () => port.read(new Uint8Array(128));

  beforeEach(() => {
    device = makeDevice();
    events = [];
    open();
  });

  it("announces bytes four symbol times after the last one", () => {
    sendMany(10);
    device.clock.advance(100);
    assert.lengthOf(events, 1);
    assert.strictEqual(events[0]?.count, 10);
    assert.approximately(events[0]?.atMs ?? 0, 14 * BYTE_MS, 1e-9);
  });

  it("announces bytes at once when 96 wait", () => {
    sendMany(200);
    device.clock.advance(96.5 * BYTE_MS);
    assert.lengthOf(events, 1);
    assert.strictEqual(events[0]?.count, 96);
    assert.approximately(events[0]?.atMs ?? 0, 96 * BYTE_MS, 1e-9);
  });

  it("announces free space when 9 bytes are unsent, and for a short write at once", () => {
    port.write(new Uint8Array(100));
    device.clock.advance(100);
    assert.deepEqual(
      events.map(({ what, count }) => [what, count]),
      [["writable", 119]],
    );
    assert.approximately(events[0]?.atMs ?? 0, 90 * BYTE_MS, 1e-9);
    const atMs = device.clock.now();
    port.write(new Uint8Array(5));
    device.clock.advance(100);
    assert.approximately(events[1]?.atMs ?? 0, atMs, 1e-9);
    assert.strictEqual(events[1]?.count, 124);
  });

  it("has room for 128 bytes and the one on the wire", () => {
    port.write(new Uint8Array(128));
    assert.throws(() => port.write(new Uint8Array(2)), "output full");
    port.write(new Uint8Array(1));
    assert.throws(() => port.write(new Uint8Array(1)), "output full");
    device.clock.advance(BYTE_MS);
    port.write(new Uint8Array(1));
    device.clock.advance(100);
    assert.lengthOf(device.heard, 130);
  });

  it("loses what comes when 128 bytes wait, and goes on with what comes after a read", () => {
    sendMany(200);
    device.clock.advance(100);
    assert.strictEqual(device.line.a.received.overruns, 72);
    assert.strictEqual(readAll(), 128);
    sendMany(3);
    device.clock.advance(100);
    assert.strictEqual(readAll(), 3);
    assert.strictEqual(device.line.a.received.overruns, 72);
  });

  it("loses bytes while the processor is busy, and announces the rest when it is free", () => {
    device.cpu.run(() => device.cpu.spend(45));
    sendMany(400);
    device.clock.advance(44);
    assert.deepEqual(events, []);
    device.clock.advance(56);
    assert.deepEqual(events, [{ what: "readable", count: 128, atMs: 45 }]);
    assert.strictEqual(device.line.a.received.overruns, 272);
  });

  it("makes room only when a busy processor reads, not when the world gets there", () => {
    sendMany(128);
    device.clock.advance(100);
    const startMs = device.clock.now();
    device.cpu.run(() => {
      device.cpu.spend(20 * BYTE_MS);
      assert.strictEqual(readAll(), 128);
    });
    sendMany(50);
    device.clock.advance(100);
    assert.strictEqual(device.line.a.received.overruns, 20);
    assert.strictEqual(readAll(), 30);
    assert.isAbove(device.clock.now(), startMs);
  });

  it("sends a write of a busy processor when that processor gets there", () => {
    const observed: number[] = [];
    device.line.observe((run) => observed.push(run.startMs));
    device.cpu.run(() => {
      device.cpu.spend(7);
      port.write(Uint8Array.of(1));
    });
    device.clock.advance(100);
    assert.deepEqual(observed, [7]);
    assert.deepEqual(device.heard, [1]);
  });

  it("announces all that came until its delivery could run, once", () => {
    device.cpu.run(() => device.cpu.spend(30));
    sendMany(20);
    device.clock.advance(15);
    sendMany(20);
    device.clock.advance(85);
    assert.deepEqual(
      events.map(({ count }) => count),
      [40],
    );
  });

  it("loses unsent bytes when it is closed, except the one on the wire", () => {
    port.write(new Uint8Array(100).fill(3));
    device.clock.advance(10.5 * BYTE_MS);
    port.close();
    device.clock.advance(100);
    assert.lengthOf(device.heard, 11);
    assert.strictEqual(device.line.a.sent.unsent, 89);
    assert.strictEqual(device.line.a.sent.bytes, 11);
  });

  it("starts with empty FIFOs in a new life, whatever the last one left", () => {
    sendMany(5);
    port.write(new Uint8Array(100));
    device.clock.advance(1);
    const cpu = new SimCpu(device.clock);
    const reborn = new (makeSerialClass({ end: device.line.a, cpu, life: { assertAlive: () => {} } }))({
      baud: BAUD,
      onReadable: () => {},
      onWritable: () => {},
    });
    assert.isUndefined(reborn.read(new Uint8Array(8)));
    assert.isAbove(device.line.a.sent.unsent, 0);
  });

  it("throws PowerCut for code whose device is off", () => {
    device.life.isOver = true;
    assert.throws(() => port.read(new Uint8Array(1)), PowerCut);
    assert.throws(() => port.write(Uint8Array.of(1)), PowerCut);
    assert.throws(() => port.close(), PowerCut);
    assert.throws(() => open(), PowerCut);
  });
});
