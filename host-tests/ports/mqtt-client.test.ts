/** Ferry's MQTT client over the simulated sockets: the contract, its pings, and brokers that do not keep to anything. */

import { assert } from "chai";
import { connack, mqttPacket, parseClientPacket, pingresp, publish, suback } from "../../host/peers/mqtt-packets.js";
import { asciiBytes, asciiText } from "../../host/sim/ascii.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { Network, type NetworkConditions } from "../../host/sim/network.js";
import { makeSocketClass } from "../../host/sim/socket.js";
import type { TcpEnd } from "../../host/sim/tcp-stream.js";
import { makeMqttClientClass, PING_ANSWER_MS, PING_SHARE } from "../../src/cloud/mqtt/client.js";
import { TOPIC_BYTES_MAX } from "../../src/cloud/mqtt/packets.js";
import type { Socket, SocketOptions } from "../../src/ports.js";
import { describeMqttClientContract } from "./contracts/mqtt-client.js";

const HOST = "broker.example";
const PORT = 8883;
const KEEP_ALIVE_MS = 45_000;

function makeWorld(secure: boolean, conditions: Partial<NetworkConditions> = {}) {
  const clock = new VirtualClock();
  const network = new Network(clock, conditions);
  const cpu = new SimCpu(clock);
  const server = {
    received: "",
    isReading: true,
    connection: undefined as TcpEnd | undefined,
    read(): void {
      const bytes = new Uint8Array(this.connection?.waiting ?? 0);
      this.connection?.read(bytes);
      this.received += asciiText(bytes);
    },
  };
  network.listen(HOST, PORT, (connection) => {
    server.connection = connection;
    connection.handlers = { onReceive: () => server.isReading && server.read() };
    return true;
  });
  const binding = { network, cpu, life: { assertAlive() {} } };
  const Client = makeMqttClientClass({
    clock: new DeviceClock(clock, cpu),
    socket: { io: makeSocketClass(binding, { secure }) },
  });
  return { clock, network, server, Client };
}

for (const secure of [false, true]) {
  describeMqttClientContract(`Ferry's client over simulated ${secure ? "TLS" : "TCP"}`, () => {
    const { clock, server, Client } = makeWorld(secure);
    return {
      Client,
      options: { host: HOST, port: PORT },
      noHost: "nowhere.example",
      noPort: 81,
      received: () => server.received,
      reply: (text) => server.connection?.send(asciiBytes(text)),
      hangUp: () => server.connection?.end(),
      pass: (durationMs) => clock.advance(durationMs),
    };
  });
}

