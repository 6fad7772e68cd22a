/** The frames that Blynk's own driver has sent, as bytes. */

import { fromHex } from "../../src/base/hex.js";
import recorded from "../vectors/blynk-rpc.json";

export function recordedFrames(): Uint8Array[] {
  return recorded.map(({ request }) => {
    const frame = fromHex(request);
    if (!frame) throw new Error(`vectors: ${request} is no hexadecimal text`);
    return frame;
  });
}
