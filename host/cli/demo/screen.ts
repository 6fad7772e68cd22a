/**
 * Lines on a terminal, the last of which may be redrawn in place; plain lines anywhere else.
 *
 * Invariant: on a terminal the cursor stands behind the live line, or at the beginning of an empty one.
 */

export interface ScreenStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const COLUMNS_DEFAULT = 80;
/** To the beginning of the line, and erase it. */
const CLEAR_LINE = "\r\x1b[2K";

export class Screen {
  readonly #stream: ScreenStream;
  #live = "";

  constructor(stream: ScreenStream) {
    this.#stream = stream;
  }

  get isLive(): boolean {
    return this.#stream.isTTY === true;
  }

  /** A live line must be shorter than this. */
  get columns(): number {
    return this.#stream.columns || COLUMNS_DEFAULT;
  }

  /** One or more whole lines, above the live one. */
  print(text: string): void {
    if (this.#live !== "") this.#stream.write(CLEAR_LINE);
    this.#stream.write(`${text}\n${this.#live}`);
  }

  /** Draws the live line, in place of the last one; shows nothing where there is no terminal. */
  draw(text: string): void {
    if (!this.isLive || text === this.#live) return;
    this.#live = text.slice(0, this.columns - 1);
    this.#stream.write(`${CLEAR_LINE}${this.#live}`);
  }

  /** The live line stays as it is, and the next line begins below. */
  settle(): void {
    if (this.#live !== "") this.#stream.write("\n");
    this.#live = "";
  }
}
