/** Whose firmware is it, may it be installed, and when: offers that Ferry refuses, hands over, or puts off. */

import { sha256 } from "@noble/hashes/sha2.js";
import { assert } from "chai";
import { makeFerryImage } from "../host/peers/ferry-image.js";
import { makeFirmware, tagBytes } from "../host/peers/firmware.js";
import { NEW_FIRMWARE } from "../host/peers/workbench.js";
import { DEFAULT_PARTITIONS } from "../host/sim/storage.js";
import type { Cause } from "../src/base/failure.js";
import { encodeUtf8 } from "../src/base/utf8.js";
import { trailerOf } from "../src/image/signature.js";
import type { VerifyP256 } from "../src/ports.js";
import type { SelfPhase } from "../src/update/self-update-state.js";
import type { SelfUpdateOptions } from "../src/wiring/self-update.js";
import { type FerryOffer, NEW_VERSION, OLD_VERSION, SelfBench, type SelfBenchOptions } from "./support/self-bench.js";

const CONFIRMED = Object.freeze({ kind: "succeeded", proof: "confirmed" });
const KEY = 7;

/** A toy in the place of ECDSA: the digest, then the digest with the key added to each byte. */
function sign(image: Uint8Array, key = KEY): Uint8Array {
  const digest = sha256(image);
  return new Uint8Array([...image, ...trailerOf(new Uint8Array([...digest, ...digest.map((byte) => byte + key)]))]);
}

const verifyToy: VerifyP256 = ([key = 0], digest, signature) =>
  digest.every((byte, i) => signature[i] === byte && signature[32 + i] === ((byte + key) & 0xff));

/** An image of Ferry without a tag. */
const untagged = makeFerryImage({ version: NEW_VERSION, bytes: 8_000, isTagged: false, projectName: "ferry" });

/** An app with a tag of Blynk's among its code, by default one that has no other. */
function tagged(tag: Uint8Array, app = untagged): Uint8Array {
  const image = app.slice();
  image.set(tag, 4_000);
  const hashAt = image.length - 32;
  image[hashAt - 1] = image.subarray(32, hashAt - 16).reduce((xor, byte) => xor ^ byte, 0xef);
  image.set(sha256(image.subarray(0, hashAt)), hashAt);
  return image;
}

function awaitPhase(bench: SelfBench, phase: SelfPhase, limitMs = 3_600_000): void {
  bench.runUntil(() => bench.last("self-phase")?.phase === phase, limitMs, `phase ${phase}`);
}

