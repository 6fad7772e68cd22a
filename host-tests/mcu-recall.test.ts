/** Who the MCU is, kept over Ferry's restarts: for those that do not notice them, and never initialize again. */

import { assert } from "chai";
import { Native } from "../host/peers/native-cloud-server.js";
import { INITIAL_BAUD } from "../src/mcu/link.js";
import { ADOPTION_GRACE_MS, ADOPTION_MS } from "../src/ncp.js";
import { NcpState } from "../src/rpc/protocol.js";
import type { DurableRecord } from "../src/settings/stored-value.js";
import { MCU_TEXT_BYTES_MAX, MCU_WRITES_MAX, McuIdentity } from "../src/wiring/mcu-identity.js";
import { HOME, OnlineBench } from "./support/online-bench.js";

const { CONFIG, CONNECTED, NOT_INITIALIZED } = NcpState;
/** For an MCU that talks all the time. */
const RECALLED_MS = ADOPTION_MS + ADOPTION_GRACE_MS + 1_000;

/** Goes on as an MCU does that sends a value now and then, for so long. */
function goOn({ clock, mcu }: OnlineBench, durationMs: number): void {
  const untilMs = clock.now() + durationMs;
  while (clock.now() < untilMs) {
    mcu.tell("blynk.virtualWrite", { vpin: 1, value: Uint8Array.of(0x31) });
    clock.advance(5_000);
  }
}

function online(): OnlineBench {
  const bench = new OnlineBench();
  bench.goOnline();
  return bench;
}

/** Ferry crashes, and the MCU does not notice. */
function crash(bench: OnlineBench): void {
  bench.device.restart(0, "crash");
  bench.clock.runUntil(() => bench.device.ncp !== undefined, 10_000, "Ferry's return");
  bench.mcu.heard.length = 0;
}

