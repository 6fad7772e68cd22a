/** Offers that a cloud makes again and again, over both protocols: what is taken, what is left alone, what it hears. */

import { assert } from "chai";
import { CLOUD_HOST, ProductBench } from "../host/peers/product-bench.js";
import type { WorkbenchOptions } from "../host/peers/workbench.js";
import { FAILED_REST_MS, FAILED_TRIES_MAX } from "../src/update/offer-book.js";
import { SETTLED_MS } from "../src/wiring/update-report.js";

const HOUR_MS = 3_600_000;
/** From one login to the next, and all that comes of it. */
const SOON_MS = 3 * 60_000;

for (const protocol of ["native", "mqtt"] as const) {
  const makeBench = (options: Omit<WorkbenchOptions, "online"> = {}) => {
    const bench = new ProductBench(protocol, { ...options, mcu: { prefetch: true, ...options.mcu } });
    bench.ship();
    bench.powerOn();
    return bench;
  };
  /** The cloud restarts, and all log in again. */
  const reconnect = (bench: ProductBench) => {
    const before = bench.cloud.logins.length;
    bench.cloud.hangUp();
    bench.runUntil(() => bench.cloud.logins.length > before, HOUR_MS, "the next login");
    bench.clock.advance(SOON_MS);
  };
  const told = (bench: ProductBench) => bench.cloud.timeline.map(({ text }) => text);
  const reasons = (bench: ProductBench) =>
    bench.news.flatMap((news) => (news.kind === "not-taken" ? [news.reason] : []));

  describe(`An offer from a cloud, over ${protocol}`, () => {
    it("becomes an update, and the cloud hears of each step once, and sees the new version", () => {
      const bench = makeBench({ imageBytes: 100_000, mcu: { startDelayMs: 5_000 } });
      assert.equal(bench.awaitVerdict().kind, "succeeded");
      bench.clock.advance(SOON_MS);
      assert.deepEqual(told(bench), [
        "MCU 2.0.0: accepted",
        "MCU 2.0.0: downloaded",
        "MCU 2.0.0: transferring",
        "MCU 2.0.0: succeeded",
      ]);
      assert.deepEqual([...bench.cloud.versions.values()], ["2.0.0"]);
      assert.isTrue(bench.mcuRunsNewImage);
    });

    it("that says little is told by its file's name, once the image has said whose it is", () => {
      const bench = new ProductBench(protocol, { imageBytes: 20_000, mcu: { prefetch: true, startDelayMs: 5_000 } });
      bench.cloud.shipment = bench.makeOffer({ type: "", version: "", build: "" });
      bench.powerOn();
      assert.equal(bench.awaitVerdict().kind, "succeeded");
      bench.clock.advance(SOON_MS);
      assert.deepEqual(told(bench).slice(0, 3), [
        "MCU firmware.bin: accepted",
        "MCU firmware.bin: transferring",
        "MCU firmware.bin: succeeded",
      ]);
    });

    it("that says little, and whose image never comes, is told by its file's name to the end", () => {
      const bench = new ProductBench(protocol, { server: { files: {} } });
      bench.cloud.shipment = bench.makeOffer({ type: "", version: "", build: "" });
      bench.powerOn();
      bench.runUntil(() => bench.count("self-verdict") > 0, HOUR_MS, "the verdict");
      bench.clock.advance(SOON_MS);
      assert.lengthOf(told(bench), 1);
      assert.match(told(bench)[0] ?? "", /^Update firmware\.bin: failed, download, /);
    });

    it("that is made twice at once, and again at logins in between, is one update", () => {
      const bench = makeBench({ imageBytes: 300_000, network: { bytesPerSecond: 5_000 } });
      bench.cloud.behave({ repeatsItself: true });
      for (let i = 0; i < 3; i++) {
        bench.runUntil(() => bench.cloud.online > 0, HOUR_MS, "a login");
        bench.clock.advance(2_000);
        bench.cloud.hangUp();
      }
      bench.runUntil(() => bench.count("verdict") > 0, HOUR_MS, "the verdict");
      assert.isTrue(bench.mcuRunsNewImage);
      assert.isAtLeast(bench.cloud.offersMade, 3);
      assert.equal(bench.server.requests.length, 1);
      assert.equal(bench.mcu.record.update.installs, 1);
    });

    it("goes on from another URL when the cloud has put another token into it", () => {
      const bench = makeBench({ imageBytes: 300_000, network: { bytesPerSecond: 10_000 } });
      bench.runUntil(() => bench.server.requests.length === 1, HOUR_MS, "the download");
      const { shipment } = bench.cloud;
      if (shipment) bench.cloud.shipment = { ...shipment, url: `${shipment.url}?token=2` };
      reconnect(bench);
      if (bench.count("verdict") === 0) bench.awaitVerdict();
      assert.equal(bench.server.requests.length, 1);
      assert.equal(bench.mcu.record.update.installs, 1);
    });

    it("of what the MCU names already is left alone, and that is said once", () => {
      const bench = makeBench();
      assert.equal(bench.awaitVerdict().kind, "succeeded");
      bench.clock.advance(SOON_MS);
      const [shipment] = [bench.makeOffer({ url: "http://files.example/renamed.bin" })];
      bench.cloud.shipment = shipment;
      bench.cloud.versions.set("", "");
      for (const [token] of bench.cloud.versions) bench.cloud.versions.set(token, "unknown to the cloud");
      bench.cloud.offerToAll();
      bench.clock.advance(1_000);
      bench.cloud.offerToAll();
      bench.clock.advance(SOON_MS);
      assert.lengthOf(reasons(bench), 2);
      assert.match(reasons(bench)[0] ?? "", /already installed/);
      assert.lengthOf(
        told(bench).filter((text) => /not taken/.test(text)),
        1,
      );
      assert.equal(bench.mcu.record.update.installs, 1);
    });

    it("of an image that was rolled back is not taken again, over logins and restarts, but another build is", () => {
      const bench = makeBench({ mcu: { bootsOldAfterUpdate: true } });
      assert.equal(bench.awaitVerdict().kind, "rolled-back");
      assert.equal(bench.mcu.fired.bootsOldAfterUpdate, 1);
      reconnect(bench);
      bench.device.powerOff();
      bench.device.powerOn();
      reconnect(bench);
      assert.equal(bench.mcu.fired.bootsOldAfterUpdate, 1);
      assert.isAtLeast(reasons(bench).length, 2);
      assert.match(reasons(bench)[0] ?? "", /rolled back/);
      assert.lengthOf(
        told(bench).filter((text) => /: rolled-back/.test(text)),
        1,
      );
      bench.mcu.behavior.bootsOldAfterUpdate = false;
      bench.cloud.shipment = bench.makeOffer({ build: "Nov 22 2026 12:00:00" });
      reconnect(bench);
      bench.runUntil(() => bench.mcuRunsNewImage, HOUR_MS, "the other build");
    });

    it("that failed on the way is tried again, so often a day, and again a day later", () => {
      const bench = makeBench({ mcu: { acceptOffer: false } });
      assert.equal(bench.awaitVerdict().kind, "failed");
      for (let i = 0; i < 6; i++) reconnect(bench);
      assert.equal(bench.count("verdict"), FAILED_TRIES_MAX);
      assert.match(reasons(bench).at(-1) ?? "", /failed 3 times/);
      assert.lengthOf(
        told(bench).filter((text) => /declined/.test(text)),
        FAILED_TRIES_MAX,
      );
      assert.lengthOf(
        told(bench).filter((text) => /not taken/.test(text)),
        1,
      );
      bench.device.powerOff();
      bench.device.powerOn();
      reconnect(bench);
      assert.equal(bench.count("verdict"), FAILED_TRIES_MAX, "a restart does not shorten the rest");
      bench.mcu.behavior.acceptOffer = true;
      bench.clock.advance(FAILED_REST_MS + HOUR_MS);
      reconnect(bench);
      assert.equal(bench.mcu.record.update.installs, 1);
    });

    it("is told of at least once, though the cloud falls silent just then", () => {
      const bench = makeBench();
      bench.runUntil(() => bench.last("phase")?.phase === "returning", HOUR_MS, "the transfer's end");
      bench.cloud.behave({ ignoresPings: true });
      // What is on its way from now on is lost: nobody tells the device.
      bench.network.conditions.latencyMs = 10 * HOUR_MS;
      bench.awaitVerdict();
      bench.clock.advance(1_000);
      const before = told(bench).length;
      assert.notInclude(told(bench), "MCU 2.0.0: succeeded");
      bench.network.conditions.latencyMs = 20;
      bench.cloud.behave({});
      bench.clock.advance(SETTLED_MS + HOUR_MS);
      assert.include(told(bench), "MCU 2.0.0: succeeded");
      assert.isAbove(told(bench).length, before);
      reconnect(bench);
      assert.lengthOf(
        told(bench).filter((text) => text === "MCU 2.0.0: succeeded"),
        1,
      );
    });
  });
}

describe("A device whose cloud is gone", () => {
  it("is updated all the same, and tells it when the cloud is back", () => {
    const bench = new ProductBench("native", { mcu: { prefetch: true, startDelayMs: 30_000 } });
    bench.ship();
    bench.powerOn();
    bench.runUntil(() => bench.last("phase")?.phase === "accepted", HOUR_MS, "the MCU's yes");
    bench.closeCloud();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    bench.device.restart();
    bench.clock.advance(HOUR_MS);
    assert.isFalse(bench.isOnline);
    bench.openCloud();
    bench.runUntil(() => bench.isOnline, HOUR_MS, `the login at ${CLOUD_HOST}`);
    bench.clock.advance(10_000);
    assert.include(
      bench.cloud.timeline.map(({ text }) => text),
      "MCU 2.0.0: succeeded",
    );
  });
});
