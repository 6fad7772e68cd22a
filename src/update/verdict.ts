/** Judges an update by the firmware that the MCU names when it is back: the only proof that counts. */

import type { Failure } from "../base/failure.js";
import { failure } from "../base/failure.js";
import { isRecord } from "../base/json.js";
import type { FirmwareInfo } from "../image/info-tag.js";

/** "version", "finish": of the MCU's firmware. "confirmed": of Ferry's own. */
export type Proof = "version" | "finish" | "confirmed";

export type Verdict =
  | { readonly kind: "succeeded"; readonly proof: Proof }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "rolled-back"; readonly failure: Failure };

/** For values from storage. */
export function isVerdict(value: unknown): value is Verdict {
  if (!isRecord(value)) return false;
  if (value.kind === "succeeded") return ["version", "finish", "confirmed"].includes(`${value.proof}`);
  return (value.kind === "failed" || value.kind === "rolled-back") && isFailure(value.failure);
}

/** For values from storage. */
export function isFailure(value: unknown): value is Failure {
  return isRecord(value) && [value.stage, value.cause, value.detail].every((part) => typeof part === "string");
}

/**
 * @param target what the offer and the image's tag name; empty parts are unknown
 * @param previous what the MCU named before the update, if it ever did
 * @param reported what it names now, if it has done so since it took the image
 */
export function judgeReturn(
  target: FirmwareInfo,
  previous: FirmwareInfo | undefined,
  reported: FirmwareInfo | undefined,
): Verdict {
  // An MCU that names nothing can only be believed: it took the image after its own check, and it runs.
  if (!reported?.version) return { kind: "succeeded", proof: "finish" };
  if (target.version && sameFirmware(reported, target)) return { kind: "succeeded", proof: "version" };
  // Where the new version is not known either, only a build date proves it: many never change their version's text.
  const canTell = target.version !== "" || reported.build !== "";
  if (previous?.version && canTell && isVery(reported, previous)) {
    const detail = `the MCU took the image and came back with its old firmware ${nameOf(reported)}: its boot loader refused or reverted it`;
    return { kind: "rolled-back", failure: failure("restart", "wrong-version", detail) };
  }
  if (!target.version) return { kind: "succeeded", proof: "finish" };
  const detail = `the MCU came back with firmware ${nameOf(reported)}, offered was ${nameOf(target)}`;
  return { kind: "failed", failure: failure("restart", "wrong-version", detail) };
}

/** Equal as far as both are known. Only the version must be; a build tells apart builds of one version. */
export function sameFirmware(a: FirmwareInfo, b: FirmwareInfo): boolean {
  return a.version === b.version && (!a.build || !b.build || sameBuild(a.build, b.build));
}

/** Equal, with nothing unknown: an MCU that never names a build can come back with another build of its version. */
function isVery(a: FirmwareInfo, b: FirmwareInfo): boolean {
  return a.version === b.version && (a.build || b.build ? sameBuild(a.build, b.build) : true);
}

/** The day in a build date is padded with a space by compilers and with a zero by people. */
function sameBuild(a: string, b: string): boolean {
  return a.replace(" 0", "  ") === b.replace(" 0", "  ");
}

function nameOf(firmware: FirmwareInfo): string {
  return firmware.build ? `${firmware.version} (${firmware.build})` : firmware.version;
}
