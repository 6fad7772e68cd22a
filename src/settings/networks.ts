/**
 * The Wi-Fi networks that Ferry knows, and which of them it used last.
 *
 *   networks = | u8 length | fields of a network | ... in turn
 *   order    = | u8 id | ... the last used first
 *
 * Two records: what a network is changes when a person sets it up, and is written whole; which one was used last changes
 * whenever Ferry roams, and costs a few bytes. An order that is lost or names strangers costs nothing: the networks that
 * it does not name come last.
 */

import { ByteReader, ByteWriter } from "../base/bytes.js";
import { deepFreeze } from "../base/freeze.js";
import { decodeFields, encodeFields, FIELD_BYTES_MAX, type FieldTable, problemOf } from "./fields.js";

export const NETWORKS_MAX = 16;
export const SSID_BYTES_MAX = 32;
/** 8 to 63 characters, or 64 hexadecimal digits (IEEE 802.11). */
export const PSK_BYTES_MIN = 8;
export const PSK_BYTES_MAX = 64;
export const BSSID_BYTES = 6;
/** The last one of the 5 GHz band. */
export const CHANNEL_MAX = 196;

export interface Network {
  readonly ssid: string;
  /** Absent: an open network. */
  readonly psk?: string;
  /** Only this access point. */
  readonly bssid?: Uint8Array;
  readonly channel?: number;
  /** Does not announce itself: has to be asked for by name. */
  readonly hidden?: boolean;
  /** With gateway and mask, a fixed address; without all three, DHCP. */
  readonly ip?: string;
  readonly gateway?: string;
  readonly mask?: string;
  readonly dns?: string;
  readonly dns2?: string;
}

/** A network and its place in the list, which it keeps. */
export interface KnownNetwork extends Network {
  readonly id: number;
}

const NETWORK_FIELDS = deepFreeze<FieldTable<KnownNetwork>>({
  id: { tag: 1, required: true, type: "unsigned", bytes: 1, min: 0, max: NETWORKS_MAX - 1 },
  ssid: { tag: 2, required: true, type: "text", bytesMin: 1, bytesMax: SSID_BYTES_MAX },
  psk: { tag: 3, required: false, type: "text", bytesMin: PSK_BYTES_MIN, bytesMax: PSK_BYTES_MAX },
  bssid: { tag: 4, required: false, type: "bytes", length: BSSID_BYTES },
  channel: { tag: 5, required: false, type: "unsigned", bytes: 1, min: 1, max: CHANNEL_MAX },
  hidden: { tag: 6, required: false, type: "flag" },
  ip: { tag: 10, required: false, type: "ipv4" },
  gateway: { tag: 11, required: false, type: "ipv4" },
  mask: { tag: 12, required: false, type: "ipv4" },
  dns: { tag: 13, required: false, type: "ipv4" },
  dns2: { tag: 14, required: false, type: "ipv4" },
});

/** What is wrong with a network, for people; `undefined` when nothing is. */
export function networkProblem(network: Network): string | undefined {
  const problem = problemOf(NETWORK_FIELDS, { ...network, id: 0 });
  if (problem) return problem;
  const { ip, gateway, mask, psk } = network;
  const fixed = [ip, gateway, mask].filter((address) => address !== undefined).length;
  if (fixed !== 0 && fixed !== 3) return "a fixed address needs all of ip, gateway and mask";
  if (psk?.length === PSK_BYTES_MAX && !isHex(psk))
    return `psk has ${PSK_BYTES_MAX} characters: then all must be hex digits`;
  return undefined;
}

/** The networks with this one, which takes the place of one of its name, or, in a full list, of the one unused longest. */
export function withNetwork(networks: readonly KnownNetwork[], network: Network): KnownNetwork[] {
  const same = networks.find(({ ssid }) => ssid === network.ssid);
  const kept = networks.filter((known) => known !== same).slice(0, NETWORKS_MAX - 1);
  const id = same?.id ?? freeIdIn(kept);
  return [{ ...network, id }, ...kept];
}

export function encodeNetworks(networks: readonly KnownNetwork[]): Uint8Array {
  const writer = new ByteWriter(NETWORKS_MAX * (1 + FIELD_BYTES_MAX));
  for (const network of networks) {
    const fields = encodeFields(NETWORK_FIELDS, network);
    writer.u8(fields.length);
    writer.raw(fields);
  }
  return writer.copy();
}

/** `undefined` for anything but a list of sound networks with different names and ids. */
export function decodeNetworks(bytes: Uint8Array): KnownNetwork[] | undefined {
  const networks: KnownNetwork[] = [];
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) {
    const fields = reader.bytes(reader.u8());
    const network = reader.failed ? undefined : decodeFields(NETWORK_FIELDS, fields);
    if (!network || networkProblem(network)) return undefined;
    if (networks.some(({ id, ssid }) => id === network.id || ssid === network.ssid)) return undefined;
    networks.push(network);
  }
  return networks;
}

export function encodeOrder(networks: readonly KnownNetwork[]): Uint8Array {
  return Uint8Array.from(networks, ({ id }) => id);
}

/** The networks as the order has them; those that it does not name come last, as they are. */
export function inOrder(networks: readonly KnownNetwork[], order: Uint8Array): KnownNetwork[] {
  const rank = (network: KnownNetwork): number => {
    const at = order.indexOf(network.id);
    return at < 0 ? order.length : at;
  };
  return [...networks].sort((a, b) => rank(a) - rank(b));
}

function freeIdIn(networks: readonly KnownNetwork[]): number {
  let id = 0;
  while (networks.some((known) => known.id === id)) id++;
  return id;
}

function isHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!"0123456789abcdefABCDEF".includes(text.charAt(i))) return false;
  return true;
}
