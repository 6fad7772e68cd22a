/** What the wire in C does besides what its twin does: an inbox for a busy engine, and pings answered on the line. */

import { assert } from "chai";
import { addon, WIRE_HEARD, WIRE_IDLE, WIRE_NOISE, WireStatus } from "../../host/native/addon.js";
import { DecoderInC, encodeFrameInC } from "../../host/native/codec.js";
import { Random } from "../../host/sim/random.js";
import { crc8, crc32 } from "../../src/base/crc.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX } from "../../src/frame/layout.js";
import { loadExchanges } from "../support/blynk-vectors.js";
import { makeBrokenStream } from "../support/broken-streams.js";
import { fromHex, toHex } from "../support/ncp-stub.js";

/** As in wire-core.h. */
const INBOX_BYTES = 4096;
const ALIVE_MS = 5000;
/** As in wire-line.h. */
const PONGS_MAX = 4;
const PING_FRAME_BYTES_MAX = 12;
/** Of the line that the addon makes. */
const RING_BYTES = 4096;

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
  readonly wire;
  readonly #payload = new Uint8Array(PAYLOAD_BYTES_MAX);
  readonly #out = new Uint8Array(FRAME_BYTES_MAX + 1);
  readonly #farDecoder = new FrameDecoder((payload, length) => this.#heard.push(toHex(payload.subarray(0, length))));
  readonly #heard: string[] = [];

  constructor(nowMs = 0) {
    this.wire = addon.makeWire(nowMs);
  }

  send(payload: Uint8Array): void {
    assert.equal(addon.sendFrame(this.wire, payload, payload.length), WireStatus.OK);
  }

  arrive(payload: Uint8Array): void {
    const frame = framed(payload);
    addon.receive(this.wire, frame, frame.length);
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

  get counters() {
    const values = new Uint32Array(6);
    addon.wireCounters(this.wire, new Uint8Array(28), new Uint8Array(values.buffer));
    const [framesSent, framesCued, bytesSent, bytesReceived, baudChanges, inboxDrops] = values;
    return { framesSent, framesCued, bytesSent, bytesReceived, baudChanges, inboxDrops };
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

/** A line between a UART and a wire's task that do what the test says. */
class LineBench {
  readonly line = addon.makeLine();
  readonly #out = new Uint8Array(RING_BYTES);

  constructor({ isOpen = true } = {}) {
    addon.lineOpen(this.line, isOpen ? 1 : 0);
  }

  /** Returns how many bytes found room. */
  arrive(...pieces: readonly Uint8Array[]): number {
    return pieces.reduce((taken, piece) => taken + addon.lineTake(this.line, piece, piece.length), 0);
  }

  /** The task reads all there is, as hexadecimal text. */
  read(bytesMax = this.#out.length): string {
    const count = addon.lineRead(this.line, this.#out.subarray(0, bytesMax));
    return toHex(this.#out.subarray(0, count));
  }

  /** The UART takes what is to be sent, as hexadecimal text. */
  transmit(bytesMax = this.#out.length): string {
    const count = addon.lineNext(this.line, this.#out.subarray(0, bytesMax));
    return toHex(this.#out.subarray(0, count));
  }

  get pings(): number {
    return addon.linePings(this.line);
  }
}

describe("A line", () => {
  let bench: LineBench;

  beforeEach(() => {
    bench = new LineBench();
  });

  it("answers each ping at once, and lets nobody hear of it, whatever has to be escaped", () => {
    for (let id = 0; id < 0x1_0000; id++) {
      bench.arrive(framed(pingOf(id)));
      assert.equal(bench.transmit(), toHex(framed(pongOf(id))), `message ${id}`);
    }
    assert.equal(bench.read(), "");
    assert.equal(bench.pings, 0x1_0000);
  });

  it("answers a ping that arrives byte by byte at its last one, and not before", () => {
    const frame = framed(pingOf(7));
    for (const [index, byte] of frame.entries()) {
      assert.equal(bench.transmit(), "", `byte ${index}`);
      bench.arrive(Uint8Array.of(byte));
    }
    assert.equal(bench.transmit(), toHex(framed(pongOf(7))));
  });

  it("hands over everything else, to the byte and in order, pings cut out of it", () => {
    const before = Uint8Array.of(1, 2, 0xbb, 3);
    bench.arrive(before, framed(RESULT), framed(pingOf(1)), framed(NEXT), framed(pingOf(0xbbaa)), before);
    assert.equal(bench.read(), [before, framed(RESULT), framed(NEXT), before].map(toHex).join(""));
    assert.equal(bench.transmit(), toHex(framed(pongOf(1))) + toHex(framed(pongOf(0xbbaa))));
  });

  it("takes nothing for a ping that is none to the last bit", () => {
    const ping = framed(pingOf(0x1234));
    const others = [
      framed(Uint8Array.of(...pingOf(1), 0)),
      framed(pingOf(1).slice(0, 5)),
      framed(RESULT),
      // Escapes that no encoder writes, or leaves out, and one at the very end.
      Uint8Array.of(0xaa, 0xbc, 0x67, 0x01, 0x01, 0xcc, 0xed, 0x00, 0x16, 0xbb),
      Uint8Array.of(0xaa, 0xbc, 0x67, 0x01, 0x01, 0x11, 0x00, 0x5e, 0xbb),
      Uint8Array.of(0xaa, 0xbc, 0x67, 0x01, 0x01, 0x12, 0x34, 0xcc, 0xbb),
      ping.slice(1),
    ];
    for (let bit = 8; bit < (ping.length - 1) * 8; bit++) {
      const flipped = ping.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      if (![0xaa, 0xbb].includes(flipped[bit >> 3] as number)) others.push(flipped);
    }
    for (const other of others) {
      bench.arrive(other);
      assert.equal(bench.read(), toHex(other));
    }
    assert.equal(bench.transmit(), "");
    assert.equal(bench.pings, 0);
  });

  it("finds a ping behind one that was cut short, or never ends, and closes what it has cut short", () => {
    const ping = framed(pingOf(5));
    for (let cut = 1; cut < ping.length; cut++) {
      bench.arrive(ping.subarray(0, cut), ping);
      assert.equal(bench.read(), `${toHex(ping.subarray(0, cut))}aabb`);
      assert.equal(bench.transmit(), toHex(framed(pongOf(5))));
    }
    const endless = Uint8Array.of(...ping.subarray(0, 5), ...new Uint8Array(30).fill(0x42));
    bench.arrive(endless, ping, ping);
    assert.equal(bench.read(), `${toHex(endless)}aabb`);
    assert.equal(bench.pings, ping.length + 1);
  });

  it("hands pings over, too, while it is not open, and is open for the very next one", () => {
    const closed = new LineBench({ isOpen: false });
    const ping = framed(pingOf(9));
    closed.arrive(ping.subarray(0, 6));
    assert.equal(closed.read(), "");
    closed.arrive(ping.subarray(6));
    assert.equal(closed.read(), toHex(ping));
    closed.arrive(ping.subarray(0, 6));
    addon.lineOpen(closed.line, 1);
    closed.arrive(ping.subarray(6));
    assert.equal(closed.read(), "");
    assert.equal(closed.transmit(), toHex(framed(pongOf(9))));
  });

  it("sends an answer before a frame, or behind it, but never into it", () => {
    const wire = addon.makeWire(0);
    const frame = toHex(Uint8Array.of(0x00, 0xbb, ...framed(NEXT)));
    for (let sent = 0; sent <= frame.length / 2; sent++) {
      addon.restart(wire);
      addon.sendFrame(wire, NEXT, NEXT.length);
      assert.equal(addon.lineSend(bench.line, wire), frame.length / 2);
      const first = bench.transmit(sent);
      bench.arrive(framed(pingOf(sent)));
      const pong = toHex(framed(pongOf(sent)));
      assert.equal(first + bench.transmit(), sent === 0 ? pong + frame : frame + pong, `after ${sent} bytes`);
      assert.equal(addon.lineUnsent(bench.line), 0);
    }
  });

  it("leaves a ping to the engine when its answers find no room", () => {
    const pings = Array.from({ length: 12 }, (_, id) => framed(pingOf(id)));
    bench.arrive(...pings);
    assert.isAtLeast(bench.pings, PONGS_MAX);
    assert.isBelow(bench.pings, pings.length);
    assert.equal(bench.read(), pings.slice(bench.pings).map(toHex).join(""));
    assert.equal(bench.transmit().length / 2, bench.pings * framed(pongOf(0)).length);
    bench.arrive(framed(pingOf(7)));
    assert.equal(bench.transmit(), toHex(framed(pongOf(7))));
  });

  it("takes no more than it has room for, and loses nothing of that", () => {
    const random = new Random(3);
    const stream = random.bytes(100_000).map((byte) => (byte < 60 ? (pingOf(1)[byte % 6] as number) : byte));
    let wasFull = 0;
    let read = "";
    for (let at = 0; at < stream.length; ) {
      const count = 1 + random.below(2000);
      const taken = bench.arrive(stream.subarray(at, at + count));
      if (taken < Math.min(count, stream.length - at)) wasFull++;
      at += taken;
      read += bench.read(random.below(1500));
    }
    bench.arrive(new Uint8Array(PING_FRAME_BYTES_MAX));
    read += bench.read();
    assert.isTrue(read === toHex(stream) + "00".repeat(PING_FRAME_BYTES_MAX), "bytes are lost");
    assert.isAbove(wasFull, 10);
  });

  it("forgets what is half received and half sent, for another baud", () => {
    const wire = addon.makeWire(0);
    addon.sendFrame(wire, NEXT, NEXT.length);
    addon.lineSend(bench.line, wire);
    bench.transmit(3);
    bench.arrive(framed(pingOf(1)), RESULT, framed(pingOf(2)).subarray(0, 6));
    addon.lineReset(bench.line);
    assert.deepEqual([bench.read(), bench.transmit(), addon.lineUnsent(bench.line)], ["", "", 0]);
    bench.arrive(framed(pingOf(3)));
    assert.equal(bench.transmit(), toHex(framed(pongOf(3))));
  });

  for (const seed of [1, 2, 3]) {
    it(`takes all pings out of a broken stream that the decoder would find in it, and nothing else (seed ${seed})`, () => {
      const random = new Random(seed);
      const pings = Array.from({ length: 40 }, () => framed(pingOf(random.below(0x1_0000))));
      const frames = [...pings, framed(RESULT), framed(NEXT), framed(random.bytes(100))];
      const stream = makeBrokenStream(random, frames, 300_000);
      const [alone, behind, pongs]: [string[], string[], string[]] = [[], [], []];
      const keep = (into: string[]) => (payload: Uint8Array, length: number) =>
        void into.push(toHex(payload.subarray(0, length)));
      const decoders = { alone: new DecoderInC(keep(alone)), behind: new DecoderInC(keep(behind)) };
      const far = new DecoderInC(keep(pongs));
      for (let at = 0; at < stream.length; ) {
        const piece = stream.slice(at, at + 1 + random.below(40)); // no more pings than the line has room for
        at += piece.length;
        decoders.alone.push(piece);
        assert.equal(bench.arrive(piece), piece.length);
        decoders.behind.push(Uint8Array.from(fromHex(bench.read(random.below(60)))));
        far.push(Uint8Array.from(fromHex(bench.transmit())));
      }
      decoders.behind.push(Uint8Array.from(fromHex(bench.read())));
      const isPing = (payload: string) => payload.startsWith("bc670101") && payload.length === 12;
      const isOther = (payload: string) => !isPing(payload);
      assert.isTrue(behind.filter(isOther).join() === alone.filter(isOther).join(), "something else was heard");
      // Pings with bytes that an encoder would have escaped are the engine's.
      const leftPings = behind.filter(isPing);
      const answered = alone.filter(isPing).filter((ping) => leftPings[0] !== ping || leftPings.shift() === undefined);
      assert.deepEqual(
        pongs,
        answered.map((ping) => `12a5${ping.slice(8)}00`),
      );
      assert.isAbove(pongs.length, 1000);
      assert.isAbove(behind.length, 100);
    });
  }
});

describe("Pings", () => {
  it("may be answered in the name of an engine that was seen within five seconds, also when time wraps around", () => {
    for (const bootMs of [0, 2 ** 32 - 1000]) {
      const bench = new CoreBench(bootMs);
      const at = (ms: number) => (bootMs + ms) % 2 ** 32;
      bench.send(NEXT);
      assert.equal(addon.answersPings(bench.wire, at(ALIVE_MS - 1)), 1);
      assert.equal(addon.answersPings(bench.wire, at(ALIVE_MS)), 0);
      addon.see(bench.wire, at(ALIVE_MS));
      assert.equal(addon.answersPings(bench.wire, at(2 * ALIVE_MS - 1)), 1);
      bench.take(at(2 * ALIVE_MS));
      assert.equal(addon.answersPings(bench.wire, at(3 * ALIVE_MS - 1)), 1);
    }
  });

  it("may not before a frame with the lead-in has left, nor while the wire is held", () => {
    const bench = new CoreBench();
    assert.equal(addon.answersPings(bench.wire, 0), 0);
    bench.send(NEXT);
    assert.equal(addon.answersPings(bench.wire, 0), 1);
    addon.hold(bench.wire, 1);
    assert.equal(addon.answersPings(bench.wire, 0), 0);
    addon.hold(bench.wire, 0);
    assert.equal(addon.answersPings(bench.wire, 0), 1);
    addon.restart(bench.wire);
    assert.equal(addon.answersPings(bench.wire, 0), 0);
  });

  it("that were answered are told to the engine, once", () => {
    const bench = new CoreBench();
    addon.hearPings(bench.wire);
    addon.hearPings(bench.wire);
    assert.equal(addon.hasNews(bench.wire), 1);
    assert.equal(addon.takeEvents(bench.wire), WIRE_HEARD);
    assert.equal(addon.hasNews(bench.wire), 0);
  });
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
      addon.receive(bench.wire, piece, piece.length);
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
    for (let i = 0; i < 6; i++) bench.arrive(payload);
    assert.equal(bench.counters.inboxDrops, 2);
    assert.equal(addon.receivable(bench.wire), 0);
    for (let i = 0; i < 4; i++) assert.equal(bench.take(0), toHex(payload));
    assert.equal(bench.take(0), "");
    assert.equal(addon.receivable(bench.wire), INBOX_BYTES - PAYLOAD_BYTES_MAX - 2);
  });

  it("takes no cue from a payload that it has no room for: nobody would hear of it", () => {
    const bench = new CoreBench();
    addon.prepareFrame(bench.wire, NEXT, NEXT.length, RESULT);
    for (let i = 0; i < 4; i++) bench.arrive(new Uint8Array(1022).fill(1));
    bench.arrive(RESULT);
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
    bench.arrive(RESULT);
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
    bench.arrive(RESULT);
    assert.deepEqual(bench.transmit(), []);
    assert.equal(addon.takeEvents(bench.wire), WIRE_IDLE);
    bench.arrive(RESULT);
    assert.deepEqual(bench.transmit(), [toHex(NEXT)]);
  });

  it("tells of noise and of the free wire once each", () => {
    assert.equal(addon.takeEvents(bench.wire), 0);
    addon.receive(bench.wire, Uint8Array.of(1, 2, 3), 3);
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
