/** The calls about time and place. */

import { deepFreeze } from "../base/freeze.js";
import type { Results } from "../rpc/catalogue.js";
import { callsOf } from "../rpc/serving.js";

export interface TimeDomain {
  setTime(timeMs: bigint): boolean;
  readTime(): Results<"blynk.getTime">;
  readLocation(): Results<"blynk.getLocationInfo">;
}

export const TIME_CALLS = deepFreeze(
  callsOf<TimeDomain>()({
    "blynk.setTime": (time, { timeMs }) => ({ ok: time.setTime(timeMs) }),
    "blynk.getTime": (time) => time.readTime(),
    "blynk.getLocationInfo": (time) => time.readLocation(),
  }),
);
