/** The cloud over MQTT, client against broker: logins, redirects, data both ways, and brokers that misbehave. */

import { assert } from "chai";
import { ConnackCode } from "../host/peers/mqtt-broker.js";
import { publish } from "../host/peers/mqtt-packets.js";
import { asciiBytes } from "../host/sim/ascii.js";
import { FailureCode } from "../src/base/failure-code.js";
import { PING_ANSWER_MS } from "../src/cloud/mqtt/client.js";
import { MQTT_PORT, MQTTS_PORT } from "../src/cloud/mqtt/downlink.js";
import {
  CONNECT_MS,
  isTopicPrefix,
  KEEP_ALIVE_MS,
  MESSAGE_BYTES_MAX,
  type MqttCloud,
  REDIRECTS_MAX,
} from "../src/cloud/mqtt/mqtt-cloud.js";
import { isPinName, PinNames } from "../src/cloud/mqtt/pin-names.js";
import { MESSAGES_PER_SECOND_MAX } from "../src/cloud/pace.js";
import { Uplink } from "../src/cloud/uplink.js";
import { IDENTITY, listenTo } from "./support/cloud-events.js";
import { HOST, makeMqttBench, OTHER_HOST, SETTLE_MS, TOKEN } from "./support/mqtt-bench.js";

describe("The MQTT cloud, logging in", () => {
  it("logs in with its token as the password, and says what it is", () => {
    const { clock, broker, cloud, heard, start } = makeMqttBench();
    start();
    clock.advance(SETTLE_MS);
    assert.deepEqual(heard, ["up"]);
    assert.lengthOf(broker.logins, 1);
    assert.deepEqual(broker.subscriptions, ["downlink/#"]);
    assert.isTrue(cloud.tellIdentity(IDENTITY));
    clock.advance(SETTLE_MS);
    assert.deepEqual(
      broker.heard("info/mcu").map((json) => JSON.parse(json)),
      [
        {
          tmpl: "TMPL0123456789",
          ver: "1.0.0",
          build: "Nov 21 2026 12:00:00",
          type: "TMPL0123456789",
          rxbuff: MESSAGE_BYTES_MAX,
        },
      ],
    );
  });

  it("says nothing of what the MCU has not named", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    cloud.tellIdentity({ ...IDENTITY, firmwareVersion: "2.0.0", firmwareBuild: "", templateId: "" });
    clock.advance(SETTLE_MS);
    assert.deepEqual(JSON.parse(broker.heard("info/mcu")[0] ?? ""), {
      ver: "2.0.0",
      type: "TMPL0123456789",
      rxbuff: MESSAGE_BYTES_MAX,
    });
  });

  it("asks to be told it later when there is no room now, and not at all what no message can hold", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    fillUp(cloud);
    const before = cloud.counters.refused;
    assert.isFalse(cloud.tellIdentity(IDENTITY));
    assert.equal(cloud.counters.refused, before + 1);
    clock.advance(SETTLE_MS);
    assert.isTrue(cloud.tellIdentity({ ...IDENTITY, firmwareVersion: "x".repeat(MESSAGE_BYTES_MAX) }));
    assert.equal(cloud.counters.refused, before + 2);
    clock.advance(SETTLE_MS);
    assert.deepEqual(broker.heard("info/mcu"), []);
  });

  it("asks for time and place", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    for (const ask of cloud.timeQuestions) assert.isTrue(ask());
    clock.advance(SETTLE_MS);
    assert.deepEqual([broker.heard("get/utc/all/json"), broker.heard("get/loc/all")], [[""], [""]]);
  });

  it("goes without TLS only where the product allows it", () => {
    /** Whether it logs in where no TLS is to be had. */
    const goesWithout = (port: number, ...ways: ("tls" | "plain")[]) => {
      const { clock, network, broker, start } = makeMqttBench({ ports: [port], port, ways });
      network.certificateProblems.set(HOST, "this is no TLS");
      start();
      clock.advance(SETTLE_MS);
      assert.equal(network.counts.badCertificates + broker.logins.length, 1);
      return broker.logins.length === 1;
    };
    assert.isFalse(goesWithout(MQTT_PORT, "tls"));
    assert.isTrue(goesWithout(MQTT_PORT, "tls", "plain"));
    assert.isFalse(goesWithout(MQTTS_PORT, "tls", "plain"));
    assert.isFalse(goesWithout(51_883, "tls", "plain"));
    assert.isTrue(goesWithout(51_883, "plain"));
  });

  it("tells a bad token from other refusals", () => {
    const bad = makeMqttBench();
    bad.start("not the token");
    bad.clock.advance(SETTLE_MS);
    assert.deepEqual(bad.heard, [`failed ${FailureCode.TOKEN_INVALID}`]);
    assert.equal(bad.broker.counts.refusedLogins, 1);
    for (const [loginCode, failure] of [
      [ConnackCode.NOT_AUTHORIZED, FailureCode.TOKEN_INVALID],
      [ConnackCode.UNAVAILABLE, FailureCode.CLOUD_GENERIC],
    ] as const) {
      const bench = makeMqttBench({ behavior: { loginCode } });
      bench.start();
      bench.clock.advance(SETTLE_MS);
      assert.deepEqual(bench.heard, [`failed ${failure}`]);
      assert.match(bench.cloud.lastProblem, new RegExp(`code ${loginCode}`));
      assert.equal(bench.broker.counts.refusedLogins, 1);
    }
  });

  it("fails when its subscription is refused, for then nothing would reach it", () => {
    const { clock, broker, heard, start } = makeMqttBench({ behavior: { refusesSubscriptions: true } });
    start();
    clock.advance(SETTLE_MS);
    assert.deepEqual(heard, [`failed ${FailureCode.CLOUD_GENERIC}`]);
    assert.equal(broker.counts.refusedSubscriptions, 1);
  });

  it("says when the name cannot be looked up, and when the certificate is refused", () => {
    const unknown = makeMqttBench({ ports: [] });
    unknown.start();
    unknown.clock.advance(10_000);
    assert.deepEqual(unknown.heard, [`failed ${FailureCode.DNS}`]);
    assert.equal(unknown.network.counts.unresolved, 1);
    const fake = makeMqttBench();
    fake.network.certificateProblems.set(HOST, "the certificate has expired");
    fake.start();
    fake.clock.advance(10_000);
    assert.deepEqual(fake.heard, [`failed ${FailureCode.TLS_CERTIFICATE}`]);
    assert.equal(fake.network.counts.badCertificates, 1);
  });

  it("waits for a slow answer, and gives up a mute broker", () => {
    const slow = makeMqttBench({ behavior: { answersLoginAfterMs: CONNECT_MS - 5_000 } });
    slow.goUp();
    assert.equal(slow.broker.counts.lateLogins, 1);
    const { clock, broker, heard, start } = makeMqttBench({ behavior: { isMute: true } });
    start();
    clock.advance(CONNECT_MS - 1);
    assert.deepEqual(heard, []);
    clock.advance(1_000);
    assert.deepEqual(heard, [`failed ${FailureCode.CLOUD_TIMEOUT}`]);
    assert.equal(broker.counts.mutedLogins, 1);
  });

  it("says nothing more after stop", () => {
    const { clock, cloud, heard, start } = makeMqttBench();
    start();
    clock.advance(100);
    cloud.stop();
    clock.advance(60_000);
    assert.deepEqual(heard, []);
    assert.isFalse(cloud.syncAll());
  });

  it("has one session after two starts", () => {
    const { clock, broker, heard, start } = makeMqttBench();
    start();
    start();
    clock.advance(SETTLE_MS);
    start();
    clock.advance(SETTLE_MS);
    assert.deepEqual(heard, ["up", "up"]);
    assert.equal(broker.online, 1);
  });
});

