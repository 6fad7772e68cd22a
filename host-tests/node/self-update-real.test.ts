/** Ferry's own update at its real size, on the partition table of a 4 MB module. */

import { assert } from "chai";
import { NodeDigest } from "../../host/node/digest.js";
import { RpcStatus } from "../../src/rpc/protocol.js";
import { imageBytesMax } from "../../src/store/place.js";
import { NEW_VERSION, SelfBench } from "../support/self-bench.js";

const SECTOR_BYTES = 4096;
const IMAGE_BYTES = 1_400_000;

describe("Ferry's own update on a 4 MB module", () => {
  it("takes an image too large for the files, each sector erased once, and answers pings all along", () => {
    const bench = new SelfBench({ ferry: { bytes: IMAGE_BYTES }, overrides: { Digest: NodeDigest } });
    const { storage } = bench.device;
    assert.isAbove(IMAGE_BYTES, imageBytesMax(storage.partition("storage").size));
    bench.start();
    let slowestMs = 0;
    let pings = 0;
    const ping = () => {
      const askedMs = bench.clock.now();
      bench.mcu.call("ncp.ping", {}, ({ status }) => {
        if (bench.last("self-phase")?.phase === "restarting" || status !== RpcStatus.OK) return;
        slowestMs = Math.max(slowestMs, bench.clock.now() - askedMs);
        pings++;
        bench.clock.set(ping, 50);
      });
    };
    ping();
    assert.isUndefined(bench.offerFerry());
    const isUp = () => bench.last("self-phase")?.phase === "restarting";
    bench.runUntil(isUp, 600_000, "the restart");
    assert.isAbove(pings, 100);
    assert.isBelow(slowestMs, 100);
    const writtenMs = bench.clock.now();
    assert.deepEqual(bench.awaitSelfVerdict(), { kind: "succeeded", proof: "confirmed" });
    assert.isBelow(bench.clock.now() - writtenMs, 10_000, "back before an MCU gives up");
    assert.strictEqual(bench.runningVersion, NEW_VERSION);
    const { offset, size } = storage.partition("ota_1");
    const [first, ...others] = storage.wear.sectorErases.subarray(
      offset / SECTOR_BYTES,
      (offset + size) / SECTOR_BYTES,
    );
    assert.deepEqual([first, Math.max(...others)], [2, 1]);
    assert.deepEqual(storage.chip.misuses, []);
  });
});