describe("An image that must not become the next Ferry", () => {
  const rules = { signature: { publicKey: new Uint8Array([KEY]), verifyP256: verifyToy } };
  const sdkApp = { version: NEW_VERSION, bytes: 8_000 } as const;
  const good = makeFerryImage(sdkApp);
  const rows: readonly {
    what: string;
    image: Uint8Array;
    offer?: FerryOffer;
    own?: Partial<SelfUpdateOptions>;
    cause: Cause;
    says: RegExp;
  }[] = [
    {
      what: "is no app image",
      image: makeFirmware(8_000, undefined),
      cause: "mismatch",
      says: /^it is no app image of an ESP32/,
    },
    {
      what: "is shorter than the head of one",
      image: good.slice(0, 20),
      cause: "mismatch",
      says: /^it is no app image/,
    },
    {
      what: "has a wrong first byte",
      image: makeFerryImage({ version: NEW_VERSION, bytes: 8_000, flaw: "magic" }),
      cause: "mismatch",
      says: /^it is no app image/,
    },
    {
      what: "has no app descriptor",
      image: makeFerryImage({ version: NEW_VERSION, bytes: 8_000, flaw: "descriptor" }),
      cause: "mismatch",
      says: /^it has no app descriptor/,
    },
    {
      what: "is for another chip",
      image: makeFerryImage({ version: NEW_VERSION, bytes: 8_000, chipId: 5 }),
      cause: "wrong-chip",
      says: /^it is for a chip with id 5, and this one has 0$/,
    },
    {
      what: "is an app of another project",
      image: makeFerryImage({ version: NEW_VERSION, bytes: 8_000, isTagged: false, projectName: "thermostat" }),
      cause: "mismatch",
      says: /^it is not of Ferry: it has no tag that says so, and it is an app of project "thermostat"$/,
    },
    {
      what: "says that it is the MCU's",
      image: tagged(tagBytes(NEW_FIRMWARE)),
      cause: "mismatch",
      says: /^it is firmware of an MCU, offered for Ferry itself$/,
    },
    {
      what: "is the MCU's, with Ferry's image in it",
      image: tagged(tagBytes(NEW_FIRMWARE), good),
      cause: "mismatch",
      says: /^it is firmware of an MCU, offered for Ferry itself$/,
    },
    {
      what: "has a tag that does not say whose it is",
      image: tagged(encodeUtf8("blnkinf\0fw-type\0ferry\0\0"), makeFerryImage({ ...sdkApp, isTagged: false })),
      cause: "mismatch",
      says: /^it is not of Ferry: it has no tag that says so, and it is an app of project "xs_esp32"$/,
    },
    {
      what: "is of an NCP of nobody knows which type",
      image: tagged(encodeUtf8(`blnkinf\0ncp\0${NEW_VERSION}\0\0`)),
      cause: "mismatch",
      says: /^it is firmware of type "", and this Ferry is "ferry"$/,
    },
    {
      what: "is of another type by its tag",
      image: tagged(tagBytes({ ...NEW_FIRMWARE, version: NEW_VERSION, type: "ferry-c3" }, "ncp")),
      cause: "mismatch",
      says: /^it is firmware of type "ferry-c3", and this Ferry is "ferry"$/,
    },
    {
      what: "is of another type by its offer",
      image: untagged,
      offer: { type: "ferry-c3" },
      cause: "mismatch",
      says: /^it is firmware of type "ferry-c3"/,
    },
    {
      what: "is of another type by its tag than by its offer",
      image: good,
      offer: { type: "ferry-c3" },
      cause: "mismatch",
      says: /^its tag says type "ferry", offered was "ferry-c3"$/,
    },
    {
      what: "has another version than offered by its tag",
      image: good,
      offer: { version: "1.2.0" },
      cause: "mismatch",
      says: /^its tag says version "1\.1\.0", offered was "1\.2\.0"$/,
    },
    {
      what: "has another version than offered",
      image: untagged,
      offer: { version: "1.2.0" },
      cause: "mismatch",
      says: /^it was offered as version "1\.2\.0", and says that it is "1\.1\.0"$/,
    },
    {
      what: "is older",
      image: makeFerryImage({ version: "0.9.9", bytes: 8_000 }),
      cause: "not-newer",
      says: /^version 0\.9\.9 is older than 1\.0\.0, which runs; it is only taken by force$/,
    },
    {
      what: "is of the version that runs",
      image: makeFerryImage({ version: OLD_VERSION, bytes: 8_000 }),
      cause: "not-newer",
      says: /^version 1\.0\.0 is no newer than 1\.0\.0/,
    },
    {
      what: "has a version without an order",
      image: makeFerryImage({ version: "nightly", bytes: 8_000 }),
      cause: "not-newer",
      says: /^version nightly has no order against 1\.0\.0/,
    },
    {
      what: "has a wrong checksum",
      image: makeFerryImage({ version: NEW_VERSION, bytes: 8_000, flaw: "checksum" }),
      cause: "damaged",
      says: /^the image is damaged: its checksum is wrong$/,
    },
    {
      what: "has a wrong SHA-256",
      image: makeFerryImage({ version: NEW_VERSION, bytes: 8_000, flaw: "hash" }),
      cause: "damaged",
      says: /^the image is damaged: its own SHA-256 is wrong$/,
    },
    {
      what: "is cut off",
      image: makeFerryImage({ version: NEW_VERSION, bytes: 8_000, flaw: "cut-off" }),
      cause: "damaged",
      says: /^the image is damaged: it ends at byte 7980, inside its SHA-256$/,
    },
    {
      what: "is not signed where a key is known",
      image: good,
      own: rules,
      cause: "untrusted",
      says: /^it is not signed/,
    },
    {
      what: "is signed with another key",
      image: sign(good, KEY + 1),
      own: rules,
      cause: "untrusted",
      says: /^its signature is not by the key that this Ferry trusts$/,
    },
    {
      what: "was changed after it was signed",
      image: new Uint8Array([...good, ...sign(makeFerryImage({ version: NEW_VERSION })).subarray(-72)]),
      own: rules,
      cause: "untrusted",
      says: /^its signature is not/,
    },
  ];
  for (const { what, image, offer = {}, own = {}, cause, says } of rows) {
    it(`${what}: is refused, the slot is no app, and the old build goes on`, () => {
      const bench = new SelfBench({ image, overrides: { selfUpdate: own } });
      bench.start();
      assert.isUndefined(bench.offerFerry(offer));
      const verdict = bench.awaitSelfVerdict();
      assert.strictEqual(verdict.kind, "failed");
      if (verdict.kind !== "failed") return;
      assert.deepEqual([verdict.failure.stage, verdict.failure.cause], ["verify", cause], verdict.failure.detail);
      assert.match(verdict.failure.detail, says);
      const { storage } = bench.device;
      assert.strictEqual(bench.device.boots, 1);
      assert.strictEqual(storage.bootSlot, "ota_0");
      assert.isDefined(storage.problemOfApp(storage.partition("ota_1")));
      assert.strictEqual(storage.peek("ota_0", 0, 1)[0], 0xe9);
    });
  }

  it("is taken when it is older, by force", () => {
    const bench = new SelfBench({ image: makeFerryImage({ version: "0.9.9", bytes: 8_000 }) });
    bench.start();
    assert.isUndefined(bench.offerFerry({}, true));
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assert.strictEqual(bench.runningVersion, "0.9.9");
  });

  it("is not taken by force when its signature is wrong", () => {
    const bench = new SelfBench({ image: good, overrides: { selfUpdate: rules } });
    bench.start();
    bench.offerFerry({}, true);
    assert.strictEqual(bench.awaitSelfVerdict().kind, "failed");
  });

  it("is taken when it is signed, and so is a signed one by whoever knows no key", () => {
    for (const own of [rules, {}]) {
      const bench = new SelfBench({ image: sign(good), overrides: { selfUpdate: own } });
      bench.start();
      bench.offerFerry();
      assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
      assert.strictEqual(bench.runningVersion, NEW_VERSION);
    }
  });

  it("is found when the flash changes it between its download and its check", () => {
    const bench = new SelfBench({ image: makeFerryImage({ version: NEW_VERSION, bytes: 40_000 }) });
    bench.start();
    bench.offerFerry();
    awaitPhase(bench, "checking");
    const { storage } = bench.device;
    const at = storage.partition("ota_1").offset + 20_000;
    storage.chip.preset(new Uint8Array([0]), at);
    const verdict = bench.awaitSelfVerdict();
    assert.deepInclude(verdict.kind === "failed" && verdict.failure, { stage: "verify", cause: "damaged" });
  });

  it("is found also where the change is behind the app", () => {
    const bench = new SelfBench({ image: sign(good) });
    bench.start();
    bench.offerFerry();
    awaitPhase(bench, "checking");
    const { storage } = bench.device;
    storage.chip.preset(new Uint8Array([0xff]), storage.partition("ota_1").offset + bench.image.length - 1);
    const verdict = bench.awaitSelfVerdict();
    assert.deepInclude(verdict.kind === "failed" && verdict.failure, { stage: "verify", cause: "damaged" });
    assert.match(verdict.kind === "failed" ? verdict.failure.detail : "", /^the image has changed in the flash since/);
  });

  it("leaves the slot as it is when there is nothing to read or write it with", () => {
    const updater = { open: () => assert.fail("begin failed") };
    const bench = new SelfBench({ overrides: { selfUpdate: { updater } } });
    bench.start();
    bench.offerFerry();
    const verdict = bench.awaitSelfVerdict();
    assert.deepInclude(verdict.kind === "failed" && verdict.failure, { stage: "install", cause: "storage" });
    assert.match(verdict.kind === "failed" ? verdict.failure.detail : "", /^cannot open the app slot: begin failed$/);
    bench.clock.advance(1_000);
    const states = bench.mcu.record.events.map(({ text }) => text);
    assert.deepEqual(states, ["1", "11", "1"], "the MCU hears that nothing comes of it");
  });
});

