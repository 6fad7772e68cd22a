/**
 * Whether a staged image may become the next Ferry. Read once more, from where it lies, in slices: flash may have
 * failed since the download was verified, and nobody else looks before the boot loader does.
 *
 * In this order, and the first objection counts: it is an app image; for this chip; of Ferry, by its tag or, where it
 * has none, by its app descriptor; of the offered version;
 * newer, unless by force; signed, where a key is known; whole, by its own checksums and by the digest it was staged
 * with; and the signature is right.
 */

import { type Failure, failure, messageOf } from "../base/failure.js";
import { toHex } from "../base/hex.js";
import { ESP_HEAD_BYTES, type EspApp, EspImageWalk, parseEspHead } from "../image/esp-image.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import type { Offer } from "../image/offer.js";
import { signatureIn, TRAILER_BYTES } from "../image/signature.js";
import { FERRY_PROJECT, type Target } from "../image/target.js";
import { compareVersions } from "../image/version.js";
import type { Clock, Digest, DigestClass, TimerHandle, VerifyP256 } from "../ports.js";
import type { OwnBuild } from "./self-update-state.js";

/** Bytes read between two turns of the event loop; in whole words. */
const SLICE_BYTES = 1024;

/** What an image must be to become the next Ferry. */
export interface OwnImageRules {
  /** Of the build that runs. */
  readonly version: string;
  readonly firmwareType: string;
  /** As the headers of ESP images have it. */
  readonly chipId: number;
  /** Where a key is known, only images that were signed with it are taken. */
  readonly signature?: { readonly publicKey: Uint8Array; readonly verifyP256: VerifyP256 };
}

/** The staged image, and what is known of it. */
export interface OwnImageCopy {
  readonly offer: Offer;
  readonly facts:
    | { readonly sha256: Uint8Array; readonly firmware: FirmwareInfo; readonly target?: Target }
    | undefined;
  read(buffer: Uint8Array, offset: number): number;
}

export interface OwnImageCheckOptions {
  clock: Clock;
  Digest: DigestClass;
  image: OwnImageCopy;
  rules: OwnImageRules;
  /** Also an older version. */
  force: boolean;
  /** Called once, later; not after close(). */
  onEnd(result: OwnBuild | Failure): void;
}

/** Of a check that runs on. */
interface Walk {
  readonly version: string;
  readonly parts: EspImageWalk;
  readonly whole: Digest;
  readonly signed: Digest;
  readonly signedBytes: number;
  readonly signature: Uint8Array | undefined;
}

/** An objection, on its way to whoever waits for the end of the check. */
class Objection extends Error {
  readonly failure: Failure;

  constructor(cause: Failure["cause"], detail: string) {
    super(detail);
    this.failure = failure("verify", cause, detail);
  }
}

export class OwnImageCheck {
  readonly #options: OwnImageCheckOptions;
  readonly #slice = new Uint8Array(SLICE_BYTES);
  #offset = 0;
  #timer: TimerHandle;

  constructor(options: OwnImageCheckOptions) {
    this.#options = options;
    this.#later(() => this.#begin());
  }

  /** Ends without a word. */
  close(): void {
    this.#options.clock.clear(this.#timer);
  }

