/**
 * TLS of host/node: whom a network trusts, and in which words it says why a connection did not come about.
 *
 * Trust is never implied: a chip has no authorities either, unless its firmware brings them.
 */

import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";

/** The oldest version that anybody here speaks. */
export const TLS_VERSION_MIN = "TLSv1.2";

/** Certificates: text in PEM, any number in a row, or bytes in DER or PEM. */
export type Authority = string | Uint8Array;

/** A certificate and its private key, both in PEM: what a server shows, and how it proves that it is its own. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** A certificate is an ASN.1 SEQUENCE, and no text begins like one that is long enough to be a certificate. */
const DER_SEQUENCE = 0x30;
const DER_LONG_LENGTH = 0x80;

/** Trusts these authorities and nobody else. Throws when one of them is no certificate. */
export function secureContextFor(trust: readonly Authority[]): SecureContext {
  const ca = trust.flatMap((authority, index) => certificatesIn(authority, `trust[${index}]`));
  return createSecureContext({ ca, minVersion: TLS_VERSION_MIN });
}

function certificatesIn(authority: Authority, place: string): string[] {
  const parts = typeof authority !== "string" && isDer(authority) ? [authority] : pemPartsOf(authority);
  if (parts.length === 0) throw new Error(`${place} holds no certificate: give one as PEM or DER`);
  return parts.map((part) => {
    try {
      return new X509Certificate(part).toString();
    } catch (cause) {
      throw new Error(`${place} holds a damaged certificate: give one as PEM or DER`, { cause });
    }
  });
}

function isDer([first, second = 0]: Uint8Array): boolean {
  return first === DER_SEQUENCE && second >= DER_LONG_LENGTH;
}

function pemPartsOf(authority: Authority): string[] {
  const text = typeof authority === "string" ? authority : Buffer.from(authority).toString("latin1");
  return text.match(PEM_CERTIFICATE) ?? [];
}

/** What Node adds to the errors of its sockets. */
interface SocketError extends Error {
  readonly code?: string;
  readonly syscall?: string;
  /** OpenSSL's own words. */
  readonly reason?: string;
  readonly cert?: { readonly subjectaltname?: string };
}

/** The same error in words for people, who know the host and not OpenSSL. Its cause is the error as Node gave it. */
export function explainTlsError(error: SocketError, host: string): Error {
  const message = explanationOf(error, host);
  return message === undefined ? error : new Error(message, { cause: error });
}

/** `undefined` for what has nothing to do with TLS. */
function explanationOf({ code = "", syscall, reason, message, cert }: SocketError, host: string): string | undefined {
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the certificate of ${host} is for another host: ${cert?.subjectaltname ?? "it names none"}`;
    case "CERT_HAS_EXPIRED":
      return `the certificate of ${host} has expired`;
    case "CERT_NOT_YET_VALID":
      return `the certificate of ${host} is not yet valid`;
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return `the certificate of ${host} is self-signed, and not trusted here`;
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return `the certificate of ${host} is from an authority that is not trusted here`;
  }
  if (code === "" || syscall === "connect" || syscall === "getaddrinfo") return undefined;
  if (code === "ECONNRESET" || code === "EPIPE") return `${host} hung up in the middle of the TLS handshake`;
  return `no TLS with ${host}: ${reason ?? message}`;
}
