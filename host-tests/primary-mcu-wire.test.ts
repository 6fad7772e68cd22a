/** The simulated MCU's driver: its parser with all of the real one's faults, and its blocking, recursive RPC. */

import { assert } from "chai";
import type { McuBehavior } from "../host/peers/mcu-behavior.js";
import { crc32Of, frameOf, McuParser, type ParserOptions } from "../host/peers/mcu-framing.js";
import type { Reply } from "../host/peers/mcu-rpc.js";
import { PrimaryMcu } from "../host/peers/primary-mcu.js";
import { VirtualClock } from "../host/sim/clock.js";
import { encodeUtf8 } from "../src/base/utf8.js";
import { callNames, calls } from "../src/rpc/catalogue.js";
import { NcpState, RpcStatus } from "../src/rpc/protocol.js";
import { fromHex, memoryWire, NcpStub, toHex } from "./support/ncp-stub.js";
import vectors from "./vectors/blynk-rpc.json";

const PING_2 = "aabc67010102 0070bb";
const PING_3 = toHex(frameOf(Uint8Array.from(fromHex("bc6701010300"))));

function makeParser(options: Partial<ParserOptions> = {}) {
  const seen = { frames: [] as string[], smashes: 0, emptyFrames: 0, badCrcs: 0 };
  const parser = new McuParser(
    { bufferBytes: 2048, resyncsOnBeg: false, ...options },
    {
      onSmash: () => void seen.smashes++,
      onEmptyFrame: () => void seen.emptyFrames++,
      onBadCrc: () => void seen.badCrcs++,
    },
  );
  const push = (...hexes: string[]) => {
    for (const byte of fromHex(hexes.join(""))) if (parser.push(byte)) seen.frames.push(toHex(parser.frame));
    return seen;
  };
  return { parser, seen, push };
}

/** An MCU without a bring-up of its own at 115200 baud, booted, and the scripted NCP at the other end. */
function makePair(behavior: Partial<McuBehavior> = {}) {
  const clock = new VirtualClock();
  const wire = memoryWire(clock);
  const mcu = new PrimaryMcu({
    clock,
    line: wire.mcu,
    behavior: { bringUp: "none", initialBaud: 115200, ...behavior },
  });
  const ncp = new NcpStub(clock, wire.ncp, 115200);
  mcu.powerOn();
  clock.advance(mcu.behavior.bootMs);
  return { clock, mcu, ncp };
}

describe("the MCU's checksums", () => {
  it("give the check values of the protocol", () => {
    assert.equal(crc32Of(encodeUtf8("123456789")), 0xcbf43926);
    const frame = frameOf(encodeUtf8("123456789"));
    assert.equal(frame.at(-2), 0xf4);
  });

  it("go on from an earlier CRC-32", () => {
    assert.equal(crc32Of(encodeUtf8("6789"), crc32Of(encodeUtf8("12345"))), 0xcbf43926);
  });
});

