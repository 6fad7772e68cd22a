/**
 * What a static file server answers: pure functions from a behavior record and a request to a plan, and from the plan
 * to the pieces that go on the wire. The simulated server (file-server.ts) and a real one perform the same pieces.
 *
 * An empty behavior with files is an ordinary, well-behaved server (RFC 9110: ranges, If-Range, validators). Each
 * other field is one oddity that was seen, or feared, in the field; FiredKnobs counts when it took effect.
 */

import { asciiBytes, base64Text, hexText } from "../sim/ascii.js";
import { contentRangeOf, type RangeAnswer, selectRange } from "./file-range.js";

export interface ServedFile {
  readonly bytes: Uint8Array;
  /** The opaque part of the ETag; default: the size. */
  readonly tag?: string;
  readonly lastModified?: string;
  /** Sent as x-sha256 (Base64) and x-md5 (hex), as Blynk's server sends them. */
  readonly sha256?: Uint8Array;
  readonly md5?: Uint8Array;
  /** More response headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What `changesContentAfterRequests` puts in its place; default: every bit flipped. */
  readonly replacement?: ServedFile;
}

/** A `times` limits how often the oddity strikes; absent: always. Bytes are counted in the body of one response. */
export interface FileServerBehavior {
  /** By path, query included. */
  readonly files: Readonly<Record<string, ServedFile>>;
  /** Kind of ETag; "none" sends no Last-Modified either. Default strong. */
  readonly validators?: "strong" | "weak" | "none";
  readonly latencyMs?: number;
  readonly slowBytesPerSecond?: number;
  /** Says "connection: close" and does so after each response. */
  readonly closesAfterResponse?: boolean;

  readonly refusesConnections?: { readonly times: number };
  /** Sends so many bytes, then nothing for a while; without `forMs` for ever. */
  readonly stallAtByte?: { readonly byte: number; readonly forMs?: number; readonly times?: number };
  /** Sends so many bytes, then the connection is reset. */
  readonly cutAtByte?: { readonly byte: number; readonly times?: number };
  /** Promises everything, sends so many bytes, closes in order. */
  readonly truncatesAtByte?: { readonly byte: number; readonly times?: number };
  /** Adds this to the true Content-Length, and keeps the connection open. */
  readonly wrongLength?: { readonly byBytes: number };
  /** No Content-Length; the end of the connection ends the body. */
  readonly noLength?: boolean;
  readonly chunked?: { readonly chunkBytes: number };

  readonly ignoresRange?: boolean;
  /** Answers a range with its first bytes only, so many at most. */
  readonly rangeBytesMax?: number;
  /** Answers a range with 206, the right bytes and a Content-Range that is off by this. */
  readonly wrongContentRange?: { readonly shiftBytes: number };
  /** Ignores If-Range: answers 206 from a file that has changed. */
  readonly ignoresIfRange?: boolean;

  /** From this many requests on the ETag is another, the content is not. */
  readonly changesEtagAfterRequests?: number;
  /** From this many requests on the content is another; so is the ETag, unless `keepsEtag`. */
  readonly changesContentAfterRequests?: number;
  readonly keepsEtag?: boolean;
  /** The digest headers are those of other bytes. */
  readonly wrongDigestHeader?: boolean;

  /** By path. Status 302 by default; without a location the header is missing. */
  readonly redirects?: Readonly<Record<string, { readonly status?: number; readonly location?: string }>>;
  readonly statusFor?: { readonly status: number; readonly times?: number };

  /** What the first request meets besides all that, what the second, and so on; behind the last, nothing more. */
  readonly turns?: readonly Oddities[];
}

export type Oddities = Omit<Partial<FileServerBehavior>, "files" | "turns">;

/** The oddities that are counted when they take effect. */
export const KNOBS = Object.freeze([
  "slowBytesPerSecond",
  "refusesConnections",
  "stallAtByte",
  "cutAtByte",
  "truncatesAtByte",
  "wrongLength",
  "noLength",
  "chunked",
  "ignoresRange",
  "rangeBytesMax",
  "wrongContentRange",
  "ignoresIfRange",
  "changesEtagAfterRequests",
  "changesContentAfterRequests",
  "wrongDigestHeader",
  "redirects",
  "statusFor",
] as const);

export type Knob = (typeof KNOBS)[number];
export type FiredKnobs = Readonly<Record<Knob, number>>;

export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What the server did before this request. */
export interface ServerHistory {
  readonly requests: number;
  readonly fired: FiredKnobs;
}

