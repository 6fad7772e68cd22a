/**
 * Which of the known networks to join, and in which order.
 *
 * The strongest goes first, but the one used last stays ahead of those that are hardly stronger, so that Ferry does not
 * wander between equals. Networks that failed in the try before go behind all others: one whose password has changed
 * must not starve the rest. Hidden networks answer no scan, so they come last, blindly.
 */

import { toHex } from "../base/hex.js";
import type { WifiFound } from "./ports.js";

/** What Ferry needs to know of a network to join it. */
export interface KnownWifi {
  readonly ssid: string;
  /** Absent: an open network. */
  readonly psk?: string;
  /** The network is in reach when this access point is: the SDK cannot be told to join only this one. */
  readonly bssid?: Uint8Array;
  readonly channel?: number;
  readonly hidden?: boolean;
  /** With gateway and mask, a fixed address; without all three, DHCP. */
  readonly ip?: string;
  readonly gateway?: string;
  readonly mask?: string;
  /** Absent: the gateway. Only with a fixed address. */
  readonly dns?: string;
  readonly dns2?: string;
}

export interface NetworkChoice {
  readonly network: KnownWifi;
  /** Where to look first. */
  readonly channel?: number;
  /** The scan has found it. */
  readonly seen: boolean;
}

export interface ChoiceInput {
  /** Those to choose from, the last used first; new settings that have yet to prove themselves come alone. */
  readonly known: readonly KnownWifi[];
  /** Absent: there was no scan. */
  readonly found?: readonly WifiFound[];
  /** Names of networks that could not be joined of late. */
  readonly failed: ReadonlySet<string>;
}

/** What a network must be stronger by than the last used one, to be preferred. */
export const LAST_USED_BONUS_DB = 6;
/** Behind all that were seen. */
const UNSEEN_DBM = -200;

interface Ranked {
  readonly choice: NetworkChoice;
  readonly dbm: number;
}

/** Those worth trying, best first. */
export function chooseNetworks(input: ChoiceInput): NetworkChoice[] {
  const { known, found, failed } = input;
  const reachable = known.flatMap((network, index): Ranked[] => {
    const strongest = found && strongestOf(network, found);
    if (strongest) {
      const bonusDb = index === 0 ? LAST_USED_BONUS_DB : 0;
      return [{ choice: { network, seen: true, channel: strongest.channel }, dbm: strongest.RSSI + bonusDb }];
    }
    // A single network may be hidden without anybody having said so, or missed by the scan; trying it costs seconds.
    const isWorthTrying = found === undefined || network.hidden === true || known.length === 1;
    return isWorthTrying ? [{ choice: unseen(network), dbm: UNSEEN_DBM }] : [];
  });
  const rank = ({ choice }: Ranked): number => Number(failed.has(choice.network.ssid));
  return reachable.sort((a, b) => rank(a) - rank(b) || b.dbm - a.dbm).map(({ choice }) => choice);
}

function unseen(network: KnownWifi): NetworkChoice {
  const { channel } = network;
  return channel === undefined ? { network, seen: false } : { network, seen: false, channel };
}

function strongestOf({ ssid, bssid }: KnownWifi, found: readonly WifiFound[]): WifiFound | undefined {
  const wanted = bssid && toHex(bssid);
  let strongest: WifiFound | undefined;
  for (const each of found) {
    if (each.SSID !== ssid || (wanted !== undefined && plain(each.BSSID) !== wanted)) continue;
    if (!strongest || each.RSSI > strongest.RSSI) strongest = each;
  }
  return strongest;
}

function plain(bssid: string): string {
  return bssid.replaceAll(":", "").toLowerCase();
}
