/** A vendor's server that is polled, as a whole product: without a cloud, beside one, and for Ferry's own firmware. */

import { assert } from "chai";
import { makeFerryImage } from "../host/peers/ferry-image.js";
import type { FileServerBehavior } from "../host/peers/file-response.js";
import { makeFirmware } from "../host/peers/firmware.js";
import { HOME, POLL, POLL_PATH, ProductBench, type ProductBenchOptions, TOKEN } from "../host/peers/product-bench.js";
import { FIRMWARE_PATH, NEW_FIRMWARE, SERVER_HOST } from "../host/peers/workbench.js";
import { SimStorage } from "../host/sim/storage.js";
import {
  FIRST_POLL_MS_MAX,
  INTERVAL_MS_MIN,
  JITTER_SHARE,
  POLL_MS,
  type UpdatePollCounters,
} from "../src/cloud/update-poll.js";
import type { NcpNews } from "../src/ncp.js";
import { NcpState } from "../src/rpc/protocol.js";
import { FAILED_TRIES_MAX } from "../src/update/offer-book.js";
import { CONFIRMATION_MS } from "../src/update/self-update-machine.js";
import type { Verdict } from "../src/update/verdict.js";
import { OnlineBench } from "./support/online-bench.js";

const { IDLE, CONFIG, CONNECTING_NET, CONNECTING_CLOUD, CONNECTED } = NcpState;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Until a station without beacons knows that its network is gone. */
const NOTICED_MS = 10_000;

function makeBench(options: ProductBenchOptions = {}): ProductBench {
  return new ProductBench("native", {
    poll: POLL,
    hasCloud: false,
    ...options,
    mcu: { prefetch: true, ...options.mcu },
  });
}

function countersOf({ device }: ProductBench): UpdatePollCounters {
  return device.ncp?.counters.poll ?? assert.fail("nobody polls");
}

function reasons({ news }: ProductBench): string[] {
  return news.flatMap((told) => (told.kind === "not-taken" ? [told.reason] : []));
}

function problems({ news }: ProductBench): string[] {
  return news.flatMap((told) => (told.kind === "poll-failed" ? [told.problem] : []));
}

/** Of the MCU's state, as news have it. */
function states({ news }: ProductBench): number[] {
  return news.flatMap((told) => (told.kind === "state" ? [told.state] : []));
}

/** An offer without a digest, as the vendor's server has it. */
function fileOf(path: string, image: Uint8Array, version: string): string {
  const url = `http://${SERVER_HOST}${path}`;
  return JSON.stringify({ url, size: image.length, type: NEW_FIRMWARE.type, ver: version });
}

/** Until so many requests have reached the vendor's server, and all that comes of the last. */
function awaitPolls(bench: ProductBench, count: number): void {
  bench.runUntil(() => bench.vendor.requests.length >= count, 8 * DAY_MS, `${count} polls`);
  bench.clock.advance(POLL_MS);
}

