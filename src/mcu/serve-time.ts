/** The calls about time and place. */

import type { Results } from "../rpc/catalogue.js";
import type { RpcSession } from "../rpc/session.js";

export interface TimeDomain {
  setTime(timeMs: bigint): boolean;
  readTime(): Results<"blynk.getTime">;
  readLocation(): Results<"blynk.getLocationInfo">;
}

export function serveTime(session: RpcSession, domain: TimeDomain): void {
  session.serve("blynk.setTime", ({ timeMs }) => ({ ok: domain.setTime(timeMs) }));
  session.serve("blynk.getTime", () => domain.readTime());
  session.serve("blynk.getLocationInfo", () => domain.readLocation());
}
