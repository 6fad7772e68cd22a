/** What leaves in a session with a cloud, and when: who the device is, its questions, its reports, then the MCU's data. */

import { assert } from "chai";
import { Native, NativeCloudServer } from "../host/peers/native-cloud-server.js";
import { asciiBytes } from "../host/sim/ascii.js";
import { VirtualClock } from "../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../host/sim/cpu.js";
import { Network } from "../host/sim/network.js";
import { makeSocketClass } from "../host/sim/socket.js";
import type { CloudTransport } from "../src/cloud/cloud.js";
import { NativeCloud } from "../src/cloud/native/native-cloud.js";
import { MESSAGES_PER_SECOND_MAX } from "../src/cloud/pace.js";
import { Uplink } from "../src/cloud/uplink.js";
import type { Clock } from "../src/ports.js";
import { CloudLink, TIME_REFRESH_MS } from "../src/wiring/cloud-link.js";
import { IDENTITY } from "./support/cloud-events.js";
import { HOST, makeMqttBench, TOKEN } from "./support/mqtt-bench.js";

/** A message as a cloud has it, with what it is about. */
interface Heard {
  readonly atMs: number;
  readonly what: string;
}

const LAST_QUESTION = Object.freeze({ native: "loc all", mqtt: "get/loc/all" });

function makeLink(clock: Clock, transport: CloudTransport) {
  const uplink = new Uplink({ clock, transport, tellsTime: () => false, wallTimeMs: () => undefined });
  const says = { version: "1.0.0" };
  const nothing = () => {};
  const link = new CloudLink({
    clock,
    transport,
    uplink,
    access: () => ({ host: HOST, token: TOKEN }),
    isOptional: false,
    mcu: {
      get identity() {
        return { ...IDENTITY, firmwareVersion: says.version };
      },
    },
    pins: { add: nothing },
    offers: { take: nothing },
    whereabouts: { onTime: nothing, onLocation: nothing },
    onAccepted: nothing,
    onReboot: nothing,
    onReconfigure: nothing,
  });
  const states: string[] = [];
  const events = {
    onUp: () => states.push("up"),
    onFailed: () => states.push("failed"),
    onLost: () => states.push("lost"),
    onAbsent: () => states.push("absent"),
  };
  return { uplink, link, says, states, start: () => link.start(events) };
}

function makeNativeBench() {
  const clock = new VirtualClock();
  const network = new Network(clock);
  const server = new NativeCloudServer(clock, { tokens: [TOKEN] });
  network.listen(HOST, 443, server.accept);
  const cpu = new SimCpu(clock);
  const deviceClock = new DeviceClock(clock, cpu);
  const socket = { io: makeSocketClass({ network, cpu, life: { assertAlive() {} } }, { secure: true }) };
  const cloud = new NativeCloud({ clock: deviceClock, tls: socket });
  const heard: Heard[] = [];
  server.onMessage = ({ command, strings }) => {
    if (command !== Native.PING) heard.push({ atMs: clock.now(), what: strings.join(" ") });
  };
  return { clock, cloud, heard: () => heard, hangUp: () => server.hangUp(), ...makeLink(deviceClock, cloud) };
}

function makeBrokerBench() {
  const { clock, deviceClock, broker, cloud } = makeMqttBench();
  const heard = () =>
    broker.messages.map(({ atMs, topic, payload }) => ({
      atMs,
      what: `${topic} ${String.fromCharCode(...payload)}`.trim(),
    }));
  return { clock, cloud, heard, hangUp: () => broker.hangUp(), ...makeLink(deviceClock, cloud) };
}

function mostInSecond(heard: readonly Heard[]): number {
  const near = (first: Heard) => heard.filter(({ atMs }) => atMs >= first.atMs && atMs < first.atMs + 1_000);
  return Math.max(...heard.map((first) => near(first).length));
}