describe("the MCU's parser", () => {
  it("reads every recorded frame, and the MCU's encoder writes it", () => {
    let frames = 0;
    for (const { request, response } of vectors as { request: string; response: string | null }[]) {
      for (const hex of [request, response]) {
        if (!hex) continue;
        const { seen, push } = makeParser();
        push(hex);
        assert.equal(seen.frames.length, 1, hex);
        assert.equal(toHex(frameOf(Uint8Array.from(fromHex(seen.frames[0] as string)))), hex);
        frames++;
      }
    }
    assert.isAbove(frames, 200);
  });

  it("skips what lies between frames", () => {
    assert.lengthOf(makeParser().push("0d0a5b727063", PING_2, "ccbb11", PING_3).frames, 2);
  });

  it("drops a frame with a bad CRC, and takes the next", () => {
    const seen = makeParser().push("aabc6701010200 71bb", PING_2);
    assert.deepEqual([seen.frames.length, seen.badCrcs], [1, 1]);
  });

  it("takes BEGIN inside a frame as data, so that a truncated frame destroys the next one", () => {
    const seen = makeParser().push("aabc6701", PING_2, PING_3);
    assert.deepEqual(seen.frames, ["bc6701010300"]);
    assert.equal(seen.badCrcs, 1);
  });

  it("restarts on BEGIN where the knob says so", () => {
    assert.lengthOf(makeParser({ resyncsOnBeg: true }).push("aabc6701", PING_2, PING_3).frames, 2);
  });

  it("ignores a lone END while idle", () => {
    const seen = makeParser().push("bbbb", PING_2);
    assert.deepEqual([seen.frames.length, seen.badCrcs, seen.emptyFrames], [1, 0, 0]);
  });

  it("is freed from a truncated frame by a lone END", () => {
    const seen = makeParser().push("aabc6701", "bb", PING_2);
    assert.deepEqual([seen.frames.length, seen.badCrcs], [1, 1]);
  });

  it("loses the frame after an empty one, and recovers", () => {
    const seen = makeParser().push("aabb", PING_2, PING_3);
    assert.equal(seen.frames.at(-1), "bc6701010300");
    assert.notInclude(seen.frames, "bc6701010200");
    assert.equal(seen.emptyFrames, 1);
  });

  it("puts 255 stale bytes before the frame after an empty one, whose CRC may even be right", () => {
    // the FIFO holds zeros and one whole frame with its CRC, over and over: the CRC-8 of all that is zero
    const seen = makeParser().push(PING_3, "aabb", PING_2);
    assert.lengthOf(seen.frames, 2);
    assert.lengthOf(seen.frames[1] as string, 2 * (255 + 6));
    assert.match(seen.frames[1] as string, /^0000.*bc6701010200$/);
  });

  it("overruns a small buffer by an empty frame alone", () => {
    assert.equal(makeParser({ bufferBytes: 253 }).push("aabb").smashes, 1);
    assert.equal(makeParser({ bufferBytes: 254 }).push("aabb").smashes, 0);
  });

  it("takes a frame of nothing but a CRC without harm", () => {
    const seen = makeParser().push("aa00bb", PING_2);
    assert.deepEqual(seen.frames, ["", "bc6701010200"]);
  });

  it("complements whatever follows ESCAPE", () => {
    const plain = makeParser().push(PING_2).frames;
    assert.deepEqual(makeParser().push("aa cc43 6701010200 70bb").frames, plain);
  });

  it("loses an END after ESCAPE, and so merges two frames", () => {
    const seen = makeParser().push("aabc670101020070ccbb", PING_2, PING_3);
    assert.deepEqual(seen.frames, ["bc6701010300"]);
  });

  it("accepts raw XON and XOFF as data", () => {
    const escaped = "aabc67 ccee ccec 0200";
    const payload = Uint8Array.from(fromHex("bc6711130200"));
    const crc = toHex(frameOf(payload)).slice(-4);
    assert.deepEqual(makeParser().push(escaped, crc).frames, ["bc6711130200"]);
    assert.deepEqual(makeParser().push("aabc6711130200", crc).frames, ["bc6711130200"]);
  });

  it("takes a frame that just fits, and smashes memory with one byte more", () => {
    const fits = makeParser({ bufferBytes: 8 }).push(toHex(frameOf(new Uint8Array(8))));
    assert.deepEqual([fits.frames.length, fits.smashes], [1, 0]);
    const tooLong = makeParser({ bufferBytes: 8 }).push(toHex(frameOf(new Uint8Array(9))), PING_2);
    assert.deepEqual([tooLong.frames.length, tooLong.smashes], [1, 1]);
  });

  it("tells how long the frame was on the wire", () => {
    const { parser, push } = makeParser();
    push("0102", "aabc6701015c00cc55bb");
    assert.equal(parser.wireBytes, 10);
  });
});

