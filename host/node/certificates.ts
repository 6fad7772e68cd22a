/**
 * Certificate authorities of one's own, made on the spot for tests and demos: nobody else trusts them, and their keys
 * are forgotten with the process.
 */

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";
import type { Identity } from "./tls.js";

const { asn1 } = forge;
const { Class, Type } = asn1;
type Asn1 = forge.asn1.Asn1;

const RSA_BITS = 2048;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Kinds of subjectAltName (RFC 5280, 4.2.1.6). */
const ALT_DNS_NAME = 2;
const ALT_IP_ADDRESS = 7;
const OID = Object.freeze({
  commonName: "2.5.4.3",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  sha256WithEcdsa: "1.2.840.10045.4.3.2",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
});

export interface Validity {
  /** By default an hour ago, for clocks that differ. */
  readonly notBefore?: Date;
  /** By default a day from now. */
  readonly notAfter?: Date;
}

export type KeyKind = "rsa" | "p256";

interface KeyPair {
  readonly kind: KeyKind;
  /** In PEM. */
  readonly privateKey: string;
  /** SubjectPublicKeyInfo, in DER. */
  readonly spki: Buffer;
}

interface Contents extends Validity {
  readonly subject: string;
  readonly issuer: string;
  /** The subject's. */
  readonly keys: KeyPair;
  readonly extensions: readonly Asn1[];
}

export class CertificateAuthority {
  /** In PEM. */
  readonly certificate: string;
  readonly #name: string;
  readonly #keys: KeyPair;
  /** One for all servers: RSA keys take long to make. */
  readonly #serverKeys: KeyPair;

  constructor(name: string, { keys = "rsa", ...validity }: Validity & { readonly keys?: KeyKind } = {}) {
    this.#name = name;
    this.#keys = makeKeys(keys);
    this.#serverKeys = makeKeys(keys);
    this.certificate = issue(this.#keys, {
      subject: name,
      issuer: name,
      keys: this.#keys,
      extensions: [
        extension(OID.basicConstraints, sequence(primitive(Type.BOOLEAN, "\xff")), true),
        extension(OID.keyUsage, primitive(Type.BITSTRING, "\x02\x04"), true), // keyCertSign
      ],
      ...validity,
    });
  }

  get certificateDer(): Uint8Array {
    const [pem] = forge.pem.decode(this.certificate);
    return new Uint8Array(Buffer.from(pem?.body ?? "", "latin1"));
  }

  /** For a server with this name or IPv4 address. */
  issue(host: string, validity: Validity = {}): Identity {
    return this.#identify(host, this.#name, this.#keys, validity);
  }

  /** For a server that another server vouches for, which has no right to; that one's certificate is behind it. */
  issueThroughServer(host: string, through: string): Identity {
    const { key, cert } = this.#identify(host, through, this.#serverKeys, {});
    return { key, cert: `${cert}${this.issue(through).cert}` };
  }

  /** A certificate that a server has issued to itself: no authority vouches for it. */
  selfSigned(host: string, validity: Validity = {}): Identity {
    return this.#identify(host, host, this.#serverKeys, validity);
  }

  #identify(host: string, issuer: string, signer: KeyPair, validity: Validity): Identity {
    const keys = this.#serverKeys;
    const extensions = [
      extension(OID.basicConstraints, sequence(), true),
      extension(OID.extKeyUsage, sequence(oid(OID.serverAuth))),
      extension(OID.subjectAltName, sequence(altName(host))),
    ];
    return { key: keys.privateKey, cert: issue(signer, { subject: host, issuer, keys, extensions, ...validity }) };
  }
}

function makeKeys(kind: KeyKind): KeyPair {
  const { privateKey } =
    kind === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: RSA_BITS })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    kind,
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    spki: createPublicKey(privateKey).export({ type: "spki", format: "der" }),
  };
}

/** A certificate in PEM, signed with the issuer's key (RFC 5280, 4.1). */
function issue(signer: KeyPair, contents: Contents): string {
  const { subject, issuer, keys, extensions } = contents;
  const validity = [
    contents.notBefore ?? new Date(Date.now() - HOUR_MS),
    contents.notAfter ?? new Date(Date.now() + DAY_MS),
  ];
  const keyIdentifiers = [
    extension(OID.subjectKeyIdentifier, primitive(Type.OCTETSTRING, keyIdentifierOf(keys))),
    extension(OID.authorityKeyIdentifier, sequence(primitive(0, keyIdentifierOf(signer), Class.CONTEXT_SPECIFIC))),
  ];
  const toBeSigned = sequence(
    tagged(0, primitive(Type.INTEGER, "\x02")),
    // Positive, and never the same twice from one authority.
    primitive(Type.INTEGER, `\x01${randomBytes(8).toString("latin1")}`),
    algorithmOf(signer),
    nameOf(issuer),
    sequence(...validity.map((date) => primitive(Type.UTCTIME, asn1.dateToUtcTime(date)))),
    nameOf(subject),
    asn1.fromDer(keys.spki.toString("latin1")),
    tagged(3, sequence(...extensions, ...keyIdentifiers)),
  );
  const signature = sign("sha256", derOf(toBeSigned), createPrivateKey(signer.privateKey)).toString("latin1");
  const certificate = sequence(toBeSigned, algorithmOf(signer), primitive(Type.BITSTRING, `\0${signature}`));
  return forge.pem.encode({ type: "CERTIFICATE", body: derOf(certificate).toString("latin1") });
}

function algorithmOf({ kind }: KeyPair): Asn1 {
  return kind === "rsa"
    ? sequence(oid(OID.sha256WithRsa), primitive(Type.NULL, ""))
    : sequence(oid(OID.sha256WithEcdsa));
}

function keyIdentifierOf({ spki }: KeyPair): string {
  return createHash("sha1").update(spki).digest().toString("latin1");
}

function nameOf(commonName: string): Asn1 {
  const attribute = sequence(oid(OID.commonName), primitive(Type.UTF8, Buffer.from(commonName).toString("latin1")));
  return sequence(asn1.create(Class.UNIVERSAL, Type.SET, true, [attribute]));
}

function altName(host: string): Asn1 {
  if (!isIP(host)) return primitive(ALT_DNS_NAME, host, Class.CONTEXT_SPECIFIC);
  const address = Buffer.from(host.split(".").map(Number)).toString("latin1");
  return primitive(ALT_IP_ADDRESS, address, Class.CONTEXT_SPECIFIC);
}

function extension(id: string, value: Asn1, isCritical = false): Asn1 {
  const parts = [oid(id), primitive(Type.OCTETSTRING, derOf(value).toString("latin1"))];
  if (isCritical) parts.splice(1, 0, primitive(Type.BOOLEAN, "\xff"));
  return sequence(...parts);
}

function derOf(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), "latin1");
}

function sequence(...parts: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, parts);
}

function primitive(type: number, bytes: string, tagClass: forge.asn1.Class = Class.UNIVERSAL): Asn1 {
  return asn1.create(tagClass, type, false, bytes);
}

function tagged(tag: number, value: Asn1): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, [value]);
}

function oid(id: string): Asn1 {
  return primitive(Type.OID, asn1.oidToDer(id).getBytes());
}
