/** Guest code: the SDK's HTTP client and sockets with nothing of Ferry's between them. */

import TCP from "embedded:io/socket/tcp";
import HTTPClient from "embedded:network/http/client";
import type { HttpClientClass } from "../../../src/ports.js";
import { type ClientKit, resolve } from "./clients.js";

export function bareClient(): ClientKit {
  class Resolver {
    resolve(request: { host: string; onResolved(host: string, address: string): void; onError(cause: unknown): void }) {
      resolve(request.host, (host, address) => {
        if (address === undefined) request.onError(new Error(`no address found for ${host}`));
        else request.onResolved(host, address);
      });
    }
  }
  return { Client: HTTPClient as unknown as HttpClientClass, options: { socket: { io: TCP }, dns: { io: Resolver } } };
}
