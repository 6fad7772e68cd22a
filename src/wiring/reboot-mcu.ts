/** Restarts the MCU where it can be asked to: it drops calls that it does not know without a word, so it is asked first. */

import { calls } from "../rpc/catalogue.js";
import type { RpcSession } from "../rpc/session.js";

/** Calls back once, whatever the MCU does, within the timeouts of both calls. */
export function rebootMcu(session: RpcSession, onDone: () => void): void {
  const asked = session.invoke("mcu.hasUID", { uid: calls["mcu.reboot"].uid }, (knows) => {
    asked.forget();
    if (knows.kind !== "answered" || !knows.results.ok) return onDone();
    const told = session.invoke("mcu.reboot", {}, () => {
      told.forget();
      onDone();
    });
  });
}
