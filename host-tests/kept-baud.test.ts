/** The baud that outlasts Ferry: hosts that did not notice its restart are heard at the rate they have kept. */

import { assert } from "chai";
import type { McuBehavior } from "../host/peers/mcu-behavior.js";
import { Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";
import type { StoragePorts } from "../host/sim/device.js";
import { BAUD_KEY, BAUD_WRITES_MAX, KeptBaud } from "../src/mcu/kept-baud.js";
import { INITIAL_BAUD, McuLink, NOISE_PATIENCE_MS } from "../src/mcu/link.js";
import type { KeyValueDomain, ResetReason } from "../src/ports.js";
import { NcpState } from "../src/rpc/protocol.js";
import { ADOPTION_MS } from "../src/wiring/adoption.js";
import { invokeOf } from "./support/rpc-bench.js";
import { WireBench } from "./support/wire-bench.js";

/** A domain in memory that counts what is written. */
function makeDomain(value?: Uint8Array) {
  const written: Uint8Array[] = value ? [value] : [];
  const domain: Pick<KeyValueDomain, "read" | "write"> = {
    read: (key) => (key === BAUD_KEY ? written.at(-1)?.slice().buffer : undefined),
    write: (key, bytes) => {
      assert.strictEqual(key, BAUD_KEY);
      written.push(new Uint8Array(bytes).slice());
    },
  };
  return { domain, written };
}

const noFault = (detail: string) => assert.fail(detail);

describe("A kept baud", () => {
  it("is known in the next life, and unknown in the first", () => {
    const { domain, written } = makeDomain();
    const first = new KeptBaud({ domain, onFault: noFault });
    assert.isUndefined(first.baud);
    first.keep(115_200);
    assert.strictEqual(first.baud, 115_200);
    assert.deepEqual(written, [Uint8Array.of(0x00, 0xc2, 0x01, 0x00)]);
    assert.strictEqual(new KeptBaud({ domain, onFault: noFault }).baud, 115_200);
  });

  it("is written when it changes, and so often in a life at most", () => {
    const { domain, written } = makeDomain();
    const kept = new KeptBaud({ domain, onFault: noFault });
    for (let time = 0; time < 1000; time++) kept.keep(115_200);
    assert.lengthOf(written, 1);
    for (let time = 0; time < 1000; time++) kept.keep(time % 2 === 0 ? 57_600 : 115_200);
    assert.lengthOf(written, BAUD_WRITES_MAX);
  });

  it("is none where its value has another length", () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(5)]) {
      assert.isUndefined(new KeptBaud({ domain: makeDomain(bytes).domain, onFault: noFault }).baud);
    }
  });

  it("is done without where the flash fails, which is told", () => {
    const faults: string[] = [];
    const fail = () => {
      throw new Error("worn out");
    };
    const kept = new KeptBaud({ domain: { read: fail, write: fail }, onFault: (detail) => faults.push(detail) });
    assert.isUndefined(kept.baud);
    kept.keep(115_200);
    assert.strictEqual(kept.baud, 115_200);
    assert.deepEqual(faults, ["cannot read the MCU's baud: worn out", "cannot store the MCU's baud: worn out"]);
  });
});

