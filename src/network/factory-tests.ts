/**
 * What a factory asks of the radio before a product is packed (blynk-ncp.md, 7; Blynk's "Factory Testing").
 *
 *   testWifi        joins a network, measures it, and stays joined for a while, so that testConnect can follow
 *   testConnect     reaches the default server over the network that testWifi has joined
 *   testAccessPoint opens an access point on a channel, and leaves it on the air for the frequency to be measured
 *
 * Invariants: one runs at a time, another one meanwhile is answered SYSTEM_FAIL; each call is answered once, later, and
 * within the time that the MCU waits; each may come again at any time. What a test leaves on the air ends by itself, with
 * the next test, or with stop(); then the radio is as it was, with config's own access point where there was one.
 * Fault model: as of Join; and the MCU forgets its call, the product is configured meanwhile (call stop()).
 */

import { isHexadecimal } from "../base/text.js";
import { utf8Length } from "../base/utf8.js";
import type { Clock, Io, Socket, SocketClass, TimerHandle } from "../ports.js";
import { Join, SETTLE_MS } from "./join.js";
import type { AccessPoint, AccessPointClass, WifiClass } from "./ports.js";

/** RpcFactoryTestStatus of Blynk's driver. */
export const FactoryTestStatus = Object.freeze({
  OK: 1,
  INVALID_ARGS: 2,
  SYSTEM_FAIL: 3,
  WIFI_FAIL: 4,
  LOW_RSSI: 5,
  INET_FAIL: 6,
});

export type FactoryTestStatus = (typeof FactoryTestStatus)[keyof typeof FactoryTestStatus];

/** Weaker is too weak. */
export const RSSI_DBM_MIN = -85;
/** The MCU waits 30 s. */
export const WIFI_TEST_MS = 25_000;
/** The MCU waits 10 s. */
export const CONNECT_TEST_MS = 8_000;
/** How long the network of testWifi stays joined, for testConnect to come, or to come again. */
export const JOINED_MS = 15_000;
/** How long the access point stays on the air. */
export const ON_AIR_MS = 30_000;
/** IEEE 802.11: a passphrase, or the key itself as hexadecimal digits. */
const PASSWORD_BYTES_MIN = 8;
const PASSWORD_BYTES_MAX = 63;
const KEY_DIGITS = 64;
const SSID_BYTES_MAX = 32;
const CHANNEL_MAX = 13;

export interface WifiTestResult {
  readonly status: FactoryTestStatus;
  /** 0 where nothing was joined. */
  readonly rssiDbm: number;
}

export interface FactoryTestsOptions {
  clock: Clock;
  wifi: Io<WifiClass>;
  accessPoint: Io<AccessPointClass>;
  /** TCP is enough: a factory's chip does not know the date, so it cannot judge certificates. */
  socket: Io<SocketClass>;
  /** The default one, of this product. */
  server(): { host: string; port: number };
  /** Whether tests are valid now: the MCU has initialized Ferry, and Ferry is not configured. */
  isAllowed(): boolean;
  /** Takes config's access point off the air, if there is one. What is returned brings it back, and is called once. */
  borrowRadio(): () => void;
  /** Of the access point to be measured. */
  accessPointName(): string;
}

export class FactoryTests {
  readonly #options: FactoryTestsOptions;
  /** Answers the call that runs; `undefined` when none does. */
  #fail: (() => void) | undefined;
  #timer: TimerHandle;
  #join: Join | undefined;
  #accessPoint: AccessPoint | undefined;
  #socket: Socket | undefined;
  #giveRadioBack: (() => void) | undefined;

  constructor(options: FactoryTestsOptions) {
    this.#options = options;
  }

