/** Values from the cloud while an update of the MCU is on its way: which are delivered at once, and which wait. */

import { assert } from "chai";
import { Native } from "../host/peers/native-cloud-server.js";
import { LISTENING_MS } from "../src/mcu/presence.js";
import { SAFE_VALUE_BYTES } from "../src/mcu/room.js";
import { FILE_HOST, OnlineBench } from "./support/online-bench.js";

/** The MCU has said yes to an offer, and does nothing about it. */
function accepted(): OnlineBench {
  const bench = new OnlineBench();
  bench.goOnline();
  bench.mcu.answers.set("client.otaUpdateAvailable", { ok: true });
  bench.cloud.send(Native.INTERNAL, "ota", `http://${FILE_HOST}/f.bin`, "20082", "TMPL01", "2.0.0", "");
  bench.clock.runUntil(() => phases(bench).at(-1) === "accepted", 30_000, "the yes");
  bench.clock.advance(30_000);
  return bench;
}

function phases({ news }: OnlineBench): string[] {
  return news.flatMap((one) => (one.kind === "phase" ? [one.phase] : []));
}

function valuesOf({ mcu }: OnlineBench): string[] {
  return mcu
    .told("client.blynkVPinChange")
    .map(({ vpin, value }) => `${vpin}=${String.fromCharCode(...(value as Uint8Array))}`);
}

describe("values from the cloud, while an MCU that accepted an offer has not called Start", () => {
  it("arrive within seconds, hours later too", () => {
    const bench = accepted();
    bench.clock.advance(6 * 3_600_000);
    for (let vpin = 0; vpin < 40; vpin++) {
      bench.cloud.send(Native.HARDWARE, "vw", String(vpin), "cmd");
      bench.clock.advance(1_000);
    }
    assert.lengthOf(valuesOf(bench), 40);
    assert.equal(phases(bench).at(-1), "accepted", "the update is still open");
  });

  it("wait when they are longer than the smallest boot loader takes, and arrive when the update is over", () => {
    const bench = accepted();
    const { clock, cloud, mcu } = bench;
    assert.isTrue(mcu.call("ferry.setReceiveBuffer", { bytes: 2048 }).ok);
    cloud.send(Native.HARDWARE, "vw", "1", "x".repeat(SAFE_VALUE_BYTES + 1));
    cloud.send(Native.HARDWARE, "vw", "2", "x".repeat(SAFE_VALUE_BYTES));
    clock.advance(60_000);
    assert.lengthOf(valuesOf(bench), 1);
    assert.isTrue(mcu.call("blynk.otaUpdateStart", { chunkBytes: 512 }).ok);
    clock.advance(120_000);
    assert.equal(phases(bench).at(-1), "ended");
    assert.lengthOf(valuesOf(bench), 2);
  });

  it("are sent only to an MCU that answers: a boot loader at work is not spoken to", () => {
    const bench = accepted();
    const { clock, cloud, mcu } = bench;
    const bootLoader = { isErasing: true };
    mcu.isDeaf = () => bootLoader.isErasing;
    clock.advance(2 * LISTENING_MS);
    const pings = mcu.told("mcu.ping").length;
    for (let i = 0; i < 5; i++) cloud.send(Native.HARDWARE, "vw", "7", `${i}`);
    clock.advance(20_000);
    assert.deepEqual(valuesOf(bench), []);
    assert.isAbove(mcu.told("mcu.ping").length, pings, "it was asked");
    bootLoader.isErasing = false;
    mcu.call("ncp.ping", {});
    clock.advance(500);
    assert.equal(valuesOf(bench).at(-1), "7=4");
  });
});

describe("values from the cloud, while the MCU is served", () => {
  it("wait, and the last of each pin arrives when the MCU is back", () => {
    const bench = accepted();
    const { clock, cloud, mcu } = bench;
    mcu.answers.set("client.otaUpdateWrite", { ok: true });
    mcu.answers.set("client.otaUpdateFinish", { ok: true });
    assert.isTrue(mcu.call("blynk.otaUpdateStart", { chunkBytes: 512 }).ok);
    for (let vpin = 0; vpin < 5; vpin++)
      for (const value of ["old", "new"]) cloud.send(Native.HARDWARE, "vw", String(vpin), value);
    clock.runUntil(() => phases(bench).at(-1) === "returning", 120_000, "the end of the transfer");
    clock.advance(5_000);
    assert.deepEqual(valuesOf(bench), []);
    mcu.initialize("2.0.0");
    clock.advance(2_000);
    assert.deepEqual(valuesOf(bench), ["0=new", "1=new", "2=new", "3=new", "4=new"]);
  });
});
