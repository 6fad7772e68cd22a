/** What the cloud hears of updates: each verdict at least once, whatever MCU, session and transport do. */

import { assert } from "chai";
import { asciiBytes } from "../host/sim/ascii.js";
import { VirtualClock } from "../host/sim/clock.js";
import { Uplink } from "../src/cloud/uplink.js";
import { REFUSALS_MAX } from "../src/cloud/uplink-pump.js";
import type { Offer } from "../src/image/offer.js";
import {
  REPEATS_MAX,
  REPORT_GAP_MS,
  type ReportTarget,
  SETTLED_MS,
  UpdateReport,
} from "../src/wiring/update-report.js";
import { ListingTransport } from "./support/listing-transport.js";

const OFFER: Offer = { url: "http://h/pump.bin?token=1", sizeBytes: 1, type: "", version: "2.0.0", build: "" };
const UNNAMED: Offer = { ...OFFER, version: "" };
const SUCCEEDED = { kind: "succeeded", proof: "version" } as const;
const FAILED = {
  kind: "failed",
  failure: { stage: "download", cause: "connect", detail: "nobody answered" },
} as const;

function makeBench(target: ReportTarget = { event: "ota" }) {
  const clock = new VirtualClock();
  const transport = new ListingTransport(clock);
  let stored: Uint8Array | undefined;
  const record = {
    read: () => (stored ? ({ kind: "valid", body: stored } as const) : ({ kind: "absent" } as const)),
    write: (body: Uint8Array) => {
      stored = body.slice();
    },
  };
  /** A life of the device, from start to power cut. */
  const live = () => {
    const uplink = new Uplink({ clock, transport, tellsTime: () => false, wallTimeMs: () => undefined });
    const report = new UpdateReport({ clock, transport, uplink, target, record, onFault: assert.fail });
    return { uplink, report };
  };
  const verdicts = () => transport.whats.filter((what) => /succeeded|failed/.test(what));
  /** Of those that wait for a session, in the record. */
  const waiting = (): string[] => JSON.parse(String.fromCharCode(...(stored ?? []))).waiting;
  return { clock, transport, ...live(), live, verdicts, waiting };
}

describe("the report of a verdict, beside an MCU", () => {
  it("that leaves a group open, leaves at once, and outside of the group", () => {
    const { clock, transport, uplink, report } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(0n);
    uplink.virtualWrite(1, asciiBytes("1"));
    report.onVerdict("MCU", OFFER, SUCCEEDED);
    assert.deepEqual(transport.whats, ["event ota MCU 2.0.0: succeeded"]);
    clock.advance(60_000);
    assert.deepEqual(transport.whats.slice(1), ["begin 0", "V1=1", "end"]);
  });

  it("that calls without end, leaves in every run", () => {
    let runs = 0;
    for (const perSecond of [15, 25, 40, 100]) {
      for (let shift = 0; shift < 40; shift++) {
        const { clock, uplink, report, transport, verdicts } = makeBench();
        uplink.onCloudUp();
        for (let i = 0; i < perSecond * 12; i++) {
          if (i === perSecond * 8 + shift) report.onVerdict("MCU", OFFER, SUCCEEDED);
          uplink.logEvent("loop", String(i % 7));
          uplink.setProperty(i % 7, "color", asciiBytes("#fff"));
          clock.advance(1_000 / perSecond);
        }
        assert.isAbove(uplink.counters.dropped + uplink.waiting, 80, "the MCU was too fast");
        assert.deepEqual(verdicts(), ["event ota MCU 2.0.0: succeeded"], `${perSecond} a second, ${shift}`);
        assert.isAtMost(transport.mostInSecond, 10);
        runs++;
      }
    }
    assert.equal(runs, 160);
  });

  it("that filled the buffer while the cloud was away, leaves first", () => {
    const { clock, transport, uplink, report } = makeBench();
    report.onVerdict("MCU", OFFER, SUCCEEDED);
    for (let i = 0; i < 1_000; i++) uplink.logEvent("loop", String(i));
    assert.isAbove(uplink.counters.dropped, 500);
    uplink.onCloudUp();
    assert.equal(transport.whats[0], "event ota MCU 2.0.0: succeeded");
    clock.advance(1_000);
  });
});

