/**
 * What every MqttClient must do. The fixture's broker is a bare TCP server that the tests script byte by byte; it has one
 * connection at a time. Tests are generators: at each `yield`, time goes by.
 */

import { assert } from "chai";
import {
  type ClientPacket,
  connack,
  mqttPacket,
  parseClientPacket,
  pingresp,
  publish,
  suback,
} from "../../../host/peers/mqtt-packets.js";
import { asciiBytes, asciiText } from "../../../host/sim/ascii.js";
import type { MqttClient, MqttClientClass, MqttOptions } from "../../../src/ports.js";

export interface MqttClientFixture {
  readonly Client: MqttClientClass;
  /** Host and port of the server, and whatever else the class needs. */
  readonly options: { readonly host: string; readonly port: number } & Readonly<Record<string, unknown>>;
  /** A host that does not exist. */
  readonly noHost: string;
  /** A port of the host on which nobody listens. */
  readonly noPort: number;
  /** Everything that the server has received, one byte per character. */
  received(): string;
  /** The server sends text, one byte per character. */
  reply(text: string): void;
  /** The server closes the connection, in order, behind what it has sent. */
  hangUp(): void;
  /** Lets time go by, running what falls due. Where that is real time, the answer has a then(), as promises do. */
  pass(durationMs: number): unknown;
}

const STEP_MS = 200;
const PAYLOAD_BYTES_MAX = 64;
const TOPIC = "downlink/#";

interface Thenable {
  then(callback: () => unknown): unknown;
}

function isThenable(value: unknown): value is Thenable {
  return typeof value === "object" && value !== null && "then" in value;
}

