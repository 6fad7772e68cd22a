/** Messages on their way out: a bounded buffer that the socket empties as fast as the cloud takes them. */

import { utf8Length, writeUtf8 } from "../../base/utf8.js";
import type { Socket } from "../../ports.js";
import { BODY_BYTES_MAX, Command, HEADER_BYTES } from "./message.js";

/** Four messages of the longest, or dozens of the usual. */
export const OUTGOING_BYTES_MAX = 4 * (HEADER_BYTES + BODY_BYTES_MAX);

/** One string of a body; bytes may hold several, joined by NUL already. */
export type Part = string | Uint8Array;

export class Outgoing {
  readonly #bytes = new Uint8Array(OUTGOING_BYTES_MAX);
  #end = 0;

  get isEmpty(): boolean {
    return this.#end === 0;
  }

  clear(): void {
    this.#end = 0;
  }

  /** Appends a whole message or nothing: false when it is too long, or when there is no room now. */
  post(command: Command, id: number, parts: readonly Part[]): boolean {
    const length = bodyBytes(parts);
    if (length > BODY_BYTES_MAX || this.#end + HEADER_BYTES + length > this.#bytes.length) return false;
    this.#header(command, id, length);
    for (let i = 0; i < parts.length; i++) {
      if (i > 0) this.#bytes[this.#end++] = 0;
      this.#append(parts[i] as Part);
    }
    return true;
  }

  postResponse(id: number, status: number): boolean {
    if (this.#end + HEADER_BYTES > this.#bytes.length) return false;
    this.#header(Command.RESPONSE, id, status);
    return true;
  }

  /** Hands over what the socket has room for; returns the room that is left. */
  flush(socket: Socket, room: number): number {
    const count = Math.min(this.#end, room);
    if (count <= 0) return room;
    const left = socket.write(this.#bytes.subarray(0, count));
    this.#bytes.copyWithin(0, count, this.#end);
    this.#end -= count;
    return left;
  }

  #header(command: Command, id: number, lastField: number): void {
    const header = [command, id >> 8, id, lastField >> 8, lastField];
    this.#bytes.set(header, this.#end);
    this.#end += HEADER_BYTES;
  }

  #append(part: Part): void {
    if (typeof part === "string") {
      this.#end = writeUtf8(part, this.#bytes, this.#end);
    } else {
      this.#bytes.set(part, this.#end);
      this.#end += part.length;
    }
  }
}

/** Of a body that joins these. */
export function bodyBytes(parts: readonly Part[]): number {
  let length = Math.max(0, parts.length - 1);
  for (const part of parts) length += typeof part === "string" ? utf8Length(part) : part.length;
  return length;
}