describe("The MQTT cloud, redirected", () => {
  it("goes where the login is sent, before it is up", () => {
    const bench = makeMqttBench({ behavior: { redirectsTo: `mqtts://${OTHER_HOST}:8883` } });
    const region = bench.addBroker(OTHER_HOST, 8883);
    bench.start();
    bench.clock.advance(SETTLE_MS);
    assert.deepEqual(bench.heard, ["up"]);
    assert.equal(bench.broker.counts.redirects, 1);
    assert.equal(region.logins.length, 1);
    assert.equal(bench.cloud.counters.redirects, 1);
  });

  it("understands a place without a scheme, and ports that it need not name", () => {
    for (const [text, port] of [
      [`${OTHER_HOST}:8883`, 8883],
      [`mqtts://${OTHER_HOST}`, 8883],
      [`mqtts://${OTHER_HOST}:9000/mqtt`, 9000],
    ] as const) {
      const bench = makeMqttBench({ behavior: { redirectsTo: text } });
      const region = bench.addBroker(OTHER_HOST, port);
      bench.goUp();
      assert.equal(region.logins.length, 1, text);
    }
  });

  it("leaves a ring of brokers that send it round", () => {
    const { clock, broker, heard, start } = makeMqttBench({ behavior: { redirectsTo: `mqtts://${HOST}` } });
    start();
    clock.advance(120_000);
    assert.deepEqual(heard, [`failed ${FailureCode.CLOUD_GENERIC}`]);
    assert.equal(broker.counts.redirects, REDIRECTS_MAX + 1);
  });

  it("leaves a live session when it is sent away, and comes back at the new place, once", () => {
    const bench = makeMqttBench();
    const region = bench.addBroker(OTHER_HOST, 8883);
    bench.goUp();
    bench.broker.publish("downlink/redirect", `mqtts://${OTHER_HOST}`);
    bench.clock.advance(SETTLE_MS);
    assert.deepEqual(bench.heard, ["lost"]);
    bench.goUp();
    assert.equal(region.logins.length, 1);
    bench.goUp();
    assert.equal(bench.broker.logins.length, 2, "home again");
  });

  it("goes home when the new place is gone", () => {
    const bench = makeMqttBench();
    bench.goUp();
    bench.broker.publish("downlink/redirect", "mqtts://gone.example");
    bench.clock.advance(SETTLE_MS);
    bench.goUp();
    assert.equal(bench.network.counts.unresolved, 1);
    assert.equal(bench.broker.logins.length, 2);
  });

  it("carries its token to no place without TLS, unless it came without", () => {
    const secure = makeMqttBench({ ways: ["tls", "plain"] });
    const thief = secure.addBroker(OTHER_HOST, 1883);
    secure.goUp();
    secure.broker.publish("downlink/redirect", `mqtt://${OTHER_HOST}`);
    secure.clock.advance(60_000);
    assert.equal(thief.counts.connections, 0);
    assert.equal(secure.cloud.counters.redirectsRefused, 1);
    assert.deepEqual(secure.heard, []);
    const plain = makeMqttBench({ ways: ["plain"], ports: [1883], behavior: { redirectsTo: `mqtt://${OTHER_HOST}` } });
    const region = plain.addBroker(OTHER_HOST, 1883);
    plain.goUp();
    assert.equal(region.logins.length, 1);
  });

  it("ignores a redirect to nowhere", () => {
    const { clock, broker, cloud, heard, goUp } = makeMqttBench();
    goUp();
    const places = [
      "",
      "bad host:1",
      "mqtts://a..b:1",
      "wss://x.example/mqtt",
      "mqtts://",
      "x.example",
      "mqtts://x:0",
      "mqtts://x:70000",
    ];
    for (const place of places) broker.publish("downlink/redirect", place);
    clock.advance(SETTLE_MS);
    assert.deepEqual(heard, []);
    assert.equal(cloud.counters.notUnderstood, places.length);
  });
});

