/** Guest code: HTTP and MQTT clients over the SDK's modules, as Ferry has them: the classes of src over the SDK's TCP. */

import TCP from "embedded:io/socket/tcp";
import Time from "time";
import Timer from "timer";
import { fromHex } from "../../../src/base/hex.js";
import { makeMqttClientClass } from "../../../src/cloud/mqtt/client.js";
import { SdkClock } from "../../../src/device/clock.js";
import { makeSocketClass, type SdkTcpClass } from "../../../src/device/socket.js";
import { makeTlsSocketClass } from "../../../src/device/tls-socket.js";
import { makeHttpClientClass } from "../../../src/download/http-client.js";
import { TlsConnection } from "../../../src/native/tls.js";
import type { HttpClientClass, MqttClientClass, SocketClass } from "../../../src/ports.js";

/** The host that the resolver here knows, at loopback; no other name has an address. */
export const HOST = "files.example";
const ADDRESS = "127.0.0.1";

/** A client class, and the options that its constructor gets besides those of the port. */
export interface ClientKit<Client = HttpClientClass> {
  readonly Client: Client;
  readonly options: Readonly<Record<string, unknown>>;
}

export function resolve(host: string, callback: (host: string, address: string | undefined) => void): void {
  Timer.set(() => callback(host, host === HOST || host === ADDRESS ? ADDRESS : undefined));
}

/** Ferry's client over its own sockets. `authority`: who vouches for the server, PEM or DER in hexadecimal. */
export function ferryClient(authority?: string): ClientKit {
  return { Client: makeHttpClientClass(partsOf(authority)), options: {} };
}

export function ferryMqttClient(authority?: string): ClientKit<MqttClientClass> {
  return { Client: makeMqttClientClass(partsOf(authority)), options: {} };
}

function partsOf(authority: string | undefined) {
  const socket = authority === undefined ? plainSocket() : tlsSocket(authority);
  return { clock: new SdkClock(Time, Timer), socket: { io: socket } };
}

function plainSocket(): SocketClass {
  return makeSocketClass({ Tcp: TCP as unknown as SdkTcpClass, resolve });
}

function tlsSocket(authority: string): SocketClass {
  const bytes = fromHex(authority);
  return makeTlsSocketClass({ Connection: TlsConnection, resolve, isDateKnown: () => true, authority: bytes });
}
