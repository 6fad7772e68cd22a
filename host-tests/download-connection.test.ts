/** Over how many connections a download goes: one for all requests to a server, as long as its answers allow. */

import { assert } from "chai";
import type { FileServerBehavior } from "../host/peers/file-response.js";
import { FileServer } from "../host/peers/file-server.js";
import { makeFirmware } from "../host/peers/firmware.js";
import { asciiBytes, asciiText } from "../host/sim/ascii.js";
import type { TcpEnd } from "../host/sim/tcp-stream.js";
import { RANGE_BYTES_MIN } from "../src/download/download-job.js";
import { STALL_MS, UNWANTED_BYTES_MAX } from "../src/download/download-request.js";
import { IDLE_MS_MAX } from "../src/download/fetcher.js";
import { ATTEMPTS_MAX } from "../src/download/retries.js";
import { assertFailed, COMPLETE, DownloadBench, HOST, PATH } from "./support/download-bench.js";

const IMAGE = makeFirmware(30_000, undefined, 7);
const CUT_ONCE = { cutAtByte: { byte: 2_500, times: 1 } };

function makeBench(server: Partial<FileServerBehavior> = {}): DownloadBench {
  return new DownloadBench(IMAGE, { server });
}

/** Completes, over exactly so many connections. */
function assertConnections(bench: DownloadBench, connections: number, offer = bench.makeOffer()): void {
  assert.deepEqual(bench.run(offer), COMPLETE);
  assert.strictEqual(bench.server.connections, connections);
  bench.clock.advance(1_000);
  assert.strictEqual(bench.network.connections, 0, "a connection is left open");
  bench.assertStaged(offer);
}

describe("One connection", () => {
  it("serves a chain of redirects within a host", () => {
    const redirects = { "/a": { location: "/b" }, "/b": { location: "/c" }, "/c": { location: PATH } };
    const bench = makeBench({ redirects });
    assertConnections(bench, 1, bench.makeOffer({ url: `http://${HOST}/a` }));
    assert.strictEqual(bench.server.fired.redirects, 3);
  });

  it("serves the retries of a server that is busy for a moment", () => {
    const bench = makeBench({ statusFor: { status: 503, times: 3 } });
    assertConnections(bench, 1);
    assert.strictEqual(bench.server.fired.statusFor, 3);
    assert.deepEqual(
      bench.retries.map(({ pauseMs }) => pauseMs),
      [1_000, 2_000, IDLE_MS_MAX],
    );
  });

  it("serves a file whose rest comes in ranges of the server's making, without a pause", () => {
    const bench = makeBench({ ...CUT_ONCE, rangeBytesMax: 5_000 });
    assertConnections(bench, 2);
    assert.strictEqual(bench.server.fired.cutAtByte, 1, "that cost the first connection");
    assert.deepEqual(
      bench.asked.map(({ offset }) => offset),
      [0, 2_500, 7_500, 12_500, 17_500, 22_500, 27_500],
    );
    assert.lengthOf(bench.retries, 1);
  });

  it("serves the request after a 416", () => {
    const bench = makeBench(CUT_ONCE);
    bench.start();
    bench.clock.runUntil(() => bench.server.fired.cutAtByte > 0, 10_000);
    bench.server.behavior = { ...bench.server.behavior, turns: [{}, { statusFor: { status: 416 } }] };
    assert.deepEqual(bench.finish(), COMPLETE);
    assert.deepEqual(bench.requests, ["whole 200", 'bytes=2500- if "one" 416', "whole 200"]);
    assert.strictEqual(bench.server.connections, 2);
    bench.assertStaged();
  });

  it("is given up for a long pause, which no server would wait for", () => {
    const bench = makeBench({ statusFor: { status: 503, times: 4 } });
    assertConnections(bench, 2);
    assert.isAbove(bench.retries[3]?.pauseMs ?? 0, IDLE_MS_MAX);
  });

  it("is given up where the server says that it will close it", () => {
    const bench = makeBench({ statusFor: { status: 503, times: 2 }, closesAfterResponse: true });
    assertConnections(bench, 3);
  });

  it("is given up for another host, and for another port", () => {
    for (const [host, port] of [
      ["cdn.example", 80],
      [HOST, 8080],
    ] as const) {
      const bench = makeBench({ redirects: { "/a": { location: `http://${host}:${port}${PATH}` } } });
      const other = new FileServer(bench.clock, { files: { [PATH]: { bytes: IMAGE } } });
      bench.network.listen(host, port, other.accept);
      const offer = bench.makeOffer({ url: `http://${HOST}/a` });
      bench.start(offer);
      bench.clock.runUntil(() => other.requests.length > 0, 10_000);
      assert.strictEqual(bench.network.connections, 1, "the first one is closed");
      assert.deepEqual(bench.finish(), COMPLETE);
      assert.deepEqual([bench.server.connections, other.connections], [1, 1]);
      bench.assertStaged(offer);
    }
  });

  it("is given up from http to https on the same host", () => {
    const bench = makeBench({ redirects: { "/a": { location: `https://${HOST}${PATH}` } } });
    assertConnections(bench, 2, bench.makeOffer({ url: `http://${HOST}/a` }));
  });
});