export interface ResponsePlan {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  readonly chunkBytes: number | undefined;
  readonly latencyMs: number;
  readonly bytesPerSecond: number | undefined;
  readonly stall: { readonly byte: number; readonly forMs: number | undefined } | undefined;
  /** Ends the connection before the body is whole. */
  readonly stop: { readonly byte: number; readonly how: "closed" | "reset"; readonly knob: Knob } | undefined;
  readonly closes: boolean;
  /** Oddities that are in the head: they take effect by being sent. */
  readonly fired: readonly Knob[];
}

/** Whether an oddity that strikes so many times has struck them all. */
export function hasExpired(times: number | undefined, fired: number): boolean {
  return times !== undefined && fired >= times;
}

/** Parses "GET /path HTTP/1.1" and the header lines; `undefined` when it is no request. */
export function parseRequestHead(text: string): RequestHead | undefined {
  const [requestLine = "", ...lines] = text.trimEnd().split("\r\n");
  const [method, path, version] = requestLine.split(" ");
  if (!method || !path || !version?.startsWith("HTTP/1.")) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { method, path, headers };
}

export function planResponse(behavior: FileServerBehavior, request: RequestHead, history: ServerHistory): ResponsePlan {
  const { method, path } = request;
  if (method !== "GET" && method !== "HEAD") return plainPlan(behavior, 405, [["allow", "GET, HEAD"]]);
  const { statusFor } = behavior;
  if (statusFor && !hasExpired(statusFor.times, history.fired.statusFor)) {
    return plainPlan(behavior, statusFor.status, [], ["statusFor"]);
  }
  const redirect = behavior.redirects?.[path];
  if (redirect) {
    const location: [string, string][] = redirect.location === undefined ? [] : [["location", redirect.location]];
    return plainPlan(behavior, redirect.status ?? 302, location, ["redirects"]);
  }
  const file = behavior.files[path];
  if (!file) return plainPlan(behavior, 404, []);
  return planFile(behavior, request, history, file);
}

function plainPlan(
  behavior: FileServerBehavior,
  status: number,
  headers: readonly (readonly [string, string])[],
  fired: readonly Knob[] = [],
): ResponsePlan {
  const body = asciiBytes(`${status}\n`);
  const closes = behavior.closesAfterResponse ?? false;
  return {
    status,
    headers: [...headers, ["content-type", "text/plain"], ["content-length", `${body.length}`], ...connection(closes)],
    body,
    chunkBytes: undefined,
    latencyMs: behavior.latencyMs ?? 0,
    bytesPerSecond: behavior.slowBytesPerSecond,
    stall: undefined,
    stop: undefined,
    closes,
    fired,
  };
}

/** No body, and no length of one. */
function notModifiedPlan(behavior: FileServerBehavior, headers: ResponsePlan["headers"]): ResponsePlan {
  return { ...plainPlan(behavior, 304, []), headers, body: new Uint8Array(0), closes: false };
}

function planFile(
  behavior: FileServerBehavior,
  request: RequestHead,
  history: ServerHistory,
  original: ServedFile,
): ResponsePlan {
  const fired: Knob[] = [];
  const { file, headers } = currentFile(behavior, original, history, fired);
  const etag = headers.find(([name]) => name === "etag")?.[1];
  if (etag !== undefined && request.headers.get("if-none-match") === etag) return notModifiedPlan(behavior, headers);
  const range = answerRange(behavior, request, file, etag, fired);
  const whole = file.bytes.subarray(range.start, range.end);
  const framing = frame(behavior, range, whole.length, fired);
  const body = request.method === "HEAD" ? new Uint8Array(0) : whole;
  return {
    status: range.status,
    headers: [["accept-ranges", "bytes"], ...headers, ...range.headers, ...framing.headers],
    body,
    chunkBytes: framing.chunkBytes,
    latencyMs: behavior.latencyMs ?? 0,
    bytesPerSecond: behavior.slowBytesPerSecond,
    stall: planStall(behavior, body.length, history),
    stop: planStop(behavior, body.length, history),
    closes: framing.closes,
    fired,
  };
}

