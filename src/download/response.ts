/**
 * What a server's answer to a download request means: a pure judgement, so that every odd answer has one place.
 *
 * Ferry asks for the rest of a file, from `offset`, with Range and If-Range. Servers ignore Range, answer with another
 * range, have changed the file, redirect, or send an error page: none of it may ever be joined to what is staged.
 */

import { fromBase64 } from "../base/base64.js";
import { fromHex, toHex } from "../base/hex.js";
import { beginsAnyCase, isDecimal } from "../base/text.js";

/** What was asked for. */
export interface Asked {
  /** Bytes in hand; 0 asks for the whole file. */
  readonly offset: number;
  /** The size that was offered. */
  readonly sizeBytes: number;
}

export type Judgement =
  /** The body is bytes [offset, end) of the file; `lengthKnown` says that its announced length ends exactly there. */
  | {
      readonly kind: "body";
      readonly offset: number;
      readonly end: number;
      readonly validator: string | undefined;
      readonly lengthKnown: boolean;
    }
  | { readonly kind: "redirect"; readonly location: string }
  /** What is in hand cannot be continued: begin anew. */
  | { readonly kind: "restart"; readonly reason: string }
  /** Everything is in hand already. */
  | { readonly kind: "nothing-left" }
  | { readonly kind: "retry"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string }
  /** The server has another file than was offered. */
  | { readonly kind: "wrong-file"; readonly reason: string };

/** The headers that are looked at. */
export const HEADERS_WANTED: readonly string[] = Object.freeze([
  "connection",
  "content-length",
  "content-range",
  "etag",
  "last-modified",
  "location",
  "transfer-encoding",
  "x-md5",
  "x-sha256",
]);

export function judge(asked: Asked, status: number, headers: ReadonlyMap<string, string>): Judgement {
  switch (status) {
    case 200:
      return judgeWhole(asked, headers);
    case 206:
      return judgePart(asked, headers);
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: {
      const location = headers.get("location");
      return location ? { kind: "redirect", location } : { kind: "refused", reason: `${status} without a location` };
    }
    case 416:
      return judgeUnsatisfiable(asked, headers);
    case 408:
    case 425:
    case 429:
      return { kind: "retry", reason: `the server answered ${status}` };
    default:
      if (status >= 500) return { kind: "retry", reason: `the server answered ${status}` };
      return { kind: "refused", reason: `the server answered ${status}` };
  }
}

/** A 200, also to a range request: the file from its first byte. */
function judgeWhole(asked: Asked, headers: ReadonlyMap<string, string>): Judgement {
  const length = bodyLength(headers);
  if (length === "unreadable") return { kind: "retry", reason: UNREADABLE_LENGTH };
  if (length !== undefined && length !== asked.sizeBytes) {
    return { kind: "wrong-file", reason: `the server's file has ${length} bytes, offered were ${asked.sizeBytes}` };
  }
  const lengthKnown = length !== undefined;
  return { kind: "body", offset: 0, end: asked.sizeBytes, validator: validatorOf(headers), lengthKnown };
}

/** A 206 must begin where it was asked to, in a file of the very size that was offered. It may end early. */
function judgePart(asked: Asked, headers: ReadonlyMap<string, string>): Judgement {
  const range = parseContentRange(headers.get("content-range"));
  const last = asked.sizeBytes - 1;
  if (!range) return { kind: "restart", reason: "a 206 without a readable content-range" };
  if (range.size !== undefined && range.size !== asked.sizeBytes) {
    return { kind: "wrong-file", reason: `the server's file has ${range.size} bytes, offered were ${asked.sizeBytes}` };
  }
  if (range.first !== asked.offset || range.last < range.first || range.last > last) {
    return { kind: "restart", reason: `asked for bytes ${asked.offset}-${last}, got ${range.first}-${range.last}` };
  }
  const end = range.last + 1;
  const length = bodyLength(headers);
  if (length === "unreadable") return { kind: "retry", reason: UNREADABLE_LENGTH };
  if (length !== undefined && length !== end - asked.offset) {
    return { kind: "restart", reason: `a range of ${end - asked.offset} bytes came as ${length}` };
  }
  const lengthKnown = length !== undefined;
  return { kind: "body", offset: asked.offset, end, validator: validatorOf(headers), lengthKnown };
}

