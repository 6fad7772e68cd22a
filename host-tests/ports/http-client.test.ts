/** The simulated HTTP client: the contract, and what the network, the processor and TLS do to it. */

import { assert } from "chai";
import { asciiBytes, asciiText } from "../../host/sim/ascii.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { SimCpu } from "../../host/sim/cpu.js";
import { DeviceCrash, makeHttpClientClass } from "../../host/sim/http-client.js";
import { Network, type NetworkConditions } from "../../host/sim/network.js";
import { PowerCut } from "../../host/sim/power.js";
import type { TcpEnd } from "../../host/sim/tcp-stream.js";
import type { HttpRequest } from "../../src/ports.js";
import { describeHttpClientContract } from "./contracts/http-client.js";

const HOST = "files.example";
const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: ";

function makeWorld(conditions: Partial<NetworkConditions> = {}, secureHandshakeMs = 0) {
  const clock = new VirtualClock();
  const network = new Network(clock, conditions);
  const cpu = new SimCpu(clock);
  const life = {
    isOver: false,
    assertAlive(): void {
      if (this.isOver) throw new PowerCut("off");
    },
  };
  const binding = { network, cpu, life, secureHandshakeMs };
  const server = { received: "", connection: undefined as TcpEnd | undefined, ends: [] as string[] };
  for (const port of [80, 443]) {
    network.listen(HOST, port, (connection) => {
      server.connection = connection;
      connection.handlers = {
        onReceive: () => {
          const bytes = new Uint8Array(connection.waiting);
          connection.read(bytes);
          server.received += asciiText(bytes);
        },
        onEnd: (end) => server.ends.push(end),
      };
      return true;
    });
  }
  const Http = makeHttpClientClass(binding);
  const Https = makeHttpClientClass(binding, { secure: true });
  return { clock, network, cpu, life, server, Http, Https };
}

for (const secure of [false, true]) {
  describeHttpClientContract(
    `The simulated ${secure ? "HTTPS" : "HTTP"} client`,
    () => {
      const { clock, server, Http, Https } = makeWorld();
      return {
        Client: secure ? Https : Http,
        options: { host: HOST, port: secure ? 443 : 80 },
        noHost: "nowhere.example",
        noPort: 81,
        received: () => server.received,
        reply: (text) => server.connection?.send(asciiBytes(text)),
        hangUp: () => server.connection?.end(),
        pass: (durationMs) => clock.advance(durationMs),
      };
    },
    { secure },
  );
}

