/**
 * The real network, as a simulated device uses it: the SDK's HTTP client of host/sim runs on it unchanged, over
 * sockets of this computer, with or without TLS.
 *
 * Virtual time keeps to real time while the device waits for one of them (paced-clock.ts); with bytes at hand, or no
 * connection at all, it runs free. Callbacks reach the device as tasks of its processor, and no life hears of a
 * connection that an earlier one opened.
 */

import { connect, isIP, type LookupFunction, Socket } from "node:net";
import { connect as connectSecurely, type SecureContext } from "node:tls";
import type { Destination, DeviceNetwork } from "../sim/network.js";
import type { StreamHandlers, TcpEndpoint } from "../sim/tcp-stream.js";
import type { PacedClock } from "./paced-clock.js";
import { NodeTcpStream } from "./tcp-stream.js";
import { type Authority, explainTlsError, secureContextFor } from "./tls.js";

const NO_TRUST = "https is refused, for this network trusts no authority: give it a CA, or offer an http:// URL";

export interface NodeNetworkOptions {
  readonly clock: PacedClock;
  /** Another resolver than this computer's. */
  readonly lookup?: LookupFunction;
  /**
   * Who may vouch for a server; `rootCertificates` of node:tls are those of the web. Without it every secure
   * connection fails.
   */
  readonly trust?: readonly Authority[];
}

export class NodeNetwork implements DeviceNetwork {
  readonly clock: PacedClock;
  readonly #lookup: LookupFunction | undefined;
  readonly #secureContext: SecureContext | undefined;
  readonly #connections = new Set<NodeTcpStream>();

  /** Throws when what is to be trusted is no certificate. */
  constructor(options: NodeNetworkOptions) {
    this.clock = options.clock;
    this.#lookup = options.lookup;
    if (options.trust?.length) this.#secureContext = secureContextFor(options.trust);
    this.clock.paceWhile(() => this.#isAwaited);
  }

  connect(destination: Destination, handlers: StreamHandlers): TcpEndpoint {
    const { host, secure } = destination;
    const socket = this.#open(destination);
    const stream = new NodeTcpStream(socket, {
      tell: (event) => this.clock.arrive(event),
      ...(secure ? { explain: (error) => explainTlsError(error, host) } : {}),
    });
    stream.handlers = handlers;
    this.#connections.add(stream);
    socket.once("close", () => this.#connections.delete(stream));
    return stream;
  }

  dropConnections(): void {
    for (const stream of this.#connections) stream.close();
  }

  #open({ host, port, secure }: Destination): Socket {
    // Without a family, Node would try several addresses in turn, which the chip does not.
    const target = { host, port, family: 4, ...(this.#lookup ? { lookup: this.#lookup } : {}) };
    if (!secure) return connect(target);
    if (!this.#secureContext) return new Socket().destroy(new Error(NO_TRUST));
    return connectSecurely({
      ...target,
      secureContext: this.#secureContext,
      // Said aloud, for the environment can change the default.
      rejectUnauthorized: true,
      // TLS has no way to ask for an address by name; the certificate has to be for the address then.
      ...(isIP(host) ? {} : { servername: host }),
    });
  }

  /** Some connection has nothing for the device, and may yet have. */
  get #isAwaited(): boolean {
    for (const stream of this.#connections) if (stream.isOpen && stream.waiting === 0) return true;
    return false;
  }
}
