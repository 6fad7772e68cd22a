/** The simulated file server: an ordinary one by default, and one oddity per knob. */

import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { assert } from "chai";
import { type FileServerBehavior, KNOBS, type Knob, planResponse } from "../host/peers/file-response.js";
import { FileServer } from "../host/peers/file-server.js";
import { base64Text, hexText } from "../host/sim/ascii.js";
import { VirtualClock } from "../host/sim/clock.js";
import { SimCpu } from "../host/sim/cpu.js";
import { makeHttpClientClass } from "../host/sim/http-client.js";
import { Network } from "../host/sim/network.js";
import { Random } from "../host/sim/random.js";

const HOST = "files.example";
const PATH = "/fw.bin?token=1";
const BYTES = new Random(4).bytes(10_000);
const LONG_MS = 600_000;

interface Outcome {
  status: number | undefined;
  headers: ReadonlyMap<string, string>;
  readonly body: number[];
  done: "done" | "failed" | undefined;
  doneAtMs: number | undefined;
}

function makeWorld(behavior: Partial<FileServerBehavior> = {}) {
  const clock = new VirtualClock();
  const network = new Network(clock);
  const binding = { network, cpu: new SimCpu(clock), life: { assertAlive: () => {} } };
  const Client = makeHttpClientClass(binding);
  const server = new FileServer(clock, { files: { [PATH]: { bytes: BYTES } }, ...behavior });
  network.listen(HOST, 80, server.accept);

  /** One request on a connection of its own, with as much patience as needed. */
  const get = (headers: Record<string, string> = {}, path = PATH, method = "GET"): Outcome => {
    const outcome: Outcome = { status: undefined, headers: new Map(), body: [], done: undefined, doneAtMs: undefined };
    const client = new Client({ host: HOST });
    const request = client.request({
      method,
      path,
      headers: new Map(Object.entries(headers)),
      onHeaders: (status, received) => Object.assign(outcome, { status, headers: received }),
      onReadable: (count) => {
        const buffer = new Uint8Array(count);
        request.read(buffer);
        for (const byte of buffer) outcome.body.push(byte);
      },
      onDone: (error) => Object.assign(outcome, { done: error ? "failed" : "done", doneAtMs: clock.now() }),
    });
    clock.advance(LONG_MS);
    client.close();
    clock.advance(1000);
    return outcome;
  };
  return { clock, network, server, get };
}

const slice = (start: number, end?: number): number[] => Array.from(BYTES.subarray(start, end));

