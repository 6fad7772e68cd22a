/** What the MQTT cloud must get through with a real broker, with Ferry's client and with npm's, over TCP and TLS. */

import type { LookupFunction } from "node:net";
import { assert } from "chai";
import { CertificateAuthority } from "../../host/node/certificates.js";
import { makeNodeMqttClientClass } from "../../host/node/mqtt-client.js";
import { NodeNetwork } from "../../host/node/network.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import type { Identity } from "../../host/node/tls.js";
import { asciiBytes } from "../../host/sim/ascii.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { makeSocketClass } from "../../host/sim/socket.js";
import { FailureCode } from "../../src/base/failure-code.js";
import { makeMqttClientClass } from "../../src/cloud/mqtt/client.js";
import { MESSAGE_BYTES_MAX, MqttCloud } from "../../src/cloud/mqtt/mqtt-cloud.js";
import type { MqttClientClass } from "../../src/ports.js";
import { IDENTITY, listenTo } from "../support/cloud-events.js";

export const USER = "device";
export const TOKEN = "0123456789abcdefghijklmnopqrstuv";

const HOST = "broker.example";
const LIMIT_MS = 20_000;
const DAY_MS = 86_400_000;
const LONG_AGO = new Date(Date.now() - 2 * DAY_MS);
const YESTERDAY = new Date(Date.now() - DAY_MS);

export interface BrokerUnderTest {
  readonly port: number;
  /** To the devices. */
  publish(topic: string, payload: string | Uint8Array, options?: { readonly qos?: 0 | 1 }): void;
  /** What devices have published under this topic, as text. */
  heard(topic: string): string[];
  close(): Promise<void>;
}

/** Starts a broker that knows USER and TOKEN; with TLS when it gets an identity. */
export type StartBroker = (identity?: Identity) => Promise<BrokerUnderTest>;

