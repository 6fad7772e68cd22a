/** Calls in both directions at once: who is answered what, who hears what late, and in which order all leaves. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { type CallName, calls } from "../src/rpc/catalogue.js";
import { EVENTS_QUEUED_MAX, INVOKES_QUEUED_MAX, RESULTS_QUEUED_MAX } from "../src/rpc/outbox.js";
import { NcpState, OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT, RpcStatus } from "../src/rpc/protocol.js";
import { INVOCATIONS_MAX, type Invocation, type Outcome } from "../src/rpc/session.js";
import type { SessionCounters } from "../src/rpc/session-counters.js";
import { toHex } from "./support/ncp-stub.js";
import { invokeOf, onewayOf, RpcBench, refusalOf, resultOf } from "./support/rpc-bench.js";

const ok = (id: number): string => toHex(resultOf("ncp.reboot", id, { ok: true }));
const refused = (id: number, status: number): string => toHex(refusalOf(id, status));
const eventOf = (event: number): string => toHex(onewayOf("client.processEvent", { event }));
const stateOf = (state: number): string => toHex(onewayOf("client.blynkStateChange", { state }));

/** The counters that are not zero. */
function counted({ session }: RpcBench): Partial<SessionCounters> {
  return Object.fromEntries(Object.entries(session.counters).filter(([, count]) => count !== 0));
}

/** Calls the MCU; the outcomes come into the list. */
function ping(bench: RpcBench): Outcome<"mcu.ping">[] {
  const outcomes: Outcome<"mcu.ping">[] = [];
  bench.session.invoke("mcu.ping", {}, (outcome) => outcomes.push(outcome));
  return outcomes;
}

function offer(bench: RpcBench) {
  const outcomes: Outcome<"client.otaUpdateAvailable">[] = [];
  const args = { filename: "fw.bin", sizeBytes: 9, type: "T", version: "1", build: "B" };
  const call = bench.session.invoke("client.otaUpdateAvailable", args, (outcome) => outcomes.push(outcome));
  return { call, outcomes };
}

const answered = (late = false) => ({ kind: "answered", results: {}, late });