describe("The simulated HTTP client", () => {
  /** One request whose body is not read unless the test does; `secure` asks over TLS. */
  const ask = (world: ReturnType<typeof makeWorld>, { secure = false, host = HOST } = {}) => {
    const result = {
      request: undefined as HttpRequest | undefined,
      told: [] as number[],
      done: [] as (Error | null)[],
      causes: [] as unknown[],
    };
    const client = new (secure ? world.Https : world.Http)({
      host,
      port: secure ? 443 : 80,
      onError: (cause) => result.causes.push(cause),
    });
    result.request = client.request({
      path: "/",
      onHeaders: () => {},
      onReadable: (count) => result.told.push(count),
      onDone: (error) => result.done.push(error),
    });
    return { client, result };
  };
  const send = (world: ReturnType<typeof makeWorld>, text: string) => world.server.connection?.send(asciiBytes(text));

  describe("in time", () => {
    it("asks after a round trip for the name and one for the connection", () => {
      const world = makeWorld({ latencyMs: 50 });
      ask(world);
      world.clock.advance(249);
      assert.strictEqual(world.server.received, "");
      world.clock.advance(2);
      assert.include(world.server.received, "GET / ");
    });

    it("spares the name's round trip for an address", () => {
      const world = makeWorld({ latencyMs: 50 });
      const { result } = ask(world, { host: "10.0.0.1" });
      world.clock.advance(101);
      assert.deepEqual(result.causes, [undefined], "refused: nobody is there");
      assert.strictEqual(world.network.counts.refused, 1);
    });

    it("receives as fast as the bandwidth allows", () => {
      const world = makeWorld({ latencyMs: 1, bytesPerSecond: 10_000 });
      const { result } = ask(world);
      world.clock.advance(100);
      send(world, `${HEAD}4000\r\n\r\n${"x".repeat(4000)}`);
      world.clock.advance(200);
      assert.isAtMost(result.told.at(-1) ?? 0, 2000);
      world.clock.advance(300);
      assert.strictEqual(result.told.at(-1), 4000);
    });

    it("delivers when the processor is free", () => {
      const world = makeWorld();
      const { result } = ask(world);
      world.clock.advance(200);
      world.cpu.run(() => world.cpu.spend(500));
      send(world, `${HEAD}4\r\n\r\nabcd`);
      world.clock.advance(499);
      assert.deepEqual(result.told, []);
      world.clock.advance(2);
      assert.deepEqual(result.told, [4]);
    });

    it("throws at a read beyond what was told, when more has come meanwhile", () => {
      const world = makeWorld();
      const { result } = ask(world);
      world.clock.advance(200);
      send(world, `${HEAD}8\r\n\r\nabcd`);
      world.clock.advance(200);
      const buffer = new Uint8Array(4);
      assert.strictEqual(result.request?.read(buffer), 4);
      assert.isUndefined(result.request?.read(buffer));
      world.cpu.run(() => world.cpu.spend(500));
      send(world, "efgh");
      world.clock.advance(200);
      assert.throws(() => result.request?.read(buffer), "invalid");
    });
  });

  describe("with a reader that stops", () => {
    it("lets no more than a window arrive, and the rest when it reads", () => {
      const world = makeWorld();
      const { result } = ask(world);
      world.clock.advance(200);
      const head = `${HEAD}20000\r\n\r\n`;
      send(world, head + "x".repeat(20_000));
      world.clock.advance(60_000);
      assert.isAtMost(result.told.at(-1) ?? 0, 5744);
      assert.isAtLeast(result.told.at(-1) ?? 0, 5744 - head.length);
      assert.isAbove(world.server.connection?.queued ?? 0, 14_000);
      let total = 0;
      while (total < 20_000) {
        const count = result.request?.read(new Uint8Array(1000)) ?? 0;
        total += count;
        if (count === 0) world.clock.advance(200);
      }
      world.clock.advance(200);
      assert.strictEqual(total, 20_000);
      assert.deepEqual(result.done, [null]);
    });
  });

  describe("when the connection breaks", () => {
    /** The server sends four of eight bytes and dies; the reader reads afterwards. */
    const breakOff = (secure: boolean, how: "closed" | "reset") => {
      const world = makeWorld();
      const { result } = ask(world, { secure });
      world.clock.advance(500);
      send(world, `${HEAD}8\r\n\r\nabcd`);
      world.server.connection?.end(how);
      world.clock.advance(500);
      const isAlive = result.done.length === 0;
      const count = isAlive ? result.request?.read(new Uint8Array(8)) : undefined;
      world.clock.advance(500);
      assert.lengthOf(result.done, 1);
      assert.instanceOf(result.done[0], Error);
      return count;
    };

    it("keeps unread bytes until they are read, and only then fails", () => {
      assert.strictEqual(breakOff(false, "closed"), 4);
      assert.strictEqual(breakOff(false, "reset"), 4);
    });

    it("keeps them over TLS too when the server says goodbye", () => {
      assert.strictEqual(breakOff(true, "closed"), 4);
    });

    it("loses them over TLS when it does not", () => {
      assert.isUndefined(breakOff(true, "reset"));
    });
  });

  describe("on a bad network", () => {
    it("fails with the host's name when the name has no address", () => {
      const world = makeWorld();
      const { result } = ask(world, { host: "nowhere.example" });
      world.clock.advance(1000);
      assert.deepEqual(result.causes, ["nowhere.example"]);
      assert.strictEqual(world.network.counts.unresolved, 1);
    });

    it("fails after a while when the resolver does not answer", () => {
      const world = makeWorld({ dnsTimeoutMs: 4000 });
      world.network.resolverAnswers = false;
      const { result } = ask(world);
      world.clock.advance(3999);
      assert.deepEqual(result.causes, []);
      world.clock.advance(1);
      assert.deepEqual(result.causes, [HOST]);
      assert.strictEqual(world.network.counts.unresolved, 1);
    });

    it("stalls while the link is down, and goes on when it is up", () => {
      const world = makeWorld();
      const { result } = ask(world);
      world.clock.advance(200);
      world.network.linkUp = false;
      send(world, `${HEAD}4\r\n\r\nabcd`);
      world.clock.advance(3_600_000);
      assert.deepEqual([result.told, result.done], [[], []]);
      assert.isAbove(world.network.counts.heldBack, 0);
      world.network.linkUp = true;
      world.clock.advance(200);
      assert.deepEqual(result.told, [4]);
    });

    it("gives up when the link stays down for as long as it was told to wait", () => {
      const world = makeWorld({ giveUpAfterMs: 30_000 });
      const { result } = ask(world);
      world.clock.advance(200);
      world.network.linkUp = false;
      world.clock.advance(20_000);
      world.network.linkUp = true;
      world.clock.advance(20_000);
      assert.deepEqual(result.done, [], "the link came back in time");
      world.network.linkUp = false;
      world.clock.advance(30_000);
      assert.lengthOf(result.done, 1);
      assert.strictEqual(world.network.counts.givenUp, 1);
      assert.deepEqual(world.server.ends, ["failed"]);
    });
  });

  describe("over TLS", () => {
    it("fails with the reason when the certificate is bad", () => {
      const world = makeWorld();
      world.network.certificateProblems.set(HOST, "certificate expired");
      const { result } = ask(world, { secure: true });
      world.clock.advance(1000);
      assert.match(String(result.causes[0]), /certificate expired/);
      assert.strictEqual(world.network.counts.badCertificates, 1);
      assert.lengthOf(result.done, 1);
      ask(world);
      world.clock.advance(1000);
      assert.include(world.server.received, "GET", "plain HTTP does not mind");
    });

    it("holds the processor for the handshake", () => {
      const world = makeWorld({}, 700);
      ask(world, { secure: true });
      world.clock.advance(2000);
      assert.include(world.server.received, "GET");
      assert.approximately(world.cpu.longestTaskMs, 700, 1e-9);
    });
  });

  describe("answered with what the real one does not survive", () => {
    for (const [what, text] of [
      ["more bytes than promised", ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "more"]],
      ["a trailer", ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"]],
      ["something that is no HTTP", ["nonsense\r\nand more\r\n"]],
    ] as const) {
      it(`crashes at ${what}`, () => {
        const world = makeWorld();
        ask(world);
        world.clock.advance(200);
        assert.throws(() => {
          for (const part of text) {
            send(world, part);
            world.clock.advance(200);
          }
        }, DeviceCrash);
      });
    }

    it("survives more bytes than promised when it is closed before they come", () => {
      const world = makeWorld();
      const { client, result } = ask(world);
      world.clock.advance(200);
      send(world, `${HEAD}4\r\n\r\nabcd more`);
      world.clock.advance(100);
      assert.deepEqual(result.told, [4]);
      client.close();
      send(world, "and more");
      world.clock.advance(1000);
      assert.deepEqual([result.done, result.causes], [[], []]);
    });
  });

  describe("of a device that is off", () => {
    it("throws PowerCut, and its server finds the connection closed", () => {
      const world = makeWorld();
      const { client, result } = ask(world);
      world.clock.advance(200);
      world.life.isOver = true;
      world.cpu.kill();
      world.network.dropConnections();
      world.clock.advance(200);
      assert.deepEqual(world.server.ends, ["closed"]);
      assert.strictEqual(world.network.connections, 0);
      assert.throws(() => client.close(), PowerCut);
      assert.throws(() => result.request?.read(new Uint8Array(1)), PowerCut);
      assert.throws(() => ask(world), PowerCut);
      assert.deepEqual(result.done, []);
    });
  });
});
