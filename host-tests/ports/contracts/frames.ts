/** What every codec of frames must do: find them in whatever arrives, in whatever pieces, and write them. */

import { assert } from "chai";
import { frameOf } from "../../../host/peers/mcu-framing.js";
import { Random } from "../../../host/sim/random.js";
import { crc8 } from "../../../src/base/crc.js";
import type { DecoderCounters } from "../../../src/frame/decoder.js";
import { BEGIN, END, ESCAPE, FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX } from "../../../src/frame/layout.js";
import type { FrameCodec, FrameDecoderShape } from "../../support/frame-codec.js";
import { fromHex, toHex } from "../../support/ncp-stub.js";

/** ncp.ping, message 2. */
const PING = "aabc6701010200 70bb";
const PING_PAYLOAD = "bc6701010200";
/** Every byte that needs an escape, in payload and CRC. */
const ESCAPES_PAYLOAD = "1113aabbcc0011";
const SPECIALS = [0x11, 0x13, BEGIN, END, ESCAPE];

export function describeFrameContract(name: string, { FrameDecoder, encodeFrame }: FrameCodec): void {
  describe(name, () => {
    function makeDecoder() {
      const payloads: string[] = [];
      let noises = 0;
      const decoder = new FrameDecoder(
        (payload, length) => payloads.push(toHex(payload.subarray(0, length))),
        () => noises++,
      );
      /** Pushes in pieces, each in an array of its own. */
      const push = (...hexes: string[]): void => {
        for (const hex of hexes) decoder.push(Uint8Array.from(fromHex(hex)));
      };
      return {
        decoder,
        payloads,
        push,
        get noises() {
          return noises;
        },
      };
    }

    /** Pushes bytes [start, end), as from a receive buffer with older bytes behind them. */
    function pushPiece(decoder: FrameDecoderShape, bytes: Uint8Array, start: number, end: number): void {
      const received = new Uint8Array(end - start + 3).fill(BEGIN);
      received.set(bytes.subarray(start, end));
      decoder.push(received, end - start);
    }

    /** The counters that are not zero. */
    function counted({ counters }: FrameDecoderShape): Partial<DecoderCounters> {
      return Object.fromEntries(Object.entries(counters).filter(([, count]) => count !== 0));
    }

    function encoded(payload: Uint8Array): Uint8Array {
      const out = new Uint8Array(FRAME_BYTES_MAX);
      return out.slice(0, encodeFrame(payload, payload.length, out));
    }

    function bytesOf(hex: string): Uint8Array {
      return Uint8Array.from(fromHex(hex));
    }

    describe("the encoder", () => {
      it("writes the same frames as the MCU's own, for every byte, and for random payloads", () => {
        for (let byte = 0; byte < 256; byte++) {
          const payload = Uint8Array.of(byte);
          assert.deepEqual(encoded(payload), frameOf(payload), `${byte}`);
        }
        const random = new Random(1);
        for (let length = 1; length < 60; length++) {
          const payload = random
            .bytes(length)
            .map((byte) => (random.chance(0.3) ? (SPECIALS[byte % 5] as number) : byte));
          assert.deepEqual(encoded(payload), frameOf(payload), toHex(payload));
        }
      });

      it("never lets a delimiter or a flow control byte into a frame", () => {
        const frame = encoded(Uint8Array.from({ length: 256 }, (_, i) => i));
        for (const byte of frame.subarray(1, -1)) assert.notInclude([0x11, 0x13, BEGIN, END], byte);
        assert.deepEqual([frame[0], frame.at(-1)], [BEGIN, END]);
      });

      it("escapes the CRC as well", () => {
        assert.equal(toHex(encoded(bytesOf("bc6701015c00"))), "aabc6701015c00cc55bb");
        assert.equal(toHex(encoded(bytesOf("bc6701017d00"))), "aabc6701017d00cceebb");
      });

      it("writes at a place, and only as much of the payload as it is told", () => {
        const out = new Uint8Array(16).fill(0xee);
        assert.equal(encodeFrame(bytesOf("01ffff"), 1, out, 3), 7);
        assert.equal(toHex(out.subarray(0, 9)), "eeeeeeaa0107bbeeee");
      });

      it("needs no more room than it says, at the worst", () => {
        const worst = new Uint8Array(PAYLOAD_BYTES_MAX).fill(BEGIN);
        const out = new Uint8Array(FRAME_BYTES_MAX + 8).fill(0xee);
        const end = encodeFrame(worst, worst.length, out);
        assert.isAtMost(end, FRAME_BYTES_MAX);
        assert.isAtLeast(end, FRAME_BYTES_MAX - 1, "all of the payload was escaped");
        assert.equal(out[end], 0xee);
      });

      it("refuses an empty payload, which would stall the parser of Blynk's driver", () => {
        assert.throws(() => encodeFrame(new Uint8Array(4), 0, new Uint8Array(8)), RangeError);
      });
    });

    describe("the decoder, for good frames", () => {
      it("finds a frame in all of the 256 ways to cut it", () => {
        const frame = bytesOf(PING);
        assert.lengthOf(frame, 9);
        for (let cuts = 0; cuts < 1 << (frame.length - 1); cuts++) {
          const { decoder, payloads } = makeDecoder();
          let start = 0;
          for (let end = 1; end <= frame.length; end++) {
            const isCut = end === frame.length || (cuts >> (end - 1)) & 1;
            if (!isCut) continue;
            pushPiece(decoder, frame, start, end);
            start = end;
          }
          assert.deepEqual(payloads, [PING_PAYLOAD], `cuts ${cuts.toString(2)}`);
          assert.deepEqual(counted(decoder), { frames: 1 });
        }
      });

      it("finds a frame full of escapes across every pair of borders, with another right behind it", () => {
        const stream = bytesOf(toHex(frameOf(bytesOf(ESCAPES_PAYLOAD))) + PING);
        for (let first = 0; first <= stream.length; first++) {
          for (let second = first; second <= stream.length; second++) {
            const { decoder, payloads } = makeDecoder();
            pushPiece(decoder, stream, 0, first);
            pushPiece(decoder, stream, first, second);
            pushPiece(decoder, stream, second, stream.length);
            assert.deepEqual(payloads, [ESCAPES_PAYLOAD, PING_PAYLOAD], `${first}, ${second}`);
            assert.deepEqual(counted(decoder), { frames: 2 });
          }
        }
      });

      it("gives back every byte value and every length up to the limit", () => {
        const random = new Random(2);
        const { decoder, payloads } = makeDecoder();
        const all = Uint8Array.from({ length: 256 }, (_, i) => i);
        const lengths = [1, 2, 127, 128, 129, 255, 256, 1024, PAYLOAD_BYTES_MAX - 1, PAYLOAD_BYTES_MAX];
        const sent = [all, ...lengths.map((length) => random.bytes(length))];
        for (const payload of sent) decoder.push(encoded(payload));
        assert.deepEqual(payloads, sent.map(toHex));
        assert.deepEqual(counted(decoder), { frames: sent.length });
      });

      it("takes the longest payload with every byte escaped", () => {
        for (const byte of SPECIALS) {
          const { decoder, payloads } = makeDecoder();
          const payload = new Uint8Array(PAYLOAD_BYTES_MAX).fill(byte);
          decoder.push(encoded(payload));
          assert.equal(payloads[0], toHex(payload));
        }
      });

      it("takes unescaped flow control bytes inside a frame", () => {
        const { push, payloads, decoder } = makeDecoder();
        const crc = crc8(Uint8Array.of(0x11, 0x13)).toString(16).padStart(2, "0");
        push(`aa1113${crc}bb`);
        assert.deepEqual(payloads, ["1113"]);
        assert.deepEqual(counted(decoder), { frames: 1 });
      });

      it("takes no more than it is told of a buffer", () => {
        const { decoder, payloads } = makeDecoder();
        const buffer = bytesOf(PING + PING);
        decoder.push(buffer, 9);
        assert.lengthOf(payloads, 1);
        decoder.push(buffer, 0);
        assert.deepEqual(counted(decoder), { frames: 1 });
      });
    });

    describe("the decoder, between frames", () => {
      it("skips text and counts it", () => {
        const { push, payloads, decoder } = makeDecoder();
        const log = toHex(Array.from("[rpc port] NCP started\r\n", (letter) => letter.charCodeAt(0)));
        push(log, PING, log, PING);
        assert.lengthOf(payloads, 2);
        assert.deepEqual(counted(decoder), { frames: 2, noiseBytes: 2 * 24 });
      });

      it("takes lone ENDs for what they are: no noise", () => {
        const bench = makeDecoder();
        bench.push("bb", `bb${PING}bbbb`, `bb${PING}`);
        assert.lengthOf(bench.payloads, 2);
        assert.deepEqual(counted(bench.decoder), { frames: 2 });
        assert.equal(bench.noises, 0);
      });

      it("reports noise once for each push that held any, and after the payloads", () => {
        const order: string[] = [];
        const decoder = new FrameDecoder(
          () => order.push("payload"),
          () => order.push("noise"),
        );
        decoder.push(bytesOf(`010203${PING}0405`));
        decoder.push(bytesOf(PING));
        decoder.push(bytesOf("00"));
        assert.deepEqual(order, ["payload", "noise", "payload", "noise"]);
      });

      it("takes an escape outside of a frame for noise, whatever follows", () => {
        const { push, payloads, decoder } = makeDecoder();
        push(`cc${PING}`, "cc", PING);
        assert.lengthOf(payloads, 2);
        assert.equal(decoder.counters.noiseBytes, 2);
      });

      it("counts frames without a payload apart, as no harm", () => {
        const bench = makeDecoder();
        bench.push("aabb", "aa00bb", PING);
        assert.lengthOf(bench.payloads, 1);
        assert.deepEqual(counted(bench.decoder), { frames: 1, emptyFrames: 2 });
        assert.equal(bench.noises, 0);
      });
    });

    describe("the decoder, for damaged frames", () => {
      it("starts anew on BEGIN wherever a frame was cut short", () => {
        const frame = toHex(bytesOf(PING));
        for (let kept = 1; kept < 9; kept++) {
          const bench = makeDecoder();
          bench.push(frame.slice(0, 2 * kept) + frame);
          assert.deepEqual(bench.payloads, [PING_PAYLOAD], `${kept} bytes kept`);
          assert.deepEqual(counted(bench.decoder), { frames: 1, restarts: 1 });
          assert.equal(bench.noises, 1);
        }
      });

      it("takes ESCAPE and BEGIN for a new frame, and ESCAPE and END for the end of a bad one", () => {
        const begin = makeDecoder();
        begin.push(`aa0102cc${PING}`);
        assert.lengthOf(begin.payloads, 1);
        assert.deepEqual(counted(begin.decoder), { frames: 1, restarts: 1 });
        const end = makeDecoder();
        end.push(`aa0102ccbb${PING}`);
        assert.lengthOf(end.payloads, 1);
        assert.deepEqual(counted(end.decoder), { frames: 1, escapeErrors: 1 });
        assert.deepEqual([begin.noises, end.noises], [1, 1]);
      });

      it("accepts exactly the five escapes that an encoder writes", () => {
        for (let escaped = 0; escaped < 256; escaped++) {
          if (escaped === BEGIN || escaped === END) continue;
          const value = escaped ^ 0xff;
          const { decoder, payloads } = makeDecoder();
          const rest = [0x01, crc8(Uint8Array.of(value, 0x01))];
          const tail = rest.flatMap((byte) => (SPECIALS.includes(byte) ? [ESCAPE, byte ^ 0xff] : [byte]));
          decoder.push(Uint8Array.of(BEGIN, ESCAPE, escaped, ...tail, END));
          const isGood = SPECIALS.includes(value);
          assert.lengthOf(payloads, isGood ? 1 : 0, `ESCAPE ${escaped.toString(16)}`);
          assert.equal(decoder.counters.escapeErrors, isGood ? 0 : 1);
          decoder.push(bytesOf(PING));
          assert.equal(payloads.at(-1), PING_PAYLOAD);
        }
      });

      it("drops a frame with any single bit flipped, and takes the next", () => {
        const frame = frameOf(bytesOf(ESCAPES_PAYLOAD));
        for (let bit = 0; bit < 8 * frame.length; bit++) {
          const { decoder, payloads } = makeDecoder();
          const damaged = frame.slice();
          damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
          decoder.push(damaged);
          decoder.push(bytesOf(PING));
          assert.deepEqual(payloads, [PING_PAYLOAD], `bit ${bit}`);
        }
      });

      it("takes the frame after next at the latest when any single byte is lost", () => {
        const frame = frameOf(bytesOf(ESCAPES_PAYLOAD));
        for (let lost = 0; lost < frame.length; lost++) {
          const { decoder, payloads } = makeDecoder();
          decoder.push(frame.filter((_, at) => at !== lost));
          decoder.push(bytesOf(PING));
          assert.deepEqual(payloads, [PING_PAYLOAD], `byte ${lost}`);
        }
      });

      it("drops a frame that is too long, by a byte or by thousands, escaped or not, and takes the next", () => {
        for (const length of [PAYLOAD_BYTES_MAX + 1, PAYLOAD_BYTES_MAX + 2, 5000]) {
          for (const byte of [0x42, BEGIN]) {
            const { decoder, payloads, push } = makeDecoder();
            decoder.push(frameOf(new Uint8Array(length).fill(byte)));
            push(PING);
            assert.deepEqual(payloads, [PING_PAYLOAD], `${length} of ${byte}`);
            assert.equal(decoder.counters.oversizeFrames, 1);
            assert.equal(decoder.counters.crcErrors, 0);
          }
        }
      });

      it("survives a frame that never ends", () => {
        const { decoder, payloads, push } = makeDecoder();
        push("aa");
        for (let i = 0; i < 100; i++) decoder.push(new Uint8Array(1000).fill(0x42));
        push(PING);
        assert.deepEqual(payloads, [PING_PAYLOAD]);
        assert.equal(decoder.counters.frames, 1);
      });

      it("counts a wrong CRC", () => {
        const { push, payloads, decoder } = makeDecoder();
        push("aabc670101020071bb", PING);
        assert.lengthOf(payloads, 1);
        assert.deepEqual(counted(decoder), { frames: 1, crcErrors: 1 });
      });

      it("forgets a frame under way when it is reset, also in the middle of an escape", () => {
        for (const start of ["aabc67", "aabc67cc", "aa"]) {
          const { push, payloads, decoder } = makeDecoder();
          push(start);
          decoder.reset();
          push("01010200 70bb", PING);
          assert.deepEqual(payloads, [PING_PAYLOAD]);
          assert.deepEqual(counted(decoder), { frames: 1, noiseBytes: 5 });
        }
      });

      it("may be reset by whoever takes a payload, and goes on with the bytes behind it", () => {
        let payloads = 0;
        const decoder: FrameDecoderShape = new FrameDecoder(() => {
          payloads++;
          decoder.reset();
        });
        decoder.push(bytesOf(PING + PING));
        assert.equal(payloads, 2);
        assert.deepEqual(counted(decoder), { frames: 2 });
      });
    });

    // ---- a million random bytes --------------------------------------------------------------------------------------

    interface Stream {
      readonly bytes: Uint8Array;
      /** Payloads of the frames that were put in. */
      readonly good: readonly string[];
    }

    /** Garbage with good frames in it. Spicy garbage is mostly delimiters, escapes, and what may follow them. */
    function makeStream(random: Random, garbageBytes: number, spice: number): Stream {
      const garbage = makeGarbage(random, garbageBytes);
      const spices = [BEGIN, END, ESCAPE, 0x55, 0x44, 0x33, 0xee, 0xec, 0x00];
      if (spice > 0) {
        for (let i = 0; i < garbage.length; i++) {
          if (random.chance(spice)) garbage[i] = spices[random.below(spices.length)] as number;
        }
      }
      const bytes = new Uint8Array(2 * garbageBytes + 10_000);
      const good: string[] = [];
      let length = 0;
      for (let at = 0; at < garbage.length; ) {
        const end = at + random.below(2000);
        const piece = garbage.subarray(at, end);
        bytes.set(piece, length);
        length += piece.length;
        at = end;
        const number = good.length;
        const payload = Uint8Array.of(0x67, number & 0xff, number >> 8, ...random.bytes(random.below(24)));
        const frame = frameOf(payload);
        bytes.set(frame, length);
        length += frame.length;
        good.push(toHex(payload));
      }
      return { bytes: bytes.slice(0, length), good };
    }

    /** A xorshift generator, seeded by the given one, which would take half of this suite's time on XS. */
    function makeGarbage(random: Random, length: number): Uint8Array {
      const words = new Uint32Array(length / 4);
      let word = 1 + random.below(2 ** 32 - 1);
      for (let i = 0; i < words.length; i++) {
        word ^= word << 13;
        word ^= word >>> 17;
        word ^= word << 5;
        words[i] = word;
      }
      return new Uint8Array(words.buffer);
    }

    /** What is in a stream, told in the simplest way: from each BEGIN to the next END, unless BEGIN comes before it. */
    function decodeByTheBook(bytes: Uint8Array): string[] {
      const payloads: string[] = [];
      for (let begin = bytes.indexOf(BEGIN); begin >= 0; ) {
        const next = bytes.indexOf(BEGIN, begin + 1);
        const end = bytes.subarray(begin, next < 0 ? bytes.length : next).indexOf(END);
        if (end > 0) {
          const content = unescapedByTheBook(bytes.subarray(begin + 1, begin + end));
          if (content && content.length > 1 && content.length <= PAYLOAD_BYTES_MAX + 1 && crc8(content) === 0) {
            payloads.push(toHex(content.subarray(0, -1)));
          }
        }
        begin = next;
      }
      return payloads;
    }

    function unescapedByTheBook(bytes: Uint8Array): Uint8Array | undefined {
      const content: number[] = [];
      for (let i = 0; i < bytes.length; i++) {
        const byte = bytes[i] as number;
        if (byte !== ESCAPE) {
          content.push(byte);
          continue;
        }
        const value = (bytes[++i] ?? 0) ^ 0xff;
        if (i >= bytes.length || !SPECIALS.includes(value)) return undefined;
        content.push(value);
      }
      return Uint8Array.from(content);
    }

    /** Pushes the stream in pieces as long as `nextBytes` says, each in the same receive buffer. */
    function decodeInPieces(
      bytes: Uint8Array,
      nextBytes: () => number,
    ): { payloads: string[]; counters: DecoderCounters } {
      const { decoder, payloads } = makeDecoder();
      const received = new Uint8Array(4096);
      for (let at = 0; at < bytes.length; ) {
        const count = Math.min(nextBytes(), bytes.length - at, received.length);
        received.set(bytes.subarray(at, at + count));
        decoder.push(received, count);
        at += count;
      }
      return { payloads, counters: decoder.counters };
    }

    /** Asserts without printing a thousand payloads. */
    function assertSameList(actual: readonly string[], expected: readonly string[]): void {
      assert.equal(actual.length, expected.length);
      const differs = actual.findIndex((payload, at) => payload !== expected[at]);
      assert.equal(differs, -1, `payload ${differs} is ${actual[differs]}, not ${expected[differs]}`);
    }

    function assertSubsequence(all: readonly string[], part: readonly string[]): void {
      let found = 0;
      for (const payload of all) if (payload === part[found]) found++;
      assert.equal(found, part.length, `frame ${found} was not found`);
    }

    describe("the decoder, in a million random bytes", () => {
      const stream = makeStream(new Random(20261121), 1_000_000, 0);
      const expected = decodeByTheBook(stream.bytes);

      it("has good frames to find, and some that only look so", () => {
        assert.isAbove(stream.bytes.length, 1_000_000);
        assert.isAbove(stream.good.length, 900);
        assertSubsequence(expected, stream.good);
        assert.isAbove(expected.length, stream.good.length, "no garbage looked like a frame");
      });

      it("finds every good frame in the pieces that a full FIFO gives", () => {
        const { payloads, counters } = decodeInPieces(stream.bytes, () => 96);
        assertSameList(payloads, expected);
        assert.equal(counters.frames, expected.length);
        for (const [name, count] of Object.entries(counters)) {
          if (name !== "oversizeFrames") assert.isAbove(count, 0, `${name} never happened`);
        }
      });

      it("finds the same in pieces of random length, and counts the same", () => {
        const random = new Random(4);
        const fixed = decodeInPieces(stream.bytes.subarray(0, 200_000), () => 4096);
        const varied = decodeInPieces(stream.bytes.subarray(0, 200_000), () => 1 + random.below(200));
        assertSameList(varied.payloads, fixed.payloads);
        assert.deepEqual(varied.counters, fixed.counters);
      });

      it("finds the same byte by byte", () => {
        const part = stream.bytes.subarray(600_000, 700_000);
        const { payloads } = decodeInPieces(part, () => 1);
        assertSameList(payloads, decodeByTheBook(part));
      });
    });

    describe("the decoder, in random bytes that are mostly delimiters and escapes", () => {
      for (const spice of [0.05, 0.3, 0.9]) {
        it(`finds every good frame where ${spice * 100} % are`, () => {
          const random = new Random(spice * 1000);
          const { bytes, good } = makeStream(random, 30_000, spice);
          const expected = decodeByTheBook(bytes);
          assertSubsequence(expected, good);
          assert.isAbove(good.length, 20);
          const whole = decodeInPieces(bytes, () => 4096);
          const pieces = decodeInPieces(bytes, () => 1 + random.below(40));
          assertSameList(whole.payloads, expected);
          assertSameList(pieces.payloads, expected);
          assert.deepEqual(pieces.counters, whole.counters);
        });
      }
    });
  });
}
