/**
 * The radio of one life of a simulated ESP32, as ESP-IDF's driver has it; wifi.ts has the ports over it.
 *
 * What matters of the real one: it scans before it associates; the handshake of a wrong password takes seconds; it is
 * not addressed before it has an IPv4 and an IPv6 address; and what disconnect() ends is told some time later, to
 * whatever has begun by then.
 */

import type { AccessPointOptions, Wifi, WifiAddress } from "../../src/network/ports.js";
import type { Air, Hotspot, Station } from "./air.js";
import type { SimCpu } from "./cpu.js";
import type { Life } from "./life.js";

/** Of all channels: 11 actively, 2 passively. */
export const SCAN_MS = 2_040;
const CHANNEL_SCAN_MS = 120;
export const CHANNEL_MAX = 13;
/** Until ESP-IDF gives a handshake up that gets no answer. */
const HANDSHAKE_MS = 4_000;
/** Duplicate address detection. */
const IPV6_MS = 1_000;
/** From esp_wifi_disconnect() to its event. */
const DRIVER_MS = 30;
export const SSID_BYTES_MAX = 32;
const PASSWORD_BYTES_MIN = 8;

/** wifi_err_reason_t */
const REASON = Object.freeze({
  ASSOC_LEAVE: 8,
  HANDSHAKE: 15,
  NOT_FOUND: 201,
  AUTH_FAIL: 202,
  NO_AUTH: 210,
  OPEN: 211,
});

export const IPV4 = 1;
const IPV6 = 2;
export const BOTH = IPV4 | IPV6;

/** `addresses`: of IPV4 and IPV6. */
export type DriverEvent = { readonly kind: "connected" | "disconnected" | "addressed"; readonly addresses: number };

/** Hears of all events, as tasks of the device. */
export interface DriverListener {
  deliver(event: DriverEvent): void;
}

type ConnectOptions = Parameters<Wifi["connect"]>[0];
type ScanOptions = Parameters<Wifi["scan"]>[0];

export interface RadioBinding {
  readonly air: Air;
  readonly cpu: SimCpu;
  readonly life: Pick<Life, "assertAlive">;
}

export class SimRadio implements Station {
  readonly #binding: RadioBinding;
  readonly #listeners = new Set<DriverListener>();
  #attempt: ConnectOptions | undefined;
  #scan: DriverListener | undefined;
  #fixed: WifiAddress | false = false;
  #addresses = 0;
  /** Changes with each attempt, association and end. */
  #moment = 0;
  hotspot: Hotspot | undefined;
  onAir: { ssid: string; channel: number } | undefined;
  reason = 0;

  constructor(binding: RadioBinding) {
    this.#binding = binding;
    binding.air.enter(this);
  }

  assertAlive(): void {
    this.#binding.life.assertAlive();
  }

  /** Throws where the air around says so. */
  start(): void {
    const { air } = this.#binding;
    if (air.startsToFail === 0) return;
    air.startsToFail--;
    air.counts.failedStarts++;
    throw new Error("no memory");
  }

  /** Objects of the SDK's class that are open. */
  get openWifis(): number {
    return this.#listeners.size;
  }

  get addresses(): number {
    return this.#addresses;
  }