/** The file as it is by now, with the headers that describe it. */
function currentFile(
  behavior: FileServerBehavior,
  original: ServedFile,
  history: ServerHistory,
  fired: Knob[],
): { file: ServedFile; headers: [string, string][] } {
  const { validators = "strong", changesContentAfterRequests, changesEtagAfterRequests } = behavior;
  let file = original;
  let tag = tagOf(original);
  if (history.requests >= (changesContentAfterRequests ?? Number.POSITIVE_INFINITY)) {
    fired.push("changesContentAfterRequests");
    file = original.replacement ?? { ...original, bytes: original.bytes.map((byte) => byte ^ 0xff) };
    if (!behavior.keepsEtag) tag = file.tag === original.tag ? `${tagOf(file)}-changed` : tagOf(file);
  }
  if (history.requests >= (changesEtagAfterRequests ?? Number.POSITIVE_INFINITY)) {
    fired.push("changesEtagAfterRequests");
    tag += "-again";
  }
  const headers: [string, string][] = [["content-type", "application/octet-stream"]];
  if (validators !== "none") {
    headers.push(["etag", validators === "weak" ? `W/"${tag}"` : `"${tag}"`]);
    if (file.lastModified !== undefined) headers.push(["last-modified", file.lastModified]);
  }
  const digestOf = (digest: Uint8Array) => (behavior.wrongDigestHeader ? digest.map((byte) => byte ^ 0xff) : digest);
  if (file.sha256) headers.push(["x-sha256", base64Text(digestOf(file.sha256))]);
  if (file.md5) headers.push(["x-md5", hexText(digestOf(file.md5))]);
  if (behavior.wrongDigestHeader && (file.sha256 || file.md5)) fired.push("wrongDigestHeader");
  headers.push(...Object.entries(file.headers ?? {}));
  return { file, headers };
}

function tagOf(file: ServedFile): string {
  return file.tag ?? file.bytes.length.toString(16);
}

function answerRange(
  behavior: FileServerBehavior,
  request: RequestHead,
  file: ServedFile,
  etag: string | undefined,
  fired: Knob[],
): RangeAnswer {
  const size = file.bytes.length;
  const range = request.headers.get("range");
  const whole: RangeAnswer = { status: 200, headers: [], start: 0, end: size };
  if (range === undefined || request.method !== "GET") return whole;
  if (behavior.ignoresRange) {
    fired.push("ignoresRange");
    return whole;
  }
  const condition = request.headers.get("if-range");
  // Only a strong validator proves that the bytes are the same (RFC 9110, 13.1.5).
  const isSame = condition === undefined || condition === etag || condition === file.lastModified;
  const holds = isSame && !condition?.startsWith("W/");
  if (!holds && !behavior.ignoresIfRange) return whole;
  if (!holds) fired.push("ignoresIfRange");
  const answer = limitRange(behavior, selectRange(range, size), size, fired);
  const shift = behavior.wrongContentRange?.shiftBytes;
  if (shift === undefined || answer.status !== 206) return answer;
  fired.push("wrongContentRange");
  return { ...answer, headers: [contentRangeOf(answer.start + shift, answer.end + shift, size)] };
}

function limitRange(behavior: FileServerBehavior, answer: RangeAnswer, size: number, fired: Knob[]): RangeAnswer {
  const { rangeBytesMax } = behavior;
  const { status, start } = answer;
  if (rangeBytesMax === undefined || status !== 206 || answer.end - start <= rangeBytesMax) return answer;
  fired.push("rangeBytesMax");
  const end = start + rangeBytesMax;
  return { status, headers: [contentRangeOf(start, end, size)], start, end };
}

/** Says how the receiver finds the end of the body. */
function frame(
  behavior: FileServerBehavior,
  range: RangeAnswer,
  length: number,
  fired: Knob[],
): { headers: [string, string][]; chunkBytes: number | undefined; closes: boolean } {
  const { chunked, noLength, wrongLength, closesAfterResponse: closes = false } = behavior;
  if (chunked && range.status !== 416) {
    fired.push("chunked");
    return { headers: [["transfer-encoding", "chunked"], ...connection(closes)], ...chunked, closes };
  }
  if (noLength && range.status !== 416) {
    fired.push("noLength");
    return { headers: [...connection(true)], chunkBytes: undefined, closes: true };
  }
  if (wrongLength) fired.push("wrongLength");
  const claimed = Math.max(0, length + (wrongLength?.byBytes ?? 0));
  return { headers: [["content-length", `${claimed}`], ...connection(closes)], chunkBytes: undefined, closes };
}

function connection(closes: boolean): [string, string][] {
  return closes ? [["connection", "close"]] : [];
}

function planStall({ stallAtByte }: FileServerBehavior, length: number, { fired }: ServerHistory) {
  if (!stallAtByte || stallAtByte.byte >= length || hasExpired(stallAtByte.times, fired.stallAtByte)) return undefined;
  return { byte: stallAtByte.byte, forMs: stallAtByte.forMs };
}

function planStop({ cutAtByte, truncatesAtByte }: FileServerBehavior, length: number, { fired }: ServerHistory) {
  if (cutAtByte && cutAtByte.byte < length && !hasExpired(cutAtByte.times, fired.cutAtByte)) {
    return { byte: cutAtByte.byte, how: "reset", knob: "cutAtByte" } as const;
  }
  if (truncatesAtByte && truncatesAtByte.byte < length && !hasExpired(truncatesAtByte.times, fired.truncatesAtByte)) {
    return { byte: truncatesAtByte.byte, how: "closed", knob: "truncatesAtByte" } as const;
  }
  return undefined;
}
