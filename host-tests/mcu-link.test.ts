/** The link to the MCU: the baud both agree on, whether the MCU is there, and the plain calls it makes. */

import { assert } from "chai";
import type { McuBehavior } from "../host/peers/mcu-behavior.js";
import { Workbench } from "../host/peers/workbench.js";
import { VirtualClock } from "../host/sim/clock.js";
import type { Cause } from "../src/base/failure.js";
import { PAYLOAD_BYTES_MAX } from "../src/frame/layout.js";
import { BAUD_MAX, BAUD_MIN, BAUD_PROOF_MS, INITIAL_BAUD, McuLink, NOISE_PATIENCE_MS } from "../src/mcu/link.js";
import { PING_INTERVAL_MS, PINGS_MAX, Presence, SILENCE_MS } from "../src/mcu/presence.js";
import { CHUNK_BYTES_MAX, MCU_CALLS, type McuDomain, prefetchStatusOf } from "../src/mcu/service.js";
import { type Args, type CallName, callNames, calls } from "../src/rpc/catalogue.js";
import { NcpState, PrefetchStatus, RpcStatus } from "../src/rpc/protocol.js";
import { toHex } from "./support/ncp-stub.js";
import { invokeOf, onewayOf, refusalOf, resultOf } from "./support/rpc-bench.js";
import { WireBench } from "./support/wire-bench.js";

/** What an MCU waits after the answer to setUartBaudRate, before it talks at the new baud. */
const MCU_SWITCH_MS = 20;
const OTHER_BAUD = 115_200;

/** A link that serves the MCU's calls, a stub for the rest of Ferry, and a scripted MCU at the other end. */
class LinkBench extends WireBench {
  readonly link: McuLink;
  readonly bauds: number[] = [];
  /** What the rest of Ferry was told, in order. */
  readonly told: string[] = [];
  /** The rest of Ferry: tests put in what they are about. */
  readonly domain: { -readonly [Member in keyof McuDomain]: McuDomain[Member] };
  heardCount = 0;
  #messageId = 0;

  constructor(farBaud = INITIAL_BAUD) {
    super(farBaud);
    this.link = new McuLink({
      clock: this.deviceClock,
      serial: this.serial,
      onBaud: (baud) => this.bauds.push(baud),
      onHeard: () => {
        this.heardCount++;
      },
      onFault: (call, error) => {
        throw new Error(`${call}: ${error}`);
      },
    });
    this.domain = this.#makeDomain();
    this.link.session.serve(MCU_CALLS, this.domain);
    this.clock.advance(1);
  }

