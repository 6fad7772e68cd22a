/** The file server of host/peers on real sockets, asked by Node's own HTTP client. */

import { createHash } from "node:crypto";
import { connect } from "node:net";
import { assert } from "chai";
import { NodeFileServer } from "../../host/node/file-server.js";
import type { FileServerBehavior } from "../../host/peers/file-response.js";

const BYTES = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
const SHA256 = createHash("sha256").update(BYTES).digest();

async function bodyOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

async function causeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return String((cause as { code?: unknown }).code ?? cause);
  }
  return assert.fail("it went well");
}

describe("A file server on loopback", () => {
  let server: NodeFileServer;

  async function serve(oddities: Partial<FileServerBehavior> = {}): Promise<void> {
    server = await NodeFileServer.listen({
      files: { "/app.bin": { bytes: BYTES, tag: "one", sha256: new Uint8Array(SHA256) } },
      ...oddities,
    });
  }

  function get(headers: Record<string, string> = {}): Promise<Response> {
    return fetch(server.url("/app.bin"), { headers });
  }

  afterEach(() => server.close());

  it("serves a file with its length, validator and digest", async () => {
    await serve();
    const response = await get();
    assert.strictEqual(response.status, 200);
    assert.strictEqual(response.headers.get("etag"), '"one"');
    assert.strictEqual(response.headers.get("content-length"), "100000");
    assert.strictEqual(response.headers.get("x-sha256"), SHA256.toString("base64"));
    assert.deepEqual(await bodyOf(response), BYTES);
  });

  it("serves the rest of a file, as long as it is the same file", async () => {
    await serve();
    const rest = await get({ range: "bytes=99990-", "if-range": '"one"' });
    assert.strictEqual(rest.status, 206);
    assert.strictEqual(rest.headers.get("content-range"), "bytes 99990-99999/100000");
    assert.deepEqual(await bodyOf(rest), BYTES.slice(99_990));
    const other = await get({ range: "bytes=99990-", "if-range": '"another"' });
    assert.strictEqual(other.status, 200);
    assert.deepEqual(await bodyOf(other), BYTES);
  });

  it("answers what is not there with 404 and a range beyond the end with 416", async () => {
    await serve();
    assert.strictEqual((await fetch(server.url("/other.bin"))).status, 404);
    const beyond = await get({ range: "bytes=100000-" });
    assert.strictEqual(beyond.status, 416);
    assert.strictEqual(beyond.headers.get("content-range"), "bytes */100000");
  });

  it("answers one request after the other on a connection, and records them", async () => {
    await serve();
    const statuses: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const socket = connect(server.port, "127.0.0.1");
      let text = "";
      socket.on("error", reject);
      socket.on("data", (bytes) => {
        text += bytes.toString("latin1");
        statuses.splice(0, statuses.length, ...[...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1] ?? ""));
        if (statuses.length < 3) return;
        socket.destroy();
        resolve();
      });
      socket.write("HEAD /app.bin HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\nPUT /app.bin HTTP/1.1\r\n\r\n");
    });
    assert.deepEqual(statuses, ["200", "404", "405"]);
    assert.deepEqual(
      server.requests.map(({ method, path }) => `${method} ${path}`),
      ["HEAD /app.bin", "GET /no", "PUT /app.bin"],
    );
    assert.strictEqual(server.connections, 1);
  });

  it("hangs up on what is no HTTP", async () => {
    await serve();
    const received = await new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, "127.0.0.1");
      let text = "";
      socket.on("data", (bytes) => {
        text += bytes.toString("latin1");
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(text));
      socket.write("hello\r\n\r\n");
    });
    assert.strictEqual(received, "");
  });

  it("sends in chunks on request", async () => {
    await serve({ chunked: { chunkBytes: 3333 } });
    const response = await get();
    assert.strictEqual(response.headers.get("transfer-encoding"), "chunked");
    assert.deepEqual(await bodyOf(response), BYTES);
    assert.strictEqual(server.fired.chunked, 1);
  });

  it("is as slow as it is told to be", async () => {
    await serve({ slowBytesPerSecond: 500_000, latencyMs: 30 });
    const startMs = performance.now();
    await bodyOf(await get());
    assert.isAtLeast(performance.now() - startMs, 225);
    assert.strictEqual(server.fired.slowBytesPerSecond, 1);
  });

  it("resets, truncates, stalls and refuses where it is told to, so often", async () => {
    await serve({ cutAtByte: { byte: 50_000, times: 1 } });
    assert.match(await causeOf(get().then(bodyOf)), /ECONNRESET|UND_ERR_SOCKET/);
    server.behavior = { ...server.behavior, truncatesAtByte: { byte: 50_000, times: 1 } };
    assert.match(await causeOf(get().then(bodyOf)), /UND_ERR_SOCKET|ECONNRESET/);
    server.behavior = { ...server.behavior, stallAtByte: { byte: 50_000, times: 1 } };
    const signal = AbortSignal.timeout(100);
    const stalled = await causeOf(fetch(server.url("/app.bin"), { signal }).then(bodyOf));
    assert.match(stalled, /Timeout|23/);
    server.behavior = { ...server.behavior, refusesConnections: { times: 1 } };
    const fresh = await causeOf(fetch(server.url("/app.bin"), { headers: { connection: "close" } }).then(bodyOf));
    assert.match(fresh, /ECONNRESET|UND_ERR_SOCKET/);
    const { cutAtByte, truncatesAtByte, stallAtByte, refusesConnections } = server.fired;
    assert.deepEqual([cutAtByte, truncatesAtByte, stallAtByte, refusesConnections], [1, 1, 1, 1]);
    assert.deepEqual(await bodyOf(await get()), BYTES);
  });

  it("ends connections in the middle of a response when it closes", async () => {
    await serve({ stallAtByte: { byte: 10 } });
    const response = await get();
    const failure = causeOf(bodyOf(response));
    await server.close();
    assert.match(await failure, /UND_ERR_SOCKET|ECONNRESET/);
  });

  it("says when its port is taken", async () => {
    await serve();
    assert.strictEqual(await causeOf(NodeFileServer.listen({ files: {} }, { port: server.port })), "EADDRINUSE");
  });
});