  get address(): string | undefined {
    if ((this.#addresses & IPV4) === 0) return undefined;
    return this.#fixed ? this.#fixed.address : `${this.hotspot?.subnet}.100`;
  }

  attach(listener: DriverListener): void {
    this.#listeners.add(listener);
  }

  detach(listener: DriverListener): void {
    this.#listeners.delete(listener);
    if (this.#scan === listener) this.#scan = undefined;
  }

  configure(fixed: WifiAddress | false): void {
    this.#fixed = fixed;
  }

  connect(attempt: ConnectOptions): void {
    const { counts } = this.#binding.air;
    if (this.#attempt || this.#scan || this.hotspot) throw new Error("connect failed");
    this.#attempt = attempt;
    this.#moment++;
    this.reason = 0;
    counts.attempts++;
    this.#after(SCAN_MS, () => this.#onLookedAround(attempt));
  }

  disconnect(): void {
    const hadOne = this.#attempt !== undefined || this.hotspot !== undefined;
    this.#leave();
    if (hadOne) this.#binding.air.clock.set(() => this.#end(REASON.ASSOC_LEAVE), DRIVER_MS);
  }

  scan(listener: DriverListener, { channel, onFound, onComplete }: ScanOptions): void {
    const { air, cpu } = this.#binding;
    if (this.#scan) throw new Error("already scanning");
    if (this.#attempt) throw new Error("scan failed");
    this.#scan = listener;
    air.counts.scans++;
    if (air.scansToHang > 0) {
      air.scansToHang--;
      air.counts.hungScans++;
      return;
    }
    const complete = (): void => {
      if (this.#scan !== listener) return;
      this.#scan = undefined;
      for (const { ssid, bssid, rssiDbm, password, ...hotspot } of air.audible()) {
        if (hotspot.hidden || (channel !== undefined && channel !== hotspot.channel)) continue;
        const security = password === undefined ? "none" : "wpa2_psk";
        onFound({ SSID: ssid, BSSID: bssid, RSSI: rssiDbm, channel: hotspot.channel, security });
      }
      onComplete();
    };
    // With an access point of one's own on the air, the radio goes back to its channel in between.
    const durationMs = (channel === undefined ? SCAN_MS : CHANNEL_SCAN_MS) * (this.onAir ? 2 : 1);
    air.clock.set(() => cpu.run(complete), durationMs);
  }

  openAccessPoint({ ssid, password = "", channel }: AccessPointOptions): void {
    if (this.onAir) throw new Error("in use");
    if (!(channel >= 1 && channel <= CHANNEL_MAX)) throw new RangeError("invalid channel");
    if (ssid === "" || ssid.length > SSID_BYTES_MAX) throw new RangeError("invalid ssid");
    if (password !== "" && password.length < PASSWORD_BYTES_MIN) throw new RangeError("password too short");
    this.onAir = { ssid, channel: this.hotspot?.channel ?? channel };
  }

  closeAccessPoint(): void {
    this.onAir = undefined;
  }

  lose(reason: number): void {
    if (!this.#binding.cpu.alive) return;
    this.#binding.air.counts.lost++;
    this.#leave();
    this.#end(reason);
  }

  fallSilent(): void {
    this.#leave();
    this.onAir = undefined;
  }

  // ---- the driver at work ---------------------------------------------------------------------------------------

  #onLookedAround(attempt: ConnectOptions): void {
    const { air } = this.#binding;
    const hotspot = air.audible().find(({ ssid }) => ssid === attempt.SSID);
    if (!hotspot) {
      air.counts.notFound++;
      return this.#refuse(REASON.NOT_FOUND);
    }
    const isSecured = hotspot.password !== undefined;
    if (isSecured !== (attempt.password !== undefined)) {
      air.counts.wrongSecurity++;
      return this.#refuse(isSecured ? REASON.NO_AUTH : REASON.OPEN);
    }
    if (hotspot.silent) {
      air.counts.unanswered++;
      return;
    }
    this.#after(hotspot.associationMs, () => this.#onAnswered(attempt, hotspot));
  }

  #onAnswered(attempt: ConnectOptions, hotspot: Hotspot): void {
    const { counts } = this.#binding.air;
    if (hotspot.refusalReason !== undefined || hotspot.refusals > 0) {
      counts.refused++;
      hotspot.refusals = Math.max(0, hotspot.refusals - 1);
      return this.#refuse(hotspot.refusalReason ?? REASON.AUTH_FAIL);
    }
    if (hotspot.password === attempt.password) return this.#associate(hotspot);
    counts.wrongPasswords++;
    this.#after(HANDSHAKE_MS, () => this.#refuse(REASON.HANDSHAKE));
  }

  #refuse(reason: number): void {
    this.#leave();
    this.#end(reason);
  }

  #associate(hotspot: Hotspot): void {
    const { air } = this.#binding;
    const isFixed = this.#fixed !== false;
    air.counts.associations++;
    this.#attempt = undefined;
    this.#moment++;
    this.hotspot = hotspot;
    this.#addresses = isFixed ? IPV4 : 0;
    if (this.onAir) this.onAir.channel = hotspot.channel;
    this.#tell({ kind: "connected", addresses: this.#addresses });
    this.#after(IPV6_MS, () => this.#onAddress(IPV6));
    if (isFixed) return;
    if (hotspot.dhcpMs === undefined) air.counts.withoutAddress++;
    else {
      this.#after(hotspot.dhcpMs, () => {
        air.counts.addresses++;
        this.#onAddress(IPV4);
      });
    }
  }

  #onAddress(kind: number): void {
    this.#addresses |= kind;
    if (this.#addresses !== BOTH) return;
    this.#binding.air.connect(this.hotspot);
    this.#tell({ kind: "addressed", addresses: BOTH });
  }

  /** Nothing is joined, or about to be. */
  #leave(): void {
    this.#attempt = undefined;
    this.#moment++;
    this.hotspot = undefined;
    this.#addresses = 0;
    this.#binding.air.connect(undefined);
  }

  #end(reason: number): void {
    const { air } = this.#binding;
    if (this.#attempt) air.counts.staleEnds++;
    this.reason = air.tellsReasons ? reason : 0;
    this.#tell({ kind: "disconnected", addresses: 0 });
  }

  #tell(event: DriverEvent): void {
    for (const listener of [...this.#listeners]) this.#binding.cpu.run(() => listener.deliver(event));
  }

  /** Later, unless something has happened meanwhile. */
  #after(delayMs: number, callback: () => void): void {
    const { air, cpu } = this.#binding;
    const moment = this.#moment;
    air.clock.set(() => {
      if (cpu.alive && this.#moment === moment) callback();
    }, delayMs);
  }
}