describe("a session that calls", () => {
  let bench: RpcBench;

  beforeEach(() => {
    bench = new RpcBench();
  });

  it("counts its message ids from 1, whatever ids the other side uses", () => {
    bench.serve({ "ncp.ping": () => ({}) });
    ping(bench);
    bench.receive(invokeOf("ncp.ping", 1, {}));
    bench.receive(invokeOf("ncp.ping", 0xffff, {}));
    ping(bench);
    assert.deepEqual(bench.takeSent(), [
      toHex(invokeOf("mcu.ping", 1, {})),
      refused(1, RpcStatus.OK),
      refused(0xffff, RpcStatus.OK),
      toHex(invokeOf("mcu.ping", 2, {})),
    ]);
  });

  it("keeps a call of its own apart from one of the MCU's with the same id", () => {
    bench.serve({ "ncp.ping": { later: () => {} } });
    const outcomes = ping(bench);
    bench.receive(invokeOf("ncp.ping", 1, {}));
    assert.deepEqual(outcomes, []);
    bench.receive(refusalOf(1, RpcStatus.OK));
    assert.deepEqual(outcomes as unknown[], [answered()]);
  });

  it("goes round from 65535 to 0, past ids that still wait", () => {
    const first = offer(bench);
    for (let i = 0; i < 0xfffe; i++) bench.session.prepare("mcu.ping", {});
    bench.takeSent();
    ping(bench);
    ping(bench);
    ping(bench);
    assert.deepEqual(
      bench.takeSent(),
      [0, 2, 3].map((id) => toHex(invokeOf("mcu.ping", id, {}))),
      "0 comes after 65535, and 1 still waits",
    );
    bench.receive(resultOf("client.otaUpdateAvailable", 1, { ok: true }));
    assert.lengthOf(first.outcomes, 1);
  });

  it("hears the answer once, and takes its repetition for a stray", () => {
    const outcomes = ping(bench);
    bench.receive(refusalOf(1, RpcStatus.OK));
    bench.receive(refusalOf(1, RpcStatus.OK));
    bench.clock.advance(1000);
    assert.deepEqual(outcomes as unknown[], [answered()]);
    assert.deepEqual(counted(bench), { strayResults: 1 });
    assert.equal(bench.clock.pending, 0);
  });

  it("matches answers to calls by id, in any order", () => {
    const outcomes = [1, 2, 3].map(() => ping(bench));
    bench.receive(refusalOf(3, RpcStatus.OK));
    bench.receive(refusalOf(1, RpcStatus.GENERIC));
    assert.deepEqual(outcomes as unknown[], [
      [{ kind: "refused", status: RpcStatus.GENERIC, late: false }],
      [],
      [answered()],
    ]);
  });

  it("gives up exactly after the timeout of the call", () => {
    for (const [name, timeoutMs] of [
      ["mcu.ping", 100],
      ["mcu.reboot", 1000],
      ["client.otaUpdateFinish", 5000],
      ["client.otaUpdateCancel", 1000],
    ] as const) {
      const outcomes: unknown[] = [];
      bench.session.invoke(name, {}, (outcome) => outcomes.push(outcome));
      bench.clock.advance(timeoutMs - 1);
      assert.deepEqual(outcomes, [], name);
      bench.clock.advance(1);
      assert.deepEqual(outcomes, [{ kind: "timeout" }], name);
    }
    assert.deepEqual(counted(bench), { timeouts: 4 });
  });

  it("still hears an answer after the timeout, and says that it is late", () => {
    const { outcomes } = offer(bench);
    bench.clock.advance(60_000);
    bench.receive(resultOf("client.otaUpdateAvailable", 1, { ok: true }));
    bench.receive(resultOf("client.otaUpdateAvailable", 1, { ok: false }));
    assert.deepEqual(outcomes, [{ kind: "timeout" }, { kind: "answered", results: { ok: true }, late: true }]);
    assert.deepEqual(counted(bench), { timeouts: 1, lateResults: 1, strayResults: 1 });
  });

  it("hears nothing more of a call that was forgotten, neither the answer nor the timeout", () => {
    const before = offer(bench);
    before.call.forget();
    bench.receive(resultOf("client.otaUpdateAvailable", 1, { ok: true }));
    bench.clock.advance(60_000);
    assert.deepEqual(before.outcomes, []);
    const after = offer(bench);
    bench.clock.advance(5000);
    after.call.forget();
    after.call.forget();
    bench.receive(resultOf("client.otaUpdateAvailable", 2, { ok: true }));
    assert.deepEqual(after.outcomes, [{ kind: "timeout" }]);
    assert.deepEqual(counted(bench), { timeouts: 1, strayResults: 2 });
  });

  it("may be forgotten from inside its own outcome, and may call again from there", () => {
    let outcomes = 0;
    const call = bench.session.invoke("mcu.ping", {}, () => {
      outcomes++;
      call.forget();
      if (outcomes < 3) bench.session.invoke("mcu.ping", {}, () => outcomes++);
    });
    bench.receive(refusalOf(1, RpcStatus.OK));
    bench.receive(refusalOf(2, RpcStatus.OK));
    assert.equal(outcomes, 2);
    bench.clock.advance(1000);
    assert.equal(outcomes, 2);
  });

  it("never calls back from inside invoke(), even when nothing can be sent", () => {
    bench.sink.idle = false;
    const outcomes = Array.from({ length: INVOKES_QUEUED_MAX + 1 }, () => ping(bench));
    assert.isTrue(outcomes.every((list) => list.length === 0));
  });

  it("tells a refusal from an answer, with the status that came", () => {
    for (const [index, status] of [0x10, 0x13, 0x15, 0x17, 0xff].entries()) {
      const { outcomes } = offer(bench);
      bench.receive(refusalOf(index + 1, status));
      assert.deepEqual(outcomes, [{ kind: "refused", status, late: false }]);
    }
    assert.deepEqual(counted(bench), {});
  });

  it("takes answers that do not fit the call for refusals, and counts them", () => {
    const result = resultOf("client.otaUpdateAvailable", 1, { ok: true });
    for (const bad of [result.subarray(0, -1), Uint8Array.of(...result, 0)]) {
      const own = new RpcBench();
      const { outcomes } = offer(own);
      own.receive(bad);
      assert.deepEqual(outcomes, [{ kind: "refused", status: RpcStatus.RESULTS_READ, late: false }]);
      assert.deepEqual(counted(own), { badResults: 1 });
    }
  });

  it("ignores what follows the status of a refusal, and of a call without results", () => {
    const { outcomes } = offer(bench);
    bench.receive(Uint8Array.of(...refusalOf(1, RpcStatus.GENERIC), 1, 2, 3));
    assert.deepEqual(outcomes, [{ kind: "refused", status: RpcStatus.GENERIC, late: false }]);
    const pinged = ping(bench);
    bench.receive(Uint8Array.of(...refusalOf(2, RpcStatus.OK), 1, 2, 3));
    assert.deepEqual(pinged as unknown[], [answered()]);
    assert.deepEqual(counted(bench), {});
  });

  it("refuses to send arguments beyond the longest frame, and stays usable", () => {
    const args = { filename: "x".repeat(1536), sizeBytes: 1, type: "", version: "", build: "" };
    assert.throws(() => bench.session.invoke("client.otaUpdateAvailable", args, () => {}), RangeError);
    assert.throws(() => bench.session.prepare("client.otaUpdateAvailable", args), RangeError);
    assert.deepEqual(bench.takeSent(), []);
    const outcomes = ping(bench);
    bench.receive(refusalOf(3, RpcStatus.OK));
    assert.lengthOf(outcomes, 1);
  });

  it("listens to sixteen at most: the oldest late listener makes room", () => {
    const late = Array.from({ length: INVOCATIONS_MAX }, () => ping(bench));
    bench.clock.advance(1000);
    const young = ping(bench);
    for (const id of [1, 2, INVOCATIONS_MAX + 1]) bench.receive(refusalOf(id, RpcStatus.OK));
    assert.deepEqual(late[0] as unknown, [{ kind: "timeout" }]);
    assert.deepEqual(late[1] as unknown, [{ kind: "timeout" }, answered(true)]);
    assert.deepEqual(young as unknown[], [answered()]);
    assert.equal(bench.session.counters.strayResults, 1);
  });

  it("gives up no call that still waits for a late listener's sake", () => {
    const { outcomes } = offer(bench);
    const late = Array.from({ length: INVOCATIONS_MAX - 1 }, () => ping(bench));
    bench.clock.advance(1000);
    ping(bench);
    bench.receive(refusalOf(2, RpcStatus.OK));
    assert.deepEqual(late[0] as unknown, [{ kind: "timeout" }]);
    bench.receive(resultOf("client.otaUpdateAvailable", 1, { ok: true }));
    assert.deepEqual(outcomes, [{ kind: "answered", results: { ok: true }, late: false }]);
  });
});

