/**
 * otadata: which app slot boots, and how far the app there has proved itself. The rules are those of ESP-IDF 6 with
 * rollback enabled and anti-rollback off (esp_ota_ops.c, bootloader_common_loader.c), as functions without effects.
 *
 * Two records of 32 bytes, each alone at the begin of its own sector; the one of the higher sequence counts:
 *
 *   0   sequence (u32): slot + 1 + n * slots, FFFFFFFF for none
 *   4   label (20): not used, FF
 *   24  state (u32), an OtaState
 *   28  CRC-32 of the four bytes of the sequence, begun with a zero register (u32)
 *
 * The CRC does not cover the state: a write torn between the two leaves no record, one torn inside the state a state
 * that is none of those named, which the boot loader takes for that of a proven app.
 *
 * Writing is erasing the sector, then programming 32 bytes: a power cut between the two leaves the other record alone.
 */

import { crc32 } from "../../src/base/crc.js";
import { eraseSector, type Medium, program } from "./medium.js";
import { SECTOR_BYTES } from "./nor.js";
import type { SimStorage } from "./storage.js";

export const RECORD_BYTES = 32;

export const OtaState = Object.freeze({
  /** Chosen, and not booted yet. */
  NEW: 0,
  /** Has got its one boot to prove itself in. */
  PENDING_VERIFY: 1,
  VALID: 2,
  INVALID: 3,
  /** Was restarted before it had proved itself. */
  ABORTED: 4,
  /** Of erased flash, and of apps chosen where rollback is off. */
  UNDEFINED: 0xffff_ffff,
});

const NO_SEQUENCE = 0xffff_ffff;
const STATE_AT = 24;
const CRC_AT = 28;
/** The IDF's crc32_le with UINT32_MAX: it complements what it is given. */
const CRC_BEGIN = 0xffff_ffff;

export interface OtaRecord {
  readonly sequence: number;
  readonly state: number;
  readonly crc: number;
}

/** The records of both sectors. */
export type Otadata = readonly [OtaRecord, OtaRecord];
export type RecordIndex = 0 | 1;

/** A record to be written into this sector. */
export interface OtaWrite {
  readonly index: RecordIndex;
  readonly record: OtaRecord;
}

export function crcOfSequence(sequence: number): number {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, sequence, true);
  return crc32(bytes, CRC_BEGIN);
}

/** A record with the right CRC. */
export function makeRecord(sequence: number, state: number): OtaRecord {
  return { sequence, state, crc: crcOfSequence(sequence) };
}

export function decodeRecord(bytes: Uint8Array): OtaRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    sequence: view.getUint32(0, true),
    state: view.getUint32(STATE_AT, true),
    crc: view.getUint32(CRC_AT, true),
  };
}

export function encodeRecord({ sequence, state, crc }: OtaRecord): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES).fill(0xff);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sequence, true);
  view.setUint32(STATE_AT, state, true);
  view.setUint32(CRC_AT, crc, true);
  return bytes;
}

/** Both records as they lie in flash; `undefined` where the partition table has no otadata. */
export function readOtadata(storage: SimStorage): Otadata | undefined {
  const partition = storage.otadataPartition;
  if (!partition) return undefined;
  const read = (index: RecordIndex) => decodeRecord(storage.peek(partition.label, index * SECTOR_BYTES, RECORD_BYTES));
  return [read(0), read(1)];
}

/** Erases the record's sector and programs the record: the operations `<writer> erase` and `<writer> program`. */
export function writeRecord(medium: Medium, writer: string, { index, record }: OtaWrite): void {
  const at = addressOf(medium.storage, index);
  eraseSector(medium, `${writer} erase`, at);
  program(medium, `${writer} program`, encodeRecord(record), at);
}

/** Erases a record. */
export function eraseRecord(medium: Medium, writer: string, index: RecordIndex): void {
  eraseSector(medium, `${writer} erase`, addressOf(medium.storage, index));
}

/** Replaces a record from outside: no power is needed for it, and no time. */
export function presetRecord(storage: SimStorage, { index, record }: OtaWrite): void {
  storage.chip.preset(encodeRecord(record), addressOf(storage, index));
}

function addressOf(storage: SimStorage, index: RecordIndex): number {
  const partition = storage.otadataPartition;
  if (!partition) throw new Error("partition table: no data partition of subtype ota");
  return partition.offset + index * SECTOR_BYTES;
}

// ---- what the records say -----------------------------------------------------------------------------------------

/** Says nothing of a slot: never written, or torn. */
export function isBlank({ sequence, crc }: OtaRecord): boolean {
  return sequence === NO_SEQUENCE || crc !== crcOfSequence(sequence);
}

/** Chooses nothing, whatever its CRC. */
export function isRefused({ sequence, state }: OtaRecord): boolean {
  return sequence === NO_SEQUENCE || state === OtaState.INVALID || state === OtaState.ABORTED;
}

/** May choose a slot. */
export function isUsable(record: OtaRecord): boolean {
  return !isRefused(record) && !isBlank(record);
}

/** The record that chooses the slot; `undefined` when neither does. */
export function activeIndex([first, second]: Otadata): RecordIndex | undefined {
  if (!isUsable(second)) return isUsable(first) ? 0 : undefined;
  return isUsable(first) && first.sequence >= second.sequence ? 0 : 1;
}

export function slotOf({ sequence }: OtaRecord, slotCount: number): number {
  return ((sequence - 1) >>> 0) % slotCount;
}

/** State of the app in a slot (esp_ota_get_state_partition); `undefined` when no record is about it. */
export function stateOfSlot(otadata: Otadata, slot: number, slotCount: number): number | undefined {
  return otadata.find((record) => slotOf(record, slotCount) === slot && record.crc === crcOfSequence(record.sequence))
    ?.state;
}

// ---- what an app changes ------------------------------------------------------------------------------------------

/** To have a slot boot next (esp_ota_set_boot_partition). */
export function chooseSlot(otadata: Otadata, slot: number, slotCount: number): OtaWrite {
  const active = activeIndex(otadata);
  if (active === undefined) return { index: 0, record: makeRecord(slot + 1, OtaState.NEW) };
  const { sequence } = otadata[active];
  if (slotOf(otadata[active], slotCount) === slot) return withState(otadata, active, OtaState.NEW);
  const lowest = (slot + 1) % slotCount;
  const rounds = Math.max(0, Math.ceil((sequence - lowest) / slotCount));
  return { index: other(active), record: makeRecord(lowest + rounds * slotCount, OtaState.NEW) };
}

export function withState(otadata: Otadata, index: RecordIndex, state: number): OtaWrite {
  return { index, record: { ...otadata[index], state } };
}

export function other(index: RecordIndex): RecordIndex {
  return index === 0 ? 1 : 0;
}
