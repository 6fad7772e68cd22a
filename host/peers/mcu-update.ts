/**
 * The MCU's side of its own update, as Blynk's clients do it (BlynkNcpOtaImpl.h, zephyr_ota.c): erase inside the
 * offer, start from the main loop, take chunks strictly in order, ask for digests inside finish, reboot.
 *
 * One difference: the CRC-32 is taken over what the slot holds, not over what arrived, so that a bad flash cell shows.
 */

import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Args, Results } from "../../src/rpc/catalogue.js";
import { PrefetchStatus, RpcStatus } from "../../src/rpc/protocol.js";
import type { FaultBook, McuBehavior } from "./mcu-behavior.js";
import { done, type McuCore, type Task } from "./mcu-core.js";
import { crc32Of } from "./mcu-framing.js";
import type { DigestVerdict, McuRecord } from "./mcu-record.js";
import { type McuRpc, NO_ANSWER } from "./mcu-rpc.js";
import type { McuStorage } from "./mcu-storage.js";

export interface UpdateParts {
  readonly core: McuCore;
  readonly rpc: McuRpc;
  readonly storage: McuStorage;
  readonly behavior: McuBehavior;
  readonly faults: FaultBook;
  readonly record: McuRecord;
}

/**
 * `accepted`: something is to be done at `dueMs`. `suspended`: likewise, after otaUpdateSuspend. `restarting`: the
 * transfer is to begin anew. `applying`: the image is complete and the reboot near.
 */
type Phase = "idle" | "accepted" | "suspended" | "receiving" | "restarting" | "applying";

type Answer = { ok: boolean } | typeof NO_ANSWER;

/** Blynk's clients give the RESULT of finish this long to leave before they reboot. */
const APPLY_DELAY_MS = 10;

export class McuUpdate {
  readonly #parts: UpdateParts;
  #phase: Phase = "idle";
  #dueMs = 0;
  /** As offered; `undefined` for a bootloader that was told nothing. */
  #sizeBytes: number | undefined;
  /** The offset of the next chunk: all before it is stored. */
  #expected = 0;
  /** When the last chunk came. */
  lastWriteMs = 0;

  constructor(parts: UpdateParts) {
    this.#parts = parts;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get storedBytes(): number {
    return this.#expected;
  }

  /** When run() has something to do. */
  get dueMs(): number {
    const hasWork = this.#phase !== "idle" && this.#phase !== "receiving";
    return hasWork ? this.#dueMs : Number.POSITIVE_INFINITY;
  }

