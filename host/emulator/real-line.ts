/**
 * Where the emulated UART comes out of the computer: a pseudo-terminal, a serial port, a TCP connection.
 *
 * Bytes are handed over as they come, in order with what else happens. What is written while nobody is there is lost.
 */

export interface RealLine {
  /** As programs are told it: `{ pty: "/dev/pts/3" }`. */
  readonly address: Readonly<Record<string, string>>;
  /** The far end's rate is not to be known, or is Ferry's to set: whatever comes was sent at Ferry's. */
  readonly hasNoBaud: boolean;
  /** Begins to tell what happens. */
  start(listener: LineListener): void;
  write(bytes: Uint8Array): void;
  /** Ferry's UART has this rate from now on. */
  setBaud(baud: number): void;
  /** Holds the far end back. */
  setPaused(isPaused: boolean): void;
  close(): Promise<void>;
}

export interface LineListener {
  /** Somebody is there, or has left. */
  onOpen(isOpen: boolean): void;
  /** The far end has chosen a rate. */
  onBaud(baud: number): void;
  onBytes(bytes: Uint8Array): void;
  /** So many bytes for the far end were lost, because it does not read. */
  onLost(count: number): void;
  /** The line is gone for good. */
  onFailure(problem: string): void;
}
