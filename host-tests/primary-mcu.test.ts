/** The simulated MCU as a whole: how it comes up and keeps in touch. */

import { assert } from "chai";
import { NcpEvent, NcpState, RpcStatus } from "../src/rpc/protocol.js";
import { makePair, makeRunningPair, namesOf } from "./support/mcu-pair.js";

describe("the MCU's bring-up", () => {
  it("does what the Arduino client does: ping, other baud, ping, firmware info, hardware, initialize", () => {
    const pair = makeRunningPair({ configuresHardware: true });
    assert.deepEqual(namesOf(pair), [
      "ncp.ping",
      "hw.setUartBaudRate",
      "ncp.ping",
      "blynk.setFirmwareInfo",
      "hw.initUserButton",
      "hw.initLED",
      "hw.setLedBrightness",
      "blynk.initialize",
    ]);
    const { templateId, templateName, targetBaud, firmware } = pair.mcu.behavior;
    assert.deepEqual(pair.ncp.calls("blynk.initialize")[0]?.args, { templateId, templateName });
    assert.deepEqual(pair.ncp.calls("hw.setUartBaudRate")[0]?.args, { baud: targetBaud });
    assert.deepEqual(pair.ncp.calls("blynk.setFirmwareInfo")[0]?.args, { ...firmware });
    assert.deepEqual(pair.mcu.violations, []);
  });

  it("finds an NCP that listens at its target baud already, and leaves the baud alone", () => {
    const pair = makePair();
    pair.ncp.setBaud(pair.mcu.behavior.targetBaud);
    pair.mcu.powerOn();
    pair.clock.advance(1000);
    assert.equal(pair.mcu.record.initializations, 1);
    assert.lengthOf(pair.ncp.calls("hw.setUartBaudRate"), 0);
    // two bauds tried in vain, 100 ms each
    assert.equal(pair.mcu.record.counters.timeouts, 2);
  });

  it("tries for ten seconds, then again after ten failed calls for the state", () => {
    const pair = makePair();
    pair.ncp.setBaud(9600);
    pair.mcu.powerOn();
    pair.clock.advance(11_000);
    assert.include(pair.mcu.log.at(-1), "bring-up failed");
    pair.ncp.setBaud(38400);
    pair.clock.advance(60_000);
    assert.equal(pair.mcu.record.initializations, 1);
    assert.equal(pair.mcu.record.reinitializations, 1);
    // silent since boot: asked 30 s later, ten times one second
    assert.closeTo(pair.ncp.calls("blynk.initialize")[0]?.atMs as number, 40_200, 300);
  });

  it("goes on scanning when the new baud does not work", () => {
    const pair = makePair();
    pair.ncp.answer("hw.setUartBaudRate", () => ({}));
    pair.mcu.powerOn();
    pair.clock.advance(1000);
    assert.equal(pair.mcu.record.initializations, 0);
    assert.isAbove(pair.ncp.calls("hw.setUartBaudRate").length, 1);
  });

  it("asks for the version and sets the config timeout where it is the low-level example", () => {
    const pair = makeRunningPair({ bringUp: "low-level" });
    assert.deepEqual(namesOf(pair).slice(3), [
      "blynk.getNcpVersion",
      "blynk.setConfigTimeout",
      "blynk.setFirmwareInfo",
      "blynk.initialize",
    ]);
    assert.equal(pair.mcu.record.ncpVersion, "0.7.0");
  });

  it("reboots the NCP and scans again where it is Zephyr without a reset pin", () => {
    const pair = makeRunningPair({ bringUp: "zephyr", configuresHardware: true });
    pair.clock.advance(100);
    assert.deepEqual(namesOf(pair), [
      "ncp.ping",
      "hw.setUartBaudRate",
      "ncp.ping",
      "ncp.reboot",
      "ncp.ping",
      "blynk.getNcpVersion",
      "blynk.setFirmwareInfo",
      "blynk.initialize",
      "hw.initUserButton",
      "hw.initLED",
      "hw.setLedBrightness",
    ]);
  });

  it("leaves the NCP running where Zephyr has a reset pin", () => {
    const pair = makeRunningPair({ bringUp: "zephyr", hasNcpResetPin: true });
    assert.lengthOf(pair.ncp.calls("ncp.reboot"), 0);
  });

  it("scans more bauds as Zephyr, for thirty seconds, and then is silent for good", () => {
    const pair = makePair({ bringUp: "zephyr" });
    pair.ncp.setBaud(76800);
    pair.mcu.powerOn();
    pair.clock.advance(5000);
    assert.equal(pair.mcu.record.initializations, 1);

    const deaf = makePair({ bringUp: "zephyr" });
    deaf.ncp.setBaud(4800);
    deaf.mcu.powerOn();
    deaf.clock.advance(29_000);
    assert.isTrue(deaf.mcu.isAlive);
    deaf.clock.advance(3000);
    assert.isFalse(deaf.mcu.isAlive);
  });

  it("only opens its UART where it has none", () => {
    const pair = makePair({ bringUp: "none" });
    pair.mcu.powerOn();
    pair.clock.advance(1000);
    const ping = pair.ncp.invoke("mcu.ping", {});
    pair.clock.advance(50);
    assert.equal(ping.status, RpcStatus.OK);
    assert.lengthOf(pair.ncp.heard, 0);
  });
});

