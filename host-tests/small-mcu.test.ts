/**
 * MCUs with a receive buffer of 256 or 512 bytes. Blynk's driver copies each message into it without a look at its end,
 * and handlers of vPinChange write a NUL behind the value: what is longer lands in whatever lies behind.
 */

import { assert } from "chai";
import type { McuBehavior } from "../host/peers/mcu-behavior.js";
import type { NcpCallName } from "../host/peers/mcu-rpc.js";
import { Workbench } from "../host/peers/workbench.js";
import { FILE_NAME_LENGTH_MAX } from "../src/base/url.js";
import { PAYLOAD_BYTES_MAX } from "../src/frame/layout.js";
import { FIRMWARE_TEXT_MAX } from "../src/image/offer.js";
import { McuRoom, SAFE_PAYLOAD_BYTES } from "../src/mcu/room.js";
import { McuUpdateCalls } from "../src/mcu/update-calls.js";
import { type Call, callNames, calls, type FieldType, type Value } from "../src/rpc/catalogue.js";
import { RpcStatus } from "../src/rpc/protocol.js";
import { RpcBench } from "./support/rpc-bench.js";

const SMALL_BUFFERS = [256, 512] as const;
/** What an otaUpdateWrite adds to its chunk. */
const WRITE_OVERHEAD_BYTES = 16;

/** As long as it may be, so that an MCU that asks for them gets it back as long as it may be. */
function longest(type: FieldType): Value {
  if (type === "string") return "x".repeat(200);
  if (type === "binary") return new Uint8Array(200).fill(0x31);
  if (type === "i64") return 0x7fff_ffff_ffffn;
  return type === "bool" ? true : 200;
}

function longestArguments(name: NcpCallName): never {
  const call: Call = calls[name];
  return Object.fromEntries(call.argFields.map(([field, type]) => [field, longest(type)])) as never;
}

function startSmall(bufferBytes: number, mcu: Partial<McuBehavior> = {}): Workbench {
  const bench = new Workbench({ imageBytes: 6_000, mcu: { bufferBytes, crashesWhenSmashedMs: 100, ...mcu } });
  bench.start();
  return bench;
}

for (const bufferBytes of SMALL_BUFFERS) {
  describe(`an MCU with a buffer of ${bufferBytes} bytes`, () => {
    for (const [texts, letter] of [
      ["the longest texts", "t"],
      ["the longest texts that are not ASCII", "漢"],
    ] as const) {
      it(`is offered firmware with ${texts}`, () => {
        const bench = startSmall(bufferBytes, { acceptOffer: false });
        const text = letter.repeat(FIRMWARE_TEXT_MAX);
        const url = `http://files.example/${"f".repeat(200)}.bin`;
        bench.offer({ url, type: text, version: text, build: text });
        bench.runUntil(() => bench.mcu.record.update.offers.length > 0, 10_000, "the offer");
        const [offer] = bench.mcu.record.update.offers;
        assert.equal(offer?.filename.length, FILE_NAME_LENGTH_MAX);
        for (const told of [offer?.type, offer?.version, offer?.build]) assert.isTrue(told && text.startsWith(told));
        bench.clock.advance(60_000);
        assert.deepEqual(bench.mcu.violations, []);
      });
    }

    for (const chunkBytes of [64, bufferBytes - WRITE_OVERHEAD_BYTES]) {
      it(`is updated in chunks of ${chunkBytes} bytes`, () => {
        const bench = startSmall(bufferBytes, { chunkBytes, prefetch: true });
        bench.offer();
        assert.equal(bench.awaitVerdict().kind, "succeeded");
        bench.clock.advance(60_000);
        assert.isTrue(bench.mcuRunsNewImage);
        assert.deepEqual(bench.mcu.violations, []);
      });
    }

    it("calls everything with the longest values, and gets nothing back that is longer than its buffer", () => {
      const bench = startSmall(bufferBytes);
      let replies = 0;
      const names = callNames.filter((name): name is NcpCallName => calls[name].side === "ncp");
      for (const name of names.filter((name) => name !== "ncp.reboot" && name !== "hw.setUartBaudRate")) {
        if (calls[name].kind === "oneway") bench.mcu.tell(name, longestArguments(name));
        else bench.mcu.call(name, longestArguments(name), () => replies++);
        bench.clock.advance(200);
      }
      bench.clock.advance(60_000);
      assert.isAbove(replies, 30);
      assert.deepEqual(bench.mcu.violations, []);
    });

    it("is smashed by what it cannot hold, so that the tests above can fail", () => {
      const bench = startSmall(bufferBytes, { chunkBytes: bufferBytes - WRITE_OVERHEAD_BYTES + 1 });
      bench.offer();
      bench.runUntil(() => bench.mcu.violations.length > 0, 60_000, "a chunk");
      assert.equal(bench.mcu.violations[0]?.kind, "memorySmashed");
    });
  });
}