describe("A product that polls and has no cloud", () => {
  it("joins its network, counts as connected there, and brings what the file offers into the MCU", () => {
    const bench = makeBench();
    bench.publish();
    bench.start();
    assert.deepEqual(bench.awaitVerdict(FIRST_POLL_MS_MAX + 10 * MINUTE_MS), { kind: "succeeded", proof: "version" });
    assert.isTrue(bench.mcuRunsNewImage);
    assert.deepEqual(states(bench).slice(0, 3), [CONNECTING_NET, CONNECTING_CLOUD, CONNECTED]);
    assert.equal(bench.device.ncp?.state, CONNECTED);
    assert.equal(bench.cloud.counts.connections, 0);
  });

  it("is quiet about what runs, and finds the next one", () => {
    const bench = makeBench();
    bench.publish();
    bench.start();
    bench.awaitVerdict();
    awaitPolls(bench, 6);
    assert.deepEqual([reasons(bench), problems(bench)], [[], []]);
    assert.deepInclude(countersOf(bench), { offers: 1, installed: 5, files: 1, unchanged: 5, failures: 0 });
    const next = makeFirmware(30_000, { ...NEW_FIRMWARE, version: "2.1.0" }, 7);
    bench.server.behavior = { files: { "/next.bin": { bytes: next } } };
    bench.publish(fileOf("/next.bin", next, "2.1.0"));
    assert.equal(bench.awaitVerdict(2 * HOUR_MS).kind, "succeeded");
    assert.equal(bench.mcu.running.firmware.version, "2.1.0");
    assert.equal(bench.mcu.record.update.installs, 2);
  });

  it("needs the network from the MCU where the product has none, and opens the setup until then", () => {
    const bench = new OnlineBench({ poll: POLL });
    bench.boot();
    bench.mcu.initialize();
    bench.clock.advance(1_000);
    assert.deepEqual(bench.mcu.states, [CONFIG]);
    assert.isFalse(bench.mcu.call("blynk.isConfigured", {}).ok);
    assert.isTrue(bench.mcu.call("ferry.setNetwork", HOME).ok);
    assert.isTrue(bench.mcu.call("ferry.connect", {}).ok);
    bench.clock.advance(10_000);
    assert.isTrue(bench.mcu.call("blynk.isConfigured", {}).ok);
    assert.equal(bench.mcu.states.at(-1), CONNECTED);
    assert.deepEqual(bench.faults(), []);
  });

  it("logs in once the MCU tells a token, polls on, and is without a cloud again after a reset of its settings", () => {
    const bench = new OnlineBench({ poll: POLL, firstNetwork: { ssid: HOME.ssid, psk: HOME.password } });
    bench.boot();
    bench.mcu.initialize();
    bench.clock.advance(10_000);
    assert.deepEqual(bench.mcu.states, [CONNECTING_NET, CONNECTING_CLOUD, CONNECTED]);
    bench.mcu.call("ferry.setCloud", { host: "", port: 0, token: TOKEN });
    bench.mcu.call("ferry.connect", {});
    bench.clock.runUntil(() => bench.cloud.online === 1, MINUTE_MS, "the login");
    bench.clock.advance(2 * HOUR_MS);
    assert.isAbove(bench.ncp.counters.poll?.polls ?? 0, 0);
    bench.mcu.call("blynk.configReset", {});
    bench.clock.advance(1_000);
    assert.equal(bench.mcu.states.at(-1), CONFIG);
    bench.clock.advance(10 * MINUTE_MS);
    assert.equal(bench.mcu.states.at(-1), IDLE);
  });

  it("does not poll without a network, nor more often because that comes and goes", () => {
    const bench = makeBench();
    bench.publish("{}");
    bench.start();
    let { home } = bench;
    for (let i = 0; i < 200; i++) {
      bench.clock.advance(2 * MINUTE_MS);
      bench.air.remove(home);
      bench.clock.advance(NOTICED_MS);
      const before = bench.vendor.requests.length;
      bench.clock.advance(MINUTE_MS);
      assert.equal(bench.vendor.requests.length, before, "a poll without a network");
      home = bench.air.add(HOME);
    }
    assert.isAbove(bench.air.counts.attempts, 100, "the network never went");
    assert.isAtMost(bench.vendor.requests.length, 10 + 6);
    assert.isAtLeast(bench.vendor.requests.length, 3);
  });

  it("polls on while the MCU is silent, and not before it was there", () => {
    const bench = makeBench();
    bench.publish();
    bench.device.powerOn();
    bench.clock.advance(DAY_MS);
    assert.isEmpty(bench.vendor.requests);
    bench.mcu.powerOn();
    bench.awaitVerdict();
    bench.mcu.powerOff();
    const before = bench.vendor.requests.length;
    bench.clock.advance(4 * HOUR_MS);
    assert.isAtLeast(bench.vendor.requests.length, before + 3);
    assert.equal(bench.mcu.record.update.installs, 1);
  });

  it("goes on with the update after a power cut between poll and download, and installs it once", () => {
    for (const afterMs of [0, 1, 5, 50, 500]) {
      const bench = makeBench({ imageBytes: 100_000 });
      bench.publish();
      bench.start();
      bench.runUntil(() => bench.count("phase") > 0, HOUR_MS, "the offer");
      bench.clock.advance(afterMs);
      bench.device.powerOff();
      assert.lengthOf(bench.cuts, 1);
      assert.isTrue(bench.vendor.requests.length > 0 && bench.count("staged") === 0, `after ${afterMs} ms`);
      bench.clock.advance(MINUTE_MS);
      bench.device.powerOn();
      assert.equal(bench.awaitVerdict().kind, "succeeded");
      awaitPolls(bench, bench.vendor.requests.length + 3);
      assert.equal(bench.mcu.record.update.installs, 1, `after ${afterMs} ms`);
      assert.equal(bench.count("verdict"), 1);
    }
  });

  it("polls anew after a power cut in the middle of a poll", () => {
    const bench = makeBench();
    bench.publish();
    bench.vendor.behavior = { ...bench.vendor.behavior, latencyMs: 10_000 };
    bench.start();
    bench.runUntil(() => bench.vendor.requests.length === 1, FIRST_POLL_MS_MAX + MINUTE_MS, "the poll");
    bench.device.powerOff();
    assert.lengthOf(bench.cuts, 1);
    bench.device.powerOn();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.equal(bench.mcu.record.update.installs, 1);
  });

  describe("whose server", () => {
    const troubles: readonly (readonly [what: string, Partial<FileServerBehavior>, RegExp])[] = [
      ["refuses connections", { refusesConnections: { times: Number.POSITIVE_INFINITY } }, /connection failed/],
      ["answers with an error", { statusFor: { status: 503 } }, /answered 503/],
      ["has lost the file", { files: {} }, /answered 404/],
      ["sends round in a ring", { redirects: { [POLL_PATH]: { location: POLL_PATH } } }, /more than 3 redirects/],
      ["sends on to http", { redirects: { [POLL_PATH]: { location: "http://x.example/" } } }, /https to http/],
      ["falls silent", { stallAtByte: { byte: 3 } }, /no answer within 60 seconds/],
    ];
    for (const [what, behavior, says] of troubles) {
      it(`${what} is asked ever more rarely, up to the interval, and believed again when it is itself`, () => {
        const bench = makeBench();
        bench.publish();
        const sound = bench.vendor.behavior;
        bench.vendor.behavior = { ...sound, ...behavior };
        bench.start();
        bench.clock.advance(DAY_MS);
        const { polls, failures, offers } = countersOf(bench);
        assert.deepEqual([offers, bench.count("verdict")], [0, 0]);
        assert.approximately(polls, 26, 4);
        assert.approximately(failures, polls, 1);
        assert.lengthOf(problems(bench), failures);
        for (const problem of problems(bench)) assert.match(problem, says);
        const knobs = Object.keys(behavior).filter((knob) => knob !== "files") as (keyof typeof bench.vendor.fired)[];
        for (const knob of knobs) assert.isAtLeast(bench.vendor.fired[knob], failures, knob);
        bench.vendor.behavior = sound;
        assert.equal(bench.awaitVerdict(2 * HOUR_MS).kind, "succeeded");
      });
    }

    for (const text of ["", "<html>soon</html>", '{"url": 7}', "[".repeat(2_000), "x".repeat(100_000)]) {
      it(`sends "${text.slice(0, 12)}" moves nothing, and is counted`, () => {
        const bench = makeBench();
        bench.publish(text);
        bench.start();
        awaitPolls(bench, 3);
        const { notUnderstood, failures, offers } = countersOf(bench);
        assert.deepEqual([failures, offers, bench.count("phase")], [3, 0, 0]);
        assert.equal(notUnderstood, text.length > 2_048 ? 0 : 3);
      });
    }

    it("has no good certificate is not believed", () => {
      const bench = makeBench();
      bench.publish();
      bench.network.certificateProblems.set("updates.example", "the date is not known yet");
      bench.start();
      bench.clock.advance(FIRST_POLL_MS_MAX + 2 * MINUTE_MS);
      assert.isAtLeast(bench.network.counts.badCertificates, 1);
      assert.match(problems(bench)[0] ?? "", /the date is not known yet/);
      bench.network.certificateProblems.clear();
      assert.equal(bench.awaitVerdict(FIRST_POLL_MS_MAX + 10 * MINUTE_MS).kind, "succeeded", "soon, not an hour later");
    });

    it("has not changed the file is not asked for it again, and spreads its devices", () => {
      const bench = makeBench({ mcu: { prefetch: true, acceptOffer: false } });
      bench.publish();
      bench.start();
      awaitPolls(bench, 12);
      const statuses = bench.vendor.requests.map(({ status }) => status);
      assert.deepEqual(statuses, [200, ...new Array(11).fill(304)]);
      const pauses = bench.vendor.requests.slice(1).map(({ atMs }, i) => atMs - (bench.vendor.requests[i]?.atMs ?? 0));
      for (const pauseMs of pauses) {
        assert.isAtLeast(pauseMs, POLL.intervalMs);
        assert.isAtMost(pauseMs, POLL.intervalMs * (1 + JITTER_SHARE) + MINUTE_MS);
      }
    });
  });

  it("does not try without end what fails, nor again what was rolled back", () => {
    const failing = makeBench({ mcu: { acceptOffer: false } });
    failing.publish();
    failing.start();
    failing.clock.advance(DAY_MS);
    assert.equal(failing.count("verdict"), FAILED_TRIES_MAX);
    assert.match(reasons(failing).at(-1) ?? "", /failed 3 times/);
    const reverting = makeBench({ mcu: { bootsOldAfterUpdate: true } });
    reverting.publish();
    reverting.start();
    reverting.clock.advance(DAY_MS);
    assert.equal(reverting.mcu.fired.bootsOldAfterUpdate, 1);
    assert.equal(reverting.count("verdict"), 1);
    assert.match(reasons(reverting).at(-1) ?? "", /rolled back/);
  });

  it("respects the bound of whole downloads", () => {
    const bench = makeBench({ overrides: { wholeDownloadsMax: 2 }, imageBytes: 60_000 });
    bench.server.behavior = {
      ...bench.server.behavior,
      validators: "none",
      ignoresRange: true,
      cutAtByte: { byte: 40_000 },
    };
    bench.publish();
    bench.start();
    bench.clock.advance(20 * HOUR_MS);
    assert.isAtLeast(bench.server.fired.cutAtByte, 2);
    assert.isAbove(countersOf(bench).repeats, 10, "the offer was not made again");
    assert.lengthOf(bench.server.requests, 3, "the third was broken off at its head: it was no range");
    assert.equal(bench.count("held"), 1);
  });
});