describe("The MQTT cloud, up", () => {
  it("has a topic for each data call of the MCU that MQTT knows", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench({ cloud: { pinNames: [[3, "Pump power"]] } });
    goUp();
    broker.messages.length = 0;
    assert.isTrue(cloud.virtualWrite(7, asciiBytes("1\0two")));
    assert.isTrue(cloud.virtualWrite(3, asciiBytes("")));
    assert.isTrue(cloud.syncAll());
    assert.isTrue(cloud.syncVirtual(asciiBytes("1\x003\x00nonsense\x0070000\x00")));
    assert.isTrue(cloud.setProperty(3, "label", asciiBytes("Pump")));
    assert.isTrue(cloud.logEvent("hot", "80 C"));
    assert.isTrue(cloud.logEvent("cold", ""));
    assert.isTrue(cloud.setMetadata("Hotspot Name", "42"));
    clock.advance(SETTLE_MS);
    assert.deepEqual(
      broker.messages.map(({ topic, payload }) => `${topic}: ${String.fromCharCode(...payload)}`),
      [
        "ds/V7: 1\0two",
        "ds/Pump power: ",
        "get/ds/all: ",
        "get/ds: V1,Pump power",
        "ds/Pump power/prop/label: Pump",
        "event/hot: 80 C",
        "event/cold: ",
        "meta/Hotspot Name: 42",
      ],
    );
  });

  it("counts the calls that MQTT has no topic for, and does not hold up the others", () => {
    const { cloud, goUp } = makeMqttBench();
    goUp();
    assert.isTrue(cloud.resolveEvent());
    assert.isTrue(cloud.resolveAllEvents());
    assert.isTrue(cloud.syncVirtual(asciiBytes("nonsense")));
    assert.equal(cloud.counters.unsupported, 3);
  });

  it("lets no text of the MCU reach into other topics, or make the broker hang up", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    broker.messages.length = 0;
    const bad = ["", "a/b", "+", "#", "a\0b", "a\nb", "\u007f", "\u0085", "\uffff", "\ufdd0", "\u{1ffff}"];
    for (const text of bad) {
      assert.isTrue(cloud.setProperty(1, text, asciiBytes("x")));
      assert.isTrue(cloud.logEvent(text, "x"));
      assert.isTrue(cloud.setMetadata(text, "x"));
    }
    assert.isTrue(cloud.logEvent("größer als 5 °C", ""));
    clock.advance(SETTLE_MS);
    assert.deepEqual(
      broker.messages.map(({ topic }) => topic),
      ["event/größer als 5 °C"],
    );
    assert.equal(cloud.counters.unsupported, 3 * bad.length);
    assert.equal(broker.counts.wrongPackets, 0);
  });

  it("sends what fits into a message with all that belongs to it, and refuses what does not", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    broker.messages.length = 0;
    let longest = MESSAGE_BYTES_MAX;
    while (!cloud.virtualWrite(1, new Uint8Array(longest))) longest--;
    // A byte of type, two of length, two and five of the topic.
    assert.equal(longest, MESSAGE_BYTES_MAX - 10);
    clock.advance(SETTLE_MS);
    assert.lengthOf(broker.messages, 1);
    assert.equal(broker.counts.tooLongPackets, 0);
    assert.equal(cloud.counters.refused, 10);
  });

  it("asks for many pins in as many messages as it takes", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    const pins = Array.from({ length: 300 }, (_, i) => String(10_000 + i));
    assert.isTrue(cloud.syncVirtual(asciiBytes(pins.join("\0"))));
    clock.advance(SETTLE_MS);
    const asked = broker.heard("get/ds");
    assert.lengthOf(asked, 3);
    assert.deepEqual(
      asked.flatMap((text) => text.split(",")),
      pins.map((pin) => `V${pin}`),
    );
    assert.equal(broker.counts.tooLongPackets, 0);
  });

  it("takes nothing before the login", () => {
    const { cloud, start } = makeMqttBench();
    const calls = () => [
      cloud.virtualWrite(1, asciiBytes("1")),
      cloud.syncAll(),
      cloud.syncVirtual(asciiBytes("nonsense")),
      cloud.beginGroup(0n),
      cloud.endGroup(),
      cloud.resolveEvent(),
      cloud.setMetadata("a", "b"),
    ];
    assert.notInclude(calls(), true);
    start();
    assert.notInclude(calls(), true);
    assert.equal(cloud.counters.unsupported, 0);
  });

  it("understands what the broker sends", () => {
    const { clock, broker, heard, goUp } = makeMqttBench({ cloud: { pinNames: [[3, "Pump power"]] } });
    goUp();
    broker.publish("downlink/ds/V5", "1\0two");
    broker.publish("downlink/ds/V6", "");
    broker.publish("downlink/ds/Pump power", "on", { qos: 1 });
    const json = '{"url":"https://h/f.bin","size":20082,"type":"TMPL","ver":"2.0.0","build":"Mar 05 2024 18:29:27"}';
    broker.publish("downlink/ota/json", json);
    broker.publish(
      "downlink/ota/json",
      `{"url":"http://h/f.bin","size":1,"sha256":"${"ab".repeat(32)}","target":"ncp"}`,
    );
    const zone = '"tz_name":"America/Goose_Bay","tz_rule":"AST4ADT,M3.2.0,M11.1.0"';
    broker.publish("downlink/utc/all/json", `{${zone},"tz_offset":-240,"dst_offset":0,"time":1709326077759}`);
    broker.publish("downlink/utc/all/json", '{"time":5}');
    broker.publish("downlink/loc/all", "53.3,-60.32");
    broker.publish("downlink/loc/all", " 52.52000659999999 , 13.404953999999975 ");
    broker.publish("downlink/meta/Serial", "42");
    broker.publish("downlink/ping", "", { qos: 1 });
    broker.publish("downlink/diag", "you send too much");
    broker.publish("downlink/reboot", "");
    broker.publish("downlink/reconfigure", "");
    clock.advance(SETTLE_MS);
    assert.deepEqual(heard, [
      "pin 5=1|two",
      "pin 6=",
      "pin 3=on",
      'offer {"url":"https://h/f.bin","sizeBytes":20082,"type":"TMPL","version":"2.0.0","build":"Mar 05 2024 18:29:27"}',
      `offer {"url":"http://h/f.bin","sizeBytes":1,"type":"","version":"","build":"","sha256":"${"ab".repeat(32)}","target":"ncp"}`,
      'time {"timeMs":1709326077759,"zoneName":"America/Goose_Bay","posixTz":"AST4ADT,M3.2.0,M11.1.0"}',
      'time {"timeMs":5}',
      "location 53.3 -60.32",
      "location 52.5200066 13.4049540",
      "metadata Serial=42",
      "reboot",
      "reconfigure",
    ]);
    assert.equal(broker.counts.acknowledgements, 2);
  });

  it("counts what it does not understand, and goes on", () => {
    const { clock, broker, cloud, heard, goUp } = makeMqttBench();
    goUp();
    const deep = "[".repeat(900);
    const odd: [string, string][] = [
      ["downlink/ds/", "1"],
      ["downlink/ds/Temperature", "1"],
      ["downlink/ds/V70000", "1"],
      ["downlink/ds/V05", "1"],
      ["downlink/ds/V5/prop/label", "1"],
      ["downlink/meta/", "1"],
      ["downlink/ota/json", ""],
      ["downlink/ota/json", deep],
      ["downlink/ota/json", "[]"],
      ["downlink/ota/json", '{"url":"https://h/f.bin"}'],
      ["downlink/ota/json", '{"url":"https://h/f.bin","size":"20082"}'],
      ["downlink/ota/json", '{"url":"https://h/f.bin","size":1,"sha256":5}'],
      ["downlink/ota/json", '{"url":"https://h/f.bin","size":1,"target":"you"}'],
      ["downlink/utc/all/json", '{"time":"soon"}'],
      ["downlink/utc/all/json", '{"time":-1,"tz_name":"","tz_rule":7}'],
      ["downlink/utc/all/json", "null"],
      ["downlink/loc/all", "here"],
      ["downlink/loc/all", "1,2,3"],
      ["downlink/loc/all", "91,0"],
      ["downlink/new/thing", "1"],
      ["downlink", "1"],
      ["uplink/ds/V5", "1"],
    ];
    for (const [topic, payload] of odd) broker.publish(topic, payload);
    broker.publish("downlink/ds/V9", "still here");
    clock.advance(SETTLE_MS);
    assert.deepEqual(heard, ["pin 9=still here"]);
    assert.equal(cloud.counters.notUnderstood, odd.length);
    assert.equal(cloud.counters.received, odd.length + 1);
  });

  it("takes values and offers that the broker had kept, but no commands: they would come again after each restart", () => {
    const { clock, broker, cloud, heard, goUp } = makeMqttBench();
    goUp();
    for (const topic of ["ds/V1", "reboot", "reconfigure"]) {
      broker.sendRaw(publish(`downlink/${topic}`, "1", undefined, true));
    }
    broker.sendRaw(publish("downlink/ota/json", '{"url":"https://h/f.bin","size":7}', 5, true));
    clock.advance(SETTLE_MS);
    assert.deepEqual(heard, [
      "pin 1=1",
      'offer {"url":"https://h/f.bin","sizeBytes":7,"type":"","version":"","build":""}',
    ]);
    assert.equal(cloud.counters.notUnderstood, 2);
  });

  it("drops what is longer than it said it could take, and stays", () => {
    const { clock, broker, cloud, heard, goUp } = makeMqttBench();
    goUp();
    broker.publish("downlink/ds/V1", "x".repeat(MESSAGE_BYTES_MAX + 1));
    broker.publish("downlink/ds/V2", "x".repeat(10_000));
    broker.publish("downlink/ds/V3", "after");
    clock.advance(5_000);
    assert.deepEqual(heard, ["pin 3=after"]);
    assert.equal(cloud.counters.dropped, 2);
  });

  it("keeps the session alive for hours, and never lets the broker wait longer than agreed", () => {
    const { clock, broker, heard, goUp } = makeMqttBench();
    goUp();
    clock.advance(4 * 3_600_000);
    assert.deepEqual(heard, []);
    assert.isAtLeast(broker.counts.pings, (4 * 3_600_000) / KEEP_ALIVE_MS);
    assert.equal(broker.counts.expiredKeepAlives, 0);
  });

  it("gives up a broker that does not answer a ping", () => {
    const { clock, broker, cloud, heard, goUp } = makeMqttBench({ behavior: { ignoresPings: true } });
    goUp();
    clock.advance(KEEP_ALIVE_MS + PING_ANSWER_MS);
    assert.deepEqual(heard, ["lost"]);
    assert.equal(broker.counts.ignoredPings, 1);
    assert.include(cloud.lastProblem, "does not answer any more");
  });

  it("notices when the broker hangs up", () => {
    const { clock, broker, heard, start } = makeMqttBench({ behavior: { hangsUpAfterMs: 10_000 } });
    start();
    clock.advance(15_000);
    assert.deepEqual(heard, ["up", "lost"]);
    assert.equal(broker.counts.hangUps, 1);
  });
});

