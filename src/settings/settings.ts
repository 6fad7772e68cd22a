/**
 * Everything that Ferry keeps besides images: networks, the way into the cloud, location, what the MCU said of its
 * vendor, counters, and the device's identity.
 *
 * Invariants: each concern has a record of its own, and each write replaces one record whole. New settings from a person
 * are a candidate: they are used at once, and stored only when the cloud has accepted them, so that a typing error never
 * costs a working device its settings. A reset leaves a mark before it erases: once the mark is durable, everything goes,
 * in the next life if need be.
 * Fault model: power fails at any moment; any record is absent, damaged, or holds anything. What cannot be read counts
 * as not set and is reported: without networks or token Ferry asks for them again (CONFIG). A store that fails is
 * reported too, and costs only what was to be written.
 */

import { deepFreeze } from "../base/freeze.js";
import { toHex } from "../base/hex.js";
import { problemOf } from "./fields.js";
import {
  decodeNetworks,
  encodeNetworks,
  encodeOrder,
  inOrder,
  type KnownNetwork,
  type Network,
  networkProblem,
  withNetwork,
} from "./networks.js";
import { codecOf, type DurableRecord, StoredValue, type ValueCodec } from "./stored-value.js";
import {
  CLOUD_FIELDS,
  type CloudAccess,
  COUNT_MAX,
  COUNTS_FIELDS,
  type Counts,
  IDENTITY_FIELDS,
  type Identity,
  LOCATION_FIELDS,
  type PendingReset,
  RESET_FIELDS,
  ResetScope,
  type StoredLocation,
  UID_BYTES,
  VENDOR_FIELDS,
  type Vendor,
} from "./values.js";

export interface SettingsOptions {
  /** Opens the two-slot record of that name (at most 13 characters). */
  record(name: string): DurableRecord;
  /** In [0, 1). */
  random(): number;
  /** Whether the product can do without a cloud, and so without a token. */
  isTokenOptional?: boolean;
  /** Something was lost or could not be stored: a sentence for people. */
  onFault(detail: string): void;
}

/** Settings that have yet to prove themselves. */
export interface Candidate {
  /** Absent: one of the known networks will do. */
  readonly network?: Network;
  readonly cloud: CloudAccess;
}

/** Here, so that they lie in flash. */
const CODECS = deepFreeze({
  networks: { encode: encodeNetworks, decode: decodeNetworks },
  order: { encode: (ids: Uint8Array) => ids, decode: (ids: Uint8Array) => ids },
  cloud: codecOf<CloudAccess>(CLOUD_FIELDS),
  location: codecOf<StoredLocation>(LOCATION_FIELDS),
  vendor: codecOf<Vendor>(VENDOR_FIELDS),
  counts: codecOf<Counts>(COUNTS_FIELDS),
  identity: codecOf<Identity>(IDENTITY_FIELDS),
  reset: codecOf<PendingReset>(RESET_FIELDS),
});

const NO_COUNTS: Counts = Object.freeze({ boots: 0, plannedBoots: 0, configSkips: 0 });

export class Settings {
  readonly #options: SettingsOptions;
  readonly #networks: StoredValue<readonly KnownNetwork[]>;
  readonly #order: StoredValue<Uint8Array>;
  readonly #cloud: StoredValue<CloudAccess>;
  readonly #location: StoredValue<StoredLocation>;
  readonly #vendor: StoredValue<Vendor>;
  readonly #counts: StoredValue<Counts>;
  readonly #identity: StoredValue<Identity>;
  readonly #mark: StoredValue<PendingReset>;
  #candidate: Candidate | undefined;
  /** Of a reset that has not ended. */
  #resetScope: number | undefined;
  /** The device's random UUID (version 4), the same from the first boot to the next factory reset. */
  readonly uid: Uint8Array;

