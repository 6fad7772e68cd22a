/** The MQTT cloud against the broker that is embedded in demos and tests, and each way in which that can misbehave. */

import { assert } from "chai";
import { NodeMqttBroker, type NodeMqttBrokerBehavior } from "../../host/node/mqtt-broker.js";
import { NodeNetwork } from "../../host/node/network.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import { ConnackCode } from "../../host/peers/mqtt-broker.js";
import { asciiBytes } from "../../host/sim/ascii.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { makeSocketClass } from "../../host/sim/socket.js";
import { FailureCode } from "../../src/base/failure-code.js";
import { makeMqttClientClass } from "../../src/cloud/mqtt/client.js";
import { MqttCloud, REDIRECTS_MAX } from "../../src/cloud/mqtt/mqtt-cloud.js";
import { listenTo } from "../support/cloud-events.js";
import { describeWithBroker, TOKEN, USER } from "./broker-suite.js";

const LIMIT_MS = 20_000;

describeWithBroker("the embedded broker", (identity) =>
  NodeMqttBroker.listen({ tokens: [TOKEN], user: USER }, identity ? { identity } : {}),
);

describe("The embedded MQTT broker", () => {
  const brokers: NodeMqttBroker[] = [];
  const devices: { stop(): void }[] = [];

  afterEach(async () => {
    for (const device of devices.splice(0)) device.stop();
    await Promise.all(brokers.splice(0).map((broker) => broker.close()));
  });

  async function listen(behavior: Partial<NodeMqttBrokerBehavior> = {}): Promise<NodeMqttBroker> {
    const broker = await NodeMqttBroker.listen({ tokens: [TOKEN], ...behavior });
    brokers.push(broker);
    return broker;
  }

  function makeDevice(port: number, token = TOKEN) {
    const clock = new PacedClock();
    const network = new NodeNetwork({ clock });
    const cpu = new SimCpu(clock);
    const socket = { io: makeSocketClass({ network, cpu, life: { assertAlive() {} } }) };
    const deviceClock = new DeviceClock(clock, cpu);
    const plain = { io: makeMqttClientClass({ clock: deviceClock, socket }) };
    const cloud = new MqttCloud({ clock: deviceClock, plain });
    const heard: string[] = [];
    cloud.start({ host: "127.0.0.1", port, token }, listenTo(heard));
    devices.push({
      stop: () => {
        cloud.stop();
        network.dropConnections();
      },
    });
    const until = (condition: () => boolean, what: string) => clock.run(condition, LIMIT_MS, what);
    return { clock, cloud, heard, until };
  }

  it("answers late, and lets in all the same", async () => {
    const broker = await listen({ answersLoginAfterMs: 300 });
    const { clock, heard, until } = makeDevice(broker.port);
    await until(() => heard.length > 0, "the login");
    assert.deepEqual([heard, broker.counts.lateLogins], [["up"], 1]);
    assert.isAtLeast(clock.now(), 250);
  });

  it("refuses with the code that it is told", async () => {
    for (const [loginCode, failure] of [
      [ConnackCode.BAD_PASSWORD, FailureCode.TOKEN_INVALID],
      [ConnackCode.NOT_AUTHORIZED, FailureCode.TOKEN_INVALID],
      [ConnackCode.UNAVAILABLE, FailureCode.CLOUD_GENERIC],
    ] as const) {
      const broker = await listen({ loginCode });
      const { heard, until } = makeDevice(broker.port);
      await until(() => heard.length > 0, "a refusal");
      assert.deepEqual([heard, broker.counts.refusedLogins], [[`failed ${failure}`], 1]);
    }
  });

  it("refuses subscriptions", async () => {
    const broker = await listen({ refusesSubscriptions: true });
    const { heard, until } = makeDevice(broker.port);
    await until(() => heard.length > 0, "a refusal");
    assert.deepEqual([heard, broker.counts.refusedSubscriptions], [[`failed ${FailureCode.CLOUD_GENERIC}`], 1]);
  });

  it("says nothing at all", async () => {
    const broker = await listen({ isMute: true });
    const { heard, until } = makeDevice(broker.port);
    await until(() => broker.counts.mutedLogins === 1, "a login");
    assert.deepEqual(heard, []);
  });

  it("sends devices elsewhere, and round in a ring", async () => {
    const region = await listen();
    const home = await listen({ redirectsTo: `mqtt://127.0.0.1:${region.port}` });
    const moved = makeDevice(home.port);
    await moved.until(() => moved.heard.length > 0, "the login");
    assert.deepEqual([moved.heard, home.counts.redirects, region.logins.length], [["up"], 1, 1]);
    home.behavior = { ...home.behavior, redirectsTo: `mqtt://127.0.0.1:${home.port}` };
    const lost = makeDevice(home.port);
    await lost.until(() => lost.heard.length > 0, "the end of the ring");
    assert.deepEqual(lost.heard, [`failed ${FailureCode.CLOUD_GENERIC}`]);
    assert.equal(home.counts.redirects, 1 + REDIRECTS_MAX + 1);
  });

  it("hangs up, at its time and at once", async () => {
    const broker = await listen({ hangsUpAfterMs: 100 });
    const { heard, until } = makeDevice(broker.port);
    await until(() => heard.length > 1, "the loss");
    assert.deepEqual([heard, broker.counts.hangUps], [["up", "lost"], 1]);
    broker.behavior = { tokens: [TOKEN] };
    const other = makeDevice(broker.port);
    await other.until(() => other.heard.length > 0 && broker.online === 1, "the login");
    broker.hangUp();
    await other.until(() => other.heard.length > 1, "the loss");
    assert.equal(broker.counts.hangUps, 2);
  });

  it("repeats itself, and waits for acknowledgements", async () => {
    const broker = await listen({ repeatsItself: true });
    const { heard, until } = makeDevice(broker.port);
    await until(() => broker.online === 1, "the login");
    broker.publish("downlink/ds/V1", "1", { qos: 1 });
    await until(() => heard.length > 2 && broker.counts.acknowledgements === 2, "both");
    assert.deepEqual([heard.slice(1), broker.counts.repeats], [["pin 1=1", "pin 1=1"], 1]);
  });

  it("sends what is no MQTT", async () => {
    const broker = await listen({ greetsWith: asciiBytes("HTTP/1.1 400 Bad Request\r\n\r\n") });
    const { cloud, heard, until } = makeDevice(broker.port);
    await until(() => heard.length > 0, "the end");
    assert.equal(broker.counts.greetings, 1);
    assert.include(["lost", `failed ${FailureCode.CLOUD_GENERIC}`], heard.at(-1));
    assert.match(cloud.lastProblem, /the broker sent/);
  });

  it("tells each device only what is for it", async () => {
    const broker = await listen({ tokens: ["one", "two"] });
    const one = makeDevice(broker.port, "one");
    const two = makeDevice(broker.port, "two");
    await one.until(() => one.heard.length > 0, "the first login");
    await two.until(() => two.heard.length > 0 && broker.online === 2, "the second login");
    one.cloud.setMetadata("from", "one");
    broker.publish("downlink/ds/V1", "yours", { token: "two", qos: 1 });
    broker.publish("downlink/ds/V2", "all");
    await two.until(() => two.heard.length > 2, "two messages");
    await one.until(() => one.heard.length > 1 && broker.heard("meta/from").length > 0, "one message");
    assert.deepEqual([one.heard.slice(1), two.heard.slice(1)], [["pin 2=all"], ["pin 1=yours", "pin 2=all"]]);
    assert.equal(broker.messages.find(({ topic }) => topic === "meta/from")?.token, "one");
  });
});