  /** blynk.factoryTestWiFi. An empty password: an open network. */
  testWifi(ssid: string, password: string, done: (result: WifiTestResult) => void): void {
    const answer = this.#begin<WifiTestResult>(done, { status: FactoryTestStatus.SYSTEM_FAIL, rssiDbm: 0 });
    if (!answer) return;
    if (!isSsid(ssid) || !isPassword(password)) {
      this.#leave();
      return answer({ status: FactoryTestStatus.INVALID_ARGS, rssiDbm: 0 });
    }
    this.#borrowRadio();
    const { clock, wifi } = this.#options;
    const network = password === "" ? { ssid } : { ssid, psk: password };
    this.#join = new Join({
      clock,
      wifi,
      choice: { network, seen: true },
      untilMs: clock.now() + WIFI_TEST_MS,
      onUp: () => answer(this.#measure()),
      onFailed: () => {
        this.#leave();
        answer({ status: FactoryTestStatus.WIFI_FAIL, rssiDbm: 0 });
      },
      // A test that runs finds out by itself: nobody answers it.
      onLost: () => !this.#fail && this.#leave(),
    });
  }

  /** blynk.factoryTestWiFiAP. */
  testAccessPoint(channel: number, done: (status: FactoryTestStatus) => void): void {
    const answer = this.#begin<FactoryTestStatus>(done, FactoryTestStatus.SYSTEM_FAIL);
    if (!answer) return;
    if (channel < 1 || channel > CHANNEL_MAX) {
      this.#leave();
      return answer(FactoryTestStatus.INVALID_ARGS);
    }
    this.#borrowRadio();
    const { io: Access, ...own } = this.#options.accessPoint;
    // The pause lets a station of the test before leave, whose channel it would get.
    this.#later(() => {
      try {
        this.#accessPoint = new Access({ ...own, ssid: this.#options.accessPointName(), channel });
        this.#later(() => this.#leave(), ON_AIR_MS);
        answer(FactoryTestStatus.OK);
      } catch {
        this.#leave();
        answer(FactoryTestStatus.SYSTEM_FAIL);
      }
    }, SETTLE_MS);
  }

  /** blynk.factoryTestConnect. INET_FAIL also without a network: testWifi comes first. */
  testConnect(done: (status: FactoryTestStatus) => void): void {
    const joined = this.#join?.link ? this.#join : undefined;
    const answer = this.#begin<FactoryTestStatus>(done, FactoryTestStatus.SYSTEM_FAIL, joined);
    if (!answer) return;
    if (!joined) {
      this.#leave();
      return answer(FactoryTestStatus.INET_FAIL);
    }
    const end = (status: FactoryTestStatus): void => {
      this.#closeSocket();
      this.#leaveLater();
      answer(status);
    };
    const { io: Socket, ...own } = this.#options.socket;
    this.#later(() => end(FactoryTestStatus.INET_FAIL), CONNECT_TEST_MS);
    this.#socket = new Socket({
      ...own,
      ...this.#options.server(),
      onReadable: () => {},
      onWritable: () => end(FactoryTestStatus.OK),
      onError: () => end(FactoryTestStatus.INET_FAIL),
    });
  }

  /** Answers a test that runs with SYSTEM_FAIL, and gives the radio back. Before others use it. Idempotent. */
  stop(): void {
    this.#leave();
    this.#fail?.();
  }

  /** What answers the call, once; `undefined` where it may not run, and is answered already. */
  #begin<R>(done: (result: R) => void, failed: R, kept?: Join): ((result: R) => void) | undefined {
    if (this.#fail || !this.#options.isAllowed()) {
      this.#options.clock.set(() => done(failed), 0);
      return undefined;
    }
    if (!kept) this.#clear();
    const answer = (result: R): void => {
      this.#fail = undefined;
      this.#options.clock.set(() => done(result), 0);
    };
    this.#fail = () => answer(failed);
    return answer;
  }

  #measure(): WifiTestResult {
    const rssiDbm = this.#join?.link?.rssiDbm;
    if (rssiDbm !== undefined && rssiDbm >= RSSI_DBM_MIN) {
      this.#leaveLater();
      return { status: FactoryTestStatus.OK, rssiDbm };
    }
    this.#leave();
    if (rssiDbm === undefined) return { status: FactoryTestStatus.WIFI_FAIL, rssiDbm: 0 };
    return { status: FactoryTestStatus.LOW_RSSI, rssiDbm };
  }

  #borrowRadio(): void {
    this.#giveRadioBack ??= this.#options.borrowRadio();
  }

  #leaveLater(): void {
    this.#later(() => this.#leave(), JOINED_MS);
  }

  /** Takes off the air what a test has put there. */
  #clear(): void {
    this.#options.clock.clear(this.#timer);
    this.#closeSocket();
    this.#join?.close();
    this.#accessPoint?.close();
    this.#join = undefined;
    this.#accessPoint = undefined;
  }

  #leave(): void {
    this.#clear();
    const giveBack = this.#giveRadioBack;
    this.#giveRadioBack = undefined;
    giveBack?.();
  }

  #closeSocket(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** The one timer. */
  #later(callback: () => void, delayMs: number): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = this.#options.clock.set(callback, delayMs);
  }
}

function isSsid(ssid: string): boolean {
  const length = utf8Length(ssid);
  return length >= 1 && length <= SSID_BYTES_MAX;
}

function isPassword(password: string): boolean {
  const length = utf8Length(password);
  if (length === KEY_DIGITS) return isHexadecimal(password, KEY_DIGITS);
  return length === 0 || (length >= PASSWORD_BYTES_MIN && length <= PASSWORD_BYTES_MAX);
}