describe("the MCU when it is called", () => {
  it("answers every call of its own that Blynk's driver answers, byte for byte where no handler decides", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.sendHex("aabc67810101007ebb");
    clock.advance(20);
    assert.equal(toHex(ncp.raw), "aa12a50100002cbb");
    assert.equal(mcu.record.counters.invokesServed, 1);
  });

  it("gives no answer to an unknown call", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.sendBytes(...frameOf(Uint8Array.from(fromHex("bc67990401 00"))));
    clock.advance(2000);
    assert.lengthOf(ncp.raw, 0);
    assert.equal(mcu.record.counters.unknownCalls, 1);
  });

  it("gives no answer to a call that its driver is too old for, and denies it", () => {
    const uid = calls["client.otaUpdateFinish"].uid;
    const { clock, mcu, ncp } = makePair({ unansweredUids: [uid] });
    const denied = ncp.invoke("mcu.hasUID", { uid });
    const known = ncp.invoke("mcu.hasUID", { uid: calls["mcu.ping"].uid });
    const finish = ncp.invoke("client.otaUpdateFinish", {});
    clock.advance(6000);
    assert.deepEqual([denied.results.ok, known.results.ok], [false, true]);
    assert.equal(finish.status, RpcStatus.TIMEOUT);
    assert.equal(mcu.fired.unansweredUids, 1);
  });

  it("says that it has all ten calls of its side, and none of the other", () => {
    const { clock, ncp } = makePair();
    const answers = callNames.map((name) => ncp.invoke("mcu.hasUID", { uid: calls[name].uid }));
    clock.advance(900);
    const had = callNames.filter((_, i) => answers[i]?.results.ok === true);
    assert.deepEqual(
      had,
      callNames.filter((name) => calls[name].side === "mcu"),
    );
  });

  it("answers missing and extra arguments with status 15 and no payload", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.sendBytes(...frameOf(Uint8Array.from(fromHex("bc678301080007"))));
    clock.advance(20);
    assert.equal(toHex(ncp.raw), "aa12a50800157dbb");
    ncp.raw.length = 0;
    ncp.sendBytes(...frameOf(Uint8Array.from(fromHex("bc6783010800070000"))));
    clock.advance(20);
    assert.equal(toHex(ncp.raw), "aa12a50800157dbb");
    assert.equal(mcu.record.counters.badArguments, 2);
    assert.deepEqual(
      mcu.violations.map(({ kind }) => kind),
      ["badArguments", "badArguments"],
    );
  });

  it("ignores extra bytes of a call without arguments", () => {
    const { clock, ncp } = makePair();
    ncp.sendBytes(...frameOf(Uint8Array.from(fromHex("bc6781010100ffff"))));
    clock.advance(20);
    assert.equal(toHex(ncp.raw), "aa12a50100002cbb");
  });

  it("drops events with missing or extra bytes without a word", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.sendBytes(...frameOf(Uint8Array.from(fromHex("f31c1104"))));
    ncp.sendBytes(...frameOf(Uint8Array.from(fromHex("f31c11040500"))));
    clock.advance(1000);
    assert.lengthOf(ncp.raw, 0);
    assert.lengthOf(mcu.record.events, 0);
    assert.equal(mcu.record.counters.badArguments, 2);
  });

  it("keeps states, pins and events as they come", () => {
    const { clock, mcu, ncp } = makePair();
    for (const hex of ["aaf31cccee0405a6bb", "aaf31c1204ccee00010031acbb", "aaf31c210401 5bbb"]) ncp.sendHex(hex);
    clock.advance(50);
    assert.deepEqual(
      mcu.record.events.map(({ name, text }) => [name, text]),
      [
        ["client.blynkStateChange", "5"],
        ["client.blynkVPinChange", "17=1"],
        ["client.processEvent", "1"],
      ],
    );
    assert.equal(mcu.ncpState, NcpState.CONNECTED);
  });

  it("reboots when told, after its answer", () => {
    const { clock, mcu, ncp } = makePair();
    const reboot = ncp.invoke("mcu.reboot", {});
    clock.advance(30);
    assert.equal(reboot.results.ok, true);
    assert.isFalse(mcu.isAlive);
    clock.advance(mcu.behavior.bootMs);
    assert.isTrue(mcu.isAlive);
    assert.equal(mcu.record.boots, 2);
  });
});

