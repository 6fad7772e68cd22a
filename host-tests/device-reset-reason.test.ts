import { assert } from "chai";
import { resetReasonOf } from "../src/device/reset-reason.js";

describe("The reason of a reset", () => {
  it("is ESP-IDF's, in Ferry's words", () => {
    // esp_reset_reason_t: POWERON, EXT, SW, PANIC, INT_WDT, TASK_WDT, WDT, BROWNOUT
    const words = [1, 2, 3, 4, 5, 6, 7, 9].map(resetReasonOf);
    assert.deepEqual(words, ["power", "pin", "software", "crash", "watchdog", "watchdog", "watchdog", "brownout"]);
  });

  it("is not known where ESP-IDF does not know it, or has a newer word for it", () => {
    for (const reason of [0, 8, 16, -1]) assert.equal(resetReasonOf(reason), "unknown");
  });
});
