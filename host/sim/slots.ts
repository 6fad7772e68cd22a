/**
 * The slots port: esp_ota_get_next_update_partition, _get_boot_partition, _get_state_partition, _mark_app_valid...,
 * _mark_app_invalid_rollback_and_reboot.
 *
 * Fault model: a change of state is an erased sector and a programmed record, two durable operations.
 */

import type { SlotState, Slots } from "../../src/ports.js";
import type { Life } from "./life.js";
import {
  activeIndex,
  isUsable,
  type Otadata,
  OtaState,
  other,
  type RecordIndex,
  readOtadata,
  slotOf,
  withState,
  writeRecord,
} from "./otadata.js";
import type { Partition } from "./storage.js";

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
    const state = this.runningState();
    return this.#bootsNext() === this.#life.running && (state === "valid" || state === "undefined");
  }

  runningState(): SlotState {
    this.#life.assertAlive();
    const { storage, running } = this.#life;
    return nameOf(storage.stateOf(storage.partition(running)));
  }

  markValid(): void {
    const { otadata, active } = this.#active();
    if (otadata[active].state === OtaState.VALID) return;
    writeRecord(this.#life, "otadata", withState(otadata, active, OtaState.VALID));
  }

  rollBackAndRestart(): never {
    const { otadata, active } = this.#active();
    const before = this.#appBefore(otadata, active);
    if (!before || this.#life.storage.problemOfApp(before)) throw new Error("no other app to boot");
    writeRecord(this.#life, "otadata", withState(otadata, active, OtaState.INVALID));
    this.#life.restart();
  }

  /** Label of the slot that otadata chooses, whatever a boot would find there. */
  #bootsNext(): string | undefined {
    const { storage } = this.#life;
    const slots = storage.slots();
    const otadata = readOtadata(storage);
    const active = otadata && activeIndex(otadata);
    if (!otadata) return undefined;
    if (active !== undefined) return slots[slotOf(otadata[active], slots.length)]?.label;
    return (storage.factoryApp ?? slots[0])?.label;
  }

  #active(): { otadata: Otadata; active: RecordIndex } {
    this.#life.assertAlive();
    const otadata = readOtadata(this.#life.storage);
    const active = otadata && activeIndex(otadata);
    if (!otadata || active === undefined) throw new Error("the boot loader has noted no app");
    return { otadata, active };
  }

  /** What a boot would choose without the active record. */
  #appBefore(otadata: Otadata, active: RecordIndex): Partition | undefined {
    const { storage } = this.#life;
    const before = other(active);
    if (!isUsable(otadata[before])) return storage.factoryApp;
    const slots = storage.slots();
    return slots[slotOf(otadata[before], slots.length)];
  }
}

function nameOf(state: number | undefined): SlotState {
  switch (state) {
    case OtaState.NEW:
      return "new";
    case OtaState.PENDING_VERIFY:
      return "pending-verify";
    case OtaState.VALID:
      return "valid";
    case OtaState.INVALID:
      return "invalid";
    case OtaState.ABORTED:
      return "aborted";
    default:
      return "undefined";
  }
}
