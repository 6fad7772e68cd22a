/** Guest code: HTTP clients over the SDK's modules, as Ferry has them: the classes of src over the SDK's sockets. */

import TCP from "embedded:io/socket/tcp";
import TLSSocket from "embedded:io/socket/tcp/tls";
import Time from "time";
import Timer from "timer";
import { fromHex } from "../../../src/base/hex.js";
import { SdkClock } from "../../../src/device/clock.js";
import { guardTcp, makeSocketClass, type SdkSocketClass } from "../../../src/device/socket.js";
import { makeHttpClientClass } from "../../../src/download/http-client.js";
import type { HttpClientClass } from "../../../src/ports.js";

/** The host that the resolver here knows, at loopback; no other name has an address. */
export const HOST = "files.example";
const ADDRESS = "127.0.0.1";

/** A client class, and the options that its constructor gets besides those of the port. */
export interface ClientKit {
  readonly Client: HttpClientClass;
  readonly options: Readonly<Record<string, unknown>>;
}

export function resolve(host: string, callback: (host: string, address: string | undefined) => void): void {
  Timer.set(() => callback(host, host === HOST || host === ADDRESS ? ADDRESS : undefined));
}

/** Ferry's client over the SDK's sockets. `authority`: who vouches for the server, DER in hexadecimal. */
export function ferryClient(authority?: string): ClientKit {
  const clock = new SdkClock(Time, Timer);
  const parts = { Tcp: guardTcp(TCP as unknown as SdkSocketClass), resolve };
  const known = { Tls: TLSSocket, isDateKnown: () => true };
  const tls = authority === undefined ? undefined : { ...known, authority: derOf(authority) };
  return { Client: makeHttpClientClass({ clock, socket: { io: makeSocketClass(parts, tls) } }), options: {} };
}

export function derOf(authority: string): ArrayBufferLike | undefined {
  return fromHex(authority)?.buffer;
}