describe("a session that serves", () => {
  let bench: RpcBench;

  beforeEach(() => {
    bench = new RpcBench();
    bench.serve({ "ncp.ping": () => ({}) });
    bench.serve({ "ncp.hasUID": (_, { uid }) => ({ ok: bench.session.serves(uid) }) });
  });

  it("answers with the id of the call", () => {
    for (const id of [0, 1, 0x11aa, 0xffff]) bench.receive(invokeOf("ncp.ping", id, {}));
    assert.deepEqual(
      bench.takeSent(),
      [0, 1, 0x11aa, 0xffff].map((id) => refused(id, RpcStatus.OK)),
    );
    assert.deepEqual(counted(bench), { callsServed: 4 });
  });

  it("answers 13 to a call that it does not serve, known or not, without a payload", () => {
    bench.receive(invokeOf("blynk.getNcpVersion", 5, {}));
    bench.receive(Uint8Array.of(0xbc, 0x67, 0x34, 0x12, 6, 0, 1, 2, 3));
    bench.receive(invokeOf("mcu.ping", 7, {}));
    assert.deepEqual(
      bench.takeSent(),
      [5, 6, 7].map((id) => refused(id, RpcStatus.UNKNOWN_UID)),
    );
    assert.deepEqual(counted(bench), { unknownUids: 3 });
  });

  it("answers 15 to arguments that are too short or too long, without a payload, and asks no handler", () => {
    let asked = 0;
    bench.serve({
      "blynk.setFirmwareInfo": () => {
        asked++;
        return { ok: true };
      },
    });
    const info = { type: "T", version: "1", build: "B", blynkVersion: "0.7.0" };
    const good = invokeOf("blynk.setFirmwareInfo", 9, info);
    const bad = [good.subarray(0, 6), good.subarray(0, -1), good.subarray(0, 7), Uint8Array.of(...good, 0)];
    for (const payload of bad) bench.receive(payload);
    assert.deepEqual(
      bench.takeSent(),
      bad.map(() => refused(9, RpcStatus.ARGS_READ)),
    );
    assert.equal(asked, 0);
    bench.receive(good);
    assert.deepEqual([asked, bench.takeSent()], [1, [ok(9)]]);
    assert.deepEqual(counted(bench), { badArguments: 4, callsServed: 1 });
  });

  it("ignores extra bytes behind a call without arguments, as Blynk's driver does", () => {
    bench.receive(Uint8Array.of(...invokeOf("ncp.ping", 3, {}), 1, 2, 3));
    assert.deepEqual(bench.takeSent(), [refused(3, RpcStatus.OK)]);
    assert.deepEqual(counted(bench), { callsServed: 1 });
  });

  it("knows by hasUID what it serves, and only that", () => {
    for (const [uid, isServed] of [
      [calls["ncp.ping"].uid, true],
      [calls["ncp.hasUID"].uid, true],
      [calls["ncp.reboot"].uid, false],
      [0, false],
      [0xffff, false],
    ] as const) {
      bench.receive(invokeOf("ncp.hasUID", 1, { uid }));
      assert.deepEqual(bench.takeSent(), [toHex(resultOf("ncp.hasUID", 1, { ok: isServed }))], `${uid}`);
    }
  });

  it("drops messages too short for their header and reserved opcodes, and answers nothing", () => {
    const headers = [
      [OPCODE_INVOKE, 6],
      [OPCODE_RESULT, 5],
      [OPCODE_ONEWAY, 4],
    ] as const;
    let dropped = 0;
    for (const [opcode, headerBytes] of headers) {
      for (let length = 1; length < headerBytes; length++) {
        bench.receive(Uint8Array.of(opcode & 0xff, opcode >> 8, 1, 1, 1, 0).subarray(0, length));
        dropped++;
      }
    }
    for (const opcode of [0xd674, 0x56e1, 0xd8ab, 0x3cae, 0xed0b, 0x1fb5, 0x0000, 0xffff]) {
      bench.receive(Uint8Array.of(opcode & 0xff, opcode >> 8, 1, 1, 1, 0, 0, 0));
      dropped++;
    }
    assert.deepEqual(bench.takeSent(), []);
    assert.deepEqual(counted(bench), { malformed: dropped });
  });

  it("answers 10 for a handler that throws, and tells of it", () => {
    const fault = new Error("out of luck");
    bench.serve({
      "ncp.reboot": () => {
        throw fault;
      },
    });
    bench.serve({
      "blynk.getState": {
        later: () => {
          throw fault;
        },
      },
    });
    bench.receive(invokeOf("ncp.reboot", 4, {}));
    bench.receive(invokeOf("blynk.getState", 5, {}));
    assert.deepEqual(bench.takeSent(), [refused(4, RpcStatus.GENERIC), refused(5, RpcStatus.GENERIC)]);
    assert.deepEqual(bench.faults, [
      { call: "ncp.reboot", error: fault },
      { call: "blynk.getState", error: fault },
    ]);
    assert.equal(bench.session.counters.handlerFaults, 2);
  });

  it("lets an answer stand whose handler throws afterwards", () => {
    bench.serve({
      "ncp.reboot": {
        later: (_, __, reply) => {
          reply({ ok: true });
          throw new Error("too late");
        },
      },
    });
    bench.receive(invokeOf("ncp.reboot", 4, {}));
    assert.deepEqual(bench.takeSent(), [ok(4)]);
    assert.lengthOf(bench.faults, 1);
  });

  it("answers 16 at once where results do not fit a message, whether now or later", () => {
    let reply: (results: { version: string; ok: boolean }) => void = () => {};
    const tooLong = { version: "x".repeat(1532), ok: true };
    bench.serve({ "blynk.getNcpVersion": () => tooLong });
    bench.receive(invokeOf("blynk.getNcpVersion", 4, {}));
    bench.serve({
      "blynk.getNcpVersion": {
        later: (_, __, replyLater) => {
          reply = replyLater;
        },
      },
    });
    bench.receive(invokeOf("blynk.getNcpVersion", 5, {}));
    reply(tooLong);
    assert.deepEqual(bench.takeSent(), [refused(4, RpcStatus.RESULTS_WRITE), refused(5, RpcStatus.RESULTS_WRITE)]);
    assert.deepEqual(
      bench.faults.map(({ call, error }) => [call, error instanceof RangeError]),
      [
        ["blynk.getNcpVersion", true],
        ["blynk.getNcpVersion", true],
      ],
    );
    bench.serve({ "blynk.getNcpVersion": () => ({ version: "x".repeat(1529), ok: true }) });
    bench.receive(invokeOf("blynk.getNcpVersion", 6, {}));
    assert.lengthOf(bench.takeSent()[0] as string, 2 * 1536, "the longest that fits");
  });

  it("serves what comes while it waits for an answer of its own", () => {
    bench.serve({ "blynk.otaUpdateGetCRC32": () => ({ crc32: 7, ok: true }) });
    const outcomes: unknown[] = [];
    bench.session.invoke("client.otaUpdateFinish", {}, (outcome) => outcomes.push(outcome));
    bench.takeSent();
    bench.receive(invokeOf("blynk.otaUpdateGetCRC32", 1, {}));
    bench.receive(invokeOf("ncp.ping", 2, {}));
    assert.deepEqual(bench.takeSent(), [
      toHex(resultOf("blynk.otaUpdateGetCRC32", 1, { crc32: 7, ok: true })),
      refused(2, RpcStatus.OK),
    ]);
    assert.deepEqual(outcomes, []);
    bench.receive(resultOf("client.otaUpdateFinish", 1, { ok: true }));
    assert.deepEqual(outcomes, [{ kind: "answered", results: { ok: true }, late: false }]);
  });

  it("may call the MCU from inside a handler, and serve the MCU from inside an outcome", () => {
    bench.serve({
      "ncp.reboot": () => {
        bench.session.invoke("mcu.ping", {}, () => bench.session.notify("client.processEvent", { event: 1 }));
        return { ok: true };
      },
    });
    bench.receive(invokeOf("ncp.reboot", 8, {}));
    bench.receive(refusalOf(1, RpcStatus.OK));
    assert.deepEqual(bench.takeSent(), [
      toHex(invokeOf("mcu.ping", 1, {})),
      ok(8),
      toHex(onewayOf("client.processEvent", { event: 1 })),
    ]);
  });

  it("replaces a handler that is set again", () => {
    bench.serve({ "ncp.reboot": () => ({ ok: false }) });
    bench.serve({ "ncp.reboot": () => ({ ok: true }) });
    bench.receive(invokeOf("ncp.reboot", 8, {}));
    assert.deepEqual(bench.takeSent(), [ok(8)]);
  });
});

