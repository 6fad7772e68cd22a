/**
 * The socket port over TLS, by native/tls.ts: mbedTLS, computing in a thread of its own.
 *
 * Who is believed: servers that an authority of the product's own vouches for, and those that one of ESP-IDF's bundle
 * does, unless only the product's own count. A certificate has a period, so the date must be known: until then every
 * connection is refused with that reason.
 *
 * Fault model: as TCP's (socket.ts), and a server that is not believed: problem "certificate", with the reason.
 */

import type { SocketClass, SocketOptions, TlsConnectionClass } from "../ports.js";
import { NamedSocket, type Resolve } from "./socket.js";

export interface TlsSocketParts {
  /** Native: native/tls.ts. */
  readonly Connection: TlsConnectionClass;
  readonly resolve: Resolve;
  /** Whether the date is known, so that certificates can be judged. */
  isDateKnown(): boolean;
  /** A product's own authorities: a certificate in DER, or any number in PEM; in memory or in flash. */
  readonly authority?: object | undefined;
  /** Nobody but `authority` is believed: for a product whose servers are all its maker's. */
  readonly onlyAuthority?: boolean;
}

export const NO_DATE = "the date is not known yet, so no certificate can be checked";

export function makeTlsSocketClass(parts: TlsSocketParts): SocketClass {
  const { Connection, resolve, authority, onlyAuthority = false } = parts;
  return class extends NamedSocket {
    constructor(options: SocketOptions & Record<string, unknown>) {
      super(resolve, options, (connecting) => {
        if (parts.isDateKnown()) return new Connection({ ...connecting, authority, trustsBundle: !onlyAuthority });
        connecting.onError("certificate", NO_DATE);
        return undefined;
      });
    }
  };
}
