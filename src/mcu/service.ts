/** The calls that the MCU makes, each handed to the part that knows. Nothing is decided here but what bounds hold. */

import type { Failure } from "../base/failure.js";
import { deepFreeze } from "../base/freeze.js";
import { PAYLOAD_BYTES_MAX } from "../frame/layout.js";
import { PrefetchStatus } from "../rpc/protocol.js";
import { callsOf } from "../rpc/serving.js";

/** INVOKE header, offset, length of the chunk and its CRC: what an otaUpdateWrite adds to its chunk. */
export const WRITE_OVERHEAD_BYTES = 6 + 4 + 2 + 4;
/** The largest chunk whose otaUpdateWrite fits a frame. */
export const CHUNK_BYTES_MAX = PAYLOAD_BYTES_MAX - WRITE_OVERHEAD_BYTES;

/** What the handlers need of the rest of Ferry. */
export interface McuDomain {
  readonly ncpVersion: string;
  /** One of NcpState. */
  readonly state: number;
  serves(uid: number): boolean;
  reboot(): void;
  supportsBaud(baud: number): boolean;
  changeBaud(baud: number): void;
  setFirmwareInfo(firmware: { type: string; version: string; build: string; blynkVersion: string }): void;
  /** Before the answer leaves: the MCU's earlier life is over. */
  forgetMcu(): void;
  /** After the answer: the MCU is ready. */
  onInitialized(template: { id: string; name: string }): void;
  readonly digests: { readonly crc32: number; readonly md5: Uint8Array; readonly sha256: Uint8Array } | undefined;
  startUpdate(chunkBytes: number, valid: boolean, answer: (ok: boolean) => void): void;
  prefetchUpdate(answer: (failed: Failure | undefined) => void): void;
  suspendUpdate(seconds: number): void;
}

const NO_BYTES = new Uint8Array(0);
const NOTHING = Object.freeze({});

export const MCU_CALLS = deepFreeze(
  callsOf<McuDomain>()({
    "ncp.ping": () => NOTHING,
    "ncp.hasUID": (domain, { uid }) => ({ ok: domain.serves(uid) }),
    "ncp.reboot": {
      later: (domain, _, reply) => {
        reply({ ok: true });
        domain.reboot();
      },
    },
    "hw.setUartBaudRate": {
      later: (domain, { baud }, reply) => {
        const ok = domain.supportsBaud(baud);
        reply({ ok });
        if (ok) domain.changeBaud(baud);
      },
    },
    "blynk.getNcpVersion": (domain) => ({ version: domain.ncpVersion, ok: true }),
    "blynk.getState": (domain) => ({ state: domain.state }),
    "blynk.setFirmwareInfo": (domain, firmware) => {
      domain.setFirmwareInfo(firmware);
      return { ok: true };
    },
    "blynk.initialize": {
      later: (domain, { templateId, templateName }, reply) => {
        domain.forgetMcu();
        reply({ ok: true });
        domain.onInitialized({ id: templateId, name: templateName });
      },
    },
    "blynk.otaUpdateStart": {
      later: (domain, { chunkBytes }, reply) => {
        const valid = chunkBytes >= 1 && chunkBytes <= CHUNK_BYTES_MAX;
        domain.startUpdate(chunkBytes, valid, (ok) => reply({ ok }));
      },
    },
    "blynk.otaUpdatePrefetch": {
      later: (domain, _, reply) => domain.prefetchUpdate((failed) => reply({ status: prefetchStatusOf(failed) })),
    },
    "blynk.otaUpdateSuspend": {
      later: (domain, { timeoutSeconds }, reply) => {
        reply({ ok: true });
        domain.suspendUpdate(timeoutSeconds);
      },
    },
    "blynk.otaUpdateGetCRC32": ({ digests }) => ({ crc32: digests?.crc32 ?? 0, ok: digests !== undefined }),
    "blynk.otaUpdateGetMD5": ({ digests }) => ({ digest: digests?.md5 ?? NO_BYTES, ok: digests !== undefined }),
    "blynk.otaUpdateGetSHA256": ({ digests }) => ({ digest: digests?.sha256 ?? NO_BYTES, ok: digests !== undefined }),
  }),
);

const PREFETCH_STATUS_BY_CAUSE: Readonly<Partial<Record<Failure["cause"], PrefetchStatus>>> = Object.freeze({
  connect: PrefetchStatus.CONNECT_FAILED,
  request: PrefetchStatus.REQUEST_FAILED,
  budget: PrefetchStatus.REQUEST_FAILED,
  stalled: PrefetchStatus.DOWNLOAD_TIMEOUT,
  "no-space": PrefetchStatus.FS_NO_SPACE,
  storage: PrefetchStatus.FS_WRITE_FAILED,
  mismatch: PrefetchStatus.FINALIZE_FAILED,
});

/** The eight words that the protocol has for it. */
export function prefetchStatusOf(failed: Failure | undefined): PrefetchStatus {
  if (!failed) return PrefetchStatus.OK;
  return PREFETCH_STATUS_BY_CAUSE[failed.cause] ?? PrefetchStatus.GENERIC;
}