describe("the MCU while it waits for a RESULT", () => {
  it("waits for a ping 100 ms and for other calls as long as the catalogue says", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.answer("ncp.ping", () => ({ silent: true }));
    ncp.answer("blynk.getState", () => ({ silent: true }));
    const endedMs: number[] = [];
    mcu.call("ncp.ping", {}, () => endedMs.push(clock.now()));
    mcu.call("blynk.getState", {}, () => endedMs.push(clock.now()));
    const startMs = clock.now();
    clock.advance(2000);
    assert.closeTo((endedMs[0] as number) - startMs, 100, 2);
    assert.closeTo((endedMs[1] as number) - (endedMs[0] as number), 1000, 2);
    assert.equal(mcu.record.counters.timeouts, 2);
  });

  it("throws a late RESULT away", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.answer("ncp.ping", () => ({ afterMs: 150 }));
    let status: number | undefined;
    mcu.call("ncp.ping", {}, (reply) => {
      status = reply.status;
    });
    clock.advance(1000);
    assert.equal(status, RpcStatus.TIMEOUT);
    assert.equal(mcu.record.counters.strayResults, 1);
  });

  it("skips RESULTs with another message id and takes its own afterwards", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.answer("ncp.ping", () => ({ afterMs: 20 }));
    let status: number | undefined;
    mcu.call("ncp.ping", {}, (reply) => {
      status = reply.status;
    });
    clock.advance(5);
    ncp.sendHex("aa12a50700005dbb".replace("5d", toHex(frameOf(Uint8Array.from(fromHex("12a5070000")))).slice(-4, -2)));
    clock.advance(100);
    assert.equal(status, RpcStatus.OK);
    assert.equal(mcu.record.counters.strayResults, 1);
  });

  it("serves calls and events inside the wait", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.answer("blynk.getState", () => ({ results: { state: 3 }, afterMs: 200 }));
    let state: number | undefined;
    mcu.call("blynk.getState", {}, (reply) => {
      state = reply.results.state;
    });
    clock.advance(10);
    const ping = ncp.invoke("mcu.ping", {});
    clock.advance(50);
    assert.deepEqual([ping.status, state], [RpcStatus.OK, undefined]);
    clock.advance(200);
    assert.equal(state, 3);
    assert.equal(mcu.record.counters.nestingMax, 1);
  });

  it("loses its RESULT when that arrives during a nested wait", () => {
    const { clock, mcu, ncp } = makePair({ startsInsideOffer: true, eraseMs: 0 });
    ncp.answer("blynk.getState", () => ({ afterMs: 60 }));
    ncp.answer("blynk.otaUpdateStart", () => ({ afterMs: 200 }));
    const replies: number[] = [];
    mcu.call("blynk.getState", {}, (reply) => replies.push(reply.status));
    clock.advance(10);
    ncp.invoke("client.otaUpdateAvailable", { filename: "f", sizeBytes: 10, type: "", version: "", build: "" });
    clock.advance(3000);
    assert.deepEqual(replies, [RpcStatus.TIMEOUT]);
    assert.deepEqual(mcu.record.update.startAnswers, [true]);
    assert.equal(mcu.record.counters.strayResults, 1);
    assert.equal(mcu.fired.startsInsideOffer, 1);
  });

  it("has its time shrink with every frame, but not by a handler that runs at the end", () => {
    const { clock, mcu, ncp } = makePair({ eraseMs: 3000 });
    ncp.answer("blynk.getState", () => ({ silent: true }));
    let endedMs = 0;
    const startMs = clock.now();
    mcu.call("blynk.getState", {}, () => {
      endedMs = clock.now();
    });
    clock.advance(400);
    ncp.invoke("mcu.ping", {});
    clock.advance(400);
    ncp.invoke("client.otaUpdateAvailable", { filename: "f", sizeBytes: 10, type: "", version: "", build: "" });
    clock.advance(9000);
    // 800 ms until the offer came, 3000 in its handler, and the 200 that were left when it came
    assert.closeTo(endedMs - startMs, 4000, 10);
  });

  it("turns a RESULT with a byte too many, a byte too few, or an error with a payload into status 17", () => {
    for (const tail of ["000501", "00", "1005"]) {
      const { clock, mcu, ncp } = makePair();
      ncp.answer("blynk.getState", () => ({ silent: true }));
      let reply: Reply<"blynk.getState"> | undefined;
      mcu.call("blynk.getState", {}, (got) => {
        reply = got;
      });
      clock.advance(5);
      ncp.sendBytes(...frameOf(Uint8Array.from(fromHex(`12a50100${tail}`))));
      clock.advance(50);
      assert.deepEqual(reply, { status: RpcStatus.RESULTS_READ, results: { state: 0 } }, tail);
      assert.deepEqual(
        mcu.violations.map(({ kind }) => kind),
        ["badResult"],
      );
    }
  });

  it("takes an error without a payload for what it is, with zero results", () => {
    const { clock, mcu, ncp } = makePair();
    ncp.answer("blynk.getHotspotName", () => ({ status: RpcStatus.UNKNOWN_UID }));
    let reply: Reply<"blynk.getHotspotName"> | undefined;
    mcu.call("blynk.getHotspotName", {}, (got) => {
      reply = got;
    });
    clock.advance(50);
    assert.deepEqual(reply, { status: RpcStatus.UNKNOWN_UID, results: { name: "", ok: false } });
    assert.lengthOf(mcu.violations, 0);
  });
});

