/** Why the chip began anew: ESP-IDF's numbers (esp_reset_reason_t) in Ferry's words. */

import type { ResetReason } from "../ports.js";

const REASONS: readonly ResetReason[] = Object.freeze([
  "unknown",
  "power",
  "pin",
  "software",
  "crash",
  "watchdog", // of interrupts
  "watchdog", // of tasks
  "watchdog", // another
  "unknown", // deep sleep, which Ferry never does
  "brownout",
  "pin", // SDIO
  "pin", // USB, by whoever flashes the chip or opens its console
  "pin", // JTAG
  "unknown", // eFuse error
  "brownout", // a glitch of the supply
  "crash", // the processor locked up
]);

export function resetReasonOf(number: number): ResetReason {
  return REASONS[number] ?? "unknown";
}