  /** Reads everything, ends a reset that was cut short, and counts this boot. */
  constructor(options: SettingsOptions) {
    this.#options = options;
    this.#networks = this.#open("set.networks", CODECS.networks);
    this.#order = this.#open("set.order", CODECS.order);
    this.#cloud = this.#open("set.cloud", CODECS.cloud);
    this.#location = this.#open("set.location", CODECS.location);
    this.#vendor = this.#open("set.vendor", CODECS.vendor);
    this.#counts = this.#open("set.counts", CODECS.counts);
    this.#identity = this.#open("set.identity", CODECS.identity);
    this.#mark = this.#open("set.reset", CODECS.reset);
    this.#resetScope = this.#mark.value?.scope;
    this.#report("the reset has not ended", this.#finishReset());
    this.#reportDamage();
    this.uid = this.#identity.value?.uid ?? this.#makeUid();
    this.#count({ boots: nextCount(this.counts.boots) });
  }

  // ---- the way to the cloud -----------------------------------------------------------------------------------

  /** A network is stored, and a token where the product cannot do without. */
  get configured(): boolean {
    return (this.#cloud.value !== undefined || this.#options.isTokenOptional === true) && this.#known.length > 0;
  }

  /** Another number after each change of what leads to the cloud. */
  get revision(): number {
    return this.#networks.revision + this.#cloud.revision + this.#vendor.revision;
  }

  /** The networks to try: the candidate's, or all that are known, the last used first. */
  get networks(): readonly Network[] {
    return this.#candidate?.network ? [this.#candidate.network] : this.#known;
  }

  /** The candidate's, or what is stored. */
  get cloud(): CloudAccess | undefined {
    return this.#candidate?.cloud ?? this.#cloud.value;
  }

  /** Uses new settings from now on, without storing them. Says what is wrong with them, and then changes nothing. */
  propose(candidate: Candidate): string | undefined {
    const { network, cloud } = candidate;
    const problem = (network && networkProblem(network)) ?? problemOf(CLOUD_FIELDS, cloud);
    if (!problem) this.#candidate = candidate;
    return problem;
  }

  /** The candidate has proved itself. One that cannot be stored serves on until the next boot. */
  commit(): void {
    const { network, cloud } = this.#candidate ?? {};
    const problem = (network && this.saveNetwork(network)) ?? (cloud && this.saveCloud(cloud));
    if (problem) this.#options.onFault(`the new settings hold until the next restart only: ${problem}`);
    else this.#candidate = undefined;
  }

  dropCandidate(): void {
    this.#candidate = undefined;
  }

  /** Adds a network, or replaces the one of its name; the one unused longest makes room. Says why not. */
  saveNetwork(network: Network): string | undefined {
    const problem = networkProblem(network);
    if (problem) return problem;
    return this.#saveNetworks(withNetwork(this.#known, network));
  }

  /** Says why not; a network that is not known is fine. */
  removeNetwork(ssid: string): string | undefined {
    return this.#saveNetworks(this.#known.filter((known) => known.ssid !== ssid));
  }

  /** Ferry has joined it. */
  noteNetworkUsed(ssid: string): void {
    const used = this.#known.find((known) => known.ssid === ssid);
    if (!used) return;
    const others = this.#known.filter((known) => known !== used);
    this.#report("the networks' order was not stored", this.#order.save(encodeOrder([used, ...others])));
  }

  /** Says why not. */
  saveCloud(cloud: CloudAccess): string | undefined {
    return this.#finishReset() ?? this.#cloud.save(cloud);
  }

  // ---- the rest -----------------------------------------------------------------------------------------------

  get location(): StoredLocation | undefined {
    return this.#location.value;
  }

  saveLocation(location: StoredLocation): string | undefined {
    return this.#location.save(location);
  }

  get vendor(): Vendor {
    return this.#vendor.value ?? {};
  }

  /** An empty text takes the prefix back. */
  saveVendorPrefix(prefix: string): string | undefined {
    const { prefix: _, ...rest } = this.vendor;
    return this.#vendor.save(prefix === "" ? rest : { ...rest, prefix });
  }

  /** An empty text takes the server back. */
  saveVendorServer(server: string): string | undefined {
    const { server: _, ...rest } = this.vendor;
    return this.#vendor.save(server === "" ? rest : { ...rest, server });
  }

  get counts(): Counts {
    return this.#counts.value ?? NO_COUNTS;
  }

  /** Openings of config that nobody used. */
  get skips(): number {
    return this.counts.configSkips;
  }

  storeSkips(skips: number): void {
    this.#count({ configSkips: skips });
  }

  /** Ferry is about to restart by its own will. */
  notePlannedBoot(): void {
    this.#count({ plannedBoots: nextCount(this.counts.plannedBoots) });
  }

  /** "01234567-89ab-4cde-8f01-23456789abcd" */
  get uidText(): string {
    const hex = toHex(this.uid);
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  /** Forgets the networks, the cloud, the location and the skips; what the MCU set and the device's id stay. */
  eraseConfig(): void {
    this.#reset(ResetScope.CONFIG);
  }

  /** Forgets everything. The id stays in use until the restart that has to follow (see notePlannedBoot: before this). */
  factoryReset(): void {
    this.#reset(ResetScope.ALL);
  }

  // ---- within -------------------------------------------------------------------------------------------------

  #open<V>(name: string, codec: ValueCodec<V>): StoredValue<V> {
    return new StoredValue<V>({ record: this.#options.record(name), codec });
  }

  /** A damaged mark is of a reset that had only begun: what was set stays. */
  #reportDamage(): void {
    const damaged = [
      [this.#networks, "networks are set: provision the device anew"],
      [this.#order, "network is known to be the last used one"],
      [this.#cloud, "token is set: provision the device anew"],
      [this.#location, "time zone is known until the cloud tells it"],
      [this.#vendor, "vendor is known until the MCU tells it"],
      [this.#counts, "counts are left: they begin at 0"],
      [this.#identity, "device id is left: the device gets a new one"],
      [this.#mark, "reset goes on: ask for it again if anything is left"],
    ] as const;
    for (const [stored, consequence] of damaged) {
      if (stored.isDamaged) this.#options.onFault(`a record of the settings is damaged, so no ${consequence}`);
    }
    if (this.#mark.isDamaged) this.#report("the mark of a reset was not erased", this.#mark.erase());
  }

  get #known(): readonly KnownNetwork[] {
    return inOrder(this.#networks.value ?? [], this.#order.value ?? new Uint8Array(0));
  }

  /** Stored by id, so that a change of the order alone does not write them all. */
  #saveNetworks(networks: readonly KnownNetwork[]): string | undefined {
    const byId = [...networks].sort((a, b) => a.id - b.id);
    const problem = this.#finishReset() ?? this.#networks.save(byId);
    if (!problem) this.#report("the networks' order was not stored", this.#order.save(encodeOrder(networks)));
    return problem;
  }

  #count(changed: Partial<Counts>): void {
    this.#report("the counters were not stored", this.#counts.save({ ...this.counts, ...changed }));
  }

  #makeUid(): Uint8Array {
    const uid = Uint8Array.from({ length: UID_BYTES }, () => Math.floor(this.#options.random() * 256));
    uid[6] = ((uid[6] as number) & 0x0f) | 0x40;
    uid[8] = ((uid[8] as number) & 0x3f) | 0x80;
    this.#report("the device's id was not stored", this.#identity.save({ uid }));
    return uid;
  }

  #reset(scope: number): void {
    this.#candidate = undefined;
    this.#resetScope = scope;
    this.#report("the mark of a reset was not stored", this.#mark.save({ scope }));
    this.#report("the reset has not ended", this.#finishReset());
  }

  /**
   * The mark goes last, and stays as long as anything else does: then new settings are refused, for the next boot would
   * erase them. Says what stands in the way; nothing where no reset is under way.
   */
  #finishReset(): string | undefined {
    const scope = this.#resetScope;
    if (scope === undefined) return undefined;
    const config = [this.#cloud, this.#networks, this.#order, this.#location];
    const all = [...config, this.#vendor, this.#counts, this.#identity];
    const problems = (scope === ResetScope.ALL ? all : config).map((stored) => stored.erase());
    if (scope === ResetScope.CONFIG && this.skips > 0) this.#count({ configSkips: 0 });
    const problem = problems.find((found) => found !== undefined) ?? this.#mark.erase();
    if (problem) return `not all of the old settings could be erased: ${problem}`;
    this.#resetScope = undefined;
    return undefined;
  }

  #report(what: string, problem: string | undefined): void {
    if (problem) this.#options.onFault(`${what}: ${problem}`);
  }
}

function nextCount(count: number): number {
  return Math.min(count + 1, COUNT_MAX);
}