describe("the MCU while it is busy elsewhere", () => {
  it("lets bytes pile up and serves them afterwards", () => {
    const { clock, mcu, ncp } = makePair();
    mcu.occupy(90);
    const ping = ncp.invoke("mcu.ping", {});
    clock.advance(80);
    assert.isUndefined(ping.status);
    clock.advance(20);
    assert.equal(ping.status, RpcStatus.OK);
    assert.equal(mcu.serialCounters.ringOverflowBytes, 0);
  });

  it("loses what its serial ring cannot hold, and counts it", () => {
    const { clock, mcu, ncp } = makePair({ serialRingBytes: 64 });
    mcu.occupy(90);
    ncp.tell("client.blynkVPinChange", { vpin: 1, value: new Uint8Array(100) });
    const ping = ncp.invoke("mcu.ping", {});
    clock.advance(500);
    const frameBytes = 1 + 2 + 2 + 2 + 2 + 100 + 1 + 1;
    assert.closeTo(mcu.serialCounters.ringOverflowBytes, frameBytes + 9 - 64, 2);
    assert.equal(ping.status, RpcStatus.TIMEOUT);
  });

  it("needs no ring while it reads", () => {
    const { clock, mcu, ncp } = makePair({ serialRingBytes: 64 });
    ncp.tell("client.blynkVPinChange", { vpin: 1, value: new Uint8Array(100) });
    clock.advance(500);
    assert.equal(mcu.serialCounters.ringOverflowBytes, 0);
    assert.lengthOf(mcu.record.events, 1);
  });
});

describe("the MCU's memory", () => {
  it("is smashed by a frame longer than the buffer, and whatever comes then is a second violation", () => {
    const { clock, mcu, ncp } = makePair({ bufferBytes: 256 });
    ncp.tell("client.blynkVPinChange", { vpin: 1, value: new Uint8Array(250) });
    clock.advance(100);
    ncp.invoke("mcu.ping", {});
    clock.advance(100);
    assert.deepEqual(
      mcu.violations.map(({ kind }) => kind),
      ["memorySmashed", "bytesAfterSmash"],
    );
    assert.lengthOf(mcu.record.events, 0);
    assert.isTrue(mcu.isAlive);
  });

  it("is smashed by the NUL that a client puts behind a pin value that fills the buffer", () => {
    for (const [valueBytes, kinds] of [
      [247, []],
      [248, ["memorySmashed"]],
    ] as const) {
      const { clock, mcu, ncp } = makePair({ bufferBytes: 256 });
      ncp.tell("client.blynkVPinChange", { vpin: 1, value: new Uint8Array(valueBytes) });
      clock.advance(100);
      assert.sameOrderedMembers<string>(
        mcu.violations.map(({ kind }) => kind),
        [...kinds],
      );
    }
  });

  it("crashes the MCU for a while where the knob says so", () => {
    const { clock, mcu, ncp } = makePair({ bufferBytes: 256, crashesWhenSmashedMs: 3000 });
    ncp.tell("client.blynkVPinChange", { vpin: 1, value: new Uint8Array(250) });
    clock.advance(1000);
    assert.isFalse(mcu.isAlive);
    clock.advance(3000);
    assert.isTrue(mcu.isAlive);
    assert.equal(mcu.fired.crashesWhenSmashedMs, 1);
  });
});

