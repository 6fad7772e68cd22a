/**
 * `embedded:network/http/client` of one life of a simulated ESP32, as the SDK's httpclient.js behaves: one
 * connection, queued requests, no timeout, no redirect, no range.
 *
 * Its traits, which users of the real one have to live with:
 * - read() gives no more than onReadable has told; with nothing told and more bytes arrived since, it throws "invalid".
 * - onDone(null) comes from a timer after the last byte of a body was read; for chunked and empty bodies at once.
 * - A body without a length ends in onDone(Error) when the server closes.
 * - When the connection is lost, every request gets onDone(new Error), then onError comes, then the client is dead.
 * - Bytes that belong to no response (more than Content-Length said, trailers) throw where nobody can catch it, and
 *   that restarts the device: here it is a DeviceCrash out of the clock.
 */

import type {
  HttpClient,
  HttpClientClass,
  HttpClientOptions,
  HttpRequest,
  HttpRequestOptions,
  TimerHandle,
} from "../../src/ports.js";
import { asciiBytes } from "./ascii.js";
import { DeviceClock } from "./cpu.js";
import { DeviceSocket, type SocketBinding } from "./device-socket.js";
import { PowerCut } from "./power.js";

/** An exception that the real device answers with a restart. */
export class DeviceCrash extends Error {
  override readonly name = "DeviceCrash";
}

/** The class for one life of a device; `secure` makes the one for https (which has port 80 as its default too). */
export function makeHttpClientClass(binding: SocketBinding, { secure = false } = {}): HttpClientClass {
  return class extends SimHttpClient {
    constructor(options: HttpClientOptions & Record<string, unknown>) {
      super(binding, secure, options);
    }
  };
}

type State = "connecting" | "connected" | "status" | "header" | "body" | "trailer" | "received" | "completing" | "dead";

interface QueuedRequest {
  readonly options: HttpRequestOptions;
  readonly handle: SimHttpRequest;
}

const CR_LF = "\r\n";

class SimHttpRequest implements HttpRequest {
  readonly #read: (buffer: Uint8Array) => number | undefined;

  constructor(read: (request: SimHttpRequest, buffer: Uint8Array) => number | undefined) {
    this.#read = (buffer) => read(this, buffer);
  }

  read(buffer: Uint8Array): number | undefined {
    return this.#read(buffer);
  }
}

class SimHttpClient implements HttpClient {
  readonly #binding: SocketBinding;
  readonly #clock: DeviceClock;
  readonly #host: string;
  readonly #onError: HttpClientOptions["onError"];
  #socket: DeviceSocket | undefined;
  #timer: TimerHandle;
  #state: State = "connecting";
  readonly #queue: QueuedRequest[] = [];
  #current: QueuedRequest | undefined;

  /** Bytes that onReadable has told and nobody has read. */
  #told = 0;
  /** The line being received, while one is expected. */
  #line: string | undefined;
  #status = 0;
  #headers = new Map<string, string>();
  /** Bytes of the body still to read; Infinity without a length. */
  #remaining: number | undefined;
  /** Bytes of the chunk still to read; `undefined` for a body that is not chunked. */
  #chunk: number | undefined;

