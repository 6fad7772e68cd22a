/**
 * Who may sign images of Ferry: the key of the product's configuration, and the SDK's arithmetic that judges by it.
 *
 * The SDK's ECDSA does not look at the range of a signature's numbers, and never comes back from a zero among them: a
 * forged image would hang the chip. Here is where that is looked at.
 */

import { fromBase64 } from "../base/base64.js";
import { fromHex, toHex } from "../base/hex.js";
import type { VerifyP256 } from "../ports.js";

/** A point of P-256, uncompressed: 04, x, y. */
const KEY_BYTES = 65;
const UNCOMPRESSED = 0x04;
const COORDINATE_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** How many points the curve has: r and s are below it (FIPS 186-5). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** "none": no key is configured, all images are taken. "unusable": it cannot be read, so none may be. */
export type UpdateKey = Uint8Array | "none" | "unusable";

/** `given`: the value of `config.ferry.updateKey`, whatever it is; in hexadecimal or base64. */
export function parseUpdateKey(given: unknown): UpdateKey {
  if (given === undefined || given === "" || given === "none") return "none";
  if (typeof given !== "string") return "unusable";
  const key = given.length === 2 * KEY_BYTES ? fromHex(given) : fromBase64(given);
  return key?.length === KEY_BYTES && key[0] === UNCOMPRESSED ? key : "unusable";
}

/** Modules "ecdsa", "curve" and "ecp". */
export interface EcdsaParts {
  readonly Ecdsa: new (key: object, curve: object) => { verify(digest: ArrayBuffer, signature: ArrayBuffer): boolean };
  readonly Curve: new (name: "secp256r1") => object;
  readonly Point: new (x: bigint, y: bigint) => object;
}

export function makeVerifyP256({ Ecdsa, Curve, Point }: EcdsaParts): VerifyP256 {
  return (publicKey, sha256, signature) => {
    const isFormed = publicKey.length === KEY_BYTES && publicKey[0] === UNCOMPRESSED;
    if (!isFormed || signature.length !== SIGNATURE_BYTES) return false;
    if (![numberAt(signature, 0), numberAt(signature, COORDINATE_BYTES)].every((n) => n > 0n && n < ORDER))
      return false;
    try {
      const point = new Point(numberAt(publicKey, 1), numberAt(publicKey, 1 + COORDINATE_BYTES));
      const ecdsa = new Ecdsa(point, new Curve("secp256r1"));
      return ecdsa.verify(sha256.slice().buffer, signature.slice().buffer) === true;
    } catch {
      return false; // a key that is no point of the curve
    }
  };
}

/** 32 bytes, big-endian. */
function numberAt(bytes: Uint8Array, offset: number): bigint {
  return BigInt(`0x${toHex(bytes.subarray(offset, offset + COORDINATE_BYTES))}`);
}
