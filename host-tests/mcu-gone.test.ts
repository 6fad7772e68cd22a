/** An MCU that did not survive its update: Ferry is there for it, and the operator can ship the next image. */

import { assert } from "chai";
import { makeFirmware } from "../host/peers/firmware.js";
import { Native } from "../host/peers/native-cloud-server.js";
import { NcpState } from "../src/rpc/protocol.js";
import { RETURN_PATIENCE_MS } from "../src/update/update-machine.js";
import { FILE_HOST, OnlineBench } from "./support/online-bench.js";

const HOUR_MS = 3_600_000;
const MENDED = makeFirmware(20_082, { type: "TMPL01", version: "2.0.1", build: "" }, 5);

function offer(bench: OnlineBench, path: string, version: string): void {
  bench.cloud.send(Native.INTERNAL, "ota", `http://${FILE_HOST}${path}`, "20082", "TMPL01", version, "");
}

/** The MCU has taken an image, and is silent since. */
function silent(): OnlineBench {
  const bench = new OnlineBench();
  bench.goOnline();
  const { clock, mcu, files } = bench;
  files.behavior = { files: { ...files.behavior.files, "/mended.bin": { bytes: MENDED } } };
  for (const name of ["Available", "Write", "Finish"] as const)
    mcu.answers.set(`client.otaUpdate${name}`, { ok: true });
  offer(bench, "/f.bin", "2.0.0");
  clock.runUntil(() => phaseOf(bench) === "accepted", 60_000, "the yes");
  assert.isTrue(mcu.call("blynk.otaUpdateStart", { chunkBytes: 512 }).ok);
  clock.runUntil(() => phaseOf(bench) === "returning", 120_000, "the end of the transfer");
  mcu.isDeaf = () => true;
  return bench;
}

/** And its time is over. */
function gone(): OnlineBench {
  const bench = silent();
  bench.clock.advance(RETURN_PATIENCE_MS + HOUR_MS);
  const verdict = bench.ncp.verdict;
  assert.equal(verdict?.kind === "failed" && verdict.failure.cause, "no-return");
  assert.equal(bench.count("mcu-lost"), 1);
  return bench;
}

function phaseOf({ news }: OnlineBench): string | undefined {
  return news.flatMap((one) => (one.kind === "phase" ? [one.phase] : [])).at(-1);
}

/** The boot loader speaks up, and takes what it is given. */
function takeImage(bench: OnlineBench): Uint8Array {
  const { clock, mcu } = bench;
  mcu.isDeaf = () => false;
  const before = mcu.told("client.otaUpdateWrite").length;
  assert.isTrue(mcu.call("blynk.otaUpdateStart", { chunkBytes: 512 }).ok);
  clock.runUntil(() => phaseOf(bench) === "returning", 120_000, "the end of the second transfer");
  const image = new Uint8Array(MENDED.length);
  const chunks = mcu.told("client.otaUpdateWrite").slice(before);
  for (const { offset, chunk } of chunks) image.set(chunk as Uint8Array, offset as number);
  return image;
}

function assertMended(image: Uint8Array): void {
  assert.isTrue(image.every((byte, index) => byte === MENDED[index]));
}

describe("while an MCU is gone that took an image", () => {
  it("the device stays online, and the MCU's state is that of one that has not initialized", () => {
    const bench = gone();
    bench.clock.advance(24 * HOUR_MS);
    assert.deepEqual([bench.cloud.online, bench.cloud.logins.length], [1, 1]);
    assert.equal(bench.ncp.state, NcpState.NOT_INITIALIZED);
  });

  it("a mended image can be shipped, and its boot loader gets it", () => {
    const bench = gone();
    offer(bench, "/mended.bin", "2.0.1");
    bench.clock.advance(60_000);
    assert.equal(phaseOf(bench), "queued");
    assertMended(takeImage(bench));
    bench.mcu.initialize("2.0.1");
    assert.deepEqual(bench.ncp.verdict, { kind: "succeeded", proof: "version" });
  });

  it("the device comes back online after a restart, under the MCU's last names, before and after the next offer", () => {
    const bench = gone();
    const { clock, cloud, device } = bench;
    for (const offered of [false, true]) {
      if (offered) offer(bench, "/mended.bin", "2.0.1");
      clock.advance(60_000);
      const before = cloud.logins.length;
      device.restart();
      clock.runUntil(() => cloud.logins.length > before, 120_000, "the login");
      clock.advance(5_000);
      const info = cloud.heard(Native.INTERNAL).filter(([kind]) => kind === "mcu");
      assert.includeMembers(info.at(-1) ?? [], ["mcu", "1.0.0", "fw-type", "TMPL01", "tmpl"]);
    }
    assertMended(takeImage(bench));
  });

  it("the device comes back online also when it was restarted before the verdict", () => {
    const bench = silent();
    const { clock, cloud, device } = bench;
    device.restart();
    clock.advance(RETURN_PATIENCE_MS - 60_000);
    assert.equal(cloud.logins.length, 1, "the MCU may yet come");
    clock.advance(3 * 60_000);
    assert.deepEqual([cloud.online, cloud.logins.length], [1, 2]);
  });
});

describe("when an MCU that was gone is back", () => {
  it("it is as any other: lost again, it takes the device offline, also over a restart", () => {
    const bench = gone();
    const { clock, cloud, mcu, device } = bench;
    mcu.isDeaf = () => false;
    mcu.initialize("1.0.0");
    clock.advance(60_000);
    assert.equal(bench.ncp.state, NcpState.CONNECTED);
    assert.equal(cloud.logins.length, 1, "its session was never left");
    mcu.isDeaf = () => true;
    clock.advance(2 * 60_000);
    assert.equal(cloud.online, 0);
    device.restart();
    clock.advance(HOUR_MS);
    assert.equal(cloud.logins.length, 1);
  });
});