describe("an MCU that goes on after a crash of Ferry's as if nothing had happened", () => {
  it("is told once that it is not initialized, and then taken for the one that was there: online, with all states", () => {
    const bench = online();
    crash(bench);
    goOn(bench, ADOPTION_MS - 10_000);
    assert.deepEqual(bench.mcu.heard, []);
    assert.isFalse(bench.mcu.call("blynk.getHotspotName", {}).ok);
    goOn(bench, 15_000);
    assert.deepEqual(bench.mcu.states, [NOT_INITIALIZED]);
    bench.clock.runUntil(() => bench.cloud.logins.length === 2, 60_000, "the second login");
    bench.clock.advance(1_000);
    assert.equal(bench.mcu.states.at(-1), CONNECTED);
    assert.equal(bench.mcu.call("blynk.getState", {}).state, CONNECTED);
    assert.match(bench.mcu.call("blynk.getHotspotName", {}).name, /Pump/);
    assert.equal(bench.count("mcu-recalled"), 1);
    const [before, after] = bench.cloud.heard(Native.INTERNAL).filter(([kind]) => kind === "mcu");
    assert.include(after?.join(" "), "TMPL01");
    assert.deepEqual(after, before, "what the cloud is told of the MCU");
    bench.cloud.send(Native.HARDWARE, "vw", "7", "on");
    bench.clock.advance(1_000);
    assert.lengthOf(bench.mcu.told("client.blynkVPinChange"), 1);
  });

  it("is missed again when it falls silent, and taken again when it is back", () => {
    const bench = online();
    crash(bench);
    goOn(bench, RECALLED_MS);
    bench.uart.plugged = false;
    bench.clock.runUntil(() => bench.count("mcu-lost") === 1, 60_000, "the loss");
    bench.uart.plugged = true;
    goOn(bench, RECALLED_MS + 10_000);
    assert.equal(bench.count("mcu-recalled"), 2);
    assert.equal(bench.mcu.call("blynk.getState", {}).state, CONNECTED);
  });

  it("is left to itself when it initializes after all, at any time", () => {
    for (const afterMs of [1_000, ADOPTION_MS - 1_000, ADOPTION_MS + 5_000]) {
      const bench = online();
      crash(bench);
      goOn(bench, afterMs);
      bench.mcu.initialize("1.0.1");
      goOn(bench, RECALLED_MS);
      assert.equal(bench.count("mcu-recalled"), 0, `${afterMs}`);
      assert.equal(bench.mcu.call("blynk.getState", {}).state, CONNECTED);
    }
  });

  it("keeps its session when it initializes later, and another MCU in its place is the one that counts", () => {
    const bench = online();
    crash(bench);
    goOn(bench, RECALLED_MS + 10_000);
    assert.lengthOf(bench.cloud.logins, 2);
    bench.mcu.initialize();
    assert.isTrue(bench.mcu.call("blynk.initialize", { templateId: "TMPL99", templateName: "Valve" }).ok);
    bench.clock.advance(1_000);
    assert.lengthOf(bench.cloud.logins, 2);
    assert.match(bench.mcu.call("blynk.getHotspotName", {}).name, /Valve/);
    crash(bench);
    goOn(bench, RECALLED_MS);
    assert.match(bench.mcu.call("blynk.getHotspotName", {}).name, /Valve/);
  });

  it("is nobody that Ferry knows where none has ever initialized, and is told so once", () => {
    const bench = new OnlineBench();
    bench.boot();
    bench.provision();
    goOn(bench, 10 * ADOPTION_MS);
    assert.equal(bench.count("mcu-recalled"), 0);
    assert.deepEqual(
      bench.mcu.told("client.blynkStateChange").map(({ state }) => state),
      [NOT_INITIALIZED],
    );
  });

  it("is nobody that Ferry knows where the record is damaged, until it initializes", () => {
    const bench = online();
    bench.device.powerOff();
    const values = bench.device.storage.keyValues.domains.get("ferry");
    for (const key of ["mcu.a", "mcu.b"]) values?.set(key, Uint8Array.of(1, 2, 3));
    bench.device.powerOn();
    bench.clock.advance(1_000);
    goOn(bench, 2 * RECALLED_MS);
    assert.equal(bench.count("mcu-recalled"), 0);
    bench.mcu.initialize();
    bench.clock.advance(10_000);
    assert.equal(bench.mcu.call("blynk.getState", {}).state, CONNECTED);
  });

  it("is found again after its own factory reset, and can set Ferry up anew", () => {
    const bench = online();
    assert.isTrue(bench.mcu.call("blynk.factoryReset", {}).ok);
    bench.clock.advance(5_000);
    assert.equal(bench.device.boots, 2);
    goOn(bench, RECALLED_MS);
    assert.equal(bench.mcu.states.at(-1), CONFIG);
    assert.equal(bench.mcu.call("blynk.factoryTestWiFi", HOME).status, 1);
    bench.provision();
    assert.isTrue(bench.mcu.call("ferry.connect", {}).ok);
    bench.clock.runUntil(() => bench.cloud.logins.length === 2, 60_000, "the login");
  });
});