/** Every name is this computer. */
const lookup: LookupFunction = (_host, options, callback) => {
  process.nextTick(() => {
    if (typeof options === "object" && options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
    else callback(null, "127.0.0.1", 4);
  });
};

type MakeClient = (clock: PacedClock, network: NodeNetwork, trust: readonly string[] | undefined) => MqttClientClass;

const CLIENTS: readonly (readonly [whose: string, make: MakeClient])[] = [
  [
    "Ferry's client",
    (clock, network, trust) => {
      const cpu = new SimCpu(clock);
      const binding = { network, cpu, life: { assertAlive() {} } };
      const socket = { io: makeSocketClass(binding, { secure: trust !== undefined }) };
      return makeMqttClientClass({ clock: new DeviceClock(clock, cpu), socket });
    },
  ],
  [
    "npm's client",
    (clock, _network, trust) => makeNodeMqttClientClass({ clock, lookup, ...(trust === undefined ? {} : { trust }) }),
  ],
];

/** A cloud on the real network, and what it says. */
function makeWorld(makeClient: MakeClient, port: number, trust: readonly string[] | undefined) {
  const clock = new PacedClock();
  const network = new NodeNetwork({ clock, lookup, trust: trust ?? [] });
  const way = { io: makeClient(clock, network, trust) };
  const cloud = new MqttCloud({ clock, ...(trust === undefined ? { plain: way } : { tls: way }) });
  const heard: string[] = [];
  const until = (condition: () => boolean, what: string) => clock.run(condition, LIMIT_MS, what);
  const start = (token = TOKEN) => cloud.start({ host: HOST, port, token }, listenTo(heard));
  const goUp = async () => {
    start();
    await until(() => heard.length > 0, "the login");
    assert.deepEqual(heard.splice(0), ["up"], cloud.lastProblem);
  };
  return { clock, network, cloud, heard, until, start, goUp, Client: way.io };
}

type World = ReturnType<typeof makeWorld>;

export function describeWithBroker(name: string, startBroker: StartBroker): void {
  describe(`The MQTT cloud, with ${name}`, () => {
    let authority: CertificateAuthority;
    const worlds: World[] = [];

    before(() => {
      authority = new CertificateAuthority("Ferry's test authority");
    });

    afterEach(() => {
      for (const { cloud, network } of worlds.splice(0)) {
        cloud.stop();
        network.dropConnections();
      }
    });

    function join(makeClient: MakeClient, port: number, trust: readonly string[] | undefined): World {
      const world = makeWorld(makeClient, port, trust);
      worlds.push(world);
      return world;
    }

    for (const secure of [false, true]) {
      describe(`over ${secure ? "TLS" : "TCP"}`, () => {
        let broker: BrokerUnderTest;

        before(async () => {
          broker = await (secure ? startBroker(authority.issue(HOST)) : startBroker());
        });

        after(() => broker.close());

        for (const [whose, makeClient] of CLIENTS) {
          describe(`and ${whose}`, () => {
            let world: World;

            beforeEach(() => {
              world = join(makeClient, broker.port, secure ? [authority.certificate] : undefined);
            });

            it("logs in, and says what it is", async () => {
              const before = broker.heard("info/mcu").length;
              await world.goUp();
              assert.isTrue(world.cloud.tellIdentity(IDENTITY));
              await world.until(() => broker.heard("info/mcu").length > before, "the device's word of itself");
              assert.include(JSON.parse(broker.heard("info/mcu").at(-1) ?? "{}"), { tmpl: IDENTITY.templateId });
            });

            it("is told that its token is wrong", async () => {
              world.start("not the token");
              await world.until(() => world.heard.length > 0, "a refusal");
              assert.deepEqual(world.heard, [`failed ${FailureCode.TOKEN_INVALID}`]);
            });

            it("sends values of all kinds up, up to the longest", async () => {
              await world.goUp();
              // A byte of type, two of length, two and five of the topic.
              const longest = "x".repeat(MESSAGE_BYTES_MAX - 10);
              const topic = "ds/V1";
              const before = broker.heard(topic).length;
              for (const value of ["21.5", "", "several\0items", longest]) {
                assert.isTrue(world.cloud.virtualWrite(1, asciiBytes(value)));
              }
              assert.isFalse(world.cloud.virtualWrite(1, asciiBytes(`${longest}x`)));
              assert.isTrue(world.cloud.logEvent("größer_als_5", "°C"));
              await world.until(() => broker.heard(topic).length === before + 4, "four values");
              assert.deepEqual(broker.heard(topic).slice(before), ["21.5", "", "several\0items", longest]);
              await world.until(() => broker.heard("event/größer_als_5").length > 0, "an event");
            });

            it("gets all that comes down, of either QoS, with and without a payload", async () => {
              await world.goUp();
              for (const qos of [0, 1] as const) {
                broker.publish("downlink/ds/V1", `value ${qos}`, { qos });
                broker.publish("downlink/ping", "", { qos });
                broker.publish("downlink/reboot", "", { qos });
                broker.publish("downlink/ota/json", '{"url":"https://h/f.bin","size":7,"ver":"2"}', { qos });
              }
              await world.until(() => world.cloud.counters.received >= 8, "eight messages");
              const offer = 'offer {"url":"https://h/f.bin","sizeBytes":7,"type":"","version":"2","build":""}';
              assert.sameMembers(world.heard, ["pin 1=value 0", "reboot", offer, "pin 1=value 1", "reboot", offer]);
            });

            it("loses nothing of five hundred messages either way, and keeps their order", async () => {
              await world.goUp();
              const topic = `meta/count ${whose} ${secure}`;
              const numbers = Array.from({ length: 500 }, (_, i) => String(i));
              for (const number of numbers) broker.publish("downlink/ds/V1", number, { qos: 1 });
              for (const number of numbers) {
                await world.until(() => world.cloud.setMetadata(topic.slice("meta/".length), number), "room");
              }
              await world.until(() => world.heard.length >= 500 && broker.heard(topic).length >= 500, "all of them");
              assert.deepEqual(
                world.heard,
                numbers.map((number) => `pin 1=${number}`),
              );
              assert.deepEqual(broker.heard(topic), numbers);
            });

            it("drops what is too long for it, and stays", async () => {
              await world.goUp();
              broker.publish("downlink/ds/V1", "x".repeat(MESSAGE_BYTES_MAX + 1), { qos: 1 });
              broker.publish("downlink/ds/V2", "after", { qos: 1 });
              await world.until(() => world.heard.length > 0, "the message behind it");
              assert.deepEqual([world.heard, world.cloud.counters.dropped], [["pin 2=after"], 1]);
            });
          });
        }
      });
    }

    it("keeps a quiet session longer than the broker would wait for a silent one", async () => {
      const broker = await startBroker();
      const world = join(CLIENTS[0]?.[1] as MakeClient, broker.port, undefined);
      const log: string[] = [];
      const client = new world.Client({
        host: HOST,
        port: broker.port,
        id: "",
        user: USER,
        password: TOKEN,
        keepAliveMs: 1_000,
        topics: ["downlink/#"],
        payloadBytesMax: 64,
        onReady: () => log.push("ready"),
        onMessage: (topic) => log.push(topic),
        onDropped: () => log.push("dropped"),
        onError: (problem) => log.push(problem),
      });
      await world.until(() => log.length > 0, "the login");
      const sinceMs = world.clock.now();
      await world.until(() => world.clock.now() - sinceMs > 4_000, "four seconds");
      broker.publish("downlink/still/there", "");
      await world.until(() => log.length > 1, "a message");
      assert.deepEqual(log, ["ready", "downlink/still/there"]);
      client.close();
      await broker.close();
    });

    it("notices that the broker is gone", async () => {
      const broker = await startBroker();
      const world = join(CLIENTS[0]?.[1] as MakeClient, broker.port, undefined);
      await world.goUp();
      await broker.close();
      await world.until(() => world.heard.length > 0, "the loss");
      assert.deepEqual(world.heard, ["lost"]);
      world.start();
      await world.until(() => world.heard.length > 1, "the refusal");
      assert.deepEqual(world.heard, ["lost", `failed ${FailureCode.CLOUD_GENERIC}`]);
    });

    const bad: readonly (readonly [what: string, show: () => Identity, says: RegExp])[] = [
      ["is for another host", () => authority.issue("other.example"), /is for another host/],
      [
        "has expired",
        () => authority.issue(HOST, { notBefore: LONG_AGO, notAfter: YESTERDAY }),
        /the certificate of broker\.example has expired/,
      ],
      ["is the broker's own word", () => authority.selfSigned(HOST), /self-signed/],
      [
        "is from an authority that nobody knows",
        () => new CertificateAuthority("Somebody else's authority").issue(HOST),
        /from an authority that is not trusted/,
      ],
    ];
    for (const [what, show, says] of bad) {
      it(`does not log in where the certificate ${what}, and says so`, async () => {
        const broker = await startBroker(show());
        for (const [whose, makeClient] of CLIENTS) {
          const world = join(makeClient, broker.port, [authority.certificate]);
          world.start();
          await world.until(() => world.heard.length > 0, "a refusal");
          assert.deepEqual(world.heard, [`failed ${FailureCode.TLS_CERTIFICATE}`], whose);
          assert.match(world.cloud.lastProblem, says, whose);
        }
        assert.deepEqual(broker.heard("info/mcu"), []);
        await broker.close();
      });
    }
  });
}