describe("A link that begins with a kept baud", () => {
  const KEPT = 115_200;

  function begin(isWarmStart: boolean, kept: number | undefined = KEPT) {
    const bench = new WireBench(INITIAL_BAUD);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, kept, true);
    const link = new McuLink({
      clock: bench.deviceClock,
      serial: bench.serial,
      keptBaud: new KeptBaud({ domain: makeDomain(bytes).domain, onFault: noFault }),
      isWarmStart,
      onBaud: () => {},
      onHeard: () => {},
      onFault: (call, error) => assert.fail(`${call}: ${error}`),
    });
    bench.clock.advance(10);
    const noise = () => {
      bench.far.write(Uint8Array.of(1, 2, 3));
      bench.clock.advance(50);
    };
    const frame = () => {
      bench.farSends(invokeOf("ncp.ping", 7, {}));
      bench.clock.advance(50);
      assert.isAbove(link.counters.frames, 0);
    };
    return { bench, link, noise, frame };
  }

  it("begins at the initial one, and swings at the first noise after a restart of its own, else with patience", () => {
    for (const isWarmStart of [true, false]) {
      const { bench, link, noise } = begin(isWarmStart);
      assert.strictEqual(link.baud, INITIAL_BAUD);
      noise();
      assert.strictEqual(link.baud, isWarmStart ? KEPT : INITIAL_BAUD);
      bench.clock.advance(NOISE_PATIENCE_MS);
      noise();
      assert.strictEqual(link.baud, KEPT);
    }
  });

  it("believes noise no more so soon once it has heard a frame, or has swung", () => {
    const { link, noise, frame } = begin(true);
    frame();
    noise();
    assert.strictEqual(link.baud, INITIAL_BAUD);
    const other = begin(true);
    other.noise();
    other.noise();
    assert.strictEqual(other.link.baud, KEPT);
  });

  it("tries the other rate when it is told that nobody answers, unless somebody was heard at this one", () => {
    const { bench, link, frame } = begin(false);
    for (const baud of [KEPT, INITIAL_BAUD]) {
      link.tryOtherBaud();
      bench.clock.advance(50);
      assert.strictEqual(link.baud, baud);
    }
    frame();
    link.tryOtherBaud();
    bench.clock.advance(50);
    assert.strictEqual(link.baud, INITIAL_BAUD);
  });

  it("knows no other rate where the kept one is none, or the UART cannot make it, or the MCU settled here", () => {
    for (const { bench, link, frame } of [begin(true, INITIAL_BAUD), begin(true, 10), begin(true, 0xffff_ffff)]) {
      link.tryOtherBaud();
      bench.clock.advance(50);
      assert.strictEqual(link.baud, INITIAL_BAUD);
      frame();
    }
    const { bench, link } = begin(true);
    link.settle();
    link.tryOtherBaud();
    bench.clock.advance(50);
    assert.strictEqual(link.baud, INITIAL_BAUD);
  });
});

/** Of the value in NVS, in all lives. */
function countBaudWrites(): { count(): number; wrapStorage(ports: StoragePorts): StoragePorts } {
  let writes = 0;
  const watched = (domain: KeyValueDomain): KeyValueDomain => ({
    read: (key) => domain.read(key),
    delete: (key) => domain.delete(key),
    close: () => domain.close(),
    write: (key, value) => {
      if (key === BAUD_KEY) writes++;
      domain.write(key, value);
    },
  });
  return {
    count: () => writes,
    wrapStorage: ({ keyValue, root }) => ({ root, keyValue: { open: (options) => watched(keyValue.open(options)) } }),
  };
}

function start(mcu: Partial<McuBehavior>, options: WorkbenchOptions = {}): Workbench {
  const bench = new Workbench({ mcu, ...options });
  bench.start(120_000);
  bench.clock.advance(1_000);
  return bench;
}

/** Ferry restarts without a word. */
function restart(bench: Workbench, reason: ResetReason): void {
  const { boots } = bench.device;
  bench.device.restart(0, reason);
  bench.runUntil(() => bench.device.boots > boots && bench.device.ncp !== undefined, 10_000, "Ferry's return");
  assert.strictEqual(bench.device.ncp?.baud, INITIAL_BAUD, "an NCP begins at the initial baud");
}

function framesHeard(bench: Workbench): number {
  return bench.device.ncp?.counters.wire.frames ?? 0;
}

