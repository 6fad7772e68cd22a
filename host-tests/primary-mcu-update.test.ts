/** The simulated MCU's update client: what a healthy one does, and one test for each knob. */

import { assert } from "chai";
import { mcuLineOf } from "../host/peers/mcu-line.js";
import { firmwareOf } from "../host/peers/mcu-storage.js";
import { PrimaryMcu } from "../host/peers/primary-mcu.js";
import { VirtualClock } from "../host/sim/clock.js";
import { Random } from "../host/sim/random.js";
import { UartLine } from "../host/sim/uart.js";
import { PrefetchStatus, RpcStatus } from "../src/rpc/protocol.js";
import {
  assertNotUpdated,
  assertSame,
  assertUpdated,
  IMAGE,
  makePair,
  makeRunningPair,
  NEW_FIRMWARE,
  namesOf,
  update,
} from "./support/mcu-pair.js";
import { fromHex, NcpStub } from "./support/ncp-stub.js";
import tagVectors from "./vectors/blynk-tags.json";

describe("the MCU's info tag", () => {
  it("is found in every recorded image that has one with version and type", () => {
    let found = 0;
    for (const { name, hex, pairs } of tagVectors as { name: string; hex: string; pairs: string[][] | null }[]) {
      const told = new Map(pairs?.map(([key, value]) => [key, value]) ?? []);
      if (!told.has("mcu") || !told.has("fw-type")) continue;
      const firmware = firmwareOf(Uint8Array.from(fromHex(hex)));
      assert.equal(firmware?.version, told.get("mcu"), name);
      assert.equal(firmware?.type, told.get("fw-type"), name);
      found++;
    }
    assert.isAbove(found, 3);
  });

  it("is absent from bytes without a mark, and read back from an image made here", () => {
    assert.isUndefined(firmwareOf(new Random(1).bytes(4096)));
    assert.deepEqual(firmwareOf(IMAGE), NEW_FIRMWARE);
  });
});

