/**
 * Messages of Blynk's native protocol, as devices speak it to the cloud (blynk-ncp.md, 5.2). Numbers are big-endian.
 *
 *   | u8 command  | u16 message id | u16 length | body: strings, joined by NUL |
 *   | u8 RESPONSE | u16 message id | u16 status |                                a RESPONSE has no body
 */

export const HEADER_BYTES = 5;
/** The longest body either way; told to the cloud as "buff-in". */
export const BODY_BYTES_MAX = 1024;

export const Command = Object.freeze({
  RESPONSE: 0,
  PING: 6,
  /** From one device to another: nothing that Ferry has a use for. */
  BRIDGE: 15,
  SYNC: 16,
  INTERNAL: 17,
  PROPERTY: 19,
  HARDWARE: 20,
  GROUP: 21,
  LOGIN: 29,
  REDIRECT: 41,
  DEBUG_PRINT: 55,
  EVENT_LOG: 64,
  EVENT_CLEAR: 65,
});

export type Command = (typeof Command)[keyof typeof Command];

const COMMANDS: readonly number[] = Object.freeze(Object.values(Command));

/** As Blynk's library takes them: ALREADY_REGISTERED is the answer to a device that the server still knows. */
export const Status = Object.freeze({ OK: 200, ALREADY_REGISTERED: 4, NOT_AUTHENTICATED: 5, INVALID_TOKEN: 9 });

export interface MessageSink {
  /** A response to our message `id`. */
  onResponse(id: number, status: number): void;
  /** The body is bytes [start, end) of `bytes`, valid during the call. */
  onMessage(command: Command, id: number, bytes: Uint8Array, start: number, end: number): void;
  /** A message longer than BODY_BYTES_MAX has been skipped. */
  onSkipped(command: Command, length: number): void;
  /** What arrives is not this protocol: there is no way back into step. Nothing more is called. */
  onBroken(detail: string): void;
}

/** Cuts a stream into messages, however it was split on its way. Memory is bounded, nothing throws. */
export class MessageParser {
  readonly #sink: MessageSink;
  readonly #bytes = new Uint8Array(HEADER_BYTES + BODY_BYTES_MAX);
  #length = 0;
  #skip = 0;
  #ended = false;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  push(input: Uint8Array, inputLength = input.length): void {
    let at = 0;
    while (at < inputLength && !this.#ended) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, inputLength - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const wanted = this.#length < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + this.#bodyLength;
      const taken = Math.min(wanted - this.#length, inputLength - at);
      this.#bytes.set(input.subarray(at, at + taken), this.#length);
      this.#length += taken;
      at += taken;
      if (this.#length === HEADER_BYTES && wanted === HEADER_BYTES) this.#onHeader();
      else if (this.#length === wanted) this.#deliver();
    }
  }

  /** What is left of a push is dropped: the connection is being left, in the middle of one of its messages. */
  end(): void {
    this.#ended = true;
  }

  /** No body follows a RESPONSE: its last field is the status. */
  get #bodyLength(): number {
    return this.#bytes[0] === Command.RESPONSE ? 0 : this.#lastField;
  }

  get #id(): number {
    return ((this.#bytes[1] as number) << 8) | (this.#bytes[2] as number);
  }

  get #lastField(): number {
    return ((this.#bytes[3] as number) << 8) | (this.#bytes[4] as number);
  }

  #onHeader(): void {
    const command = this.#bytes[0] as number;
    if (!COMMANDS.includes(command)) {
      this.#ended = true;
      return this.#sink.onBroken(`the server sent command ${command}, which the protocol does not have`);
    }
    const length = this.#bodyLength;
    if (length > BODY_BYTES_MAX) {
      this.#skip = length;
      this.#length = 0;
      return this.#sink.onSkipped(command as Command, length);
    }
    if (length === 0) this.#deliver();
  }

  #deliver(): void {
    const end = this.#length;
    this.#length = 0;
    const command = this.#bytes[0] as Command;
    if (command === Command.RESPONSE) this.#sink.onResponse(this.#id, this.#lastField);
    else this.#sink.onMessage(command, this.#id, this.#bytes, HEADER_BYTES, end);
  }
}