function judgeUnsatisfiable(asked: Asked, headers: ReadonlyMap<string, string>): Judgement {
  const text = headers.get("content-range") ?? "";
  const size = namesBytes(text) && text.slice(6, 8) === "*/" ? parseCount(text.slice(8)) : undefined;
  if (size !== undefined && size !== asked.sizeBytes) {
    return { kind: "wrong-file", reason: `the server's file has ${size} bytes, offered were ${asked.sizeBytes}` };
  }
  if (asked.offset === asked.sizeBytes) return { kind: "nothing-left" };
  if (asked.offset === 0) return { kind: "refused", reason: "the server answered 416 to a request for the whole file" };
  return { kind: "restart", reason: `the server cannot continue at byte ${asked.offset}` };
}

const UNREADABLE_LENGTH = "the server's content-length cannot be read";

/** Bounds the record that keeps it. */
export const VALIDATOR_LENGTH_MAX = 128;

/** A strong ETag; a weak one does not promise equal bytes. Else the date of change. */
export function validatorOf(headers: ReadonlyMap<string, string>): string | undefined {
  const etag = headers.get("etag");
  if (etag && isStrongEtag(etag) && isKeepable(etag)) return etag;
  const modified = headers.get("last-modified");
  return modified && isKeepable(modified) ? modified : undefined;
}

function isStrongEtag(etag: string): boolean {
  return etag.length >= 2 && etag.startsWith('"') && etag.endsWith('"');
}

/** It will be sent back in a header. */
function isKeepable(validator: string): boolean {
  if (validator.length > VALIDATOR_LENGTH_MAX) return false;
  for (let i = 0; i < validator.length; i++) {
    const code = validator.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** What the server says of the whole file, as Blynk's does; lower-case hexadecimal. What cannot be read says nothing. */
export function announcedDigests(headers: ReadonlyMap<string, string>): { sha256?: string; md5?: string } {
  const sha256 = fromBase64(headers.get("x-sha256") ?? "");
  const md5 = fromHex(headers.get("x-md5") ?? "");
  return {
    ...(sha256?.length === 32 ? { sha256: toHex(sha256) } : {}),
    ...(md5?.length === 16 ? { md5: toHex(md5) } : {}),
  };
}

/** Whether the server hangs up behind its answer. */
export function closesConnection(headers: ReadonlyMap<string, string>): boolean {
  return headers.get("connection")?.toLowerCase().includes("close") ?? false;
}

/** The announced length of the body; a chunked body has none, whatever content-length says. */
export function bodyLength(headers: ReadonlyMap<string, string>): number | undefined | "unreadable" {
  if (headers.get("transfer-encoding")?.toLowerCase().includes("chunked")) return undefined;
  const text = headers.get("content-length");
  return text === undefined ? undefined : (parseCount(text) ?? "unreadable");
}

/** `bytes FIRST-LAST/SIZE`, where SIZE may be `*`. */
function parseContentRange(
  text: string | undefined,
): { first: number; last: number; size: number | undefined } | undefined {
  if (!text || !namesBytes(text)) return undefined;
  const dash = text.indexOf("-");
  const slash = text.indexOf("/");
  if (dash < 0 || slash < dash) return undefined;
  const first = parseCount(text.slice(6, dash));
  const last = parseCount(text.slice(dash + 1, slash));
  const sizeText = text.slice(slash + 1).trim();
  const size = sizeText === "*" ? undefined : parseCount(sizeText);
  if (first === undefined || last === undefined || (size === undefined && sizeText !== "*")) return undefined;
  return { first, last, size };
}

/** Names of range units know no case (RFC 9110, 14.1). */
function namesBytes(contentRange: string): boolean {
  return beginsAnyCase(contentRange, "bytes ");
}

function parseCount(text: string): number | undefined {
  const digits = text.trim();
  return isDecimal(digits, 12) ? Number(digits) : undefined;
}
