/** Offers from a vendor's own server: found, repeated, unchanged, and servers that answer anything else. */

import { assert } from "chai";
import type { FileServerBehavior } from "../host/peers/file-response.js";
import { Random } from "../host/sim/random.js";
import {
  FILE_BYTES_MAX,
  FIRST_POLL_MS_MAX,
  INTERVAL_MS_MIN,
  JITTER_SHARE,
  POLL_REDIRECTS_MAX,
  POLL_RETRY_MS,
} from "../src/cloud/update-poll.js";
import { FILE, HOST, INTERVAL_MS, jsonFile, makePollBench, OFFER, PATH } from "./support/poll-bench.js";

describe("An update poll", () => {
  it("finds an offer, and where its image lies from there", () => {
    const { clock, fileServer, poll, offers } = makePollBench();
    poll.start();
    clock.advance(FIRST_POLL_MS_MAX + 10_000);
    assert.deepEqual(offers, [OFFER]);
    assert.equal(fileServer.requests[0]?.headers.get("accept"), "application/json");
  });

  it("takes an offer that says no more than Blynk's do, with a URL of its own", () => {
    const { poll, offers, pass } = makePollBench({
      files: { [PATH]: jsonFile({ url: "http://cdn.example/f.bin", size: 7 }) },
    });
    poll.start();
    pass();
    assert.deepEqual(offers, [{ url: "http://cdn.example/f.bin", sizeBytes: 7, type: "", version: "", build: "" }]);
  });

  it("comes again in its time, a little later by chance", () => {
    const { clock, fileServer, poll } = makePollBench();
    poll.start();
    clock.advance(20 * INTERVAL_MS);
    const times = fileServer.requests.map(({ atMs }) => atMs);
    const pauses = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
    assert.isAbove(times.length, 15);
    for (const pauseMs of pauses)
      assert.approximately(pauseMs, INTERVAL_MS * (1 + JITTER_SHARE / 2), INTERVAL_MS * JITTER_SHARE);
    assert.isAbove(new Set(pauses.map(Math.round)).size, 10);
  });

  it("spreads the first polls of a fleet", () => {
    const seed = 12;
    const random = new Random(seed);
    const firsts = Array.from({ length: 200 }, () => {
      const { clock, fileServer, poll } = makePollBench({}, { random: () => random.next() });
      poll.start();
      clock.runUntil(() => fileServer.requests.length > 0, FIRST_POLL_MS_MAX + 10_000, "the first poll");
      return clock.now();
    });
    for (let minute = 0; minute < 5; minute++) {
      const within = firsts.filter((atMs) => Math.floor(atMs / 60_000) === minute).length;
      assert.approximately(within, 40, 25, `seed ${seed}, minute ${minute}`);
    }
  });

  it("is not made to poll faster than a server bears", () => {
    const { clock, fileServer, poll } = makePollBench({}, { intervalMs: 10 });
    poll.start();
    clock.advance(10 * INTERVAL_MS_MIN);
    assert.isAtMost(fileServer.requests.length, 10);
  });

  it("makes the same offer again while it is not installed, without loading the file again", () => {
    const { fileServer, poll, offers, pass } = makePollBench();
    poll.start();
    for (let i = 0; i < 3; i++) pass();
    assert.deepEqual(offers, [OFFER, OFFER, OFFER]);
    assert.deepEqual(
      fileServer.requests.map(({ status }) => status),
      [200, 304, 304],
    );
    assert.deepInclude(poll.counters, { files: 1, unchanged: 2, offers: 3, repeats: 2 });
  });

  it("knows an offer again by its content, when its file or its URL is another", () => {
    const { poll, serve, pass } = makePollBench();
    poll.start();
    pass();
    serve({ ...FILE, url: "https://mirror.example/rotated?token=2" }, "two");
    pass();
    assert.deepInclude(poll.counters, { files: 2, offers: 2, repeats: 1 });
    serve({ ...FILE, sha256: "cd".repeat(32), ver: "2.2.0" }, "three");
    pass();
    assert.deepInclude(poll.counters, { files: 3, offers: 3, repeats: 1 });
  });

  it("makes no offer of what is installed", () => {
    const { poll, offers, pass } = makePollBench({}, { isInstalled: ({ version }) => version === "2.1.0" });
    poll.start();
    pass();
    pass();
    assert.deepEqual(offers, []);
    assert.deepInclude(poll.counters, { polls: 2, installed: 2, offers: 0 });
  });

  it("leaves out the polls that come at a bad time", () => {
    let isBusy = true;
    const { clock, fileServer, poll, offers } = makePollBench({}, { isBusy: () => isBusy });
    poll.start();
    clock.advance(3 * INTERVAL_MS);
    assert.lengthOf(fileServer.requests, 0);
    assert.isAtLeast(poll.counters.skipped, 2);
    isBusy = false;
    clock.advance(2 * INTERVAL_MS);
    assert.isAbove(offers.length, 0);
  });

  it("stops, also in the middle of a poll, and starts again", () => {
    const { clock, fileServer, poll, offers } = makePollBench({ latencyMs: 5_000 });
    poll.start();
    poll.start();
    clock.runUntil(() => fileServer.requests.length === 1, FIRST_POLL_MS_MAX + 1_000, "a request");
    poll.stop();
    clock.advance(5 * INTERVAL_MS);
    assert.deepEqual([offers, fileServer.requests.length], [[], 1]);
    poll.start();
    clock.advance(FIRST_POLL_MS_MAX + 10_000);
    assert.lengthOf(offers, 1);
  });

  it("remembers when it is due over a stop, and comes at once, by chance, when that has passed", () => {
    const { clock, fileServer, poll } = makePollBench();
    poll.start();
    clock.advance(FIRST_POLL_MS_MAX + 10_000);
    for (let i = 0; i < 8; i++) {
      poll.stop();
      poll.start();
      clock.advance(FIRST_POLL_MS_MAX);
    }
    assert.lengthOf(fileServer.requests, 1);
    poll.stop();
    clock.advance(5 * INTERVAL_MS);
    poll.start();
    clock.advance(FIRST_POLL_MS_MAX + 10_000);
    assert.lengthOf(fileServer.requests, 2);
  });

  it("comes sooner after a failure, ever less so, and in its time after an answer", () => {
    const failures: string[] = [];
    const { clock, fileServer, poll, serve } = makePollBench(
      { statusFor: { status: 500, times: 6 } },
      { onFailed: (problem) => failures.push(problem) },
    );
    poll.start();
    clock.advance(9 * INTERVAL_MS);
    assert.equal(fileServer.fired.statusFor, 6);
    assert.deepEqual(failures, new Array(6).fill(`${HOST} answered 500`));
    serve(FILE, "good");
    const times = fileServer.requests.map(({ atMs }) => atMs);
    const wanted = [1, 2, 4, 8, 12, 12, 12].map((times) => times * POLL_RETRY_MS);
    for (const [i, pauseMs] of wanted.entries()) {
      const tookMs = (times[i + 1] ?? 0) - (times[i] ?? 0);
      assert.approximately(tookMs, pauseMs * (1 + JITTER_SHARE / 2), pauseMs * JITTER_SHARE, `pause ${i}`);
    }
  });

  it("comes once a minute while an answer is waited for, and says when it is there", () => {
    let isUrgent = true;
    let answers = 0;
    const { clock, fileServer, poll } = makePollBench(
      { statusFor: { status: 500, times: 3 } },
      {
        isUrgent: () => isUrgent,
        onAnswer: () => {
          answers++;
          isUrgent = false;
        },
      },
    );
    poll.start();
    clock.advance(6 * INTERVAL_MS_MIN);
    assert.deepEqual([fileServer.fired.statusFor, answers], [3, 1]);
    assert.lengthOf(fileServer.requests, 4);
    clock.advance(INTERVAL_MS - INTERVAL_MS_MIN * 6);
    assert.lengthOf(fileServer.requests, 4);
    clock.advance(INTERVAL_MS);
    assert.equal(answers, 2, "unchanged is an answer as well");
  });

  it("may be stopped by who hears of an answer, and is then silent", () => {
    const bench = makePollBench({}, { onAnswer: () => bench.poll.stop() });
    bench.poll.start();
    bench.clock.advance(5 * INTERVAL_MS);
    assert.deepEqual([bench.offers, bench.fileServer.requests.length], [[], 1]);
  });

  describe("redirected", () => {
    it("goes there, and looks for the image from there", () => {
      const moved = "/v2/latest.json";
      const { poll, fileServer, offers, pass } = makePollBench({
        files: { [moved]: jsonFile(FILE) },
        redirects: { [PATH]: { location: moved } },
      });
      poll.start();
      pass();
      assert.equal(offers[0]?.url, `https://${HOST}:443/v2/fw-2.1.0.bin`);
      assert.equal(fileServer.fired.redirects, 1);
    });

    for (const [what, location, times, says] of [
      ["in a ring", PATH, POLL_REDIRECTS_MAX + 1, /more than 3 redirects/],
      ["from https to http", `http://${HOST}/x.json`, 1, /https to http/],
      ["to something else", "ftp://x.example/", 1, /neither http/],
      ["to nowhere", undefined, 1, /to nowhere/],
    ] as const) {
      it(`gives up ${what}, saying so`, () => {
        const redirect = location === undefined ? {} : { location };
        const { poll, fileServer, offers, pass } = makePollBench({ redirects: { [PATH]: redirect } });
        poll.start();
        pass();
        assert.equal(fileServer.fired.redirects, times);
        assert.match(poll.lastProblem, says);
        assert.deepEqual([offers, poll.counters.failures], [[], 1]);
      });
    }
  });

  describe("answered badly", () => {
    const cases: readonly (readonly [string, Partial<FileServerBehavior>, RegExp])[] = [
      ["with an error", { statusFor: { status: 503, times: 1 } }, /answered 503/],
      ["with nothing", { files: { [PATH]: jsonFile("") } }, /no offer/],
      ["with a page", { files: { [PATH]: jsonFile("<html>hello</html>") } }, /no offer/],
      ["with half a file", { truncatesAtByte: { byte: 40, times: 1 } }, /no offer/],
      ["with JSON of something else", { files: { [PATH]: jsonFile([FILE]) } }, /no offer/],
      ["with JSON of a thousand levels", { files: { [PATH]: jsonFile("[".repeat(1_000)) } }, /no offer/],
      ["with a digest that is none", { files: { [PATH]: jsonFile({ ...FILE, sha256: 7 }) } }, /no offer/],
      ["with a file that does not end", { files: { [PATH]: jsonFile(`${" ".repeat(10_000)}{}`) } }, /longer than 2048/],
      ["with silence", { stallAtByte: { byte: 10, times: 1 } }, /no answer within 60 seconds/],
      ["with a reset", { cutAtByte: { byte: 10, times: 1 } }, /./],
      ["with a refusal", { refusesConnections: { times: 1 } }, /./],
    ];
    for (const [how, behavior, says] of cases) {
      it(`${how}, says so, and finds the offer when the server is itself again`, () => {
        const { poll, fileServer, offers, pass, serve } = makePollBench(behavior);
        poll.start();
        pass();
        assert.match(poll.lastProblem, says);
        assert.deepEqual([offers, poll.counters.failures], [[], 1]);
        const knobs = Object.keys(behavior).filter((knob) => knob !== "files") as (keyof typeof fileServer.fired)[];
        for (const knob of knobs) assert.equal(fileServer.fired[knob], 1, knob);
        serve(FILE, "good");
        pass();
        assert.deepEqual(offers, [OFFER]);
      });
    }

    it("takes a file of just the length that it bears, in chunks, or without a length", () => {
      const content = JSON.stringify(FILE).padEnd(FILE_BYTES_MAX);
      for (const framing of [{}, { chunked: { chunkBytes: 100 } }, { noLength: true }]) {
        const { poll, offers, pass } = makePollBench({ files: { [PATH]: jsonFile(content) }, ...framing });
        poll.start();
        pass();
        assert.deepEqual(offers, [OFFER], JSON.stringify(framing));
      }
    });

    it("keeps what it knows of the file over a poll that failed", () => {
      const { fileServer, poll, pass } = makePollBench();
      poll.start();
      pass();
      fileServer.behavior = { ...fileServer.behavior, refusesConnections: { times: 1 } };
      pass();
      pass();
      assert.equal(fileServer.fired.refusesConnections, 1);
      assert.equal(fileServer.requests.at(-1)?.status, 304);
      assert.equal(poll.counters.offers, 2);
    });
  });

  describe("that cannot connect", () => {
    it("says that there is no such name, no good certificate, or no https", () => {
      const unknown = makePollBench({}, { url: "https://nowhere.example/x.json" });
      unknown.poll.start();
      unknown.pass();
      assert.equal(unknown.network.counts.unresolved, 1);
      assert.include(unknown.poll.lastProblem, "nowhere.example");
      const fake = makePollBench();
      fake.network.certificateProblems.set(HOST, "the certificate has expired");
      fake.poll.start();
      fake.pass();
      assert.include(fake.poll.lastProblem, "the certificate has expired");
      assert.equal(fake.network.counts.badCertificates, 1);
      const bare = makePollBench({}, { url: "gopher://x" });
      bare.poll.start();
      bare.pass();
      assert.include(bare.poll.lastProblem, "neither http");
    });

    it("says what its client says when that cannot even be made", () => {
      const { poll, pass } = makePollBench(
        {},
        {
          https: {
            io: class {
              constructor() {
                throw new Error("the date is not known yet");
              }
              request(): never {
                throw new Error("no");
              }
              close() {}
            },
          },
        },
      );
      poll.start();
      pass();
      assert.equal(poll.lastProblem, "the date is not known yet");
    });
  });
});
