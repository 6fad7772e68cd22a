/**
 * A snapshot of the emulated storage as a file:
 *
 *   | one line of JSON: format, version, and the SHA-256 of the rest | JSON: the snapshot, bytes as Base64 |
 *
 * Fault model: the file may be cut short, changed or somebody else's. What decodes is what was encoded.
 */

import { createHash } from "node:crypto";
import { messageOf } from "../../src/base/failure.js";
import type { SnapshotFolder, StorageSnapshot } from "../sim/storage-snapshot.js";

const FORMAT = "ferry-emulator-state";
const VERSION = 1;
const NEWLINE = 0x0a;

/** A folder's entries, with contents in Base64. */
type TextFolder = readonly (readonly [name: string, node: string | TextFolder])[];

export function encodeState(snapshot: StorageSnapshot): Buffer {
  const body = Buffer.from(
    JSON.stringify({
      ...snapshot,
      sectors: snapshot.sectors.map(([number, bytes]) => [number, toText(bytes)]),
      files: textFolderOf(snapshot.files),
      keyValues: snapshot.keyValues.map(([domain, values]) => [
        domain,
        values.map(([key, value]) => [key, toText(value)]),
      ]),
    }),
  );
  const head = { format: FORMAT, version: VERSION, sha256: sha256Of(body) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
}

/** Throws an Error whose message says what is wrong with the file. */
export function decodeState(file: Buffer): StorageSnapshot {
  const headEnd = file.indexOf(NEWLINE);
  const head = headEnd < 0 ? undefined : parseHead(file.subarray(0, headEnd));
  if (head?.format !== FORMAT) throw new Error("it is no state of an emulator");
  if (head.version !== VERSION) throw new Error("another release of Ferry has made it");
  const body = file.subarray(headEnd + 1);
  if (head.sha256 !== sha256Of(body)) throw new Error("it is damaged: its SHA-256 is not the one in it");
  try {
    return snapshotOf(JSON.parse(body.toString()));
  } catch (error) {
    throw new Error(`it is damaged: ${messageOf(error)}`);
  }
}

/** The checksum vouches that the rest was written by encodeState(). */
function snapshotOf(body: Omit<StorageSnapshot, "sectors" | "files" | "keyValues"> & TextParts): StorageSnapshot {
  return {
    ...body,
    sectors: body.sectors.map(([number, text]) => [number, toBytes(text)]),
    files: folderOf(body.files),
    keyValues: body.keyValues.map(([domain, values]) => [domain, values.map(([key, text]) => [key, toBytes(text)])]),
  };
}

interface TextParts {
  readonly sectors: readonly (readonly [number, string])[];
  readonly files: TextFolder;
  readonly keyValues: readonly (readonly [string, readonly (readonly [string, string])[]])[];
}

function parseHead(line: Buffer): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(line.toString()));
  } catch {
    return undefined;
  }
}

function textFolderOf(folder: SnapshotFolder): TextFolder {
  return folder.map(([name, node]) => [name, node instanceof Uint8Array ? toText(node) : textFolderOf(node)]);
}

function folderOf(folder: TextFolder): SnapshotFolder {
  return folder.map(([name, node]) => [name, typeof node === "string" ? toBytes(node) : folderOf(node)]);
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** In a buffer of its own: small Buffers share one. */
function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