describe("Ranges of the server's making", () => {
  it("count as attempts where they are short, and come to an end", () => {
    const bench = makeBench({ ...CUT_ONCE, rangeBytesMax: 100 });
    const says = /the server sends only 100 bytes a time; gave up after 50 requests/;
    assertFailed(bench.run(), { stage: "download", cause: "request", offset: 2_500 + 100 * (ATTEMPTS_MAX - 1) }, says);
    assert.isAbove(bench.server.fired.rangeBytesMax, 0);
    assert.lengthOf(bench.requests, ATTEMPTS_MAX);
  });

  it("may be as many as the file is long", () => {
    const image = makeFirmware(RANGE_BYTES_MIN * (ATTEMPTS_MAX + 10), undefined, 8);
    const server = { ...CUT_ONCE, rangeBytesMax: RANGE_BYTES_MIN };
    const bench = new DownloadBench(image, { server, fileBlocks: 100 });
    bench.network.conditions.latencyMs = 1;
    assertConnections(bench, 2);
    assert.isAbove(bench.requests.length, ATTEMPTS_MAX);
    assert.lengthOf(bench.retries, 1);
  });

  it("are not joined where nothing tells that they belong together", () => {
    const bench = makeBench({ ...CUT_ONCE, rangeBytesMax: 5_000, validators: "none" });
    assertConnections(bench, 2);
    assert.deepEqual(bench.requests, ["whole 200", "whole 200"]);
  });

  it("are joined where the file has changed in between only if it is begun anew", () => {
    const changed = makeFirmware(IMAGE.length, undefined, 9);
    const bench = new DownloadBench(IMAGE, {
      file: { replacement: { bytes: changed, tag: "two" } },
      server: { ...CUT_ONCE, rangeBytesMax: 5_000, changesContentAfterRequests: 3 },
    });
    assert.deepEqual(bench.run(), COMPLETE);
    assert.deepEqual(bench.requests, [
      "whole 200",
      'bytes=2500- if "one" 206',
      'bytes=7500- if "one" 206',
      'bytes=12500- if "one" 200',
    ]);
    bench.assertStaged(bench.makeOffer(), changed);
  });

  it("that bring more than they announce are not believed", () => {
    const bench = makeBench();
    serveScript(bench, (connection, request) => {
      if (request === 1) {
        connection.send(head("200 OK", `content-length: ${IMAGE.length}`, 'etag: "x"'));
        connection.send(IMAGE.subarray(0, 5_000));
        connection.end("reset");
      } else if (request === 2) {
        connection.send(head("206 Part", `content-range: bytes 5000-9999/${IMAGE.length}`, 'etag: "x"'));
        connection.send(IMAGE.subarray(5_000, 10_001));
      } else {
        connection.send(head("200 OK", `content-length: ${IMAGE.length}`));
        connection.send(IMAGE);
      }
    });
    const offer = bench.makeOffer({ url: "http://odd.example/f" });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.match(bench.retries[1]?.reason ?? "", /a range that ends at byte 10000, and sends more/);
    bench.assertStaged(offer);
  });
});

function head(status: string, ...lines: string[]): Uint8Array {
  return asciiBytes(`${[`HTTP/1.1 ${status}`, ...lines].join("\r\n")}\r\n\r\n`);
}

/** A host of its own, odd.example, that answers by a script; counts its connections. */
function serveScript(
  bench: DownloadBench,
  answer: (connection: TcpEnd, request: number, connections: number) => void,
): { connections: number; requests: string[] } {
  const seen = { connections: 0, requests: [] as string[] };
  bench.network.listen("odd.example", 80, (connection) => {
    const number = ++seen.connections;
    connection.handlers = {
      onReceive: () => {
        const bytes = new Uint8Array(connection.waiting);
        connection.read(bytes);
        seen.requests.push(asciiText(bytes).split(" ")[1] ?? "");
        answer(connection, seen.requests.length, number);
      },
    };
    return true;
  });
  return seen;
}

