/** The simulated line: bit-exact times, what it does to bytes, and what it costs to simulate. */

import { assert } from "chai";
import { VirtualClock } from "../../host/sim/clock.js";
import { Random } from "../../host/sim/random.js";
import { type ObservedRun, type UartEnd, type UartEndOptions, UartLine } from "../../host/sim/uart.js";

const BAUD = 115_200;
const BYTE_MS = 10_000 / BAUD;

/** Collects everything that arrives at the end, with the time of each interrupt. */
function listen(clock: VirtualClock, end: UartEnd, baud: number) {
  const heard = { bytes: [] as number[], atMs: [] as number[] };
  const buffer = new Uint8Array(256);
  end.open(baud, {
    onReceive: () => {
      heard.atMs.push(clock.now());
      for (let count = end.read(buffer); count !== undefined; count = end.read(buffer)) {
        for (const byte of buffer.subarray(0, count)) heard.bytes.push(byte);
      }
    },
  });
  return heard;
}

function makeLine(options: { b?: UartEndOptions; seed?: number; baud?: number; peerBaud?: number } = {}) {
  const clock = new VirtualClock();
  const line = new UartLine(clock, {
    a: { txFifoBytes: 8192 },
    b: { rxFifoBytes: 8192, ...options.b },
    seed: 3,
    ...options,
  });
  line.a.open(options.baud ?? BAUD);
  const heard = listen(clock, line.b, options.peerBaud ?? options.baud ?? BAUD);
  return { clock, line, heard };
}

const SENT = new Random(11).bytes(4000);

