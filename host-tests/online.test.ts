/** Ferry as a device of a cloud: every call of the MCU about it, on the wire, from boot to data both ways. */

import { assert } from "chai";
import { Native, NativeCloudServer } from "../host/peers/native-cloud-server.js";
import { GROUP_OPEN_MS_MAX } from "../src/cloud/uplink.js";
import { calls, callsServedBy } from "../src/rpc/catalogue.js";
import { EVENTS_QUEUED_MAX } from "../src/rpc/outbox.js";
import { NcpEvent, NcpState } from "../src/rpc/protocol.js";
import { SETTLED_MS } from "../src/wiring/update-report.js";
import { CLOUD_HOST, FILE_HOST, HOME, OnlineBench, TOKEN } from "./support/online-bench.js";

const { IDLE, CONFIG, CONNECTING_NET, CONNECTING_CLOUD, CONNECTED, NOT_INITIALIZED } = NcpState;

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function booted(): OnlineBench {
  const bench = new OnlineBench();
  bench.boot();
  return bench;
}

function online(): OnlineBench {
  const bench = new OnlineBench();
  bench.goOnline();
  return bench;
}

describe("a device that has not been set up", () => {
  it("serves every call of the catalogue, and says so", () => {
    const { mcu } = booted();
    for (const [uid, name] of callsServedBy("ncp")) assert.isTrue(mcu.call("ncp.hasUID", { uid }).ok, name);
    for (const uid of callsServedBy("mcu").keys()) assert.isFalse(mcu.call("ncp.hasUID", { uid }).ok);
    assert.isFalse(mcu.call("ncp.hasUID", { uid: 0x0399 }).ok);
  });

  it("is not initialized, not configured, and has no hotspot's name yet", () => {
    const { mcu } = booted();
    assert.equal(mcu.call("blynk.getState", {}).state, NOT_INITIALIZED);
    assert.isFalse(mcu.call("blynk.isConfigured", {}).ok);
    assert.deepEqual(mcu.call("blynk.getHotspotName", {}), { name: "", ok: false });
  });

  it("knows the product's own network from its first start on, unless it has been told another", () => {
    const bench = new OnlineBench({ firstNetwork: { ssid: HOME.ssid, psk: HOME.password } });
    bench.boot();
    bench.mcu.call("ferry.setCloud", { host: "", port: 0, token: TOKEN });
    bench.mcu.initialize();
    bench.clock.runUntil(() => bench.cloud.online === 1, 60_000, "the login");
    bench.mcu.call("ferry.removeNetwork", { ssid: HOME.ssid });
    bench.mcu.call("ferry.setNetwork", { ssid: "other", password: "another password" });
    bench.device.restart();
    bench.clock.advance(5_000);
    assert.isTrue(bench.mcu.call("ferry.removeNetwork", { ssid: "other" }).ok);
    assert.isFalse(bench.mcu.call("ferry.connect", {}).ok, "it is the only one");
  });

  it("opens config when the MCU initializes, and goes idle when nobody comes", () => {
    const { clock, mcu } = booted();
    mcu.initialize();
    clock.advance(1_000);
    assert.equal(mcu.call("blynk.getState", {}).state, CONFIG);
    clock.advance(181_000);
    assert.equal(mcu.call("blynk.getState", {}).state, IDLE);
    assert.deepEqual(mcu.states, [CONFIG, IDLE]);
  });

  it("opens and closes config as the MCU asks, before and after it has initialized", () => {
    const { clock, mcu } = booted();
    assert.isTrue(mcu.call("blynk.setConfigSkipLimit", { count: 5 }).ok);
    assert.isTrue(mcu.call("blynk.setConfigTimeout", { timeoutSeconds: 60 }).ok);
    mcu.initialize();
    assert.isTrue(mcu.call("blynk.configStop", {}).ok);
    clock.advance(100);
    assert.equal(mcu.call("blynk.getState", {}).state, IDLE);
    assert.isTrue(mcu.call("blynk.configStart", {}).ok);
    clock.advance(59_000);
    assert.equal(mcu.call("blynk.getState", {}).state, CONFIG);
    clock.advance(2_000);
    assert.equal(mcu.call("blynk.getState", {}).state, IDLE);
  });

  it("refuses times and limits out of bounds", () => {
    const { mcu } = booted();
    for (const timeoutSeconds of [0, 59, 3_601]) {
      assert.isFalse(mcu.call("blynk.setConfigTimeout", { timeoutSeconds }).ok);
    }
    for (const count of [1, 4, 51]) assert.isFalse(mcu.call("blynk.setConfigSkipLimit", { count }).ok);
  });

  it("names its hotspot after vendor, template and chip", () => {
    const { mcu } = booted();
    mcu.initialize();
    const { name, ok } = mcu.call("blynk.getHotspotName", {});
    assert.isTrue(ok);
    assert.match(name, /^Blynk Pump-[0-9A-Z]{4}$/);
    assert.isTrue(mcu.call("blynk.setVendorPrefix", { vendor: "Acme" }).ok);
    assert.match(mcu.call("blynk.getHotspotName", {}).name, /^Acme Pump-[0-9A-Z]{4}$/);
  });

  it("tells its Wi-Fi address, and that it has no Ethernet", () => {
    const { mcu } = booted();
    const { mac, ok } = mcu.call("hw.getWiFiMAC", {});
    assert.isTrue(ok);
    assert.match(mac, /^([0-9A-F]{2}:){5}[0-9A-F]{2}$/);
    assert.deepEqual(mcu.call("hw.getEthernetMAC", {}), { mac: "", ok: false });
  });

  it("tells its Wi-Fi address, and the name made of it, as soon as the radio starts", () => {
    const bench = new OnlineBench();
    bench.air.startsToFail = 3;
    bench.boot();
    const { mcu } = bench;
    mcu.initialize();
    assert.deepEqual(mcu.call("hw.getWiFiMAC", {}), { mac: "", ok: false });
    assert.deepEqual(mcu.call("blynk.getHotspotName", {}), { name: "", ok: false });
    assert.equal(bench.air.counts.failedStarts, 3);
    assert.isTrue(mcu.call("hw.getWiFiMAC", {}).ok);
    assert.match(mcu.call("blynk.getHotspotName", {}).name, /^Blynk Pump-[0-9A-Z]{4}$/);
  });

  it("passes the factory's tests of the radio, and only until it is configured", () => {
    const bench = booted();
    const { mcu } = bench;
    const answer = () => mcu.call("blynk.factoryTestWiFi", HOME);
    assert.equal(answer().status, 3, "before initialize");
    mcu.initialize();
    const { rssiDbm, status } = answer();
    assert.deepEqual({ rssiDbm, status }, { rssiDbm: -60, status: 1 });
    assert.equal(mcu.call("blynk.factoryTestConnect", {}).status, 1);
    assert.equal(mcu.call("blynk.factoryTestWiFiAP", { channel: 6 }).status, 1);
    assert.equal(mcu.call("blynk.factoryTestWiFi", { ssid: "", password: "" }).status, 2);
    bench.provision();
    mcu.call("ferry.connect", {});
    assert.equal(answer().status, 3, "configured");
  });

  it("takes button, LEDs and brightness on pins that can do it, and refuses others", () => {
    const { mcu } = booted();
    assert.isTrue(mcu.call("hw.initUserButton", { gpio: 4, activeLow: true }).ok);
    assert.isTrue(mcu.call("hw.initLED", { gpio: 19, activeLow: false }).ok);
    assert.isTrue(mcu.call("hw.initRGB", { gpioRed: 25, gpioGreen: 26, gpioBlue: 27, commonAnode: true }).ok);
    assert.isTrue(mcu.call("hw.initARGB", { gpio: 18, mode: 0, count: 8 }).ok);
    assert.isTrue(mcu.call("hw.setLedBrightness", { value: 40 }).ok);
    assert.isFalse(mcu.call("hw.initLED", { gpio: 6, activeLow: false }).ok, "the flash chip's");
    assert.isFalse(mcu.call("hw.initUserButton", { gpio: 99, activeLow: true }).ok);
    for (const gpio of [1, 3, 16, 17]) {
      assert.isFalse(mcu.call("hw.initLED", { gpio, activeLow: false }).ok, "console and UART");
      assert.isFalse(mcu.call("hw.initUserButton", { gpio, activeLow: true }).ok);
    }
  });

  it("lets another firmware swap the pins of button and LED, before or after it initializes", () => {
    const { clock, mcu } = booted();
    const button = (gpio: number) => mcu.call("hw.initUserButton", { gpio, activeLow: true }).ok;
    const led = (gpio: number) => mcu.call("hw.initLED", { gpio, activeLow: false }).ok;
    assert.deepEqual([button(4), led(5)], [true, true]);
    assert.isFalse(led(4), "one firmware that wants a pin for both");
    mcu.initialize();
    clock.advance(1_000);
    assert.deepEqual([led(4), button(5)], [true, true]);
    mcu.initialize();
    mcu.initialize();
    assert.deepEqual([button(4), led(5)], [true, true]);
  });
});

