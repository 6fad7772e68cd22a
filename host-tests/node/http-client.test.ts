/** The SDK's HTTP client over real sockets: the contract, and what only real sockets can show. */

import { createServer, type LookupFunction, type Server, type Socket } from "node:net";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { createServer as createSecureServer } from "node:tls";
import { assert } from "chai";
import { CertificateAuthority } from "../../host/node/certificates.js";
import { NodeNetwork } from "../../host/node/network.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import { SimCpu } from "../../host/sim/cpu.js";
import { makeHttpClientClass } from "../../host/sim/http-client.js";
import { PowerCut } from "../../host/sim/power.js";
import type { HttpRequest } from "../../src/ports.js";
import { describeHttpClientContract } from "../ports/contracts/http-client.js";

const HOST = "files.example";
const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: ";
/** Looks at the sockets, one event loop turn apart, that find nothing new before all counts as quiet. */
const QUIET_LOOKS = 6;

/** A resolver that knows one host, so that no test depends on this computer's. */
const lookup: LookupFunction = (host, options, callback) => {
  const error = host === HOST ? null : Object.assign(new Error(`${host}: no such host`), { code: "ENOTFOUND" });
  process.nextTick(() => {
    if (typeof options === "object" && options.all) callback(error, error ? [] : [{ address: "127.0.0.1", family: 4 }]);
    else callback(error, "127.0.0.1", 4);
  });
};

interface World {
  readonly clock: PacedClock;
  readonly network: NodeNetwork;
  readonly cpu: SimCpu;
  readonly life: { isOver: boolean; assertAlive(): void };
  readonly Http: ReturnType<typeof makeHttpClientClass>;
  readonly Https: ReturnType<typeof makeHttpClientClass>;
  received: string;
  connection: Socket | undefined;
  /** How the connection ended, as the server saw it. */
  readonly ends: string[];
}

