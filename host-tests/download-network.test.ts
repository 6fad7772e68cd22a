/** Downloads by redirects, past error statuses and over failing networks. */

import { assert } from "chai";
import type { FileServerBehavior } from "../host/peers/file-response.js";
import { makeFirmware } from "../host/peers/firmware.js";
import { STALL_MS } from "../src/download/download-request.js";
import { REDIRECTS_MAX } from "../src/download/fetcher.js";
import { FRUITLESS_ATTEMPTS_MAX } from "../src/download/retries.js";
import {
  assertFailed,
  COMPLETE,
  DownloadBench,
  type DownloadBenchOptions,
  HOST,
  PATH,
} from "./support/download-bench.js";

const FIRMWARE = { type: "TMPL", version: "2.0.0", build: "Nov 21 2026 12:00:00" };
const IMAGE = makeFirmware(5000, FIRMWARE, 1);
/** Where the faults of most tests strike. */
const BYTE = 2500;
const CUT_ONCE = { cutAtByte: { byte: BYTE, times: 1 } };

function makeBench(server: Partial<FileServerBehavior> = {}, options: DownloadBenchOptions = {}): DownloadBench {
  return new DownloadBench(IMAGE, { ...options, server: { ...server, ...options.server } });
}

describe("A download that is redirected", () => {
  const to = (location: string, status?: number) => (status === undefined ? { location } : { location, status });

  it("follows a chain", () => {
    const redirects = { "/a": to("/b", 301), "/b": to("/c", 307), "/c": to(PATH, 308) };
    const bench = makeBench({ redirects });
    const offer = bench.makeOffer({ url: `http://${HOST}/a` });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.strictEqual(bench.server.fired.redirects, 3);
    assert.deepEqual(bench.requests, ["/a whole 301", "/b whole 307", "/c whole 308", "whole 200"]);
    assert.lengthOf(bench.retries, 0);
    bench.assertStaged(offer);
  });

  it("does not follow a loop for ever", () => {
    const bench = makeBench({ redirects: { "/a": to("/b"), "/b": to("/a") } });
    const outcome = bench.run(bench.makeOffer({ url: `http://${HOST}/a` }));
    assertFailed(outcome, { stage: "download", cause: "request", offset: 0 }, /more than 5 redirects/);
    assert.strictEqual(bench.server.fired.redirects, REDIRECTS_MAX + 1);
  });

  it("follows as many as it says, and no more", () => {
    const redirects: Record<string, { location: string }> = {};
    for (let hop = 1; hop <= REDIRECTS_MAX + 1; hop++) redirects[`/${hop}`] = to(hop === 1 ? PATH : `/${hop - 1}`);
    const bench = makeBench({ redirects });
    const allowed = bench.makeOffer({ url: `http://${HOST}/${REDIRECTS_MAX}` });
    assert.deepEqual(bench.run(allowed), COMPLETE);
    const oneMore = bench.makeOffer({ url: `http://${HOST}/${REDIRECTS_MAX + 1}` });
    assertFailed(bench.run(oneMore), { cause: "request" }, /more than 5 redirects/);
  });

  const locations: readonly (readonly [from: string, location: string])[] = [
    ["/old/firmware.bin", "/firmware.bin"],
    ["/old.bin", "firmware.bin"],
    ["/v2/old.bin", "../firmware.bin"],
    ["/old.bin?key=1", "firmware.bin#part"],
    ["/old.bin", `//${HOST}/firmware.bin`],
    ["/old.bin", `HTTP://${HOST.toUpperCase()}:80/firmware.bin`],
  ];
  for (const [from, location] of locations) {
    it(`from ${from} to ${location} finds the file`, () => {
      const bench = makeBench({ redirects: { [from]: to(location) } });
      const offer = bench.makeOffer({ url: `http://${HOST}${from}` });
      assert.deepEqual(bench.run(offer), COMPLETE);
      assert.deepEqual(bench.requests, [`${from} whole 302`, "whole 200"]);
      bench.assertFired("redirects");
      bench.assertStaged(offer);
    });
  }

  it("goes to another host, and from http to https", () => {
    const bench = makeBench({ redirects: { "/a": to("https://cdn.example/firmware.bin") } });
    bench.network.listen("cdn.example", 443, bench.server.accept);
    const offer = bench.makeOffer({ url: `http://${HOST}/a` });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.deepEqual(bench.asked.at(-1), { url: "https://cdn.example/firmware.bin", offset: 0 });
    bench.assertStaged(offer);
  });

  it("refuses to go from https to http", () => {
    const bench = makeBench({ redirects: { "/a": to(`http://${HOST}${PATH}`) } });
    const outcome = bench.run(bench.makeOffer({ url: `https://${HOST}/a` }));
    assertFailed(outcome, { stage: "download", cause: "request" }, /from https to http/);
    assert.deepEqual(bench.requests, ["/a whole 302"]);
  });

  const refused: readonly (readonly [what: string, location: string | undefined, says: RegExp])[] = [
    ["nowhere", undefined, /302 without a location/],
    ["another scheme", "ftp://files.example/x", /a redirect whose URL is neither http/],
    ["a bad port", "http://files.example:99999/x", /a redirect whose URL has a bad port/],
    ["a host that is none", "http:///x", /a redirect whose URL names no host/],
  ];
  for (const [what, location, says] of refused) {
    it(`refuses to go to ${what}`, () => {
      const bench = makeBench({ redirects: { [PATH]: location === undefined ? {} : to(location) } });
      assertFailed(bench.run(), { stage: "download", cause: "request", offset: 0 }, says);
      bench.assertFired("redirects");
      assert.lengthOf(bench.requests, 1);
    });
  }

  it("asks the offered URL again after a cut, and takes the range along", () => {
    const bench = makeBench({ ...CUT_ONCE, redirects: { "/a": to(PATH) } });
    const offer = bench.makeOffer({ url: `http://${HOST}/a` });
    assert.deepEqual(bench.run(offer), COMPLETE);
    const rest = `bytes=${BYTE}- if "one"`;
    assert.deepEqual(bench.requests, ["/a whole 302", "whole 200", `/a ${rest} 302`, `${rest} 206`]);
    bench.assertStaged(offer);
  });

  it("counts redirects anew after each pause", () => {
    const redirects = { "/a": to("/b"), "/b": to("/c"), "/c": to(PATH) };
    const bench = makeBench({ redirects, cutAtByte: { byte: 1500 } });
    const offer = bench.makeOffer({ url: `http://${HOST}/a` });
    assert.deepEqual(bench.run(offer), COMPLETE);
    assert.isAbove(bench.server.fired.redirects, REDIRECTS_MAX);
    bench.assertStaged(offer);
  });
});