describe("A product that polls beside a cloud", () => {
  const makeBoth = (options: ProductBenchOptions = {}) => {
    const bench = makeBench({ hasCloud: true, ...options });
    bench.ship();
    bench.publish();
    return bench;
  };

  it("makes one update of what both offer, from the same place", () => {
    const bench = makeBoth({ imageBytes: 200_000, network: { bytesPerSecond: 400 } });
    bench.start();
    bench.runUntil(() => countersOf(bench).skipped > 0 || bench.count("verdict") > 0, DAY_MS, "a poll meanwhile");
    assert.equal(bench.awaitVerdict(DAY_MS).kind, "succeeded");
    awaitPolls(bench, bench.vendor.requests.length + 3);
    assert.equal(bench.mcu.record.update.installs, 1);
    assert.lengthOf(bench.server.requests, 1);
    assert.equal(bench.count("verdict"), 1);
  });

  it("makes one update of what both offer at once from different places, one of them without a digest", () => {
    const bench = makeBoth({ mcu: { startDelayMs: 5 * HOUR_MS } });
    bench.server.behavior = {
      files: { [FIRMWARE_PATH]: { bytes: bench.image }, "/mirror.bin": { bytes: bench.image } },
    };
    bench.publish({ url: `http://${SERVER_HOST}/mirror.bin` });
    bench.start();
    bench.runUntil(() => bench.last("phase")?.phase === "accepted", HOUR_MS, "the MCU's yes");
    awaitPolls(bench, 3);
    assert.match(reasons(bench)[0] ?? "", /under way already, from another place/);
    const logins = bench.cloud.logins.length;
    bench.cloud.hangUp();
    bench.runUntil(() => bench.cloud.logins.length > logins, HOUR_MS, "the next login");
    assert.equal(bench.awaitVerdict(DAY_MS).kind, "succeeded");
    awaitPolls(bench, bench.vendor.requests.length + 3);
    assert.equal(bench.mcu.record.update.installs, 1);
    assert.lengthOf(bench.server.requests, 1);
    assert.deepEqual([...bench.cloud.versions.values()], [NEW_FIRMWARE.version]);
  });

  it("makes one update of what both offer to an MCU that never names a version", () => {
    const bench = makeBoth({ image: makeFirmware(20_000, { type: "", version: "", build: "" }, 5) });
    bench.mcu.behavior.untaggedFirmware = { ...bench.mcu.behavior.untaggedFirmware, version: "" };
    const files = { [FIRMWARE_PATH]: { bytes: bench.image }, "/mirror.bin": { bytes: bench.image } };
    bench.server.behavior = { files };
    bench.publish({ url: `http://${SERVER_HOST}/mirror.bin`, type: "" });
    bench.start();
    bench.awaitVerdict(DAY_MS);
    awaitPolls(bench, bench.vendor.requests.length + 3);
    assert.equal(bench.mcu.record.update.installs, 1);
  });

  it("takes a newer offer of the server while an older one of the cloud waits for the MCU", () => {
    const bench = makeBoth({ mcu: { startDelayMs: 20 * HOUR_MS } });
    const newer = makeFirmware(30_000, { ...NEW_FIRMWARE, version: "2.2.0" }, 9);
    bench.start();
    bench.runUntil(() => bench.last("phase")?.phase === "accepted", HOUR_MS, "the MCU's yes");
    bench.server.behavior = { files: { "/newer.bin": { bytes: newer } } };
    bench.cloud.shipment = undefined;
    bench.publish(fileOf("/newer.bin", newer, "2.2.0"));
    bench.mcu.behavior.startDelayMs = 1_000;
    bench.awaitVerdict(DAY_MS);
    assert.equal(bench.mcu.running.firmware.version, "2.2.0");
  });

  it("is updated from the server while the cloud is gone, and tells the cloud afterwards", () => {
    const bench = makeBench({ hasCloud: true });
    bench.publish();
    bench.closeCloud();
    bench.start();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    assert.isFalse(bench.isOnline);
    bench.openCloud();
    bench.runUntil(() => bench.cloud.timeline.length > 0, HOUR_MS, "the report");
    bench.clock.advance(10_000);
    assert.equal(bench.cloud.timeline.at(-1)?.text, "MCU 2.0.0: succeeded");
  });
});

