/**
 * Looks at failed logins again: where a captive portal stands in the way, people have to hear of that, and not of the
 * certificate that it showed.
 *
 * Between the lifecycle and its cloud. A login that failed as behind a portal it would is told once the check is done.
 * A check that found none is not made again for PORTAL_RECHECK_MS: a fleet whose cloud is down must not double its
 * connections. One that found a portal says nothing about later: each failure is checked.
 */

import { FailureCode } from "../base/failure-code.js";
import type { LifecycleCloud } from "../lifecycle/lifecycle.js";
import { CaptivePortalCheck } from "../network/captive-portal.js";
import type { Clock, Io, SocketClass } from "../ports.js";

export const PORTAL_RECHECK_MS = 600_000;

/** Its own certificate, an answer in another protocol or a refusal, silence at all ports but HTTP's. */
const SUSPECT: readonly FailureCode[] = Object.freeze([
  FailureCode.TLS_CERTIFICATE,
  FailureCode.CLOUD_GENERIC,
  FailureCode.CLOUD_TIMEOUT,
]);

type LoginEvents = Parameters<LifecycleCloud["start"]>[0];

export interface PortalWatchOptions {
  clock: Clock;
  /** TCP without TLS. */
  socket: Io<SocketClass>;
  cloud: LifecycleCloud;
  /** Where logins go; `undefined` without a token. */
  host(): string | undefined;
}

export class PortalWatch implements LifecycleCloud {
  readonly #options: PortalWatchOptions;
  #check: CaptivePortalCheck | undefined;
  #clearUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: PortalWatchOptions) {
    this.#options = options;
  }

  start(events: LoginEvents): void {
    this.#endCheck();
    this.#options.cloud.start({ ...events, onFailed: (code) => this.#onFailed(code, events) });
  }

  stop(): void {
    this.#endCheck();
    this.#options.cloud.stop();
  }

  refresh(): void {
    this.#options.cloud.refresh();
  }

  #onFailed(code: FailureCode, events: LoginEvents): void {
    const { clock, socket } = this.#options;
    const host = this.#options.host();
    if (host === undefined || !SUSPECT.includes(code) || clock.now() < this.#clearUntilMs) return events.onFailed(code);
    this.#check = new CaptivePortalCheck({
      clock,
      socket,
      host,
      onDone: (isPortal) => {
        this.#check = undefined;
        if (!isPortal) this.#clearUntilMs = clock.now() + PORTAL_RECHECK_MS;
        events.onFailed(isPortal ? FailureCode.CAPTIVE_PORTAL : code);
      },
    });
  }

  #endCheck(): void {
    this.#check?.close();
    this.#check = undefined;
  }
}