  constructor(binding: SocketBinding, secure: boolean, options: HttpClientOptions) {
    binding.life.assertAlive();
    if (!options.host) throw new Error("host required");
    this.#binding = binding;
    this.#clock = new DeviceClock(binding.network.clock, binding.cpu);
    this.#host = options.host;
    this.#onError = options.onError;
    const destination = { host: options.host, port: options.port ?? 80, secure };
    this.#socket = new DeviceSocket(binding, destination, {
      onWritable: () => this.#connected(),
      onReadable: (count) => this.#receive(count),
      onError: (cause) => this.#fail(cause),
    });
  }

  request(options: HttpRequestOptions): HttpRequest {
    this.#binding.life.assertAlive();
    const handle = new SimHttpRequest((request, buffer) => this.#read(request, buffer));
    this.#queue.push({ options: { ...options }, handle });
    if (this.#state === "connected" && this.#queue.length === 1) {
      this.#takeNext();
      this.#setTimer(() => this.#sendCurrent());
    }
    return handle;
  }

  close(): void {
    this.#binding.life.assertAlive();
    this.#socket?.close();
    this.#socket = undefined;
    this.#clock.clear(this.#timer);
    this.#timer = undefined;
    this.#current = undefined;
    this.#queue.length = 0;
    this.#state = "dead";
  }

  // ---- requests ----------------------------------------------------------------------------------------------

  #connected(): void {
    this.#state = "connected";
    this.#takeNext();
    this.#sendCurrent();
  }

  #takeNext(): void {
    this.#current = this.#queue.shift();
    this.#line = undefined;
    this.#remaining = undefined;
    this.#chunk = undefined;
  }

  #sendCurrent(): void {
    if (!this.#current) return;
    const { method, path, headers } = this.#current.options;
    let head = `${method ?? "GET"} ${path || "/"} HTTP/1.1${CR_LF}host: ${this.#host}${CR_LF}`;
    for (const [name, value] of headers ?? []) head += `${name}: ${value}${CR_LF}`;
    this.#socket?.write(asciiBytes(head + CR_LF));
    this.#state = "status";
    this.#line = "";
  }

  #complete(): void {
    const current = this.#current;
    this.#state = "completing";
    current?.options.onDone.call(current.handle, null);
    if (!this.#socket) return;
    this.#state = "connected";
    this.#takeNext();
    this.#sendCurrent();
  }

  #fail(cause: unknown): void {
    if (this.#state === "received" && this.#timer !== undefined) {
      this.#clock.clear(this.#timer);
      this.#timer = undefined;
      this.#complete();
    }
    this.#state = "dead";
    try {
      const lost = this.#current ? [this.#current] : [];
      this.#current = undefined;
      for (let next = lost.shift() ?? this.#queue.shift(); next; next = this.#queue.shift()) {
        next.options.onDone.call(next.handle, new Error());
      }
      // Whatever the socket or the resolver gave: not always an Error.
      this.#onError?.(cause as Error | undefined);
    } catch (error) {
      if (error instanceof PowerCut) throw error;
    }
    this.close();
  }

  // ---- the response ------------------------------------------------------------------------------------------

  #read(request: SimHttpRequest, into: Uint8Array): number | undefined {
    this.#binding.life.assertAlive();
    if (this.#current?.handle !== request) throw new Error("bad state");
    if (this.#state !== "body") return undefined;
    const limit = this.#chunk ?? this.#remaining ?? 0;
    const count = Math.min(into.byteLength, this.#told, limit);
    this.#told -= count;
    if (this.#chunk !== undefined) this.#chunk -= count;
    else if (this.#remaining !== undefined) this.#remaining -= count;
    const result = this.#socket?.read(into.subarray(0, count));
    if (this.#status < 300) this.#binding.onBodyRead?.(result ?? 0);
    if (this.#chunk === 0) {
      this.#line = "";
      if (this.#told > 0) this.#setTimer(() => this.#receive(this.#told));
    } else if (this.#remaining === 0) {
      this.#state = "received";
      this.#setTimer(() => this.#complete());
    }
    return result;
  }

  #receive(count: number): void {
    this.#told = count;
    do {
      if (this.#line !== undefined && !this.#receiveLine()) return;
      if (!this.#advance()) return;
    } while (this.#told > 0);
  }

  /** Adds what was told to the line; true when it is whole. */
  #receiveLine(): boolean {
    const byte = new Uint8Array(1);
    while (this.#told > 0 && this.#socket?.read(byte) === 1) {
      this.#told--;
      this.#line += String.fromCharCode(byte[0] ?? 0);
      if (byte[0] === 0x0a) break;
    }
    return this.#line?.endsWith(CR_LF) ?? false;
  }

  /** Takes the line, or announces body bytes; false when this delivery is over. */
  #advance(): boolean {
    switch (this.#state) {
      case "status":
        return this.#takeStatus(this.#line ?? "");
      case "header":
        return this.#takeHeader(this.#line ?? "");
      case "body":
        return this.#takeBody();
      case "trailer":
        if (this.#line !== CR_LF) throw new DeviceCrash(`http client: trailer in the response of ${this.#host}`);
        this.#complete();
        return false;
      default:
        throw new DeviceCrash(`http client: ${this.#host} sent bytes of no response (client ${this.#state})`);
    }
  }

  #takeStatus(line: string): boolean {
    const [, status, ...text] = line.split(" ");
    if (status === undefined || text.length === 0) {
      const told = this.#told;
      this.#fail(new Error("bad response"));
      if (told > 0) throw new DeviceCrash(`http client: ${this.#host} sent no HTTP`);
      return false;
    }
    this.#status = Number.parseInt(status, 10);
    this.#headers = new Map();
    this.#line = "";
    this.#state = "header";
    return true;
  }

  #takeHeader(line: string): boolean {
    if (line === CR_LF) return this.#headersDone();
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const mask = this.#current?.options.headersMask;
    if (colon >= 0 && (!mask || mask.includes(name))) this.#headers.set(name, value);
    if (name === "content-length") this.#remaining = Number.parseInt(value, 10);
    if (name === "transfer-encoding" && value.toLowerCase() === "chunked") this.#chunk = 0;
    this.#line = "";
    return true;
  }

  #headersDone(): boolean {
    const current = this.#current;
    if (this.#status === 204 || this.#status === 205) this.#remaining = 0;
    else if (this.#chunk !== undefined) this.#remaining = undefined;
    else this.#remaining ??= Number.POSITIVE_INFINITY;
    current?.options.onHeaders.call(current.handle, this.#status, this.#headers);
    if (!this.#current) return false;
    this.#state = "body";
    this.#line = this.#chunk === undefined ? undefined : "";
    if (this.#remaining !== 0) return true;
    this.#complete();
    return false;
  }

  #takeBody(): boolean {
    if (this.#chunk === 0) {
      // The end of the chunk before.
      if (this.#line === CR_LF) return true;
      this.#chunk = Number.parseInt(this.#line?.trim() ?? "", 16);
      this.#line = undefined;
      if (this.#chunk === 0) {
        this.#state = "trailer";
        this.#line = "";
        return true;
      }
    }
    const count = Math.min(this.#told, this.#chunk ?? this.#remaining ?? 0);
    if (count > 0) this.#current?.options.onReadable.call(this.#current.handle, count);
    return false;
  }

  #setTimer(callback: () => void): void {
    this.#timer = this.#clock.set(() => {
      this.#timer = undefined;
      callback();
    }, 0);
  }
}