describe("A download whose server answers with a status", () => {
  for (const status of [400, 401, 403, 404, 410]) {
    it(`${status} fails at once`, () => {
      const bench = makeBench({ statusFor: { status } });
      const says = new RegExp(`the server answered ${status}`);
      assertFailed(bench.run(), { stage: "download", cause: "request", offset: 0 }, says);
      bench.assertFired("statusFor");
      assert.deepEqual(bench.requests, [`whole ${status}`]);
    });
  }

  for (const status of [408, 429, 500, 502, 503]) {
    it(`${status} is tried again`, () => {
      const bench = makeBench({ statusFor: { status, times: 2 } });
      assert.deepEqual(bench.run(), COMPLETE);
      assert.strictEqual(bench.server.fired.statusFor, 2);
      assert.deepEqual(bench.requests, [`whole ${status}`, `whole ${status}`, "whole 200"]);
      const reason = `the server answered ${status}`;
      assert.deepEqual(bench.retries, [
        { reason, pauseMs: 1000 },
        { reason, pauseMs: 2000 },
      ]);
      bench.assertStaged();
    });
  }

  it("503 without an end makes it give up, with what it has", () => {
    const bench = makeBench(CUT_ONCE);
    bench.start();
    bench.clock.runUntil(() => bench.server.fired.cutAtByte > 0, 10_000);
    bench.server.behavior = { ...bench.server.behavior, statusFor: { status: 503 } };
    assertFailed(
      bench.finish(),
      { stage: "download", cause: "request", offset: BYTE },
      /503; gave up after 6 requests/,
    );
    assert.strictEqual(bench.server.fired.statusFor, FRUITLESS_ATTEMPTS_MAX);
    assert.strictEqual(bench.requests.at(-1), `bytes=${BYTE}- if "one" 503`, "what is in hand is not given up for it");
  });

  it("416 after a file that has become shorter refuses the wrong file", () => {
    const bench = makeBench(
      { ...CUT_ONCE, changesContentAfterRequests: 1, keepsEtag: true },
      { file: { replacement: { bytes: IMAGE.slice(0, 2000) } } },
    );
    assertFailed(bench.run(), { stage: "verify", cause: "mismatch" }, /has 2000 bytes, offered were 5000/);
    assert.deepEqual(bench.requests, ["whole 200", `bytes=${BYTE}- if "one" 416`]);
  });
});