describe("a session that hears oneways", () => {
  let bench: RpcBench;
  let heard: string[];

  beforeEach(() => {
    bench = new RpcBench();
    heard = [];
    bench.serve({
      "blynk.virtualWrite": (_, { vpin, value }) => {
        heard.push(`${vpin}: ${toHex(value)}`);
        return {};
      },
    });
  });

  it("hands them over and answers nothing", () => {
    bench.receive(onewayOf("blynk.virtualWrite", { vpin: 7, value: Uint8Array.of(1, 2) }));
    assert.deepEqual([heard, bench.takeSent()], [["7: 0102"], []]);
    assert.deepEqual(counted(bench), { callsServed: 1 });
  });

  it("drops and counts garbage: unknown, not served, too short, too long, or an invoke in disguise", () => {
    bench.serve({
      "ncp.ping": () => {
        heard.push("ping");
        return {};
      },
    });
    const good = onewayOf("blynk.virtualWrite", { vpin: 7, value: Uint8Array.of(1, 2) });
    bench.receive(Uint8Array.of(0xf3, 0x1c, 0x34, 0x12));
    bench.receive(onewayOf("blynk.endGroup", {}));
    bench.receive(good.subarray(0, -1));
    bench.receive(good.subarray(0, 4));
    bench.receive(Uint8Array.of(...good, 9));
    bench.receive(Uint8Array.of(0xf3, 0x1c, 0x01, 0x01));
    bench.receive(onewayOf("client.processEvent", { event: 1 }));
    assert.deepEqual([heard, bench.takeSent()], [[], []]);
    assert.deepEqual(counted(bench), { onewaysDropped: 7 });
  });

  it("answers a oneway that came as an INVOKE, as one of Blynk's tools sends it", () => {
    bench.serve({
      "blynk.setMetadata": (_, { field, value }) => {
        heard.push(`${field}=${value}`);
        return {};
      },
    });
    bench.receive(invokeOf("blynk.setMetadata", 3, { field: "name", value: "x" }));
    assert.deepEqual([heard, bench.takeSent()], [["name=x"], [refused(3, RpcStatus.OK)]]);
    assert.deepEqual(counted(bench), { callsServed: 1 });
  });

  it("survives a handler that throws, and tells of it", () => {
    bench.serve({
      "blynk.syncAll": () => {
        throw new Error("no cloud");
      },
    });
    bench.receive(onewayOf("blynk.syncAll", {}));
    assert.deepEqual(bench.takeSent(), []);
    assert.lengthOf(bench.faults, 1);
    assert.equal(bench.session.counters.handlerFaults, 1);
  });
});

