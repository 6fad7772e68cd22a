/**
 * The app slots, as ESP-IDF keeps them: what the SDK's modules leave out. Thin by intent; what to do with the answers
 * is decided elsewhere. Each member says in ports.ts which call of esp_ota_ops.h it is.
 */

import type { SlotState, Slots } from "../ports.js";

export class EspSlots implements Slots {
  passiveLabel(): string | undefined {
    return native("xs_ferry_slots_passiveLabel").call(this);
  }

  passiveIsFree(): boolean {
    const state = this.runningState();
    return this.runningBootsNext() && (state === "valid" || state === "undefined");
  }

  runningState(): SlotState {
    return native("xs_ferry_slots_runningState").call(this);
  }

  markValid(): void {
    native("xs_ferry_slots_markValid").call(this);
  }

  rollBackAndRestart(): void {
    native("xs_ferry_slots_rollBackAndRestart").call(this);
  }

  /** Whether esp_ota_get_boot_partition is the running one. */
  runningBootsNext(): boolean {
    return native("xs_ferry_slots_runningBootsNext").call(this);
  }
}
