/**
 * One connection to a server of the native protocol: messages out as the socket takes them, messages in as they become
 * whole. Whatever the socket does ends in one call of onEnd; after close() nothing is called back any more.
 */

import type { Clock, Io, Socket, SocketClass, SocketProblem } from "../../ports.js";
import { type Command, MessageParser, type MessageSink } from "./message.js";
import { Outgoing, type Part } from "./outgoing.js";

const READ_BYTES = 512;

export interface Door {
  readonly host: string;
  readonly port: number;
  readonly socket: Io<SocketClass>;
}

export interface LineEvents extends Omit<MessageSink, "onBroken"> {
  /** The connection stands. */
  onOpen(): void;
  /** What came is not the protocol; onEnd follows. */
  onBroken(detail: string): void;
  onEnd(problem: SocketProblem): void;
}

export class NativeLine {
  readonly #clock: Clock;
  readonly #events: LineEvents;
  readonly #outgoing = new Outgoing();
  readonly #parser: MessageParser;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #socket: Socket;
  #room = 0;
  #isOpen = false;
  #closed = false;

  constructor(clock: Clock, door: Door, events: LineEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#parser = new MessageParser({
      onResponse: (id, status) => events.onResponse(id, status),
      onMessage: (command, id, bytes, start, end) => events.onMessage(command, id, bytes, start, end),
      onSkipped: (command, length) => events.onSkipped(command, length),
      onBroken: (detail) => {
        events.onBroken(detail);
        this.#end("connection");
      },
    });
    const { io, ...options } = door.socket;
    this.#socket = new io({
      ...options,
      host: door.host,
      port: door.port,
      onReadable: () => this.#onReadable(),
      onWritable: (count) => this.#onWritable(count),
      onError: (problem) => this.#end(problem),
    });
  }

  /** False when it is too long, or there is no room now: nothing was taken then. */
  post(command: Command, id: number, parts: readonly Part[]): boolean {
    const taken = this.#outgoing.post(command, id, parts);
    if (taken) this.#flush();
    return taken;
  }

  respond(id: number, status: number): boolean {
    const taken = this.#outgoing.postResponse(id, status);
    if (taken) this.#flush();
    return taken;
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parser.end();
    this.#socket.close();
  }

  /** A socket that throws is dead, but its caller hears of that later: it is in the middle of something. */
  #flush(): void {
    if (this.#closed || this.#room <= 0) return;
    try {
      this.#room = this.#outgoing.flush(this.#socket, this.#room);
    } catch {
      this.#room = 0;
      this.#clock.set(() => this.#end("connection"), 0);
    }
  }

  #onWritable(count: number): void {
    if (this.#closed) return;
    this.#room = count;
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#events.onOpen();
    }
    this.#flush();
  }

  #onReadable(): void {
    while (!this.#closed) {
      const count = this.#socket.read(this.#buffer);
      if (!count) return;
      this.#parser.push(this.#buffer, count);
    }
  }

  #end(problem: SocketProblem): void {
    if (this.#closed) return;
    this.close();
    this.#events.onEnd(problem);
  }
}