  #begin(): undefined {
    const { image, rules, force, Digest } = this.#options;
    const { sizeBytes } = image.offer;
    const head = parseEspHead(this.#read(0, Math.min(sizeBytes, ESP_HEAD_BYTES)));
    if (!head) throw new Objection("mismatch", "it is no app image of an ESP32: it does not begin like one");
    const { chipId, app } = head;
    if (chipId !== rules.chipId) {
      throw new Objection("wrong-chip", `it is for a chip with id ${chipId}, and this one has ${rules.chipId}`);
    }
    const version = assertOurs(app, image, rules);
    if (!force) assertNewer(version, rules.version);
    const trailerBytes = Math.min(sizeBytes, TRAILER_BYTES);
    const signature = signatureIn(this.#read(sizeBytes - trailerBytes, trailerBytes));
    if (rules.signature && !signature) {
      throw new Objection("untrusted", "it is not signed, and this Ferry takes signed images only");
    }
    this.#walkLater({
      version,
      parts: new EspImageWalk({ head, Digest }),
      whole: new Digest("SHA256"),
      signed: new Digest("SHA256"),
      signedBytes: signature ? sizeBytes - TRAILER_BYTES : sizeBytes,
      signature,
    });
  }

  #walkLater(walk: Walk): undefined {
    this.#later(() => this.#step(walk));
  }

  #step(walk: Walk): undefined {
    const { sizeBytes } = this.#options.image.offer;
    const at = this.#offset;
    const slice = this.#read(at, Math.min(SLICE_BYTES, sizeBytes - at));
    walk.parts.push(slice);
    walk.whole.write(slice);
    const signedBytes = Math.max(0, Math.min(slice.length, walk.signedBytes - at));
    if (signedBytes > 0) walk.signed.write(signedBytes === slice.length ? slice : slice.subarray(0, signedBytes));
    this.#offset = at + slice.length;
    if (this.#offset < sizeBytes) return this.#walkLater(walk);
    const sha256 = this.#judgeWhole(walk);
    this.#later(() => this.#judgeSignature(walk, sha256));
  }

  #judgeWhole(walk: Walk): string {
    const problem = walk.parts.finish();
    if (problem) throw new Objection("damaged", `the image is damaged: ${problem}`);
    const sha256 = toHex(new Uint8Array(walk.whole.close()));
    const { facts } = this.#options.image;
    if (!facts || toHex(facts.sha256) !== sha256) {
      throw new Objection("damaged", "the image has changed in the flash since it was downloaded: offer it again");
    }
    return sha256;
  }

  /** In a turn of its own: it takes long. */
  #judgeSignature({ version, signed, signature }: Walk, sha256: string): OwnBuild {
    const trust = this.#options.rules.signature;
    const digest = new Uint8Array(signed.close());
    if (trust && !(signature && trust.verifyP256(trust.publicKey, digest, signature))) {
      throw new Objection("untrusted", "its signature is not by the key that this Ferry trusts");
    }
    return { version, sha256 };
  }

  /** A view, valid until the next one. */
  #read(offset: number, length: number): Uint8Array {
    const bytes = this.#slice.subarray(0, length);
    const count = this.#options.image.read(bytes, offset);
    if (count !== length) throw new Error(`only ${count} of ${length} bytes are there at byte ${offset}`);
    return bytes;
  }

  #later(work: () => OwnBuild | undefined): void {
    this.#timer = this.#options.clock.set(() => {
      const result = resultOf(work);
      if (result) this.#options.onEnd(result);
    }, 0);
  }
}

function resultOf(work: () => OwnBuild | undefined): OwnBuild | Failure | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Objection) return error.failure;
    return failure("verify", "storage", `cannot read the staged image: ${messageOf(error)}`);
  }
}

/** Returns the version. */
function assertOurs(app: EspApp | undefined, { offer, facts }: OwnImageCopy, rules: OwnImageRules): string {
  if (!app) throw new Objection("mismatch", "it has no app descriptor: it is no app");
  const tag = facts?.target === "ncp" && facts.firmware.version !== "" ? facts.firmware : undefined;
  if (!tag && app.project !== FERRY_PROJECT) {
    const detail = `it is not of Ferry: it has no tag that says so, and it is an app of project "${app.project}"`;
    throw new Objection("mismatch", detail);
  }
  for (const type of [...(offer.type ? [offer.type] : []), ...(tag ? [tag.type] : [])]) {
    if (type === rules.firmwareType) continue;
    throw new Objection("mismatch", `it is firmware of type "${type}", and this Ferry is "${rules.firmwareType}"`);
  }
  const { version } = tag ?? app;
  if (offer.version && offer.version !== version) {
    throw new Objection("mismatch", `it was offered as version "${offer.version}", and says that it is "${version}"`);
  }
  return version;
}

function assertNewer(version: string, running: string): void {
  const order = compareVersions(version, running);
  if (order !== undefined && order > 0) return;
  const what = order === undefined ? "has no order against" : order < 0 ? "is older than" : "is no newer than";
  throw new Objection("not-newer", `version ${version} ${what} ${running}, which runs; it is only taken by force`);
}
