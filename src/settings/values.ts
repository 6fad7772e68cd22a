/** What Ferry keeps, each with its bounds. Records of their own, so that one that is damaged leaves the others whole. */

import { deepFreeze } from "../base/freeze.js";
import type { FieldTable } from "./fields.js";

export const TOKEN_BYTES_MAX = 64;
export const VENDOR_PREFIX_BYTES_MAX = 64;
/** With all texts at their longest, the RESULT of getLocationInfo still fits an MCU whose buffer has 256 bytes. */
export const COORDINATE_BYTES_MAX = 16;
export const ZONE_BYTES_MAX = 64;
export const UID_BYTES = 16;
export const COUNT_MAX = 0xffff_ffff;

/** The way into the cloud. */
export interface CloudAccess {
  /** A name or an address; absent: the vendor's, or Blynk's. */
  readonly host?: string;
  /** Absent: what the protocol has. */
  readonly port?: number;
  readonly token: string;
}

export const CLOUD_FIELDS = deepFreeze<FieldTable<CloudAccess>>({
  host: { tag: 1, required: false, type: "host" },
  token: { tag: 2, required: true, type: "text", bytesMin: 1, bytesMax: TOKEN_BYTES_MAX },
  port: { tag: 3, required: false, type: "unsigned", bytes: 2, min: 1, max: 65_535 },
});

/** Where the device is, as blynk.getLocationInfo has it; what is not known is empty. */
export interface StoredLocation {
  readonly latitude: string;
  readonly longitude: string;
  readonly olsonId: string;
  readonly posixTz: string;
}

export const LOCATION_FIELDS = deepFreeze<FieldTable<StoredLocation>>({
  latitude: { tag: 1, required: true, type: "text", bytesMin: 0, bytesMax: COORDINATE_BYTES_MAX },
  longitude: { tag: 2, required: true, type: "text", bytesMin: 0, bytesMax: COORDINATE_BYTES_MAX },
  olsonId: { tag: 3, required: true, type: "text", bytesMin: 0, bytesMax: ZONE_BYTES_MAX },
  posixTz: { tag: 4, required: true, type: "text", bytesMin: 0, bytesMax: ZONE_BYTES_MAX },
});

/** What the MCU said of its vendor. */
export interface Vendor {
  readonly prefix?: string;
  readonly server?: string;
}

export const VENDOR_FIELDS = deepFreeze<FieldTable<Vendor>>({
  prefix: { tag: 1, required: false, type: "text", bytesMin: 1, bytesMax: VENDOR_PREFIX_BYTES_MAX },
  server: { tag: 2, required: false, type: "host" },
});

export interface Counts {
  readonly boots: number;
  /** Boots that Ferry had announced itself; the others were power, crashes, the reset pin. */
  readonly plannedBoots: number;
  /** Openings of config that nobody used. */
  readonly configSkips: number;
}

export const COUNTS_FIELDS = deepFreeze<FieldTable<Counts>>({
  boots: { tag: 1, required: true, type: "unsigned", bytes: 4, min: 0, max: COUNT_MAX },
  plannedBoots: { tag: 2, required: true, type: "unsigned", bytes: 4, min: 0, max: COUNT_MAX },
  configSkips: { tag: 3, required: true, type: "unsigned", bytes: 4, min: 0, max: COUNT_MAX },
});

export interface Identity {
  /** A random UUID, made once. */
  readonly uid: Uint8Array;
}

export const IDENTITY_FIELDS = deepFreeze<FieldTable<Identity>>({
  uid: { tag: 1, required: true, type: "bytes", length: UID_BYTES },
});

/** A reset that is under way: what a power cut left of it is erased in the next life. */
export interface PendingReset {
  readonly scope: number;
}

export const ResetScope = Object.freeze({ CONFIG: 1, ALL: 2 });

export const RESET_FIELDS = deepFreeze<FieldTable<PendingReset>>({
  scope: { tag: 1, required: true, type: "unsigned", bytes: 1, min: ResetScope.CONFIG, max: ResetScope.ALL },
});