describe("the report of a verdict, in sessions", () => {
  it("is told again in the next when one breaks too soon, and then no more", () => {
    const { clock, uplink, report, verdicts, waiting } = makeBench();
    uplink.onCloudUp();
    report.onVerdict("MCU", OFFER, SUCCEEDED);
    clock.advance(SETTLED_MS - 1);
    uplink.onCloudLost();
    assert.lengthOf(verdicts(), 1);
    assert.lengthOf(waiting(), 1);
    uplink.onCloudUp();
    clock.advance(SETTLED_MS + REPORT_GAP_MS);
    assert.lengthOf(verdicts(), 2);
    assert.deepEqual(waiting(), []);
    uplink.onCloudLost();
    uplink.onCloudUp();
    clock.advance(SETTLED_MS);
    assert.lengthOf(verdicts(), 2);
  });

  it("settles from when it has left, however long the transport had no room before", () => {
    const { clock, transport, uplink, report, verdicts, waiting } = makeBench();
    uplink.onCloudUp();
    transport.takes = false;
    report.onVerdict("MCU", OFFER, SUCCEEDED);
    clock.advance(50_000);
    assert.isAbove(transport.refusals, 40);
    transport.takes = true;
    clock.advance(1_000);
    assert.lengthOf(verdicts(), 1);
    clock.advance(SETTLED_MS - 2_000);
    assert.lengthOf(waiting(), 1);
    clock.advance(2_000);
    assert.deepEqual(waiting(), []);
  });

  it("waits for a better session when this one takes nothing", () => {
    const { clock, transport, uplink, report, verdicts, waiting } = makeBench({ event: "ota", metadata: "Update" });
    transport.takes = false;
    uplink.onCloudUp();
    report.onVerdict("MCU", OFFER, SUCCEEDED);
    clock.advance(3 * REFUSALS_MAX * 1_000 + SETTLED_MS);
    assert.equal(transport.refusals, 2 * REFUSALS_MAX);
    assert.lengthOf(waiting(), 1);
    transport.takes = true;
    clock.advance(SETTLED_MS);
    assert.deepEqual(verdicts(), []);
    uplink.onCloudLost();
    uplink.onCloudUp();
    assert.lengthOf(verdicts(), 2);
  });

  it("is told in the next life when the power fails before it has settled", () => {
    const { clock, uplink, report, live, verdicts } = makeBench();
    uplink.onCloudUp();
    report.onVerdict("MCU", OFFER, SUCCEEDED);
    report.close();
    uplink.close();
    clock.advance(5_000);
    const next = live();
    next.report.onVerdict("MCU", OFFER, SUCCEEDED);
    next.uplink.onCloudUp();
    clock.advance(SETTLED_MS);
    assert.lengthOf(verdicts(), 2);
  });

  it("is given up after so many that broke", () => {
    const { clock, uplink, report, verdicts } = makeBench();
    report.onVerdict("MCU", OFFER, SUCCEEDED);
    for (let session = 0; session < REPEATS_MAX + 3; session++) {
      uplink.onCloudUp();
      clock.advance(10_000);
      uplink.onCloudLost();
    }
    assert.lengthOf(verdicts(), REPEATS_MAX);
  });

  it("goes all of the product's ways, and keeps its distance from the one before", () => {
    const { clock, transport, uplink, report } = makeBench({ event: "ota", metadata: "Update", vpin: 9 });
    uplink.onCloudUp();
    report.onStep("MCU", OFFER, "accepted");
    report.onVerdict("MCU", OFFER, SUCCEEDED);
    clock.advance(10_000);
    const ways = (words: string) => [`event ota ${words}`, `meta Update=${words}`, `V9=${words}`];
    assert.deepEqual(transport.whats, [...ways("MCU 2.0.0: accepted"), ...ways("MCU 2.0.0: succeeded")]);
    const [first, , , second] = transport.sent;
    assert.isAtLeast((second?.atMs ?? 0) - (first?.atMs ?? 0), REPORT_GAP_MS);
  });
});

describe("the report of an update whose offer says little", () => {
  it("names the file, and no device, until the image has said whose it is", () => {
    const { clock, transport, uplink, report } = makeBench();
    uplink.onCloudUp();
    report.onStep("Update", UNNAMED, "accepted");
    report.onVerdict("Update", UNNAMED, FAILED);
    clock.advance(5_000);
    assert.deepEqual(transport.whats, [
      "event ota Update pump.bin: accepted",
      "event ota Update pump.bin: failed, download, connect: nobody answered",
    ]);
  });

  it("tells no step again once it is known", () => {
    const { clock, transport, uplink, report } = makeBench();
    uplink.onCloudUp();
    for (let round = 0; round < 2; round++) {
      report.onStep("Update", UNNAMED, "accepted");
      clock.advance(5_000);
      for (const step of ["accepted", "downloaded", "transferring"] as const) {
        report.onStep("MCU", UNNAMED, step);
        clock.advance(5_000);
      }
      report.onVerdict("MCU", UNNAMED, SUCCEEDED);
      clock.advance(5_000);
    }
    const once = [
      "event ota Update pump.bin: accepted",
      "event ota MCU pump.bin: downloaded",
      "event ota MCU pump.bin: transferring",
      "event ota MCU pump.bin: succeeded",
    ];
    assert.deepEqual(transport.whats, [...once, ...once]);
  });
});
