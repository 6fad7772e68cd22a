/** The HTTP client over the socket port: the contract, and answers that make no sense. */

import { assert } from "chai";
import { asciiBytes, asciiText } from "../host/sim/ascii.js";
import { VirtualClock } from "../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../host/sim/cpu.js";
import { Network } from "../host/sim/network.js";
import { makeSocketClass } from "../host/sim/socket.js";
import type { TcpEnd } from "../host/sim/tcp-stream.js";
import { makeHttpClientClass } from "../src/download/http-client.js";
import { HEAD_BYTES_MAX, LINE_BYTES_MAX } from "../src/download/http-lines.js";
import type { HttpClient, HttpRequest } from "../src/ports.js";
import { describeHttpClientContract } from "./ports/contracts/http-client.js";

const HOST = "files.example";
const PORT = 80;
const LONG_MS = 10_000;
const LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: ";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

function makeWorld(secure = false) {
  const clock = new VirtualClock();
  const network = new Network(clock);
  const cpu = new SimCpu(clock);
  const server = { received: "", connection: undefined as TcpEnd | undefined, ends: [] as string[] };
  network.listen(HOST, PORT, (connection) => {
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
  const io = makeSocketClass({ network, cpu, life: { assertAlive: () => {} } }, { secure });
  return { clock, server, Client: makeHttpClientClass({ clock: new DeviceClock(clock, cpu), socket: { io } }) };
}

for (const secure of [false, true]) {
  describeHttpClientContract(
    `The HTTP client over a ${secure ? "TLS" : "TCP"} socket`,
    () => {
      const { clock, server, Client } = makeWorld(secure);
      return {
        Client,
        options: { host: HOST, port: PORT },
        noHost: "nowhere.example",
        noPort: PORT + 1,
        received: () => server.received,
        reply: (text) => server.connection?.send(asciiBytes(text)),
        hangUp: () => server.connection?.end(),
        pass: (durationMs) => clock.advance(durationMs),
      };
    },
    { secure },
  );
}

describe("The HTTP client over a socket", () => {
  let world: ReturnType<typeof makeWorld>;
  let client: HttpClient;
  let log: string[];

  const ask = (method = "GET"): HttpRequest => {
    const request = client.request({
      method,
      path: "/",
      onHeaders: (status) => log.push(String(status)),
      onReadable: (count) => {
        const bytes = new Uint8Array(count);
        log.push(asciiText(bytes.subarray(0, request.read(bytes) ?? 0)));
      },
      onDone: (error) => log.push(error ? `failed: ${error.message}` : "done"),
    });
    world.clock.advance(LONG_MS);
    return request;
  };
  const reply = (...pieces: string[]) => {
    for (const piece of pieces) {
      world.server.connection?.send(asciiBytes(piece));
      world.clock.advance(LONG_MS);
    }
  };
  beforeEach(() => {
    world = makeWorld();
    log = [];
    client = new world.Client({
      host: HOST,
      onError: (cause) => log.push(`lost: ${cause instanceof Error ? cause.message : cause}`),
    });
  });

  const UNASKED = "lost: the server sends bytes that belong to no answer";
  const ODD: readonly [string, readonly string[], readonly string[]][] = [
    ["surplus bytes at once", [`${LENGTH}4\r\n\r\nabcd and more`], ["200", "abcd", "done", UNASKED]],
    ["surplus bytes later", [`${LENGTH}4\r\n\r\nabcd`, "and more"], ["200", "abcd", "done", UNASKED]],
    ["bytes behind an empty body", [`${LENGTH}0\r\n\r\n`, "x"], ["200", "done", UNASKED]],
    ["a second answer to one question", [`${LENGTH}0\r\n\r\n`.repeat(2)], ["200", "done", UNASKED]],
    ["a trailer behind a chunk", [`${CHUNKED}4\r\nabcd\r\n0\r\nX: y\r\n\r\n`], ["200", "abcd", "done"]],
    ["a trailer that is too long", [`${CHUNKED}0\r\nX: ${"y".repeat(5000)}\r\n\r\n`], ["200", "done"]],
    ["an extension of a chunk", [`${CHUNKED}4;a="b"\r\nabcd\r\n0\r\n\r\n`], ["200", "abcd", "done"]],
    ["lines that end in LF", ["HTTP/1.1 200 OK\nContent-Length: 2\n\nab"], ["200", "ab", "done"]],
    ["a hint before the answer", [`HTTP/1.1 103 Early\r\n\r\n${LENGTH}1\r\n\r\na`], ["200", "a", "done"]],
    ["no body where none may be", [`HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n`], ["304", "done"]],
    [
      "a header that is too long",
      [`HTTP/1.1 200 OK\r\nX: ${"y".repeat(5000)}\r\nContent-Length: 0\r\n\r\n`],
      ["200", "done"],
    ],
  ];
  for (const [what, pieces, expected] of ODD) {
    it(`bears ${what}`, () => {
      ask();
      reply(...pieces);
      assert.deepEqual(log, expected);
      assert.strictEqual(world.server.ends.length, expected.includes(UNASKED) ? 1 : 0);
    });
  }

  const BAD: readonly [string, string, string][] = [
    ["no HTTP", "nonsense\r\nand more\r\n", "the server does not answer in HTTP"],
    ["a line without an end", "x".repeat(3 * LINE_BYTES_MAX), ""],
    [
      "too many headers",
      `HTTP/1.1 200 OK\r\n${"X: yyyyyyyy\r\n".repeat(2000)}`,
      `more than ${HEAD_BYTES_MAX} bytes of headers`,
    ],
    ["a length that is none", `${LENGTH}-1\r\n\r\n`, 'announces a length of "-1"'],
    [
      "an encoding that nobody asked for",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
      'sends its answer as "gzip"',
    ],
    ["a chunk without a size", `${CHUNKED}zz\r\n`, "a chunk without a size"],
    ["a chunk longer than its size", `${CHUNKED}2\r\nabcd\r\n`, "a chunk of another size than it says"],
  ];
  for (const [what, answer, reason] of BAD) {
    it(`fails, once and in order, at ${what}`, () => {
      ask();
      reply(answer);
      if (reason === "") {
        assert.deepEqual(log, [], "it waits: the user's patience decides");
        return;
      }
      assert.include(log.at(-2), `failed: `);
      assert.include(log.at(-1), reason);
      const heard = log.length;
      reply(answer);
      assert.lengthOf(log, heard);
      assert.deepEqual(world.server.ends, ["closed"]);
    });
  }

  it("expects no body behind a HEAD", () => {
    ask("HEAD");
    reply(`${LENGTH}1000\r\n\r\n`);
    assert.deepEqual(log, ["200", "done"]);
  });

  it("sends a request that is longer than the socket's room, in pieces", () => {
    const path = `/${"p".repeat(20_000)}`;
    client.request({ path, onHeaders: () => {}, onReadable: () => {}, onDone: () => {} });
    world.clock.advance(LONG_MS);
    assert.include(world.server.received, `GET ${path} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
  });

  it("fails what is asked at a connection that its server has closed", () => {
    ask();
    reply(`${LENGTH}0\r\n\r\n`);
    world.server.connection?.end();
    world.clock.advance(LONG_MS);
    assert.deepEqual(log.slice(0, 2), ["200", "done"]);
    assert.match(log.at(-1) ?? "", /^lost: /);
    const heard = log.length;
    ask();
    assert.lengthOf(log, heard, "a dead client is silent");
  });
});
