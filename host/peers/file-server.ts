/**
 * A file server, in the simulated network or (host/node/file-server.ts) in the real one. What it answers is planned in
 * file-response.ts; here is when: it keeps connections open, answers one request after the other, and records each,
 * together with what it did to it.
 */

import type { Clock } from "../../src/ports.js";
import { asciiText } from "../sim/ascii.js";
import type { TcpEndpoint } from "../sim/tcp-stream.js";
import {
  type FileServerBehavior,
  hasExpired,
  KNOBS,
  type Knob,
  parseRequestHead,
  planResponse,
} from "./file-response.js";
import { type ResponsePiece, responsePieces } from "./response-pieces.js";

/** Requests with longer heads are answered by closing. */
const HEAD_BYTES_MAX = 8192;
const HEAD_END = "\r\n\r\n";

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly status: number;
  readonly atMs: number;
  /** Bytes of the body that have left the server so far. */
  bytesSent: number;
}

export class FileServer {
  /** May be replaced at any time; holds from the next request on. */
  behavior: FileServerBehavior;
  readonly requests: RecordedRequest[] = [];
  /** How often each oddity took effect. */
  readonly fired: Record<Knob, number>;
  /** Connections accepted. */
  connections = 0;
  readonly #clock: Clock;

  constructor(clock: Clock, behavior: FileServerBehavior) {
    this.#clock = clock;
    this.behavior = behavior;
    this.fired = Object.fromEntries(KNOBS.map((knob) => [knob, 0])) as Record<Knob, number>;
  }

  /** Takes a new connection, as Network.listen() hands it out; false refuses it. */
  readonly accept = (connection: TcpEndpoint): boolean => {
    const { refusesConnections } = this.behavior;
    if (refusesConnections && !hasExpired(refusesConnections.times, this.fired.refusesConnections)) {
      this.fired.refusesConnections++;
      return false;
    }
    this.connections++;
    this.#serve(connection);
    return true;
  };

  #serve(connection: TcpEndpoint): void {
    let received = "";
    let isAnswering = false;
    const answerNext = (): void => {
      if (isAnswering) return;
      const headEnd = received.indexOf(HEAD_END);
      if (headEnd < 0) {
        if (received.length > HEAD_BYTES_MAX) connection.end();
        return;
      }
      const head = received.slice(0, headEnd);
      received = received.slice(headEnd + HEAD_END.length);
      isAnswering = true;
      this.#answer(connection, head, () => {
        isAnswering = false;
        answerNext();
      });
    };
    connection.handlers = {
      onReceive: () => {
        const bytes = new Uint8Array(connection.waiting);
        connection.read(bytes);
        received += asciiText(bytes);
        answerNext();
      },
    };
  }

  #answer(connection: TcpEndpoint, head: string, onAnswered: () => void): void {
    const request = parseRequestHead(head);
    if (!request) {
      connection.end();
      return;
    }
    const behavior = { ...this.behavior, ...this.behavior.turns?.[this.requests.length] };
    const plan = planResponse(behavior, request, { requests: this.requests.length, fired: this.fired });
    const record = { ...request, status: plan.status, atMs: this.#clock.now(), bytesSent: 0 };
    this.requests.push(record);
    connection.bytesPerSecondMax = plan.bytesPerSecond ?? Number.POSITIVE_INFINITY;
    this.#perform(connection, record, responsePieces(plan), onAnswered);
  }

  #perform(
    connection: TcpEndpoint,
    record: RecordedRequest,
    pieces: Generator<ResponsePiece, void>,
    onAnswered: () => void,
  ): void {
    const proceed = (): void => {
      for (let next = pieces.next(); !next.done; next = pieces.next()) {
        const piece = next.value;
        if (piece.kind === "fired") {
          this.fired[piece.knob]++;
        } else if (piece.kind === "end") {
          connection.end(piece.how);
          return;
        } else if (piece.kind === "pause") {
          if (piece.forMs !== undefined) this.#clock.set(proceed, piece.forMs);
          return;
        } else {
          connection.handlers.onDrained = () => {
            record.bytesSent += piece.bodyBytes;
            proceed();
          };
          connection.send(piece.bytes);
          return;
        }
      }
      connection.handlers.onDrained = () => {};
      onAnswered();
    };
    proceed();
  }
}
