/**
 * HTTPS on Node: a whole update whose image comes through real TLS, and the refusal of everybody whose certificate is
 * not good, told in words that reach the verdict.
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type LookupFunction, type Server } from "node:net";
import { connect as connectSecurely, createServer as createSecureServer } from "node:tls";
import { assert } from "chai";
import { parseOptions } from "../../host/cli/demo/options.js";
import { type Preparation, planFor, prepare } from "../../host/cli/demo/preparation.js";
import { DemoScenario, VERDICT_LIMIT_MS } from "../../host/cli/demo/scenario.js";
import { CertificateAuthority } from "../../host/node/certificates.js";
import { NodeDigest } from "../../host/node/digest.js";
import { NodeFileServer } from "../../host/node/file-server.js";
import { NodeNetwork } from "../../host/node/network.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import type { Authority, Identity } from "../../host/node/tls.js";
import type { FileServerBehavior } from "../../host/peers/file-response.js";
import type { Cause } from "../../src/base/failure.js";
import { FRUITLESS_ATTEMPTS_MAX } from "../../src/download/retries.js";
import type { NcpNews } from "../../src/ncp.js";

const HOST = "files.example";
const PATH = "/firmware.bin";
const DAY_MS = 86_400_000;
const LONG_AGO = new Date(Date.now() - 2 * DAY_MS);
const YESTERDAY = new Date(Date.now() - DAY_MS);
const TOMORROW = new Date(Date.now() + DAY_MS);

/** Every name is this computer. */
const lookup: LookupFunction = (_host, options, callback) => {
  process.nextTick(() => {
    if (typeof options === "object" && options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
    else callback(null, "127.0.0.1", 4);
  });
};

describe("Over TLS", () => {
  let authority: CertificateAuthority;
  let stranger: CertificateAuthority;
  let preparation: Preparation;
  const servers: NodeFileServer[] = [];
  const listeners: Server[] = [];

  before(() => {
    authority = new CertificateAuthority("Ferry's test authority");
    stranger = new CertificateAuthority("Somebody else's authority");
    preparation = prepare(parseOptions([]));
  });

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
    for (const listener of listeners.splice(0)) listener.close();
  });

  async function serve(identity: Identity | undefined, behavior: Partial<FileServerBehavior> = {}) {
    const files = { [PATH]: { bytes: preparation.image, tag: "one" } };
    const server = await NodeFileServer.listen({ files, ...behavior }, identity ? { identity } : {});
    servers.push(server);
    return server;
  }

  async function listen(listener: Server): Promise<number> {
    listeners.push(listener);
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return (listener.address() as AddressInfo).port;
  }

  /** Offers what is behind the URL to a device that trusts these, and awaits the verdict. */
  async function update(url: string, trust: readonly Authority[]) {
    const network = new NodeNetwork({ clock: new PacedClock(), lookup, trust });
    const news: NcpNews["kind"][] = [];
    const scenario = new DemoScenario({
      plan: planFor(preparation, url),
      network,
      Digest: NodeDigest,
      onEvent: (event) => event.source === "ferry" && news.push(event.news.kind),
    });
    scenario.start();
    try {
      await network.clock.run(() => scenario.verdict !== undefined, VERDICT_LIMIT_MS, "the verdict");
      const isUpdated = Buffer.compare(scenario.received, preparation.image) === 0;
      return { ...scenario.outcome, isUpdated, news };
    } finally {
      network.dropConnections();
    }
  }

  function urlOf(port: number, host = HOST): string {
    return `https://${host}:${port}${PATH}`;
  }

  async function assertUpdated(url: string, trust: readonly Authority[]): Promise<void> {
    const { verdict, isUpdated } = await update(url, trust);
    assert.deepEqual(verdict, { kind: "succeeded", proof: "version" });
    assert.isTrue(isUpdated);
  }

  /** No byte of the image has come, and the verdict says why. */
  async function assertRefused(url: string, trust: readonly Authority[], cause: Cause, says: string): Promise<void> {
    const { verdict, isUpdated, downloadedBytes, news } = await update(url, trust);
    if (verdict.kind !== "failed") return assert.fail(`the verdict is ${verdict.kind}`);
    assert.deepInclude(verdict.failure, { stage: "download", cause, offset: 0 });
    assert.isTrue(verdict.failure.detail.startsWith(says), verdict.failure.detail);
    assert.deepEqual([isUpdated, downloadedBytes], [false, 0]);
    assert.notIncludeMembers(news, ["fetched"]);
    assert.notIncludeMembers(news, ["staged"]);
  }

  describe("a server with a good certificate", () => {
    it("is trusted by name, with its authority given as PEM, as DER, as DER in a file's bytes, or among others", async () => {
      const server = await serve(authority.issue(HOST));
      const { certificate, certificateDer } = authority;
      for (const trust of [
        [certificate],
        [certificateDer],
        [new TextEncoder().encode(certificate)],
        [`# two\n${stranger.certificate}\n${certificate}`],
        [stranger.certificateDer, certificateDer],
      ]) {
        await assertUpdated(urlOf(server.port), trust);
      }
      assert.lengthOf(server.requests, 5);
    });

    it("is trusted by address, when its certificate is for that", async () => {
      const server = await serve(authority.issue("127.0.0.1"));
      assert.match(server.url(PATH), /^https:\/\/127\.0\.0\.1:\d+\/firmware\.bin$/);
      await assertUpdated(server.url(PATH), [authority.certificate]);
      assert.lengthOf(server.requests, 1);
    });

    it("is trusted when it has issued its certificate itself and that very one is given", async () => {
      const identity = authority.selfSigned(HOST);
      const server = await serve(identity);
      await assertUpdated(urlOf(server.port), [identity.cert]);
    });

    it("is asked for by name", async () => {
      const names: unknown[] = [];
      const listener = createSecureServer(authority.issue(HOST), (socket) => {
        names.push(socket.servername);
        socket.end("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
      });
      await assertRefused(urlOf(await listen(listener)), [authority.certificate], "request", "the server answered 404");
      assert.deepEqual(names, [HOST]);
    });

    it("is asked for the rest when it resets or refuses connections", async () => {
      const server = await serve(authority.issue(HOST), {
        cutAtByte: { byte: 100_000, times: 2 },
        refusesConnections: { times: 1 },
      });
      await assertUpdated(urlOf(server.port), [authority.certificate]);
      assert.deepInclude(server.fired, { cutAtByte: 2, refusesConnections: 1 });
      const offsets = server.requests.map(({ headers }) => Number(/\d+/.exec(headers.get("range") ?? "0")?.[0]));
      assert.lengthOf(offsets, 3);
      assert.isAbove(offsets[1] ?? 0, 0);
      assert.isAbove(offsets[2] ?? 0, offsets[1] ?? 0);
    });
  });

  describe("a connection is refused", () => {
    const bad: readonly (readonly [what: string, show: () => Identity, says: string])[] = [
      [
        "the certificate is for another host",
        () => authority.issue("other.example"),
        "the certificate of files.example is for another host: DNS:other.example",
      ],
      [
        "the certificate has expired",
        () => authority.issue(HOST, { notBefore: LONG_AGO, notAfter: YESTERDAY }),
        "the certificate of files.example has expired",
      ],
      [
        "the certificate is not yet valid",
        () => authority.issue(HOST, { notBefore: TOMORROW, notAfter: new Date(TOMORROW.getTime() + DAY_MS) }),
        "the certificate of files.example is not yet valid",
      ],
      [
        "the certificate is the server's own word",
        () => authority.selfSigned(HOST),
        "the certificate of files.example is self-signed, and not trusted here",
      ],
      [
        "nobody knows the certificate's authority",
        () => stranger.issue(HOST),
        "the certificate of files.example is from an authority that is not trusted here",
      ],
      [
        "the certificate comes with its unknown authority",
        () => ({ ...stranger.issue(HOST), cert: stranger.issue(HOST).cert + stranger.certificate }),
        "the certificate of files.example is from an authority that is not trusted here",
      ],
    ];
    for (const [when, show, says] of bad) {
      it(`when ${when}`, async () => {
        const server = await serve(show());
        await assertRefused(urlOf(server.port), [authority.certificate], "connect", says);
        assert.lengthOf(server.requests, 0, "nothing was asked");
      });
    }

    it("when no authority is given, before anything leaves", async () => {
      const server = await serve(authority.issue(HOST));
      await assertRefused(urlOf(server.port), [], "connect", "https is refused, for this network trusts no authority");
      assert.strictEqual(server.connections, 0);
    });

    it("when the server hangs up in the handshake, orderly or not", async () => {
      for (const how of ["end", "resetAndDestroy"] as const) {
        let connections = 0;
        const listener = createServer((socket) => {
          connections++;
          socket.on("error", () => {});
          socket.once("data", () => socket[how]());
        });
        const says = "files.example hung up in the middle of the TLS handshake";
        await assertRefused(urlOf(await listen(listener)), [authority.certificate], "connect", says);
        assert.strictEqual(connections, FRUITLESS_ATTEMPTS_MAX, how);
      }
    });

    it("when the server speaks no TLS", async () => {
      const listener = createServer((socket) => {
        socket.on("error", () => {});
        socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      });
      const says = "no TLS with files.example: ";
      await assertRefused(urlOf(await listen(listener)), [authority.certificate], "connect", says);
    });

    it("when the server speaks TLS 1.1 at most", async () => {
      const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
      const listener = createSecureServer({ ...old, ...authority.issue(HOST) });
      const port = await listen(listener);
      const ca = authority.certificate;
      const client = connectSecurely({ ...old, port, host: "127.0.0.1", servername: HOST, ca });
      await once(client, "secureConnect");
      assert.strictEqual(client.getProtocol(), "TLSv1.1", "to whoever speaks it");
      client.destroy();
      await assertRefused(urlOf(port), [ca], "connect", "no TLS with files.example: ");
    });
  });

  describe("a redirect", () => {
    it("is followed from http to https", async () => {
      const secure = await serve(authority.issue(HOST));
      const plain = await serve(undefined, { redirects: { [PATH]: { location: urlOf(secure.port) } } });
      await assertUpdated(plain.url(PATH), [authority.certificate]);
      assert.deepEqual([plain.fired.redirects, secure.requests.length], [1, 1]);
    });

    it("is refused from https to http", async () => {
      const plain = await serve(undefined);
      const secure = await serve(authority.issue(HOST), { redirects: { [PATH]: { location: plain.url(PATH) } } });
      const says = "a redirect from https to http";
      await assertRefused(urlOf(secure.port), [authority.certificate], "request", says);
      assert.deepEqual([secure.fired.redirects, plain.requests.length], [1, 0]);
    });
  });

  describe("a network", () => {
    const make = (...trust: Authority[]) => new NodeNetwork({ clock: new PacedClock(), trust });

    it("is not made with an authority that is no certificate", () => {
      const { certificate, certificateDer } = authority;
      assert.throws(() => make(certificate, "ca.pem"), "trust[1] holds no certificate: give one as PEM or DER");
      assert.throws(() => make(new Uint8Array(0)), "trust[0] holds no certificate");
      assert.throws(() => make(certificateDer.subarray(0, 400)), "trust[0] holds a damaged certificate");
      assert.throws(() => make(certificate.replaceAll("M", "A")), "trust[0] holds a damaged certificate");
    });
  });
});
