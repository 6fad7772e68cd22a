/** Guest code: the SDK's HTTP client and sockets with nothing of Ferry's between them. */

import TCP from "embedded:io/socket/tcp";
import TLSSocket from "embedded:io/socket/tcp/tls";
import HTTPClient from "embedded:network/http/client";
import type { HttpClientClass } from "../../../src/ports.js";
import { type ClientKit, derOf, resolve } from "./clients.js";

export function bareClient(authority?: string): ClientKit {
  class Resolver {
    resolve(request: { host: string; onResolved(host: string, address: string): void; onError(cause: unknown): void }) {
      resolve(request.host, (host, address) => {
        if (address === undefined) request.onError(new Error(`no address found for ${host}`));
        else request.onResolved(host, address);
      });
    }
  }
  const socket =
    authority === undefined
      ? { io: TCP }
      : { io: TLSSocket, TCP: { io: TCP }, secure: { certificate: derOf(authority) } };
  return { Client: HTTPClient as unknown as HttpClientClass, options: { socket, dns: { io: Resolver } } };
}