for (const targetBaud of [115_200, 230_400]) {
  describe(`After a silent restart of Ferry's, at ${targetBaud} baud`, () => {
    const lowLevel = { bringUp: "low-level", targetBaud, virtualWriteEveryMs: 10_000 } as const;

    it("the low-level example is heard with its second value, and offered what is pending", () => {
      const mcu = { ...lowLevel, prefetch: true, acceptOffer: "never answer" } as const;
      const bench = start(mcu);
      bench.offer();
      bench.runUntil(() => bench.last("phase")?.phase === "open", 10_000, "an offer without an answer");
      bench.mcu.behavior.acceptOffer = true;
      restart(bench, "crash");
      bench.clock.advance(2 * mcu.virtualWriteEveryMs + 1_000);
      assert.strictEqual(bench.device.ncp?.baud, targetBaud);
      assert.isAbove(framesHeard(bench), 0);
      assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
      assert.isTrue(bench.mcuRunsNewImage);
    });

    it("it is heard also after a power cut of Ferry's alone, one value later", () => {
      const bench = start(lowLevel);
      restart(bench, "power");
      bench.clock.advance(2 * lowLevel.virtualWriteEveryMs + 1_000);
      assert.strictEqual(framesHeard(bench), 0);
      bench.clock.advance(lowLevel.virtualWriteEveryMs);
      assert.isAbove(framesHeard(bench), 0);
    });

    for (const hasNcpResetPin of [true, false]) {
      it(`Zephyr ${hasNcpResetPin ? "with" : "without"} a reset pin is answered at its second ping, and initializes when it is told to`, () => {
        const bench = start({ bringUp: "zephyr", targetBaud, hasNcpResetPin });
        const { initializations } = bench.mcu.record;
        restart(bench, "software");
        bench.clock.advance(31_000);
        assert.strictEqual(bench.device.ncp?.baud, targetBaud);
        assert.isAbove(framesHeard(bench), 0);
        assert.strictEqual(bench.mcu.record.initializations, initializations, "it did not notice");
        bench.clock.advance(2 * ADOPTION_MS);
        assert.strictEqual(bench.mcu.record.initializations, initializations + 1);
        assert.notStrictEqual(bench.device.ncp?.state, NcpState.NOT_INITIALIZED);
        bench.clock.advance(30 * 60_000);
        assert.strictEqual(bench.mcu.record.initializations, initializations + 1, "it begins again and again");
      });
    }

    it("Arduino initializes as soon as it asks for the state", () => {
      const bench = start({ bringUp: "arduino", targetBaud });
      const initialized = bench.count("initialized");
      restart(bench, "watchdog");
      bench.runUntil(() => bench.count("initialized") > initialized, 35_000, "its initialize");
    });

    it("a host that restarts meanwhile is heard at the initial baud at once", () => {
      for (const bringUp of ["arduino", "low-level", "zephyr"] as const) {
        const bench = start({ bringUp, targetBaud, hasNcpResetPin: false, bootMs: 1_000 });
        const initialized = bench.count("initialized");
        bench.mcu.powerOff();
        restart(bench, "software");
        bench.mcu.powerOn();
        bench.runUntil(() => bench.count("initialized") > initialized, 5_000, `${bringUp}'s initialize`);
      }
    });

    it("a host that keeps to the initial baud from now on is heard, whatever was agreed on before", () => {
      const bench = start({ ...lowLevel, virtualWriteEveryMs: 2_000 });
      bench.mcu.powerOff();
      bench.mcu.behavior.bringUp = "none";
      restart(bench, "software");
      bench.mcu.powerOn();
      bench.clock.advance(10_000);
      assert.isAbove(framesHeard(bench), 0);
      assert.strictEqual(bench.device.ncp?.baud, INITIAL_BAUD);
    });
  });
}

describe("The baud in flash", () => {
  it("is written once by a host that always comes back to the same one", () => {
    for (const bringUp of ["arduino", "low-level", "zephyr"] as const) {
      const { count, wrapStorage } = countBaudWrites();
      const bench = start({ bringUp, targetBaud: 115_200, virtualWriteEveryMs: 5_000 }, { overrides: { wrapStorage } });
      for (let time = 0; time < 5; time++) {
        bench.mcu.powerOff();
        bench.clock.advance(1_000);
        bench.mcu.powerOn();
        bench.clock.advance(60_000);
        restart(bench, "software");
        bench.clock.advance(60_000);
      }
      assert.strictEqual(count(), 1, bringUp);
    }
  });

  it("is not written by a host that is content with the initial baud, but once", () => {
    const { count, wrapStorage } = countBaudWrites();
    const bench = start({ bringUp: "arduino", targetBaud: INITIAL_BAUD }, { overrides: { wrapStorage } });
    restart(bench, "software");
    bench.clock.advance(600_000);
    assert.isAtMost(count(), 1);
  });
});