export function describeMqttClientContract(name: string, makeFixture: () => MqttClientFixture): void {
  describe(`${name} as an MqttClient`, () => {
    let fixture: MqttClientFixture;
    let log: string[];

    const open = (options: Partial<MqttOptions> = {}): MqttClient =>
      new fixture.Client({
        ...fixture.options,
        id: "",
        user: "device",
        password: "secret",
        keepAliveMs: 45_000,
        topics: [TOPIC],
        payloadBytesMax: PAYLOAD_BYTES_MAX,
        onReady: () => log.push("ready"),
        onMessage: (topic, payload, isKept) => log.push(`${topic}=${asciiText(payload)}${isKept ? " (kept)" : ""}`),
        onDropped: (topic, length) => log.push(`dropped ${topic} ${length}`),
        onError: (problem) => log.push(problem),
        ...options,
      });
    const send = (...packets: readonly Uint8Array[]) => {
      for (const packet of packets) fixture.reply(asciiText(packet));
    };
    /** What the client has sent. */
    const sent = (): ClientPacket[] => {
      let rest = asciiBytes(fixture.received());
      const packets: ClientPacket[] = [];
      for (let next = parseClientPacket(rest); next; next = parseClientPacket(rest)) {
        packets.push(next.packet);
        rest = rest.subarray(next.length);
      }
      return packets;
    };
    const sentOf = <K extends ClientPacket["kind"]>(kind: K) =>
      sent().filter((packet): packet is ClientPacket & { kind: K } => packet.kind === kind);
    function* logIn(options: Partial<MqttOptions> = {}): Generator<void, MqttClient> {
      const client = open(options);
      yield;
      send(connack(0));
      yield;
      send(suback(sentOf("subscribe")[0]?.id ?? 0, [1]));
      yield;
      assert.deepEqual(log, ["ready"]);
      log.length = 0;
      return client;
    }
    /** A test that goes at the pace of its fixture. */
    const test = (title: string, script: () => Generator<void, void>) =>
      it(title, () => {
        const steps = script();
        const proceed = (): unknown => {
          while (!steps.next().done) {
            const passing = fixture.pass(STEP_MS);
            if (isThenable(passing)) return passing.then(proceed);
          }
          return undefined;
        };
        return proceed();
      });

    beforeEach(() => {
      fixture = makeFixture();
      log = [];
    });

    describe("when logging in", () => {
      test("says who it is, and asks for a clean session", function* () {
        open({ id: "ferry-7", keepAliveMs: 45_000 });
        yield;
        assert.deepEqual(sent(), [
          { kind: "connect", id: "ferry-7", user: "device", password: "secret", keepAliveSeconds: 45, clean: true },
        ]);
        assert.deepEqual(log, []);
      });

      test("lets the broker make up its id", function* () {
        open();
        yield;
        assert.equal(sentOf("connect")[0]?.id, "");
      });

      test("subscribes once it is in, with QoS 1, and is ready when that is granted", function* () {
        open();
        yield;
        send(connack(0));
        yield;
        const [subscribe] = sentOf("subscribe");
        assert.deepEqual(subscribe?.topics, [[TOPIC, 1]]);
        assert.deepEqual(log, []);
        send(suback(subscribe?.id ?? 0, [0]));
        yield;
        assert.deepEqual(log, ["ready"]);
      });

      test("hands over what comes before the subscription is confirmed", function* () {
        open();
        yield;
        send(connack(0), publish("downlink/redirect", "mqtts://there"));
        yield;
        assert.deepEqual(log, ["downlink/redirect=mqtts://there"]);
      });

      for (const code of [4, 5]) {
        test(`says that the password is refused at code ${code}, though the broker hangs up`, function* () {
          open();
          yield;
          send(connack(code));
          fixture.hangUp();
          yield;
          assert.deepEqual(log, ["credentials"]);
        });
      }

      test("says that it is refused for another reason", function* () {
        open();
        yield;
        send(connack(3));
        yield;
        assert.deepEqual(log, ["refused"]);
      });

      test("says that the subscription is refused", function* () {
        open();
        yield;
        send(connack(0));
        yield;
        send(suback(sentOf("subscribe")[0]?.id ?? 0, [0x80]));
        yield;
        assert.deepEqual(log, ["refused"]);
      });

      test("says that there is no such host, or nobody at home", function* () {
        open({ host: fixture.noHost });
        yield;
        assert.deepEqual(log, ["name"]);
        open({ port: fixture.noPort });
        assert.deepEqual(log, ["name"], "not from inside the constructor");
        yield;
        assert.deepEqual(log, ["name", "connection"]);
      });

      test("publishes nothing before it is ready", function* () {
        const client = open();
        assert.isFalse(client.publish("ds/V1", asciiBytes("1")));
        yield;
        assert.isFalse(client.publish("ds/V1", asciiBytes("1")));
      });
    });

    describe("when ready", () => {
      test("publishes, with QoS 0 and not to be kept", function* () {
        const client = yield* logIn();
        assert.isTrue(client.publish("ds/V1", asciiBytes("21.5")));
        assert.isTrue(client.publish("get/ds/all", new Uint8Array(0)));
        yield;
        assert.deepEqual(sentOf("publish"), [
          { kind: "publish", topic: "ds/V1", payload: asciiBytes("21.5"), qos: 0, retain: false },
          { kind: "publish", topic: "get/ds/all", payload: new Uint8Array(0), qos: 0, retain: false },
        ]);
      });

      test("copies what it publishes", function* () {
        const client = yield* logIn();
        const value = asciiBytes("before");
        client.publish("ds/V1", value);
        value.fill(0);
        yield;
        assert.equal(asciiText(sentOf("publish")[0]?.payload ?? new Uint8Array(0)), "before");
      });

      test("refuses what the network has no room for, and sends all that it took", function* () {
        const client = yield* logIn();
        const payload = new Uint8Array(1000).fill(65);
        let taken = 0;
        while (taken < 100_000 && client.publish(`ds/V${taken}`, payload)) taken++;
        assert.isBelow(taken, 100_000);
        for (let i = 0; i < 30; i++) yield;
        assert.deepEqual(
          sentOf("publish").map(({ topic }) => topic),
          Array.from({ length: taken }, (_, i) => `ds/V${i}`),
        );
      });

      test("hands over messages of all kinds, and acknowledges those that ask for it", function* () {
        yield* logIn();
        send(
          publish("downlink/ds/V1", "1"),
          publish("downlink/ds/V2", "2", 7),
          publish("downlink/ds/V3", "a\0b", 65_535),
        );
        yield;
        assert.deepEqual(log, ["downlink/ds/V1=1", "downlink/ds/V2=2", "downlink/ds/V3=a\0b"]);
        assert.deepEqual(
          sentOf("puback").map(({ id }) => id),
          [7, 65_535],
        );
      });

      test("says of a message that the broker had kept it", function* () {
        yield* logIn();
        send(publish("a", "1", undefined, true), publish("b", "2", 8, true), publish("c", "3"));
        yield;
        assert.deepEqual(log, ["a=1 (kept)", "b=2 (kept)", "c=3"]);
      });

      test("goes on behind messages without a payload", function* () {
        yield* logIn();
        send(publish("downlink/ping", "", 9), publish("downlink/reboot", ""), publish("downlink/ds/V1", "1"));
        yield;
        assert.deepEqual(log, ["downlink/ping=", "downlink/reboot=", "downlink/ds/V1=1"]);
        assert.deepEqual(
          sentOf("puback").map(({ id }) => id),
          [9],
        );
      });

      test("puts messages together from single bytes", function* () {
        yield* logIn();
        for (const character of asciiText(publish("downlink/ds/V1", "x".repeat(20), 3))) {
          fixture.reply(character);
          yield;
        }
        send(publish("downlink/ds/V1", "y"));
        yield;
        assert.deepEqual(log, [`downlink/ds/V1=${"x".repeat(20)}`, "downlink/ds/V1=y"]);
      });

      test("takes messages as long as it was told, and drops longer ones, told and acknowledged", function* () {
        yield* logIn();
        const longest = "x".repeat(PAYLOAD_BYTES_MAX);
        send(
          publish("downlink/a", longest),
          publish("downlink/b", `${longest}x`, 5),
          publish("downlink/c", "z".repeat(5_000)),
        );
        send(publish("downlink/d", "after"));
        for (let i = 0; i < 3; i++) yield;
        assert.deepEqual(log, [
          `downlink/a=${longest}`,
          "dropped downlink/b 65",
          "dropped downlink/c 5000",
          "downlink/d=after",
        ]);
        assert.deepEqual(
          sentOf("puback").map(({ id }) => id),
          [5],
        );
      });

      test("is told once that the broker has hung up", function* () {
        const client = yield* logIn();
        fixture.hangUp();
        yield;
        yield;
        assert.deepEqual(log, ["closed"]);
        assert.isFalse(client.publish("ds/V1", asciiBytes("1")));
        client.close();
      });

      test("is told once that what comes is not the protocol", function* () {
        yield* logIn();
        send(mqttPacket(0xf0, [1, 2, 3]));
        yield;
        assert.deepEqual(log, ["connection"]);
      });
    });

    describe("when closed", () => {
      test("calls back no more, whatever comes", function* () {
        const client = yield* logIn();
        send(publish("downlink/ds/V1", "1"));
        client.close();
        client.close();
        yield;
        fixture.hangUp();
        yield;
        assert.deepEqual(log, []);
        assert.isFalse(client.publish("ds/V1", asciiBytes("1")));
      });

      test("calls back no more, also when it was closed from inside a callback", function* () {
        const closing: MqttClient = yield* logIn({
          onMessage: (topic) => {
            log.push(topic);
            closing.close();
          },
        });
        send(publish("downlink/1", "", 1), publish("downlink/2", "", 2), pingresp());
        yield;
        assert.deepEqual(log, ["downlink/1"]);
      });

      test("calls back no more when it was closed while it was connecting", function* () {
        open().close();
        yield;
        assert.deepEqual(log, []);
      });
    });
  });
}