describe("Ferry's MQTT client", () => {
  function makeBench(conditions: Partial<NetworkConditions> = {}) {
    const world = makeWorld(false, conditions);
    const { clock, server, Client } = world;
    const log: string[] = [];
    const client = new Client({
      host: HOST,
      port: PORT,
      id: "",
      user: "device",
      password: "secret",
      keepAliveMs: KEEP_ALIVE_MS,
      topics: ["downlink/#"],
      payloadBytesMax: 1024,
      onReady: () => log.push("ready"),
      onMessage: (topic, payload) => log.push(`${topic}=${asciiText(payload)}`),
      onDropped: (topic, length) => log.push(`dropped ${topic} ${length}`),
      onError: (problem, detail) => log.push(`${problem}: ${detail}`),
    });
    const send = (bytes: Uint8Array) => server.connection?.send(bytes);
    const goUp = () => {
      clock.advance(1_000);
      send(connack(0));
      clock.advance(1_000);
      send(suback(1, [1]));
      clock.advance(1_000);
      assert.deepEqual(log.splice(0), ["ready"]);
    };
    const countOf = (kind: string) => {
      let rest = asciiBytes(server.received);
      let count = 0;
      for (let next = parseClientPacket(rest); next; next = parseClientPacket(rest)) {
        if (next.packet.kind === kind) count++;
        rest = rest.subarray(next.length);
      }
      return count;
    };
    return { ...world, client, log, send, goUp, countOf };
  }

  describe("in a quiet session", () => {
    it("pings before the broker would miss it, and stays while it is answered", () => {
      const { clock, log, send, goUp, countOf } = makeBench();
      goUp();
      for (let round = 1; round <= 10; round++) {
        clock.runUntil(() => countOf("pingreq") === round, KEEP_ALIVE_MS, "a ping");
        send(pingresp());
      }
      clock.advance(PING_ANSWER_MS);
      assert.deepEqual(log, []);
    });

    it("takes a message for an answer", () => {
      const { clock, log, send, goUp, countOf } = makeBench();
      goUp();
      clock.runUntil(() => countOf("pingreq") === 1, KEEP_ALIVE_MS, "a ping");
      send(publish("downlink/ds/V1", "1"));
      clock.advance(PING_ANSWER_MS);
      assert.deepEqual(log, ["downlink/ds/V1=1"]);
    });

    it("gives up a broker that does not answer", () => {
      const { clock, log, goUp } = makeBench();
      goUp();
      clock.advance(KEEP_ALIVE_MS * PING_SHARE + PING_ANSWER_MS);
      assert.deepEqual(log, ["connection: broker.example does not answer any more"]);
    });

    it("gives up a broker behind a link that went down, though it cannot even ping", () => {
      const { clock, network, client, log, goUp } = makeBench();
      goUp();
      network.linkUp = false;
      let taken = 0;
      while (client.publish("ds/V1", new Uint8Array(1000))) taken++;
      clock.advance(KEEP_ALIVE_MS + PING_ANSWER_MS);
      assert.isAbove(taken, 3);
      assert.lengthOf(log, 1);
      assert.isAbove(network.counts.heldBack, 0);
    });
  });

  describe("over a socket that", () => {
    /** A socket that the test drives; the client is connected and in. */
    function makeScripted(write: (bytes: Uint8Array) => number) {
      const log: string[] = [];
      const timers: (() => void)[] = [];
      let events: SocketOptions | undefined;
      let unread = Uint8Array.from([...connack(0), ...suback(1, [1])]);
      class Scripted implements Socket {
        constructor(options: SocketOptions) {
          events = options;
        }
        read(buffer: Uint8Array) {
          const count = Math.min(buffer.length, unread.length);
          buffer.set(unread.subarray(0, count));
          unread = unread.slice(count);
          return count || undefined;
        }
        write(bytes: Uint8Array) {
          return write(bytes);
        }
        close() {
          log.push("socket closed");
        }
      }
      const clock = { now: () => 0, set: (callback: () => void) => timers.push(callback), clear() {} };
      const client = new (makeMqttClientClass({ clock, socket: { io: Scripted } }))({
        host: HOST,
        port: PORT,
        id: "",
        user: "device",
        password: "secret",
        keepAliveMs: KEEP_ALIVE_MS,
        topics: ["downlink/#"],
        payloadBytesMax: 1024,
        onReady: () => log.push("ready"),
        onMessage: () => log.push("message"),
        onDropped: () => log.push("dropped"),
        onError: (problem) => log.push(problem),
      });
      events?.onWritable(1_000);
      events?.onReadable(unread.length);
      return { client, log, timers };
    }

    it("takes a goodbye gets one before it is closed", () => {
      const writes: Uint8Array[] = [];
      const { client } = makeScripted((bytes) => {
        writes.push(bytes.slice());
        return 1_000;
      });
      client.close();
      assert.deepEqual(writes.at(-1), Uint8Array.of(0xe0, 0));
    });

    it("throws at a write is given up, but not from inside the call", () => {
      let isBroken = false;
      const { client, log, timers } = makeScripted(() => {
        if (isBroken) throw new Error("would block");
        return 1_000;
      });
      isBroken = true;
      assert.isTrue(client.publish("ds/V1", asciiBytes("1")));
      assert.deepEqual(log, ["ready"]);
      timers.at(-1)?.();
      assert.deepEqual(log, ["ready", "socket closed", "connection"]);
    });
  });

  describe("under a broker that does not keep to the protocol", () => {
    const broken: readonly (readonly [what: string, bytes: Uint8Array, says: RegExp])[] = [
      ["a packet that only clients send", mqttPacket(0x82, [0, 1]), /a packet of type 8/],
      ["a message of QoS 2", mqttPacket(0x34, [0, 1, 97, 0, 1]), /QoS 2/],
      ["a message of QoS 3", mqttPacket(0x36, [0, 1, 97, 0, 1]), /QoS 3/],
      ["a message without a topic", mqttPacket(0x30, [0, 0, 97]), /topic cannot be right/],
      ["a topic longer than its message", mqttPacket(0x30, [0, 9, 97]), /topic cannot be right/],
      ["a message too short for a topic", mqttPacket(0x30, [1]), /without a topic/],
      ["a message too short for its id", mqttPacket(0x32, [0, 1, 97]), /topic cannot be right/],
      ["a length that does not end", Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 0x01), /a length without an end/],
      ["an acknowledgement of 200 bytes", mqttPacket(0x40, new Uint8Array(200)), /200 bytes in a packet of type 4/],
      ["an answer to no login", connack(0), /a login that was not asked/],
      ["half an answer to a subscription", mqttPacket(0x90, [0, 1]), /cannot be right/],
    ];
    for (const [what, bytes, says] of broken) {
      it(`leaves it at ${what}, saying so`, () => {
        const { clock, log, send, goUp } = makeBench();
        goUp();
        send(bytes);
        send(publish("downlink/ds/V1", "behind it"));
        clock.advance(1_000);
        assert.lengthOf(log, 1);
        assert.match(log[0] ?? "", says);
        assert.match(log[0] ?? "", /^connection: /);
      });
    }

    it("leaves it at a message, or half a login, before the login", () => {
      for (const bytes of [publish("downlink/ds/V1", "1"), mqttPacket(0x20, [0])]) {
        const { clock, log, send } = makeBench();
        clock.advance(1_000);
        send(bytes);
        clock.advance(1_000);
        assert.lengthOf(log, 1);
        assert.match(log[0] ?? "", /^connection: /);
      }
    });

    it("does not take the confirmation of another subscription for its own", () => {
      const { clock, log, send } = makeBench();
      clock.advance(1_000);
      send(connack(0));
      send(suback(2, [1]));
      clock.advance(1_000);
      assert.deepEqual(log, []);
      send(suback(1, [1]));
      clock.advance(1_000);
      assert.deepEqual(log, ["ready"]);
    });

    it("does not hold topics of any length in memory, and finds its way behind them", () => {
      const { clock, log, send, goUp, countOf } = makeBench();
      goUp();
      send(publish("t".repeat(10_000), "x", 4));
      send(publish("downlink/ds/V1", "after"));
      clock.advance(5_000);
      assert.deepEqual(log, [`dropped ${"t".repeat(TOPIC_BYTES_MAX)} 1`, "downlink/ds/V1=after"]);
      assert.equal(countOf("puback"), 1);
    });

    it("reads no more while its acknowledgements find no way out, and loses none", () => {
      const { clock, server, log, send, goUp, countOf } = makeBench();
      const count = 10_000;
      goUp();
      server.isReading = false;
      for (let id = 1; id <= count; id++) send(publish("a", "", id));
      clock.advance(10_000);
      assert.isAbove(log.length, 1_000);
      assert.isBelow(log.length, count);
      server.isReading = true;
      server.read();
      clock.advance(20_000);
      assert.lengthOf(log, count);
      assert.equal(countOf("puback"), count);
    });
  });
});
