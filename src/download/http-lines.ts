/**
 * The lines of an HTTP response: its head, the sizes of its chunks, its trailers. Nothing here throws, and nothing
 * grows with what the server sends: a line beyond LINE_BYTES_MAX keeps its beginning, a head beyond HEAD_BYTES_MAX is
 * refused.
 */

import { beginsLike, cutAt, isDecimal, isHexadecimal } from "../base/text.js";
import { decodeUtf8 } from "../base/utf8.js";

/** The beginning of any line; of a header that is longer, the value is not used. */
export const LINE_BYTES_MAX = 1024;
/** Servers send a few hundred bytes of headers, content networks a few thousand. */
export const HEAD_BYTES_MAX = 16_384;

const LF = 0x0a;
const CR = 0x0d;
/** Sizes are below 2^53 then, and chunks below 2^28. */
const LENGTH_DIGITS_MAX = 15;
const CHUNK_DIGITS_MAX = 7;
const STATUS_LINE = "HTTP/1.# ###";
const STATUS_AT = 9;

export interface Line {
  readonly text: string;
  /** There was more of it. */
  readonly isCut: boolean;
}

export class LineReader {
  readonly #bytes = new Uint8Array(LINE_BYTES_MAX);
  #length = 0;
  #total = 0;

  /** Takes a byte; returns the line that it ends, without the ending. */
  push(byte: number): Line | undefined {
    this.#total++;
    if (byte !== LF) {
      if (this.#length < LINE_BYTES_MAX) this.#bytes[this.#length++] = byte;
      return undefined;
    }
    const isCut = this.#total > LINE_BYTES_MAX + 2;
    const end = this.#length > 0 && this.#bytes[this.#length - 1] === CR ? this.#length - 1 : this.#length;
    const text = decodeUtf8(this.#bytes, 0, end);
    this.#length = 0;
    this.#total = 0;
    return { text, isCut };
  }
}

/** How the body of a response is delimited: by its bytes, by chunks, or by the end of the connection. */
export type BodyLength = number | "chunked" | "until-closed";

export class ResponseHead {
  status = 0;
  readonly headers = new Map<string, string>();
  bodyLength: BodyLength = "until-closed";
  readonly #mask: readonly string[] | undefined;
  #bytes = 0;

  /** `mask`: names in lower case of the headers to keep; all without. */
  constructor(mask?: readonly string[]) {
    this.#mask = mask;
  }

  /** Takes the next line: the head goes on, is over, or makes no sense for the reason returned. */
  push({ text, isCut }: Line): "more" | "over" | { readonly problem: string } {
    this.#bytes += text.length;
    if (this.#bytes > HEAD_BYTES_MAX)
      return { problem: `the server sends more than ${HEAD_BYTES_MAX} bytes of headers` };
    if (this.status === 0) return this.#takeStatus(text);
    if (text === "") return "over";
    return isCut ? "more" : this.#takeHeader(text);
  }

  #takeStatus(text: string): "more" | { readonly problem: string } {
    const end = text.charAt(STATUS_LINE.length);
    if (!beginsLike(text, STATUS_LINE) || (end !== "" && end !== " "))
      return { problem: "the server does not answer in HTTP" };
    this.status = Number(text.slice(STATUS_AT, STATUS_LINE.length));
    return "more";
  }

  #takeHeader(text: string): "more" | { readonly problem: string } {
    const colon = text.indexOf(":");
    if (colon <= 0) return "more";
    const name = text.slice(0, colon).toLowerCase();
    const value = text.slice(colon + 1).trim();
    if (!this.#mask || this.#mask.includes(name)) this.headers.set(name, value);
    if (name === "transfer-encoding") return this.#takeEncoding(value);
    return name === "content-length" ? this.#takeLength(value) : "more";
  }

  /** Chunks count for more than a length (RFC 9112, 6.3). */
  #takeEncoding(value: string): "more" | { readonly problem: string } {
    if (value.toLowerCase() !== "chunked") return { problem: `the server sends its answer as "${value}"` };
    this.bodyLength = "chunked";
    return "more";
  }

  #takeLength(value: string): "more" | { readonly problem: string } {
    if (!isDecimal(value, LENGTH_DIGITS_MAX)) return { problem: `the server announces a length of "${value}"` };
    if (this.bodyLength !== "chunked") this.bodyLength = Number(value);
    return "more";
  }
}

/** The size that a chunk's first line tells; `undefined` where it tells none. */
export function chunkSizeOf({ text, isCut }: Line): number | undefined {
  const digits = cutAt(text, ";")[0].trimEnd();
  return !isCut && isHexadecimal(digits, CHUNK_DIGITS_MAX) ? Number.parseInt(digits, 16) : undefined;
}
