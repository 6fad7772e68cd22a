/**
 * The files port (embedded:storage/files): directories of the simulated LittleFS. Open files are in open-file.ts, what
 * survives a reset in littlefs.ts.
 *
 * Fault model: creating, deleting, moving and making a directory are durable and atomic when they return. A file that
 * was created and never flushed survives with size 0.
 *
 * Like the SDK's, a Directory object is only a path: it follows no move.
 */

import type { Directory, FileStatus } from "../../src/ports.js";
import { type Life, throwClosed } from "./life.js";
import {
  DIRECTORY_BLOCKS,
  type DirectoryNode,
  type FileNode,
  LFS,
  type LittleFsNode,
  lfsError,
  NAME_BYTES_MAX,
} from "./littlefs.js";
import { type FileMode, freeBlocks, type Mount, SimFile } from "./open-file.js";

/** Opens the root directory: once in a life, as the SDK's module does. */
export function mountFiles(life: Life): SimDirectory {
  const openFiles = new Set<SimFile>();
  life.watchUnsynced(openFiles);
  return new SimDirectory({ life, image: life.storage.files, openFiles }, []);
}

export class SimDirectory implements Directory {
  readonly #mount: Mount;
  readonly #path: readonly string[];
  #open = true;

  constructor(mount: Mount, path: readonly string[]) {
    this.#mount = mount;
    this.#path = path;
  }