describe("an MCU that says nothing by itself", () => {
  it("is looked for where it was and where it would begin, and taken for the one that was there", () => {
    for (const baud of [INITIAL_BAUD, 230_400]) {
      const bench = online();
      bench.mcu.call("hw.setUartBaudRate", { baud });
      bench.clock.advance(20);
      bench.mcu.setBaud(baud);
      assert.isDefined(bench.mcu.tryCall("ncp.ping", {}));
      crash(bench);
      bench.clock.advance(ADOPTION_MS - 2_000);
      assert.deepEqual(bench.mcu.heard, []);
      bench.clock.runUntil(() => bench.cloud.logins.length === 2, 3 * ADOPTION_MS, `the login at ${baud} baud`);
      assert.equal(bench.ncp.baud, baud);
      bench.clock.advance(1_000);
      assert.equal(bench.mcu.states.at(-1), CONNECTED);
    }
  });

  it("is not looked for where none has ever initialized", () => {
    const bench = new OnlineBench();
    bench.boot();
    bench.clock.advance(10 * ADOPTION_MS);
    assert.deepEqual(bench.mcu.heard, []);
  });

  it("finds Ferry at the initial rate when it comes up, however long it was away", () => {
    const bench = online();
    bench.mcu.call("hw.setUartBaudRate", { baud: 230_400 });
    bench.clock.advance(20);
    bench.mcu.setBaud(230_400);
    assert.isDefined(bench.mcu.tryCall("ncp.ping", {}));
    bench.uart.plugged = false;
    crash(bench);
    bench.clock.advance(20 * ADOPTION_MS + 30_000);
    bench.uart.plugged = true;
    assert.equal(bench.ncp.baud, INITIAL_BAUD);
    bench.mcu.setBaud(INITIAL_BAUD);
    assert.isDefined(bench.mcu.tryCall("ncp.ping", {}));
  });
});

describe("who the MCU is", () => {
  const TEMPLATE = { id: "TMPL01", name: "Pump" };
  const FIRMWARE = { type: "TMPL01", version: "1.0.0", build: "Apr  1 2024 12:00:00", blynkVersion: "0.7.0" };

  class Memory implements DurableRecord {
    body: Uint8Array | undefined;
    writes = 0;

    read(): ReturnType<DurableRecord["read"]> {
      return this.body ? { kind: "valid", body: this.body } : { kind: "absent" };
    }

    write(body: Uint8Array): void {
      this.body = body;
      this.writes++;
    }

    delete(): void {
      this.body = undefined;
    }
  }

  function identity(record: DurableRecord, faults: string[] = []): McuIdentity {
    return new McuIdentity({ ferryVersion: "0.1.0", record, onFault: (detail) => faults.push(detail) });
  }

  it("is kept, whole, and only when it has initialized", () => {
    const record = new Memory();
    const first = identity(record);
    first.firmware = FIRMWARE;
    first.keep();
    assert.equal(record.writes, 0);
    assert.isFalse(first.isKnown);
    first.template = TEMPLATE;
    first.keep();
    const second = identity(record);
    assert.isTrue(second.isKnown);
    assert.isUndefined(second.template);
    assert.equal(second.firmware.version, "");
    assert.isTrue(second.recall());
    assert.deepEqual(second.template, TEMPLATE);
    assert.deepEqual(second.firmware, FIRMWARE);
  });

  it("is what the MCU has said in this life, as far as it has", () => {
    const record = new Memory();
    const first = identity(record);
    first.firmware = FIRMWARE;
    first.template = TEMPLATE;
    first.keep();
    const second = identity(record);
    second.firmware = { ...FIRMWARE, version: "2.0.0" };
    assert.isTrue(second.recall());
    assert.equal(second.firmware.version, "2.0.0");
    assert.deepEqual(second.template, TEMPLATE);
  });

  it("is written when it changes, and so often in one life", () => {
    const record = new Memory();
    const mcu = identity(record);
    mcu.template = TEMPLATE;
    for (let i = 0; i < 10; i++) {
      mcu.firmware = FIRMWARE;
      mcu.keep();
    }
    assert.equal(record.writes, 1);
    for (let i = 0; i < 2 * MCU_WRITES_MAX; i++) {
      mcu.firmware = { ...FIRMWARE, version: `${i}` };
      mcu.keep();
    }
    assert.equal(record.writes, MCU_WRITES_MAX);
  });

  it("is not kept where a text is longer than any, which is told", () => {
    const record = new Memory();
    const faults: string[] = [];
    const mcu = identity(record, faults);
    mcu.template = { ...TEMPLATE, name: "x".repeat(MCU_TEXT_BYTES_MAX + 1) };
    mcu.keep();
    assert.equal(record.writes, 0);
    assert.match(faults.join(), /the MCU's name was not stored: templateName has 129 bytes/);
  });
});
