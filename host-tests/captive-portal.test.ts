/** A device in a network that lets nobody through before a person has logged in: code 712, and what is not one. */

import { assert } from "chai";
import { CaptivePortal, type CaptivePortalBehavior } from "../host/peers/captive-portal.js";
import { FileServer } from "../host/peers/file-server.js";
import { asciiBytes } from "../host/sim/ascii.js";
import { CLOUD_MAKERS, type SimOnline } from "../host/sim/connectivity.js";
import type { TcpEnd } from "../host/sim/tcp-stream.js";
import { FailureCode } from "../src/base/failure-code.js";
import { ANSWER_BYTES_MAX, CHECK_MS, CHECK_PATH, isAnswerOfPortal } from "../src/network/captive-portal.js";
import { PORTAL_RECHECK_MS } from "../src/wiring/portal-watch.js";
import { CLOUD_HOST, HOME, OnlineBench, TOKEN } from "./support/online-bench.js";

const { CAPTIVE_PORTAL, CLOUD_GENERIC, CLOUD_TIMEOUT, TLS_CERTIFICATE } = FailureCode;

interface Start {
  readonly portal?: CaptivePortal;
  readonly online?: Partial<SimOnline>;
  readonly port?: number;
  /** What is wrong besides. */
  readonly prepare?: (bench: OnlineBench) => void;
}

/** A device that has been trying for a while. */
function started({ portal, online, port = 0, prepare }: Start): OnlineBench {
  const bench = new OnlineBench(online);
  bench.home.portal = portal;
  prepare?.(bench);
  bench.boot();
  bench.mcu.call("ferry.setNetwork", HOME);
  bench.mcu.call("ferry.setCloud", { host: "", port, token: TOKEN });
  bench.mcu.initialize();
  bench.clock.advance(60_000);
  return bench;
}

function lastErrorOf(bench: OnlineBench): number {
  return bench.mcu.call("ferry.getConnection", {}).lastError;
}

describe("A device behind a captive portal", () => {
  const PORTALS: readonly (readonly [what: string, behavior: CaptivePortalBehavior])[] = [
    ["sends web visitors to its login", { answersWith: 302 }],
    ["shows them its login in place", { answersWith: 200 }],
    ["tells them so as RFC 6585 has it", { answersWith: 511 }],
    ["drops TLS without a word", { dropsTls: true }],
  ];

  for (const [what, behavior] of PORTALS) {
    it(`says so where the portal ${what}, and is online once somebody has logged in there`, () => {
      const portal = new CaptivePortal(behavior);
      const bench = started({ portal });
      const { lastError, meaning } = bench.mcu.call("ferry.getConnection", {});
      assert.equal(lastError, CAPTIVE_PORTAL);
      assert.match(meaning, /captive portal.*; let the device in there/);
      assert.isAtLeast(portal.counts.answers, 1);
      assert.deepEqual(bench.cloud.counts.connections, 0);
      portal.logIn();
      bench.clock.runUntil(() => bench.cloud.online === 1, 400_000, "the login");
      bench.clock.advance(100);
      assert.equal(lastErrorOf(bench), 0);
    });
  }

  it("says so over MQTT, whose port the portal refuses", () => {
    const portal = new CaptivePortal();
    const bench = started({ portal, online: { makeCloud: CLOUD_MAKERS.mqtt.make } });
    assert.equal(lastErrorOf(bench), CAPTIVE_PORTAL);
    assert.isAtLeast(portal.counts.refused, 1);
  });

  it("says so without TLS, where the portal answers in another protocol", () => {
    const portal = new CaptivePortal();
    const makeCloud: SimOnline["makeCloud"] = (parts) => CLOUD_MAKERS.native.make(parts, { allowPlain: true });
    const bench = started({ portal, online: { makeCloud }, port: 80 });
    assert.equal(lastErrorOf(bench), CAPTIVE_PORTAL);
    assert.equal(bench.network.counts.badCertificates, 0);
  });

  it("says it of each try, as long as it lasts", () => {
    const portal = new CaptivePortal();
    const bench = started({ portal });
    const { visits } = portal.counts;
    for (let minute = 0; minute < 30; minute++) {
      bench.clock.advance(60_000);
      assert.equal(lastErrorOf(bench), CAPTIVE_PORTAL);
    }
    assert.isAbove(portal.counts.visits, visits + 4);
    assert.isBelow(portal.counts.visits, visits + 40, "of which half are tries to log in");
  });

  it("does not wait for one that never answers, and goes by what it knows", () => {
    const portal = new CaptivePortal({ isMute: true });
    const bench = started({ portal });
    assert.equal(lastErrorOf(bench), TLS_CERTIFICATE);
    assert.isAtLeast(portal.counts.visits, 2);
    assert.equal(bench.network.connections, 0);
  });
});