  openFile({ path, mode = "r" }: { path: string; mode?: FileMode }): SimFile {
    this.#use();
    if (!["r", "r+", "w", "w+"].includes(mode)) throw new Error("invalid mode");
    const place = this.#place(path);
    if (place.node?.kind === "directory") throw new Error("not file");
    if (place.node) return new SimFile(this.#mount, place.node, mode, false);
    if (mode === "r" || mode === "r+") throw lfsError(LFS.NOENT);
    return new SimFile(this.#mount, this.#createFile(place), mode, true);
  }

  openDirectory({ path }: { path: string }): SimDirectory {
    this.#use();
    this.#directory(path);
    return new SimDirectory(this.#mount, [...this.#path, ...namesOf(path)]);
  }

  /** Returns false where the directory was there already. */
  createDirectory(path: string): boolean {
    this.#use();
    const { parent, name, node } = this.#place(path);
    if (node?.kind === "directory") return false;
    if (node) throw lfsError(LFS.EXIST);
    const entries = this.#parentFor(parent, name);
    if (freeBlocks(this.#mount) < DIRECTORY_BLOCKS) throw lfsError(LFS.NOSPC);
    this.#perform("directory create", () => {
      entries.set(name, { kind: "directory", entries: new Map() });
      this.#mount.life.spend(this.#mount.image.programData(DIRECTORY_BLOCKS, 0, 0));
    });
    return true;
  }

  delete(path: string): boolean {
    this.#use();
    const { parent, name, node } = this.#place(path);
    if (!node) return false;
    if (!parent) throw lfsError(LFS.INVAL);
    if (node.kind === "directory" && node.entries.size > 0) throw lfsError(LFS.NOTEMPTY);
    this.#perform("file delete", () => {
      unlink(node);
      parent.entries.delete(name);
    });
    return true;
  }

  move(from: string, to: string): void {
    this.#use();
    const source = this.#place(from);
    const target = this.#place(to);
    const { node } = source;
    if (!node) throw lfsError(LFS.NOENT);
    if (!source.parent || (!target.parent && target.node)) throw lfsError(LFS.INVAL);
    if (target.node === node) return;
    const sourceEntries = source.parent.entries;
    const targetEntries = this.#checkTarget(node, target);
    this.#perform("file move", () => {
      // Open files of the source lose their entry too: LittleFS moves entries, not the handles on them.
      if (target.node) unlink(target.node);
      unlink(node);
      sourceEntries.delete(source.name);
      targetEntries.set(target.name, node.kind === "file" ? { ...node, linked: true } : node);
    });
  }

  /** Where nothing is there, the SDK returns a status that is neither file nor directory and has no size. */
  status(path: string): FileStatus {
    this.#use();
    if (path === undefined) throw new Error("path required");
    const { node } = this.#place(path);
    const size = node?.kind === "file" ? node.content.length : node && 0;
    return {
      size: size as number,
      isFile: () => node?.kind === "file",
      isDirectory: () => node?.kind === "directory",
    };
  }

  /** In the order of the names. Entries may come and go meanwhile. */
  scan(path = ""): IterableIterator<string> {
    this.#use();
    return scanNames(this.#mount.life, this.#directory(path));
  }

  close(): void {
    this.#mount.life.assertAlive();
    this.#open = false;
  }

  #use(): void {
    this.#mount.life.assertAlive();
    if (!this.#open) throwClosed();
  }

  /** Performs a change of metadata. */
  #perform(operation: string, change: () => void): void {
    const { life, image } = this.#mount;
    life.perform(operation, () => {
      change();
      life.spend(image.programCommit());
    });
  }

  #createFile({ parent, name }: Place): FileNode {
    const entries = this.#parentFor(parent, name);
    const node: FileNode = { kind: "file", content: new Uint8Array(0), linked: true };
    this.#perform("file create", () => entries.set(name, node));
    return node;
  }

  /** Where a new entry of this name goes. */
  #parentFor(parent: DirectoryNode | undefined, name: string): Map<string, LittleFsNode> {
    if (!parent) throw lfsError(LFS.NOENT);
    if (name.length > NAME_BYTES_MAX) throw lfsError(LFS.NAMETOOLONG);
    return parent.entries;
  }

  #checkTarget(node: LittleFsNode, target: Place): Map<string, LittleFsNode> {
    if (target.node && target.node.kind !== node.kind) throw lfsError(LFS.ISDIR);
    if (target.node?.kind === "directory" && target.node.entries.size > 0) throw lfsError(LFS.NOTEMPTY);
    // LittleFS 2.5 does not notice, and loses the directory.
    if (target.ancestors.includes(node)) throw new Error("directory moved into itself");
    return this.#parentFor(target.parent, target.name);
  }

  #directory(path: string): DirectoryNode {
    const { node } = this.#place(path);
    if (!node) throw lfsError(LFS.NOENT);
    if (node.kind !== "directory") throw new Error("not directory");
    return node;
  }

  #place(path: string): Place {
    let node: LittleFsNode | undefined = this.#mount.image.root;
    let parent: DirectoryNode | undefined;
    const ancestors: LittleFsNode[] = [];
    const names = [...this.#path, ...namesOf(path)];
    for (const name of names) {
      if (node?.kind === "file") throw lfsError(LFS.NOTDIR);
      parent = node;
      if (parent) ancestors.push(parent);
      node = parent?.entries.get(name);
    }
    return { parent, node, ancestors, name: names.at(-1) ?? "" };
  }
}

/** Where a path leads. No parent: to the root itself, or through a directory that is not there. */
interface Place {
  readonly parent: DirectoryNode | undefined;
  readonly node: LittleFsNode | undefined;
  readonly ancestors: readonly LittleFsNode[];
  readonly name: string;
}

/** The names of a path. Throws on an absolute one, on empty names, on "." and on "..", as the SDK does. */
function namesOf(path: string): string[] {
  if (path === "") return [];
  const names = String(path).split("/");
  // One slash may follow a directory's name.
  if (names.length > 1 && names.at(-1) === "") names.pop();
  if (names.some((name) => name === "" || name === "." || name === "..")) throw new Error("bad path");
  return names;
}

function unlink(node: LittleFsNode): void {
  if (node.kind === "file") node.linked = false;
}

function* scanNames(life: Life, directory: DirectoryNode): IterableIterator<string> {
  for (let last = ""; ; ) {
    life.assertAlive();
    let next: string | undefined;
    for (const name of directory.entries.keys()) {
      if (name > last && (next === undefined || name < next)) next = name;
    }
    if (next === undefined) return;
    yield next;
    last = next;
  }
}
