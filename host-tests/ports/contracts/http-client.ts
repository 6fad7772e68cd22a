/**
 * What every HttpClient must do. The fixture's server is a bare TCP server that the tests script byte by byte; it has
 * one connection at a time. Tests are generators: at each `yield`, time goes by.
 */

import { assert } from "chai";
import type { HttpClient, HttpClientClass, HttpRequest, HttpRequestOptions } from "../../../src/ports.js";

export interface HttpClientFixture {
  readonly Client: HttpClientClass;
  /** Host and port of the server, and whatever else the class needs. */
  readonly options: { readonly host: string; readonly port: number } & Readonly<Record<string, unknown>>;
  /** A host that does not exist. */
  readonly noHost: string;
  /** A port of the host on which nobody listens. */
  readonly noPort: number;
  /** Everything that the server has received. */
  received(): string;
  /** The server sends text, one byte per character. */
  reply(text: string): void;
  /** The server closes the connection, in order, behind what it has sent. */
  hangUp(): void;
  /** Lets time go by, running what falls due. Where that is real time, the answer has a then(), as promises do. */
  pass(durationMs: number): unknown;
}

const LONG_MS = 10_000;

interface Exchange {
  request: HttpRequest | undefined;
  readonly log: string[];
  body: string;
}

interface Thenable {
  then(callback: () => unknown): unknown;
}

function isThenable(value: unknown): value is Thenable {
  return typeof value === "object" && value !== null && "then" in value;
}

function readText(request: HttpRequest | undefined, length: number): string {
  const buffer = new Uint8Array(length);
  const count = request?.read(buffer) ?? 0;
  return String.fromCharCode(...buffer.subarray(0, count));
}

