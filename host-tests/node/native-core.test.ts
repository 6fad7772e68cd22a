/** What the wire in C does besides what its twin does: an inbox for a busy engine, and pings that engine leaves lying. */

import { assert } from "chai";
import { addon, WIRE_IDLE, WIRE_NEVER, WIRE_NOISE, WireStatus } from "../../host/native/addon.js";
import { DecoderInC, encodeFrameInC } from "../../host/native/codec.js";
import { Random } from "../../host/sim/random.js";
import { crc8, crc32 } from "../../src/base/crc.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { FRAME_BYTES_MAX, LEAD_IN_BYTES, PAYLOAD_BYTES_MAX } from "../../src/frame/layout.js";
import { loadExchanges } from "../support/blynk-vectors.js";
import { makeBrokenStream } from "../support/broken-streams.js";
import { fromHex, toHex } from "../support/ncp-stub.js";

/** As in wire-core.h. */
const INBOX_BYTES = 4096;
const PING_PATIENCE_MS = 30;
const ALIVE_MS = 5000;

const RESULT = Uint8Array.of(0x12, 0xa5, 0x01, 0x00, 0x00, 0x01);
const NEXT = Uint8Array.of(0xbc, 0x67, 0x06, 0x03, 0x07, 0x00);

function pingOf(id: number): Uint8Array {
  return Uint8Array.of(0xbc, 0x67, 0x01, 0x01, id & 0xff, id >> 8);
}

function pongOf(id: number): Uint8Array {
  return Uint8Array.of(0x12, 0xa5, id & 0xff, id >> 8, 0x00);
}

function framed(payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(FRAME_BYTES_MAX);
  return out.slice(0, encodeFrame(payload, payload.length, out));
}

/** A wire in C between a UART and an engine that do what the test says. */
class CoreBench {
  readonly wire = addon.makeWire(0);
  readonly #payload = new Uint8Array(PAYLOAD_BYTES_MAX);
  readonly #out = new Uint8Array(FRAME_BYTES_MAX + 1);
  readonly #farDecoder = new FrameDecoder((payload, length) => this.#heard.push(toHex(payload.subarray(0, length))));
  readonly #heard: string[] = [];

  arrive(payload: Uint8Array, nowMs: number): void {
    const frame = framed(payload);
    addon.receive(this.wire, frame, frame.length, nowMs);
  }

