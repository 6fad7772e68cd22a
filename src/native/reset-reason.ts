/** What began this life, as ESP-IDF has it. */

/** An esp_reset_reason_t, the same for as long as this life lasts. */
export function espResetReason(this: unknown): number {
  return native("xs_ferry_resetReason").call(this);
}
