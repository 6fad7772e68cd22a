/** Guest code, imported before all else: gives this engine the few globals of the one in host/xs, for the guests there. */

import { ask } from "engine";

class Utf8Encoder {
  encode(text: string): Uint8Array {
    return new Uint8Array(ArrayBuffer.fromString(text));
  }
}

class Utf8Decoder {
  decode(bytes: ArrayBuffer): string {
    return String.fromArrayBuffer(bytes);
  }
}

Object.assign(globalThis, { issueCommand: ask, TextEncoder: Utf8Encoder, TextDecoder: Utf8Decoder });
