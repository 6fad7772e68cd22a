/** Guest code: what the machine's memory is used for. */

import { measure } from "engine";
import type { HeapFigures } from "../update-protocol.js";

const FIGURES = 9;

/** With `collected`, what is in use is what a collection has left. */
export function readHeap(collected: boolean): HeapFigures {
  const figures = new Float64Array(FIGURES);
  measure(collected, figures.buffer);
  const [slots = 0, slotsReserved = 0, chunkBytes = 0, chunkBytesReserved = 0, stackSlots = 0] = figures;
  const [stackSlotsReserved = 0, keys = 0, keysReserved = 0, slotBytes = 0] = figures.subarray(5);
  return {
    slots,
    slotsReserved,
    chunkBytes,
    chunkBytesReserved,
    stackSlots,
    stackSlotsReserved,
    keys,
    keysReserved,
    slotBytes,
  };
}

export function maximumOf(a: HeapFigures, b: HeapFigures): HeapFigures {
  const maximum: Record<string, number> = {};
  for (const [name, figure] of Object.entries(a)) maximum[name] = Math.max(figure, b[name as keyof HeapFigures]);
  return maximum as unknown as HeapFigures;
}
