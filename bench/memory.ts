/** What Ferry takes of the engine's heap, and whether that depends on the size of the image that it ferries. */

import { bundleForXs } from "../host/xs/bundle.js";
import { XsMachine } from "../host/xs/machine.js";

/** What Ferry adds to the heap, after a collection; 16 bytes a slot on the ESP32. Classes and tables are not in it. */
export interface HeldSlots {
  readonly started: number;
  /** With network and cloud, a button and a light. */
  readonly online: number;
  /** In the middle of an update, and every queue to and from the cloud full. */
  readonly crowded: number;
}

export interface MemoryFigures {
  readonly heldSlots: HeldSlots;
  /** Over online, after a first update has made what is made once. */
  readonly images: Readonly<Record<string, { readonly growthSlots: number; readonly afterwardsSlots: number }>>;
  /** Growth while the larger image is ferried, over the growth for the smaller. */
  readonly growsWithImageBySlots: number;
}

const IMAGES = Object.freeze({ "64KiB": 64 * 1024, "4MiB": 4 * 1024 * 1024 });

export async function measureMemory(): Promise<MemoryFigures> {
  const images: Record<string, { growthSlots: number; afterwardsSlots: number }> = {};
  for (const [name, bytes] of Object.entries(IMAGES)) {
    // A machine for each image: what one leaves must not hide what the other takes.
    await withHeap(async (slots) => {
      await slots("globalThis.rig = new HeapRig(); rig.start(); rig.goOnline()");
      // One small update first: what is made once and kept (tables, buffers, code on first use) is not growth.
      const idleSlots = await slots("rig.begin(4096); rig.ferryUntil(4096); rig.finish()");
      const half = await slots(`rig.begin(${bytes}); rig.ferryUntil(${bytes / 2})`);
      const afterwards = await slots(`rig.ferryUntil(${bytes}); rig.finish()`);
      images[name] = { growthSlots: half - idleSlots, afterwardsSlots: afterwards - idleSlots };
    });
  }
  const growth = (name: keyof typeof IMAGES) => images[name]?.growthSlots ?? Number.NaN;
  return { heldSlots: await measureHeld(), images, growsWithImageBySlots: growth("4MiB") - growth("64KiB") };
}

export async function measureHeld(): Promise<HeldSlots> {
  return withHeap(async (slots) => {
    const before = await slots("globalThis.rig = new HeapRig()");
    const started = (await slots("rig.start()")) - before;
    const online = (await slots("rig.goOnline()")) - before;
    const crowded = (await slots("rig.begin(65536); rig.ferryUntil(32768); rig.crowd()")) - before;
    return { started, online, crowded };
  });
}

/** Runs a script, and says what is in use after a collection. */
type Slots = (script: string) => Promise<number>;

async function withHeap<T>(measure: (slots: Slots) => Promise<T>): Promise<T> {
  const machine = await XsMachine.start();
  try {
    await machine.evaluate((await bundleForXs({ path: "bench/guest/heap.ts" })).source);
    return await measure(async (script) => {
      await machine.evaluate(script);
      await machine.evaluate("gc()");
      return (await machine.evaluate("void 0")).currentHeapCount;
    });
  } finally {
    machine.close();
  }
}
