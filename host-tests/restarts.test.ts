/** Restarts of Ferry's: which the MCU is told of, what it hears afterwards, and at which rate. */

import { assert } from "chai";
import { Native } from "../host/peers/native-cloud-server.js";
import { Workbench } from "../host/peers/workbench.js";
import { INITIAL_BAUD } from "../src/mcu/link.js";
import { ADOPTION_MS, REBOOT_NOTICE_MS } from "../src/ncp.js";
import { NcpEvent, NcpState, RpcStatus } from "../src/rpc/protocol.js";
import { McuHost } from "./support/mcu-host.js";
import { OnlineBench } from "./support/online-bench.js";

/** An Arduino host looks for its NCP for so long. */
const BACK_WITHIN_MS = 10_000;

function restart(bench: OnlineBench, ask: (bench: OnlineBench) => void): number {
  const boots = bench.device.boots;
  const startMs = bench.clock.now();
  bench.mcu.heard.length = 0;
  ask(bench);
  bench.clock.runUntil(() => bench.device.boots > boots && bench.device.ncp !== undefined, 60_000, "a restart");
  while (!bench.mcu.tryCall("ncp.ping", {})) assert.isBelow(bench.clock.now() - startMs, BACK_WITHIN_MS, "not back");
  return bench.clock.now() - startMs;
}

function resetFactory({ mcu }: OnlineBench): void {
  assert.isTrue(mcu.call("blynk.factoryReset", {}).ok);
}

describe("a restart that the MCU asks for", () => {
  it("is not announced, and Ferry says nothing by itself until it is initialized", () => {
    const bench = new OnlineBench();
    bench.goOnline();
    const tookMs = restart(bench, ({ mcu }) => assert.isTrue(mcu.call("ncp.reboot", {}).ok));
    assert.isBelow(tookMs, BACK_WITHIN_MS);
    assert.equal(bench.mcu.call("blynk.getState", {}).state, NcpState.NOT_INITIALIZED);
    bench.clock.advance(ADOPTION_MS - 5_000);
    assert.deepEqual(bench.mcu.heard, []);
    bench.mcu.initialize();
    bench.clock.advance(10_000);
    assert.deepEqual(bench.mcu.events, []);
    assert.equal(bench.mcu.states.at(-1), NcpState.CONNECTED);
  });

  it("is answered before it happens", () => {
    const bench = new OnlineBench();
    bench.boot();
    const { boots } = bench.device;
    bench.mcu.call("ncp.reboot", {});
    assert.equal(bench.device.boots, boots);
  });
});

describe("a restart that the MCU does not ask for", () => {
  for (const [what, ask] of [
    ["a factory reset's end", resetFactory],
    ["the cloud's wish", ({ cloud }: OnlineBench) => cloud.send(Native.INTERNAL, "dbg", "reboot")],
  ] as const) {
    it(`is announced where it is ${what}, and Ferry is silent until it is back, within 10 s`, () => {
      const bench = new OnlineBench();
      bench.goOnline();
      const tookMs = restart(bench, ask);
      assert.deepEqual(bench.mcu.events, [NcpEvent.NCP_REBOOTING]);
      assert.isAbove(tookMs, REBOOT_NOTICE_MS);
      assert.isBelow(tookMs, BACK_WITHIN_MS);
      const noticeMs = bench.mcu.heard.find(({ name }) => name === "client.processEvent")?.atMs ?? Number.NaN;
      assert.isEmpty(bench.mcu.heard.filter(({ atMs }) => atMs > noticeMs));
    });
  }

  it("is announced also to an MCU that waits for an answer, which is refused first", () => {
    const bench = new OnlineBench();
    bench.goOnline();
    bench.offerSlowly();
    bench.clock.set(() => bench.cloud.send(Native.INTERNAL, "dbg", "reboot"), 5_000);
    const { boots } = bench.device;
    bench.mcu.heard.length = 0;
    assert.isUndefined(bench.mcu.tryCall("blynk.otaUpdatePrefetch", {}));
    assert.equal(bench.mcu.lastStatus, RpcStatus.GENERIC);
    assert.deepEqual(bench.mcu.events.slice(0, bench.mcu.heardBeforeResult), []);
    bench.clock.advance(5_000);
    assert.equal(bench.device.boots, boots + 1);
    assert.deepEqual(bench.mcu.events, [NcpEvent.NCP_REBOOTING]);
  });

  it("is not announced to an MCU that has not initialized", () => {
    const bench = new OnlineBench();
    bench.boot();
    restart(bench, resetFactory);
    assert.deepEqual(bench.mcu.heard, []);
  });

  it("leaves nothing of what a cloud still tells after a factory reset, nor logs in once more", () => {
    const bench = new OnlineBench();
    bench.goOnline();
    const { boots } = bench.device;
    bench.mcu.call("blynk.factoryReset", {});
    bench.clock.advance(REBOOT_NOTICE_MS / 5);
    assert.equal(bench.device.boots, boots, "it has restarted already");
    bench.cloud.send(Native.INTERNAL, "utc", "tz_name", "Europe/Berlin");
    bench.cloud.send(Native.INTERNAL, "loc", "52.5", "13.4");
    bench.clock.advance(10_000);
    assert.equal(bench.device.boots, boots + 1);
    assert.isFalse(bench.mcu.call("blynk.getLocationInfo", {}).ok);
    assert.isFalse(bench.mcu.call("blynk.isConfigured", {}).ok);
    assert.lengthOf(bench.cloud.logins, 1);
  });

  it("finds no Ferry that still answers: one that is about to go would be taken for the next", () => {
    const bench = new OnlineBench();
    bench.goOnline();
    bench.mcu.call("blynk.factoryReset", {});
    const { boots } = bench.device;
    bench.clock.advance(50);
    assert.isUndefined(bench.mcu.tryCall("ncp.ping", {}));
    assert.equal(bench.device.boots, boots);
  });
});

describe("a Ferry that begins at another rate than 38,400 baud", () => {
  for (const initialBaud of [9_600, 115_200]) {
    it(`is found at ${initialBaud} baud, changes, and listens there again when the MCU is lost`, () => {
      const mcu = { bringUp: "zephyr", targetBaud: 460_800, hasNcpResetPin: true } as const;
      const bench = new Workbench({ mcu, overrides: { initialBaud } });
      bench.start();
      assert.equal(bench.device.ncp?.baud, mcu.targetBaud);
      bench.mcu.powerOff();
      bench.runUntil(() => bench.count("mcu-lost") > 0, 60_000, "the loss");
      bench.clock.advance(100);
      assert.equal(bench.device.ncp?.baud, initialBaud);
    });

    it(`goes back to ${initialBaud} baud after a change that nobody followed`, () => {
      const bench = new Workbench({ overrides: { initialBaud } });
      bench.device.powerOn();
      bench.clock.advance(1_000);
      const host = new McuHost(bench.clock, bench.uart.b, initialBaud);
      assert.isTrue(host.call("hw.setUartBaudRate", { baud: 57_600 }).ok);
      bench.clock.advance(100);
      assert.equal(bench.device.ncp?.baud, 57_600);
      bench.clock.advance(3_000);
      assert.equal(bench.device.ncp?.baud, initialBaud);
      assert.isDefined(host.tryCall("ncp.ping", {}));
      assert.notEqual(initialBaud, INITIAL_BAUD);
    });
  }
});