describe("The MQTT cloud, with groups", () => {
  const write = (cloud: MqttCloud, vpin: number, value: string) => cloud.virtualWrite(vpin, asciiBytes(value));

  it("sends each value of a group by itself, as the text that it is", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    assert.isTrue(cloud.beginGroup(0n));
    assert.isTrue(write(cloud, 1, "007"));
    assert.isTrue(write(cloud, 2, "a\0b"));
    assert.isTrue(cloud.endGroup());
    clock.advance(SETTLE_MS);
    assert.deepEqual([broker.heard("ds/V1"), broker.heard("ds/V2")], [["007"], ["a\0b"]]);
  });

  it("tells the time of each value of a group that has one", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    assert.isTrue(cloud.beginGroup(1_700_000_000_123n));
    assert.isTrue(write(cloud, 1, "-21.50"));
    assert.isTrue(write(cloud, 2, 'say "ä\u0001"'));
    assert.isTrue(write(cloud, 3, "1e5"));
    assert.isTrue(cloud.endGroup());
    clock.advance(SETTLE_MS);
    assert.deepEqual(broker.heard("ds/V1/timestamped_batch"), ["[[1700000000123,-21.50]]"]);
    assert.deepEqual(broker.heard("ds/V3/timestamped_batch"), ['[[1700000000123,"1e5"]]']);
    const [[, text] = []] = JSON.parse(broker.heard("ds/V2/timestamped_batch")[0] ?? "[]");
    assert.equal(text, String.fromCharCode(...asciiBytes('say "'), 0xfffd, 1, 0x22));
  });

  describe("where the product batches them", () => {
    const batching = { cloud: { batchesGroups: true, pinNames: [[3, "Pump power"]] as const } };

    it("sends the values of a group together, the last of each pin", () => {
      const { clock, broker, cloud, goUp } = makeMqttBench(batching);
      goUp();
      assert.isTrue(cloud.beginGroup(0n));
      for (const [vpin, value] of [
        [1, "20"],
        [3, "on"],
        [1, "21.5"],
        [4, "several\0items"],
      ] as const) {
        assert.isTrue(write(cloud, vpin, value));
      }
      assert.isTrue(cloud.endGroup());
      clock.advance(SETTLE_MS);
      assert.deepEqual(broker.heard("batch_ds"), ['{"V1":21.5,"Pump power":"on"}']);
      assert.deepEqual(broker.heard("ds/V4"), ["several\0items"]);
    });

    it("takes as many messages as the limit asks for, and loses nothing", () => {
      const { clock, broker, cloud, goUp } = makeMqttBench(batching);
      goUp();
      assert.isTrue(cloud.beginGroup(0n));
      const values = Array.from({ length: 32 }, (_, pin) => `${"v".repeat(100)}"${pin}`);
      for (const [pin, value] of values.entries()) assert.isTrue(write(cloud, pin, value));
      assert.isTrue(cloud.endGroup());
      clock.advance(SETTLE_MS);
      const batches = broker.heard("batch_ds");
      assert.isAbove(batches.length, 3);
      assert.equal(broker.counts.tooLongPackets, 0);
      const told = Object.assign({}, ...batches.map((json) => JSON.parse(json)));
      for (const [pin, value] of values.entries()) assert.equal(told[pin === 3 ? "Pump power" : `V${pin}`], value);
    });

    it("sends a value that is too long for a batch by itself", () => {
      const { clock, broker, cloud, goUp } = makeMqttBench(batching);
      goUp();
      const value = "\u0001".repeat(500);
      cloud.beginGroup(0n);
      assert.isTrue(write(cloud, 1, value));
      assert.isTrue(cloud.endGroup());
      clock.advance(SETTLE_MS);
      assert.deepEqual(broker.heard("ds/V1"), [value]);
      assert.deepEqual(broker.heard("batch_ds"), []);
    });

    it("keeps a batch that finds no room until it does", () => {
      const { clock, broker, cloud, goUp } = makeMqttBench(batching);
      goUp();
      cloud.beginGroup(0n);
      write(cloud, 1, "kept");
      fillUp(cloud);
      assert.isFalse(cloud.endGroup());
      clock.advance(SETTLE_MS);
      assert.isTrue(cloud.endGroup());
      clock.advance(SETTLE_MS);
      assert.deepEqual(broker.heard("batch_ds"), ['{"V1":"kept"}']);
    });
  });

  it("forgets a group with its session", () => {
    const { clock, broker, cloud, goUp } = makeMqttBench({ cloud: { batchesGroups: true } });
    goUp();
    cloud.beginGroup(0n);
    write(cloud, 1, "old");
    broker.hangUp();
    clock.advance(SETTLE_MS);
    goUp();
    assert.isTrue(cloud.endGroup());
    assert.isTrue(write(cloud, 2, "new"));
    clock.advance(SETTLE_MS);
    assert.deepEqual([broker.heard("batch_ds"), broker.heard("ds/V2")], [[], ["new"]]);
  });
});

