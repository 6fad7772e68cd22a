/**
 * `ferry keygen FILE` makes a key for signing images of Ferry; `ferry sign IMAGE --key FILE` signs one.
 *
 * The private key is a PEM file that stays with whoever makes releases; the public key, in hexadecimal, goes into the
 * product's configuration (`selfUpdate.signature`). Layout and meaning of a signature: src/image/signature.ts.
 *
 * Exit codes: 0 when a file was written, 2 for anything else, with one line on standard error.
 */

import { createPrivateKey, createPublicKey, createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { messageOf } from "../../src/base/failure.js";
import { toHex } from "../../src/base/hex.js";
import { EspImageWalk, parseEspHead } from "../../src/image/esp-image.js";
import { firmwareOf, InfoTagScanner } from "../../src/image/info-tag.js";
import { PUBLIC_KEY_BYTES, signatureIn, TRAILER_BYTES, trailerOf } from "../../src/image/signature.js";
import { targetOfImage } from "../../src/image/target.js";
import { printable } from "../../src/store/partition-rules.js";
import { NodeDigest } from "../node/digest.js";

export const KEYGEN_USAGE = "usage: ferry keygen FILE";
export const SIGN_USAGE = "usage: ferry sign IMAGE --key FILE [-o OUT]";

const CURVE = "prime256v1";
/** Nobody but its owner may read it. */
const KEY_MODE = 0o600;
const EXIT_OK = 0;
const EXIT_BAD_INPUT = 2;

/** What a user can put right: one line. */
class BadInput extends Error {}

/** Runs `ferry keygen` with the arguments behind it, and returns the exit code. */
export function keygen(argv: readonly string[]): number {
  return run("keygen", KEYGEN_USAGE, argv, () => {
    const [file, ...others] = argv;
    if (file === undefined || file.startsWith("-")) throw new BadInput(`no file is given; ${KEYGEN_USAGE}`);
    if (others.length > 0) throw new BadInput(`one file at a time; ${KEYGEN_USAGE}`);
    if (existsSync(file))
      throw new BadInput(`${file} exists, and a key that is lost cannot be made again: name another`);
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: CURVE });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    writeFileSync(file, pem, { mode: KEY_MODE, flag: "wx" });
    return `${file}: private key, to be kept secret and safe\npublic key: ${toHex(pointOf(publicKey))}\n`;
  });
}

/** Runs `ferry sign` with the arguments behind it, and returns the exit code. */
export function sign(argv: readonly string[]): number {
  return run("sign", SIGN_USAGE, argv, () => {
    const { image: file, key: keyFile, out = signedName(file) } = parseOptions(argv);
    const image = read(file);
    const version = assertSignable(image, file);
    const key = readKey(keyFile);
    const signature = createSign("sha256").update(image).sign({ key, dsaEncoding: "ieee-p1363" });
    writeFileSync(out, Buffer.concat([image, trailerOf(signature)]));
    const publicKey = toHex(pointOf(createPublicKey(key)));
    return `${out}: Ferry ${printable(version)}, signed\npublic key: ${publicKey}\n`;
  });
}

function run(name: string, usage: string, argv: readonly string[], work: () => string): number {
  try {
    process.stdout.write(argv.includes("--help") ? `${usage}\n` : work());
    return EXIT_OK;
  } catch (error) {
    process.stderr.write(`ferry ${name}: ${messageOf(error).replace(/[\r\n]+/g, " ")}\n`);
    return EXIT_BAD_INPUT;
  }
}

function parseOptions(argv: readonly string[]): { image: string; key: string; out?: string } {
  const names: Readonly<Record<string, string>> = { "--key": "--key", "-o": "-o", "--out": "-o" };
  const values = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    const isOption = argument.startsWith("-");
    const name = isOption ? names[argument] : "image";
    if (name === undefined) throw new BadInput(`unknown option ${printable(argument)}; ${SIGN_USAGE}`);
    if (values.has(name)) throw new BadInput(`${name === "image" ? "an image" : name} is given twice; ${SIGN_USAGE}`);
    const value = isOption ? argv[++i] : argument;
    if (value === undefined || value === "") throw new BadInput(`${argument} needs a value; ${SIGN_USAGE}`);
    values.set(name, value);
  }
  const [image, key, out] = ["image", "--key", "-o"].map((name) => values.get(name));
  if (image === undefined) throw new BadInput(`no image is given; ${SIGN_USAGE}`);
  if (key === undefined) throw new BadInput(`no key is given; ${SIGN_USAGE}`);
  return { image, key, ...(out === undefined ? {} : { out }) };
}

/** ferry.bin becomes ferry.signed.bin. */
function signedName(file: string | undefined): string {
  return `${(file ?? "").replace(/\.bin$/, "")}.signed.bin`;
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new BadInput(`cannot read ${file}: ${messageOf(error)}`);
  }
}

function readKey(file: string): KeyObject {
  const pem = read(file);
  let key: KeyObject;
  try {
    key = createPrivateKey(Buffer.from(pem));
  } catch {
    throw new BadInput(`${file} is no private key in PEM that can be read; make one with ferry keygen`);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== CURVE) {
    throw new BadInput(`${file} is no key on the curve P-256; make one with ferry keygen`);
  }
  return key;
}

/** What Ferry would refuse anyway is not signed. */
/** Returns the version. */
function assertSignable(image: Uint8Array, file: string): string {
  const head = parseEspHead(image);
  if (!head?.app) throw new BadInput(`${file} is no app image of an ESP32: give the .bin that mcconfig has built`);
  const scanner = new InfoTagScanner();
  scanner.push(image);
  const { tag } = scanner;
  if (targetOfImage({ tag, esp: head }) !== "ncp") {
    const project = printable(head.app.project);
    throw new BadInput(`${file} is not firmware of Ferry: no tag in it says so, and its project is "${project}"`);
  }
  if (signatureIn(image.subarray(-TRAILER_BYTES))) throw new BadInput(`${file} is signed already: give the one before`);
  const parts = new EspImageWalk({ head, Digest: NodeDigest });
  parts.push(image);
  const problem = parts.finish();
  if (problem) throw new BadInput(`${file} is damaged: ${problem}`);
  return tag ? firmwareOf(tag).version : head.app.version;
}

/** The key as Ferry wants it: an uncompressed point, which is how its SubjectPublicKeyInfo ends. */
function pointOf(publicKey: KeyObject): Uint8Array {
  return publicKey.export({ type: "spki", format: "der" }).subarray(-PUBLIC_KEY_BYTES);
}
