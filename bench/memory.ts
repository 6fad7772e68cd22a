/** What an update takes of the engine's heap, over idle, and whether that depends on the image's size. */

import { bundleForXs } from "../host/xs/bundle.js";
import { XsMachine } from "../host/xs/machine.js";

export interface MemoryFigures {
  /** Slots in use after a collection; 16 bytes each on the ESP32. */
  readonly idleSlots: number;
  readonly images: Readonly<Record<string, { readonly growthSlots: number; readonly afterwardsSlots: number }>>;
  /** Growth while the larger image is ferried, over the growth for the smaller. */
  readonly growsWithImageBySlots: number;
}

const IMAGES = Object.freeze({ "64KiB": 64 * 1024, "4MiB": 4 * 1024 * 1024 });

export async function measureMemory(): Promise<MemoryFigures> {
  const source = (await bundleForXs({ path: "bench/guest/heap.ts" })).source;
  const images: Record<string, { growthSlots: number; afterwardsSlots: number }> = {};
  let idleSlots = 0;
  for (const [name, bytes] of Object.entries(IMAGES)) {
    // A machine for each image: what one leaves must not hide what the other takes.
    const machine = await XsMachine.start();
    const slots = async (script: string) => {
      await machine.evaluate(script);
      await machine.evaluate("gc()");
      return (await machine.evaluate("void 0")).currentHeapCount;
    };
    try {
      await machine.evaluate(source);
      // One small update first: what is made once and kept (tables, buffers, code on first use) is not growth.
      await machine.evaluate("globalThis.rig = new HeapRig()");
      await machine.evaluate("rig.begin(4096); rig.ferryUntil(4096); rig.finish()");
      idleSlots = await slots("void 0");
      const half = await slots(`rig.begin(${bytes}); rig.ferryUntil(${bytes / 2})`);
      const afterwards = await slots(`rig.ferryUntil(${bytes}); rig.finish()`);
      images[name] = { growthSlots: half - idleSlots, afterwardsSlots: afterwards - idleSlots };
    } finally {
      machine.close();
    }
  }
  const growth = (name: keyof typeof IMAGES) => images[name]?.growthSlots ?? Number.NaN;
  return { idleSlots, images, growsWithImageBySlots: growth("4MiB") - growth("64KiB") };
}