  /** Zephyr asks for the largest multiple of its flash block. */
  get #askBytes(): number {
    const { chunkBytes, paddedWrites } = this.#parts.behavior;
    if (!paddedWrites || paddedWrites.blockBytes > chunkBytes) return chunkBytes;
    return chunkBytes - (chunkBytes % paddedWrites.blockBytes);
  }

  // ---- from the main loop --------------------------------------------------------------------------------------

  /** The main loop's share: suspend, prefetch, start, apply. */
  *run(): Task<void> {
    if (this.#parts.core.now() < this.dueMs) return;
    const { behavior } = this.#parts;
    if (this.#phase === "applying") yield* this.#apply();
    else if (this.#phase === "restarting") yield* this.#restart();
    else if (this.#phase === "accepted" && behavior.suspendSeconds > 0) yield* this.#suspend();
    else {
      if (behavior.prefetch) yield* this.#prefetch();
      if (behavior.updatesInBootloader) yield* this.#leaveToBootloader();
      else yield* this.start();
    }
  }

  /** A bootloader begins without an offer. */
  open(sizeBytes: number | undefined): void {
    this.#sizeBytes = sizeBytes;
    this.#expected = 0;
    this.#parts.storage.open(sizeBytes ?? this.#parts.behavior.slotBytes);
  }

  /** Ready for chunks from 0, then otaUpdateStart. Returns the NCP's answer, which Blynk's clients ignore. */
  *start(): Task<boolean> {
    const { behavior, faults, record, rpc } = this.#parts;
    let accepted = false;
    const calls = behavior.asksStartTwice ? 2 : 1;
    if (calls === 2) faults.note("asksStartTwice");
    for (let call = 0; call < calls; call++) {
      this.#phase = "receiving";
      this.#expected = 0;
      this.lastWriteMs = this.#parts.core.now();
      record.note(`otaUpdateStart(${this.#askBytes})`);
      const reply = yield* rpc.invoke("blynk.otaUpdateStart", { chunkBytes: this.#askBytes });
      accepted = reply.results.ok;
      record.update.startAnswers.push(reply.status === RpcStatus.TIMEOUT ? undefined : accepted);
    }
    return accepted;
  }

  *#restart(): Task<void> {
    yield* this.#parts.core.busy(this.#parts.behavior.eraseMs);
    this.open(this.#sizeBytes);
    yield* this.start();
  }

  *#suspend(): Task<void> {
    const { behavior, core, record, rpc } = this.#parts;
    this.#phase = "suspended";
    this.#dueMs = core.now() + behavior.suspendSeconds * 1000;
    const reply = yield* rpc.invoke("blynk.otaUpdateSuspend", { timeoutSeconds: behavior.suspendSeconds });
    record.update.suspendAnswers.push(reply.results.ok);
  }

  *#prefetch(): Task<void> {
    const { record, rpc } = this.#parts;
    const { status } = (yield* rpc.invoke("blynk.otaUpdatePrefetch", {})).results;
    record.update.prefetchStatuses.push(status);
    record.note(status === PrefetchStatus.OK ? "prefetch OK" : `prefetch failed (${status}): start all the same`);
  }

  *#leaveToBootloader(): Task<void> {
    const { behavior, core, rpc, storage } = this.#parts;
    if (behavior.announcesBootloaderBaud) {
      yield* rpc.invoke("hw.setUartBaudRate", { baud: behavior.initialBaud });
    }
    storage.isInBootloader = true;
    storage.bootloaderTaskBytes = this.#sizeBytes;
    yield* core.end({ reason: "reboot into the bootloader", darkMs: 0, bootsAgain: true });
  }

  *#apply(): Task<void> {
    const { behavior, core, faults, record, storage } = this.#parts;
    yield* core.busy(APPLY_DELAY_MS);
    storage.isInBootloader = false;
    storage.bootloaderTaskBytes = undefined;
    if (faults.strikes("bootsOldAfterUpdate")) {
      yield* core.end({ reason: "reboot, with the old image after all", darkMs: 0, bootsAgain: true });
    }
    storage.install(this.#expected, behavior.untaggedFirmware);
    record.update.installs++;
    if (faults.strikes("neverReturns")) yield* core.end({ reason: "died in the update", darkMs: 0, bootsAgain: false });
    storage.trialMs = behavior.rollsBackAfterUpdate?.afterMs;
    yield* core.end({ reason: "reboot into the new image", darkMs: 0, bootsAgain: true });
  }

  // ---- handlers ------------------------------------------------------------------------------------------------

  *available(offer: Args<"client.otaUpdateAvailable">): Task<Answer> {
    const { behavior, core, faults, record } = this.#parts;
    record.update.offers.push(offer);
    record.note(`offer: ${offer.filename}, ${offer.sizeBytes} bytes, ${offer.type} ${offer.version} (${offer.build})`);
    if (behavior.acceptOffer !== true) {
      faults.note("acceptOffer");
      return behavior.acceptOffer === false ? { ok: false } : NO_ANSWER;
    }
    if (offer.sizeBytes === 0 || offer.sizeBytes > behavior.slotBytes) {
      record.note(`refused: the slot has ${behavior.slotBytes} bytes`);
      return { ok: false };
    }
    yield* core.busy(behavior.eraseMs);
    this.open(offer.sizeBytes);
    this.#phase = "accepted";
    if (faults.strikes("startsInsideOffer")) yield* this.start();
    if (faults.strikes("answerOfferLateMs")) yield* core.busy(behavior.answerOfferLateMs);
    this.#dueMs = core.now() + (behavior.updatesInBootloader ? 0 : behavior.startDelayMs);
    return { ok: true };
  }

  *write(chunk: Args<"client.otaUpdateWrite">): Task<Answer> {
    const { behavior, core, faults, record } = this.#parts;
    const index = Math.floor(chunk.offset / this.#askBytes);
    record.update.writes++;
    record.update.receivedBytes += chunk.chunk.length;
    this.lastWriteMs = core.now();
    if (faults.strikesChunk("ignoresChunk", index)) return NO_ANSWER;
    if (faults.strikesChunk("rebootAtChunk", index)) {
      yield* core.end({ reason: `reboot at chunk ${index}`, darkMs: 0, bootsAgain: true });
    }
    if (faults.strikesChunk("crashAtChunk", index)) {
      const darkMs = behavior.crashAtChunk?.silentMs ?? 0;
      yield* core.end({ reason: `crash at chunk ${index}`, darkMs, bootsAgain: true });
    }
    const refusal = this.#refusalOf(chunk, index);
    if (refusal === "stored before") return { ok: true };
    if (refusal) {
      record.update.writesAnsweredFalse++;
      record.note(`chunk ${index} at ${chunk.offset} refused: ${refusal}`);
      return { ok: false };
    }
    yield* core.busy(behavior.writeMs);
    this.#expected += chunk.chunk.length;
    if (faults.strikesChunk("restartsTransferAtChunk", index)) {
      this.#phase = "restarting";
      this.#dueMs = core.now();
    }
    if (faults.strikesChunk("lateResultAtChunk", index)) yield* core.busy(behavior.lateResultAtChunk?.delayMs ?? 0);
    return faults.strikesChunk("losesResultAtChunk", index) ? NO_ANSWER : { ok: true };
  }

  /** Stores the chunk, or says why not. */
  #refusalOf({ offset, chunk, crc32 }: Args<"client.otaUpdateWrite">, index: number): string | undefined {
    const { behavior, faults, storage } = this.#parts;
    if (crc32Of(chunk) !== crc32) return "wrong CRC";
    if (faults.strikesChunk("answersFalseAtChunk", index)) return "as told";
    if (offset !== this.#expected) {
      const isStored = offset + chunk.length <= this.#expected && storage.isOpen;
      if (isStored && faults.strikes("idempotentWrites")) return "stored before";
      return `${this.#expected} expected`;
    }
    if (behavior.paddedWrites && offset % behavior.paddedWrites.blockBytes !== 0) {
      faults.note("paddedWrites");
      return "flash block written twice";
    }
    const badOffset = behavior.corruptsFlashAtOffset;
    const isBad = badOffset !== undefined && badOffset >= offset && badOffset < offset + chunk.length;
    if (!storage.write(offset, isBad ? withFlippedByte(chunk, badOffset - offset) : chunk)) return "no room";
    if (isBad) faults.note("corruptsFlashAtOffset");
    return undefined;
  }

  *finish(): Task<Answer> {
    const { behavior, core, faults, record, storage } = this.#parts;
    record.update.finishes++;
    yield* core.busy(behavior.finishDelayMs);
    const isComplete = this.#sizeBytes === undefined || this.#expected === this.#sizeBytes;
    if (!storage.isOpen || !isComplete) {
      record.note(`finish refused: ${this.#expected} of ${this.#sizeBytes} bytes stored`);
      return { ok: false };
    }
    if (faults.strikes("finishAnswersFalse")) return { ok: false };
    if (behavior.digestCalls && !(yield* this.#digestsAgree())) return { ok: false };
    storage.close();
    this.#phase = "applying";
    this.#dueMs = core.now();
    return faults.strikes("losesFinishResult") ? NO_ANSWER : { ok: true };
  }

  /** Three nested calls; only CRC-32 decides. */
  *#digestsAgree(): Task<boolean> {
    const { record, rpc, storage } = this.#parts;
    const image = storage.slot.subarray(0, this.#expected);
    const md5Told = (yield* rpc.invoke("blynk.otaUpdateGetMD5", {})).results;
    const md5Verdict = verdict(md5Told, md5(image));
    const sha256Told = (yield* rpc.invoke("blynk.otaUpdateGetSHA256", {})).results;
    const sha256Verdict = verdict(sha256Told, sha256(image));
    const crc32Told = (yield* rpc.invoke("blynk.otaUpdateGetCRC32", {})).results;
    const isSame = crc32Told.ok && crc32Told.crc32 === crc32Of(image);
    const verdicts = {
      md5: md5Verdict,
      sha256: sha256Verdict,
      crc32: crc32Told.ok ? verdictOf(isSame) : "not told",
    } as const;
    record.update.digestVerdicts.push(verdicts);
    record.note(`digests: MD5 ${verdicts.md5}, SHA-256 ${verdicts.sha256}, CRC-32 ${verdicts.crc32}`);
    return isSame;
  }

  cancel(): Task<Record<never, never>> {
    this.#parts.record.update.cancels++;
    this.#parts.record.note("the NCP cancels the update");
    this.#parts.storage.close();
    this.#phase = "idle";
    return done({});
  }
}

function withFlippedByte(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ 0xff;
  return copy;
}

function verdict(told: Results<"blynk.otaUpdateGetMD5">, own: Uint8Array): DigestVerdict {
  if (!told.ok) return "not told";
  return verdictOf(told.digest.length === own.length && own.every((byte, i) => byte === told.digest[i]));
}

function verdictOf(isSame: boolean): DigestVerdict {
  return isSame ? "same" : "different";
}
