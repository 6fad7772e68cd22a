/** The calls that the MCU makes, each handed to the part that knows. Nothing is decided here but what bounds hold. */

import type { Failure } from "../base/failure.js";
import { PAYLOAD_BYTES_MAX } from "../frame/layout.js";
import { PrefetchStatus } from "../rpc/protocol.js";
import type { RpcSession } from "../rpc/session.js";

/** INVOKE header, offset, length of the chunk and its CRC: what an otaUpdateWrite adds to its chunk. */
export const WRITE_OVERHEAD_BYTES = 6 + 4 + 2 + 4;
/** The largest chunk whose otaUpdateWrite fits a frame. */
export const CHUNK_BYTES_MAX = PAYLOAD_BYTES_MAX - WRITE_OVERHEAD_BYTES;

/** What the handlers need of the rest of Ferry. */
export interface McuDomain {
  readonly ncpVersion: string;
  /** One of NcpState. */
  readonly state: number;
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

export function serveMcu(session: RpcSession, domain: McuDomain): void {
  serveSystem(session, domain);
  serveBlynk(session, domain);
  serveUpdates(session, domain);
}

function serveSystem(session: RpcSession, domain: McuDomain): void {
  session.serve("ncp.ping", () => ({}));
  session.serve("ncp.hasUID", ({ uid }) => ({ ok: session.serves(uid) }));
  session.serveLater("ncp.reboot", (_, reply) => {
    reply({ ok: true });
    domain.reboot();
  });
  session.serveLater("hw.setUartBaudRate", ({ baud }, reply) => {
    const ok = domain.supportsBaud(baud);
    reply({ ok });
    if (ok) domain.changeBaud(baud);
  });
}

function serveBlynk(session: RpcSession, domain: McuDomain): void {
  session.serve("blynk.getNcpVersion", () => ({ version: domain.ncpVersion, ok: true }));
  session.serve("blynk.getState", () => ({ state: domain.state }));
  session.serve("blynk.setFirmwareInfo", (firmware) => {
    domain.setFirmwareInfo(firmware);
    return { ok: true };
  });
  session.serveLater("blynk.initialize", ({ templateId, templateName }, reply) => {
    domain.forgetMcu();
    reply({ ok: true });
    domain.onInitialized({ id: templateId, name: templateName });
  });
}

function serveUpdates(session: RpcSession, domain: McuDomain): void {
  session.serveLater("blynk.otaUpdateStart", ({ chunkBytes }, reply) => {
    const valid = chunkBytes >= 1 && chunkBytes <= CHUNK_BYTES_MAX;
    domain.startUpdate(chunkBytes, valid, (ok) => reply({ ok }));
  });
  session.serveLater("blynk.otaUpdatePrefetch", (_, reply) => {
    domain.prefetchUpdate((failed) => reply({ status: prefetchStatusOf(failed) }));
  });
  session.serveLater("blynk.otaUpdateSuspend", ({ timeoutSeconds }, reply) => {
    reply({ ok: true });
    domain.suspendUpdate(timeoutSeconds);
  });
  session.serve("blynk.otaUpdateGetCRC32", () => ({
    crc32: domain.digests?.crc32 ?? 0,
    ok: domain.digests !== undefined,
  }));
  session.serve("blynk.otaUpdateGetMD5", () => ({
    digest: domain.digests?.md5 ?? NO_BYTES,
    ok: domain.digests !== undefined,
  }));
  session.serve("blynk.otaUpdateGetSHA256", () => ({
    digest: domain.digests?.sha256 ?? NO_BYTES,
    ok: domain.digests !== undefined,
  }));
}

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
