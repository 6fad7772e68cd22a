/** The wire in portable C (src/native), held to what the TypeScript twin is held to, and at work in a whole device. */

import { assert } from "chai";
import { DecoderInC, encodeFrameInC } from "../../host/native/codec.js";
import { CoreWire, type CoreWireCounters, makeCoreWire } from "../../host/native/wire.js";
import { Workbench } from "../../host/peers/workbench.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { McuLink } from "../../src/mcu/link.js";
import { describeFrameContract } from "../ports/contracts/frames.js";
import { describeVectors } from "../ports/contracts/vectors.js";
import { describeWireContract } from "../ports/contracts/wire.js";
import type { FrameCodec } from "../support/frame-codec.js";
import { toHex } from "../support/ncp-stub.js";
import { invokeOf } from "../support/rpc-bench.js";
import { WireBench } from "../support/wire-bench.js";

const codecInC: FrameCodec = { FrameDecoder: DecoderInC, encodeFrame: encodeFrameInC };

describeFrameContract("Frames in C", codecInC);
describeVectors("Frames in C, for Blynk's", codecInC);
describeWireContract("The wire in C", CoreWire);

/** An MCU on the line of a Ferry whose engine and whose wire's task are as busy as a test says. */
class BusyEngineBench extends WireBench {
  readonly engine = new SimCpu(this.clock);
  readonly task = new SimCpu(this.clock);
  readonly link: McuLink;
  heardCount = 0;
  readonly #pingTimesMs = new Map<string, number>();
  /** From each ping's first bit to the last bit of its answer; in the order of the answers. */
  readonly pongDelaysMs: number[] = [];

  constructor() {
    super(38_400);
    this.link = new McuLink({
      clock: new DeviceClock(this.clock, this.engine),
      serial: this.serial,
      Wire: makeCoreWire({
        clock: this.deviceClock,
        kick: (transmit) => transmit(),
        wake: (serve) => this.task.run(serve),
        post: (deliver) => this.engine.run(deliver),
      }),
      onBaud: () => {},
      onHeard: () => {
        this.heardCount++;
      },
      onFault: (_, error) => {
        throw error;
      },
    });
    this.link.session.serve({ "ncp.ping": () => ({}) }, undefined);
    this.clock.advance(10);
  }

  override onFarPayload = (payload: Uint8Array): void => {
    const key = toHex(payload.subarray(2, 4));
    const sentMs = this.#pingTimesMs.get(key);
    assert.isDefined(sentMs, "an answer to no ping, or a second one");
    this.#pingTimesMs.delete(key);
    this.pongDelaysMs.push(this.clock.now() - sentMs);
  };

  /** The MCU pings at an even pace. */
  pings(count: number, everyMs: number): void {
    for (let id = 1; id <= count; id++) {
      const ping = invokeOf("ncp.ping", id, {});
      this.#pingTimesMs.set(toHex(ping.subarray(4, 6)), this.clock.now());
      this.farSends(ping);
      this.clock.advance(everyMs);
    }
  }

  get counters(): CoreWireCounters {
    return this.link.counters as CoreWireCounters;
  }
}

/** Two frames, and the silence after which the UART interrupts. */
const AT_ONCE_MS = ((9 + 8 + 4 + 1) * 10_000) / 38_400;

describe("Pings on the wire in C", () => {
  let bench: BusyEngineBench;

  beforeEach(() => {
    bench = new BusyEngineBench();
  });

  it("are the engine's until Ferry has sent its first frame, lead-in first", () => {
    bench.pings(1, 100);
    assert.equal(bench.counters.pingsAnswered, 0);
    assert.equal(bench.link.session.counters.callsServed, 1);
    bench.pings(1, 100);
    assert.equal(bench.counters.pingsAnswered, 1);
    assert.equal(bench.link.session.counters.callsServed, 1);
  });

  it("are answered at once, each once, though the engine is in a long step and the task stands still", () => {
    bench.pings(1, 100);
    bench.engine.run(() => bench.engine.spend(2000));
    bench.task.run(() => bench.task.spend(1500));
    bench.pongDelaysMs.length = 0;
    bench.pings(18, 100);
    assert.lengthOf(bench.pongDelaysMs, 18);
    assert.isBelow(Math.max(...bench.pongDelaysMs), AT_ONCE_MS + 2);
    assert.equal(bench.counters.pingsAnswered, 18);
  });

  it("count as signs of life of the MCU", () => {
    bench.pings(1, 100);
    const before = bench.heardCount;
    bench.pings(5, 1000);
    assert.equal(bench.heardCount, before + 5);
  });

  it("prove a rate that the MCU has asked for", () => {
    bench.pings(1, 100);
    bench.link.changeBaud(115_200);
    bench.clock.advance(20);
    bench.setFarBaud(115_200);
    bench.pings(3, 1000);
    assert.lengthOf(bench.pongDelaysMs, 4);
    assert.equal(bench.link.baud, 115_200);
  });

  it("go unanswered once the engine has hung for so long that it must be dead", () => {
    bench.pings(1, 100);
    bench.engine.run(() => bench.engine.spend(60_000));
    bench.pongDelaysMs.length = 0;
    bench.pings(100, 100);
    assert.isAbove(bench.pongDelaysMs.length, 45);
    assert.isBelow(bench.pongDelaysMs.length, 62);
  });
});

describe("An update over the wire in C", () => {
  it("succeeds, and nearly every chunk leaves by itself at the answer to the one before", () => {
    const bench = new Workbench({ overrides: { Wire: CoreWire }, mcu: { targetBaud: 921_600, prefetch: true } });
    bench.start();
    bench.offer();
    assert.deepEqual(bench.awaitVerdict(), { kind: "succeeded", proof: "version" });
    assert.isTrue(bench.mcuRunsNewImage);
    const chunks = Math.ceil(bench.image.length / 1024);
    assert.equal(bench.device.ncp?.counters.wire.framesCued, chunks - 1);
  });
});