describe("a device that is set up by its MCU", () => {
  it("goes online by what it was told before initialize, and tells each step", () => {
    const { mcu, cloud } = online();
    assert.deepEqual(mcu.states, [CONNECTING_NET, CONNECTING_CLOUD, CONNECTED]);
    assert.isTrue(mcu.call("blynk.isConfigured", {}).ok);
    assert.equal(cloud.logins.length, 1);
    assert.deepEqual(mcu.call("ferry.getConnection", {}), { state: CONNECTED, lastError: 0, meaning: "", ok: true });
  });

  it("goes online from config when it is told to connect", () => {
    const bench = booted();
    bench.mcu.initialize();
    assert.isFalse(bench.mcu.call("ferry.connect", {}).ok, "nothing is set");
    bench.provision();
    const { length } = bench.mcu.heard;
    assert.isTrue(bench.mcu.call("ferry.connect", {}).ok);
    assert.equal(bench.mcu.heardBeforeResult, length, "the answer comes before the state");
    bench.clock.runUntil(() => bench.cloud.online === 1, 60_000, "the login");
  });

  it("is online again by itself after a restart", () => {
    const bench = online();
    bench.device.restart();
    bench.clock.advance(2_000);
    bench.mcu.initialize();
    bench.clock.runUntil(() => bench.cloud.logins.length === 2, 60_000, "the second login");
  });

  it("keeps its session when the MCU restarts, and tells the cloud its new version", () => {
    const { clock, mcu, cloud } = online();
    mcu.initialize("1.0.1");
    clock.advance(1_000);
    assert.equal(cloud.logins.length, 1);
    const info = cloud.heard(Native.INTERNAL).filter(([kind]) => kind === "mcu");
    assert.deepEqual(
      info.map(([, version]) => version),
      ["1.0.0", "1.0.1"],
    );
    assert.equal(mcu.told("client.blynkStateChange").at(-1)?.state, CONNECTED);
  });

  it("is configured as soon as both are stored, goes online when config is over, and by the next initialize", () => {
    for (const again of [false, true]) {
      const bench = booted();
      bench.mcu.initialize();
      assert.isTrue(bench.mcu.call("blynk.configStop", {}).ok);
      bench.provision();
      assert.isTrue(bench.mcu.call("blynk.isConfigured", {}).ok);
      assert.equal(bench.mcu.call("blynk.factoryTestWiFi", HOME).status, 3);
      if (again) bench.mcu.initialize();
      else bench.mcu.call("blynk.configStart", {});
      bench.clock.runUntil(() => bench.cloud.online === 1, 200_000, "the login");
    }
  });

  it("asks for a network when its last one was removed, and may be tested then", () => {
    const bench = online();
    const { length } = bench.mcu.heard;
    assert.isTrue(bench.mcu.call("ferry.removeNetwork", { ssid: HOME.ssid }).ok);
    assert.equal(bench.mcu.heardBeforeResult, length, "the answer comes before the state");
    bench.clock.advance(1_000);
    assert.isFalse(bench.mcu.call("blynk.isConfigured", {}).ok);
    assert.equal(bench.mcu.states.at(-1), CONFIG);
    assert.equal(bench.mcu.call("blynk.factoryTestWiFi", HOME).status, 1);
    assert.isTrue(bench.mcu.call("ferry.setNetwork", HOME).ok);
    assert.isTrue(bench.mcu.call("ferry.connect", {}).ok);
    bench.clock.runUntil(() => bench.cloud.online === 1, 60_000, "the login");
  });

  it("stays online when the MCU sets the same again and connects, whenever it starts, and follows other settings", () => {
    const bench = online();
    for (let start = 0; start < 3; start++) {
      bench.mcu.initialize();
      bench.provision();
      assert.isTrue(bench.mcu.call("ferry.connect", {}).ok);
      bench.clock.advance(30_000);
    }
    assert.lengthOf(bench.cloud.logins, 1);
    assert.deepEqual(bench.mcu.states, [CONNECTING_NET, CONNECTING_CLOUD, CONNECTED]);
    bench.mcu.call("ferry.setCloud", { host: CLOUD_HOST, port: 443, token: TOKEN });
    bench.mcu.call("ferry.connect", {});
    bench.clock.runUntil(() => bench.cloud.logins.length === 2, 60_000, "another login");
  });

  it("goes on with the product's own network after configReset", () => {
    const bench = new OnlineBench({ firstNetwork: { ssid: HOME.ssid, psk: HOME.password } });
    bench.boot();
    bench.mcu.initialize();
    bench.mcu.call("blynk.configReset", {});
    bench.clock.advance(1_000);
    assert.isFalse(bench.mcu.call("blynk.isConfigured", {}).ok);
    bench.mcu.call("ferry.setCloud", { host: "", port: 0, token: TOKEN });
    assert.isTrue(bench.mcu.call("ferry.connect", {}).ok);
    bench.clock.runUntil(() => bench.cloud.online === 1, 60_000, "the login");
  });

  it("tells the cloud the version that the MCU has named while the login was on its way", () => {
    const bench = booted();
    bench.cloud.behavior = { ...bench.cloud.behavior, answersLoginAfterMs: 5_000 };
    bench.provision();
    bench.mcu.initialize("1.0.0");
    bench.clock.runUntil(() => bench.cloud.counts.lateLogins === 1, 60_000, "the login on its way");
    bench.mcu.initialize("2.0.0");
    assert.equal(bench.cloud.online, 0, "it is still on its way");
    bench.clock.advance(60_000);
    const info = bench.cloud.heard(Native.INTERNAL).filter(([kind]) => kind === "mcu");
    assert.equal(info.at(-1)?.[1], "2.0.0");
  });

  it("moves to another vendor server at once, and stays when the MCU names the same again", () => {
    const bench = online();
    const { clock, cloud, network, mcu } = bench;
    const vendor = new NativeCloudServer(clock, { tokens: [TOKEN] });
    network.listen("vendor.example", 443, vendor.accept);
    assert.isTrue(mcu.call("blynk.setVendorServer", { host: "vendor.example" }).ok);
    clock.advance(10_000);
    assert.deepEqual([cloud.online, vendor.online], [0, 1]);
    for (let restart = 0; restart < 3; restart++) {
      assert.isTrue(mcu.call("blynk.setVendorServer", { host: "vendor.example" }).ok);
      clock.advance(10_000);
    }
    assert.lengthOf(vendor.logins, 1);
    assert.isTrue(mcu.call("ferry.setCloud", { host: "vendor.example", port: 0, token: TOKEN }).ok);
    assert.isTrue(mcu.call("blynk.setVendorServer", { host: "other.example" }).ok);
    clock.advance(10_000);
    assert.deepEqual([vendor.online, vendor.logins.length], [1, 1], "the setup's own host counts for more");
  });

  it("says why it is not online", () => {
    const bench = booted();
    bench.mcu.call("ferry.setNetwork", { ssid: HOME.ssid, password: "wrong password" });
    bench.mcu.call("ferry.setCloud", { host: "", port: 0, token: TOKEN });
    bench.mcu.initialize();
    bench.clock.advance(60_000);
    const { lastError, meaning } = bench.mcu.call("ferry.getConnection", {});
    assert.equal(lastError, 722);
    assert.match(meaning, /password/);
  });

  it("goes back to config when the cloud refuses the token", () => {
    const bench = booted();
    bench.provision("not the token of any device here");
    bench.mcu.initialize();
    bench.clock.advance(30_000);
    assert.equal(bench.mcu.call("blynk.getState", {}).state, CONFIG);
    assert.equal(bench.mcu.call("ferry.getConnection", {}).lastError, 703);
    assert.equal(bench.cloud.counts.refusedLogins, 1);
  });

  it("asks rarely with a refused token, each device at its own time, and at once when it is told to", () => {
    const seconds: number[] = [];
    for (const seed of [1, 2, 3]) {
      const bench = new OnlineBench({}, seed);
      bench.goOnline();
      bench.cloud.behavior = { ...bench.cloud.behavior, tokens: [] };
      bench.cloud.hangUp();
      const beganMs = bench.clock.now();
      bench.clock.runUntil(() => bench.cloud.counts.refusedLogins === 2, 3_600_000, "the second refusal");
      seconds.push(Math.round((bench.clock.now() - beganMs) / 1000));
      bench.clock.advance(24 * 3_600_000);
      const inADay = bench.cloud.counts.refusedLogins;
      assert.isAtMost(inADay, 100);
      bench.cloud.behavior = { ...bench.cloud.behavior, tokens: [TOKEN] };
      assert.isTrue(bench.mcu.call("ferry.connect", {}).ok);
      bench.clock.advance(20_000);
      assert.equal(bench.cloud.online, 1);
    }
    assert.isAbove(Math.max(...seconds) - Math.min(...seconds), 5, seconds.join());
  });

  it("forgets network and cloud on configReset, and everything on factoryReset", () => {
    const bench = online();
    assert.isTrue(bench.mcu.call("blynk.configReset", {}).ok);
    bench.clock.advance(1_000);
    assert.isFalse(bench.mcu.call("blynk.isConfigured", {}).ok);
    assert.equal(bench.mcu.call("blynk.getState", {}).state, CONFIG);
    const boots = bench.device.boots;
    assert.isTrue(bench.mcu.call("blynk.factoryReset", {}).ok);
    bench.clock.advance(2_000);
    assert.equal(bench.device.boots, boots + 1);
    assert.include(bench.mcu.events, NcpEvent.NCP_REBOOTING);
    assert.isFalse(bench.mcu.call("blynk.isConfigured", {}).ok);
  });

  it("refuses settings that make no sense, and keeps what it had", () => {
    const { mcu } = online();
    assert.isFalse(mcu.call("ferry.setNetwork", { ssid: "", password: "x" }).ok);
    assert.isFalse(mcu.call("ferry.setNetwork", { ssid: "net", password: "short" }).ok);
    assert.isFalse(mcu.call("ferry.setCloud", { host: "", port: 0, token: "" }).ok);
    for (const host of ["bad host/\n", "https://cloud.example", "cloud.example:443", "a..b", "under_score.example"]) {
      assert.isFalse(mcu.call("ferry.setCloud", { host, port: 0, token: TOKEN }).ok, host);
      assert.isFalse(mcu.call("blynk.setVendorServer", { host }).ok, host);
    }
    assert.isTrue(mcu.call("blynk.isConfigured", {}).ok);
  });

  it("comes back after the network was lost", () => {
    const { air, home, clock, cloud, mcu } = online();
    air.drop(home);
    clock.runUntil(() => cloud.logins.length === 2, 300_000, "the way back");
    assert.include(mcu.states.slice(3), CONNECTING_NET);
    clock.advance(1_000);
    assert.equal(mcu.states.at(-1), CONNECTED);
  });
});

