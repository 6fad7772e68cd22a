/** The slots port: what the boot loader's record (otadata) says of the app slots. Reads only, so nothing can tear. */

import type { Slots } from "../../src/ports.js";
import type { Life } from "./life.js";

export class SimSlots implements Slots {
  readonly #life: Life;

  constructor(life: Life) {
    this.#life = life;
  }

  passiveLabel(): string | undefined {
    this.#life.assertAlive();
    const { storage, running } = this.#life;
    const next = storage.slotAfter(running)?.label;
    return next === running ? undefined : next;
  }

  passiveIsFree(): boolean {
    this.#life.assertAlive();
    const { storage, running } = this.#life;
    return storage.bootSlot === running && storage.bootSlotIsConfirmed;
  }
}
