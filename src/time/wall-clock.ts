/**
 * What time it is: the last time that the cloud or the MCU told, carried on by the monotonic clock, in the zone of the
 * device's location (blynk-ncp.md, 7; the driver's "Time and Location").
 *
 * Invariants: the cloud's time is the best, then a time server's, then the MCU's: what a lesser one says while a better
 * one's is fresh changes nothing, and the MCU's is compared with it. An MCU gets back whatever it sets; a time that cannot
 * be never goes further, for TLS judges certificates by the chip's clock (device/date.ts).
 * Events are for an MCU that has initialized, and come from a timer, never from inside a call: the MCU may be waiting
 * for the RESULT of its setTime. Several reasons at once are one event.
 * Fault model: without a clock that outlives a reset (`rtc`) the time is lost with it, and asked for again; times and
 * zones from outside may be anything, and what makes no sense changes nothing.
 */

import type { Clock, TimerHandle } from "../ports.js";
import { formatIso8601 } from "./iso8601.js";
import { type PosixZone, parsePosixTz } from "./posix-tz.js";
import { DstStatus, type LocalTime, localTimeAt, nextTransitionMs } from "./zone-time.js";

/** 9999-01-01: beyond it a date has five digits. */
export const UNIX_MS_MAX = 253_370_764_800_000;
/** 2024-01-01: a clock that says less was not set; it counts from its own beginning. */
export const RTC_MS_MIN = 1_704_067_200_000;
/** 2060-01-01: no certificate of today is valid then. */
export const RTC_MS_MAX = 2_840_140_800_000;
/** Times further apart are different (the driver's documentation). */
export const TIME_JUMP_MS = 30_000;
/**
 * How long the cloud's time, or a time server's, is better than the MCU's; both are asked again every six hours while
 * Ferry is online.
 */
export const CLOUD_TIME_FRESH_MS = 24 * 3_600_000;
/** Without word from the cloud or the MCU for so long, the MCU is asked. A poor crystal (40 ppm) is off by 3.5 s then. */
export const TIME_SYNC_AFTER_MS = 24 * 3_600_000;
/** An MCU that has just initialized may be about to set the time, and the cloud may be about to be reached. */
export const TIME_SYNC_FIRST_MS = 60_000;
/** Timers of the device count milliseconds in 32 bits: longer waits are taken in pieces. */
export const WAIT_MS_MAX = 3_600_000;

/** All as text, as blynk.getLocationInfo has it; what is not known is empty. */
export interface Location {
  readonly latitude: string;
  readonly longitude: string;
  /** "Europe/Berlin" */
  readonly olsonId: string;
  readonly posixTz: string;
}

/** The results of blynk.getTime. */
export interface TimeReading {
  iso8601: string;
  timeMs: bigint;
  offsetMinutes: number;
  zone: string;
  dstStatus: number;
  ok: boolean;
}

/** The results of blynk.getLocationInfo. */
export interface LocationReading extends Location {
  ok: boolean;
}

/** A clock that goes on while Ferry restarts; without a battery it forgets the time with the power. */
export interface Rtc {
  /** Milliseconds since 1970, UTC. */
  read(): number | undefined;
  /** May know better than the one who tells. */
  write(unixMs: number, source: "cloud" | "mcu"): void;
}

/** NcpEvent TIME_SYNC: the MCU should call setTime. TIME_CHANGED: it should call getTime and getLocationInfo. */
export type WallClockEvent = "time-sync" | "time-changed";

/** Who told the time; "rtc": somebody in an earlier life. */
export type TimeSource = "cloud" | "network" | "mcu" | "rtc";

interface KnownTime {
  readonly source: TimeSource;
  readonly unixMs: number;
  /** On the monotonic clock. */
  readonly sinceMs: number;
}

export interface WallClockOptions {
  clock: Clock;
  rtc?: Rtc;
  /** As it was stored. */
  location?: Location | undefined;
  onEvent(event: WallClockEvent): void;
}

const UTC: LocalTime = Object.freeze({ offsetMinutes: 0, name: "UTC", dstStatus: DstStatus.UNKNOWN });