describe("data between MCU and cloud", () => {
  it("goes up as the MCU says it", () => {
    const { clock, mcu, cloud } = online();
    mcu.tell("blynk.virtualWrite", { vpin: 5, value: bytes("42") });
    mcu.tell("blynk.logEvent", { code: "hot", description: "80 C" });
    mcu.tell("blynk.syncVirtual", { vpins: bytes("1\x002") });
    mcu.tell("blynk.setMetadata", { field: "Serial", value: "7" });
    clock.advance(2_000);
    assert.deepEqual(cloud.heard(Native.HARDWARE), [["vw", "5", "42"]]);
    assert.deepEqual(cloud.heard(Native.EVENT_LOG), [["hot", "80 C"]]);
    assert.deepEqual(cloud.heard(Native.SYNC), [["vr", "1", "2"]]);
    assert.deepInclude(cloud.heard(Native.INTERNAL), ["meta", "set", "Serial", "7"]);
  });

  it("answers the setMetadata that Blynk's ncptool sends as a call", () => {
    const { mcu } = online();
    assert.deepEqual(mcu.call("blynk.setMetadata", { field: "a", value: "b" }), {});
  });

  it("is kept while the cloud is away, the last value of each pin", () => {
    const { air, home, clock, mcu, cloud } = online();
    air.drop(home);
    clock.advance(100);
    for (let i = 0; i < 20; i++) {
      mcu.tell("blynk.virtualWrite", { vpin: 3, value: bytes(String(i)) });
      clock.advance(50);
    }
    clock.runUntil(() => cloud.logins.length === 2, 300_000, "the way back");
    clock.advance(5_000);
    assert.deepEqual(cloud.heard(Native.HARDWARE).at(-1), ["vw", "3", "19"]);
  });

  it("goes up from a group of a thousand, in several groups, all that the buffer holds", () => {
    const { clock, mcu, cloud } = online();
    mcu.tell("blynk.beginGroup", { timestampMs: 0n });
    for (let vpin = 0; vpin < 1_000; vpin++) {
      mcu.tell("blynk.virtualWrite", { vpin, value: bytes("1") });
      clock.advance(5);
    }
    mcu.tell("blynk.endGroup", {});
    clock.advance(120_000);
    const pins = cloud.heard(Native.HARDWARE).map(([, pin]) => Number(pin));
    assert.isAbove(pins.length, 200);
    assert.equal(pins.at(-1), 999);
    const marks = cloud.heard(Native.GROUP).map(([mark]) => mark);
    assert.deepEqual(
      marks,
      marks.map((_, i) => (i % 2 === 0 ? "b" : "e")),
    );
  });

  it("goes up though the MCU never ends its group, and events do not wait for that", () => {
    const { clock, mcu, cloud } = online();
    mcu.tell("blynk.beginGroup", { timestampMs: 0n });
    mcu.tell("blynk.virtualWrite", { vpin: 1, value: bytes("1") });
    mcu.tell("blynk.logEvent", { code: "hot", description: "80 C" });
    mcu.tell("blynk.syncAll", {});
    mcu.tell("blynk.setMetadata", { field: "Serial", value: "7" });
    clock.advance(1_000);
    assert.deepEqual(cloud.heard(Native.EVENT_LOG), [["hot", "80 C"]]);
    assert.deepEqual(cloud.heard(Native.SYNC), [[]]);
    assert.deepInclude(cloud.heard(Native.INTERNAL), ["meta", "set", "Serial", "7"]);
    assert.deepEqual(cloud.heard(Native.HARDWARE), []);
    clock.advance(GROUP_OPEN_MS_MAX);
    mcu.tell("blynk.virtualWrite", { vpin: 2, value: bytes("2") });
    clock.advance(1_000);
    assert.deepEqual(cloud.heard(Native.GROUP), [["b"], ["e"]]);
    assert.deepEqual(cloud.heard(Native.HARDWARE), [
      ["vw", "1", "1"],
      ["vw", "2", "2"],
    ]);
  });

  it("goes down to the MCU in order", () => {
    const { clock, mcu, cloud } = online();
    for (let i = 0; i < 20; i++) cloud.send(Native.HARDWARE, "vw", String(i), `v${i}`);
    clock.advance(3_000);
    assert.deepEqual(
      mcu.told("client.blynkVPinChange").map(({ vpin }) => vpin),
      Array.from({ length: 20 }, (_, i) => i),
    );
  });

  it("does not overrun an MCU with a small buffer until it says that it has a larger one", () => {
    const { clock, mcu, cloud } = online();
    cloud.send(Native.HARDWARE, "vw", "1", "x".repeat(300));
    clock.advance(1_000);
    assert.deepEqual(mcu.told("client.blynkVPinChange"), []);
    assert.equal(mcu.call("ferry.getLinkCounters", {}).valuesDropped, 1);
    assert.isFalse(mcu.call("ferry.setReceiveBuffer", { bytes: 100 }).ok);
    assert.isTrue(mcu.call("ferry.setReceiveBuffer", { bytes: 2048 }).ok);
    cloud.send(Native.HARDWARE, "vw", "1", "x".repeat(300));
    clock.advance(1_000);
    assert.lengthOf(mcu.told("client.blynkVPinChange"), 1);
    assert.isAtMost(Math.max(...mcu.heard.map(({ payloadBytes }) => payloadBytes)), 2048);
  });

  it("is as long as an MCU has said before it initialized", () => {
    const bench = booted();
    bench.provision();
    assert.isTrue(bench.mcu.call("ferry.setReceiveBuffer", { bytes: 2048 }).ok);
    bench.mcu.initialize();
    bench.clock.runUntil(() => bench.cloud.online === 1, 60_000, "the login");
    bench.clock.advance(1_000);
    bench.cloud.send(Native.HARDWARE, "vw", "1", "x".repeat(400));
    bench.clock.advance(1_000);
    assert.lengthOf(bench.mcu.told("client.blynkVPinChange"), 1);
  });

  it("waits while an update is under way, and arrives after it", () => {
    const { clock, mcu, cloud } = online();
    mcu.answers.set("client.otaUpdateAvailable", { ok: true });
    cloud.send(Native.INTERNAL, "ota", `http://${FILE_HOST}/f.bin`, "20082", "TMPL01", "2.0.0", "");
    clock.runUntil(() => mcu.told("client.otaUpdateAvailable").length === 1, 30_000, "the offer");
    const before = mcu.told("client.blynkVPinChange").length;
    mcu.call("blynk.otaUpdateStart", { chunkBytes: 512 });
    cloud.send(Native.HARDWARE, "vw", "1", "later");
    clock.advance(500);
    assert.equal(mcu.told("client.blynkVPinChange").length, before);
    clock.advance(120_000);
    assert.deepInclude(mcu.told("client.blynkVPinChange"), { vpin: 1, value: bytes("later") });
  });
});