describe("an answer that comes later", () => {
  let bench: RpcBench;
  let replies: ((results: { ok: boolean }) => void)[];

  beforeEach(() => {
    bench = new RpcBench();
    replies = [];
    bench.serve({ "blynk.otaUpdateStart": { later: (_, __, reply) => replies.push(reply) } });
    bench.serve({ "ncp.ping": () => ({}) });
  });

  const start = (id: number) => bench.receive(invokeOf("blynk.otaUpdateStart", id, { chunkBytes: 512 }));

  it("has the id of its call, whatever was served in between", () => {
    start(5);
    bench.receive(invokeOf("ncp.ping", 6, {}));
    start(7);
    replies[1]?.({ ok: true });
    replies[0]?.({ ok: true });
    assert.deepEqual(bench.takeSent(), [refused(6, RpcStatus.OK), ok(7), ok(5)]);
  });

  it("counts once", () => {
    start(5);
    replies[0]?.({ ok: true });
    replies[0]?.({ ok: false });
    assert.deepEqual(bench.takeSent(), [ok(5)]);
  });

  it("holds events back until it has left, for a blocked MCU handles each on its stack", () => {
    start(5);
    start(6);
    bench.session.notifyState(NcpState.CONNECTED);
    assert.deepEqual(bench.takeSent(), []);
    replies[0]?.({ ok: true });
    assert.deepEqual(bench.takeSent(), [ok(5)], "another is owed still");
    replies[1]?.({ ok: true });
    bench.release();
    assert.deepEqual(bench.takeSent(), [ok(6), stateOf(NcpState.CONNECTED)]);
  });

  it("holds events back for as long as the MCU waits, and no longer", () => {
    start(5);
    bench.clock.advance(400);
    start(6);
    bench.session.notify("client.processEvent", { event: 1 });
    bench.session.notifyState(NcpState.CONNECTED);
    bench.clock.advance(calls["ncp.reboot"].timeoutMs - 1);
    assert.deepEqual(bench.takeSent(), []);
    assert.isFalse(bench.session.canNotifySoon);
    bench.clock.advance(1);
    bench.release();
    assert.deepEqual(bench.takeSent(), [stateOf(NcpState.CONNECTED), eventOf(1)]);
    assert.isTrue(bench.session.canNotifySoon);
    replies[0]?.({ ok: true });
    assert.deepEqual(bench.takeSent(), [ok(5)], "though nobody waits for it");
    start(7);
    bench.session.notify("client.processEvent", { event: 2 });
    assert.deepEqual(bench.takeSent(), [], "the next one is owed as ever");
  });

  it("is owed once to an MCU that counts its calls anew", () => {
    start(5);
    start(5);
    replies[0]?.({ ok: true });
    bench.session.notify("client.processEvent", { event: 1 });
    assert.deepEqual(bench.takeSent(), [ok(5), eventOf(1)]);
  });

  it("is an error where it is refused, before what was held back, and comes no more", () => {
    start(5);
    start(6);
    bench.session.notify("client.processEvent", { event: 1 });
    bench.session.refuseOwed();
    bench.release();
    assert.deepEqual(bench.takeSent(), [refused(5, RpcStatus.GENERIC), refused(6, RpcStatus.GENERIC), eventOf(1)]);
    replies[0]?.({ ok: true });
    assert.deepEqual(bench.takeSent(), []);
  });

  it("does not hold back calls of Ferry's own", () => {
    start(5);
    ping(bench);
    assert.deepEqual(bench.takeSent(), [toHex(invokeOf("mcu.ping", 1, {}))]);
  });

  it("owes nothing any more where its handler threw or answered at once", () => {
    bench.serve({
      "ncp.reboot": {
        later: () => {
          throw new Error("no");
        },
      },
    });
    bench.receive(invokeOf("ncp.reboot", 1, {}));
    bench.serve({ "ncp.reboot": { later: (_, __, reply) => reply({ ok: true }) } });
    bench.receive(invokeOf("ncp.reboot", 2, {}));
    bench.takeSent();
    bench.session.notify("client.processEvent", { event: 1 });
    assert.deepEqual(bench.takeSent(), [eventOf(1)]);
  });

  it("is void once the MCU has restarted, and owes nothing then", () => {
    start(5);
    bench.session.notify("client.processEvent", { event: 1 });
    bench.session.forgetPeer();
    replies[0]?.({ ok: true });
    assert.deepEqual(bench.takeSent(), [], "neither the answer nor the event of the earlier life");
    bench.session.notifyState(NcpState.CONFIG);
    assert.deepEqual(bench.takeSent(), [stateOf(NcpState.CONFIG)]);
    start(6);
    replies[1]?.({ ok: true });
    assert.deepEqual(bench.takeSent(), [ok(6)]);
  });

  it("is not owed by a handler that forgets the MCU's earlier life and does not answer", () => {
    bench.serve({ "blynk.initialize": { later: () => bench.session.forgetPeer() } });
    bench.receive(invokeOf("blynk.initialize", 6, { templateId: "TMPL", templateName: "" }));
    bench.session.notify("client.processEvent", { event: 1 });
    assert.deepEqual(bench.takeSent(), [eventOf(1)]);
  });

  it("is still given where the handler itself forgets the MCU's earlier life", () => {
    bench.serve({
      "blynk.initialize": {
        later: (_, __, reply) => {
          bench.session.forgetPeer();
          reply({ ok: true });
          bench.session.notify("client.processEvent", { event: 1 });
        },
      },
    });
    start(5);
    bench.receive(invokeOf("blynk.initialize", 6, { templateId: "TMPL", templateName: "" }));
    assert.deepEqual(bench.takeSent(), [ok(6), eventOf(1)], "nothing is owed to the earlier life");
  });
});