export class WallClock {
  readonly #options: WallClockOptions;
  #known: KnownTime | undefined;
  #location: Location | undefined;
  #zone: PosixZone | undefined;
  #mcuReady = false;
  /** Since the better time came. */
  #toldMcuIsOff = false;
  /** What the MCU would last have been told: a difference is a change that it must hear of. */
  #shown: LocalTime = UTC;
  #syncDueMs = 0;
  #timer: TimerHandle;
  readonly #pending = new Set<WallClockEvent>();
  #pendingTimer: TimerHandle;

  constructor(options: WallClockOptions) {
    this.#options = options;
    this.#location = options.location;
    const zone = readZone(options.location);
    this.#zone = typeof zone === "string" ? undefined : zone;
    const kept = options.rtc?.read();
    if (kept !== undefined && isPlausible(kept)) this.#know("rtc", kept);
  }

  /** Milliseconds since 1970, UTC; `undefined` when nobody has told the time. */
  get unixMs(): number | undefined {
    const known = this.#known;
    return known && Math.floor(known.unixMs + this.#options.clock.now() - known.sinceMs);
  }

  get source(): TimeSource | undefined {
    return this.#known?.source;
  }

  /** The MCU's setTime. False, and nothing changes, for a time before 1970 or after UNIX_MS_MAX. */
  setTime(timeMs: bigint): boolean {
    const unixMs = Number(timeMs);
    if (!isUnixMs(unixMs)) return false;
    if (this.#isFresh("cloud") || this.#isFresh("network")) {
      // Once: an MCU that answers the event with another setTime must not be told in a circle.
      if (this.#isJumpTo(unixMs) && !this.#toldMcuIsOff) this.#announce("time-changed");
      this.#toldMcuIsOff ||= this.#isJumpTo(unixMs);
      return true;
    }
    this.#know("mcu", unixMs);
    this.#shown = this.#local();
    this.#watch();
    return true;
  }

  /** The cloud's time. False, and nothing changes, when it makes no sense. */
  setCloudTime(unixMs: number): boolean {
    return isUnixMs(unixMs) && this.#take("cloud", unixMs);
  }

  /** A time server's, which has no name and no proof: a cloud's is better. False, and nothing changes, then too. */
  setNetworkTime(unixMs: number): boolean {
    return isUnixMs(unixMs) && !this.#isFresh("cloud") && this.#take("network", unixMs);
  }

  /**
   * From the cloud, or `undefined` after the settings were erased. Says what is wrong with the zone, which then counts as
   * unknown, as a phrase that follows "the time zone".
   */
  setLocation(location: Location | undefined): string | undefined {
    const zone = readZone(location);
    if (!sameLocation(location, this.#location)) {
      this.#location = location;
      this.#zone = typeof zone === "string" ? undefined : zone;
      this.#announce("time-changed");
      this.#watch();
    }
    return typeof zone === "string" ? zone : undefined;
  }

  /** What blynk.getTime answers. Without a zone the time is UTC and the status of daylight saving unknown. */
  readTime(): TimeReading {
    const { unixMs } = this;
    if (unixMs === undefined) {
      return { iso8601: "", timeMs: 0n, offsetMinutes: 0, zone: "", dstStatus: DstStatus.UNKNOWN, ok: false };
    }
    const { offsetMinutes, name, dstStatus } = this.#local();
    const iso8601 = formatIso8601(unixMs, offsetMinutes);
    return { iso8601, timeMs: BigInt(unixMs), offsetMinutes, zone: name, dstStatus, ok: true };
  }

  /** What blynk.getLocationInfo answers. */
  readLocation(): LocationReading {
    return this.#location
      ? { ...this.#location, ok: true }
      : { latitude: "", longitude: "", olsonId: "", posixTz: "", ok: false };
  }

  /** The MCU has initialized: it can be told, and asked. */
  onMcuReady(): void {
    const now = this.#options.clock.now();
    this.#mcuReady = true;
    this.#toldMcuIsOff = false;
    this.#shown = this.#local();
    this.#syncDueMs = Math.max(this.#staleMs(), now + TIME_SYNC_FIRST_MS);
    this.#watch();
  }

  onMcuLost(): void {
    const { clock } = this.#options;
    this.#mcuReady = false;
    this.#pending.clear();
    clock.clear(this.#pendingTimer);
    clock.clear(this.#timer);
  }

  close(): void {
    this.onMcuLost();
  }

  #take(source: TimeSource, unixMs: number): boolean {
    if (this.#isJumpTo(unixMs)) this.#announce("time-changed");
    this.#know(source, unixMs);
    this.#watch();
    return true;
  }

  #know(source: TimeSource, unixMs: number): void {
    this.#known = { source, unixMs, sinceMs: this.#options.clock.now() };
    this.#syncDueMs = this.#staleMs();
    this.#toldMcuIsOff = false;
    // Whoever asks the time server has set the clock already: TLS needs it as well.
    if ((source === "cloud" || source === "mcu") && isPlausible(unixMs)) this.#options.rtc?.write(unixMs, source);
  }

  /** On the monotonic clock; a time from an earlier life has an unknown age. */
  #staleMs(): number {
    const known = this.#known;
    return known && known.source !== "rtc" ? known.sinceMs + TIME_SYNC_AFTER_MS : this.#options.clock.now();
  }

  #isFresh(source: TimeSource): boolean {
    const known = this.#known;
    return known?.source === source && this.#options.clock.now() - known.sinceMs < CLOUD_TIME_FRESH_MS;
  }

  /** Also where no time was known: the MCU's getTime was answered false so far. */
  #isJumpTo(unixMs: number): boolean {
    const { unixMs: present } = this;
    return present === undefined || Math.abs(unixMs - present) > TIME_JUMP_MS;
  }

  #local(): LocalTime {
    const { unixMs } = this;
    return unixMs === undefined || !this.#zone ? UTC : localTimeAt(this.#zone, unixMs);
  }

  /** Tells of an edge that has passed, asks for the time when it is due, and waits for the next of either. */
  #watch(): void {
    if (!this.#mcuReady) return;
    const { clock } = this.#options;
    clock.clear(this.#timer);
    const now = clock.now();
    const local = this.#local();
    if (!sameLocal(local, this.#shown)) this.#announce("time-changed");
    this.#shown = local;
    if (now >= this.#syncDueMs) {
      this.#announce("time-sync");
      this.#syncDueMs = now + TIME_SYNC_AFTER_MS;
    }
    const waitMs = Math.min(this.#syncDueMs - now, this.#msToTransition(), WAIT_MS_MAX);
    this.#timer = clock.set(() => this.#watch(), Math.ceil(waitMs));
  }

  #msToTransition(): number {
    const { unixMs } = this;
    const next = unixMs === undefined || !this.#zone ? undefined : nextTransitionMs(this.#zone, unixMs);
    return next === undefined || unixMs === undefined ? WAIT_MS_MAX : next - unixMs;
  }

  #announce(event: WallClockEvent): void {
    if (!this.#mcuReady) return;
    if (this.#pending.size === 0) this.#pendingTimer = this.#options.clock.set(() => this.#tell(), 0);
    this.#pending.add(event);
  }

  #tell(): void {
    const events = [...this.#pending];
    this.#pending.clear();
    for (const event of events) this.#options.onEvent(event);
  }
}

/** The zone, what is wrong with it, or `undefined` where none is known. */
function readZone(location: Location | undefined): PosixZone | string | undefined {
  return location?.posixTz ? parsePosixTz(location.posixTz) : undefined;
}

function isUnixMs(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= UNIX_MS_MAX;
}

/** For a clock that others go by. */
function isPlausible(unixMs: number): boolean {
  return isUnixMs(unixMs) && unixMs >= RTC_MS_MIN && unixMs <= RTC_MS_MAX;
}

function sameLocation(a: Location | undefined, b: Location | undefined): boolean {
  if (!a || !b) return a === b;
  return a.latitude === b.latitude && a.longitude === b.longitude && a.olsonId === b.olsonId && a.posixTz === b.posixTz;
}

function sameLocal(a: LocalTime, b: LocalTime): boolean {
  return a.offsetMinutes === b.offsetMinutes && a.name === b.name && a.dstStatus === b.dstStatus;
}
