/** Ferry's bytes against Blynk's: every recorded exchange, and the frames of the protocol's own documents. */

import { assert } from "chai";
import { ByteReader, ByteWriter } from "../../../src/base/bytes.js";
import { FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX } from "../../../src/frame/layout.js";
import { type Args, type Call, type CallName, callNames, calls } from "../../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult, readFields } from "../../../src/rpc/codec.js";
import { OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT, RpcStatus } from "../../../src/rpc/protocol.js";
import type { CallTable } from "../../../src/rpc/serving.js";
import type { Outcome } from "../../../src/rpc/session.js";
import { type Exchange, loadExchanges } from "../../support/blynk-vectors.js";
import type { FrameCodec } from "../../support/frame-codec.js";
import { type Message, NAMED_FRAMES } from "../../support/named-frames.js";
import { fromHex, toHex } from "../../support/ncp-stub.js";
import { RpcBench } from "../../support/rpc-bench.js";

const exchanges = loadExchanges();
const answered = exchanges.filter(({ recorded }) => recorded.response !== null);
const oneways = exchanges.filter(({ call }) => call.kind === "oneway");
const servedByNcp = exchanges.filter(({ call }) => call.side === "ncp");

export function describeVectors(name: string, { FrameDecoder, encodeFrame }: FrameCodec): void {
  describe(name, () => {
    function frameOf(payload: Uint8Array): string {
      const out = new Uint8Array(FRAME_BYTES_MAX);
      return toHex(out.subarray(0, encodeFrame(payload, payload.length, out)));
    }

    /** The payload of the one good frame in these bytes. */
    function payloadOf(frame: string): Uint8Array {
      const payloads: Uint8Array[] = [];
      const decoder = new FrameDecoder((payload, length) => payloads.push(payload.slice(0, length)));
      decoder.push(Uint8Array.from(fromHex(frame)));
      const [payload, ...more] = payloads;
      if (!payload || more.length > 0) throw new Error(`${payloads.length} good frames in ${frame}`);
      return payload;
    }

    /** The payload as if its message had this id; an INVOKE's stands behind the uid. */
    function withMessageId(payload: Uint8Array, messageId: number): Uint8Array {
      const opcode = new ByteReader(payload).u16();
      const at = opcode === OPCODE_INVOKE ? 4 : 2;
      const changed = payload.slice();
      changed[at] = messageId & 0xff;
      changed[at + 1] = messageId >> 8;
      return changed;
    }

    const writer = new ByteWriter(PAYLOAD_BYTES_MAX);

    describe("the recorded exchanges", () => {
      it("are 121 and cover all 57 calls of Blynk's", () => {
        assert.lengthOf(exchanges, 121);
        const blynks = callNames.filter((name) => !name.startsWith("ferry."));
        assert.sameMembers([...new Set(exchanges.map(({ name }) => name))], blynks);
        assert.lengthOf(blynks, 57);
        assert.equal(answered.length + oneways.length, 121);
      });

      it("contain bytes that need escaping, and payloads above a kilobyte", () => {
        assert.isAbove(exchanges.filter(({ recorded }) => recorded.request.includes("cc")).length, 40);
        const longest = Math.max(...exchanges.map(({ recorded }) => payloadOf(recorded.request).length));
        assert.isAbove(longest, 1024);
      });

      describe("as requests", () => {
        it("come out of the codec and the encoder byte for byte", () => {
          for (const { recorded, call, messageId, args, title } of exchanges) {
            if (call.kind === "invoke") encodeInvoke(writer, call, messageId, args);
            else encodeOneway(writer, call, args);
            assert.equal(frameOf(writer.copy()), recorded.request, title);
          }
        });

        it("are read by the decoder and the codec as what was given", () => {
          for (const { recorded, call, messageId, args, title } of exchanges) {
            const reader = new ByteReader(payloadOf(recorded.request));
            assert.equal(reader.u16(), call.kind === "invoke" ? OPCODE_INVOKE : OPCODE_ONEWAY, title);
            assert.equal(reader.u16(), call.uid, title);
            if (call.kind === "invoke") assert.equal(reader.u16(), messageId, title);
            assert.deepEqual(readFields(reader, call.argFields), args, title);
            assert.equal(reader.remaining, 0, title);
          }
        });
      });

      describe("as responses", () => {
        it("come out of the codec and the encoder byte for byte", () => {
          for (const { recorded, call, messageId, results, title } of answered) {
            encodeResult(writer, messageId, RpcStatus.OK, call.resultFields, results);
            assert.equal(frameOf(writer.copy()), recorded.response, title);
          }
        });

        it("are read by the decoder and the codec as what Blynk's driver understood", () => {
          for (const { recorded, call, messageId, results, title } of answered) {
            const reader = new ByteReader(payloadOf(recorded.response ?? ""));
            assert.equal(reader.u16(), OPCODE_RESULT, title);
            assert.equal(reader.u16(), messageId, title);
            assert.equal(reader.u8(), recorded.decoded.status, title);
            assert.deepEqual(readFields(reader, call.resultFields), results, title);
            assert.equal(reader.remaining, 0, title);
          }
        });
      });

      describe("through a session that makes the calls", () => {
        it("are sent as recorded, but for the session's own message ids", () => {
          for (const { recorded, name, call, args, title } of exchanges) {
            const { session, sink } = new RpcBench();
            if (call.kind === "invoke") session.invoke(name, args as Args<CallName>, () => {});
            else session.notify(name, args as Args<CallName>);
            const expected = payloadOf(recorded.request);
            const own = call.kind === "invoke" ? withMessageId(expected, 1) : expected;
            assert.deepEqual(sink.sent.map(toHex), [toHex(own)], title);
          }
        });

        it("are sent as recorded when prepared beforehand", () => {
          for (const { recorded, name, args, title } of answered) {
            const { session, sink } = new RpcBench();
            session.prepare(name, args as Args<CallName>);
            session.invokePrepared(name, () => {});
            assert.deepEqual(sink.sent.map(toHex), [toHex(withMessageId(payloadOf(recorded.request), 1))], title);
          }
        });

        it("have the outcome that Blynk's driver saw", () => {
          for (const { recorded, name, args, results, title } of answered) {
            const bench = new RpcBench();
            const outcomes: Outcome<CallName>[] = [];
            bench.session.invoke(name, args as Args<CallName>, (outcome) => outcomes.push(copyOfOutcome(outcome)));
            bench.receive(withMessageId(payloadOf(recorded.response ?? ""), 1));
            assert.deepEqual(outcomes as unknown[], [{ kind: "answered", results, late: false }], title);
          }
        });
      });

      describe("through a session that serves the calls", () => {
        /** Answers the exchange as the recorded server did; returns what its handler got, and what was sent. */
        function serve(exchange: Exchange): { heard: Decoded[]; sent: string[] } {
          const bench = new RpcBench();
          const heard: Decoded[] = [];
          const answer = (_: undefined, args: Decoded) => {
            heard.push(copyOf(args));
            return exchange.results;
          };
          bench.serve({ [exchange.name]: answer } as unknown as CallTable<undefined>);
          bench.receive(payloadOf(exchange.recorded.request));
          return { heard, sent: bench.sink.sent.map(frameOf) };
        }

        it("reach their handlers with what was given", () => {
          for (const exchange of servedByNcp) assert.deepEqual(serve(exchange).heard, [exchange.args], exchange.title);
          assert.isAbove(servedByNcp.length, 80);
        });

        it("are answered with the recorded bytes, and oneways not at all", () => {
          for (const exchange of servedByNcp) {
            const { response } = exchange.recorded;
            assert.deepEqual(serve(exchange).sent, response === null ? [] : [response], exchange.title);
          }
        });
      });
    });

    /** Binary values are views that only live as long as the handler runs. */
    function copyOf(values: Decoded): Decoded {
      return Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, value instanceof Uint8Array ? value.slice() : value]),
      );
    }

    function copyOfOutcome(outcome: Outcome<CallName>): Outcome<CallName> {
      return outcome.kind === "answered" ? { ...outcome, results: copyOf(outcome.results) as never } : outcome;
    }

    describe("the frames of the documents", () => {
      for (const { name, wire, message } of NAMED_FRAMES) {
        const frame = wire.map(([hex]) => hex).join("");

        it(`are written: ${name}`, () => {
          assert.equal(frameOf(encode(message)), frame);
        });

        it(`are understood: ${name}`, () => {
          const reader = new ByteReader(payloadOf(frame));
          assert.deepEqual(decode(reader, message), message);
          assert.equal(reader.remaining, 0);
        });
      }
    });

    function encode(message: Message): Uint8Array {
      if ("invoke" in message) encodeInvoke(writer, calls[message.invoke], message.id, message.args);
      else if ("oneway" in message) encodeOneway(writer, calls[message.oneway], message.args);
      else encodeResult(writer, message.id, message.status, resultFieldsOf(message), message.results);
      return writer.copy();
    }

    /** A RESULT does not say which call it answers: that, and nothing else, comes from the expected message. */
    function decode(reader: ByteReader, expected: Message): unknown {
      const opcode = reader.u16();
      if (opcode === OPCODE_RESULT && "answerTo" in expected) {
        const { answerTo } = expected;
        return {
          answerTo,
          id: reader.u16(),
          status: reader.u8(),
          results: readFields(reader, resultFieldsOf(expected)),
        };
      }
      const uid = reader.u16();
      const name = callNames.find((candidate) => calls[candidate].uid === uid);
      if (!name) return { uid };
      if (opcode === OPCODE_ONEWAY) return { oneway: name, args: readFields(reader, calls[name].argFields) };
      return { invoke: name, id: reader.u16(), args: readFields(reader, calls[name].argFields) };
    }

    function resultFieldsOf(message: { answerTo: CallName; status: number }): Call["resultFields"] {
      return message.status === RpcStatus.OK ? calls[message.answerTo].resultFields : [];
    }
  });
}
