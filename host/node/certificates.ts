/**
 * Certificate authorities of one's own, made on the spot for tests and demos: nobody else trusts them, and their keys
 * are forgotten with the process.
 */

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";
import type { Identity } from "./tls.js";

const { pki, md, asn1 } = forge;

const RSA_BITS = 2048;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Kinds of subjectAltName (RFC 5280, 4.2.1.6). */
const ALT_DNS_NAME = 2;
const ALT_IP_ADDRESS = 7;

export interface Validity {
  /** By default an hour ago, for clocks that differ. */
  readonly notBefore?: Date;
  /** By default a day from now. */
  readonly notAfter?: Date;
}

interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

interface Contents extends Validity {
  readonly subject: string;
  readonly issuer: string;
  /** The subject's. */
  readonly publicKey: string;
  readonly extensions: readonly object[];
}

export class CertificateAuthority {
  /** In PEM. */
  readonly certificate: string;
  readonly #name: string;
  readonly #keys = makeKeys();
  /** One for all servers: RSA keys take long to make. */
  readonly #serverKeys = makeKeys();

  constructor(name: string, validity: Validity = {}) {
    this.#name = name;
    this.certificate = sign(this.#keys, {
      subject: name,
      issuer: name,
      publicKey: this.#keys.publicKey,
      extensions: [
        { name: "basicConstraints", critical: true, cA: true },
        { name: "keyUsage", critical: true, keyCertSign: true },
      ],
      ...validity,
    });
  }

  get certificateDer(): Uint8Array {
    const der = asn1.toDer(pki.certificateToAsn1(pki.certificateFromPem(this.certificate)));
    return new Uint8Array(Buffer.from(der.getBytes(), "latin1"));
  }

  /** For a server with this name or IPv4 address. */
  issue(host: string, validity: Validity = {}): Identity {
    return this.#identify(host, this.#name, this.#keys, validity);
  }

  /** A certificate that a server has issued to itself: no authority vouches for it. */
  selfSigned(host: string, validity: Validity = {}): Identity {
    return this.#identify(host, host, this.#serverKeys, validity);
  }

  #identify(host: string, issuer: string, signer: KeyPair, validity: Validity): Identity {
    const altName = isIP(host) ? { type: ALT_IP_ADDRESS, ip: host } : { type: ALT_DNS_NAME, value: host };
    const { publicKey, privateKey } = this.#serverKeys;
    const extensions = [
      { name: "basicConstraints", critical: true, cA: false },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [altName] },
    ];
    return { key: privateKey, cert: sign(signer, { subject: host, issuer, publicKey, extensions, ...validity }) };
  }
}

function makeKeys(): KeyPair {
  return generateKeyPairSync("rsa", {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}

/** A certificate in PEM, signed with the issuer's key. */
function sign(signer: KeyPair, contents: Contents): string {
  const { subject, issuer, publicKey, extensions, notBefore, notAfter } = contents;
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.publicKeyFromPem(publicKey);
  // Positive, and never the same twice from one authority.
  certificate.serialNumber = `01${randomBytes(8).toString("hex")}`;
  certificate.validity.notBefore = notBefore ?? new Date(Date.now() - HOUR_MS);
  certificate.validity.notAfter = notAfter ?? new Date(Date.now() + DAY_MS);
  certificate.setSubject([{ name: "commonName", value: subject }]);
  certificate.setIssuer([{ name: "commonName", value: issuer }]);
  certificate.setExtensions([...extensions]);
  certificate.sign(pki.privateKeyFromPem(signer.privateKey), md.sha256.create());
  return pki.certificateToPem(certificate);
}