describe("the MCU's update", () => {
  it("ends with exactly the offered bytes, the new version, and a new bring-up that tells it", () => {
    const pair = makeRunningPair();
    const offer = update(pair);
    assertUpdated(pair);
    assert.equal(offer.results.ok, true);
    assert.deepEqual(pair.ncp.finishAnswers, [true]);
    assert.equal(pair.ncp.calls("blynk.setFirmwareInfo").at(-1)?.args.version, "2.0.0");
    assert.equal(pair.mcu.record.initializations, 2);
    assert.equal(pair.mcu.record.update.receivedBytes, IMAGE.length);
    assert.equal(pair.mcu.record.update.writes, Math.ceil(IMAGE.length / 1024));
    assert.deepEqual(pair.mcu.violations, []);
    assert.deepEqual(pair.mcu.fired, {});
    assert.match(pair.mcu.runningSha256(), /^[0-9a-f]{64}$/);
  });

  it("asks for three digests inside finish, and compares what it is told", () => {
    const pair = makeRunningPair();
    pair.ncp.answer("blynk.otaUpdateGetMD5", () => ({ results: { ok: false } }));
    pair.ncp.answer("blynk.otaUpdateGetSHA256", () => ({ results: { digest: new Uint8Array(32), ok: true } }));
    update(pair);
    const digests = namesOf(pair).filter((name) => name.startsWith("blynk.otaUpdateGet"));
    assert.deepEqual(digests, ["blynk.otaUpdateGetMD5", "blynk.otaUpdateGetSHA256", "blynk.otaUpdateGetCRC32"]);
    assert.deepEqual(pair.mcu.record.update.digestVerdicts, [{ md5: "not told", sha256: "different", crc32: "same" }]);
    assertUpdated(pair);
  });

  it("fails when the CRC-32 is another, or is not told", () => {
    for (const results of [
      { crc32: 1, ok: true },
      { crc32: 0, ok: false },
    ]) {
      const pair = makeRunningPair();
      pair.ncp.offer({ image: IMAGE });
      pair.ncp.answer("blynk.otaUpdateGetCRC32", () => ({ results }));
      pair.clock.advance(30_000);
      assert.deepEqual(pair.ncp.finishAnswers, [false]);
      assertNotUpdated(pair);
    }
  });

  it("refuses a finish before the last byte, and a chunk whose CRC-32 is wrong", () => {
    const pair = makeRunningPair();
    pair.ncp.answer("blynk.otaUpdateStart", () => ({}));
    pair.ncp.invoke("client.otaUpdateAvailable", { filename: "f", sizeBytes: 8, type: "", version: "", build: "" });
    pair.clock.advance(1000);
    const write = pair.ncp.invoke("client.otaUpdateWrite", { offset: 0, chunk: new Uint8Array(8), crc32: 1 });
    const finish = pair.ncp.invoke("client.otaUpdateFinish", {});
    pair.clock.advance(1000);
    assert.deepEqual([write.results.ok, finish.results.ok], [false, false]);
    assert.equal(pair.mcu.record.update.writesAnsweredFalse, 1);
  });

  it("reports the knob's firmware when the image has no tag", () => {
    const pair = makeRunningPair();
    update(pair, { image: new Random(3).bytes(2000) });
    assert.equal(pair.mcu.running.firmware.version, "9.9.9");
  });

  it("closes its storage on cancel: later chunks get false", () => {
    const pair = makeRunningPair();
    pair.ncp.answer("blynk.otaUpdateStart", () => ({}));
    pair.ncp.invoke("client.otaUpdateAvailable", { filename: "f", sizeBytes: 8, type: "", version: "", build: "" });
    pair.clock.advance(1000);
    const cancel = pair.ncp.invoke("client.otaUpdateCancel", {});
    const write = pair.ncp.invoke("client.otaUpdateWrite", { offset: 0, chunk: new Uint8Array(0), crc32: 0 });
    pair.clock.advance(1000);
    assert.equal(cancel.status, RpcStatus.OK);
    assert.equal(write.results.ok, false);
    assert.equal(pair.mcu.record.update.cancels, 1);
  });

  it("works over the simulated UART pair, with its FIFOs", () => {
    const clock = new VirtualClock();
    const uart = new UartLine(clock);
    const mcu = new PrimaryMcu({ clock, line: mcuLineOf(uart.b) });
    const ncp = new NcpStub(clock, mcuLineOf(uart.a));
    mcu.powerOn();
    clock.runUntil(() => mcu.record.initializations > 0, 10_000);
    ncp.offer({ image: IMAGE });
    clock.runUntil(() => mcu.record.initializations > 1, 10_000);
    assertSame(mcu.running.image, IMAGE);
    assert.deepEqual(mcu.violations, []);
    assert.equal(uart.b.received.overruns + uart.a.received.overruns, 0);
    assert.equal(mcu.serialCounters.ringOverflowBytes, 0);
  });
});

