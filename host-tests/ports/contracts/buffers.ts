/** What XS's native functions refuse as a buffer, wherever one is asked for. A number is a count to some read()s. */

import { assert } from "chai";

export function assertRefusesOddBuffers(use: (buffer: Uint8Array) => unknown): void {
  for (const odd of [undefined, null, "text", {}, [1, 2], new Uint16Array(2), new Float32Array(1)]) {
    assert.throws(() => use(odd as unknown as Uint8Array), TypeError);
  }
}