describe("an MCU that waits in vain for an image that it has asked for", () => {
  it("hears when its own time is over of the latest state, of clicks and of the time", () => {
    const bench = online();
    const { clock, mcu, cloud, pins } = bench;
    mcu.call("hw.initUserButton", { gpio: 4, activeLow: true });
    bench.offerSlowly();
    const { length } = mcu.heard;
    const askedMs = clock.now();
    clock.set(() => {
      cloud.behavior = { ...cloud.behavior, isMute: true };
      cloud.hangUp();
    }, 500);
    const clicks = 18;
    for (let i = 0; i < clicks; i++) {
      clock.set(() => pins.connect(4, 0), 1_500 + 600 * i);
      clock.set(() => pins.connect(4, 1), 1_580 + 600 * i);
    }
    assert.isUndefined(mcu.tryCall("blynk.otaUpdatePrefetch", {}));
    assert.isUndefined(mcu.lastStatus);
    clock.advance(Math.max(0, askedMs + calls["blynk.otaUpdatePrefetch"].timeoutMs - clock.now()));
    const heldBack = mcu.heard.slice(length).filter(({ name }) => name !== "mcu.ping");
    assert.deepEqual(heldBack, []);
    clock.advance(2_000);
    const [first, ...rest] = mcu.heard.slice(length).filter(({ name }) => name !== "mcu.ping");
    assert.deepInclude(first, { name: "client.blynkStateChange", args: { state: CONNECTING_CLOUD } });
    assert.lengthOf(rest, EVENTS_QUEUED_MAX);
    assert.equal(bench.ncp.counters.outbox.eventsDropped, clicks - EVENTS_QUEUED_MAX);
    assert.equal(bench.count("staged"), 0, "the image is there: nothing is owed");
  });
});