  /** The engine takes one payload, "" when there is none. */
  take(nowMs: number): string {
    return toHex(this.#payload.subarray(0, addon.take(this.wire, this.#payload, nowMs)));
  }

  /** The UART takes what is to be sent; returns the payloads of the frames that have left whole since the last call. */
  transmit(bytesMax = this.#out.length): string[] {
    const count = addon.pending(this.wire, this.#out.subarray(0, bytesMax));
    addon.sent(this.wire, count);
    this.#farDecoder.push(this.#out.slice(0, count));
    return this.#heard.splice(0);
  }

  service(nowMs: number): number {
    return addon.service(this.wire, nowMs);
  }

  get counters() {
    const values = new Uint32Array(7);
    addon.wireCounters(this.wire, new Uint8Array(28), new Uint8Array(values.buffer));
    const [framesSent, framesCued, bytesSent, bytesReceived, baudChanges, pingsAnswered, inboxDrops] = values;
    return { framesSent, framesCued, bytesSent, bytesReceived, baudChanges, pingsAnswered, inboxDrops };
  }
}

describe("Checksums in C", () => {
  it("are those of the twin", () => {
    const check = Uint8Array.from("123456789", (digit) => digit.charCodeAt(0));
    assert.equal(addon.crc8(0, check), 0xf4);
    assert.equal(addon.crc32(0, check), 0xcbf43926);
    const random = new Random(5);
    for (let i = 0; i < 300; i++) {
      const bytes = random.bytes(random.below(300));
      const start = random.below(256);
      assert.equal(addon.crc8(start, bytes), crc8(bytes, 0, bytes.length, start));
      assert.equal(addon.crc32(start, bytes), crc32(bytes, start));
    }
  });
});

describe("The codecs in C and in TypeScript", () => {
  const frames = loadExchanges().flatMap(({ recorded: { request, response } }) =>
    [request, ...(response === null ? [] : [response])].map((hex) => Uint8Array.from(fromHex(hex))),
  );

  for (const seed of [20261121, 2, 3, 4]) {
    it(`find the same payloads, and count the same, in a broken stream (seed ${seed})`, () => {
      const random = new Random(seed);
      const stream = makeBrokenStream(random, frames, 400_000);
      const found: { readonly inC: string[]; readonly twin: string[] } = { inC: [], twin: [] };
      const noises = { inC: 0, twin: 0 };
      const inC = new DecoderInC(
        (payload, length) => found.inC.push(toHex(payload.subarray(0, length))),
        () => noises.inC++,
      );
      const twin = new FrameDecoder(
        (payload, length) => found.twin.push(toHex(payload.subarray(0, length))),
        () => noises.twin++,
      );
      for (let at = 0; at < stream.length; ) {
        const piece = stream.slice(at, at + 1 + random.below(random.chance(0.1) ? 2000 : 100));
        at += piece.length;
        inC.push(piece);
        twin.push(piece);
        if (random.chance(0.002)) for (const decoder of [inC, twin]) decoder.reset();
      }
      assert.deepEqual(inC.counters, twin.counters);
      assert.deepEqual(noises.inC, noises.twin);
      assert.isTrue(found.inC.join() === found.twin.join(), "payloads differ");
      for (const [name, count] of Object.entries(twin.counters)) assert.isAbove(count, 0, `${name} never happened`);
    });
  }

  it("write the same frames for any payload (seed 11)", () => {
    const random = new Random(11);
    const [mine, theirs] = [new Uint8Array(FRAME_BYTES_MAX), new Uint8Array(FRAME_BYTES_MAX)];
    for (let i = 0; i < 2000; i++) {
      const payload = random.bytes(1 + random.below(random.chance(0.1) ? PAYLOAD_BYTES_MAX : 60));
      if (random.chance(0.5))
        for (let at = 0; at < payload.length; at += 2) payload[at] = [0xaa, 0xcc][i & 1] as number;
      const end = encodeFrameInC(payload, payload.length, mine);
      assert.equal(end, encodeFrame(payload, payload.length, theirs));
      assert.isTrue(toHex(mine.subarray(0, end)) === toHex(theirs.subarray(0, end)), toHex(payload));
    }
  });

  it("write no frame where none fits", () => {
    const payload = new Uint8Array(PAYLOAD_BYTES_MAX + 1);
    const out = new Uint8Array(FRAME_BYTES_MAX + 8).fill(0xee);
    assert.equal(addon.encode(payload, payload.length, out, 0), 0);
    assert.equal(addon.encode(payload, 0, out, 0), 0);
    assert.equal(addon.encode(payload, PAYLOAD_BYTES_MAX, out.subarray(0, FRAME_BYTES_MAX - 1), 0), 0);
    assert.equal(addon.encode(payload, 3, out, out.length - 9), 0);
    assert.isTrue(out.every((byte) => byte === 0xee));
    assert.isAbove(addon.encode(payload, 3, out, out.length - 10), 0);
  });
});

describe("An engine that leaves a ping lying", () => {
  let bench: CoreBench;

  beforeEach(() => {
    bench = new CoreBench();
  });

  it("is answered for after 30 ms, and hears of it no more", () => {
    bench.arrive(pingOf(7), 1000);
    assert.equal(bench.service(1000), PING_PATIENCE_MS);
    assert.equal(bench.service(1029), 1);
    assert.deepEqual(bench.transmit(), []);
    bench.service(1030);
    assert.deepEqual(bench.transmit(), [toHex(pongOf(7))]);
    bench.service(1100);
    assert.deepEqual(bench.transmit(), []);
    assert.equal(bench.take(1200), "");
    assert.equal(bench.service(1300), WIRE_NEVER);
    assert.deepInclude(bench.counters, { pingsAnswered: 1, framesSent: 1, inboxDrops: 0 });
  });

  it("answers itself when it takes it in time, and nobody else does", () => {
    bench.arrive(pingOf(7), 1000);
    assert.equal(bench.take(1029), toHex(pingOf(7)));
    bench.service(1100);
    assert.deepEqual(bench.transmit(), []);
    assert.equal(bench.counters.pingsAnswered, 0);
  });

  it("is answered for at once when more pings come in the same long step, each once", () => {
    for (const [index, nowMs] of [1000, 1100, 1200].entries()) {
      bench.arrive(pingOf(index), nowMs);
      bench.service(nowMs);
      const pongs = bench.transmit();
      if (index > 0) assert.deepEqual(pongs, [toHex(pongOf(index))]);
      bench.service(nowMs + PING_PATIENCE_MS);
      if (index === 0) assert.deepEqual(bench.transmit(), [toHex(pongOf(0))]);
    }
    assert.deepEqual(bench.transmit(), []);
    assert.equal(bench.take(1300), "");
  });

  it("gets all else that lies there, in order", () => {
    bench.arrive(RESULT, 0);
    bench.arrive(pingOf(1), 0);
    bench.arrive(NEXT, 1);
    bench.service(40);
    assert.deepEqual(bench.transmit(), [toHex(pongOf(1))]);
    assert.deepEqual([bench.take(50), bench.take(50), bench.take(50)], [toHex(RESULT), toHex(NEXT), ""]);
  });

  it("has its patience back whenever it takes something", () => {
    bench.arrive(RESULT, 0);
    bench.arrive(pingOf(1), 0);
    bench.take(29);
    assert.equal(bench.service(58), 1);
    assert.deepEqual(bench.transmit(), []);
    bench.service(59);
    assert.deepEqual(bench.transmit(), [toHex(pongOf(1))]);
  });

  it("is not answered for once it may be dead, and is again when it shows itself", () => {
    bench.arrive(pingOf(1), 0);
    bench.service(ALIVE_MS);
    assert.deepEqual(bench.transmit(), []);
    addon.see(bench.wire, ALIVE_MS);
    bench.service(ALIVE_MS + 1);
    assert.deepEqual(bench.transmit(), [toHex(pongOf(1))]);
  });

  it("is answered for when time has wrapped around", () => {
    const beforeMs = 2 ** 32 - 10;
    addon.see(bench.wire, beforeMs);
    bench.arrive(pingOf(1), beforeMs);
    assert.equal(bench.service(beforeMs + 5), PING_PATIENCE_MS - 5);
    bench.service(20);
    assert.deepEqual(bench.transmit(), [toHex(pongOf(1))]);
  });

  it("is not answered for while a frame is half sent, nor while the wire is held", () => {
    addon.sendFrame(bench.wire, NEXT, NEXT.length);
    bench.transmit(4);
    bench.arrive(pingOf(1), 0);
    bench.service(100);
    assert.deepEqual(bench.transmit(), [toHex(NEXT)]);
    addon.hold(bench.wire, 1);
    bench.service(200);
    assert.deepEqual(bench.transmit(), []);
    addon.hold(bench.wire, 0);
    bench.service(300);
    assert.deepEqual(bench.transmit(), [toHex(pongOf(1))]);
  });

  it("is only ever answered for where it is ncp.ping, without a byte more", () => {
    const others = [Uint8Array.of(...pingOf(1), 0), pingOf(1).slice(0, 5), RESULT, NEXT];
    for (let at = 0; at < 4; at++) others.push(pingOf(1).map((byte, index) => (index === at ? byte ^ 0x80 : byte)));
    for (const other of others) bench.arrive(other, 0);
    for (let nowMs = 30; nowMs < 1000; nowMs += 30) bench.service(nowMs);
    assert.deepEqual(bench.transmit(), []);
    assert.deepEqual(
      others.map(() => bench.take(1000)),
      others.map(toHex),
    );
  });

  it("lets the answer be escaped, and the lead-in stand before it where it is the first frame", () => {
    bench.arrive(pingOf(0xbbaa), 0);
    bench.service(30);
    const out = new Uint8Array(32);
    const count = addon.pending(bench.wire, out);
    assert.equal(toHex(out.subarray(0, 9)), "00bbaa12a5cc55cc44");
    assert.equal(toHex(out.slice(LEAD_IN_BYTES, count)), toHex(framed(pongOf(0xbbaa))));
  });

  for (const seed of [1, 2, 3]) {
    it(`answers or is answered for, each ping exactly once, whatever else goes on (seed ${seed})`, () => {
      const random = new Random(seed);
      const arrived: string[] = [];
      const taken: string[] = [];
      const pongs: string[] = [];
      const takeSome = (count: number, nowMs: number) => {
        for (let i = 0; i < count; i++) taken.push(bench.take(nowMs));
      };
      let nowMs = 0;
      for (let id = 0; id < 4000; id++) {
        nowMs += random.below(20);
        const payload = random.chance(0.4) ? pingOf(id) : Uint8Array.of(0xf3, 0x1c, ...random.bytes(random.below(200)));
        if (framed(payload).length <= addon.receivable(bench.wire)) {
          bench.arrive(payload, nowMs);
          arrived.push(toHex(payload));
        }
        addon.see(bench.wire, nowMs);
        bench.service(nowMs);
        pongs.push(...bench.transmit(random.chance(0.3) ? random.below(12) : undefined));
        if (random.chance(0.2)) takeSome(random.below(30), nowMs);
      }
      takeSome(1000, nowMs);
      pongs.push(...bench.transmit());
      const handedOver = taken.filter((payload) => payload !== "");
      const skipped = arrived.filter((payload) => !handedOver.includes(payload));
      assert.deepEqual(
        handedOver,
        arrived.filter((payload) => !skipped.includes(payload)),
      );
      assert.deepEqual(
        pongs,
        skipped.map((ping) => `12a5${ping.slice(8)}00`),
      );
      assert.isAbove(pongs.length, 100);
      assert.isAbove(handedOver.length, 1000);
      assert.equal(bench.counters.inboxDrops, 0);
    });
  }
});

describe("The inbox of the wire in C", () => {
  it("loses nothing of what a port sends that heeds how much it takes, whole frames or pieces (seed 8)", () => {
    const random = new Random(8);
    const bench = new CoreBench();
    const stream: number[] = [];
    const expected: string[] = [];
    while (stream.length < 200_000) {
      const payload = random.bytes(1 + random.below(random.chance(0.2) ? PAYLOAD_BYTES_MAX : 12));
      expected.push(toHex(payload));
      stream.push(...framed(payload));
    }
    const bytes = Uint8Array.from(stream);
    const taken: string[] = [];
    let wasFull = 0;
    for (let at = 0; at < bytes.length; ) {
      const room = addon.receivable(bench.wire);
      if (room === 0) wasFull++;
      const piece = bytes.slice(at, at + Math.min(room, 1 + random.below(700)));
      addon.receive(bench.wire, piece, piece.length, 0);
      at += piece.length;
      for (let n = room === 0 ? 1 + random.below(40) : 0; n > 0; n--) taken.push(bench.take(0));
    }
    for (let payload = bench.take(0); payload !== ""; payload = bench.take(0)) taken.push(payload);
    assert.isTrue(taken.filter((payload) => payload !== "").join() === expected.join());
    assert.isAbove(wasFull, 20);
    assert.equal(bench.counters.inboxDrops, 0);
  });

  it("counts what a port sends that does not, and keeps what it has", () => {
    const bench = new CoreBench();
    const payload = new Uint8Array(998).fill(1);
    for (let i = 0; i < 6; i++) bench.arrive(payload, 0);
    assert.equal(bench.counters.inboxDrops, 2);
    assert.equal(addon.receivable(bench.wire), 0);
    for (let i = 0; i < 4; i++) assert.equal(bench.take(0), toHex(payload));
    assert.equal(bench.take(0), "");
    assert.equal(addon.receivable(bench.wire), INBOX_BYTES - PAYLOAD_BYTES_MAX - 2);
  });

  it("takes no cue from a payload that it has no room for: nobody would hear of it", () => {
    const bench = new CoreBench();
    addon.prepareFrame(bench.wire, NEXT, NEXT.length, RESULT);
    for (let i = 0; i < 4; i++) bench.arrive(new Uint8Array(1022).fill(1), 0);
    bench.arrive(RESULT, 0);
    assert.deepEqual(bench.transmit(), []);
    assert.equal(bench.counters.inboxDrops, 1);
    assert.equal(addon.dropCue(bench.wire), 1);
  });
});

describe("The wire in C, for an engine that hears late", () => {
  let bench: CoreBench;

  beforeEach(() => {
    bench = new CoreBench();
  });

  it("lets a frame leave at its cue before the engine hears of either", () => {
    addon.prepareFrame(bench.wire, NEXT, NEXT.length, RESULT);
    bench.arrive(RESULT, 0);
    assert.deepEqual(bench.transmit(), [toHex(NEXT)]);
    assert.equal(addon.dropCue(bench.wire), 0);
    assert.equal(bench.take(0), toHex(RESULT));
    assert.equal(addon.sendPrepared(bench.wire), WireStatus.OK);
    assert.deepEqual(bench.transmit(), []);
  });

  it("takes no cue while the engine has yet to hear that the wire is free: something else may be due", () => {
    addon.prepareFrame(bench.wire, NEXT, NEXT.length, RESULT);
    addon.sendFrame(bench.wire, RESULT, RESULT.length);
    bench.transmit();
    bench.arrive(RESULT, 0);
    assert.deepEqual(bench.transmit(), []);
    assert.equal(addon.takeEvents(bench.wire), WIRE_IDLE);
    bench.arrive(RESULT, 0);
    assert.deepEqual(bench.transmit(), [toHex(NEXT)]);
  });

  it("tells of noise and of the free wire once each", () => {
    assert.equal(addon.takeEvents(bench.wire), 0);
    addon.receive(bench.wire, Uint8Array.of(1, 2, 3), 3, 0);
    addon.sendFrame(bench.wire, NEXT, NEXT.length);
    bench.transmit();
    assert.equal(addon.takeEvents(bench.wire), WIRE_NOISE | WIRE_IDLE);
    assert.equal(addon.takeEvents(bench.wire), 0);
  });

  it("has nothing to send that was never prepared", () => {
    assert.equal(addon.sendPrepared(bench.wire), WireStatus.SIZE);
    assert.deepEqual(bench.transmit(), []);
  });
});