describe("what Ferry knows of the MCU's room", () => {
  function makeRoom() {
    const bench = new RpcBench();
    return { bench, session: bench.session, room: new McuRoom(bench.session) };
  }

  it("is the smallest buffer's at first, and again when the MCU has restarted", () => {
    const { room, session } = makeRoom();
    assert.equal(session.peerRoomBytes, SAFE_PAYLOAD_BYTES);
    room.onChunkAsked(1024);
    room.forget();
    assert.equal(session.peerRoomBytes, SAFE_PAYLOAD_BYTES);
  });

  it("grows with the chunk that the MCU asks for, less the NUL behind a pin's value", () => {
    const { room, session } = makeRoom();
    room.onChunkAsked(512 - WRITE_OVERHEAD_BYTES);
    assert.equal(session.peerRoomBytes, 511);
    room.onChunkAsked(64);
    assert.equal(session.peerRoomBytes, 511, "a small chunk says nothing of the buffer");
  });

  it("grows with what the MCU says of it, up to what the protocol allows", () => {
    const { room, session } = makeRoom();
    assert.isFalse(room.onBufferTold(SAFE_PAYLOAD_BYTES + 1));
    assert.isTrue(room.onBufferTold(512));
    assert.equal(session.peerRoomBytes, 510);
    assert.isTrue(room.onBufferTold(65_535));
    assert.equal(session.peerRoomBytes, PAYLOAD_BYTES_MAX);
  });

  it("is what the MCU says before it initializes, when Ferry has just started or had lost it", () => {
    const { room, session } = makeRoom();
    for (const isLost of [false, true]) {
      if (isLost) room.forget();
      room.onChunkAsked(1024);
      room.onBufferTold(512);
      room.onComingUp();
      room.onInitialize();
      assert.equal(session.peerRoomBytes, 510, "that of the chunk may have been its boot loader's");
    }
  });

  it("is what the MCU says as it comes up again, and nothing that it may have said before that", () => {
    const { room, session } = makeRoom();
    room.onInitialize();
    room.onBufferTold(2048);
    room.onComingUp();
    assert.equal(session.peerRoomBytes, PAYLOAD_BYTES_MAX, "it may not have restarted");
    room.onBufferTold(512);
    room.onInitialize();
    assert.equal(session.peerRoomBytes, 510);
    room.onComingUp();
    room.onInitialize();
    assert.equal(session.peerRoomBytes, SAFE_PAYLOAD_BYTES);
    room.onBufferTold(2048);
    room.onInitialize();
    assert.equal(session.peerRoomBytes, SAFE_PAYLOAD_BYTES, "nothing tells which life that was");
  });

  it("is forgotten also by the first initialize of an MCU that had been taken without one", () => {
    const { room, session } = makeRoom();
    room.settle();
    room.onBufferTold(2048);
    room.onComingUp();
    room.onInitialize();
    assert.equal(session.peerRoomBytes, SAFE_PAYLOAD_BYTES);
  });

  it("lets the longest value of a pin pass and counts a longer one", () => {
    const { bench, room, session } = makeRoom();
    session.notify("client.blynkVPinChange", { vpin: 1, value: new Uint8Array(room.valueBytesMax) });
    assert.lengthOf(bench.takeSent(), 1);
    session.notify("client.blynkVPinChange", { vpin: 1, value: new Uint8Array(room.valueBytesMax + 1) });
    assert.lengthOf(bench.takeSent(), 0);
    assert.equal(session.counters.eventsTooLong, 1);
  });

  it("bounds calls: one that is too long is not sent, and its caller hears of it", () => {
    const { bench, session } = makeRoom();
    const outcomes: string[] = [];
    const offer = { filename: "f".repeat(240), sizeBytes: 1, type: "", version: "", build: "" };
    session.invoke("client.otaUpdateAvailable", offer, ({ kind }) => outcomes.push(kind));
    assert.lengthOf(bench.takeSent(), 0);
    assert.deepEqual(outcomes, [], "from inside the call");
    bench.clock.advance(1);
    assert.deepEqual(outcomes, ["timeout"]);
    assert.equal(session.counters.callsTooLong, 1);
  });

  it("bounds RESULTs: one that is too long is answered with an error instead", () => {
    const { bench, session } = makeRoom();
    bench.serve({ "blynk.getNcpVersion": () => ({ version: "v".repeat(SAFE_PAYLOAD_BYTES), ok: true }) });
    bench.receive(Uint8Array.of(0xbc, 0x67, 0x05, 0x03, 0x07, 0x00));
    assert.deepEqual(bench.takeSent(), [`12a50700${RpcStatus.RESULTS_WRITE.toString(16)}`]);
    assert.equal(session.counters.resultsTooLong, 1);
  });

  it("leaves room for every offer that is legal", () => {
    const { bench, session } = makeRoom();
    const text = "t".repeat(FIRMWARE_TEXT_MAX);
    const updates = new McuUpdateCalls(session);
    const offer = { sizeBytes: 1, type: text, version: text, build: text };
    updates.offer("f".repeat(FILE_NAME_LENGTH_MAX), offer, () => {});
    const [sent = ""] = bench.takeSent();
    assert.equal(sent.length / 2, 6 + 4 + FILE_NAME_LENGTH_MAX + 3 * FIRMWARE_TEXT_MAX + 4);
    assert.isAtMost(sent.length / 2, SAFE_PAYLOAD_BYTES);
  });
});
