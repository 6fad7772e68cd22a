/** MQTT clients over real sockets, Ferry's own and npm's: the same contract as in virtual time. */

import { createServer, type LookupFunction, type Server, type Socket } from "node:net";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { createServer as createSecureServer } from "node:tls";
import { CertificateAuthority } from "../../host/node/certificates.js";
import { makeNodeMqttClientClass } from "../../host/node/mqtt-client.js";
import { NodeNetwork } from "../../host/node/network.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { makeSocketClass } from "../../host/sim/socket.js";
import { makeMqttClientClass } from "../../src/cloud/mqtt/client.js";
import type { MqttClientClass } from "../../src/ports.js";
import { describeMqttClientContract, type MqttClientFixture } from "../ports/contracts/mqtt-client.js";

const HOST = "broker.example";
/** Looks at the sockets, one event loop turn apart, that find nothing new before all counts as quiet. */
const QUIET_LOOKS = 10;

/** A resolver that knows one host, so that no test depends on this computer's. */
const lookup: LookupFunction = (host, options, callback) => {
  const unknown = { code: "ENOTFOUND", syscall: "getaddrinfo" };
  const error = host === HOST ? null : Object.assign(new Error(`${host}: no such host`), unknown);
  process.nextTick(() => {
    if (typeof options === "object" && options.all) callback(error, error ? [] : [{ address: "127.0.0.1", family: 4 }]);
    else callback(error, "127.0.0.1", 4);
  });
};

interface World {
  readonly clock: PacedClock;
  readonly network: NodeNetwork;
  received: string;
  connection: Socket | undefined;
  ends: number;
}

type MakeClient = (world: World, trust: readonly string[] | undefined) => MqttClientClass;

const ferrys: MakeClient = ({ clock, network }, trust) => {
  const cpu = new SimCpu(clock);
  const binding = { network, cpu, life: { assertAlive() {} } };
  const socket = { io: makeSocketClass(binding, { secure: trust !== undefined }) };
  return makeMqttClientClass({ clock: new DeviceClock(clock, cpu), socket });
};

const npms: MakeClient = ({ clock }, trust) =>
  makeNodeMqttClientClass({ clock, lookup, ...(trust === undefined ? {} : { trust }) });

describe("On real sockets", () => {
  let authority: CertificateAuthority;
  const listeners: Server[] = [];
  const ports = { plain: 0, secure: 0, none: 0 };
  let world: World;
  /** The server's ends of this test's connections. */
  const sockets: Socket[] = [];

  function listenAnywhere(server: Server): Promise<number> {
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address ? address.port : 0);
      });
    });
  }

  function accept(socket: Socket): void {
    const mine = world;
    mine.connection = socket;
    sockets.push(socket);
    socket.on("data", (bytes) => {
      mine.received += bytes.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => mine.ends++);
  }

  before(async () => {
    authority = new CertificateAuthority("Ferry's test authority");
    const plain = createServer({ noDelay: true }, accept);
    const secure = createSecureServer({ ...authority.issue(HOST), noDelay: true }, accept);
    listeners.push(plain, secure);
    ports.plain = await listenAnywhere(plain);
    ports.secure = await listenAnywhere(secure);
    const closed = createServer();
    ports.none = await listenAnywhere(closed);
    await new Promise((resolve) => closed.close(resolve));
  });

  afterEach(() => {
    world.network.dropConnections();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  after(() => Promise.all(listeners.map((listener) => new Promise((done) => listener.close(done)))));

  /** Until nothing moves any more: within one computer, what is sent has arrived by the next turn of the event loop. */
  async function settle(): Promise<void> {
    const look = () => [world.received.length, world.connection?.bytesWritten, world.ends].join();
    for (let quiet = 0, before = look(); quiet < QUIET_LOOKS; quiet++) {
      await sleep(1);
      await setImmediate();
      world.clock.advance(1);
      const now = look();
      if (now !== before) quiet = 0;
      before = now;
    }
  }

  function makeFixture(makeClient: MakeClient, secure: boolean): MqttClientFixture {
    const clock = new PacedClock();
    const trust = [authority.certificate];
    world = {
      clock,
      network: new NodeNetwork({ clock, lookup, trust }),
      received: "",
      connection: undefined,
      ends: 0,
    };
    return {
      Client: makeClient(world, secure ? trust : undefined),
      options: { host: HOST, port: secure ? ports.secure : ports.plain },
      noHost: "nowhere.example",
      noPort: ports.none,
      received: () => world.received,
      reply: (text) => world.connection?.write(text, "latin1"),
      hangUp: () => world.connection?.end(),
      pass: settle,
    };
  }

  for (const [whose, makeClient] of [
    ["Ferry's", ferrys],
    ["npm's", npms],
  ] as const) {
    for (const secure of [false, true]) {
      describeMqttClientContract(`${whose} client over ${secure ? "TLS" : "TCP"}`, () =>
        makeFixture(makeClient, secure),
      );
    }
  }
});
