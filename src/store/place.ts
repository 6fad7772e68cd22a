/**
 * Where an image goes, and which others have to go for it.
 *
 *   fits among the files, others given up if need be              -> files
 *   fits into the passive app slot, which is free, and whose
 *   image, if it has one, need not be kept                        -> slot
 *   otherwise                                                     -> nowhere, and nothing is given up
 *
 * An image of Ferry's own, which has to get there in the end, prefers the slot. Others go oldest first, and only as many as needed; those to be kept never do.
 */

import { blocksFor } from "./segments.js";
import { slotBytesMax } from "./slot-body.js";

/** Images kept at most: the one being installed, the MCU's last good one, and two of the past. */
export const IMAGES_MAX = 4;

const BLOCK_BYTES = 4096;
/** Superblock, root and images directories, and the copies that LittleFS makes of metadata before it frees the old. */
const RESERVED_BLOCKS = 12;

export type Place = "files" | "slot";

/** An image that has a place already. */
export interface Tenant {
  readonly place: Place;
  readonly sizeBytes: number;
  /** The smallest is the oldest. */
  readonly born: number;
  readonly isKept: boolean;
}

export interface Premises {
  /** Of the files' partition. */
  readonly filesBytes: number;
  /** Of the passive app slot; 0 when there is none, or when Ferry itself needs it. */
  readonly slotBytes: number;
}

export interface Placement<T> {
  readonly place: Place;
  /** Who has to go first. */
  readonly doomed: readonly T[];
}

/** Decides for an image of `sizeBytes`; `undefined` when there is no place for it. */
export function choosePlace<T extends Tenant>(
  sizeBytes: number,
  tenants: readonly T[],
  premises: Premises,
  preferred: Place = "files",
): Placement<T> | undefined {
  const expendable = tenants.filter(({ isKept }) => !isKept).sort((a, b) => a.born - b.born);
  const files: Placement<T> = { place: "files", doomed: doomedForFiles(sizeBytes, tenants, expendable, premises) };
  const slot: Placement<T> = { place: "slot", doomed: doomedForSlot(tenants, expendable) };
  return (preferred === "files" ? [files, slot] : [slot, files]).find(({ place, doomed }) => {
    const left = tenants.filter((tenant) => !doomed.includes(tenant));
    if (left.length >= IMAGES_MAX) return false;
    if (place === "files") return blocksOfFiles(left) + blocksFor(sizeBytes) <= blocksForImages(premises.filesBytes);
    return sizeBytes <= slotBytesMax(premises.slotBytes) && !left.some((tenant) => tenant.place === "slot");
  });
}

/** The largest image that fits on a device with partitions of these sizes, when all others are gone. */
export function imageBytesMax(filesBytes: number, slotBytes = 0): number {
  const blocks = blocksForImages(filesBytes);
  let fits = 0;
  let tooLarge = filesBytes + 1;
  while (tooLarge - fits > 1) {
    const middle = Math.floor((fits + tooLarge) / 2);
    if (blocksFor(middle) <= blocks) fits = middle;
    else tooLarge = middle;
  }
  return Math.max(fits, slotBytesMax(slotBytes));
}

/** As many of the oldest as make room; an image in the slot makes none, but leaves a record to the new one. */
function doomedForFiles<T extends Tenant>(
  sizeBytes: number,
  tenants: readonly T[],
  expendable: readonly T[],
  premises: Premises,
): T[] {
  const doomed: T[] = [];
  let blocksLacking = blocksOfFiles(tenants) + blocksFor(sizeBytes) - blocksForImages(premises.filesBytes);
  for (const tenant of expendable) {
    const isRecordLacking = tenants.length - doomed.length >= IMAGES_MAX;
    const helps = blocksLacking > 0 ? tenant.place === "files" : isRecordLacking;
    if (!helps) continue;
    doomed.push(tenant);
    blocksLacking -= blocksOfFiles([tenant]);
  }
  return doomed;
}

function doomedForSlot<T extends Tenant>(tenants: readonly T[], expendable: readonly T[]): T[] {
  const doomed = expendable.filter(({ place }) => place === "slot");
  const oldest = expendable.find(({ place }) => place === "files");
  if (tenants.length - doomed.length >= IMAGES_MAX && oldest) doomed.push(oldest);
  return doomed;
}

function blocksOfFiles(tenants: readonly Tenant[]): number {
  return tenants.reduce((sum, { place, sizeBytes }) => sum + (place === "files" ? blocksFor(sizeBytes) : 0), 0);
}

function blocksForImages(filesBytes: number): number {
  return Math.floor(filesBytes / BLOCK_BYTES) - RESERVED_BLOCKS;
}