  /** The MCU calls; returns the id. Nothing has passed yet. */
  call<N extends CallName>(name: N, args: Args<N>): number {
    this.farSends(invokeOf(name, ++this.#messageId, args));
    return this.#messageId;
  }

  /** The MCU calls and gets its answer, as hexadecimal text, or nothing within the time that Blynk's driver waits. */
  ask<N extends CallName>(name: N, args: Args<N>): string | undefined {
    const id = this.call(name, args);
    const start = this.payloads.length;
    this.clock.advance(calls[name].timeoutMs);
    const idText = toHex(Uint8Array.of(0x12, 0xa5, id & 0xff, id >> 8));
    return this.payloads.slice(start).find((payload) => payload.startsWith(idText));
  }

  get lastId(): number {
    return this.#messageId;
  }

  hears(): boolean {
    return this.ask("ncp.ping", {}) !== undefined;
  }

  /** As an MCU does it: asks at the old baud, waits a little, talks at the new one. */
  agreeOn(baud: number): void {
    this.call("hw.setUartBaudRate", { baud });
    this.clock.runUntil(() => this.payloads.at(-1) === toHex(resultOf("ncp.reboot", this.lastId, { ok: true })), 1000);
    this.setFarBaud(baud);
    this.clock.advance(MCU_SWITCH_MS);
    assert.isTrue(this.hears(), `the first ping at ${baud} baud was not answered`);
  }

  #makeDomain(): McuDomain {
    const { link } = this;
    const note = (what: string) => this.told.push(what);
    return {
      ncpVersion: "1.2.3",
      state: NcpState.CONNECTED,
      digests: undefined,
      reboot: () => link.afterDrain(() => note("restart")),
      serves: (uid) => link.session.serves(uid),
      supportsBaud: (baud) => link.supportsBaud(baud),
      changeBaud: (baud) => link.changeBaud(baud),
      setFirmwareInfo: (firmware) => note(`firmware ${Object.values(firmware).join(" ")}`),
      forgetMcu: () => {
        note("forget");
        link.session.forgetPeer();
      },
      onInitialized: ({ id, name }) => note(`initialized ${id} ${name}`),
      startUpdate: (chunkBytes, valid, answer) => {
        note(`start ${chunkBytes} ${valid}`);
        answer(valid);
      },
      prefetchUpdate: (answer) => answer(undefined),
      suspendUpdate: (seconds) => note(`suspend ${seconds}`),
    };
  }
}

describe("a change of baud that the MCU asks for", () => {
  let bench: LinkBench;

  beforeEach(() => {
    bench = new LinkBench();
  });

  it("is answered at the old rate, and done before the MCU talks at the new one", () => {
    const id = bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.clock.runUntil(() => bench.payloads.length > 0, 100);
    const answeredMs = bench.clock.now();
    assert.deepEqual(bench.payloads, [toHex(resultOf("hw.setUartBaudRate", id, { ok: true }))]);
    assert.equal(bench.link.baud, INITIAL_BAUD);
    bench.clock.runUntil(() => bench.link.baud === OTHER_BAUD, MCU_SWITCH_MS);
    assert.isBelow(bench.clock.now(), answeredMs + MCU_SWITCH_MS);
    bench.setFarBaud(OTHER_BAUD);
    assert.isTrue(bench.hears());
    assert.deepEqual(bench.bauds, [OTHER_BAUD]);
  });

  it("waits for no call and no event that waits, nor for one that comes while a frame is on its way", () => {
    const value = new Uint8Array(200).fill(0x78);
    for (let vpin = 0; vpin < 4; vpin++) bench.link.session.notify("client.blynkVPinChange", { vpin, value });
    bench.link.session.invoke("mcu.ping", {}, () => {});
    bench.clock.advance(5);
    bench.agreeOn(OTHER_BAUD);
    bench.clock.advance(200);
    const order = bench.payloads.map((payload) => payload.slice(0, 4));
    assert.deepEqual(order, ["f31c", "12a5", "bc67", "f31c", "f31c", "12a5", "f31c"]);
    assert.deepEqual(bench.bauds, [OTHER_BAUD]);
  });

  for (let sinceMs = 0; sinceMs < 60; sinceMs += 6) {
    it(`is there in time when the MCU asks ${sinceMs} ms after an event began to leave`, () => {
      const value = new Uint8Array(200).fill(0x78);
      bench.link.session.notify("client.blynkVPinChange", { vpin: 1, value });
      bench.clock.advance(sinceMs);
      bench.agreeOn(OTHER_BAUD);
    });
  }

  for (const baud of [9600, 57_600, 230_400, 460_800, 921_600, 2_000_000, BAUD_MAX]) {
    it(`is proven by the first ping at ${baud} baud, and lasts`, () => {
      bench.agreeOn(baud);
      bench.clock.advance(3_600_000);
      assert.isTrue(bench.hears());
      assert.deepEqual(bench.bauds, [baud]);
    });
  }

  it("is taken down to the lowest rate, at which no ping is answered within 100 ms", () => {
    assert.equal(
      bench.ask("hw.setUartBaudRate", { baud: BAUD_MIN }),
      toHex(resultOf("hw.setUartBaudRate", 1, { ok: true })),
    );
    assert.equal(bench.link.baud, BAUD_MIN);
  });

  it("is refused where the UART cannot make the rate, and nothing changes", () => {
    for (const baud of [0, 1, BAUD_MIN - 1, BAUD_MAX + 1, 0xffff_ffff]) {
      assert.equal(
        bench.ask("hw.setUartBaudRate", { baud }),
        toHex(resultOf("hw.setUartBaudRate", bench.lastId, { ok: false })),
        `${baud}`,
      );
    }
    bench.clock.advance(5000);
    assert.isTrue(bench.hears());
    assert.deepEqual(bench.bauds, []);
  });

  it("waits for a long frame that is on its way, and for nothing else", () => {
    const chunk = new Uint8Array(1024).fill(0x42);
    bench.link.session.invoke("client.otaUpdateWrite", { offset: 0, chunk, crc32: 1 }, () => {});
    bench.link.session.notify("client.blynkStateChange", { state: 5 });
    const id = bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.clock.runUntil(() => bench.link.baud === OTHER_BAUD, 1000);
    assert.deepEqual(bench.payloads, [
      toHex(invokeOf("client.otaUpdateWrite", 1, { offset: 0, chunk, crc32: 1 })),
      toHex(resultOf("hw.setUartBaudRate", id, { ok: true })),
    ]);
    bench.setFarBaud(OTHER_BAUD);
    bench.clock.advance(MCU_SWITCH_MS);
    assert.equal(bench.payloads.at(-1), toHex(onewayOf("client.blynkStateChange", { state: 5 })));
    assert.equal(bench.line.b.received.framingErrors, 0);
  });

  it("holds back what Ferry says meanwhile until the new rate", () => {
    bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.clock.runUntil(() => bench.payloads.length > 0, 100);
    bench.setFarBaud(OTHER_BAUD);
    bench.link.session.notify("client.blynkStateChange", { state: 5 });
    bench.clock.advance(MCU_SWITCH_MS);
    assert.equal(bench.payloads.at(-1), toHex(onewayOf("client.blynkStateChange", { state: 5 })));
    assert.equal(bench.line.b.received.framingErrors, 0);
  });

  it("falls back to the initial rate when nothing valid comes at the new one in time", () => {
    bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.clock.advance(BAUD_PROOF_MS - 100);
    assert.equal(bench.link.baud, OTHER_BAUD);
    bench.clock.advance(200);
    assert.equal(bench.link.baud, INITIAL_BAUD);
    assert.isTrue(bench.hears());
    assert.deepEqual(bench.bauds, [OTHER_BAUD, INITIAL_BAUD]);
    bench.clock.advance(3_600_000);
    assert.deepEqual(bench.bauds, [OTHER_BAUD, INITIAL_BAUD]);
  });

  it("falls back too when all that comes at the new rate is damaged", () => {
    bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.clock.advance(MCU_SWITCH_MS);
    bench.setFarBaud(OTHER_BAUD);
    bench.line.b.faults.hook = (bytes) => bytes.map((byte) => byte ^ 1);
    for (let i = 0; i < 30; i++) {
      bench.call("ncp.ping", {});
      bench.clock.advance(100);
    }
    assert.isAbove(bench.line.b.faults.counts.hooked, 20);
    assert.equal(bench.bauds[1], INITIAL_BAUD);
  });

  it("needs no proof for the initial rate, and asks for none after a second change", () => {
    bench.agreeOn(OTHER_BAUD);
    bench.agreeOn(INITIAL_BAUD);
    bench.clock.advance(10_000);
    bench.agreeOn(460_800);
    bench.clock.advance(10_000);
    assert.deepEqual(bench.bauds, [OTHER_BAUD, INITIAL_BAUD, 460_800]);
  });

  it("must prove itself again, though it was proven before the MCU restarted", () => {
    bench.agreeOn(OTHER_BAUD);
    bench.link.resetBaud();
    bench.clock.advance(100);
    bench.setFarBaud(INITIAL_BAUD);
    assert.isTrue(bench.hears());
    bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.clock.advance(BAUD_PROOF_MS + 200);
    assert.equal(bench.link.baud, INITIAL_BAUD);
  });

  it("is survived by a reboot that was asked for right before, which comes all the same", () => {
    bench.call("ncp.reboot", {});
    bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.clock.advance(100);
    assert.include(bench.told, "restart");
    assert.equal(bench.link.baud, OTHER_BAUD);
  });

  it("is survived by a reboot that was asked for right afterwards", () => {
    bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.call("ncp.reboot", {});
    bench.clock.advance(100);
    assert.include(bench.told, "restart");
    assert.equal(bench.link.baud, OTHER_BAUD);
  });
});

describe("an MCU that talks at another rate without a word", () => {
  let bench: LinkBench;

  beforeEach(() => {
    bench = new LinkBench();
    bench.agreeOn(OTHER_BAUD);
    bench.bauds.length = 0;
  });

  /** The MCU calls at such intervals; returns how many calls it took until one was answered. */
  function callsUntilHeard(intervalMs: number, callsMax = 6): number {
    for (let count = 1; count <= callsMax; count++) {
      const id = bench.call("blynk.otaUpdateStart", { chunkBytes: 512 });
      bench.clock.advance(intervalMs);
      if (bench.payloads.includes(toHex(resultOf("blynk.otaUpdateStart", id, { ok: true })))) return count;
    }
    return Number.POSITIVE_INFINITY;
  }

  for (const intervalMs of [400, 1000, 2400, 10_000, 60_000]) {
    it(`is heard at the initial rate with its third call, at one each ${intervalMs} ms`, () => {
      bench.setFarBaud(INITIAL_BAUD);
      assert.isAtMost(callsUntilHeard(intervalMs), 3);
      assert.deepEqual(bench.bauds, [INITIAL_BAUD]);
      assert.isAbove(bench.line.a.received.framingErrors, 0);
    });

    it(`is heard at the rate last agreed on with its third call, at one each ${intervalMs} ms`, () => {
      bench.link.resetBaud();
      bench.clock.advance(100);
      assert.equal(bench.link.baud, INITIAL_BAUD);
      bench.bauds.length = 0;
      assert.isAtMost(callsUntilHeard(intervalMs), 3);
      assert.deepEqual(bench.bauds, [OTHER_BAUD]);
    });
  }

  it("is heard again after it went to the initial rate, and back", () => {
    for (const baud of [INITIAL_BAUD, OTHER_BAUD, INITIAL_BAUD]) {
      bench.setFarBaud(baud);
      assert.isAtMost(callsUntilHeard(1000), 3);
      assert.equal(bench.link.baud, baud);
    }
  });

  it("is not believed to when it is some text of a boot, between frames of the right rate", () => {
    const log = Uint8Array.from("boot: ready\r\n", (letter) => letter.charCodeAt(0));
    for (let i = 0; i < 20; i++) {
      bench.far.write(log);
      bench.clock.advance(NOISE_PATIENCE_MS - 50);
      bench.call("ncp.ping", {});
      bench.clock.advance(100);
    }
    assert.deepEqual(bench.bauds, []);
    assert.isAbove(bench.link.counters.noiseBytes, 20 * 10);
  });

  it("is not believed to for noise that is over before patience is", () => {
    for (let i = 0; i < 5; i++) {
      bench.far.write(Uint8Array.of(1, 2, 3));
      bench.clock.advance(NOISE_PATIENCE_MS / 6);
    }
    bench.clock.advance(60_000);
    assert.deepEqual(bench.bauds, []);
    assert.isTrue(bench.hears());
  });

  it("is not believed to for noise at the rate before: what was heard then counts no more", () => {
    bench.far.write(Uint8Array.of(1, 2, 3));
    bench.clock.advance(NOISE_PATIENCE_MS - 50);
    bench.link.changeBaud(460_800);
    bench.clock.advance(100);
    bench.setFarBaud(460_800);
    bench.far.write(Uint8Array.of(4));
    bench.clock.advance(20);
    assert.isTrue(bench.hears());
    assert.deepEqual(bench.bauds, [460_800]);
  });

  it("leaves the link where it is when there is no other rate to try", () => {
    const fresh = new LinkBench(OTHER_BAUD);
    for (let i = 0; i < 20; i++) {
      fresh.call("ncp.ping", {});
      fresh.clock.advance(500);
    }
    assert.isAbove(fresh.line.a.received.framingErrors, 0);
    assert.deepEqual(fresh.bauds, []);
    fresh.setFarBaud(INITIAL_BAUD);
    assert.isTrue(fresh.hears());
  });
});

describe("a closed link", () => {
  it("switches no more, and calls nobody back", () => {
    const bench = new LinkBench();
    bench.call("hw.setUartBaudRate", { baud: OTHER_BAUD });
    bench.clock.runUntil(() => bench.link.baud === OTHER_BAUD, 100);
    bench.link.close();
    bench.link.afterDrain(() => bench.told.push("drained"));
    bench.clock.advance(10_000);
    assert.deepEqual(bench.bauds, [OTHER_BAUD]);
    assert.deepEqual(bench.told, []);
    assert.isFalse(bench.line.a.isOpen);
  });
});

describe("the calls that the MCU makes", () => {
  let bench: LinkBench;

  beforeEach(() => {
    bench = new LinkBench();
  });

  it("are known by hasUID exactly where they are not answered with 13", () => {
    const inquiries: [CallName, boolean][] = callNames.map((name) => {
      const answer = bench.ask("ncp.hasUID", { uid: calls[name].uid });
      return [name, answer === toHex(resultOf("ncp.hasUID", bench.lastId, { ok: true }))];
    });
    const served = inquiries.filter(([, isServed]) => isServed).map(([name]) => name);
    assert.includeMembers(served, ["ncp.ping", "ncp.reboot", "ncp.hasUID", "blynk.initialize", "blynk.otaUpdateStart"]);
    for (const [name, isServed] of inquiries) {
      if (calls[name].kind === "oneway" || name === "ncp.reboot") continue;
      // Without arguments: a call that has some is answered with 15.
      const { uid } = calls[name];
      const before = bench.payloads.length;
      bench.farSends(Uint8Array.of(0xbc, 0x67, uid & 0xff, uid >> 8, 0x34, 0x12));
      bench.clock.advance(50);
      const unknown = bench.payloads[before] === toHex(refusalOf(0x1234, RpcStatus.UNKNOWN_UID));
      assert.equal(unknown, !isServed, name);
    }
  });

  it("are answered with what the rest of Ferry says", () => {
    assert.equal(
      bench.ask("blynk.getNcpVersion", {}),
      toHex(resultOf("blynk.getNcpVersion", 1, { version: "1.2.3", ok: true })),
    );
    assert.equal(bench.ask("blynk.getState", {}), toHex(resultOf("blynk.getState", 2, { state: NcpState.CONNECTED })));
    bench.ask("blynk.setFirmwareInfo", { type: "T", version: "1", build: "B", blynkVersion: "0.7" });
    bench.ask("blynk.otaUpdateSuspend", { timeoutSeconds: 60 });
    assert.deepEqual(bench.told, ["firmware T 1 B 0.7", "suspend 60"]);
    assert.equal(bench.heardCount, 4);
  });

  it("end the MCU's earlier life before initialize is answered, and begin the next after it", () => {
    bench.domain.onInitialized = ({ id, name }) => {
      bench.told.push(`initialized ${id} ${name}`);
      bench.link.session.notify("client.blynkStateChange", { state: 1 });
    };
    bench.call("blynk.initialize", { templateId: "TMPL1", templateName: "Ferry" });
    bench.clock.advance(50);
    assert.deepEqual(bench.told, ["forget", "initialized TMPL1 Ferry"]);
    assert.deepEqual(bench.payloads, [
      toHex(resultOf("blynk.initialize", 1, { ok: true })),
      toHex(onewayOf("client.blynkStateChange", { state: 1 })),
    ]);
  });

  it("restart the chip only after the answer has left", () => {
    let restartedMs = 0;
    bench.domain.reboot = () => {
      bench.link.afterDrain(() => {
        restartedMs = bench.clock.now();
      });
    };
    bench.call("ncp.reboot", {});
    bench.clock.advance(100);
    assert.deepEqual(bench.payloads, [toHex(resultOf("ncp.reboot", 1, { ok: true }))]);
    assert.isAtLeast(restartedMs, bench.line.a.sent.lastBitMs ?? Number.POSITIVE_INFINITY);
  });

  it("may ask for chunks as long as fit a frame, and no longer ones", () => {
    const chunk = new Uint8Array(CHUNK_BYTES_MAX);
    assert.lengthOf(invokeOf("client.otaUpdateWrite", 1, { offset: 0, chunk, crc32: 0 }), PAYLOAD_BYTES_MAX);
    for (const chunkBytes of [0, 1, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, 0xffff]) {
      const ok = chunkBytes >= 1 && chunkBytes <= 1520;
      assert.equal(
        bench.ask("blynk.otaUpdateStart", { chunkBytes }),
        toHex(resultOf("blynk.otaUpdateStart", bench.lastId, { ok })),
      );
      assert.equal(bench.told.at(-1), `start ${chunkBytes} ${ok}`);
    }
  });

  it("get digests where there are any, and false with empty ones where not", () => {
    const none = new Uint8Array(0);
    const askAll = () => [
      bench.ask("blynk.otaUpdateGetMD5", {}),
      bench.ask("blynk.otaUpdateGetSHA256", {}),
      bench.ask("blynk.otaUpdateGetCRC32", {}),
    ];
    assert.deepEqual(askAll(), [
      toHex(resultOf("blynk.otaUpdateGetMD5", 1, { digest: none, ok: false })),
      toHex(resultOf("blynk.otaUpdateGetSHA256", 2, { digest: none, ok: false })),
      toHex(resultOf("blynk.otaUpdateGetCRC32", 3, { crc32: 0, ok: false })),
    ]);
    const md5 = new Uint8Array(16).fill(0x11);
    const sha256 = new Uint8Array(32).fill(0xaa);
    bench.domain.digests = { crc32: 0xcbf4_3926, md5, sha256 };
    assert.deepEqual(askAll(), [
      toHex(resultOf("blynk.otaUpdateGetMD5", 4, { digest: md5, ok: true })),
      toHex(resultOf("blynk.otaUpdateGetSHA256", 5, { digest: sha256, ok: true })),
      toHex(resultOf("blynk.otaUpdateGetCRC32", 6, { crc32: 0xcbf4_3926, ok: true })),
    ]);
  });

  it("hear of a failed prefetch in the eight words that the protocol has, and never zero", () => {
    const table: Record<Cause, number> = {
      connect: PrefetchStatus.CONNECT_FAILED,
      request: PrefetchStatus.REQUEST_FAILED,
      budget: PrefetchStatus.REQUEST_FAILED,
      stalled: PrefetchStatus.DOWNLOAD_TIMEOUT,
      "no-space": PrefetchStatus.FS_NO_SPACE,
      storage: PrefetchStatus.FS_WRITE_FAILED,
      mismatch: PrefetchStatus.FINALIZE_FAILED,
      "nothing-offered": PrefetchStatus.GENERIC,
      declined: PrefetchStatus.GENERIC,
      superseded: PrefetchStatus.GENERIC,
      unsupported: PrefetchStatus.GENERIC,
      "no-answer": PrefetchStatus.GENERIC,
      rejected: PrefetchStatus.GENERIC,
      "wrong-version": PrefetchStatus.GENERIC,
      "no-return": PrefetchStatus.GENERIC,
      damaged: PrefetchStatus.GENERIC,
      "wrong-chip": PrefetchStatus.GENERIC,
      "not-newer": PrefetchStatus.GENERIC,
      untrusted: PrefetchStatus.GENERIC,
      "tried-before": PrefetchStatus.GENERIC,
      unconfirmed: PrefetchStatus.GENERIC,
      reverted: PrefetchStatus.GENERIC,
    };
    assert.equal(prefetchStatusOf(undefined), PrefetchStatus.OK);
    for (const [cause, status] of Object.entries(table) as [Cause, number][]) {
      const failed = { stage: "download", cause, detail: "" } as const;
      assert.equal(prefetchStatusOf(failed), status, cause);
      bench.domain.prefetchUpdate = (answer) => answer(failed);
      const answer = bench.ask("blynk.otaUpdatePrefetch", {});
      assert.equal(answer, toHex(resultOf("blynk.otaUpdatePrefetch", bench.lastId, { status })), cause);
    }
  });
});

describe("the watch over the MCU's presence", () => {
  function makeWatch() {
    const clock = new VirtualClock();
    const pings: number[] = [];
    const losses: number[] = [];
    const state = { mayBeSilent: false };
    const presence = new Presence({
      clock,
      ping: () => pings.push(clock.now()),
      mayBeSilent: () => state.mayBeSilent,
      onLost: () => losses.push(clock.now()),
    });
    return { clock, pings, losses, state, presence };
  }

  it("pings after 25 s of silence, five times 5 s apart, and gives up 5 s after the last: after 50 s", () => {
    const { clock, pings, losses, presence } = makeWatch();
    presence.watch();
    clock.advance(3_600_000);
    assert.deepEqual([SILENCE_MS, PING_INTERVAL_MS, PINGS_MAX], [25_000, 5000, 5]);
    assert.deepEqual(pings, [25_000, 30_000, 35_000, 40_000, 45_000]);
    assert.deepEqual(losses, [50_000]);
    assert.equal(clock.pending, 0);
  });

  it("begins with initialize, and does nothing before", () => {
    const { clock, pings, presence } = makeWatch();
    presence.heard();
    clock.advance(100_000);
    assert.deepEqual(pings, []);
    presence.watch();
    clock.advance(25_000);
    assert.deepEqual(pings, [125_000]);
  });

  it("is content with a word each 24 s", () => {
    const { clock, pings, losses, presence } = makeWatch();
    presence.watch();
    for (let i = 0; i < 1000; i++) {
      clock.advance(24_000);
      presence.heard();
    }
    assert.deepEqual([pings, losses], [[], []]);
    assert.equal(clock.pending, 1, "one timer, however much is heard");
  });

  it("starts from the beginning with any word, after any ping", () => {
    for (let answered = 1; answered <= PINGS_MAX; answered++) {
      const { clock, pings, losses, presence } = makeWatch();
      presence.watch();
      clock.runUntil(() => pings.length === answered, 60_000);
      clock.advance(1);
      presence.heard();
      const heardMs = clock.now();
      clock.advance(49_999);
      assert.deepEqual(losses, [], `after ping ${answered}`);
      assert.equal(pings[answered], heardMs + 25_000);
      clock.advance(1);
      assert.deepEqual(losses, [heardMs + 50_000]);
    }
  });

  it("never gives up while silence is expected, and pings no more than each 25 s then", () => {
    const { clock, pings, losses, state, presence } = makeWatch();
    state.mayBeSilent = true;
    presence.watch();
    clock.advance(600_000);
    assert.deepEqual(losses, []);
    assert.deepEqual(pings.slice(4, 9), [45_000, 50_000, 75_000, 100_000, 125_000]);
    state.mayBeSilent = false;
    clock.advance(25_000);
    assert.lengthOf(losses, 1);
  });

  it("goes on as ever after a silence that was expected and ended with a word", () => {
    const { clock, losses, state, presence } = makeWatch();
    state.mayBeSilent = true;
    presence.watch();
    clock.advance(600_000);
    state.mayBeSilent = false;
    presence.heard();
    const heardMs = clock.now();
    clock.advance(200_000);
    assert.isAtLeast(losses[0] ?? 0, heardMs + 50_000);
    assert.isAtMost(losses[0] ?? 0, heardMs + 50_000 + 25_000);
  });

  it("ends with stop, and begins anew with the next initialize", () => {
    const { clock, pings, losses, presence } = makeWatch();
    presence.watch();
    clock.advance(31_000);
    presence.stop();
    clock.advance(100_000);
    assert.deepEqual([pings.length, losses.length, clock.pending], [2, 0, 0]);
    presence.watch();
    presence.watch();
    clock.advance(50_000);
    assert.lengthOf(pings, 7);
    assert.deepEqual(losses, [181_000]);
  });
});

describe("Ferry and its MCU", () => {
  /** Ferry has been up for a while when the MCU boots. */
  function bringUp(mcu: Partial<McuBehavior>): Workbench {
    const bench = new Workbench({ mcu, imageBytes: 2000 });
    bench.device.powerOn();
    bench.clock.advance(1000);
    bench.mcu.powerOn();
    bench.runUntil(() => bench.last("initialized") !== undefined, 60_000, "initialize");
    return bench;
  }

  for (const targetBaud of [57_600, 115_200, 230_400, 460_800, 2_000_000]) {
    it(`agree on ${targetBaud} baud at the first try, where the MCU is an Arduino`, () => {
      const bench = bringUp({ targetBaud });
      assert.equal(bench.mcu.record.counters.timeouts, 0);
      assert.equal(bench.device.ncp?.baud, targetBaud);
      assert.deepEqual(bench.mcu.violations, []);
    });
  }

  for (const hasNcpResetPin of [true, false]) {
    it(`come together where the MCU is a Zephyr host ${hasNcpResetPin ? "with" : "without"} a reset pin`, () => {
      const bench = bringUp({ bringUp: "zephyr", targetBaud: 115_200, hasNcpResetPin });
      bench.clock.advance(60_000);
      assert.equal(bench.device.ncp?.baud, 115_200);
      assert.equal(bench.mcu.record.initializations, 1);
      assert.deepEqual(bench.mcu.violations, []);
    });
  }

  it("lose each other 45 to 50 s after the MCU fell silent; Ferry then listens where it will look", () => {
    const bench = bringUp({});
    bench.clock.advance(10_000);
    const boots = bench.device.boots;
    bench.mcu.powerOff();
    const silentMs = bench.clock.now();
    bench.runUntil(() => bench.last("mcu-lost") !== undefined, 60_000, "the loss");
    assert.isAtMost(bench.clock.now() - silentMs, 50_000);
    bench.clock.advance(100);
    assert.equal(bench.device.ncp?.baud, INITIAL_BAUD);
    assert.equal(bench.device.ncp?.state, NcpState.NOT_INITIALIZED);
    assert.equal(bench.device.boots, boots, "Ferry does not reboot for that");
    bench.mcu.powerOn();
    bench.runUntil(() => bench.count("initialized") === 2, 10_000, "initialize after the loss");
    assert.equal(bench.device.ncp?.baud, bench.mcu.behavior.targetBaud);
  });

  it("stay together for an hour without an update, by Ferry's ping alone", () => {
    const bench = bringUp({});
    bench.clock.advance(3_600_000);
    assert.equal(bench.count("mcu-lost"), 0);
    assert.equal(bench.mcu.record.initializations, 1);
    assert.isAbove(bench.mcu.record.counters.invokesServed, 120);
  });

  it("are not parted by an MCU that is silent for minutes while an update is open", () => {
    const bench = bringUp({ updatesInBootloader: true, startDelayMs: 200_000, eraseMs: 20_000 });
    bench.offer();
    bench.clock.advance(150_000);
    assert.isTrue(bench.mcu.isAlive);
    assert.equal(bench.count("mcu-lost"), 0);
    assert.equal(bench.awaitVerdict().kind, "succeeded", bench.mcu.log.join("\n"));
    assert.equal(bench.count("mcu-lost"), 0);
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("find each other when a boot loader talks at the initial rate without a word", () => {
    const bench = bringUp({ updatesInBootloader: true, announcesBootloaderBaud: false });
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "succeeded", bench.mcu.log.join("\n"));
    assert.isTrue(bench.mcuRunsNewImage);
    assert.isAbove(bench.uart.a.received.framingErrors, 0, "the boot loader never talked at another rate");
  });
});
