/** The native protocol over real TLS: a login to a server with a good certificate, and to none with a bad one. */

import { once } from "node:events";
import type { AddressInfo, LookupFunction, Server } from "node:net";
import { createServer as createSecureServer } from "node:tls";
import { assert } from "chai";
import { CertificateAuthority } from "../../host/node/certificates.js";
import { realClock } from "../../host/node/clock.js";
import { NodeNetwork } from "../../host/node/network.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import { NodeTcpStream } from "../../host/node/tcp-stream.js";
import type { Identity } from "../../host/node/tls.js";
import { Native, NativeCloudServer } from "../../host/peers/native-cloud-server.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { makeSocketClass } from "../../host/sim/socket.js";
import { FailureCode } from "../../src/base/failure-code.js";
import { NativeCloud } from "../../src/cloud/native/native-cloud.js";
import { listenTo } from "../support/cloud-events.js";

const HOST = "cloud.example";
const TOKEN = "0123456789abcdefghijklmnopqrstuv";
const DAY_MS = 86_400_000;
const ANSWER_MS = 30_000;

/** Every name is this computer. */
const lookup: LookupFunction = (_host, options, callback) => {
  process.nextTick(() => {
    if (typeof options === "object" && options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
    else callback(null, "127.0.0.1", 4);
  });
};

describe("The native cloud over real TLS", () => {
  let authority: CertificateAuthority;
  let stranger: CertificateAuthority;
  const closings: (() => void)[] = [];

  before(() => {
    authority = new CertificateAuthority("Ferry's test authority");
    stranger = new CertificateAuthority("Somebody else's authority");
  });

  afterEach(() => {
    for (const close of closings.splice(0)) close();
  });

  async function listen(identity: Identity, cloud: NativeCloudServer): Promise<number> {
    const listener: Server = createSecureServer(identity, (socket) => {
      cloud.accept(new NodeTcpStream(socket));
    });
    listener.on("tlsClientError", () => {});
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    closings.push(() => listener.close());
    return (listener.address() as AddressInfo).port;
  }

  /** Logs in at a server with this certificate; the first that is heard, and the server. */
  async function logIn(identity: Identity) {
    const server = new NativeCloudServer(realClock, { tokens: [TOKEN] });
    const port = await listen(identity, server);
    const clock = new PacedClock();
    const network = new NodeNetwork({ clock, lookup, trust: [authority.certificate] });
    const cpu = new SimCpu(clock);
    const cloud = new NativeCloud({
      clock: new DeviceClock(clock, cpu),
      tls: { io: makeSocketClass({ network, cpu, life: { assertAlive() {} } }, { secure: true }) },
    });
    closings.push(() => network.dropConnections());
    const heard: string[] = [];
    cloud.start({ host: HOST, port, token: TOKEN }, listenTo(heard));
    await clock.run(() => heard.length > 0, ANSWER_MS, "the end of the try");
    return { server, cloud, heard, clock };
  }

  it("logs in where the certificate is good, and data goes both ways", async () => {
    const { server, cloud, heard, clock } = await logIn(authority.issue(HOST));
    assert.deepEqual(heard, ["up"]);
    assert.deepEqual(server.heard(Native.LOGIN), [[TOKEN]]);
    cloud.virtualWrite(1, Uint8Array.of(0x34, 0x32));
    server.send(Native.HARDWARE, "vw", "2", "on");
    const isThrough = () => heard.length > 1 && server.heard(Native.HARDWARE).length > 0;
    await clock.run(isThrough, ANSWER_MS, "both values");
    assert.deepEqual(heard.slice(1), ["pin 2=on"]);
    assert.deepEqual(server.heard(Native.HARDWARE), [["vw", "1", "42"]]);
  });

  const bad: readonly (readonly [what: string, show: () => Identity])[] = [
    ["is from an authority that nobody knows", () => stranger.issue(HOST)],
    ["is the server's own word", () => authority.selfSigned(HOST)],
    ["is for another host", () => authority.issue("other.example")],
    [
      "has expired",
      () =>
        authority.issue(HOST, {
          notBefore: new Date(Date.now() - 2 * DAY_MS),
          notAfter: new Date(Date.now() - DAY_MS),
        }),
    ],
  ];
  for (const [what, show] of bad) {
    it(`says nothing, the token least of all, to a server whose certificate ${what}`, async () => {
      const { server, cloud, heard } = await logIn(show());
      assert.deepEqual(heard, [`failed ${FailureCode.TLS_CERTIFICATE}`]);
      assert.equal(cloud.counters.connections, 1, "it was asked");
      assert.deepEqual(server.messages, []);
    });
  }
});