describe("the MCU's knobs for the offer", () => {
  it("slotBytes: refuses nothing, and what does not fit", () => {
    for (const [image, slotBytes] of [
      [new Uint8Array(0), 1000],
      [new Uint8Array(1001), 1000],
      [new Uint8Array(1), 0],
    ] as const) {
      const pair = makeRunningPair({ slotBytes });
      assert.equal(update(pair, { image }, 5000).results.ok, false);
      assert.lengthOf(pair.ncp.calls("blynk.otaUpdateStart"), 0);
    }
  });

  it("acceptOffer: false says no, never answer says nothing", () => {
    const refusing = makeRunningPair({ acceptOffer: false });
    assert.equal(update(refusing).results.ok, false);
    assert.equal(refusing.mcu.fired.acceptOffer, 1);
    const silent = makeRunningPair({ acceptOffer: "never answer" });
    assert.equal(update(silent).status, RpcStatus.TIMEOUT);
    assert.equal(silent.mcu.fired.acceptOffer, 1);
  });

  it("eraseMs: erases inside the handler, deaf meanwhile, and starts after a late answer all the same", () => {
    const pair = makeRunningPair({ eraseMs: 8000 });
    const offer = pair.ncp.offer({ image: IMAGE });
    pair.clock.advance(6000);
    assert.equal(offer.status, RpcStatus.TIMEOUT);
    const ping = pair.ncp.invoke("mcu.ping", {});
    pair.clock.advance(1000);
    assert.equal(ping.status, RpcStatus.TIMEOUT);
    pair.clock.advance(30_000);
    assert.isAtLeast(pair.ncp.lateResults, 1);
    assertUpdated(pair);
  });

  it("answerOfferLateMs: holds the answer back", () => {
    const pair = makeRunningPair({ answerOfferLateMs: 7000 });
    assert.equal(update(pair).status, RpcStatus.TIMEOUT);
    assert.equal(pair.mcu.fired.answerOfferLateMs, 1);
    assertUpdated(pair);
  });

  it("startDelayMs: serves calls until it starts", () => {
    const pair = makeRunningPair({ startDelayMs: 60_000 });
    update(pair, {}, 50_000);
    const ping = pair.ncp.invoke("mcu.ping", {});
    pair.clock.advance(1000);
    assert.equal(ping.status, RpcStatus.OK);
    assert.lengthOf(pair.ncp.calls("blynk.otaUpdateStart"), 0);
    pair.clock.advance(30_000);
    assertUpdated(pair);
  });

  it("startsInsideOffer: otaUpdateStart comes before the offer's answer", () => {
    const pair = makeRunningPair({ startsInsideOffer: true });
    let started = 0;
    pair.ncp.offer({ image: IMAGE }, () => {
      started = pair.ncp.calls("blynk.otaUpdateStart").length;
    });
    pair.clock.advance(30_000);
    assert.equal(started, 1);
    assert.equal(pair.mcu.fired.startsInsideOffer, 1);
    assertUpdated(pair);
  });

  it("suspendSeconds: suspends first and starts when that is over", () => {
    const pair = makeRunningPair({ suspendSeconds: 40 });
    update(pair, {}, 39_000);
    assert.deepEqual(pair.ncp.calls("blynk.otaUpdateSuspend")[0]?.args, { timeoutSeconds: 40 });
    assert.deepEqual(pair.mcu.record.update.suspendAnswers, [true]);
    assert.lengthOf(pair.ncp.calls("blynk.otaUpdateStart"), 0);
    pair.clock.advance(30_000);
    assertUpdated(pair);
  });

  it("prefetch: asks for it first, and starts whatever comes of it", () => {
    for (const [answer, status] of [
      [{ results: { status: PrefetchStatus.OK } }, PrefetchStatus.OK],
      [{ results: { status: PrefetchStatus.FS_NO_SPACE } }, PrefetchStatus.FS_NO_SPACE],
      [{ silent: true }, 0],
    ] as const) {
      const pair = makeRunningPair({ prefetch: true });
      pair.ncp.answer("blynk.otaUpdatePrefetch", () => answer);
      update(pair);
      assert.deepEqual(pair.mcu.record.update.prefetchStatuses, [status]);
      assertUpdated(pair);
    }
  });

  it("asksStartTwice: the second start begins anew", () => {
    const pair = makeRunningPair({ asksStartTwice: true });
    update(pair);
    assert.lengthOf(pair.ncp.calls("blynk.otaUpdateStart"), 2);
    assert.deepEqual(pair.mcu.record.update.startAnswers, [true, true]);
    assert.equal(pair.mcu.fired.asksStartTwice, 1);
    assertUpdated(pair);
  });

  it("updatesInBootloader: leaves the application, fetches at the bootloader's baud, and comes up new", () => {
    const pair = makeRunningPair({ updatesInBootloader: true, announcesBootloaderBaud: true, startDelayMs: 2000 });
    pair.ncp.offer({ image: IMAGE });
    pair.clock.advance(1500);
    assert.isTrue(pair.mcu.isInBootloader);
    assert.isUndefined(pair.mcu.ncpState);
    assert.deepEqual(pair.ncp.calls("hw.setUartBaudRate").at(-1)?.args, { baud: 38400 });
    pair.clock.advance(60_000);
    assertUpdated(pair);
    assert.isFalse(pair.mcu.isInBootloader);
    assert.equal(pair.mcu.record.initializations, 2);
    assert.deepEqual(pair.mcu.violations, []);
  });

  it("bringUp bootloader: fetches what it is given, without an offer, before it ever initializes", () => {
    const pair = makePair({ bringUp: "bootloader", initialBaud: 57600, startDelayMs: 5000 });
    pair.ncp.setBaud(57600);
    pair.ncp.serveTransfers({ image: IMAGE });
    pair.mcu.powerOn();
    pair.clock.advance(4000);
    assert.lengthOf(pair.ncp.heard, 0);
    pair.clock.runUntil(() => !pair.mcu.isInBootloader, 60_000);
    assert.lengthOf(pair.ncp.calls("blynk.initialize"), 0);
    assert.equal(pair.ncp.calls("blynk.otaUpdateStart")[0]?.args.chunkBytes, 1024);
    assertUpdated(pair);
    pair.ncp.setBaud(38400);
    pair.clock.advance(5000);
    assert.equal(pair.mcu.record.initializations, 1);
  });

  it("a bootloader asks again while it is refused, ignored or left waiting", () => {
    const pair = makePair({ bringUp: "bootloader" });
    pair.ncp.answer("blynk.otaUpdateStart", () => ({ results: { ok: false } }));
    pair.mcu.powerOn();
    pair.clock.advance(5000);
    pair.ncp.answer("blynk.otaUpdateStart", () => ({ silent: true }));
    pair.clock.advance(5000);
    pair.ncp.answer("blynk.otaUpdateStart", () => ({}));
    pair.clock.advance(40_000);
    const answers = pair.mcu.record.update.startAnswers;
    assert.includeMembers(answers, [false, undefined, true]);
    assert.isAbove(answers.filter((answer) => answer === true).length, 1);
    pair.ncp.serveTransfers({ image: IMAGE });
    pair.clock.advance(60_000);
    assertUpdated(pair);
  });
});

