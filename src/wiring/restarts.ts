/** Restarts of the chip, and of the MCU with it: who asked, who is told, and when. A room of ncp.ts. */

import type { McuLink } from "../mcu/link.js";
import type { Clock } from "../ports.js";
import { calls } from "../rpc/catalogue.js";
import type { RpcSession } from "../rpc/session.js";
import type { Online } from "./online.js";

/**
 * From the notice of a restart to the restart. Zephyr hosts with a reset pin use it 1 s after the notice: were Ferry's
 * new build up by then, that reset would cost it the one boot that it has to prove itself.
 */
export const REBOOT_NOTICE_MS = 1_500;

export interface RestartParts {
  readonly clock: Clock;
  readonly system: { restart(): void };
  readonly link: McuLink;
  readonly online: Online | undefined;
  /** A new build of Ferry has yet to show that it is any good: it would not come back from a reset. */
  isProving(): boolean;
  /** The MCU has initialized. */
  hasMcu(): boolean;
  /** The MCU is at work, and not to be disturbed. */
  mcuMayBeSilent(): boolean;
  /** Sends the event of a restart. */
  tellMcu(): void;
  /** As if Ferry had just started. */
  beginAnew(): void;
}

export class Restarts {
  readonly #parts: RestartParts;

  constructor(parts: RestartParts) {
    this.#parts = parts;
  }

  /**
   * The MCU wants a fresh NCP, as some Zephyr hosts do whenever they start. A build on trial only does as if, which an MCU
   * cannot tell.
   */
  forMcu(): void {
    const { system, isProving, beginAnew } = this.#parts;
    if (isProving()) beginAnew();
    else system.restart();
  }

  /** "The device" is both of them. An MCU in the middle of an update is left alone, and so is one that cannot do it. */
  ofBoth(): void {
    const { link, hasMcu, mcuMayBeSilent } = this.#parts;
    if (!hasMcu() || mcuMayBeSilent()) return this.byOwnWill();
    rebootMcu(link.session, () => this.byOwnWill());
  }

  /** A restart that the MCU has not asked for: unless silently, it is told, and initializes again within seconds. */
  byOwnWill({ silently = false } = {}): void {
    const { clock, system, link, online, isProving, hasMcu, tellMcu } = this.#parts;
    online?.settings.notePlannedBoot();
    link.session.refuseOwed(); // else the notice would wait for these answers, and never leave
    if (!silently) tellMcu();
    if (isProving()) return link.afterDrain(() => this.forMcu());
    link.afterDrain(() => {
      link.close(); // an MCU that comes back meanwhile must not find this life
      clock.set(() => system.restart(), hasMcu() && !silently ? REBOOT_NOTICE_MS : 0);
    });
  }
}

/** Calls back once, whatever the MCU does. It drops calls that it does not know without a word, so it is asked first. */
function rebootMcu(session: RpcSession, onDone: () => void): void {
  const asked = session.invoke("mcu.hasUID", { uid: calls["mcu.reboot"].uid }, (knows) => {
    asked.forget();
    if (knows.kind !== "answered" || !knows.results.ok) return onDone();
    const told = session.invoke("mcu.reboot", {}, () => {
      told.forget();
      onDone();
    });
  });
}