describe("a session whose MCU restarts", () => {
  it("hears nothing more of calls to the earlier life", () => {
    const bench = new RpcBench();
    const waiting = ping(bench);
    const late = offer(bench);
    bench.clock.advance(50);
    bench.session.forgetPeer();
    bench.receive(refusalOf(1, RpcStatus.OK));
    bench.clock.advance(60_000);
    bench.receive(resultOf("client.otaUpdateAvailable", 2, { ok: true }));
    assert.deepEqual([waiting, late.outcomes], [[], []]);
    assert.deepEqual(counted(bench), { strayResults: 2 });
    assert.equal(bench.clock.pending, 0);
  });

  it("sends nothing of what waited for it", () => {
    const bench = new RpcBench();
    bench.serve({ "ncp.ping": () => ({}) });
    bench.sink.idle = false;
    ping(bench);
    bench.session.prepare("client.otaUpdateFinish", {});
    bench.session.invokePrepared("client.otaUpdateFinish", () => {});
    bench.session.notify("client.processEvent", { event: 1 });
    bench.receive(invokeOf("ncp.ping", 1, {}));
    bench.session.forgetPeer();
    bench.releaseAll();
    assert.deepEqual(bench.takeSent(), []);
  });

  it("goes on counting its ids, so that answers to the earlier life match nothing", () => {
    const bench = new RpcBench();
    ping(bench);
    bench.session.forgetPeer();
    const outcomes = ping(bench);
    bench.receive(refusalOf(1, RpcStatus.OK));
    assert.deepEqual(outcomes, []);
    bench.receive(refusalOf(2, RpcStatus.OK));
    assert.lengthOf(outcomes, 1);
  });
});

describe("a session whose wire is busy", () => {
  let bench: RpcBench;

  beforeEach(() => {
    bench = new RpcBench();
    bench.sink.takesTime = true;
    bench.sink.idle = false;
    bench.serve({ "ncp.ping": () => ({}) });
  });

  it("sends RESULTs first, then calls, then the state, then events, each kind in its order, one a frame", () => {
    for (const event of [1, 2]) bench.session.notify("client.processEvent", { event });
    bench.session.notifyState(NcpState.CONFIG);
    ping(bench);
    ping(bench);
    for (const id of [8, 9]) bench.receive(invokeOf("ncp.ping", id, {}));
    const order: string[] = [];
    for (let i = 0; i < 8; i++) {
      bench.release();
      order.push(...bench.takeSent());
    }
    assert.deepEqual(order, [
      refused(8, RpcStatus.OK),
      refused(9, RpcStatus.OK),
      toHex(invokeOf("mcu.ping", 1, {})),
      toHex(invokeOf("mcu.ping", 2, {})),
      stateOf(NcpState.CONFIG),
      eventOf(1),
      eventOf(2),
    ]);
  });

  it("lets a RESULT overtake what waits already", () => {
    bench.session.notify("client.processEvent", { event: 1 });
    ping(bench);
    bench.release();
    bench.receive(invokeOf("ncp.ping", 8, {}));
    bench.releaseAll();
    assert.deepEqual(bench.takeSent(), [toHex(invokeOf("mcu.ping", 1, {})), refused(8, RpcStatus.OK), eventOf(1)]);
  });

  it("keeps eight RESULTs, turns others away, and counts them", () => {
    for (let id = 0; id < RESULTS_QUEUED_MAX + 3; id++) bench.receive(invokeOf("ncp.ping", id, {}));
    assert.deepInclude(bench.session.outboxCounters, { resultsDropped: 3 });
    bench.releaseAll();
    assert.deepEqual(
      bench.takeSent(),
      Array.from({ length: RESULTS_QUEUED_MAX }, (_, id) => refused(id, RpcStatus.OK)),
    );
  });

  it("keeps eight calls; more time out at once, are counted, and are never sent", () => {
    const outcomes = Array.from({ length: INVOKES_QUEUED_MAX + 2 }, () => ping(bench));
    assert.deepInclude(bench.session.outboxCounters, { invokesRefused: 2 });
    bench.clock.advance(0);
    assert.deepEqual(
      outcomes.map((list) => list.length),
      [...new Array(INVOKES_QUEUED_MAX).fill(0), 1, 1],
    );
    bench.releaseAll();
    assert.lengthOf(bench.takeSent(), INVOKES_QUEUED_MAX);
    assert.equal(bench.session.counters.timeouts, 2);
  });

  it("keeps sixteen events, drops the oldest for newer ones, and counts them", () => {
    const count = EVENTS_QUEUED_MAX + 4;
    for (let event = 0; event < count; event++) bench.session.notify("client.processEvent", { event });
    assert.deepInclude(bench.session.outboxCounters, { eventsDropped: 4 });
    bench.releaseAll();
    assert.deepEqual(
      bench.takeSent(),
      Array.from({ length: EVENTS_QUEUED_MAX }, (_, i) => eventOf(i + 4)),
    );
  });

  it("tells the latest state alone, and no number of events takes its place", () => {
    bench.session.notifyState(NcpState.CONNECTING_NET);
    for (let event = 0; event < EVENTS_QUEUED_MAX; event++) bench.session.notify("client.processEvent", { event });
    bench.session.notifyState(NcpState.CONNECTED);
    for (let event = 0; event < 4; event++) bench.session.notify("client.processEvent", { event });
    assert.isFalse(bench.session.canNotifySoon);
    bench.releaseAll();
    const sent = bench.takeSent();
    assert.equal(sent[0], stateOf(NcpState.CONNECTED));
    assert.lengthOf(sent, 1 + EVENTS_QUEUED_MAX);
    assert.notInclude(sent.slice(1), sent[0]);
    assert.deepInclude(bench.session.outboxCounters, { eventsDropped: 4 });
  });

  it("sends RESULTs alone while it is told so, and the rest afterwards", () => {
    bench.session.resultsOnly = true;
    bench.session.notify("client.processEvent", { event: 1 });
    bench.session.notifyState(NcpState.CONFIG);
    ping(bench);
    bench.receive(invokeOf("ncp.ping", 8, {}));
    bench.releaseAll();
    assert.deepEqual(bench.takeSent(), [refused(8, RpcStatus.OK)]);
    assert.isFalse(bench.session.canNotifySoon);
    bench.session.resultsOnly = false;
    bench.releaseAll();
    assert.deepEqual(bench.takeSent(), [toHex(invokeOf("mcu.ping", 1, {})), stateOf(NcpState.CONFIG), eventOf(1)]);
  });

  it("sends what a caller gave it, though the caller's bytes change meanwhile", () => {
    const value = Uint8Array.of(1, 2, 3);
    bench.session.notify("client.blynkVPinChange", { vpin: 4, value });
    const expected = toHex(onewayOf("client.blynkVPinChange", { vpin: 4, value }));
    value.fill(9);
    bench.releaseAll();
    assert.deepEqual(bench.takeSent(), [expected]);
  });
});

