/** Standard output, whose reader may leave at any time. */

const EXIT_OK = 0;

type OnLost = (error: NodeJS.ErrnoException) => void;

export class Output {
  #onLost: OnLost = endAtOnce;

  constructor(stream: NodeJS.EventEmitter) {
    stream.on("error", (error) => this.#onLost(error));
  }

  /** For a command that has something to save before it ends. May be called more than once. */
  onLost(handler: OnLost): void {
    this.#onLost = handler;
  }
}

/** A socket as standard output is reset when its reader leaves with something unread. */
export function isOfLeaving({ code }: NodeJS.ErrnoException): boolean {
  return code === "EPIPE" || code === "ECONNRESET";
}

/** A reader that has seen enough (`| head`) is no failure of ours. */
function endAtOnce(error: NodeJS.ErrnoException): void {
  if (!isOfLeaving(error)) throw error;
  process.exit(EXIT_OK);
}