describe("The MQTT cloud, behind the uplink", () => {
  it("sends a storm of values at the pace that clouds bear, the last of each pin", () => {
    const { clock, deviceClock, broker, cloud, goUp } = makeMqttBench();
    goUp();
    broker.messages.length = 0;
    const uplink = new Uplink({
      clock: deviceClock,
      transport: cloud,
      tellsTime: () => true,
      wallTimeMs: () => undefined,
    });
    uplink.onCloudUp();
    for (let i = 0; i < 3_000; i++) {
      uplink.virtualWrite(i % 30, asciiBytes(String(i)));
      clock.advance(1);
    }
    clock.advance(10_000);
    assert.isAtMost(broker.mostWithin(1_000), MESSAGES_PER_SECOND_MAX);
    assert.isAbove(uplink.counters.merged, 2_000);
    for (let pin = 0; pin < 30; pin++) assert.equal(broker.heard(`ds/V${pin}`).at(-1), String(2_970 + pin));
    uplink.close();
  });

  it("tells afterwards what happened while the broker was away, with the times", () => {
    const { clock, deviceClock, broker, cloud, goUp } = makeMqttBench();
    const uplink = new Uplink({
      clock: deviceClock,
      transport: cloud,
      tellsTime: () => true,
      wallTimeMs: () => 1_700_000_000_000 + deviceClock.now(),
    });
    for (let i = 0; i < 5; i++) {
      uplink.virtualWrite(1, asciiBytes(String(i)));
      clock.advance(1_000);
    }
    goUp();
    uplink.onCloudUp();
    clock.advance(10_000);
    const told = broker.heard("ds/V1/timestamped_batch").map((json) => JSON.parse(json)[0]);
    assert.deepEqual(
      told,
      Array.from({ length: 5 }, (_, i) => [1_700_000_000_000 + 1_000 * i, i]),
    );
    uplink.close();
  });

  it("tells after thirty days away what the buffer holds: the newest, in order, each with its time", () => {
    const { clock, deviceClock, broker, cloud, goUp } = makeMqttBench();
    const startMs = 1_700_000_000_000;
    const uplink = new Uplink({
      clock: deviceClock,
      transport: cloud,
      tellsTime: () => true,
      wallTimeMs: () => startMs + deviceClock.now(),
    });
    const hours = 30 * 24;
    for (let hour = 0; hour < hours; hour++) {
      uplink.virtualWrite(1, asciiBytes(String(hour)));
      clock.advance(3_600_000);
    }
    assert.isAbove(uplink.counters.dropped, hours / 2);
    goUp();
    uplink.onCloudUp();
    uplink.virtualWrite(1, asciiBytes("now"));
    clock.advance(120_000);
    const told = broker.heard("ds/V1/timestamped_batch").map((json) => JSON.parse(json)[0]);
    assert.equal(told.length, hours - uplink.counters.dropped);
    assert.isAtLeast(told.length, 180);
    assert.deepEqual(
      told,
      Array.from({ length: told.length }, (_, i) => {
        const hour = hours - told.length + i;
        return [startMs + hour * 3_600_000, hour];
      }),
    );
    assert.deepEqual(broker.heard("ds/V1"), ["now"]);
    assert.isAtMost(broker.mostWithin(1_000), MESSAGES_PER_SECOND_MAX);
    uplink.close();
  });
});