describe("A new build of Ferry from a poll", () => {
  const OLD = "1.0.0";
  const NEW = "1.1.0";
  const makeSelf = (options: ProductBenchOptions = {}) => {
    const bench = makeBench({
      image: makeFerryImage({ version: NEW, bytes: 12_000, seed: 2 }),
      storage: new SimStorage({ app: makeFerryImage({ version: OLD }) }),
      overrides: { selfUpdate: { confirmation: { mcu: true, cloud: true } } },
      ...options,
    });
    bench.publish({ target: "ncp", type: "", version: NEW, build: "" });
    return bench;
  };
  const awaitSelfVerdict = (bench: ProductBench): Verdict => {
    bench.runUntil(() => bench.last("self-verdict") !== undefined, 2 * HOUR_MS, "a verdict on Ferry");
    return (bench.last("self-verdict") as NcpNews & { kind: "self-verdict" }).verdict;
  };
  const isRunning = (bench: ProductBench, version: string) => bench.device.running?.version === version;

  it("is installed, and confirmed by the server's answer where there is no cloud", () => {
    const bench = makeSelf();
    bench.start();
    bench.runUntil(() => isRunning(bench, NEW), HOUR_MS, "the new build");
    const before = bench.vendor.requests.length;
    assert.deepEqual(awaitSelfVerdict(bench), { kind: "succeeded", proof: "confirmed" });
    assert.equal(bench.vendor.requests.length, before + 1);
    awaitPolls(bench, before + 4);
    assert.isTrue(isRunning(bench, NEW));
    assert.equal(bench.count("self-verdict"), 1);
    assert.deepEqual(reasons(bench), []);
    assert.deepInclude(countersOf(bench), { offers: 0, installed: 4 });
  });

  it("asks once a minute until there is an answer, and in its time from then on", () => {
    const bench = makeSelf();
    bench.start();
    bench.runUntil(() => isRunning(bench, NEW), HOUR_MS, "the new build");
    const before = bench.vendor.requests.length;
    bench.vendor.behavior = { ...bench.vendor.behavior, statusFor: { status: 500, times: 3 } };
    assert.equal(awaitSelfVerdict(bench).kind, "succeeded");
    assert.equal(bench.vendor.fired.statusFor, 3);
    bench.clock.advance(5 * HOUR_MS);
    const [first = 0, ...times] = bench.vendor.requests.slice(before).map(({ atMs }) => atMs);
    const pauses = times.map((atMs, i) => atMs - ([first, ...times][i] ?? 0));
    for (const pauseMs of pauses.slice(0, 3))
      assert.approximately(pauseMs, INTERVAL_MS_MIN * (1 + JITTER_SHARE / 2), INTERVAL_MS_MIN * JITTER_SHARE);
    for (const pauseMs of pauses.slice(3)) assert.isAtLeast(pauseMs, POLL.intervalMs);
    assert.isAtLeast(pauses.length, 7);
  });

  it("is rolled back when it gets no answer any more, and not tried again", () => {
    const bench = makeSelf({ build: ({ version }) => (version === NEW ? { network: NO_NETWORK } : {}) });
    bench.start();
    bench.runUntil(() => isRunning(bench, NEW), HOUR_MS, "the new build");
    const atMs = bench.clock.now();
    const failed = problems(bench).length;
    const verdict = awaitSelfVerdict(bench);
    assert.equal(verdict.kind, "rolled-back");
    assert.match(verdict.kind === "rolled-back" ? verdict.failure.detail : "", /nor an answer to a poll$/);
    assert.approximately(bench.clock.now() - atMs, CONFIRMATION_MS, MINUTE_MS);
    assert.approximately(problems(bench).length - failed, 9, 2);
    assert.isTrue(isRunning(bench, OLD));
    awaitPolls(bench, bench.vendor.requests.length + 3);
    assert.isTrue(isRunning(bench, OLD));
    assert.equal(bench.count("self-verdict"), 1);
    assert.match(reasons(bench).at(-1) ?? "", /rolled back/);
  });

  it("is not confirmed by the server where there is a cloud that does not let it in", () => {
    const bench = makeSelf({ hasCloud: true });
    bench.start();
    bench.runUntil(() => isRunning(bench, NEW), HOUR_MS, "the new build");
    bench.closeCloud();
    const before = bench.vendor.requests.length;
    assert.equal(awaitSelfVerdict(bench).kind, "rolled-back");
    assert.isAbove(bench.vendor.requests.length, before, "the server was never asked");
  });
});

/** A build that can make no connection. */
const NO_NETWORK = {
  http: {
    io: class {
      constructor() {
        throw new Error("this build is broken");
      }
      request(): never {
        throw new Error("this build is broken");
      }
      close(): void {}
    },
  },
};
