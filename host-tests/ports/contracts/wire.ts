/** What every wire must do over a serial port with the FIFOs of the ESP32: pacing, the lead-in, cues, changes of baud. */

import { assert } from "chai";
import { McuParser } from "../../../host/peers/mcu-framing.js";
import { Random } from "../../../host/sim/random.js";
import { LEAD_IN_BYTES, PAYLOAD_BYTES_MAX } from "../../../src/frame/layout.js";
import { CUE_BYTES_MAX, type Wire, type WireClass } from "../../../src/frame/wire.js";
import type { Serial, SerialClass, SerialOptions } from "../../../src/ports.js";
import { toHex } from "../../support/ncp-stub.js";
import { WireBench } from "../../support/wire-bench.js";

const FIFO_BYTES = 128;
/** What an MCU waits before it talks at the baud it asked for (Arduino, Zephyr). */
const MCU_SWITCH_MS = 20;

const PING = Uint8Array.of(0xbc, 0x67, 0x01, 0x01, 0x02, 0x00);
const PING_FRAME = "aabc67010102" + "0070bb";
/** A RESULT with a bool, the answer to setUartBaudRate. */
const RESULT = Uint8Array.of(0x12, 0xa5, 0x01, 0x00, 0x00, 0x01);
const RESULT_FRAME = "aa12a501000001c3bb";
/** getState, message 7. */
const NEXT = Uint8Array.of(0xbc, 0x67, 0x06, 0x03, 0x07, 0x00);
const NEXT_FRAME = "aabc670603070085bb";

interface Received {
  readonly payloads: string[];
  noises: number;
  idles: number;
}

function send(wire: Wire, payload: Uint8Array): void {
  wire.send(payload, payload.length);
}

function prepare(wire: Wire, payload: Uint8Array): void {
  wire.prepare(payload, payload.length);
}

/** As long as a frame can get: every byte escaped. */
function longest(): Uint8Array {
  return new Uint8Array(PAYLOAD_BYTES_MAX).fill(0xaa);
}

