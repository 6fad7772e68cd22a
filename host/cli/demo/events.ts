/** What the demo tells of itself while it runs: plain data, so that it also travels as JSON out of an XS engine. */

import { toHex } from "../../../src/base/hex.js";
import type { NcpNews } from "../../../src/ncp.js";

/** The news of Ferry's, with digests as hexadecimal text. */
export type PlainNews =
  | Exclude<NcpNews, { kind: "staged" }>
  | { readonly kind: "staged"; readonly crc32: number; readonly md5: string; readonly sha256: string };

export type DemoEvent =
  | { readonly source: "ferry"; readonly atMs: number; readonly news: PlainNews }
  | { readonly source: "mcu"; readonly atMs: number; readonly text: string }
  | { readonly source: "cloud"; readonly atMs: number; readonly text: string }
  /** Power has failed at this durable operation, or, without one, is back. */
  | { readonly source: "power"; readonly atMs: number; readonly cutAt?: CutPlace };

export interface CutPlace {
  /** Counted from the offer. */
  readonly number: number;
  /** What it was, as in "file flush". */
  readonly operation: string;
}

export function plainNews(news: NcpNews): PlainNews {
  if (news.kind !== "staged") return news;
  const { crc32, md5, sha256 } = news.digests;
  return { kind: "staged", crc32, md5: toHex(md5), sha256: toHex(sha256) };
}