describe("the MCU after its bring-up", () => {
  it("asks for the state only when it has heard nothing for 30 s", () => {
    const pair = makeRunningPair();
    pair.clock.advance(25_000);
    pair.ncp.invoke("mcu.ping", {});
    pair.clock.advance(29_000);
    assert.lengthOf(pair.ncp.calls("blynk.getState"), 0);
    pair.clock.advance(2000);
    assert.lengthOf(pair.ncp.calls("blynk.getState"), 1);
  });

  it("comes up anew when the NCP says that it is not initialized", () => {
    const pair = makeRunningPair();
    pair.ncp.answer("blynk.getState", () => ({ results: { state: NcpState.NOT_INITIALIZED } }));
    pair.clock.advance(31_000);
    assert.equal(pair.mcu.record.initializations, 2);
    assert.equal(pair.mcu.record.reinitializations, 1);
    assert.equal(pair.mcu.record.boots, 1);
  });

  it("comes up anew after ten seconds without an answer", () => {
    const pair = makeRunningPair();
    pair.ncp.setBaud(38400);
    pair.clock.advance(30_000 + 9900);
    assert.equal(pair.mcu.record.reinitializations, 0);
    pair.clock.advance(2000);
    assert.equal(pair.mcu.record.initializations, 2);
  });

  it("comes up anew when the NCP tells that it reboots, but the low-level example does not", () => {
    for (const [bringUp, reinitializations] of [
      ["arduino", 1],
      ["zephyr", 1],
      ["low-level", 0],
    ] as const) {
      const pair = makeRunningPair({ bringUp });
      pair.ncp.tell("client.processEvent", { event: NcpEvent.NCP_REBOOTING });
      pair.clock.advance(20_000);
      assert.equal(pair.mcu.record.reinitializations, reinitializations, bringUp);
    }
  });

  it("pings every 15 s as Zephyr, first after 10 s, and starts over after the eighth miss in a row", () => {
    const pair = makeRunningPair({ bringUp: "zephyr" });
    const startMs = pair.clock.now();
    const earlier = pair.ncp.calls("ncp.ping").length;
    pair.clock.advance(41_000);
    const pings = pair.ncp.calls("ncp.ping").slice(earlier);
    assert.deepEqual(
      pings.map(({ atMs }) => Math.round((atMs - startMs) / 1000)),
      [10, 25, 40],
    );
    pair.ncp.setBaud(38400);
    pair.clock.advance(7 * 15_000);
    assert.equal(pair.mcu.record.reinitializations, 0);
    pair.clock.advance(17_000);
    assert.equal(pair.mcu.record.reinitializations, 1);
    assert.equal(pair.mcu.record.initializations, 2);
  });

  it("starts over as Zephyr when the state falls back to NOT_INITIALIZED, but not at the first such news", () => {
    const pair = makeRunningPair({ bringUp: "zephyr" });
    const tell = (state: number) => {
      pair.ncp.tell("client.blynkStateChange", { state });
      pair.clock.advance(3000);
    };
    tell(NcpState.NOT_INITIALIZED);
    assert.equal(pair.mcu.record.reinitializations, 0);
    tell(NcpState.CONNECTED);
    tell(NcpState.NOT_INITIALIZED);
    assert.equal(pair.mcu.record.reinitializations, 1);
  });

  it("writes a pin every so often", () => {
    const pair = makeRunningPair({ virtualWriteEveryMs: 10_000 });
    pair.clock.advance(35_000);
    assert.lengthOf(pair.ncp.calls("blynk.virtualWrite"), 3);
  });

  it("makes the calls that it is handed, in order", () => {
    const pair = makeRunningPair();
    pair.mcu.tell("blynk.syncAll", {});
    let version = "";
    pair.mcu.call("blynk.getNcpVersion", {}, ({ results }) => {
      version = results.version;
    });
    pair.clock.advance(50);
    assert.deepEqual(namesOf(pair).slice(-2), ["blynk.syncAll", "blynk.getNcpVersion"]);
    assert.equal(version, "0.7.0");
  });

  it("forgets everything but its flash in a reset, and hears nothing while it is off", () => {
    const pair = makeRunningPair();
    pair.mcu.reset();
    assert.isFalse(pair.mcu.isAlive);
    pair.clock.advance(2000);
    assert.equal(pair.mcu.record.boots, 2);
    assert.equal(pair.mcu.record.initializations, 2);
    pair.mcu.powerOff();
    const ping = pair.ncp.invoke("mcu.ping", {});
    pair.clock.advance(10_000);
    assert.equal(ping.status, RpcStatus.TIMEOUT);
    assert.isFalse(pair.mcu.isAlive);
    pair.mcu.powerOn();
    pair.clock.advance(2000);
    assert.equal(pair.mcu.record.boots, 3);
  });
});

describe("the MCU in the long run", () => {
  it("is cheap while nothing happens, and gives the same run every time", () => {
    const run = () => {
      const pair = makeRunningPair();
      pair.clock.advance(24 * 3_600_000);
      assert.closeTo(pair.ncp.calls("blynk.getState").length, 2880, 5);
      return pair.mcu.log.join("\n");
    };
    assert.equal(run(), run());
  });
});
