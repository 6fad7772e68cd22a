/** Servers over TLS that the firmware must believe, and those that it must not, each with what it says of it. */

import type { TlsOptions } from "node:tls";
import { CertificateAuthority } from "../node/certificates.js";
import type { Identity } from "../node/tls.js";
import type { Misconduct } from "./answers.js";
import { HOST, serverTls } from "./suites.js";

const GOOD = /^(200|done)$/;
const NOT_TRUSTED = /^lost: the certificate of files\.example is from an authority that is not trusted here$/;
const DAY_MS = 24 * 3_600_000;

export interface TlsCase {
  readonly title: string;
  /** None: a server that knows nothing of TLS. */
  readonly server?: TlsOptions;
  readonly authority: string | Uint8Array;
  readonly misconduct?: Misconduct;
  /** What is said in the end. */
  readonly ends: RegExp;
}

export function makeTlsCases(): TlsCase[] {
  const trusted = new CertificateAuthority("Ferry's test authority");
  const onCurve = new CertificateAuthority("Ferry's test authority on a curve", { keys: "p256" });
  const stranger = new CertificateAuthority("Ferry's test authority");
  const authority = trusted.certificateDer;
  const server = serverTls(trusted, HOST);
  const past = { notBefore: new Date(0), notAfter: new Date(DAY_MS) };
  const future = { notBefore: new Date(Date.now() + DAY_MS), notAfter: new Date(Date.now() + 2 * DAY_MS) };
  const forged = stranger.issue(HOST);
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  return [
    { title: "a good certificate", server, authority, ends: GOOD },
    { title: "an authority in PEM", server, authority: trusted.certificate, ends: GOOD },
    { title: "keys on P-256", server: serverTls(onCurve, HOST), authority: onCurve.certificateDer, ends: GOOD },
    { title: "a server of any version", server: { ...server, maxVersion: "TLSv1.3" }, authority, ends: GOOD },
    { title: "a slow server", server, authority, misconduct: "slow", ends: GOOD },
    {
      title: "another host's certificate",
      server: serverTls(trusted, "other.example"),
      authority,
      ends: /another host/,
    },
    { title: "a stranger's authority", server: serverTls(stranger, HOST), authority, ends: NOT_TRUSTED },
    {
      title: "a certificate of its own",
      server: stranger.selfSigned(HOST),
      authority,
      ends: /is self-signed, and not/,
    },
    { title: "a certificate that has expired", server: trusted.issue(HOST, past), authority, ends: /has expired$/ },
    { title: "a certificate of tomorrow", server: trusted.issue(HOST, future), authority, ends: /is not valid yet$/ },
    {
      title: "a forged certificate, the true authority's behind it",
      server: withBehind(forged, trusted.certificate),
      authority,
      ends: NOT_TRUSTED,
    },
    {
      title: "a certificate that another server has issued",
      server: trusted.issueThroughServer(HOST, "other.example"),
      authority,
      ends: NOT_TRUSTED,
    },
    { title: "TLS 1.1", server: { ...server, ...old }, authority, ends: /speaks no TLS|refuses TLS/ },
    { title: "no TLS", authority, ends: /^lost: no TLS with files\.example/ },
    { title: "a reset in the handshake", authority, misconduct: "resets", ends: /^lost: lost files\.example: / },
    { title: "an end in the handshake", authority, misconduct: "hangs up", ends: /hung up in the middle of the TLS/ },
    { title: "an authority that is none", server, authority: new Uint8Array(40), ends: /authority given is damaged/ },
  ];
}

/** For a server that says nothing: the firmware's own limits end that. */
export function makeSilentCase(): Omit<TlsCase, "ends"> {
  const trusted = new CertificateAuthority("Ferry's test authority");
  return { title: "a silent server", authority: trusted.certificateDer, misconduct: "is silent" };
}

function withBehind({ key, cert }: Identity, more: string): TlsOptions {
  return { key, cert: `${cert}${more}` };
}