/** `secure`: over TLS, which hands out one record after the other. */
export function describeHttpClientContract(
  name: string,
  makeFixture: () => HttpClientFixture,
  { secure = false } = {},
): void {
  describe(`${name} as an HttpClient`, () => {
    let fixture: HttpClientFixture;
    let errors: number;

    const open = (options: Record<string, unknown> = {}): HttpClient =>
      new fixture.Client({
        ...fixture.options,
        onError: () => {
          errors++;
        },
        ...options,
      });
    /** Sends a request, logs its callbacks, and reads whatever comes, unless told otherwise. */
    const ask = (client: HttpClient, options: Partial<HttpRequestOptions> = {}): Exchange => {
      const exchange: Exchange = { request: undefined, log: [], body: "" };
      exchange.request = client.request({
        path: "/",
        onHeaders: (status, headers) =>
          exchange.log.push([status, ...[...headers].map(([key, value]) => `${key}=${value}`)].join(" ")),
        onReadable: (count) => {
          exchange.body += readText(exchange.request, count);
        },
        onDone: (error) => exchange.log.push(error ? "failed" : "done"),
        ...options,
      });
      return exchange;
    };
    function* reply(text: string): Generator<void, void> {
      fixture.reply(text);
      yield;
    }
    /** A test that goes at the pace of its fixture. */
    const test = (title: string, script: () => Generator<void, void>) =>
      it(title, () => {
        const steps = script();
        const proceed = (): unknown => {
          while (!steps.next().done) {
            const passing = fixture.pass(LONG_MS);
            if (isThenable(passing)) return passing.then(proceed);
          }
          return undefined;
        };
        return proceed();
      });

    beforeEach(() => {
      fixture = makeFixture();
      errors = 0;
    });

    describe("when asking", () => {
      it("wants a host", () => {
        assert.throws(() => open({ host: "" }), "host required");
      });

      test("sends method, path, host and headers", function* () {
        ask(open(), { method: "HEAD", path: "/a?b=c", headers: new Map([["Range", "bytes=5-"]]) });
        yield;
        const [line, ...headers] = fixture.received().split("\r\n");
        assert.strictEqual(line, "HEAD /a?b=c HTTP/1.1");
        assert.include(headers, "Range: bytes=5-");
        assert.include(headers, `host: ${fixture.options.host}`);
        assert.deepEqual(headers.slice(-2), ["", ""]);
      });

      test("gets by default", function* () {
        ask(open());
        yield;
        assert.match(fixture.received(), /^GET \/ HTTP\/1\.1\r\n/);
      });

      test("never calls back from inside request or the constructor", function* () {
        const { log } = ask(open({ host: fixture.noHost }));
        assert.deepEqual([log, errors], [[], 0]);
        yield;
        assert.deepEqual([log, errors], [["failed"], 1]);
      });

      test("sends the next request when the one before is done, on the same connection", function* () {
        const client = open();
        const first = ask(client, { path: "/1" });
        const second = ask(client, { path: "/2" });
        yield;
        assert.notInclude(fixture.received(), "/2");
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
        assert.include(fixture.received(), "GET /2 ");
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
        assert.deepEqual([first.body, second.body], ["a", "b"]);
        const third = ask(client, { path: "/3" });
        yield;
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc");
        assert.deepEqual([third.body, third.log.at(-1)], ["c", "done"]);
      });

      test("takes the next request from inside onDone", function* () {
        const client = open();
        let second: Exchange | undefined;
        ask(client, {
          onDone: () => {
            second = ask(client, { path: "/2" });
          },
        });
        yield;
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        yield* reply("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno");
        assert.deepEqual(second?.log, ["404 content-length=2", "done"]);
      });
    });

    describe("when answered", () => {
      test("hands out status and headers, names in lower case and values trimmed", function* () {
        const { log } = ask(open());
        yield;
        yield* reply('HTTP/1.1 206 Partial\r\nContent-Length:  1 \r\nETag: "x"\r\n\r\n');
        assert.deepEqual(log, ['206 content-length=1 etag="x"']);
      });

      test("hands out only the headers of the mask", function* () {
        const { log, ...exchange } = ask(open(), { headersMask: ["etag"] });
        yield;
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: y\r\nServer: z\r\n\r\nhi");
        assert.deepEqual(log, ["200 etag=y", "done"]);
        assert.isDefined(exchange.request);
      });

      test("puts a response together from single bytes", function* () {
        const exchange = ask(open());
        yield;
        for (const character of "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc") yield* reply(character);
        assert.deepEqual(exchange.log, ["200 content-length=3", "done"]);
        assert.strictEqual(exchange.body, "abc");
      });

      test("is done with an empty body at once", function* () {
        for (const head of ["200 OK\r\nContent-Length: 0", "204 Nothing"]) {
          fixture = makeFixture();
          const { log } = ask(open());
          yield;
          yield* reply(`HTTP/1.1 ${head}\r\n\r\n`);
          assert.strictEqual(log.at(-1), "done", head);
        }
      });

      test("is done only when the whole body has been read", function* () {
        const exchange = ask(open(), { onReadable: () => {} });
        yield;
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd");
        assert.strictEqual(readText(exchange.request, 3), "abc");
        yield;
        assert.notInclude(exchange.log, "done");
        assert.strictEqual(readText(exchange.request, 3), "d");
        assert.notInclude(exchange.log, "done", "not from inside read");
        yield;
        assert.strictEqual(exchange.log.at(-1), "done");
      });

      if (secure) {
        test("tells what a record holds, and of the next one when all of that has been read", function* () {
          const counts: number[] = [];
          const exchange = ask(open(), { onReadable: (count) => counts.push(count) });
          yield;
          yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
          yield* reply("de");
          assert.strictEqual(readText(exchange.request, 2), "ab");
          yield;
          assert.deepEqual(counts, [3]);
          assert.strictEqual(readText(exchange.request, 2), "c");
          yield;
          assert.deepEqual(counts, [3, 2]);
          assert.strictEqual(readText(exchange.request, 2), "de");
        });
      } else {
        test("tells all that waits, not what is new, and tells again only when more arrives", function* () {
          const counts: number[] = [];
          const exchange = ask(open(), { onReadable: (count) => counts.push(count) });
          yield;
          yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
          yield* reply("de");
          assert.deepEqual(counts, [3, 5]);
          assert.strictEqual(readText(exchange.request, 4), "abcd");
          yield;
          assert.deepEqual(counts, [3, 5]);
          yield* reply("f");
          assert.deepEqual(counts, [3, 5, 2]);
        });
      }

      test("reads nothing before the body and nothing after it", function* () {
        const exchange = ask(open());
        assert.throws(() => readText(exchange.request, 1));
        yield;
        assert.isUndefined(exchange.request?.read(new Uint8Array(1)));
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
        assert.throws(() => readText(exchange.request, 1));
      });

      test("takes a chunked body apart, in any division", function* () {
        const chunked = "4\r\nabcd\r\nA\r\n0123456789\r\n1\r\n!\r\n0\r\n\r\n";
        for (const pieceLength of [1, 3, 7, chunked.length]) {
          fixture = makeFixture();
          const exchange = ask(open());
          yield;
          yield* reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
          for (let i = 0; i < chunked.length; i += pieceLength) yield* reply(chunked.slice(i, i + pieceLength));
          assert.strictEqual(exchange.body, "abcd0123456789!", `pieces of ${pieceLength}`);
          assert.strictEqual(exchange.log.at(-1), "done");
        }
      });
    });

    describe("when the connection ends", () => {
      test("fails a body without a length, which has then been read all the same", function* () {
        const exchange = ask(open());
        yield;
        yield* reply("HTTP/1.1 200 OK\r\n\r\nall there is");
        assert.notInclude(exchange.log, "failed");
        fixture.hangUp();
        yield;
        assert.strictEqual(exchange.body, "all there is");
        assert.deepEqual([exchange.log, errors], [["200", "failed"], 1]);
      });

      test("fails every request, then itself, and is dead", function* () {
        const order: string[] = [];
        const client = open({ onError: () => order.push("error") });
        ask(client, { onDone: (error) => order.push(error ? "first" : "") });
        ask(client, { onDone: (error) => order.push(error ? "second" : "") });
        yield;
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        fixture.hangUp();
        yield;
        assert.deepEqual(order, ["first", "second", "error"]);
        ask(client, { onDone: () => order.push("third") });
        yield;
        assert.lengthOf(order, 3);
      });

      test("is done first when the body had been read", function* () {
        const exchange = ask(open());
        yield;
        fixture.reply("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        fixture.hangUp();
        yield;
        assert.deepEqual([exchange.log, errors], [["200 content-length=3", "done"], 1]);
      });

      for (const [what, target] of [
        ["the host does not exist", () => ({ host: fixture.noHost })],
        ["nobody listens", () => ({ port: fixture.noPort })],
      ] as const) {
        test(`fails when ${what}`, function* () {
          const { log } = ask(open(target()));
          yield;
          assert.deepEqual([log, errors], [["failed"], 1]);
        });
      }
    });

    describe("when it is closed", () => {
      test("is silent, whatever was under way", function* () {
        const client = open();
        const { log } = ask(client);
        yield;
        yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        client.close();
        client.close();
        yield;
        assert.deepEqual([log, errors], [["200 content-length=9"], 0]);
      });

      test("is silent also when it was still connecting", function* () {
        const client = open();
        const { log } = ask(client);
        client.close();
        yield;
        assert.deepEqual([log, errors, fixture.received()], [[], 0, ""]);
      });

      for (const where of ["onHeaders", "onReadable", "onDone"] as const) {
        test(`may be closed from inside ${where}`, function* () {
          const client = open();
          const events: string[] = [];
          const log = (what: typeof where) => () => {
            events.push(what);
            if (what === where) client.close();
          };
          const request = client.request({
            path: "/",
            onHeaders: log("onHeaders"),
            onReadable: (count) => {
              readText(request, count);
              log("onReadable")();
            },
            onDone: log("onDone"),
          });
          yield;
          yield* reply("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
          assert.strictEqual(events.at(-1), where);
          assert.strictEqual(errors, 0);
        });
      }
    });
  });
}