describe("A body that nobody wants", () => {
  const wholeFile = (connection: TcpEnd) => {
    connection.send(head("200 OK", `content-length: ${IMAGE.length}`));
    connection.send(IMAGE);
  };
  /** Redirects once, with this head and body; returns the connections that it took. */
  function connectionsAfter(headers: readonly string[], body: Uint8Array): number {
    const bench = makeBench();
    const seen = serveScript(bench, (connection, request) => {
      if (request > 1) return wholeFile(connection);
      connection.send(head("302 There", "location: /there", ...headers));
      connection.send(body);
    });
    const offer = bench.makeOffer({ url: "http://odd.example/here" });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.deepEqual(seen.requests, ["/here", "/there"]);
    bench.assertStaged(offer);
    return seen.connections;
  }

  it("is read to its end where it is short", () => {
    assert.strictEqual(connectionsAfter(["content-length: 0"], new Uint8Array(0)), 1);
    assert.strictEqual(connectionsAfter(["content-length: 5"], asciiBytes("there")), 1);
    const longest = new Uint8Array(UNWANTED_BYTES_MAX).fill(0x20);
    assert.strictEqual(connectionsAfter([`content-length: ${longest.length}`], longest), 1);
  });

  it("costs the connection where it is long, of unknown length, or in chunks", () => {
    const longer = new Uint8Array(UNWANTED_BYTES_MAX + 1).fill(0x20);
    assert.strictEqual(connectionsAfter([`content-length: ${longer.length}`], longer), 2);
    assert.strictEqual(connectionsAfter([], asciiBytes("there")), 2);
    assert.strictEqual(connectionsAfter(["transfer-encoding: chunked"], asciiBytes("5\r\nthere\r\n0\r\n\r\n")), 2);
    assert.strictEqual(connectionsAfter(["content-length: many"], asciiBytes("there")), 2);
  });

  it("costs the connection, and a stall's time, where it does not come", () => {
    const bench = makeBench();
    const seen = serveScript(bench, (connection, request) => {
      if (request > 1) return wholeFile(connection);
      connection.send(head("302 There", "location: /there", "content-length: 5"));
    });
    const offer = bench.makeOffer({ url: "http://odd.example/here" });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.strictEqual(seen.connections, 2);
    assert.isAbove(bench.clock.now(), STALL_MS);
    assert.lengthOf(bench.retries, 0);
  });
});

describe("A connection that its server closes", () => {
  it("while nothing is asked, costs no request", () => {
    const bench = makeBench();
    const seen = serveScript(bench, (connection, request) => {
      if (request === 1) {
        connection.send(head("503 Later", "content-length: 0"));
        bench.clock.set(() => connection.end(), 500);
      } else {
        connection.send(head("200 OK", `content-length: ${IMAGE.length}`));
        connection.send(IMAGE);
      }
    });
    const offer = bench.makeOffer({ url: "http://odd.example/f" });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.deepEqual([seen.connections, bench.asked.length, bench.retries.length], [2, 2, 1]);
    bench.assertStaged(offer);
  });

  for (const how of ["closed", "reset"] as const) {
    it(`in the moment when a request comes (${how}), is replaced at once`, () => {
      const bench = makeBench();
      const seen = serveScript(bench, (connection, request, connections) => {
        if (request === 1) connection.send(head("503 Later", "content-length: 0"));
        else if (connections === 1) connection.end(how);
        else {
          connection.send(head("200 OK", `content-length: ${IMAGE.length}`));
          connection.send(IMAGE);
        }
      });
      const offer = bench.makeOffer({ url: "http://odd.example/f" });
      assert.deepEqual(bench.run(offer), COMPLETE);
      assert.deepEqual([seen.connections, seen.requests.length], [2, 3]);
      assert.lengthOf(bench.retries, 1, "only the 503 was a failure");
      assert.isBelow(bench.clock.now(), 5_000);
      bench.assertStaged(offer);
    });
  }

  it("whenever a request comes, is not asked for ever", () => {
    const bench = makeBench();
    const seen = serveScript(bench, (connection) => connection.end());
    const offer = bench.makeOffer({ url: "http://odd.example/f" });
    assertFailed(bench.run(offer), { cause: "connect" }, /gave up after 5 requests/);
    assert.strictEqual(seen.connections, 5);
  });
});