describe("An offer that leaves open whose firmware it is", () => {
  it("goes to the MCU when its image is the MCU's by its tag, and the MCU hears of it once it is there", () => {
    const image = makeFirmware(30_000, NEW_FIRMWARE);
    const bench = new SelfBench({ image });
    bench.start();
    assert.isUndefined(bench.offerFerry({ target: "unknown" }));
    bench.runUntil(() => bench.last("self-fetched")?.bytes === image.length, 60_000);
    assert.deepEqual(bench.mcu.record.update.offers, []);
    assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
    assert.isTrue(bench.mcuRunsNewImage);
    assert.strictEqual(bench.server.requests.length, 1);
    assert.strictEqual(bench.count("self-verdict"), 0);
    assert.strictEqual(bench.last("self-phase")?.phase, "idle");
    assert.strictEqual(bench.device.boots, 1);
  });

  it("goes to the MCU when its image says nothing at all, or is the app of an MCU that is an ESP32", () => {
    const images = [
      makeFirmware(5_000, undefined),
      makeFerryImage({ version: "3.0.0", isTagged: false, projectName: "thermostat", bytes: 8_000 }),
      tagged(tagBytes(NEW_FIRMWARE), makeFerryImage({ version: NEW_VERSION, bytes: 8_000 })),
    ];
    for (const image of images) {
      const bench = new SelfBench({ image });
      bench.start();
      bench.offerFerry({ target: "unknown" });
      assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
      assert.isTrue(bench.mcuRunsNewImage);
    }
  });

  it("goes to Ferry when its image is Ferry's, by its tag or by its app descriptor", () => {
    const ncpTag = tagBytes({ ...NEW_FIRMWARE, version: NEW_VERSION, type: "ferry" }, "ncp");
    const another = makeFerryImage({ version: "0.0.1", projectName: "xs_esp32", isTagged: false, bytes: 8_000 });
    for (const image of [tagged(ncpTag, another), untagged, makeFerryImage({ version: NEW_VERSION, bytes: 8_000 })]) {
      const bench = new SelfBench({ image });
      bench.start();
      bench.offerFerry({ target: "unknown" });
      assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
      assert.deepEqual(bench.mcu.record.update.offers, []);
      assert.strictEqual(bench.runningVersion, NEW_VERSION);
    }
  });

  it("is taken up by the MCU's update while that is under way, and not begun again after it", () => {
    const bench = new SelfBench({ image: makeFirmware(30_000, NEW_FIRMWARE), mcu: { startDelayMs: 30_000 } });
    bench.start();
    bench.offerFerry({ target: "unknown" });
    bench.runUntil(() => bench.last("phase")?.phase === "accepted", 60_000);
    assert.isUndefined(bench.offerFerry({ target: "unknown" }));
    assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
    bench.clock.advance(300_000);
    assert.strictEqual(bench.mcu.record.update.offers.length, 1);
  });

  it("fails as Ferry's own when its image never comes", () => {
    const bench = new SelfBench();
    bench.start();
    bench.offerFerry({ target: "unknown", url: "http://files.example/none.bin" });
    const verdict = bench.awaitSelfVerdict();
    assert.deepInclude(verdict.kind === "failed" && verdict.failure, { stage: "download", cause: "request" });
    assert.deepEqual(bench.mcu.record.update.offers, []);
  });
});