describe("The file server", () => {
  describe("behaving well", () => {
    it("answers with the whole file, its length and a strong ETag, and fires no knob", () => {
      const { get, server } = makeWorld();
      const { status, headers, body, done } = get();
      assert.deepEqual([status, done], [200, "done"]);
      assert.deepEqual(body, slice(0));
      assert.strictEqual(headers.get("content-length"), "10000");
      assert.strictEqual(headers.get("accept-ranges"), "bytes");
      assert.match(headers.get("etag") ?? "", /^"[^"]+"$/);
      assert.isTrue(KNOBS.every((knob) => server.fired[knob] === 0));
    });

    it("records every request and how much of the body it got rid of", () => {
      const { get, server } = makeWorld();
      get({ "X-Client": "me" });
      get({}, "/none");
      const [first, second] = server.requests;
      assert.deepInclude(first, { method: "GET", path: PATH, status: 200, bytesSent: 10_000 });
      assert.strictEqual(first?.headers.get("x-client"), "me");
      assert.isAbove(first?.atMs ?? 0, 0);
      assert.deepInclude(second, { path: "/none", status: 404 });
      assert.strictEqual(server.connections, 2);
    });

    for (const [range, start, end] of [
      ["bytes=4000-", 4000, 10_000],
      ["bytes=0-0", 0, 1],
      ["bytes=9000-20000", 9000, 10_000],
      ["bytes=-10", 9990, 10_000],
      ["bytes=-20000", 0, 10_000],
    ] as const) {
      it(`answers ${range} with that part`, () => {
        const { status, headers, body } = makeWorld().get({ Range: range });
        assert.strictEqual(status, 206);
        assert.strictEqual(headers.get("content-range"), `bytes ${start}-${end - 1}/10000`);
        assert.strictEqual(headers.get("content-length"), `${end - start}`);
        assert.deepEqual(body, slice(start, end));
      });
    }

    for (const range of ["bytes=10000-", "bytes=12000-13000", "bytes=-0"]) {
      it(`answers ${range} with 416 and the true size`, () => {
        const { status, headers, body, done } = makeWorld().get({ Range: range });
        assert.deepEqual([status, headers.get("content-range"), body, done], [416, "bytes */10000", [], "done"]);
      });
    }

    for (const range of ["bytes=5-2-1", "bytes=-", "lines=1-2", "bytes=0-1,5-6"]) {
      it(`answers ${range} with the whole file`, () => {
        assert.deepInclude(makeWorld().get({ Range: range }), { status: 200, body: slice(0) });
      });
    }

    it("answers a range with the part only when If-Range names the same file", () => {
      const files = { [PATH]: { bytes: BYTES, tag: "v1", lastModified: "Mon, 01 Jan 2024 00:00:00 GMT" } };
      const { get } = makeWorld({ files });
      const status = (ifRange: string) => get({ Range: "bytes=1-", "If-Range": ifRange }).status;
      assert.strictEqual(status('"v1"'), 206);
      assert.strictEqual(status("Mon, 01 Jan 2024 00:00:00 GMT"), 206);
      assert.strictEqual(status('"v2"'), 200);
      assert.strictEqual(status('W/"v1"'), 200);
    });

    it("never takes a weak ETag for the same file", () => {
      const { get } = makeWorld({ validators: "weak" });
      const etag = get().headers.get("etag") ?? "";
      assert.match(etag, /^W\//);
      assert.strictEqual(get({ Range: "bytes=1-", "If-Range": etag }).status, 200);
    });

    it("may have no validators", () => {
      const files = { [PATH]: { bytes: BYTES, lastModified: "Mon, 01 Jan 2024 00:00:00 GMT" } };
      const { headers } = makeWorld({ files, validators: "none" }).get();
      assert.isFalse(headers.has("etag") || headers.has("last-modified"));
    });

    it("sends digests and other headers of the file", () => {
      const digests = { sha256: sha256(BYTES), md5: md5(BYTES) };
      const file = { bytes: BYTES, ...digests, headers: { "x-fw-ver": "1.2.3" } };
      const { headers } = makeWorld({ files: { [PATH]: file } }).get();
      assert.strictEqual(headers.get("x-sha256"), base64Text(digests.sha256));
      assert.strictEqual(headers.get("x-md5"), hexText(digests.md5));
      assert.strictEqual(headers.get("x-fw-ver"), "1.2.3");
    });

    it("answers HEAD without a body, and other methods with 405", () => {
      const { get } = makeWorld();
      const head = get({}, PATH, "HEAD");
      assert.deepEqual([head.status, head.headers.get("content-length"), head.body], [200, "10000", []]);
      assert.strictEqual(get({}, PATH, "PUT").status, 405);
    });

    it("says no at once to what is no HTTP", () => {
      const { network, clock, server } = makeWorld();
      const ends: string[] = [];
      const connection = network.connect(
        { host: HOST, port: 80, secure: false },
        { onConnected: () => connection.send(new Uint8Array(10_000)), onEnd: (end) => ends.push(end) },
      );
      clock.advance(LONG_MS);
      assert.deepEqual(ends, ["closed"]);
      assert.lengthOf(server.requests, 0);
    });
  });

  describe("with one knob turned", () => {
    /** Proves that this knob struck so often, and no other did. */
    const assertFired = (server: FileServer, knob: Knob, times: number) => {
      const fired = KNOBS.filter((name) => server.fired[name] > 0).map((name) => `${name} ${server.fired[name]}`);
      assert.deepEqual(fired, times > 0 ? [`${knob} ${times}`] : []);
    };

    it("latencyMs: thinks before it answers", () => {
      const usual = makeWorld().get().doneAtMs ?? 0;
      assert.approximately(makeWorld({ latencyMs: 700 }).get().doneAtMs ?? 0, usual + 700, 1e-6);
    });

    it("slowBytesPerSecond: takes its time", () => {
      const { get, server } = makeWorld({ slowBytesPerSecond: 500 });
      const { doneAtMs, body } = get();
      assert.isAbove(doneAtMs ?? 0, 20_000);
      assert.lengthOf(body, BYTES.length);
      assertFired(server, "slowBytesPerSecond", 1);
    });

    it("refusesConnections: refuses the first ones", () => {
      const { get, server, network } = makeWorld({ refusesConnections: { times: 2 } });
      assert.deepEqual([get().done, get().done, get().done], ["failed", "failed", "done"]);
      assertFired(server, "refusesConnections", 2);
      assert.strictEqual(network.counts.refused, 2);
    });

    it("stallAtByte: falls silent for a while, and goes on", () => {
      const { get, server } = makeWorld({ stallAtByte: { byte: 5000, forMs: 40_000 } });
      const { doneAtMs, body } = get();
      assert.isAbove(doneAtMs ?? 0, 40_000);
      assert.deepEqual(body, slice(0));
      assertFired(server, "stallAtByte", 1);
    });

    it("stallAtByte: falls silent for ever, the first time", () => {
      const { get, server } = makeWorld({ stallAtByte: { byte: 5000, times: 1 } });
      const { done, body } = get();
      assert.deepEqual([done, body], [undefined, slice(0, 5000)]);
      assert.strictEqual(server.requests[0]?.bytesSent, 5000);
      assert.strictEqual(get().done, "done");
      assertFired(server, "stallAtByte", 1);
    });

    it("cutAtByte: dies after so many bytes, the first times", () => {
      const { get, server } = makeWorld({ cutAtByte: { byte: 3000, times: 2 } });
      for (let i = 0; i < 2; i++) {
        const { done, body } = get();
        assert.deepEqual([done, body], ["failed", slice(0, 3000)]);
      }
      assert.strictEqual(get().done, "done");
      assert.deepEqual(
        server.requests.map(({ bytesSent }) => bytesSent),
        [3000, 3000, 10_000],
      );
      assertFired(server, "cutAtByte", 2);
    });

    it("cutAtByte: counts the bytes of each response, so that resuming gets on", () => {
      const { get, server } = makeWorld({ cutAtByte: { byte: 4000 } });
      assert.deepEqual(get({ Range: "bytes=4000-" }).body, slice(4000, 8000));
      assert.strictEqual(get({ Range: "bytes=8000-" }).done, "done");
      assertFired(server, "cutAtByte", 1);
    });

    it("truncatesAtByte: promises all, sends less, closes", () => {
      const { get, server } = makeWorld({ truncatesAtByte: { byte: 7777 } });
      const { done, body, headers } = get();
      assert.deepEqual([done, headers.get("content-length"), body], ["failed", "10000", slice(0, 7777)]);
      assertFired(server, "truncatesAtByte", 1);
    });

    it("wrongLength: promises more than there is, and waits", () => {
      const { get, server } = makeWorld({ wrongLength: { byBytes: 10 } });
      const { done, body, headers } = get();
      assert.deepEqual([done, headers.get("content-length"), body], [undefined, "10010", slice(0)]);
      assertFired(server, "wrongLength", 1);
    });

    it("noLength: ends the body by closing", () => {
      const { get, server } = makeWorld({ noLength: true });
      const { done, body, headers } = get();
      assert.deepEqual([done, headers.has("content-length"), body], ["failed", false, slice(0)]);
      assertFired(server, "noLength", 1);
    });

    for (const chunkBytes of [1000, 4096, 20_000]) {
      it(`chunked: sends chunks of ${chunkBytes}`, () => {
        const { get, server } = makeWorld({ chunked: { chunkBytes } });
        const { done, body, headers } = get();
        assert.deepEqual([done, headers.get("transfer-encoding"), body], ["done", "chunked", slice(0)]);
        assert.deepEqual(get({ Range: "bytes=9000-" }).body, slice(9000));
        assertFired(server, "chunked", 2);
      });
    }

    it("closesAfterResponse: closes, having said so", () => {
      const { get, network } = makeWorld({ closesAfterResponse: true });
      const { done, headers } = get();
      assert.deepEqual([done, headers.get("connection")], ["done", "close"]);
      assert.strictEqual(network.connections, 0);
    });

    it("ignoresRange: answers a range with everything", () => {
      const { get, server } = makeWorld({ ignoresRange: true });
      const { status, body } = get({ Range: "bytes=5000-" });
      assert.deepEqual([status, body], [200, slice(0)]);
      assertFired(server, "ignoresRange", 1);
    });

    it("rangeBytesMax: answers a range with its first bytes only", () => {
      const { get, server } = makeWorld({ rangeBytesMax: 1500 });
      const { status, headers, body } = get({ Range: "bytes=4000-" });
      assert.deepEqual([status, headers.get("content-range"), body], [206, "bytes 4000-5499/10000", slice(4000, 5500)]);
      assert.deepEqual(get({ Range: "bytes=9000-" }).body, slice(9000));
      assert.strictEqual(get().status, 200);
      assertFired(server, "rangeBytesMax", 1);
    });

    it("wrongContentRange: names another range than it sends", () => {
      const { get, server } = makeWorld({ wrongContentRange: { shiftBytes: -1 } });
      const { status, headers, body } = get({ Range: "bytes=5000-" });
      assert.deepEqual([status, headers.get("content-range")], [206, "bytes 4999-9998/10000"]);
      assert.deepEqual(body, slice(5000));
      get();
      assertFired(server, "wrongContentRange", 1);
    });

    it("ignoresIfRange: sends a part of another file", () => {
      const { get, server } = makeWorld({ ignoresIfRange: true });
      assert.strictEqual(get({ Range: "bytes=1-", "If-Range": '"other"' }).status, 206);
      assertFired(server, "ignoresIfRange", 1);
    });

    it("changesEtagAfterRequests: changes the ETag, not the file", () => {
      const { get, server } = makeWorld({ changesEtagAfterRequests: 1 });
      const first = get();
      const second = get({ Range: "bytes=5-", "If-Range": first.headers.get("etag") ?? "" });
      assert.strictEqual(second.status, 200);
      assert.notStrictEqual(second.headers.get("etag"), first.headers.get("etag"));
      assert.deepEqual(second.body, first.body);
      assertFired(server, "changesEtagAfterRequests", 1);
    });

    it("changesContentAfterRequests: puts another file in its place, with its own ETag", () => {
      const replacement = { bytes: BYTES.slice(0, 5000), tag: "new" };
      const files = { [PATH]: { bytes: BYTES, replacement } };
      const { get, server } = makeWorld({ files, changesContentAfterRequests: 1 });
      const first = get();
      const second = get({ Range: "bytes=6000-", "If-Range": first.headers.get("etag") ?? "" });
      assert.deepEqual([second.status, second.headers.get("etag"), second.body], [200, '"new"', slice(0, 5000)]);
      assertFired(server, "changesContentAfterRequests", 1);
    });

    it("changesContentAfterRequests with keepsEtag: lies about it", () => {
      const { get, server } = makeWorld({ changesContentAfterRequests: 1, keepsEtag: true });
      const first = get();
      const second = get();
      assert.strictEqual(second.headers.get("etag"), first.headers.get("etag"));
      assert.deepEqual(
        second.body,
        first.body.map((byte) => byte ^ 0xff),
      );
      assertFired(server, "changesContentAfterRequests", 1);
    });

    it("wrongDigestHeader: sends digests of something else", () => {
      const digest = sha256(BYTES);
      const { get, server } = makeWorld({
        files: { [PATH]: { bytes: BYTES, sha256: digest } },
        wrongDigestHeader: true,
      });
      const sent = get().headers.get("x-sha256") ?? "";
      assert.lengthOf(sent, 44);
      assert.notStrictEqual(sent, base64Text(digest));
      assertFired(server, "wrongDigestHeader", 1);
    });

    it("redirects: sends elsewhere, with a location or without", () => {
      const { get, server } = makeWorld({
        redirects: { "/a": { location: "/b" }, "/b": { status: 308, location: "http://other.example/" }, "/c": {} },
      });
      const answers = ["/a", "/b", "/c"].map((path) => get({}, path));
      assert.deepEqual(
        answers.map(({ status, headers, done }) => [status, headers.get("location"), done]),
        [
          [302, "/b", "done"],
          [308, "http://other.example/", "done"],
          [302, undefined, "done"],
        ],
      );
      assertFired(server, "redirects", 3);
    });

    it("statusFor: answers the first requests with a status of its own", () => {
      const { get, server } = makeWorld({ statusFor: { status: 503, times: 2 } });
      assert.deepEqual([get().status, get().status, get().status], [503, 503, 200]);
      assertFired(server, "statusFor", 2);
    });

    it("turns the knobs while it runs", () => {
      const { get, server } = makeWorld();
      assert.strictEqual(get().status, 200);
      server.behavior = { ...server.behavior, statusFor: { status: 500 } };
      assert.strictEqual(get().status, 500);
      assertFired(server, "statusFor", 1);
    });
  });

  describe("as a plan", () => {
    it("depends on nothing but the behavior, the request and the history", () => {
      const behavior: FileServerBehavior = { files: { "/f": { bytes: BYTES } }, cutAtByte: { byte: 10, times: 1 } };
      const request = { method: "GET", path: "/f", headers: new Map() };
      const none = Object.fromEntries(KNOBS.map((knob) => [knob, 0])) as Record<Knob, number>;
      const fresh = planResponse(behavior, request, { requests: 0, fired: none });
      assert.deepEqual(fresh, planResponse(behavior, request, { requests: 0, fired: none }));
      assert.deepEqual(fresh.stop, { byte: 10, how: "reset", knob: "cutAtByte" });
      const later = planResponse(behavior, request, { requests: 1, fired: { ...none, cutAtByte: 1 } });
      assert.isUndefined(later.stop);
    });
  });
});
