/** The port that checks signatures, in JavaScript: Node's own crypto takes whole messages only, no digests. */

import { p256 } from "@noble/curves/nist.js";
import type { VerifyP256 } from "../../src/ports.js";

export const verifyP256: VerifyP256 = (publicKey, sha256, signature) => {
  try {
    // The digest is the caller's; and of the two valid forms of a signature OpenSSL makes either.
    return p256.verify(signature, sha256, publicKey, { prehash: false, lowS: false });
  } catch {
    return false;
  }
};