describe("a prepared call", () => {
  let bench: RpcBench;
  const args = (offset: number) => ({ offset, chunk: Uint8Array.of(1, 2, 3), crc32: 4 });

  beforeEach(() => {
    bench = new RpcBench();
  });

  it("leaves when it is invoked, and hears its answer", () => {
    bench.session.prepare("client.otaUpdateWrite", args(0));
    assert.deepEqual(bench.takeSent(), []);
    const outcomes: unknown[] = [];
    bench.session.invokePrepared("client.otaUpdateWrite", (outcome) => outcomes.push(outcome));
    assert.deepEqual(bench.takeSent(), [toHex(invokeOf("client.otaUpdateWrite", 1, args(0)))]);
    bench.receive(resultOf("client.otaUpdateWrite", 1, { ok: true }));
    assert.deepEqual(outcomes, [{ kind: "answered", results: { ok: true }, late: false }]);
  });

  it("keeps the id it was prepared with, other calls in between or not", () => {
    bench.session.prepare("client.otaUpdateWrite", args(0));
    ping(bench);
    bench.session.invokePrepared("client.otaUpdateWrite", () => {});
    assert.deepEqual(bench.takeSent(), [
      toHex(invokeOf("mcu.ping", 2, {})),
      toHex(invokeOf("client.otaUpdateWrite", 1, args(0))),
    ]);
  });

  it("waits its turn among other calls while the wire is busy", () => {
    bench.sink.idle = false;
    bench.session.prepare("client.otaUpdateWrite", args(0));
    ping(bench);
    bench.session.invokePrepared("client.otaUpdateWrite", () => {});
    ping(bench);
    bench.releaseAll();
    assert.deepEqual(bench.takeSent(), [
      toHex(invokeOf("mcu.ping", 2, {})),
      toHex(invokeOf("client.otaUpdateWrite", 1, args(0))),
      toHex(invokeOf("mcu.ping", 3, {})),
    ]);
  });

  it("is withdrawn by the next one that is prepared, should it still wait", () => {
    bench.sink.idle = false;
    const outcomes: unknown[] = [];
    bench.session.prepare("client.otaUpdateWrite", args(0));
    bench.session.invokePrepared("client.otaUpdateWrite", (outcome) => outcomes.push(outcome));
    bench.session.prepare("client.otaUpdateWrite", args(512));
    bench.releaseAll();
    assert.deepEqual(bench.takeSent(), []);
    bench.session.invokePrepared("client.otaUpdateWrite", () => {});
    assert.deepEqual(bench.takeSent(), [toHex(invokeOf("client.otaUpdateWrite", 2, args(512)))]);
    bench.clock.advance(5000);
    assert.deepEqual(outcomes, [{ kind: "timeout" }]);
  });

  it("times out like any other, and at once where the queue is full", () => {
    bench.sink.idle = false;
    for (let i = 0; i < INVOKES_QUEUED_MAX; i++) ping(bench);
    const outcomes: unknown[] = [];
    bench.session.prepare("client.otaUpdateWrite", args(0));
    bench.session.invokePrepared("client.otaUpdateWrite", (outcome) => outcomes.push(outcome));
    assert.deepEqual(outcomes, []);
    bench.clock.advance(0);
    assert.deepEqual(outcomes, [{ kind: "timeout" }]);
    assert.equal(bench.session.outboxCounters.invokesRefused, 1);
  });

  it("may have its chunk made in place, and is the same then", () => {
    const place = bench.session.argumentPlace(12, 3);
    place.set([1, 2, 3]);
    bench.session.prepare("client.otaUpdateWrite", { offset: 7, chunk: place, crc32: 4 });
    bench.session.invokePrepared("client.otaUpdateWrite", () => {});
    assert.deepEqual(bench.takeSent(), [toHex(invokeOf("client.otaUpdateWrite", 1, args(7)))]);
  });
});

