/** The commands `ferry keygen` and `ferry sign`, and what Ferry itself makes of their signatures. */

import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { assert } from "chai";
import { verifyP256 } from "../../host/node/p256.js";
import { makeFerryImage } from "../../host/peers/ferry-image.js";
import { checkEspImage } from "../../host/sim/esp-image.js";
import { fromHex } from "../../src/base/hex.js";
import { PUBLIC_KEY_BYTES, signatureIn, TRAILER_BYTES } from "../../src/image/signature.js";

const image = makeFerryImage({ version: "1.2.3", bytes: 4096 });
const FERRY = resolve("bin/ferry.mjs");

describe("ferry sign", () => {
  let folder: string;
  let publicKey: Uint8Array;

  function ferry(...args: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [FERRY, ...args], { cwd: folder, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  function keyIn(stdout: string): Uint8Array {
    const key = fromHex(/^public key: ([0-9a-f]+)$/m.exec(stdout)?.[1] ?? "");
    assert.strictEqual(key?.length, PUBLIC_KEY_BYTES);
    return key as Uint8Array;
  }

  function isSigned(bytes: Uint8Array, key: Uint8Array): boolean {
    const signature = signatureIn(bytes.subarray(-TRAILER_BYTES));
    const digest = createHash("sha256").update(bytes.subarray(0, -TRAILER_BYTES)).digest();
    return signature !== undefined && verifyP256(key, digest, signature);
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "ferry-sign-"));
    const made = ferry("keygen", "release.pem");
    assert.deepEqual([made.status, made.stderr], [0, ""]);
    publicKey = keyIn(made.stdout);
    writeFileSync(join(folder, "ferry.bin"), image);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it("makes a key that only its owner can read, and never over another file", () => {
    const before = readFileSync(join(folder, "release.pem"), "utf8");
    assert.match(before, /^-----BEGIN PRIVATE KEY-----/);
    if (process.platform !== "win32") assert.strictEqual(statSync(join(folder, "release.pem")).mode & 0o077, 0);
    const { status, stdout, stderr } = ferry("keygen", "release.pem");
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, /^ferry keygen: release\.pem exists[^\n]+\n$/);
    assert.strictEqual(readFileSync(join(folder, "release.pem"), "utf8"), before);
  });

  it("appends a signature that Ferry accepts, and leaves the image an app", () => {
    const { status, stdout, stderr } = ferry("sign", "ferry.bin", "--key", "release.pem");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^ferry\.signed\.bin: Ferry 1\.2\.3, signed$/m);
    assert.deepEqual(keyIn(stdout), publicKey);
    const signed = new Uint8Array(readFileSync(join(folder, "ferry.signed.bin")));
    assert.deepEqual(signed.subarray(0, image.length), image);
    assert.strictEqual(signed.length, image.length + TRAILER_BYTES);
    assert.isUndefined(checkEspImage(signed));
    assert.isTrue(isSigned(signed, publicKey));
    for (const at of [0, 2000, image.length - 1, image.length + 8, signed.length - 1]) {
      const changed = signed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.isFalse(isSigned(changed, publicKey), `byte ${at} changed`);
    }
  });

  it("writes where it is told, and signs by the key that it is given", () => {
    const other = keyIn(ferry("keygen", "other.pem").stdout);
    assert.strictEqual(ferry("sign", "ferry.bin", "-o", "other.bin", "--key", "other.pem").status, 0);
    const signed = new Uint8Array(readFileSync(join(folder, "other.bin")));
    assert.isTrue(isSigned(signed, other));
    assert.isFalse(isSigned(signed, publicKey));
  });

  it("refuses an option without a value", () => {
    for (const option of ["--key", "-o"]) {
      const { status, stderr } = ferry("sign", "ferry.bin", option);
      assert.strictEqual(status, 2);
      assert.match(stderr, new RegExp(`^ferry sign: ${option} needs a value; usage: [^\n]+\n$`));
    }
  });

  const flawed = (name: string, bytes: Uint8Array) => () => writeFileSync(join(folder, name), bytes);
  const p384 = () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
    writeFileSync(join(folder, "p384.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
  };
  const nothing = () => {};
  const refusals: readonly (readonly [what: string, prepare: () => void, args: string[], says: RegExp])[] = [
    ["no image", nothing, ["--key", "release.pem"], /no image is given; usage: ferry sign/],
    ["no key", nothing, ["ferry.bin"], /no key is given; usage/],
    ["two images", nothing, ["ferry.bin", "ferry.bin", "--key", "release.pem"], /an image is given twice/],
    ["an unknown option", nothing, ["ferry.bin", "--kex", "release.pem"], /unknown option --kex; usage/],
    ["an image that is not there", nothing, ["none.bin", "--key", "release.pem"], /cannot read none\.bin: /],
    ["a key that is none", nothing, ["ferry.bin", "--key", "ferry.bin"], /ferry\.bin is no private key in PEM/],
    ["a key of another curve", p384, ["ferry.bin", "--key", "p384.pem"], /p384\.pem is no key on the curve P-256/],
    [
      "a file that is no image",
      flawed("text.bin", new Uint8Array(300).fill(0x41)),
      ["text.bin", "--key", "release.pem"],
      /text\.bin is no app image of an ESP32/,
    ],
    [
      "an app of somebody else",
      flawed("else.bin", makeFerryImage({ version: "1", isTagged: false, projectName: "thermostat" })),
      ["else.bin", "--key", "release.pem"],
      /else\.bin is not firmware of Ferry: no tag in it says so, and its project is "thermostat"/,
    ],
    [
      "a damaged image",
      flawed("damaged.bin", makeFerryImage({ version: "1", bytes: 1024, flaw: "hash" })),
      ["damaged.bin", "--key", "release.pem"],
      /damaged\.bin is damaged: its own SHA-256 is wrong/,
    ],
    [
      "an image that is signed already",
      () => ferry("sign", "ferry.bin", "--key", "release.pem", "--out", "twice.bin"),
      ["twice.bin", "--key", "release.pem"],
      /twice\.bin is signed already/,
    ],
  ];
  for (const [what, prepare, args, says] of refusals) {
    it(`refuses ${what}, and writes nothing`, () => {
      prepare();
      const { status, stdout, stderr } = ferry("sign", ...args, "-o", "never.bin");
      assert.deepEqual([status, stdout], [2, ""]);
      assert.match(stderr, /^ferry sign: [^\n]+\n$/);
      assert.match(stderr, says);
      assert.throws(() => statSync(join(folder, "never.bin")));
    });
  }
});