describe("the MCU's knobs for the transfer", () => {
  it("chunkBytes: is what it asks and gets", () => {
    const pair = makeRunningPair({ chunkBytes: 200, bufferBytes: 256 });
    update(pair);
    assert.equal(pair.mcu.record.update.writes, Math.ceil(IMAGE.length / 200));
    assertUpdated(pair);
    assert.deepEqual(pair.mcu.violations, []);
  });

  it("bufferBytes: a chunk that does not fit smashes memory", () => {
    const pair = makeRunningPair({ bufferBytes: 512 });
    update(pair);
    assert.equal(pair.mcu.violations[0]?.kind, "memorySmashed");
    assertNotUpdated(pair);
  });

  it("writeMs: takes its time for each chunk", () => {
    const durationOf = (writeMs: number) => {
      const pair = makeRunningPair({ writeMs });
      const startMs = pair.clock.now();
      pair.ncp.offer({ image: IMAGE });
      pair.clock.runUntil(() => pair.mcu.record.update.installs > 0, 60_000);
      return pair.clock.now() - startMs;
    };
    assert.closeTo(durationOf(300) - durationOf(0), 5 * 300, 1);
  });

  it("answersFalseAtChunk: refuses it so often, then takes it", () => {
    const pair = makeRunningPair({ answersFalseAtChunk: { index: 2, times: 3 } });
    update(pair);
    assert.equal(pair.mcu.fired.answersFalseAtChunk, 3);
    assert.equal(pair.mcu.record.update.writesAnsweredFalse, 3);
    assertUpdated(pair);
  });

  it("losesResultAtChunk: a plain resender fails for ever, one that probes gets through", () => {
    const plain = makeRunningPair({ losesResultAtChunk: { index: 1, times: 1 } });
    update(plain);
    assert.equal(plain.mcu.fired.losesResultAtChunk, 1);
    assert.equal(plain.mcu.record.update.cancels, 1);
    assertNotUpdated(plain);
    const probing = makeRunningPair({ losesResultAtChunk: { index: 1, times: 1 } });
    update(probing, { probesAfterFalse: true });
    assertUpdated(probing);
    assert.deepEqual(probing.mcu.violations, []);
  });

  it("idempotentWrites: acknowledges the chunk again", () => {
    const pair = makeRunningPair({ idempotentWrites: true, losesResultAtChunk: { index: 1, times: 1 } });
    update(pair);
    assert.equal(pair.mcu.fired.idempotentWrites, 1);
    assertUpdated(pair);
  });

  it("ignoresChunk: a resend gets through", () => {
    const pair = makeRunningPair({ ignoresChunk: { index: 3, times: 2 } });
    update(pair);
    assert.equal(pair.mcu.fired.ignoresChunk, 2);
    assertUpdated(pair);
    assert.deepEqual(pair.mcu.violations, []);
  });

  it("lateResultAtChunk: the RESULT comes after the caller has given up", () => {
    const pair = makeRunningPair({ lateResultAtChunk: { index: 1, times: 1, delayMs: 6000 } });
    update(pair, { probesAfterFalse: true });
    assert.equal(pair.mcu.fired.lateResultAtChunk, 1);
    assert.equal(pair.ncp.lateResults, 1);
    assertUpdated(pair);
  });

  it("corruptsFlashAtOffset: finish notices", () => {
    const pair = makeRunningPair({ corruptsFlashAtOffset: 2000 });
    update(pair);
    assert.equal(pair.mcu.fired.corruptsFlashAtOffset, 1);
    assert.deepEqual(pair.ncp.finishAnswers, [false]);
    assert.equal(pair.mcu.record.update.digestVerdicts[0]?.crc32, "different");
    const wrong = pair.mcu.slot.findIndex((byte, at) => byte !== IMAGE[at]);
    assert.equal(wrong, 2000);
    assertNotUpdated(pair);
  });

  it("rebootAtChunk: forgets the transfer and comes up again with the old application", () => {
    const pair = makeRunningPair({ rebootAtChunk: { index: 2, times: 1 } });
    update(pair);
    assert.equal(pair.mcu.fired.rebootAtChunk, 1);
    assert.equal(pair.mcu.record.boots, 2);
    assert.equal(pair.mcu.record.initializations, 2);
    assertNotUpdated(pair);
    assert.deepEqual(pair.mcu.violations, []);
    update(pair);
    assertUpdated(pair);
  });

  it("rebootAtChunk: a bootloader stays in charge and begins again by itself", () => {
    const pair = makeRunningPair({
      updatesInBootloader: true,
      announcesBootloaderBaud: true,
      rebootAtChunk: { index: 2, times: 2 },
    });
    update(pair);
    assert.equal(pair.mcu.fired.rebootAtChunk, 2);
    assertUpdated(pair);
    assert.deepEqual(pair.mcu.violations, []);
  });

  it("crashAtChunk: is silent for as long as told, then comes up with the old application", () => {
    const pair = makeRunningPair({ crashAtChunk: { index: 1, times: 1, silentMs: 20_000 } });
    update(pair, {}, 15_000);
    assert.isFalse(pair.mcu.isAlive);
    pair.clock.advance(10_000);
    assert.isTrue(pair.mcu.isAlive);
    assert.equal(pair.mcu.fired.crashAtChunk, 1);
    assertNotUpdated(pair);
  });

  it("restartsTransferAtChunk: starts again in the middle, from 0", () => {
    const pair = makeRunningPair({ restartsTransferAtChunk: { index: 2, times: 1 } });
    update(pair);
    assert.equal(pair.mcu.fired.restartsTransferAtChunk, 1);
    assert.lengthOf(pair.ncp.calls("blynk.otaUpdateStart"), 2);
    assertUpdated(pair);
    assert.deepEqual(pair.mcu.violations, []);
  });

  it("paddedWrites: asks for whole blocks, and cannot use other chunks", () => {
    const good = makeRunningPair({ paddedWrites: { blockBytes: 96 } });
    update(good);
    assert.equal(good.ncp.calls("blynk.otaUpdateStart")[0]?.args.chunkBytes, 960);
    assertUpdated(good);
    assert.isUndefined(good.mcu.fired.paddedWrites);
    const bad = makeRunningPair({ paddedWrites: { blockBytes: 96 } });
    update(bad, { chunkBytes: 100 });
    assert.isAbove(bad.mcu.fired.paddedWrites ?? 0, 0);
    assertNotUpdated(bad);
  });
});