describe("a call prepared to follow another", () => {
  let bench: RpcBench;
  let outcomes: unknown[];
  let first: Invocation;
  const args = (offset: number) => ({ offset, chunk: Uint8Array.of(1, 2, 3), crc32: 4 });
  const yes = resultOf("client.otaUpdateWrite", 1, { ok: true });
  const second = toHex(invokeOf("client.otaUpdateWrite", 2, args(512)));

  beforeEach(() => {
    bench = new RpcBench();
    outcomes = [];
    const onOutcome = (outcome: unknown) => outcomes.push(outcome);
    first = bench.session.invoke("client.otaUpdateWrite", args(0), onOutcome);
    bench.session.prepare("client.otaUpdateWrite", args(512), first);
    bench.takeSent();
  });

  it("leaves at the yes, and is invoked by whoever wants its answer", () => {
    bench.sink.takesTime = true;
    bench.receive(yes);
    assert.deepEqual(bench.takeSent(), [second]);
    assert.deepEqual(outcomes, [{ kind: "answered", results: { ok: true }, late: false }]);
    const answers: unknown[] = [];
    bench.session.invokePrepared("client.otaUpdateWrite", (outcome) => answers.push(outcome));
    bench.releaseAll();
    assert.deepEqual(bench.takeSent(), []);
    bench.receive(resultOf("client.otaUpdateWrite", 2, { ok: false }));
    assert.deepEqual(answers, [{ kind: "answered", results: { ok: false }, late: false }]);
  });

  it("stays at a no, at an error, and at a yes to another call", () => {
    bench.receive(resultOf("client.otaUpdateWrite", 1, { ok: false }));
    bench.receive(refusalOf(1, RpcStatus.MEMORY));
    bench.receive(resultOf("client.otaUpdateWrite", 0x101, { ok: true }));
    assert.deepEqual(bench.takeSent(), []);
  });

  it("stays when that call answers more than yes or no", () => {
    const call = bench.session.invoke("mcu.ping", {}, () => {});
    bench.session.prepare("client.otaUpdateWrite", args(0), call);
    bench.takeSent();
    bench.receive(refusalOf(3, RpcStatus.OK));
    assert.deepEqual(bench.takeSent(), []);
  });

  it("stays when it is held, when the call before it is forgotten, and when the MCU is", () => {
    const makesItStay = [
      () => assert.isTrue(bench.session.holdPrepared()),
      () => first.forget(),
      () => bench.session.forgetPeer(),
    ];
    for (const [index, act] of makesItStay.entries()) {
      first = bench.session.invoke("client.otaUpdateWrite", args(0), () => {});
      bench.session.prepare("client.otaUpdateWrite", args(512), first);
      bench.takeSent();
      act();
      bench.receive(resultOf("client.otaUpdateWrite", 3 + 2 * index, { ok: true }));
      assert.deepEqual(bench.takeSent(), [], `${act}`);
    }
  });

  it("cannot be held any more once the yes is there, though nobody has heard it yet", () => {
    bench.sink.arrive(yes);
    assert.deepEqual(bench.takeSent(), [second]);
    assert.isFalse(bench.session.holdPrepared());
  });

  it("stays when the yes comes after the call's time", () => {
    bench.clock.advance(5000);
    bench.receive(yes);
    assert.deepEqual(bench.takeSent(), []);
    assert.deepEqual(outcomes, [{ kind: "timeout" }, { kind: "answered", results: { ok: true }, late: true }]);
  });

  it("lets no timeout be told for a yes that came in time and was heard too late", () => {
    bench.clock.advance(4999);
    bench.sink.arrive(yes);
    bench.clock.advance(1000);
    assert.deepEqual(outcomes, []);
    bench.receive(yes);
    assert.deepEqual(outcomes, [{ kind: "answered", results: { ok: true }, late: false }]);
    assert.equal(bench.session.counters.timeouts, 0);
    assert.equal(bench.clock.pending, 0);
  });
});

describe("a session in a storm", () => {
  it("never throws, answers every INVOKE exactly once, and loses count of nothing, whatever comes", () => {
    const random = new Random(99);
    const bench = new RpcBench();
    const served: CallName[] = ["ncp.ping", "blynk.getState", "blynk.initialize"];
    bench.serve({ "ncp.ping": () => ({}) });
    bench.serve({ "blynk.getState": () => ({ state: 5 }) });
    bench.serve({ "blynk.initialize": () => ({ ok: true }) });
    bench.serve({ "blynk.virtualWrite": () => ({}) });
    let invokes = 0;
    const rounds = 3000;
    for (let round = 0; round < rounds; round++) {
      const payload = random.bytes(1 + random.below(20));
      const opcode = [OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT, 0x1234][random.below(4)] as number;
      if (payload.length > 1) payload.set([opcode & 0xff, opcode >> 8]);
      const uids = [...served.map((name) => calls[name].uid), calls["blynk.virtualWrite"].uid];
      const uid = uids[random.below(uids.length)] as number;
      if (payload.length > 3 && random.chance(0.6)) payload.set([uid & 0xff, uid >> 8], 2);
      if (opcode === OPCODE_INVOKE && payload.length >= 6) invokes++;
      bench.receive(payload);
    }
    assert.equal(bench.sink.sent.length, invokes);
    const counters = bench.session.counters;
    const { callsServed, unknownUids, badArguments, onewaysDropped, malformed, strayResults } = counters;
    assert.equal(callsServed + unknownUids + badArguments + onewaysDropped + malformed + strayResults, rounds);
    assert.deepEqual([counters.handlerFaults, counters.timeouts, counters.lateResults], [0, 0, 0]);
    for (const count of [callsServed, unknownUids, badArguments, onewaysDropped, malformed, strayResults]) {
      assert.isAbove(count, 50);
    }
  });
});
