/** What time it is for a device over MQTT: as Blynk's cloud tells it, or a time server where no cloud does. */

import { assert } from "chai";
import { MqttBroker } from "../host/peers/mqtt-broker.js";
import { CLOUD_MAKERS } from "../host/sim/connectivity.js";
import { CLOUD_HOST, OnlineBench, TOKEN } from "./support/online-bench.js";

const HOUR_MS = 3_600_000;
/** 2026-11-21T12:00:00Z, and what another clock says at the same moment. */
const NOON = 1_795_262_400_000;
const OTHER = NOON + 10 * 60_000;

class TimeBench extends OnlineBench {
  readonly broker: MqttBroker;
  readonly #listeners: ((unixMs: number) => void)[];

  constructor() {
    const listeners: ((unixMs: number) => void)[] = [];
    super({ makeCloud: CLOUD_MAKERS.mqtt.make, date: { listen: (onDate) => listeners.push(onDate) } });
    this.#listeners = listeners;
    this.broker = new MqttBroker(this.clock, { tokens: [TOKEN] });
    this.network.listen(CLOUD_HOST, CLOUD_MAKERS.mqtt.port, this.broker.accept);
  }

  /** A time server has told it, to this life's listener. */
  tellDate(unixMs: number): void {
    this.device.run(() => this.#listeners.at(-1)?.(unixMs));
    this.clock.advance(10);
  }

  tellCloudTime(unixMs: number): void {
    this.broker.publish("downlink/utc/all/json", JSON.stringify({ time: unixMs }));
    this.clock.advance(1_000);
  }

  login(): void {
    this.clock.runUntil(() => this.broker.online === 1, HOUR_MS, "the login");
    this.clock.advance(1_000);
  }

  /** Three values of a pin while the broker is away, a second from each other. */
  writeWhileAway(): void {
    this.broker.behavior = { tokens: [TOKEN], isMute: true };
    this.broker.hangUp();
    this.clock.advance(1_000);
    assert.equal(this.broker.online, 0);
    for (const value of ["1", "2", "3"]) {
      this.mcu.call("blynk.virtualWrite", { vpin: 5, value: Uint8Array.of(value.charCodeAt(0)) });
      this.clock.advance(1_000);
    }
    this.broker.behavior = { tokens: [TOKEN] };
    this.login();
    this.clock.advance(5_000);
  }

  static atHome(): TimeBench {
    const bench = new TimeBench();
    bench.boot();
    bench.provision();
    bench.mcu.initialize();
    bench.login();
    return bench;
  }
}

describe("A device at a broker where nobody tells the time", () => {
  it("asks for it, and takes the time server's, though the MCU sets another", () => {
    const bench = TimeBench.atHome();
    assert.lengthOf(bench.broker.heard("get/utc/all/json"), 1);
    assert.isFalse(bench.mcu.call("blynk.getTime", {}).ok);
    bench.tellDate(NOON);
    const { ok, timeMs } = bench.mcu.call("blynk.getTime", {});
    assert.isTrue(ok);
    assert.approximately(Number(timeMs), NOON, 1_000);
    assert.isTrue(bench.mcu.call("blynk.setTime", { timeMs: BigInt(OTHER) }).ok);
    assert.approximately(Number(bench.mcu.call("blynk.getTime", {}).timeMs), NOON, 2_000);
  });

  it("sends the last value of each pin afterwards, in its own topic, which is all that is understood there", () => {
    const bench = TimeBench.atHome();
    bench.tellDate(NOON);
    bench.writeWhileAway();
    assert.deepEqual(bench.broker.heard("ds/V5"), ["3"]);
    assert.deepEqual(bench.broker.heard("ds/V5/timestamped_batch"), []);
  });
});

describe("A device at Blynk's cloud, over MQTT", () => {
  it("goes by the cloud's time, whenever a time server tells another", () => {
    const bench = TimeBench.atHome();
    bench.tellDate(OTHER);
    bench.tellCloudTime(NOON);
    assert.approximately(Number(bench.mcu.call("blynk.getTime", {}).timeMs), NOON, 3_000);
    bench.tellDate(OTHER);
    assert.approximately(Number(bench.mcu.call("blynk.getTime", {}).timeMs), NOON, 3_000);
  });

  it("sends each value afterwards, with the time at which it was", () => {
    const bench = TimeBench.atHome();
    bench.tellCloudTime(NOON);
    bench.writeWhileAway();
    const batches = bench.broker.heard("ds/V5/timestamped_batch").map((json) => JSON.parse(json)[0]);
    assert.deepEqual(
      batches.map(([, value]) => value),
      [1, 2, 3],
    );
    for (const [i, [atMs]] of batches.entries()) assert.approximately(atMs, NOON + 2_000 + i * 1_000, 1_500);
    assert.deepEqual(bench.broker.heard("ds/V5"), []);
  });
});