describe("An offer", () => {
  it("is for Ferry when it has Ferry's firmware type", () => {
    const bench = new SelfBench();
    bench.start();
    bench.offerFerry({ target: "unknown", type: "ferry" });
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
  });

  it("is for Ferry when it has the type that a product gives it", () => {
    const bench = new SelfBench({
      ferry: { type: "gateway" },
      overrides: { selfUpdate: { firmwareType: "gateway" } },
    });
    bench.start();
    bench.offerFerry({ target: "unknown", type: "gateway" });
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
  });

  it("for the MCU, by target or type, is refused when the image is Ferry's, and never served to its end", () => {
    for (const offer of [{ target: "mcu" }, { target: "unknown", type: "TMPL0123456789" }] as const) {
      const bench = new SelfBench();
      bench.start();
      const old = bench.mcu.running.image;
      assert.isUndefined(bench.offerFerry(offer));
      const verdict = bench.awaitVerdict();
      assert.match(
        verdict.kind === "failed" ? verdict.failure.detail : "",
        /firmware of Ferry itself, offered for the MCU/,
      );
      assert.strictEqual(bench.mcu.running.image, old);
      assert.strictEqual(bench.device.boots, 1);
    }
  });

  it("for the MCU is refused at once when its content is staged as Ferry's", () => {
    const bench = new SelfBench({ ferry: { version: "0.1.0" } });
    bench.start();
    bench.offerFerry();
    assert.strictEqual(bench.awaitSelfVerdict().kind, "failed");
    assert.match(bench.offerFerry({ target: "mcu" }) ?? "", /^the offer is refused: it is firmware of Ferry itself/);
    assert.deepEqual(bench.mcu.record.update.offers, []);
  });

  it("for Ferry comes to nothing on a chip with a single app slot", () => {
    const bench = new SelfBench({ partitions: DEFAULT_PARTITIONS.filter(({ label }) => label !== "ota_1") });
    bench.start();
    bench.offerFerry();
    const verdict = bench.awaitSelfVerdict();
    assert.match(verdict.kind === "failed" ? verdict.failure.detail : "", /^there is no second app slot/);
    assert.strictEqual(bench.device.boots, 1);
  });

  it("that makes no sense is refused", () => {
    const bench = new SelfBench();
    bench.start();
    assert.match(bench.offerFerry({ sizeBytes: 0 }) ?? "", /^the offer is refused: its size is 0 bytes/);
    assert.match(bench.offerFerry({ url: "ftp://h/x", target: "unknown" }) ?? "", /^the offer is refused: its URL/);
    assert.strictEqual(bench.count("self-phase"), 0);
  });
});

