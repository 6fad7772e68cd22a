/**
 * The HTTP client port over the socket port: one connection to one host, requests in turn, no body in requests.
 *
 * It stands in for the SDK's own client, which throws where an answer makes no sense (trailers, bytes of no answer), in
 * places where nobody can catch it, so that the chip restarts; and which keeps a header of any length in memory.
 *
 * Invariants: whatever the server sends ends in an answer or in one error; nothing is called back from inside a call,
 * nor after close(). Body bytes stay in the socket until they are read, and hold the server back there.
 */

import { encodeUtf8 } from "../base/utf8.js";
import type {
  Clock,
  HttpClient,
  HttpClientClass,
  HttpClientOptions,
  HttpRequest,
  HttpRequestOptions,
  Io,
  Socket,
  SocketClass,
  TimerHandle,
} from "../ports.js";
import { chunkSizeOf, type Line, LineReader, ResponseHead } from "./http-lines.js";

/** What a client needs besides the options of the port. */
export interface HttpClientParts {
  readonly clock: Clock;
  readonly socket: Io<SocketClass>;
}

type Phase =
  | "connecting"
  | "idle"
  /** Of the answer, in this order; a body without chunks has but one of its phases. */
  | "head"
  | "chunk-size"
  | "body"
  | "chunk-end"
  | "trailers"
  /** The body has been read; the end is told in a moment. */
  | "received"
  | "dead";

interface Exchange {
  readonly options: HttpRequestOptions;
  readonly handle: HttpRequest;
}

const DEFAULT_PORT = 80;
const UNASKED = "the server sends bytes that belong to no answer";
/** Statuses whose answers have no body (RFC 9110, 15). */
const BODILESS = Object.freeze([204, 205, 304]);

export function makeHttpClientClass(parts: HttpClientParts): HttpClientClass {
  return class extends SocketHttpClient {
    constructor(options: HttpClientOptions & Record<string, unknown>) {
      super(parts, options);
    }
  };
}

class SocketHttpClient implements HttpClient {
  readonly #clock: Clock;
  readonly #options: HttpClientOptions;
  readonly #queue: Exchange[] = [];
  readonly #lines = new LineReader();
  readonly #byte = new Uint8Array(1);
  #socket: Socket | undefined;
  #phase: Phase = "connecting";
  #current: Exchange | undefined;
  #head = new ResponseHead();
  /** Bytes of the body or the chunk that have not been read. */
  #remaining = 0;
  /** Bytes that wait in the socket. */
  #waiting = 0;
  /** Of the request, not yet sent. */
  #unsent: Uint8Array = new Uint8Array(0);
  #room = 0;
  #timer: TimerHandle;
  #isClosed = false;