describe("A download whose network fails", () => {
  it("asks again when the connection is refused", () => {
    const bench = makeBench({ refusesConnections: { times: 3 } });
    assert.deepEqual(bench.run(), COMPLETE);
    assert.strictEqual(bench.server.fired.refusesConnections, 3);
    assert.deepEqual(
      bench.retries.map(({ pauseMs }) => pauseMs),
      [1000, 2000, 4000],
    );
    bench.assertStaged();
  });

  it("gives up when the connection is always refused", () => {
    const bench = makeBench({ refusesConnections: { times: 99 } });
    assertFailed(
      bench.run(),
      { stage: "download", cause: "connect", offset: 0 },
      /cannot reach files.example; gave up/,
    );
    assert.strictEqual(bench.server.fired.refusesConnections, FRUITLESS_ATTEMPTS_MAX);
  });

  it("gives up when nobody has the host's name", () => {
    const bench = makeBench();
    const outcome = bench.run(bench.makeOffer({ url: "http://nowhere.example/x" }));
    assertFailed(outcome, { stage: "download", cause: "connect" }, /cannot reach nowhere.example/);
    assert.strictEqual(bench.network.counts.unresolved, FRUITLESS_ATTEMPTS_MAX);
  });

  it("asks again when names cannot be resolved for a while", () => {
    const bench = makeBench();
    bench.network.resolverAnswers = false;
    bench.start();
    bench.clock.runUntil(() => bench.retries.length === 2, 60_000);
    bench.network.resolverAnswers = true;
    assert.deepEqual(bench.finish(), COMPLETE);
    assert.strictEqual(bench.network.counts.unresolved, 2);
    bench.assertStaged();
  });

  it("sits out a link that is down for some seconds, on the same connection", () => {
    const bench = makeBench({ slowBytesPerSecond: 1000 });
    bench.start();
    bench.clock.advance(3000);
    bench.network.linkUp = false;
    bench.clock.advance(STALL_MS - 5000);
    bench.network.linkUp = true;
    assert.deepEqual(bench.finish(), COMPLETE);
    assert.isAbove(bench.network.counts.heldBack, 0);
    assert.deepEqual(bench.requests, ["whole 200"]);
    bench.assertStaged();
  });

  it("goes on with another connection when the link was down for long", () => {
    const bench = makeBench({ slowBytesPerSecond: 1000 });
    bench.start();
    bench.clock.advance(3000);
    bench.network.linkUp = false;
    bench.clock.advance(2 * STALL_MS);
    bench.network.linkUp = true;
    assert.deepEqual(bench.finish(), COMPLETE);
    assert.isAbove(bench.network.counts.heldBack, 0);
    assert.isAbove(bench.retries.length, 0);
    assert.match(bench.requests.at(-1) ?? "", /^bytes=\d+- if "one" 206$/);
    bench.assertStaged();
  });

  it("gives up, in bounded time, on a link that stays down", () => {
    const bench = makeBench({ slowBytesPerSecond: 1000 });
    bench.start();
    bench.clock.advance(3000);
    bench.network.linkUp = false;
    const fromMs = bench.clock.now();
    const failed = assertFailed(bench.finish(), { stage: "download", cause: "connect" }, /cannot reach|no answer/);
    assert.isAbove(failed.offset ?? 0, 1000);
    assert.isBelow(bench.clock.now() - fromMs, (1 + FRUITLESS_ATTEMPTS_MAX) * STALL_MS + 20_000);
  });

  it("goes on when TCP loses its patience with a link", () => {
    const bench = makeBench({ slowBytesPerSecond: 1000 }, { network: { giveUpAfterMs: 5000 } });
    bench.start();
    bench.clock.advance(3000);
    bench.network.linkUp = false;
    bench.clock.advance(7000);
    assert.strictEqual(bench.network.counts.givenUp, 1);
    bench.network.linkUp = true;
    assert.deepEqual(bench.finish(), COMPLETE);
    assert.match(bench.requests.at(-1) ?? "", /^bytes=\d+- if "one" 206$/);
    bench.assertStaged();
  });

  it("comes through a narrow and a slow network", () => {
    const bench = makeBench(
      {},
      { network: { latencyMs: 900, bytesPerSecond: 600, segmentBytes: 100, windowBytes: 300 } },
    );
    assert.deepEqual(bench.run(), COMPLETE);
    assert.deepEqual(bench.requests, ["whole 200"]);
    bench.assertStaged();
  });

  it("comes over TLS", () => {
    const bench = makeBench();
    const offer = bench.makeOffer({ url: `https://${HOST}${PATH}` });
    assert.deepEqual(bench.run(offer), COMPLETE);
    bench.assertStaged(offer);
  });

  it("goes on over TLS from the last byte that was read before a cut", () => {
    const bench = makeBench({ cutAtByte: { byte: 4500, times: 1 } });
    const offer = bench.makeOffer({ url: `https://${HOST}${PATH}` });
    assert.deepEqual(bench.run(offer), COMPLETE);
    bench.assertFired("cutAtByte");
    const offset = bench.asked[1]?.offset ?? 0;
    assert.isAtMost(offset, 4500, "what TLS has not given up is lost");
    assert.deepEqual(bench.requests, ["whole 200", offset > 0 ? `bytes=${offset}- if "one" 206` : "whole 200"]);
    bench.assertStaged(offer);
  });

  it("says why TLS refused the server", () => {
    const bench = makeBench();
    bench.network.certificateProblems.set(HOST, "certificate expired");
    const outcome = bench.run(bench.makeOffer({ url: `https://${HOST}${PATH}` }));
    assertFailed(outcome, { stage: "download", cause: "connect", offset: 0 }, /^certificate expired; gave up after 5/);
    assert.strictEqual(bench.network.counts.badCertificates, FRUITLESS_ATTEMPTS_MAX);
    assert.lengthOf(bench.requests, 0);
  });

  it("refuses https where the build has no TLS", () => {
    const bench = makeBench({}, { portsOf: ({ http }) => ({ http }) });
    const outcome = bench.run(bench.makeOffer({ url: `https://${HOST}${PATH}` }));
    assertFailed(outcome, { stage: "download", cause: "request" }, /no TLS: offer an http/);
    assert.lengthOf(bench.requests, 0);
  });
});
