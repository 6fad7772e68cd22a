/**
 * Ferry's own calls (`ferry.` in the catalogue): the first setup over the UART, for products whose users have no phone,
 * and what an engineer wants to know when something went wrong.
 */

import type { Failure } from "../base/failure.js";
import { deepFreeze } from "../base/freeze.js";
import { cutUtf8 } from "../base/utf8.js";
import type { Results } from "../rpc/catalogue.js";
import { callsOf } from "../rpc/serving.js";

/** Cut to this, a failure's sentence fits the smallest MCU's buffer with stage and cause. */
export const DETAIL_BYTES_MAX = 120;

export interface OwnDomain {
  /** An empty password: an open network. Durable when true. */
  setNetwork(ssid: string, password: string): boolean;
  removeNetwork(ssid: string): boolean;
  /** An empty host: the default one; port 0: the transport's own. Durable when true. */
  setCloud(host: string, port: number, token: string): boolean;
  /** After the answer to any of these: the state that this leads to comes behind it. */
  onSettingsChanged(): void;
  /** Enough is stored to go online with. */
  readonly canConnect: boolean;
  /** Goes online with it. */
  connect(): void;
  /** How much the MCU can take in one message. */
  setReceiveBuffer(bytes: number): boolean;
  readonly connection: { readonly state: number; readonly lastError: number; readonly meaning: string };
  readonly linkCounters: Omit<Results<"ferry.getLinkCounters">, "ok">;
  /** Of the last update that failed or was rolled back, the MCU's or Ferry's. */
  readonly lastFailure: Failure | undefined;
}

export const OWN_CALLS = deepFreeze(
  callsOf<OwnDomain>()({
    "ferry.setNetwork": {
      later: (own, { ssid, password }, reply) => {
        reply({ ok: own.setNetwork(ssid, password) });
        own.onSettingsChanged();
      },
    },
    "ferry.removeNetwork": {
      later: (own, { ssid }, reply) => {
        reply({ ok: own.removeNetwork(ssid) });
        own.onSettingsChanged();
      },
    },
    "ferry.setCloud": {
      later: (own, { host, port, token }, reply) => {
        reply({ ok: own.setCloud(host, port, token) });
        own.onSettingsChanged();
      },
    },
    "ferry.connect": {
      later: (own, _, reply) => {
        reply({ ok: own.canConnect });
        own.connect();
      },
    },
    "ferry.setReceiveBuffer": (own, { bytes }) => ({ ok: own.setReceiveBuffer(bytes) }),
    "ferry.getConnection": (own) => ({ ...own.connection, ok: true }),
    "ferry.getLinkCounters": (own) => ({ ...own.linkCounters, ok: true }),
    "ferry.getLastFailure": (own) => {
      const failed = own.lastFailure;
      if (!failed) return { stage: "", cause: "", offset: 0, detail: "", ok: false };
      const { stage, cause, offset = 0, detail } = failed;
      return { stage, cause, offset, detail: cutUtf8(detail, DETAIL_BYTES_MAX), ok: true };
    },
  }),
);