describe("On real sockets", () => {
  let authority: CertificateAuthority;
  const listeners: Server[] = [];
  let port: number;
  let securePort: number;
  let noPort: number;
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
    const { ends } = world;
    world.connection = socket;
    sockets.push(socket);
    socket.on("data", (bytes) => {
      world.received += bytes.toString("latin1");
    });
    socket.on("end", () => ends.push("closed"));
    socket.on("error", () => ends.push("reset"));
  }

  before(async () => {
    authority = new CertificateAuthority("Ferry's test authority");
    const plain = createServer({ noDelay: true }, accept);
    const secure = createSecureServer({ ...authority.issue(HOST), noDelay: true }, accept);
    listeners.push(plain, secure);
    port = await listenAnywhere(plain);
    securePort = await listenAnywhere(secure);
    const closed = createServer();
    noPort = await listenAnywhere(closed);
    await new Promise((resolve) => closed.close(resolve));
  });

  afterEach(() => {
    world.network.dropConnections();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  after(() => Promise.all(listeners.map((listener) => new Promise((done) => listener.close(done)))));

  function makeWorld(trust: readonly string[] = []): World {
    const clock = new PacedClock();
    const network = new NodeNetwork({ clock, lookup, trust });
    const cpu = new SimCpu(clock);
    const life = {
      isOver: false,
      assertAlive(): void {
        if (this.isOver) throw new PowerCut("off");
      },
    };
    const binding = { network, cpu, life };
    return {
      clock,
      network,
      cpu,
      life,
      Http: makeHttpClientClass(binding),
      Https: makeHttpClientClass(binding, { secure: true }),
      received: "",
      connection: undefined,
      ends: [],
    };
  }

  /** Until nothing moves any more: within one computer, what is sent has arrived by the next turn of the event loop. */
  async function settle(): Promise<void> {
    const look = () => [world.received.length, world.connection?.bytesWritten, world.ends.length].join();
    for (let quiet = 0, before = look(); quiet < QUIET_LOOKS; quiet++) {
      await sleep(1);
      await setImmediate();
      world.clock.advance(1);
      const now = look();
      if (now !== before) quiet = 0;
      before = now;
    }
  }

  describeHttpClientContract("The HTTP client over real sockets", () => {
    world = makeWorld();
    return {
      Client: world.Http,
      options: { host: HOST, port },
      noHost: "nowhere.example",
      noPort,
      received: () => world.received,
      reply: (text) => world.connection?.write(text, "latin1"),
      hangUp: () => world.connection?.end(),
      pass: settle,
    };
  });

  describeHttpClientContract(
    "The HTTPS client over real sockets",
    () => {
      world = makeWorld([authority.certificate]);
      return {
        Client: world.Https,
        options: { host: HOST, port: securePort },
        noHost: "nowhere.example",
        noPort,
        received: () => world.received,
        reply: (text) => world.connection?.write(text, "latin1"),
        hangUp: () => world.connection?.end(),
        pass: settle,
      };
    },
    { secure: true },
  );

  describe("the HTTP client", () => {
    beforeEach(() => {
      world = makeWorld();
    });

    /** One request whose body is not read unless the test does. */
    function ask(Client = world.Http) {
      const result = { told: [] as number[], done: [] as (Error | null)[], causes: [] as unknown[] };
      const client = new Client({ host: HOST, port, onError: (cause) => result.causes.push(cause) });
      const request: HttpRequest = client.request({
        path: "/",
        onHeaders: () => {},
        onReadable: (count) => result.told.push(count),
        onDone: (error) => result.done.push(error),
      });
      return { client, request, result };
    }

    it("holds the sender back while nobody reads", async () => {
      const { request, result } = ask();
      await settle();
      const sizeBytes = 64 * 1024 * 1024;
      world.connection?.write(`${HEAD}${sizeBytes}\r\n\r\n`, "latin1");
      world.connection?.write(new Uint8Array(sizeBytes));
      await sleep(100);
      await settle();
      const held = world.connection?.writableLength ?? 0;
      assert.isAbove(held, sizeBytes / 2, "most of it has not even left the server");
      assert.isBelow(result.told.at(-1) ?? 0, 200_000);
      let readBytes = 0;
      const buffer = new Uint8Array(50_000);
      for (let i = 0; i < 200; i++) {
        readBytes += request.read(buffer.subarray(0, Math.min(buffer.length, (result.told.at(-1) ?? 0) - 1))) ?? 0;
        if (i % 10 === 0) await sleep(1);
        else await setImmediate();
        if (readBytes > 500_000) break;
      }
      assert.isAbove(readBytes, 500_000, "reading lets more in");
    });

    it("calls back as a task of the processor, when that is free", async () => {
      const { result } = ask();
      await settle();
      world.cpu.run(() => world.cpu.spend(60_000));
      world.connection?.write(`${HEAD}4\r\n\r\nabcd`, "latin1");
      await settle();
      assert.deepEqual(result.told, []);
      world.clock.advance(60_000);
      assert.deepEqual(result.told, [4]);
    });

    it("is silent in a life that is over", async () => {
      const { result } = ask();
      await settle();
      world.life.isOver = true;
      world.cpu.kill();
      world.connection?.write(`${HEAD}4\r\n\r\nabcd`, "latin1");
      await settle();
      assert.deepEqual(result, { told: [], done: [], causes: [] });
    });

    it("lets the server know when the device has lost its power", async () => {
      ask();
      await settle();
      world.network.dropConnections();
      await settle();
      assert.lengthOf(world.ends, 1);
    });

    it("fails with the reason when the server resets the connection", async () => {
      const { result } = ask();
      await settle();
      world.connection?.resetAndDestroy();
      await settle();
      assert.lengthOf(result.done, 1);
      assert.include(String(result.causes[0]), "ECONNRESET");
    });

    it("has no TLS while it trusts nobody, and says so", async () => {
      const { result } = ask(world.Https);
      await settle();
      assert.include(String(result.causes[0]), "this network trusts no authority");
    });

    it("keeps virtual time to real time while it waits, and not while bytes wait for it", async () => {
      const { request, result } = ask();
      const startMs = performance.now();
      const hour = { isOver: false };
      world.clock.set(() => {
        hour.isOver = true;
      }, 3_600_000);
      const run = world.clock.run(() => hour.isOver || result.told.length > 0, 7_200_000);
      await sleep(50);
      assert.isAtMost(world.clock.now(), performance.now() - startMs);
      world.connection?.write(`${HEAD}4\r\n\r\nabcd`, "latin1");
      await run;
      assert.isFalse(hour.isOver);
      await world.clock.run(() => hour.isOver, 7_200_000);
      assert.strictEqual(world.clock.now(), 3_600_000);
      assert.strictEqual(request.read(new Uint8Array(4)), 4);
    });
  });
});
