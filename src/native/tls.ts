/**
 * A TLS connection over mbedTLS, in a thread of its own (tls-xs.c): no step of the engine waits for its computing. What it
 * believes, and what it does not, is in tls-session.h; how it ends, in tls-connection.h.
 */

import type { Socket, TlsConnectionOptions } from "../ports.js";

/**
 * A socket of ports.ts, but for the name: it is given an address. Throws where it is constructed when there is no memory
 * for it; everything else is told by onError.
 */
export class TlsConnection extends Native("xs_ferry_tls_destructor") implements Socket {
  constructor(options: TlsConnectionOptions) {
    super();
    native("xs_ferry_tls_constructor").call(this, options);
  }

  read(buffer: Uint8Array): number | undefined {
    return native("xs_ferry_tls_read").call(this, buffer);
  }

  write(buffer: Uint8Array): number {
    return native("xs_ferry_tls_write").call(this, buffer);
  }

  close(): void {
    native("xs_ferry_tls_close").call(this);
  }
}
