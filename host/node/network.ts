/**
 * The real network, as a simulated device uses it: the SDK's HTTP client of host/sim runs on it unchanged, over
 * sockets of this computer.
 *
 * Virtual time keeps to real time while the device waits for one of them (paced-clock.ts); with bytes at hand, or no
 * connection at all, it runs free. Callbacks reach the device as tasks of its processor, and no life hears of a
 * connection that an earlier one opened.
 */

import { connect, type LookupFunction } from "node:net";
import type { Destination, DeviceNetwork } from "../sim/network.js";
import type { StreamHandlers, TcpEndpoint } from "../sim/tcp-stream.js";
import type { PacedClock } from "./paced-clock.js";
import { NodeTcpStream } from "./tcp-stream.js";

export interface NodeNetworkOptions {
  readonly clock: PacedClock;
  /** Another resolver than this computer's. */
  readonly lookup?: LookupFunction;
}

export class NodeNetwork implements DeviceNetwork {
  readonly clock: PacedClock;
  readonly #lookup: LookupFunction | undefined;
  readonly #connections = new Set<NodeTcpStream>();

  constructor(options: NodeNetworkOptions) {
    this.clock = options.clock;
    this.#lookup = options.lookup;
    this.clock.paceWhile(() => this.#isAwaited);
  }

  /** Plain TCP only: a destination that wants TLS fails. */
  connect({ host, port, secure }: Destination, handlers: StreamHandlers): TcpEndpoint {
    const lookup = this.#lookup ? { lookup: this.#lookup } : {};
    // Without a family, Node would try several addresses in turn, which the chip does not.
    const socket = connect({ host, port, family: 4, ...lookup });
    if (secure) socket.destroy(new Error("this network has no TLS: use an http:// URL"));
    const stream = new NodeTcpStream(socket, (event) => this.clock.arrive(event));
    stream.handlers = handlers;
    this.#connections.add(stream);
    socket.once("close", () => this.#connections.delete(stream));
    return stream;
  }

  dropConnections(): void {
    for (const stream of this.#connections) stream.close();
  }

  /** Some connection has nothing for the device, and may yet have. */
  get #isAwaited(): boolean {
    for (const stream of this.#connections) if (stream.isOpen && stream.waiting === 0) return true;
    return false;
  }
}