describe("an offer from the cloud", () => {
  it("reaches the MCU, and what became of it reaches the cloud", () => {
    const bench = new OnlineBench({ report: { event: "ota", metadata: "Update", vpin: 99 } });
    bench.goOnline();
    const { clock, mcu, cloud } = bench;
    mcu.answers.set("client.otaUpdateAvailable", { ok: false });
    cloud.send(Native.INTERNAL, "ota", `http://${FILE_HOST}/f.bin`, "20082", "TMPL01", "2.0.0", "");
    clock.advance(60_000);
    const [offer] = mcu.told("client.otaUpdateAvailable");
    assert.deepInclude(offer, { filename: "f.bin", sizeBytes: 20_082, version: "2.0.0" });
    const report = "MCU 2.0.0: failed, offer, declined: the MCU declined the offer";
    assert.deepEqual(cloud.heard(Native.EVENT_LOG), [
      ["ota", "MCU 2.0.0: accepted"],
      ["ota", report],
    ]);
    assert.deepInclude(cloud.heard(Native.INTERNAL), ["meta", "set", "Update", report]);
    assert.deepInclude(cloud.heard(Native.HARDWARE), ["vw", "99", report]);
    const failed = mcu.call("ferry.getLastFailure", {});
    assert.deepInclude(failed, { stage: "offer", cause: "declined", ok: true });
  });

  it("is reported in the next life when there was no time for it in this one, and only once", () => {
    const bench = new OnlineBench({ report: { event: "ota" } });
    bench.goOnline();
    const { air, home, clock, mcu, cloud } = bench;
    mcu.answers.set("client.otaUpdateAvailable", { ok: false });
    cloud.send(Native.INTERNAL, "ota", `http://${FILE_HOST}/f.bin`, "20082", "TMPL01", "2.0.0", "");
    clock.advance(300);
    air.drop(home);
    clock.runUntil(() => bench.count("verdict") === 1, 60_000, "the verdict");
    bench.device.restart();
    clock.advance(2_000);
    for (let life = 0; life < 2; life++) {
      mcu.initialize();
      clock.advance(SETTLED_MS + 10_000);
      assert.lengthOf(
        cloud.heard(Native.EVENT_LOG).filter(([, text]) => /failed/.test(text ?? "")),
        1,
      );
      bench.device.restart();
      clock.advance(2_000);
    }
  });

  it("without a size is not taken, and the cloud hears why", () => {
    const bench = new OnlineBench({ report: { event: "ota" } });
    bench.goOnline();
    bench.cloud.send(Native.INTERNAL, "ota", `http://${FILE_HOST}/f.bin`);
    bench.clock.advance(10_000);
    const [, text = ""] = bench.cloud.heard(Native.EVENT_LOG)[0] ?? [];
    assert.match(text, /not taken: .*its size is 0 bytes, or not named/);
    assert.equal(bench.count("not-taken"), 1);
  });

  it("restarts Ferry when the cloud asks for that, and the MCU is told first", () => {
    const { clock, device, mcu, cloud } = online();
    const { boots } = device;
    cloud.send(Native.INTERNAL, "dbg", "reboot");
    clock.advance(2_000);
    assert.equal(device.boots, boots + 1);
    assert.equal(mcu.events.at(-1), NcpEvent.NCP_REBOOTING);
    assert.lengthOf(mcu.told("mcu.reboot"), 0, "this MCU does not know the call");
  });

  it("restarts an MCU that can be asked to, and itself after that", () => {
    const { clock, device, mcu, cloud } = online();
    const { boots } = device;
    mcu.answers.set("mcu.hasUID", { ok: true });
    mcu.answers.set("mcu.reboot", { ok: true });
    cloud.send(Native.INTERNAL, "dbg", "reboot");
    clock.advance(2_000);
    assert.deepEqual(mcu.told("mcu.hasUID"), [{ uid: calls["mcu.reboot"].uid }]);
    assert.lengthOf(mcu.told("mcu.reboot"), 1);
    assert.equal(device.boots, boots + 1);
  });
});

