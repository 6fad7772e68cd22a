/** The natives of host/lin/main.c. */
declare module "engine" {
  /** Asks the host program, and waits for its answer. */
  export function ask(request: ArrayBuffer): ArrayBuffer;
  /** Ends the process. */
  export function exit(status: number): never;
  /** Serves the event loop for so long, from inside a call. Only for tests. */
  export function pass(durationMs: number): void;
  /** Microseconds since some moment. */
  export function now(): number;
  /** Microseconds of the longest turn of the event loop since the last call. */
  export function longestTurn(): number;
  /**
   * After a collection or not: slots in use and reserved, bytes of chunks in use and reserved, slots of stack ever used
   * and reserved, keys in use and reserved, bytes of a slot.
   */
  export function measure(collected: boolean, figures: ArrayBuffer): void;
  /** Path of a serial device whose far end is the host program. */
  export function line(): string;
}

/** prelude.ts makes them. */
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  decode(bytes: ArrayBuffer): string;
}
