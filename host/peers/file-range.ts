/** Byte ranges of a file, as RFC 9110 (14.2) has them; several ranges at once are answered with the whole file. */

export interface RangeAnswer {
  readonly status: 200 | 206 | 416;
  readonly headers: [string, string][];
  /** The bytes [start, end) of the file are the body. */
  readonly start: number;
  readonly end: number;
}

/** Answers a Range header for a file of that size. What is no single range of bytes is ignored, as the RFC wants it. */
export function selectRange(header: string, size: number): RangeAnswer {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  const [, from = "", to = ""] = match ?? [];
  if (!match || (from === "" && to === "")) return { status: 200, headers: [], start: 0, end: size };
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? size : Math.min(size, Number(to) + 1);
  if (start >= size || end <= start) {
    return { status: 416, headers: [["content-range", `bytes */${size}`]], start: 0, end: 0 };
  }
  return { status: 206, headers: [contentRangeOf(start, end, size)], start, end };
}

export function contentRangeOf(start: number, end: number, size: number): [string, string] {
  return ["content-range", `bytes ${start}-${end - 1}/${size}`];
}
