/**
 * Firmware on offer: a file, the newest file of a folder, or a URL. Files are served by a web server on loopback. Each
 * time it is looked at anew, so that what was built meanwhile is offered next.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { crc32 } from "../../src/base/crc.js";
import { messageOf } from "../../src/base/failure.js";
import { toHex } from "../../src/base/hex.js";
import { firmwareOf } from "../../src/image/info-tag.js";
import { ImageInspector } from "../../src/image/inspector.js";
import { IMAGE_BYTES_MAX, type Offer } from "../../src/image/offer.js";
import { NodeDigest } from "../node/digest.js";
import { NodeFileServer } from "../node/file-server.js";

const FETCH_LIMIT_MS = 60_000;

export class Offers {
  readonly #source: () => Promise<Offer>;
  #server: NodeFileServer | undefined;

  /** @param what a path or an http(s) URL. Throws what the system says when there is no such file. */
  constructor(what: string) {
    if (/^https?:\/\//.test(what)) this.#source = async () => offerOf(await fetchImage(what), what);
    else if (statSync(what).isDirectory()) this.#source = () => this.#serve(newestIn(what));
    else this.#source = () => this.#serve(what);
  }

  /** What is on offer now, with all that the image tells. Throws an Error for people. */
  async next(): Promise<Offer> {
    return this.#source();
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  async #serve(file: string): Promise<Offer> {
    const bytes = new Uint8Array(readFileSync(file));
    const path = `/${basename(file).replace(/[^\w.-]/g, "_")}`;
    this.#server ??= await NodeFileServer.listen({ files: {} });
    const offer = offerOf(bytes, this.#server.url(path));
    this.#server.behavior = { files: { [path]: { bytes, tag: offer.sha256?.slice(0, 16) ?? "" } } };
    return offer;
  }
}

function offerOf(bytes: Uint8Array, url: string): Offer {
  if (bytes.length === 0) throw new Error(`${url} is empty`);
  const inspector = new ImageInspector({ Digest: NodeDigest, crc32 });
  inspector.push(bytes);
  const { sizeBytes, sha256, md5, tag } = inspector.finish();
  const { type, version, build } = tag ? firmwareOf(tag) : { type: "", version: "", build: "" };
  return { url, sizeBytes, type, version, build, sha256: toHex(sha256), md5: toHex(md5) };
}

/** Hidden files are none. */
function newestIn(folder: string): string {
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map(({ name }) => ({ path: join(folder, name), atMs: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.atMs - a.atMs);
  const [newest] = files;
  if (!newest) throw new Error(`${folder} has no file in it`);
  return newest.path;
}

/** The emulator has to know what it offers; Ferry downloads it once more, by itself. */
async function fetchImage(url: string): Promise<Uint8Array> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_LIMIT_MS) });
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    if (Number(response.headers.get("content-length")) > IMAGE_BYTES_MAX) throw new Error("it is too large");
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    const { cause } = error as Error;
    throw new Error(`${url} cannot be fetched: ${messageOf(cause ?? error)}`);
  }
}
