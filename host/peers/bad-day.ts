/**
 * A bad day of a server and its network, by seed: it answers 503, falls silent for a while, cuts connections. One thing
 * happens to each request (FileServerBehavior.turns), and each of them soon.
 *
 * Bounded so that a client comes through that goes on where it was: never more than two answers of 503 in a row, and
 * every other request brings the image on by a sixteenth. What is cut from a small image may be lost altogether, so
 * there are no more turns than five attempts survive.
 */

import { Random } from "../sim/random.js";
import type { Oddities } from "./file-response.js";

const TURNS = 10;
const SMALL_IMAGE_BYTES = 0x1_0000;
const SMALL_IMAGE_TURNS = 4;
/** Of an image, at least, before a cut; less than two of them. */
const SHARES = 16;
const STALL_MS_MIN = 200;
const STALL_MS_MAX = 1_000;
/** Slow enough for the client to have read what arrives before a cut. */
const BYTES_PER_SECOND = 500_000;

type Misfortune = "busy" | "stall" | "cut";
const MISFORTUNES: readonly Misfortune[] = ["busy", "stall", "cut"];

/** What each request for an image of this size meets. */
export function makeBadDay(seed: number, sizeBytes: number): Oddities[] {
  const random = new Random(seed);
  const turns: Misfortune[] = [];
  const unseen = [...MISFORTUNES];
  while (turns.length < (sizeBytes < SMALL_IMAGE_BYTES ? SMALL_IMAGE_TURNS : TURNS)) {
    const [drawn] = unseen.length > 0 ? unseen.splice(random.below(unseen.length), 1) : [draw(random)];
    const isBusyForLong = turns.at(-1) === "busy" && turns.at(-2) === "busy";
    turns.push(drawn === undefined || isBusyForLong ? "cut" : drawn);
  }
  return turns.map((turn) => odditiesOf(turn, random, sizeBytes));
}

function draw(random: Random): Misfortune | undefined {
  return MISFORTUNES[random.below(MISFORTUNES.length)];
}

function odditiesOf(misfortune: Misfortune, random: Random, sizeBytes: number): Oddities {
  if (misfortune === "busy") return { statusFor: { status: 503 } };
  const share = Math.ceil(sizeBytes / SHARES);
  const byte = share + random.below(share);
  const forMs = STALL_MS_MIN + random.below(STALL_MS_MAX - STALL_MS_MIN);
  return {
    slowBytesPerSecond: BYTES_PER_SECOND,
    // Also behind a silence, for else the rest would come in one go.
    cutAtByte: { byte },
    ...(misfortune === "stall" ? { stallAtByte: { byte: Math.floor(byte / 2), forMs } } : {}),
  };
}