export function describeWireContract(name: string, WireUnderTest: WireClass): void {
  function makeWire({ baud = 38_400, onIdle = (_wire: Wire) => {} } = {}) {
    const bench = new WireBench(baud);
    const received: Received = { payloads: [], noises: 0, idles: 0 };
    const wire: Wire = new WireUnderTest({
      clock: bench.deviceClock,
      serial: bench.serial,
      baud,
      onPayload: (payload, length) => received.payloads.push(toHex(payload.subarray(0, length))),
      onNoise: () => {
        received.noises++;
      },
      onIdle: () => {
        received.idles++;
        onIdle(wire);
      },
      onPingAnswered: () => {},
    });
    bench.clock.advance(1);
    return { bench, wire, received };
  }

  describe(name, () => {
    describe("a wire that sends", () => {
      it("hands a short frame over at once and is idle again", () => {
        const { bench, wire, received } = makeWire();
        assert.isTrue(wire.idle);
        send(wire, PING);
        assert.isTrue(wire.idle, "the FIFO has taken all of it");
        assert.equal(received.idles, 1);
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), `00bb${PING_FRAME}`);
        assert.deepInclude(wire.counters, { framesSent: 1, bytesSent: LEAD_IN_BYTES + 9 });
      });

      it("is not idle while a long frame is on its way, and refuses another then", () => {
        const { bench, wire, received } = makeWire();
        send(wire, longest());
        assert.isFalse(wire.idle);
        assert.throws(() => send(wire, PING), /on its way/);
        bench.clock.runUntil(() => wire.idle, 2000);
        assert.equal(received.idles, 1);
        bench.clock.advance(50);
        assert.deepEqual(bench.payloads, [toHex(longest())]);
      });

      for (const baud of [1200, 38_400, 115_200, 921_600, 5_000_000]) {
        it(`leaves no gap in a long frame at ${baud} baud`, () => {
          const { bench, wire } = makeWire({ baud });
          send(wire, longest());
          bench.clock.advance(50_000);
          assert.deepEqual(bench.payloads, [toHex(longest())]);
          const { firstBitMs = 0, lastBitMs = 0, busyMs, bytes } = bench.line.a.sent;
          assert.isAbove(bytes, 2 * PAYLOAD_BYTES_MAX);
          assert.approximately(lastBitMs - firstBitMs, busyMs, 1e-6);
          assert.equal(wire.counters.bytesSent, bytes);
        });
      }

      it("never writes more than the port has announced and not got since, and fills the FIFO all the same", () => {
        const bench = new WireBench(38_400);
        const writes: { readonly count: number; readonly announced: number }[] = [];
        let announced = 0;
        class Watched extends (bench.serial.io as SerialClass) implements Serial {
          constructor(options: SerialOptions & Record<string, unknown>) {
            const onWritable = (count: number): void => {
              announced = count;
              options.onWritable(count);
            };
            super({ ...options, onWritable });
          }
          override write(bytes: Uint8Array): void {
            writes.push({ count: bytes.length, announced });
            announced -= bytes.length;
            super.write(bytes);
          }
        }
        const random = new Random(9);
        const wire: Wire = new WireUnderTest({
          clock: bench.deviceClock,
          serial: { io: Watched },
          baud: 38_400,
          onPayload: () => {},
          onNoise: () => {},
          onIdle: () => {
            if (wire.counters.framesSent < 60) send(wire, random.bytes(1 + random.below(400)));
          },
          onPingAnswered: () => {},
        });
        bench.clock.advance(1);
        send(wire, PING);
        bench.clock.advance(10_000);
        assert.isAtLeast(bench.payloads.length, 60);
        for (const { count, announced } of writes)
          assert.isTrue(count > 0 && count <= announced, `${count}/${announced}`);
        assert.isAbove(writes.filter(({ count }) => count >= FIFO_BYTES - 10).length, 60);
      });

      it("loses and mixes nothing while its processor is busy again and again", () => {
        const random = new Random(77);
        const expected: string[] = [];
        let framesLeft = 40;
        const { bench, wire } = makeWire({
          baud: 115_200,
          onIdle: (idleWire) => {
            if (framesLeft-- <= 0) return;
            const payload = random.bytes(1 + random.below(random.chance(0.3) ? 1500 : 40));
            expected.push(toHex(payload));
            send(idleWire, payload);
          },
        });
        bench.cpu.run(() => {
          expected.push(toHex(PING));
          send(wire, PING);
        });
        let stalls = 0;
        for (let i = 0; i < 400; i++) {
          bench.clock.advance(random.below(20));
          bench.cpu.run(() => {
            bench.cpu.spend(random.below(16));
            stalls++;
          });
        }
        bench.clock.advance(1000);
        assert.equal(expected.length, 41);
        assert.deepEqual(bench.payloads, expected);
        assert.equal(bench.line.b.received.overruns, 0);
        assert.equal(stalls, 400);
        const { firstBitMs = 0, lastBitMs = 0, busyMs } = bench.line.a.sent;
        assert.isAbove(lastBitMs - firstBitMs, busyMs + 50, "no stall ever left a gap");
      });

      it("waits for the port to announce room, at the very start", () => {
        const bench = new WireBench(38_400);
        const options = { onPayload: () => {}, onNoise: () => {}, onIdle: () => {}, onPingAnswered: () => {} };
        const wire = new WireUnderTest({ clock: bench.deviceClock, serial: bench.serial, baud: 38_400, ...options });
        send(wire, PING);
        assert.isFalse(wire.idle);
        assert.equal(wire.counters.bytesSent, 0);
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), `00bb${PING_FRAME}`);
      });
    });

    describe("the lead-in", () => {
      it("stands before the first frame, and before no other, however long the pause", () => {
        const { bench, wire } = makeWire();
        bench.clock.advance(10_000);
        assert.equal(bench.takeHeard(), "", "nothing leaves of itself");
        send(wire, PING);
        send(wire, PING);
        bench.clock.advance(86_400_000);
        send(wire, RESULT);
        bench.clock.advance(100);
        assert.equal(bench.takeHeard(), `00bb${PING_FRAME}${PING_FRAME}${RESULT_FRAME}`);
      });

      it("stands before a prepared frame where that is the first", () => {
        const { bench, wire } = makeWire();
        prepare(wire, PING);
        wire.sendPrepared();
        prepare(wire, RESULT);
        wire.sendPrepared();
        bench.clock.advance(100);
        assert.equal(bench.takeHeard(), `00bb${PING_FRAME}${RESULT_FRAME}`);
      });

      it("stands before the first frame after each change of baud, also a prepared one", () => {
        const { bench, wire } = makeWire();
        send(wire, PING);
        prepare(wire, RESULT);
        for (const baud of [115_200, 38_400]) {
          wire.setBaud(baud, () => bench.setFarBaud(baud));
          bench.clock.advance(100);
          bench.takeHeard();
          if (baud === 115_200) send(wire, PING);
          else wire.sendPrepared();
          send(wire, PING);
          bench.clock.advance(100);
          const first = baud === 115_200 ? PING_FRAME : RESULT_FRAME;
          assert.equal(bench.takeHeard(), `00bb${first}${PING_FRAME}`);
        }
      });

      it("frees the parser of Blynk's driver from half a frame, which would swallow the first frame else", () => {
        const { bench, wire } = makeWire();
        send(wire, PING);
        bench.clock.advance(100);
        /** Whether the last byte completes a frame. */
        const isHeardBy = (half: readonly number[], bytes: readonly number[]): boolean => {
          const stuck = new McuParser({ bufferBytes: 2048, resyncsOnBeg: false });
          for (const byte of half) stuck.push(byte);
          return bytes.map((byte) => stuck.push(byte)).at(-1) ?? false;
        };
        const [some, only, escaped] = [[0xaa, 0xbc, 0x67], [0xaa], [0xaa, 0xbc, 0xcc]] as const;
        for (const half of [some, only, escaped]) assert.isTrue(isHeardBy(half, bench.heard));
        for (const half of [some, only, escaped]) {
          assert.isFalse(isHeardBy(half, bench.heard.slice(LEAD_IN_BYTES)), "the lead-in made no difference");
        }
        assert.isFalse(isHeardBy(escaped, bench.heard.slice(1)), "its zero made no difference");
      });
    });

    describe("a prepared frame", () => {
      it("is made while another is on its way, of bytes that may change then, and follows it", () => {
        const { bench, wire } = makeWire();
        send(wire, longest());
        const payload = RESULT.slice();
        prepare(wire, payload);
        payload.fill(0);
        bench.clock.runUntil(() => wire.idle, 2000);
        wire.sendPrepared();
        bench.clock.advance(100);
        assert.deepEqual(bench.payloads, [toHex(longest()), toHex(RESULT)]);
      });

      it("stays prepared while others are sent", () => {
        const { bench, wire } = makeWire();
        prepare(wire, longest());
        send(wire, PING);
        send(wire, RESULT);
        wire.sendPrepared();
        bench.clock.advance(2000);
        assert.deepEqual(bench.payloads, [toHex(PING), toHex(RESULT), toHex(longest())]);
      });

      it("replaces the one prepared before", () => {
        const { bench, wire } = makeWire();
        prepare(wire, longest());
        prepare(wire, PING);
        wire.sendPrepared();
        bench.clock.advance(100);
        assert.equal(bench.takeHeard(), `00bb${PING_FRAME}`);
      });

      it("may be the next while the last prepared one is on its way, again and again", () => {
        const { bench, wire } = makeWire({ baud: 921_600 });
        const random = new Random(6);
        const expected: string[] = [];
        for (let i = 0; i < 12; i++) {
          const payload = random.bytes(1 + random.below(1200));
          expected.push(toHex(payload));
          prepare(wire, payload);
          bench.clock.runUntil(() => wire.idle, 1000);
          wire.sendPrepared();
        }
        bench.clock.advance(100);
        assert.deepEqual(bench.payloads, expected);
      });
    });

    describe("a prepared frame with a cue", () => {
      /** A frame that is ready to follow RESULT, on a wire that has sent one before. */
      function makeCuedWire() {
        const made = makeWire({ baud: 115_200 });
        send(made.wire, PING);
        made.bench.clock.advance(10);
        made.bench.takeHeard();
        made.wire.prepare(NEXT, NEXT.length, RESULT);
        return made;
      }

      it("leaves when its cue arrives, and is sent by then when it is asked for", () => {
        const { bench, wire, received } = makeCuedWire();
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), "", "it left without a cue");
        bench.farSends(RESULT);
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), NEXT_FRAME);
        assert.deepEqual(received.payloads, [toHex(RESULT)]);
        assert.isTrue(wire.sendPrepared());
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), "");
        assert.deepInclude(wire.counters, { framesSent: 2, framesCued: 1 });
      });

      it("leaves before the cue is handed over", () => {
        const bench = new WireBench(115_200);
        let sentBefore = 0;
        const wire: Wire = new WireUnderTest({
          clock: bench.deviceClock,
          serial: bench.serial,
          baud: 115_200,
          onPayload: () => {
            sentBefore = wire.counters.bytesSent;
            assert.isTrue(wire.sendPrepared());
          },
          onNoise: () => {},
          onIdle: () => {},
          onPingAnswered: () => {},
        });
        bench.clock.advance(1);
        wire.prepare(NEXT, NEXT.length, RESULT);
        bench.farSends(RESULT);
        bench.clock.advance(10);
        assert.equal(sentBefore, LEAD_IN_BYTES + NEXT_FRAME.length / 2);
        assert.equal(bench.takeHeard(), `00bb${NEXT_FRAME}`);
      });

      it("waits for this very payload: no byte more, less or different", () => {
        const { bench, wire, received } = makeCuedWire();
        const others = [RESULT.slice(0, 5), Uint8Array.of(...RESULT, 0)];
        for (let at = 0; at < RESULT.length; at++) {
          others.push(RESULT.map((byte, index) => (index === at ? byte ^ 1 : byte)));
        }
        for (const other of others) bench.farSends(other);
        bench.clock.advance(50);
        assert.lengthOf(received.payloads, 8);
        assert.equal(bench.takeHeard(), "");
        assert.equal(wire.counters.framesCued, 0);
        bench.farSends(RESULT);
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), NEXT_FRAME);
      });

      it("leaves once, however often the cue comes, and the next one needs a cue of its own", () => {
        const { bench, wire } = makeCuedWire();
        bench.farSends(RESULT);
        bench.farSends(RESULT);
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), NEXT_FRAME);
        assert.isTrue(wire.sendPrepared());
        prepare(wire, PING);
        bench.farSends(RESULT);
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), "");
        assert.isTrue(wire.sendPrepared());
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), PING_FRAME);
      });

      it("stays when its cue is dropped in time, and says so when it is too late", () => {
        const { bench, wire } = makeCuedWire();
        assert.isTrue(wire.dropCue());
        bench.farSends(RESULT);
        bench.clock.advance(10);
        assert.equal(bench.takeHeard(), "");
        wire.prepare(NEXT, NEXT.length, RESULT);
        bench.farSends(RESULT);
        bench.clock.advance(10);
        assert.isFalse(wire.dropCue());
        assert.equal(bench.takeHeard(), NEXT_FRAME);
        prepare(wire, PING);
        assert.isTrue(wire.dropCue(), "that is about the one before");
      });

      it("stays when it was asked for while another was on its way: whoever asked will ask again", () => {
        const { bench, wire } = makeCuedWire();
        send(wire, longest());
        assert.isFalse(wire.sendPrepared());
        bench.clock.runUntil(() => wire.idle, 1000);
        bench.farSends(RESULT);
        bench.clock.advance(50);
        assert.equal(bench.payloads.at(-1), toHex(longest()));
        assert.isTrue(wire.sendPrepared());
        bench.clock.advance(10);
        assert.equal(bench.payloads.at(-1), toHex(NEXT));
      });

      it("does not cut into a frame that is on its way, nor into a wait for the line to drain", () => {
        const { bench, wire } = makeCuedWire();
        send(wire, longest());
        bench.farSends(RESULT);
        bench.clock.advance(500);
        assert.deepEqual(bench.payloads, [toHex(longest())]);
        wire.afterDrain(() => {});
        bench.farSends(RESULT);
        bench.clock.advance(1);
        assert.isFalse(wire.idle);
        bench.clock.runUntil(() => wire.idle, 100);
        bench.clock.advance(10);
        assert.deepEqual(bench.payloads, [toHex(longest())]);
        assert.equal(wire.counters.framesCued, 0);
        assert.isTrue(wire.sendPrepared());
      });

      it("has the lead-in before it where it is the first after a change of baud", () => {
        const { bench, wire } = makeCuedWire();
        wire.setBaud(38_400, () => bench.setFarBaud(38_400));
        bench.clock.advance(50);
        bench.farSends(RESULT);
        bench.clock.advance(20);
        assert.equal(bench.takeHeard(), `00bb${NEXT_FRAME}`);
      });

      it("refuses a cue that is too long", () => {
        const { wire } = makeCuedWire();
        assert.throws(() => wire.prepare(NEXT, NEXT.length, new Uint8Array(CUE_BYTES_MAX + 1)), RangeError);
        wire.prepare(NEXT, NEXT.length, new Uint8Array(CUE_BYTES_MAX));
      });
    });

    describe("a change of baud", () => {
      for (const baud of [1200, 9600, 38_400, 115_200, 2_000_000]) {
        it(`waits until an answer at ${baud} baud has left, and hardly longer`, () => {
          const { bench, wire } = makeWire({ baud });
          send(wire, RESULT);
          let switchedMs = 0;
          wire.setBaud(460_800, () => {
            switchedMs = bench.clock.now();
          });
          const drainedMs = bench.line.a.drainedMs;
          bench.clock.advance(1000);
          assert.equal(bench.takeHeard(), `00bb${RESULT_FRAME}`);
          assert.isAtLeast(switchedMs, drainedMs);
          assert.isBelow(switchedMs, drainedMs + MCU_SWITCH_MS);
          assert.equal(wire.baud, 460_800);
          assert.equal(bench.line.a.baud, 460_800);
          assert.equal(wire.counters.baudChanges, 1);
        });
      }

      it("hardly waits when nothing was sent for long", () => {
        const { bench, wire } = makeWire({ baud: 9600 });
        send(wire, longest());
        bench.clock.advance(10_000);
        const startMs = bench.clock.now();
        let switchedMs = 0;
        wire.setBaud(115_200, () => {
          switchedMs = bench.clock.now();
        });
        bench.clock.advance(1000);
        assert.isBelow(switchedMs - startMs, MCU_SWITCH_MS);
        assert.isAbove(switchedMs, startMs, "never from inside the call");
      });

      it("cuts no frame: one that is still on its way leaves whole at the old baud", () => {
        const { bench, wire, received } = makeWire();
        send(wire, longest());
        let switchedMs = 0;
        wire.setBaud(115_200, () => {
          switchedMs = bench.clock.now();
          bench.setFarBaud(115_200);
        });
        assert.equal(received.idles, 0);
        bench.clock.advance(2000);
        assert.deepEqual(bench.payloads, [toHex(longest())]);
        assert.isAbove(switchedMs, bench.payloadTimesMs[0] as number);
        assert.isTrue(wire.idle);
        assert.equal(received.idles, 1, "idle once, after the switch");
        send(wire, RESULT);
        bench.clock.advance(100);
        assert.equal(bench.payloads.at(-1), toHex(RESULT));
        assert.equal(bench.line.b.received.framingErrors, 0);
      });

      it("cuts no frame either when the processor was busy and handed it over late", () => {
        const { bench, wire } = makeWire({ baud: 115_200 });
        bench.cpu.run(() => {
          send(wire, longest());
          wire.setBaud(38_400, () => bench.setFarBaud(38_400));
        });
        for (let i = 0; i < 40; i++) {
          bench.clock.advance(17);
          bench.cpu.run(() => bench.cpu.spend(16));
        }
        bench.clock.advance(500);
        assert.deepEqual(bench.payloads, [toHex(longest())]);
        assert.equal(bench.line.a.sent.unsent, 0);
        const { firstBitMs = 0, lastBitMs = 0, busyMs } = bench.line.a.sent;
        assert.isAbove(lastBitMs - firstBitMs, 1.2 * busyMs, "the processor was not busy enough to matter");
        assert.equal(wire.baud, 38_400);
      });

      it("cuts no frame either whose last bytes were handed over at the last moment", () => {
        const { bench, wire } = makeWire();
        const payload = new Uint8Array(200).fill(0x42);
        send(wire, payload);
        wire.setBaud(115_200, () => bench.setFarBaud(115_200));
        // The FIFO has long run empty when the processor gets to it, and the rest needs 20 ms from then.
        bench.clock.advance(10);
        bench.cpu.run(() => bench.cpu.spend(45));
        bench.clock.advance(100);
        assert.deepEqual(bench.payloads, [toHex(payload)]);
        const { firstBitMs = 0, lastBitMs = 0, busyMs } = bench.line.a.sent;
        assert.isAbove(lastBitMs - firstBitMs, busyMs + 15, "the processor was not busy enough to matter");
        assert.equal(bench.line.a.sent.unsent, 0);
        assert.equal(wire.baud, 115_200);
      });

      it("lets nothing else out until it is done, and then says that the wire is idle", () => {
        const { bench, wire, received } = makeWire();
        send(wire, PING);
        const idlesBefore = received.idles;
        wire.setBaud(115_200, () => bench.setFarBaud(115_200));
        assert.isFalse(wire.idle);
        assert.throws(() => send(wire, RESULT), /wire/);
        prepare(wire, RESULT);
        bench.clock.runUntil(() => wire.idle, 100);
        assert.equal(received.idles, idlesBefore + 1);
        wire.sendPrepared();
        bench.clock.advance(100);
        assert.deepEqual(bench.payloads, [toHex(PING), toHex(RESULT)]);
      });

      it("forgets the half of a frame that came before", () => {
        const { bench, wire, received } = makeWire();
        bench.far.write(Uint8Array.of(0xaa, 0xbc, 0x67));
        bench.clock.advance(20);
        wire.setBaud(115_200, () => bench.setFarBaud(115_200));
        bench.clock.advance(100);
        bench.far.write(Uint8Array.of(0x01, 0x01, 0x02, 0x00, 0x70, 0xbb));
        bench.farSends(RESULT);
        bench.clock.advance(20);
        assert.deepEqual(received.payloads, [toHex(RESULT)]);
        assert.equal(wire.counters.noiseBytes, 5);
      });

      it("may be asked for again before the first is done: both are, in order", () => {
        const { bench, wire } = makeWire();
        const switched: number[] = [];
        wire.setBaud(115_200, () => switched.push(wire.baud));
        wire.setBaud(460_800, () => switched.push(wire.baud));
        bench.clock.advance(100);
        assert.deepEqual(switched, [115_200, 460_800]);
        assert.isTrue(wire.idle);
        bench.setFarBaud(460_800);
        send(wire, PING);
        bench.clock.advance(10);
        assert.deepEqual(bench.payloads, [toHex(PING)]);
      });
    });

    describe("waiting for the last byte to leave", () => {
      it("ends when it has, and soon", () => {
        for (const payload of [PING, longest()]) {
          const { bench, wire } = makeWire();
          send(wire, payload);
          let calledMs = 0;
          wire.afterDrain(() => {
            calledMs = bench.clock.now();
          });
          bench.clock.advance(2000);
          const { lastBitMs = 0 } = bench.line.a.sent;
          assert.isAtLeast(calledMs, lastBitMs);
          assert.isBelow(calledMs, lastBitMs + 45, "a full FIFO takes 33 ms");
          assert.isTrue(wire.idle);
        }
      });

      it("may be done by several, and by a change of baud: none is forgotten", () => {
        const { bench, wire, received } = makeWire();
        const calls: string[] = [];
        send(wire, PING);
        received.idles = 0;
        wire.afterDrain(() => calls.push("first"));
        wire.setBaud(115_200, () => calls.push("switched"));
        wire.afterDrain(() => calls.push("last"));
        bench.clock.advance(100);
        assert.deepEqual(calls, ["first", "switched", "last"]);
        assert.equal(received.idles, 1);
        assert.equal(wire.baud, 115_200);
        assert.isTrue(wire.idle);
      });

      it("ends for all when one of them closes the wire", () => {
        const { bench, wire, received } = makeWire();
        const calls: string[] = [];
        wire.afterDrain(() => {
          calls.push("first");
          wire.close();
        });
        wire.setBaud(115_200, () => calls.push("switched"));
        bench.clock.advance(100);
        assert.deepEqual(calls, ["first"]);
        assert.isFalse(bench.line.a.isOpen);
        assert.equal(received.idles, 0);
      });
    });

    describe("a wire that receives", () => {
      it("hands over payloads and counts what it got", () => {
        const { bench, wire, received } = makeWire();
        bench.farSends(PING);
        bench.far.write(Uint8Array.of(0xbb));
        bench.farSends(RESULT);
        bench.clock.advance(20);
        assert.deepEqual(received.payloads, [toHex(PING), toHex(RESULT)]);
        assert.deepInclude(wire.counters, { frames: 2, bytesReceived: 9 + 1 + 9, noiseBytes: 0 });
        assert.equal(received.noises, 0);
      });

      it("takes long frames at a high baud while it sends long ones itself", () => {
        const { bench, wire, received } = makeWire({ baud: 921_600 });
        const payload = new Random(12).bytes(PAYLOAD_BYTES_MAX);
        bench.farSends(payload);
        send(wire, payload);
        bench.clock.advance(100);
        assert.deepEqual(received.payloads, [toHex(payload)]);
        assert.deepEqual(bench.payloads, [toHex(payload)]);
        assert.equal(bench.line.a.received.overruns, 0);
      });

      it("reports noise, as bytes of another baud make it", () => {
        const { bench, received } = makeWire({ baud: 115_200 });
        bench.setFarBaud(38_400);
        bench.farSends(PING);
        bench.clock.advance(20);
        assert.isAbove(received.noises, 0);
        assert.deepEqual(received.payloads, []);
      });

      it("finds the next frame after bytes were lost to a busy processor", () => {
        const { bench, wire, received } = makeWire({ baud: 921_600 });
        bench.cpu.run(() => bench.cpu.spend(50));
        bench.farSends(new Uint8Array(1000).fill(0x42));
        bench.clock.advance(60);
        assert.isAbove(bench.line.a.received.overruns, 800);
        bench.farSends(PING);
        bench.clock.advance(10);
        assert.deepEqual(received.payloads, [toHex(PING)]);
        assert.equal(wire.counters.restarts, 1);
      });
    });

    describe("a closed wire", () => {
      it("has closed its port, for good and as often as one likes", () => {
        const { bench, wire } = makeWire();
        wire.close();
        wire.close();
        assert.isFalse(bench.line.a.isOpen);
        assert.isFalse(wire.idle);
        assert.throws(() => send(wire, PING), /closed/);
      });

      it("lets nobody wait or switch who comes too late", () => {
        const { bench, wire } = makeWire();
        let calls = 0;
        wire.close();
        wire.afterDrain(() => calls++);
        wire.setBaud(9600, () => calls++);
        bench.clock.advance(10_000);
        assert.deepEqual([calls, bench.line.a.isOpen, wire.baud], [0, false, 38_400]);
      });

      it("calls nobody back any more", () => {
        const { bench, wire, received } = makeWire();
        let calls = 0;
        send(wire, longest());
        wire.afterDrain(() => calls++);
        wire.setBaud(115_200, () => calls++);
        wire.close();
        wire.afterDrain(() => calls++);
        wire.setBaud(9600, () => calls++);
        bench.clock.advance(10_000);
        assert.equal(calls, 0);
        assert.equal(received.idles, 0);
        assert.isFalse(bench.line.a.isOpen, "a closed wire has opened its port again");
        assert.equal(wire.baud, 38_400);
      });

      it("hands over nothing of what came with the frame whose taker closed it", () => {
        const bench = new WireBench(115_200);
        let payloads = 0;
        let noises = 0;
        const wire: Wire = new WireUnderTest({
          clock: bench.deviceClock,
          serial: bench.serial,
          baud: 115_200,
          onPayload: () => {
            payloads++;
            wire.close();
          },
          onNoise: () => noises++,
          onIdle: () => {},
          onPingAnswered: () => {},
        });
        bench.clock.advance(1);
        bench.farSends(PING);
        bench.farSends(PING);
        bench.far.write(Uint8Array.of(1, 2, 3));
        bench.clock.advance(20);
        assert.deepEqual([payloads, noises], [1, 0]);
      });
    });
  });
}