describe("Ferry's own update and the MCU's", () => {
  const mcuImage = makeFirmware(20_000, NEW_FIRMWARE);

  function startBoth(options: SelfBenchOptions = {}): SelfBench {
    const bench = new SelfBench({ others: { "/mcu.bin": mcuImage }, ...options });
    bench.start();
    return bench;
  }

  function offerMcu(bench: SelfBench): string | undefined {
    return bench.offerFerry({
      ...NEW_FIRMWARE,
      target: "mcu",
      url: "http://files.example/mcu.bin",
      sizeBytes: mcuImage.length,
    });
  }

  function assertBothDone(bench: SelfBench): void {
    assert.deepEqual(bench.mcu.running.image, mcuImage);
    assert.strictEqual(bench.runningVersion, NEW_VERSION);
    assert.deepEqual([...bench.mcu.violations], []);
    assert.deepEqual(bench.device.storage.chip.misuses, []);
  }

  it("waits with its download while the MCU's is under way, and does not restart before the MCU is back", () => {
    const bench = startBoth();
    assert.isUndefined(offerMcu(bench));
    assert.isUndefined(bench.offerFerry());
    assert.strictEqual(bench.last("self-phase")?.phase, "queued");
    assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
    assert.strictEqual(bench.device.boots, 1);
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertBothDone(bench);
  });

  it("gives way when the MCU's begins during its download, and keeps what it has", () => {
    const bench = startBoth({ network: { bytesPerSecond: 20_000 }, ferry: { bytes: 60_000 } });
    bench.offerFerry();
    bench.runUntil(() => (bench.last("self-fetched")?.bytes ?? 0) > 40_000, 60_000);
    assert.isUndefined(offerMcu(bench));
    assert.strictEqual(bench.last("self-phase")?.phase, "queued");
    assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertBothDone(bench);
    assert.isBelow(bench.device.downloadedBytes, 60_000 + mcuImage.length + 40_000);
  });

  it("gives way when the MCU's begins while it writes the slot, and begins that again", () => {
    const bench = startBoth({ ferry: { bytes: 30_000 } });
    bench.offerFerry({ target: "unknown" }); // through the files: then there is something to write
    awaitPhase(bench, "installing");
    bench.clock.advance(200);
    assert.isUndefined(offerMcu(bench));
    assert.strictEqual(bench.last("self-phase")?.phase, "waiting");
    assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
    assert.strictEqual(bench.device.boots, 1);
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertBothDone(bench);
  });

  it("waits out a suspension before it restarts, and downloads meanwhile", () => {
    const bench = startBoth();
    bench.mcu.call("blynk.otaUpdateSuspend", { timeoutSeconds: 600 }, () => {});
    bench.clock.advance(1_000);
    bench.offerFerry();
    awaitPhase(bench, "waiting", 60_000);
    bench.clock.advance(500_000);
    assert.strictEqual(bench.last("self-phase")?.phase, "waiting");
    assert.deepEqual(bench.awaitSelfVerdict(200_000), CONFIRMED);
  });

  it("goes on at once when the MCU ends the suspension", () => {
    const bench = startBoth();
    bench.mcu.call("blynk.otaUpdateSuspend", { timeoutSeconds: 60_000 }, () => {});
    bench.clock.advance(1_000);
    bench.offerFerry();
    awaitPhase(bench, "waiting", 60_000);
    bench.mcu.call("blynk.otaUpdateSuspend", { timeoutSeconds: 0 }, () => {});
    assert.deepEqual(bench.awaitSelfVerdict(60_000), CONFIRMED);
  });

  it("does not wait for an MCU that is not there", () => {
    const bench = startBoth();
    bench.mcu.powerOff();
    bench.runUntil(() => bench.count("mcu-lost") > 0, 120_000);
    assert.isUndefined(offerMcu(bench));
    assert.isUndefined(bench.offerFerry());
    awaitPhase(bench, "trial", 60_000);
    bench.mcu.powerOn();
    bench.runUntil(() => bench.count("verdict") > 0 && bench.count("self-verdict") > 0, 3_600_000);
    assertBothDone(bench);
  });

  it("fetches its image again when the MCU's has taken its place meanwhile", () => {
    const partitions = DEFAULT_PARTITIONS.map((row) => (row.label === "storage" ? { ...row, size: 0xe000 } : row));
    const bench = startBoth({ partitions });
    bench.mcu.call("blynk.otaUpdateSuspend", { timeoutSeconds: 60_000 }, () => {});
    bench.clock.advance(1_000);
    bench.offerFerry();
    awaitPhase(bench, "waiting", 60_000);
    assert.isUndefined(offerMcu(bench));
    bench.mcu.call("blynk.otaUpdateSuspend", { timeoutSeconds: 0 }, () => {});
    assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
    assert.deepEqual(bench.awaitSelfVerdict(), CONFIRMED);
    assertBothDone(bench);
    assert.strictEqual(bench.server.requests.length, 3);
  });

  it("takes the slot from an MCU's image of the past, which is fetched again when the MCU asks for it", () => {
    const partitions = DEFAULT_PARTITIONS.map((row) => (row.label === "storage" ? { ...row, size: 0xe000 } : row));
    const bench = startBoth({ partitions, ferry: { version: "0.9.0" } });
    assert.isUndefined(offerMcu(bench));
    assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
    bench.offerFerry();
    assert.strictEqual(bench.awaitSelfVerdict().kind, "failed", "it is older");
    const requests = bench.server.requests.length;
    const answers: boolean[] = [];
    bench.mcu.call("blynk.otaUpdateStart", { chunkBytes: 1024 }, ({ results }) => answers.push(results.ok));
    bench.runUntil(() => bench.server.requests.length > requests, 60_000, "another request");
    assert.deepEqual(answers, [true]);
    assert.strictEqual(bench.server.requests.at(-1)?.path, "/mcu.bin");
    assert.deepEqual(bench.device.storage.chip.misuses, []);
  });
});