for (const protocol of ["native", "mqtt"] as const) {
  const makeBench = protocol === "native" ? makeNativeBench : makeBrokerBench;

  describe(`A session over ${protocol}`, () => {
    it("begins with who the device is and what it asks, and never has more in a second than the cloud bears", () => {
      const { clock, heard, start, uplink } = makeBench();
      for (let i = 0; i < 60; i++) uplink.logEvent("loop", String(i));
      start();
      clock.advance(30_000);
      const whats = heard().map(({ what }) => what);
      assert.include(whats[0] ?? "", IDENTITY.firmwareVersion);
      assert.isBelow(whats.indexOf(LAST_QUESTION[protocol]), 5);
      assert.isAbove(whats.indexOf(LAST_QUESTION[protocol]), 0);
      assert.lengthOf(
        whats.filter((what) => what.includes("loop")),
        60,
      );
      assert.isAtMost(mostInSecond(heard()), MESSAGES_PER_SECOND_MAX);
    });

    it("keeps to that over its own end and the next login", () => {
      const { clock, heard, hangUp, start, states, uplink } = makeBench();
      start();
      clock.advance(20_000);
      for (let i = 0; i < 9; i++) uplink.logEvent("before", String(i));
      clock.advance(200);
      hangUp();
      clock.runUntil(() => states.includes("lost"), 1_000, "the loss");
      for (let i = 0; i < 30; i++) uplink.logEvent("after", String(i));
      start();
      clock.advance(30_000);
      assert.deepEqual(states, ["up", "lost", "up"]);
      assert.isAtMost(mostInSecond(heard()), MESSAGES_PER_SECOND_MAX);
      assert.lengthOf(
        heard().filter(({ what }) => what.includes("after")),
        30,
      );
    });

    it("tells who the device is later when there is no room now", () => {
      const { clock, cloud, heard, link, says, start } = makeBench();
      start();
      clock.advance(20_000);
      for (const length of [1_000, 100, 10, 0]) while (cloud.setMetadata("filler", "x".repeat(length)));
      says.version = "2.0.0";
      assert.isFalse(cloud.tellIdentity(IDENTITY));
      link.refresh();
      clock.advance(10_000);
      const told = heard().filter(({ what }) => /1\.0\.0|2\.0\.0/.test(what));
      assert.lengthOf(told, 2);
      assert.include(told[1]?.what ?? "", "2.0.0");
    });

    it("tells what the MCU named while the login was under way", () => {
      const { clock, heard, says, start } = makeBench();
      start();
      says.version = "2.0.0";
      clock.advance(20_000);
      const told = heard().filter(({ what }) => /1\.0\.0|2\.0\.0/.test(what));
      assert.lengthOf(told, 1);
      assert.include(told[0]?.what ?? "", "2.0.0");
    });

    it("asks for the time again, as long as it lives", () => {
      const { clock, heard, link, start } = makeBench();
      start();
      clock.advance(2 * TIME_REFRESH_MS + 60_000);
      const asked = () => heard().filter(({ what }) => what === LAST_QUESTION[protocol]).length;
      assert.equal(asked(), 3);
      link.stop();
      clock.advance(2 * TIME_REFRESH_MS);
      assert.equal(asked(), 3);
    });

    it("refuses what no message can hold before it waits, and takes all that one can", () => {
      const { clock, cloud, heard, start, uplink } = makeBench();
      start();
      clock.advance(20_000);
      const before = heard().length;
      let longest = 1_030;
      while (!uplink.virtualWrite(1, new Uint8Array(longest).fill(65))) longest--;
      assert.isAbove(longest, 1_000);
      assert.equal(uplink.counters.refused, 1_030 - longest);
      assert.isFalse(cloud.virtualWrite(1, new Uint8Array(longest + 1)));
      clock.advance(2_000);
      assert.lengthOf(heard(), before + 1);
    });

    it("lets a group with an oversized value go on, and no later value falls into it", () => {
      const { clock, heard, start, uplink } = makeBench();
      start();
      clock.advance(20_000);
      const before = heard().length;
      uplink.beginGroup(1_700_000_000_000n);
      assert.isFalse(uplink.virtualWrite(1, new Uint8Array(1_100).fill(65)));
      uplink.virtualWrite(2, asciiBytes("2"));
      uplink.endGroup();
      clock.advance(20_000);
      uplink.virtualWrite(3, asciiBytes("21.5"));
      clock.advance(5_000);
      const whats = heard()
        .slice(before)
        .map(({ what }) => what);
      const told = {
        native: ["t 1700000000000", "vw 2 2", "e", "vw 3 21.5"],
        mqtt: ["ds/V2/timestamped_batch [[1700000000000,2]]", "ds/V3 21.5"],
      };
      assert.deepEqual(whats, told[protocol]);
    });
  });
}