describe("time and place", () => {
  it("come from the MCU before there is a cloud", () => {
    const { mcu, clock } = booted();
    assert.isFalse(mcu.call("blynk.getTime", {}).ok);
    assert.isTrue(mcu.call("blynk.setTime", { timeMs: 1_764_000_000_000n }).ok);
    clock.advance(5_000);
    const { ok, timeMs, iso8601 } = mcu.call("blynk.getTime", {});
    assert.isTrue(ok);
    assert.approximately(Number(timeMs), 1_764_000_005_000, 1_000);
    assert.match(iso8601, /^2025-11-24T16:00:0\d/);
    assert.isFalse(mcu.call("blynk.getLocationInfo", {}).ok);
  });

  it("come from the cloud, and the place stays over a restart", () => {
    const bench = online();
    const { clock, mcu, cloud } = bench;
    assert.includeDeepMembers(cloud.heard(Native.INTERNAL), [
      ["utc", "time"],
      ["utc", "tz_rule"],
    ]);
    cloud.send(Native.INTERNAL, "utc", "time", "1764000000000");
    cloud.send(Native.INTERNAL, "utc", "tz_name", "Europe/Berlin");
    cloud.send(Native.INTERNAL, "utc", "tz_rule", "CET-1CEST,M3.5.0,M10.5.0/3");
    cloud.send(Native.INTERNAL, "loc", "52.5", "13.4");
    clock.advance(1_000);
    assert.include(mcu.events, NcpEvent.TIME_CHANGED);
    const time = mcu.call("blynk.getTime", {});
    assert.deepInclude(time, { offsetMinutes: 60, zone: "CET", dstStatus: 3, ok: true });
    const place = { latitude: "52.5", longitude: "13.4", olsonId: "Europe/Berlin" };
    assert.deepInclude(mcu.call("blynk.getLocationInfo", {}), { ...place, ok: true });
    bench.device.restart();
    clock.advance(2_000);
    assert.deepInclude(mcu.call("blynk.getLocationInfo", {}), { ...place, ok: true });
  });
});

