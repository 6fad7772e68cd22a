/** MCUs that do not notice a restart of Ferry's, and go on as if it knew them. */

import { assert } from "chai";
import { Workbench } from "../host/peers/workbench.js";
import { NcpState } from "../src/rpc/protocol.js";
import { ADOPTION_MS } from "../src/wiring/adoption.js";

describe("after a restart of Ferry's that the MCU did not notice", () => {
  for (const [who, initializations, behavior] of [
    [
      "Zephyr at the initial baud, once it has heard the state and initialized",
      2,
      { bringUp: "zephyr", targetBaud: 38_400 },
    ],
    [
      "the low-level example, which sends a value now and then and never initializes again",
      1,
      { bringUp: "low-level", targetBaud: 38_400, virtualWriteEveryMs: 10_000 },
    ],
  ] as const) {
    it(`offers a pending update again to ${who}`, () => {
      const mcu = { ...behavior, prefetch: true, acceptOffer: "never answer" } as const;
      const bench = new Workbench({ mcu, powerReturnsAfterMs: 1_000 });
      bench.start();
      bench.offer();
      bench.runUntil(() => bench.last("phase")?.phase === "open", 10_000, "an offer without an answer");
      const { boots } = bench.device;
      bench.device.powerOff();
      bench.mcu.behavior.acceptOffer = true;
      bench.runUntil(() => bench.device.boots === boots + 1, 10_000, "Ferry's return");
      const { initializations: before } = bench.mcu.record;
      bench.clock.advance(ADOPTION_MS - 1_000);
      assert.equal(bench.mcu.record.initializations, before, "it noticed by itself");
      bench.runUntil(() => bench.count("ferried") > 0, 10 * 60_000, "a chunk");
      assert.equal(bench.mcu.record.initializations, initializations);
      assert.equal(bench.awaitVerdict().kind, "succeeded");
      assert.isTrue(bench.mcuRunsNewImage);
    });
  }

  it("tells the state once, and then that of an MCU that is known", () => {
    const mcu = { bringUp: "low-level", targetBaud: 38_400, virtualWriteEveryMs: 10_000 } as const;
    const bench = new Workbench({ mcu });
    bench.start();
    bench.clock.advance(1_000);
    bench.device.restart();
    bench.clock.advance(10 * ADOPTION_MS);
    const states = bench.mcu.record.events.map(({ text }) => Number(text));
    assert.deepEqual(states, [NcpState.IDLE, NcpState.NOT_INITIALIZED, NcpState.IDLE]);
  });

  it("leaves an MCU alone that initializes by itself", () => {
    const bench = new Workbench({ mcu: { prefetch: true } });
    bench.start();
    bench.device.restart();
    bench.clock.advance(2 * ADOPTION_MS);
    assert.equal(bench.count("initialized"), 2);
    assert.isUndefined(bench.last("phase"));
  });

  it("does not disturb a boot loader whose transfer takes longer than that", () => {
    const mcu = { prefetch: true, updatesInBootloader: true, targetBaud: 38_400, writeMs: 1_000 } as const;
    const bench = new Workbench({ imageBytes: 150_000, mcu, powerReturnsAfterMs: 1_000 });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.count("ferried") > 3, 600_000, "some chunks");
    assert.isTrue(bench.mcu.isInBootloader);
    bench.device.powerOff();
    bench.runUntil(() => bench.mcuRunsNewImage, 1_200_000, "the MCU's new firmware");
    const starts = bench.mcu.record.update.startAnswers.filter((answer) => answer === true);
    assert.lengthOf(starts, 2, "the transfer was broken off and began anew");
    assert.isAbove(146 * mcu.writeMs, ADOPTION_MS, "the transfer is too short to show anything");
  });

  it("tells the state later to an MCU that was being served when the time was over, and failed", () => {
    const mcu = { bringUp: "zephyr", targetBaud: 38_400, startDelayMs: 75_000, ignoresChunk: { index: 0, times: 9 } };
    const bench = new Workbench({ mcu: { ...mcu, bringUp: "zephyr" }, powerReturnsAfterMs: 1_000 });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.last("phase")?.phase === "accepted", 10_000, "the MCU's yes");
    bench.device.powerOff();
    bench.runUntil(() => bench.last("phase")?.phase === "serving", 120_000, "otaUpdateStart");
    const startedMs = bench.clock.now();
    assert.equal(bench.awaitVerdict().kind, "failed");
    assert.isAbove(bench.clock.now() - startedMs, 20_000, "it was served for too short a time");
    assert.equal(bench.mcu.record.initializations, 1);
    bench.runUntil(() => bench.mcu.record.initializations === 2, 4 * ADOPTION_MS, "a new initialize");
  });
});