describe("The MQTT cloud, on a broker of one's own", () => {
  it("takes an offer from below its prefix, and from nowhere else", () => {
    const { clock, broker, cloud, heard, goUp } = makeMqttBench({ cloud: { topicPrefix: "devices/pump-7/" } });
    goUp();
    const offer = JSON.stringify({
      url: "https://files.example/f.bin",
      size: 7,
      ver: "2.1.0",
      sha256: "ab".repeat(32),
    });
    for (const prefix of ["", "devices/pump-8/", "devices/pump-7/devices/pump-7/"])
      broker.publish(`${prefix}downlink/ota/json`, offer);
    clock.advance(SETTLE_MS);
    assert.deepEqual(heard, []);
    assert.equal(cloud.counters.notUnderstood, 3);
    broker.publish("devices/pump-7/downlink/ota/json", offer);
    clock.advance(SETTLE_MS);
    assert.lengthOf(heard, 1);
    assert.match(heard[0] ?? "", /^offer .*"sha256":"abab/);
  });

  it("keeps no series of values for a broker at which nobody tells the time, and one for each that has", () => {
    const { clock, broker, cloud, start, goUp } = makeMqttBench({ cloud: { topicPrefix: "plant/" } });
    assert.isFalse(cloud.keepsTimes);
    goUp();
    broker.publish("plant/downlink/ping", "");
    broker.publish("plant/downlink/utc/all/json", "{}");
    clock.advance(SETTLE_MS);
    assert.isFalse(cloud.keepsTimes);
    broker.publish("plant/downlink/utc/all/json", JSON.stringify({ time: 1_800_000_000_000 }));
    clock.advance(SETTLE_MS);
    assert.isTrue(cloud.keepsTimes);
    broker.hangUp();
    clock.advance(SETTLE_MS);
    assert.isTrue(cloud.keepsTimes, "it matters while the broker is away");
    cloud.start({ host: OTHER_HOST, token: TOKEN }, listenTo([]));
    assert.isFalse(cloud.keepsTimes);
    start();
    assert.isTrue(cloud.keepsTimes);
  });

  it("puts its prefix before each topic, and logs in as whom the product says", () => {
    const own = { topicPrefix: "plant/7/", user: "seven", clientId: "ferry-7" };
    const { clock, broker, cloud, heard, goUp } = makeMqttBench({ cloud: own, behavior: { user: "seven" } });
    goUp();
    cloud.virtualWrite(1, asciiBytes("1"));
    broker.publish("plant/7/downlink/ds/V2", "2");
    broker.publish("downlink/ds/V3", "3");
    broker.publish("plant/8/downlink/ds/V4", "4");
    clock.advance(SETTLE_MS);
    assert.deepEqual(broker.subscriptions, ["plant/7/downlink/#"]);
    assert.deepEqual(broker.heard("plant/7/ds/V1"), ["1"]);
    assert.deepEqual(heard, ["pin 2=2"]);
    assert.equal(cloud.counters.notUnderstood, 2);
  });

  it("is not made with a prefix that cannot begin topics", () => {
    for (const prefix of ["a#", "+/b/", "a b", "ä/", "$share/x/", "x".repeat(65)]) {
      assert.isFalse(isTopicPrefix(prefix));
      assert.throws(() => makeMqttBench({ cloud: { topicPrefix: prefix } }), "cannot begin topics");
    }
  });
});

describe("The MQTT cloud, under a broker that misbehaves", () => {
  it("leaves a stream that is not the protocol, and comes back when it is told", () => {
    const { clock, broker, heard, goUp } = makeMqttBench({
      behavior: { greetsWith: asciiBytes("HTTP/1.1 400 No\r\n\r\n") },
    });
    goUp();
    broker.behavior = { tokens: [TOKEN] };
    assert.equal(broker.counts.greetings, 1);
    assert.equal(broker.online, 0);
    goUp();
    clock.advance(SETTLE_MS);
    assert.deepEqual([heard, broker.online], [[], 1]);
  });

  it("understands messages in pieces of one byte, and hears repeated ones repeatedly", () => {
    const { clock, broker, heard, goUp } = makeMqttBench({ behavior: { pieceBytes: 1, repeatsItself: true } });
    goUp();
    for (let pin = 0; pin < 20; pin++) broker.publish(`downlink/ds/V${pin}`, "v", { qos: 1 });
    clock.advance(20_000);
    assert.equal(broker.counts.repeats, 20);
    assert.deepEqual(
      heard,
      Array.from({ length: 40 }, (_, i) => `pin ${i >> 1}=v`),
    );
  });

  it("is asked no more often than its user asks, however often it is thrown out", () => {
    const { clock, broker, cloud, heard, start } = makeMqttBench({ behavior: { hangsUpAfterMs: 0 } });
    for (let round = 0; round < 20; round++) {
      start();
      clock.advance(60_000);
    }
    assert.equal(broker.counts.connections, 20);
    assert.equal(cloud.counters.connections, 20);
    assert.isAtMost(heard.length, 40);
  });
});

describe("The names of pins", () => {
  it("are V and the number, or what the product says", () => {
    const names = new PinNames([
      [3, "Pump power"],
      [4, "a/b"],
      [5, "V6"],
      [7, "Pump power"],
      [3, "Second"],
    ]);
    assert.deepEqual(
      [1, 3, 4, 5, 7].map((pin) => names.nameOf(pin)),
      ["V1", "Pump power", "V4", "V5", "V7"],
    );
    assert.deepEqual([names.pinOf("Pump power"), names.pinOf("V1"), names.pinOf("V65535")], [3, 1, 65_535]);
    for (const name of ["V3", "Second", "V", "V-1", "V01", "V65536", "v1", "", "a/b", "__proto__"]) {
      assert.isUndefined(names.pinOf(name), name);
    }
  });

  it("do not change the shape of topics", () => {
    for (const name of ["Temperature", "Room 2.1_a-b"]) assert.isTrue(isPinName(name), name);
    for (const name of ["", "V5", "a/b", "a+", "#", "ä", "a\0", "x".repeat(65)]) assert.isFalse(isPinName(name), name);
  });
});

/** Until not even the shortest message finds room. */
function fillUp(cloud: MqttCloud): void {
  for (const length of [1_000, 100, 10, 0]) while (cloud.setMetadata("filler", "x".repeat(length)));
}