describe("A simulated UART line", () => {
  describe("undisturbed", () => {
    for (const baud of [9600, 115_200, 921_600, 2_000_000]) {
      it(`carries each byte in ten bit times at ${baud} baud`, () => {
        const { clock, line, heard } = makeLine({ baud, b: { rxFullThreshold: 1 } });
        line.a.write(SENT.subarray(0, 50));
        clock.advance(1000);
        assert.deepEqual(heard.bytes, Array.from(SENT.subarray(0, 50)));
        assert.lengthOf(heard.atMs, 50);
        for (const [i, atMs] of heard.atMs.entries()) assert.approximately(atMs, ((i + 1) * 10_000) / baud, 1e-9);
      });
    }

    it("lets nothing be read before its last bit is in", () => {
      const clock = new VirtualClock();
      const line = new UartLine(clock);
      line.a.open(BAUD);
      line.b.open(BAUD);
      line.a.write(SENT.subarray(0, 10));
      clock.advance(4.99 * BYTE_MS);
      assert.strictEqual(line.b.waiting(), 4);
      clock.advance(0.02 * BYTE_MS);
      assert.strictEqual(line.b.waiting(), 5);
    });

    it("sends a later write behind an earlier one, and after a pause at once", () => {
      const { clock, line } = makeLine();
      const runs: ObservedRun[] = [];
      line.observe((run) => runs.push(run));
      line.a.write(SENT.subarray(0, 10));
      line.a.write(SENT.subarray(10, 20));
      clock.advance(10);
      line.a.write(SENT.subarray(20, 30));
      clock.advance(10);
      assert.approximately(runs[1]?.startMs ?? 0, 10 * BYTE_MS, 1e-9);
      assert.strictEqual(runs[2]?.startMs, 10);
      assert.isTrue(runs.every((run) => run.from === line.a));
    });

    it("takes a pause of four symbols for the end, and a shorter one not", () => {
      for (const [pauseSymbols, interrupts] of [
        [3.9, 1],
        [4.1, 2],
      ] as const) {
        const { clock, line, heard } = makeLine();
        line.a.write(SENT.subarray(0, 5));
        clock.advance((5 + pauseSymbols) * BYTE_MS);
        line.a.write(SENT.subarray(5, 10));
        clock.advance(100);
        assert.lengthOf(heard.atMs, interrupts, `${pauseSymbols} symbols`);
      }
    });

    it("counts what was sent, and for how long the wire was busy", () => {
      const { clock, line } = makeLine();
      clock.advance(5);
      line.a.write(SENT.subarray(0, 100));
      clock.advance(95);
      line.a.write(SENT.subarray(0, 20));
      clock.advance(100);
      assert.strictEqual(line.a.sent.bytes, 120);
      assert.approximately(line.a.sent.busyMs, 120 * BYTE_MS, 1e-9);
      assert.strictEqual(line.a.sent.firstBitMs, 5);
      assert.approximately(line.a.sent.lastBitMs ?? 0, 100 + 20 * BYTE_MS, 1e-9);
      assert.strictEqual(line.b.received.bytes, 120);
    });

    it("carries both directions at once", () => {
      const clock = new VirtualClock();
      const line = new UartLine(clock);
      const atA = listen(clock, line.a, BAUD);
      const atB = listen(clock, line.b, BAUD);
      line.a.write(SENT.subarray(0, 100));
      line.b.write(SENT.subarray(100, 200));
      clock.advance(100 * BYTE_MS + 1);
      assert.deepEqual(atB.bytes, Array.from(SENT.subarray(0, 100)));
      assert.deepEqual(atA.bytes, Array.from(SENT.subarray(100, 200)));
    });
  });

  describe("between bauds that differ", () => {
    it("still carries bytes within 2.5 percent", () => {
      const { clock, line, heard } = makeLine({ baud: 115_200, peerBaud: 117_647 });
      line.a.write(SENT.subarray(0, 100));
      clock.advance(100);
      assert.deepEqual(heard.bytes, Array.from(SENT.subarray(0, 100)));
      assert.strictEqual(line.b.received.framingErrors, 0);
    });

    for (const peerBaud of [38_400, 112_000, 119_000, 921_600]) {
      it(`delivers only wrong bytes, counted, from 115200 to ${peerBaud}`, () => {
        const { clock, line, heard } = makeLine({ baud: 115_200, peerBaud });
        line.a.write(SENT.subarray(0, 100));
        clock.advance(100);
        assert.strictEqual(line.b.received.framingErrors, 100);
        assert.isAbove(heard.bytes.length, 0);
        assert.isAtMost(heard.bytes.length, 100);
        if (peerBaud > 115_200) assert.isTrue(heard.bytes.every((byte, i) => byte !== SENT[i]));
      });
    }

    it("hears again what is sent after both have changed", () => {
      const { clock, line, heard } = makeLine();
      line.a.setBaud(921_600);
      line.a.write(SENT.subarray(0, 10));
      clock.advance(10);
      line.b.setBaud(921_600);
      heard.bytes.length = 0;
      line.a.write(SENT.subarray(0, 10));
      clock.advance(10);
      assert.strictEqual(line.b.received.framingErrors, 10);
      assert.deepEqual(heard.bytes, Array.from(SENT.subarray(0, 10)));
    });

    it("forgets at a change what was unsent and unread, but finishes the byte on the wire", () => {
      const clock = new VirtualClock();
      const line = new UartLine(clock);
      line.a.open(9600);
      line.b.open(9600);
      line.a.write(SENT.subarray(0, 50));
      clock.advance(2.5 * (10_000 / 9600));
      assert.strictEqual(line.b.waiting(), 2);
      line.a.setBaud(921_600);
      assert.strictEqual(line.a.free(), 128);
      line.a.write(SENT.subarray(0, 128));
      assert.throws(() => line.a.write(SENT.subarray(0, 2)), "output full");
      assert.strictEqual(line.a.sent.unsent, 47);
      clock.advance(0.6 * (10_000 / 9600));
      assert.strictEqual(line.b.received.bytes, 3);
      line.b.setBaud(9600);
      assert.strictEqual(line.b.waiting(), 0);
    });
  });

  describe("disturbed", () => {
    const disturbed = (disturb: (line: UartLine) => void, seed = 3) => {
      const { clock, line, heard } = makeLine({ seed });
      disturb(line);
      line.a.write(SENT);
      clock.advance(1000);
      return { line, heard: heard.bytes, counts: line.a.faults.counts };
    };

    it("flips single bits, and counts them", () => {
      const { heard, counts } = disturbed((line) => {
        line.a.faults.flipProbability = 0.01;
      });
      const wrong = heard.map((byte, i) => byte ^ (SENT[i] ?? 0)).filter((difference) => difference !== 0);
      assert.lengthOf(heard, SENT.length);
      assert.isAbove(counts.flipped, 10);
      assert.lengthOf(wrong, counts.flipped);
      assert.isTrue(wrong.every((difference) => (difference & (difference - 1)) === 0));
    });

    it("drops bytes, and counts them", () => {
      const { heard, counts } = disturbed((line) => {
        line.a.faults.dropProbability = 0.01;
      });
      assert.isAbove(counts.dropped, 10);
      assert.lengthOf(heard, SENT.length - counts.dropped);
    });

    it("inserts bytes, and counts them", () => {
      const { heard, counts } = disturbed((line) => {
        line.a.faults.insertProbability = 0.01;
      });
      assert.isAbove(counts.inserted, 10);
      assert.lengthOf(heard, SENT.length + counts.inserted);
    });

    it("does all of that the same way for the same seed, and otherwise for another", () => {
      const everything = (line: UartLine) => {
        line.a.faults.flipProbability = 0.02;
        line.a.faults.dropProbability = 0.02;
        line.a.faults.insertProbability = 0.02;
      };
      assert.deepEqual(disturbed(everything, 5).heard, disturbed(everything, 5).heard);
      assert.notDeepEqual(disturbed(everything, 5).heard, disturbed(everything, 6).heard);
    });

    it("keeps the bytes around a lost one at their times", () => {
      const { clock, line, heard } = makeLine({ b: { rxFullThreshold: 1 } });
      line.a.faults.dropProbability = 0.5;
      line.a.write(SENT.subarray(0, 40));
      clock.advance(100);
      assert.isAbove(line.a.faults.counts.dropped, 0);
      for (const atMs of heard.atMs) {
        const slot = atMs / BYTE_MS;
        assert.approximately(slot, Math.round(slot), 1e-6);
      }
    });

    it("lets a hook rewrite writes, and counts those that it changed", () => {
      const seen: [number, number][] = [];
      const { heard, counts } = disturbed((line) => {
        line.a.faults.hook = (bytes, atMs) => {
          seen.push([bytes.length, atMs]);
          return bytes.subarray(0, 2);
        };
      });
      assert.deepEqual(seen, [[SENT.length, 0]]);
      assert.deepEqual(heard, Array.from(SENT.subarray(0, 2)));
      assert.strictEqual(counts.hooked, 1);
    });

    it("does not count a hook that changed nothing", () => {
      const { heard, counts } = disturbed((line) => {
        line.a.faults.hook = (bytes) => bytes;
      });
      assert.strictEqual(counts.hooked, 0);
      assert.lengthOf(heard, SENT.length);
    });

    it("carries noise that nobody wrote", () => {
      const { clock, line, heard } = makeLine();
      line.a.close();
      line.a.injectNoise(Uint8Array.of(1, 2, 3), BAUD);
      clock.advance(10);
      assert.deepEqual(heard.bytes, [1, 2, 3]);
      assert.strictEqual(line.a.faults.counts.inserted, 3);
      assert.strictEqual(line.a.sent.bytes, 0);
    });
  });

  describe("with its cable pulled", () => {
    it("loses what passes meanwhile and the bytes cut in two, and counts them", () => {
      const { clock, line, heard } = makeLine();
      line.a.write(SENT.subarray(0, 100));
      clock.advance(10.5 * BYTE_MS);
      line.plugged = false;
      clock.advance(20 * BYTE_MS);
      line.plugged = true;
      clock.advance(100);
      assert.strictEqual(line.b.received.unplugged, 21);
      assert.deepEqual(heard.bytes, [...SENT.subarray(0, 10), ...SENT.subarray(31, 100)]);
    });
  });

  describe("with its far end closed", () => {
    it("loses the bytes, and counts them", () => {
      const { clock, line, heard } = makeLine();
      line.b.close();
      line.a.write(SENT.subarray(0, 7));
      clock.advance(10);
      assert.strictEqual(line.b.received.unheard, 7);
      assert.deepEqual(heard.bytes, []);
      assert.throws(() => line.b.write(Uint8Array.of(1)), "closed");
    });

    it("understands the bytes that begin after it opened", () => {
      const { clock, line } = makeLine();
      line.b.close();
      line.a.write(SENT.subarray(0, 10));
      clock.advance(4.5 * BYTE_MS);
      const heard = listen(clock, line.b, BAUD);
      clock.advance(10);
      assert.deepEqual(heard.bytes, Array.from(SENT.subarray(5, 10)));
      assert.strictEqual(line.b.received.unheard, 5);
    });
  });

  describe("looked at all the time", () => {
    /** A random scenario: writes, slow partial reads, pauses, faults, a baud change, a pulled cable. */
    const play = (seed: number, isPolled: boolean) => {
      const clock = new VirtualClock();
      const line = new UartLine(clock, { a: { txFifoBytes: 1024 }, seed });
      const random = new Random(seed);
      const log: (number | string)[] = [];
      const buffer = new Uint8Array(64);
      line.a.open(BAUD);
      line.b.open(BAUD, {
        onReceive: () => {
          log.push(`interrupt ${clock.now()}`);
          const latencyMs = random.below(12);
          clock.set(() => {
            const count = line.b.read(buffer.subarray(0, 1 + random.below(64)), clock.now() + random.below(3)) ?? 0;
            log.push(...buffer.subarray(0, count));
          }, latencyMs);
        },
      });
      line.a.faults.flipProbability = 0.02;
      line.a.faults.dropProbability = 0.02;
      line.a.faults.insertProbability = 0.02;
      for (let i = 0; i < 60; i++) {
        const length = random.below(200);
        clock.set(() => line.a.write(SENT.subarray(0, Math.min(length, line.a.free()))), random.below(400));
      }
      clock.set(() => line.b.setBaud(100_000), 150);
      clock.set(() => line.b.setBaud(BAUD), 200);
      clock.set(() => {
        line.plugged = false;
      }, 250.3);
      clock.set(() => {
        line.plugged = true;
      }, 270.4);
      if (isPolled) for (let atMs = 0; atMs < 500; atMs += 0.37) clock.set(() => line.b.waiting(), atMs);
      clock.advance(1000);
      return { log, received: { ...line.b.received } };
    };

    it("behaves as when nobody looks", () => {
      const losses = { overruns: 0, framingErrors: 0, unplugged: 0 };
      for (let seed = 1; seed <= 20; seed++) {
        const { log, received } = play(seed, false);
        assert.deepEqual(play(seed, true), { log, received }, `seed ${seed}`);
        losses.overruns += received.overruns;
        losses.framingErrors += received.framingErrors;
        losses.unplugged += received.unplugged;
      }
      for (const [what, count] of Object.entries(losses)) assert.isAbove(count, 0, what);
    });
  });

  describe("carrying a mebibyte", () => {
    for (const baud of [115_200, 2_000_000]) {
      it(`costs the clock fewer than 40000 events at ${baud} baud, and loses nothing`, () => {
        const clock = new VirtualClock();
        const line = new UartLine(clock, { b: { rxFifoBytes: 1024 } });
        const totalBytes = 1 << 20;
        const data = new Random(1).bytes(4096);
        let written = 0;
        let received = 0;
        let wrong = 0;
        const buffer = new Uint8Array(1024);
        line.b.open(baud, {
          onReceive: () => {
            const count = line.b.read(buffer) ?? 0;
            for (let i = 0; i < count; i++) if (buffer[i] !== data[(received + i) % data.length]) wrong++;
            received += count;
          },
        });
        line.a.open(baud, {
          onTransmitLow: () => {
            const from = written % data.length;
            const bytes = data.subarray(from, from + Math.min(line.a.free(), totalBytes - written));
            written += bytes.length;
            if (bytes.length > 0) line.a.write(bytes);
          },
        });
        let events = 0;
        while (clock.step()) events++;
        assert.strictEqual(received, totalBytes);
        assert.strictEqual(wrong, 0);
        assert.strictEqual(line.b.received.overruns, 0);
        assert.isBelow(events, 40_000);
        assert.approximately(line.a.sent.lastBitMs ?? 0, (totalBytes * 10_000) / baud, 0.01, "the line never idled");
      });
    }
  });
});
