/**
 * The boot loader (ESP-IDF 6, bootloader_utility.c): from reset to the choice of an app.
 *
 * It settles otadata first: an app that was to prove itself and did not is aborted, a new one gets its one boot. Then
 * it looks for a whole image, in the chosen slot, else in the slots before it down to the factory app, else in those
 * behind it. Where there is no factory app and otadata says nothing, as on a chip fresh from the cable, it notes the
 * app that it found as a valid one.
 *
 * Fault model: its writes to otadata are durable operations like any other. Reading and checking images is charged to
 * nobody: it is in the device's boot time.
 */

import type { Medium } from "./medium.js";
import {
  activeIndex,
  isBlank,
  isRefused,
  makeRecord,
  type Otadata,
  type OtaRecord,
  OtaState,
  type OtaWrite,
  type RecordIndex,
  readOtadata,
  slotOf,
  withState,
  writeRecord,
} from "./otadata.js";
import type { Power } from "./power.js";
import type { Partition, SimStorage } from "./storage.js";

/** Index of the factory app, where OTA slots have 0 and up. */
export const FACTORY_INDEX = -1;

const WRITER = "boot loader";

export interface BootChoice {
  /** Where the search for an image begins: a slot, or FACTORY_INDEX. */
  readonly index: number;
  /** What becomes of otadata before that, in this order. */
  readonly writes: readonly OtaWrite[];
  /** The app that is found is to be noted as a valid one. */
  readonly notesApp: boolean;
}

/** What a boot makes of otadata. */
export function chooseApp(found: Otadata, slotCount: number, hasFactory: boolean): BootChoice {
  const otadata: [OtaRecord, OtaRecord] = [...found];
  const writes: OtaWrite[] = [];
  const settle = (index: RecordIndex, state: number): void => {
    const write = withState(otadata, index, state);
    otadata[index] = write.record;
    writes.push(write);
  };
  for (const index of [0, 1] as const) {
    if (otadata[index].state === OtaState.PENDING_VERIFY) settle(index, OtaState.ABORTED);
  }
  if (slotCount === 0 || otadata.every(isRefused)) {
    if (hasFactory) return { index: FACTORY_INDEX, writes, notesApp: false };
    return { index: 0, writes, notesApp: otadata.every(isBlank) };
  }
  const active = activeIndex(otadata);
  if (active === undefined) return { index: FACTORY_INDEX, writes, notesApp: false };
  if (otadata[active].state === OtaState.NEW) settle(active, OtaState.PENDING_VERIFY);
  return { index: slotOf(otadata[active], slotCount), writes, notesApp: false };
}

export interface Booted {
  readonly app: Partition;
  /** How long the writes to otadata have taken. */
  readonly durationMs: number;
}

/** Thrown where a real chip would reset for ever: no app partition has a whole image. */
export class NothingToBoot extends Error {
  override readonly name = "NothingToBoot";
}

/** Chooses the app, with all that this changes. Throws PowerCut where the power fails, and NothingToBoot. */
export function boot(storage: SimStorage, power: Power): Booted {
  let durationMs = 0;
  const medium: Medium = {
    storage,
    spend: (ms) => {
      durationMs += ms;
    },
    perform: (name, whole, tears) => power.perform(name, whole, tears),
  };
  const { index, writes, notesApp } = choiceOf(storage);
  for (const write of writes) writeRecord(medium, WRITER, write);
  const app = findApp(storage, index);
  if (!app) throw new NothingToBoot(`the boot loader finds no whole app image: ${problemsOf(storage)}`);
  const slot = storage.slots().findIndex(({ label }) => label === app.label);
  if (notesApp && slot >= 0) writeRecord(medium, WRITER, { index: 0, record: makeRecord(slot + 1, OtaState.VALID) });
  return { app, durationMs };
}

/** The app that the next boot would start, if any. Changes nothing. */
export function nextApp(storage: SimStorage): Partition | undefined {
  return findApp(storage, choiceOf(storage).index);
}

function choiceOf(storage: SimStorage): BootChoice {
  const otadata = readOtadata(storage);
  if (!otadata) return { index: FACTORY_INDEX, writes: [], notesApp: false };
  return chooseApp(otadata, storage.slots().length, storage.factoryApp !== undefined);
}

function findApp(storage: SimStorage, from: number): Partition | undefined {
  const apps = [storage.factoryApp, ...storage.slots()];
  const first = from - FACTORY_INDEX;
  const test = storage.partitions.find(({ type, subtype }) => type === "app" && subtype === "test");
  const inOrder = [...apps.slice(0, first + 1).reverse(), ...apps.slice(first + 1), test];
  return inOrder.find((app) => app !== undefined && storage.problemOfApp(app) === undefined);
}

function problemsOf(storage: SimStorage): string {
  const apps = storage.partitions.filter(({ type }) => type === "app");
  return apps.map((app) => `${app.label}: ${storage.problemOfApp(app)}`).join("; ");
}
