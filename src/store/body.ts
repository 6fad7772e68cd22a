/** The bytes of one image at rest: what an image needs of its place. */

export interface Body {
  /** Bytes from the start that can be read. After a power cut it may be fewer: each place says how many count. */
  readonly readableBytes: number;
  /** Bytes from the start that have been appended. */
  readonly appendedBytes: number;
  /** So many more bytes, and all of them survive a power cut; 0 when the image is whole. */
  readonly roomBytes: number;
  /** Appends in order. Throws when the place does, or, then nothing is appended, beyond the image's size. */
  append(bytes: Uint8Array): void;
  /** Reads from `offset` into the buffer; returns the count, which ends where readableBytes does. */
  read(buffer: Uint8Array, offset: number): number;
  /** Forgets what was appended, all of it, and durably so. */
  clear(): void;
  /** Gives up open files; bytes beyond readableBytes are lost. The next call opens what it needs. */
  close(): void;
  /** Leaves nothing behind that would be found again. The object is finished. */
  remove(): void;
}