describe("A device whose cloud is at fault itself", () => {
  const badCertificate = (bench: OnlineBench) => bench.network.certificateProblems.set(CLOUD_HOST, "it has expired");
  /** With a web server beside the cloud. */
  const besides = (server: (connection: TcpEnd) => boolean) => (bench: OnlineBench) => {
    badCertificate(bench);
    bench.network.listen(CLOUD_HOST, 80, server);
  };

  it("says that its certificate is bad, where nobody listens at port 80", () => {
    const bench = started({ prepare: badCertificate });
    assert.equal(lastErrorOf(bench), TLS_CERTIFICATE);
    assert.isAtLeast(bench.network.counts.refused, 1, "it was checked");
  });

  it("says the same where its web server knows no such file, or has it at the same name over HTTPS", () => {
    for (const redirects of [{}, { [CHECK_PATH]: { location: `https://${CLOUD_HOST}${CHECK_PATH}` } }]) {
      let requests = 0;
      const bench = started({
        prepare: (made) => {
          const web = new FileServer(made.clock, { files: {}, redirects });
          besides((connection) => {
            requests++;
            return web.accept(connection);
          })(made);
        },
      });
      assert.equal(lastErrorOf(bench), TLS_CERTIFICATE);
      assert.equal(requests, 1);
    }
  });

  it("asks once in a while only, however often it tries to log in", () => {
    let requests = 0;
    const bench = started({
      prepare: besides(() => {
        requests++;
        return false;
      }),
    });
    bench.clock.advance(PORTAL_RECHECK_MS - 60_000);
    assert.isAbove(bench.network.counts.badCertificates, 4, "tries");
    assert.equal(requests, 1);
    bench.clock.advance(PORTAL_RECHECK_MS);
    assert.equal(requests, 2);
    assert.equal(lastErrorOf(bench), TLS_CERTIFICATE);
  });

  it("is not led on by an answer that never ends, or makes no sense", () => {
    for (const line of ["x".repeat(200), "HTTP/1.1 302 Found\r\n", `X-Filler: ${"y".repeat(100)}\r\n`]) {
      let sent = 0;
      const bench = started({
        prepare: besides((connection) => {
          const send = () => {
            connection.send(asciiBytes(line));
            sent += line.length;
          };
          connection.handlers = { onReceive: send, onDrained: send };
          return true;
        }),
      });
      assert.equal(lastErrorOf(bench), TLS_CERTIFICATE);
      assert.isAbove(sent, ANSWER_BYTES_MAX);
      assert.equal(bench.network.connections, 0);
    }
  });

  it("does not ask after a token that is refused, or a name that cannot be looked up", () => {
    let requests = 0;
    const bench = started({
      prepare: (made) => {
        made.network.listen(CLOUD_HOST, 80, () => {
          requests++;
          return false;
        });
        made.cloud.behavior = { tokens: [] };
      },
    });
    assert.equal(lastErrorOf(bench), FailureCode.TOKEN_INVALID);
    bench.network.resolverAnswers = false;
    bench.mcu.call("ferry.connect", {});
    bench.clock.advance(60_000);
    assert.equal(lastErrorOf(bench), FailureCode.DNS);
    assert.equal(requests, 0);
  });

  it("gives a check up with the try that it belongs to", () => {
    const bench = new OnlineBench();
    besides(() => true)(bench);
    bench.boot();
    bench.provision();
    bench.mcu.initialize();
    bench.clock.runUntil(() => bench.network.counts.badCertificates === 1, 60_000, "the bad certificate");
    bench.clock.advance(CHECK_MS / 2);
    assert.equal(bench.network.connections, 1, "the check");
    bench.mcu.call("blynk.configStart", {});
    bench.clock.advance(2 * CHECK_MS);
    assert.equal(bench.network.connections, 0);
    assert.equal(lastErrorOf(bench), 0, "nobody is told of it");
  });

  it("says 702 and 705 of a cloud that is mute, and of one that refuses", () => {
    const mute = started({
      prepare: ({ cloud, network }) => {
        cloud.behavior = { tokens: [TOKEN], isMute: true };
        network.listen(CLOUD_HOST, 9443, cloud.accept);
      },
    });
    assert.equal(lastErrorOf(mute), CLOUD_TIMEOUT);
    const odd = started({
      prepare: ({ cloud }) => {
        cloud.behavior = { tokens: [TOKEN], loginStatus: 11 };
      },
    });
    assert.equal(lastErrorOf(odd), CLOUD_GENERIC);
  });
});

describe("An answer to the check", () => {
  const answer = (status: string, ...headers: string[]) => [`HTTP/1.1 ${status}`, ...headers, "", ""].join("\r\n");
  const to = (location: string) => answer("302 Found", "Server: x", `Location: ${location}`);
  const CASES: readonly (readonly [what: string, head: string, isPortal: boolean])[] = [
    ["a page", answer("200 OK"), true],
    ["511", answer("511 Network Authentication Required"), true],
    ["another host", to("http://login.hotel.example/?a=1"), true],
    ["another host over HTTPS", to("https://hotel.example:8443/login"), true],
    ["an address", to("http://10.0.0.1/"), true],
    ["another case of letters", "HTTP/1.0 307\r\nLOCATION:HTTP://HOTEL.EXAMPLE\r\n", true],
    ["the same name", to("https://blynk.cloud/x"), false],
    ["the same name in other letters", to("https://Blynk.Cloud/x"), false],
    ["a house of the same site", to("https://www.blynk.cloud/"), false],
    ["a place of its own", to("/login"), false],
    ["nowhere", answer("302 Found"), false],
    ["not found", answer("404 Not Found"), false],
    ["no content", answer("204 No Content"), false],
    ["an error", answer("503 Unavailable", "Location: http://hotel.example/"), false],
    ["another protocol", "\x00\x00\x01\x00\xc8", false],
    ["nothing", "", false],
  ];
  for (const [what, head, isPortal] of CASES) {
    it(`is ${isPortal ? "a portal's" : "no portal's"} where it is ${what}`, () => {
      assert.equal(isAnswerOfPortal(head, "blynk.cloud"), isPortal);
    });
  }
});