  constructor({ clock, socket }: HttpClientParts, options: HttpClientOptions) {
    if (!options.host) throw new Error("host required");
    this.#clock = clock;
    this.#options = options;
    const { io, ...rest } = socket;
    this.#socket = new io({
      ...rest,
      host: options.host,
      port: options.port ?? DEFAULT_PORT,
      onReadable: (count) => this.#onReadable(count),
      onWritable: (count) => this.#onWritable(count),
      onError: (_problem, detail) => this.#onLost(detail),
    });
  }

  request(options: HttpRequestOptions): HttpRequest {
    const handle: HttpRequest = { read: (buffer) => this.#read(handle, buffer) };
    if (this.#phase === "dead") return handle;
    this.#queue.push({ options, handle });
    if (this.#phase === "idle") this.#later(() => this.#next());
    return handle;
  }

  close(): void {
    this.#isClosed = true;
    this.#die();
  }

  // ---- asking -------------------------------------------------------------------------------------------------

  #onWritable(count: number): void {
    this.#room = count;
    if (this.#phase === "connecting") this.#next();
    else this.#send();
  }

  /** Turns to the next request. Bytes that wait now belong to none. */
  #next(): void {
    if (this.#waiting > 0) return this.#fail(UNASKED);
    this.#current = this.#queue.shift();
    this.#phase = this.#current ? "head" : "idle";
    if (!this.#current) return;
    const { method = "GET", path, headers = new Map<string, string>(), headersMask } = this.#current.options;
    this.#head = new ResponseHead(headersMask);
    let text = `${method} ${path || "/"} HTTP/1.1\r\nhost: ${this.#options.host}\r\n`;
    for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
    this.#unsent = encodeUtf8(`${text}\r\n`);
    this.#send();
  }

  #send(): void {
    const count = Math.min(this.#unsent.length, this.#room);
    if (count === 0 || !this.#socket) return;
    this.#room = this.#socket.write(this.#unsent.subarray(0, count));
    this.#unsent = this.#unsent.subarray(count);
  }

  // ---- the answer ---------------------------------------------------------------------------------------------

  #onReadable(count: number): void {
    this.#waiting = count;
    this.#advance();
  }

  /** Goes on until the body's reader has its turn, or no byte waits. */
  #advance(): void {
    while (this.#waiting > 0) {
      if (this.#phase === "body") return this.#tell();
      if (this.#phase === "received" || this.#phase === "dead") return;
      if (this.#phase === "idle" || this.#phase === "connecting") return this.#fail(UNASKED);
      const line = this.#takeByte();
      if (line) this.#onLine(line);
    }
  }

  #takeByte(): Line | undefined {
    if (this.#socket?.read(this.#byte) === undefined) {
      this.#waiting = 0;
      return undefined;
    }
    this.#waiting--;
    return this.#lines.push(this.#byte[0] as number);
  }

  #tell(): void {
    const { options, handle } = this.#current as Exchange;
    options.onReadable.call(handle, Math.min(this.#waiting, this.#remaining));
  }

  #onLine(line: Line): void {
    switch (this.#phase) {
      case "head":
        return this.#onHeadLine(line);
      case "chunk-size":
        return this.#onChunk(chunkSizeOf(line));
      case "chunk-end":
        this.#phase = "chunk-size";
        if (line.text !== "") this.#fail("the server sends a chunk of another size than it says");
        return;
      case "trailers":
        if (line.text === "" && !line.isCut) this.#complete();
    }
  }

  #onHeadLine(line: Line): void {
    const progress = this.#head.push(line);
    if (progress === "more") return;
    if (progress !== "over") return this.#fail(progress.problem);
    const { status, headers } = this.#head;
    const { options, handle } = this.#current as Exchange;
    if (status < 200) {
      this.#head = new ResponseHead(options.headersMask); // the answer proper follows
      return;
    }
    options.onHeaders.call(handle, status, headers);
    if (this.#phase === "head") this.#beginBody(options.method);
  }

  #beginBody(method: string | undefined): void {
    const { status, bodyLength } = this.#head;
    if (method === "HEAD" || BODILESS.includes(status) || bodyLength === 0) return this.#complete();
    this.#phase = bodyLength === "chunked" ? "chunk-size" : "body";
    this.#remaining = typeof bodyLength === "number" ? bodyLength : Number.POSITIVE_INFINITY;
  }

  #onChunk(sizeBytes: number | undefined): void {
    if (sizeBytes === undefined) return this.#fail("the server sends a chunk without a size");
    this.#remaining = sizeBytes;
    this.#phase = sizeBytes === 0 ? "trailers" : "body";
  }

  #read(handle: HttpRequest, buffer: Uint8Array): number | undefined {
    if (this.#current?.handle !== handle) throw new Error("bad state");
    const wanted = Math.min(buffer.length, this.#waiting, this.#remaining);
    if (this.#phase !== "body" || wanted === 0) return undefined;
    const count = this.#socket?.read(buffer.subarray(0, wanted));
    if (count === undefined) return undefined;
    this.#waiting -= count;
    this.#remaining -= count;
    if (this.#remaining === 0) this.#endPart();
    return count;
  }

  /** A chunk or the body has been read: goes on from there when the reader is through. */
  #endPart(): void {
    if (this.#head.bodyLength === "chunked") {
      this.#phase = "chunk-end";
      this.#later(() => this.#advance());
    } else {
      this.#phase = "received";
      this.#later(() => this.#complete());
    }
  }

  // ---- ending -------------------------------------------------------------------------------------------------

  #complete(): void {
    const { options, handle } = this.#current as Exchange;
    this.#phase = "received";
    this.#current = undefined;
    options.onDone.call(handle, null);
    if (this.#phase === "received") this.#next();
  }

  #onLost(detail: string): void {
    this.#socket = undefined;
    this.#clock.clear(this.#timer);
    if (this.#phase === "received") this.#complete();
    this.#fail(detail);
  }

  /** Every request fails, then the client. */
  #fail(reason: string): void {
    if (this.#phase === "dead") return;
    const lost = this.#current ? [this.#current, ...this.#queue] : [...this.#queue];
    this.#die();
    for (const { options, handle } of lost) {
      if (!this.#isClosed) options.onDone.call(handle, new Error(reason));
    }
    if (!this.#isClosed) this.#options.onError?.(new Error(reason));
  }

  #die(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#clock.clear(this.#timer);
    this.#current = undefined;
    this.#queue.length = 0;
    this.#phase = "dead";
  }

  /** The one timer: what it does comes after all that runs now. */
  #later(callback: () => void): void {
    this.#clock.clear(this.#timer);
    this.#timer = this.#clock.set(callback, 0);
  }
}