describe("the MCU's knobs for the end", () => {
  it("finishDelayMs: the answer comes too late, the update succeeds all the same", () => {
    const pair = makeRunningPair({ finishDelayMs: 6000 });
    update(pair);
    assert.deepEqual(pair.ncp.finishAnswers, [undefined]);
    assertUpdated(pair);
  });

  it("digestCalls: without them nothing is compared", () => {
    const pair = makeRunningPair({ digestCalls: false });
    update(pair);
    assert.lengthOf(pair.ncp.calls("blynk.otaUpdateGetCRC32"), 0);
    assertUpdated(pair);
  });

  it("finishAnswersFalse: refuses a good image", () => {
    const pair = makeRunningPair({ finishAnswersFalse: true });
    update(pair);
    assert.deepEqual(pair.ncp.finishAnswers, [false]);
    assert.equal(pair.mcu.fired.finishAnswersFalse, 1);
    assertNotUpdated(pair);
  });

  it("losesFinishResult: comes up new without having said so", () => {
    const pair = makeRunningPair({ losesFinishResult: true });
    update(pair);
    assert.deepEqual(pair.ncp.finishAnswers, [undefined]);
    assert.equal(pair.mcu.fired.losesFinishResult, 1);
    assertUpdated(pair);
  });

  it("bootsOldAfterUpdate: says yes and comes up old", () => {
    const pair = makeRunningPair({ bootsOldAfterUpdate: true });
    update(pair);
    assert.deepEqual(pair.ncp.finishAnswers, [true]);
    assert.equal(pair.mcu.fired.bootsOldAfterUpdate, 1);
    assert.equal(pair.mcu.record.initializations, 2);
    assertNotUpdated(pair);
  });

  it("rollsBackAfterUpdate: comes up new, and so much later old", () => {
    const pair = makeRunningPair({ rollsBackAfterUpdate: { afterMs: 30_000 } });
    update(pair, {}, 20_000);
    assertUpdated(pair);
    pair.clock.advance(30_000);
    assertNotUpdated(pair);
    assert.equal(pair.mcu.fired.rollsBackAfterUpdate, 1);
    const versions = pair.ncp.calls("blynk.setFirmwareInfo").map(({ args }) => args.version);
    assert.deepEqual(versions, ["1.0.0", "2.0.0", "1.0.0"]);
    pair.clock.advance(100_000);
    assertNotUpdated(pair);
  });

  it("neverReturns: is never heard of again", () => {
    const pair = makeRunningPair({ neverReturns: true });
    update(pair);
    assert.equal(pair.mcu.fired.neverReturns, 1);
    assert.isFalse(pair.mcu.isAlive);
    assert.equal(pair.mcu.record.boots, 1);
  });

  it("bootMs: takes its time to come up", () => {
    const pair = makePair({ bootMs: 3000 });
    pair.mcu.powerOn();
    pair.clock.advance(2900);
    assert.isFalse(pair.mcu.isAlive);
    pair.clock.advance(1000);
    assert.equal(pair.mcu.record.initializations, 1);
  });
});