describe("the watch on the MCU's pins", () => {
  function kindsAfter(act: (pair: ReturnType<typeof makePair>) => void): string[] {
    const pair = makePair({ eraseMs: 0, writeMs: 100 });
    pair.ncp.answer("blynk.otaUpdateStart", () => ({}));
    act(pair);
    pair.clock.advance(1000);
    return pair.mcu.violations.map(({ kind }) => kind);
  }

  function begin({ clock, ncp }: ReturnType<typeof makePair>, sizeBytes: number): void {
    ncp.invoke("client.otaUpdateAvailable", { filename: "f", sizeBytes, type: "", version: "", build: "" });
    clock.advance(100);
  }

  function write({ clock, ncp }: ReturnType<typeof makePair>, offset: number, bytes: number, waitMs = 500): void {
    const chunk = new Uint8Array(bytes);
    ncp.invoke("client.otaUpdateWrite", { offset, chunk, crc32: crc32Of(chunk) });
    clock.advance(waitMs);
  }

  it("finds nothing wrong with a good transfer, resends included", () => {
    const kinds = kindsAfter((pair) => {
      begin(pair, 2500);
      for (const [offset, bytes] of [
        [0, 1024],
        [0, 1024],
        [1024, 1024],
        [2048, 452],
      ] as const) {
        write(pair, offset, bytes);
      }
    });
    assert.deepEqual(kinds, []);
  });

  it("reports empty frames and frames above the protocol's limit", () => {
    assert.deepEqual(
      kindsAfter(({ ncp }) => ncp.sendHex("aabb")),
      ["emptyFrame"],
    );
    assert.deepEqual(
      kindsAfter(({ ncp }) => ncp.sendBytes(...frameOf(new Uint8Array(1537)))),
      ["frameAboveLimit"],
    );
  });

  it("reports a chunk of another size than asked, unless it is the last", () => {
    const kinds = kindsAfter((pair) => {
      begin(pair, 2500);
      write(pair, 0, 1000);
    });
    assert.deepEqual(kinds, ["wrongChunkSize"]);
  });

  it("reports bytes beyond the offered size, and a wrong CRC-32", () => {
    assert.deepEqual(
      kindsAfter((pair) => {
        begin(pair, 1500);
        write(pair, 0, 1024);
        write(pair, 1024, 1024);
      }),
      ["writeBeyondEnd"],
    );
    assert.deepEqual(
      kindsAfter((pair) => {
        begin(pair, 4);
        pair.ncp.invoke("client.otaUpdateWrite", { offset: 0, chunk: new Uint8Array(4), crc32: 1 });
      }),
      ["wrongChunkCrc"],
    );
  });

  it("reports a second write before the first is answered", () => {
    const kinds = kindsAfter((pair) => {
      begin(pair, 4096);
      write(pair, 0, 1024, 0);
      write(pair, 1024, 1024);
    });
    assert.deepEqual(kinds, ["secondWriteOutstanding"]);
  });

  it("reports offsets that jump, either way", () => {
    const jump = (pair: ReturnType<typeof makePair>, offset: number) => {
      begin(pair, 1 << 16);
      for (const at of [0, 1024, 2048, offset]) write(pair, at, 1024);
    };
    assert.deepEqual(
      kindsAfter((pair) => jump(pair, 1024)),
      ["offsetOutOfOrder"],
    );
    assert.deepEqual(
      kindsAfter((pair) => jump(pair, 4096)),
      ["offsetOutOfOrder"],
    );
    assert.deepEqual(
      kindsAfter((pair) => jump(pair, 0)),
      ["offsetOutOfOrder"],
    );
  });

  it("takes offset 0 after another otaUpdateStart for what it is", () => {
    const kinds = kindsAfter((pair) => {
      begin(pair, 1 << 16);
      for (const at of [0, 1024, 2048]) write(pair, at, 1024);
      pair.mcu.call("blynk.otaUpdateStart", { chunkBytes: 512 });
      pair.clock.advance(100);
      write(pair, 0, 512);
    });
    assert.deepEqual(kinds, []);
  });

  it("reports an event that was sent while the MCU waits for a RESULT", () => {
    const kinds = kindsAfter(({ clock, mcu, ncp }) => {
      ncp.answer("blynk.getState", () => ({ afterMs: 300 }));
      mcu.call("blynk.getState", {});
      clock.advance(100);
      ncp.tell("client.processEvent", { event: 10 });
    });
    assert.deepEqual(kinds, ["eventBeforeResult"]);
  });

  it("excuses events that crossed with the INVOKE, and those during a prefetch", () => {
    const kinds = kindsAfter(({ clock, mcu, ncp }) => {
      ncp.answer("blynk.getState", () => ({ afterMs: 300 }));
      ncp.answer("blynk.otaUpdatePrefetch", () => ({ afterMs: 300 }));
      mcu.call("blynk.getState", {});
      ncp.tell("client.processEvent", { event: 10 });
      clock.advance(500);
      mcu.call("blynk.otaUpdatePrefetch", {});
      clock.advance(100);
      ncp.tell("client.processEvent", { event: 10 });
    });
    assert.deepEqual(kinds, []);
  });
});