describe("a place that the cloud tells with all the digits of a double", () => {
  const place = { latitude: "52.5200066", longitude: "13.4049540", ok: true };

  it("is told to the MCU to the centimetre, before and after the time zone comes and over a restart", () => {
    const bench = online();
    const { clock, mcu, cloud } = bench;
    cloud.send(Native.INTERNAL, "loc", "52.52000659999999", "13.404953999999975");
    clock.advance(500);
    assert.deepInclude(mcu.call("blynk.getLocationInfo", {}), place);
    cloud.send(Native.INTERNAL, "utc", "tz_name", "Europe/Berlin");
    clock.advance(500);
    assert.deepInclude(mcu.call("blynk.getLocationInfo", {}), { ...place, olsonId: "Europe/Berlin" });
    bench.device.restart();
    clock.advance(2_000);
    assert.deepInclude(mcu.call("blynk.getLocationInfo", {}), { ...place, olsonId: "Europe/Berlin" });
    assert.deepEqual(bench.faults(), []);
  });

  it("stays when the name of its zone is longer than there is room for", () => {
    const bench = online();
    const { clock, mcu, cloud } = bench;
    cloud.send(Native.INTERNAL, "loc", "52.52000659999999", "13.404953999999975");
    cloud.send(Native.INTERNAL, "utc", "tz_name", "x".repeat(65));
    clock.advance(500);
    assert.deepInclude(mcu.call("blynk.getLocationInfo", {}), { ...place, olsonId: "" });
    assert.match(bench.faults().join(), /location is not used/);
  });
});

describe("the catalogue of calls that Ferry makes", () => {
  it("is kept within what the smallest MCU can take in, whatever happens", () => {
    const { clock, mcu, cloud } = online();
    for (let i = 0; i < 50; i++) cloud.send(Native.HARDWARE, "vw", String(i), "y".repeat(i * 20));
    clock.advance(10_000);
    const longest = mcu.heard.reduce((most, heard) => (heard.payloadBytes > most.payloadBytes ? heard : most));
    assert.isAtMost(longest.payloadBytes, 240, longest.name);
    assert.isAbove(longest.payloadBytes, 200, "the bound was reached");
    assert.isDefined(calls[longest.name]);
  });
});
