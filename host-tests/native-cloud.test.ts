/** Blynk's native protocol, client against server: logins, redirects, data both ways, and servers that misbehave. */

import { assert } from "chai";
import {
  Native,
  type NativeCloudBehavior,
  NativeCloudServer,
  nativeMessage,
} from "../host/peers/native-cloud-server.js";
import { asciiText } from "../host/sim/ascii.js";
import { VirtualClock } from "../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../host/sim/cpu.js";
import { Network } from "../host/sim/network.js";
import { Random } from "../host/sim/random.js";
import { makeSocketClass } from "../host/sim/socket.js";
import { FailureCode } from "../src/base/failure-code.js";
import type { CloudEvents, CloudIdentity } from "../src/cloud/cloud.js";
import { BODY_BYTES_MAX, MessageParser, type MessageSink, Status } from "../src/cloud/native/message.js";
import {
  LOGIN_MS,
  NativeCloud,
  PING_ANSWER_MS,
  PING_INTERVAL_MS,
  PLAIN_PORT,
  REDIRECTS_MAX,
} from "../src/cloud/native/native-cloud.js";

const TOKEN = "0123456789abcdefghijklmnopqrstuv";
const HOST = "cloud.example";
const OTHER_HOST = "region.cloud.example";

const IDENTITY: CloudIdentity = {
  templateId: "TMPL0123456789",
  firmwareType: "TMPL0123456789",
  firmwareVersion: "1.0.0",
  firmwareBuild: "Nov 21 2026 12:00:00",
  blynkVersion: "0.7.0",
  ferryVersion: "0.1.0",
};

const text = asciiText;

function bytes(value: string): Uint8Array {
  return Uint8Array.from(value, (letter) => letter.charCodeAt(0));
}

interface BenchOptions {
  readonly behavior?: Partial<NativeCloudBehavior>;
  /** Ports on which the server listens. */
  readonly ports?: readonly number[];
  readonly plain?: boolean;
}

function makeBench({ behavior = {}, ports = [443], plain = false }: BenchOptions = {}) {
  const clock = new VirtualClock();
  const network = new Network(clock);
  const server = new NativeCloudServer(clock, { tokens: [TOKEN], ...behavior });
  for (const port of ports) network.listen(HOST, port, server.accept);
  const cpu = new SimCpu(clock);
  const binding = { network, cpu, life: { assertAlive() {} } };
  const cloud = new NativeCloud({
    clock: new DeviceClock(clock, cpu),
    tls: { io: makeSocketClass(binding, { secure: true }) },
    ...(plain ? { plain: { io: makeSocketClass(binding) } } : {}),
  });
  const heard: string[] = [];
  const events: CloudEvents = {
    onUp: () => heard.push("up"),
    onFailed: (code) => heard.push(`failed ${code}`),
    onLost: () => heard.push("lost"),
    onPin: (vpin, value) => heard.push(`pin ${vpin}=${text(value).replaceAll("\0", "|")}`),
    onOffer: (offer) => heard.push(`offer ${JSON.stringify(offer)}`),
    onTime: (time) => heard.push(`time ${JSON.stringify(time)}`),
    onLocation: (latitude, longitude) => heard.push(`location ${latitude} ${longitude}`),
    onMetadata: (field, value) => heard.push(`metadata ${field}=${value}`),
    onReboot: () => heard.push("reboot"),
    onReconfigure: () => heard.push("reconfigure"),
  };
  const start = (token = TOKEN) => cloud.start({ host: HOST, token }, events);
  /** Starts and waits for the session. */
  const goUp = () => {
    start();
    clock.runUntil(() => heard.includes("up"), 30_000, "the login");
    clock.advance(1_000);
    heard.length = 0;
  };
  return { clock, network, server, cloud, heard, start, goUp };
}

describe("the native cloud, logging in", () => {
  it("logs in with its token and says what it is", () => {
    const { clock, server, cloud, heard, start } = makeBench();
    start();
    clock.advance(5_000);
    assert.deepEqual(heard, ["up"]);
    assert.deepEqual(server.heard(Native.LOGIN), [[TOKEN]]);
    assert.isTrue(cloud.tellIdentity(IDENTITY));
    clock.advance(1_000);
    const [info = []] = server.heard(Native.INTERNAL);
    const pairs = Object.fromEntries(info.flatMap((key, i) => (i % 2 === 0 ? [[key, info[i + 1]]] : [])));
    assert.deepEqual(pairs, {
      mcu: "1.0.0",
      "fw-type": "TMPL0123456789",
      build: "Nov 21 2026 12:00:00",
      blynk: "0.7.0",
      ncp: "0.1.0",
      "h-beat": "45",
      "buff-in": String(BODY_BYTES_MAX),
      tmpl: "TMPL0123456789",
    });
  });

  it("says nothing of what the MCU has not named", () => {
    const { clock, server, cloud, goUp } = makeBench();
    goUp();
    cloud.tellIdentity({ ...IDENTITY, firmwareBuild: "", templateId: "" });
    clock.advance(1_000);
    const info = server.heard(Native.INTERNAL).at(-1) ?? [];
    assert.notInclude(info, "build");
    assert.notInclude(info, "tmpl");
    assert.include(info, "mcu");
  });

  it("tries port 9443 when 443 is closed, and port 80 only when the product has allowed it", () => {
    const open = makeBench({ ports: [9443] });
    open.goUp();
    assert.equal(open.server.logins.length, 1);
    const closed = makeBench({ ports: [PLAIN_PORT] });
    closed.start();
    closed.clock.advance(60_000);
    assert.deepEqual(closed.heard, [`failed ${FailureCode.CLOUD_GENERIC}`]);
    assert.equal(closed.server.counts.connections, 0);
    const allowed = makeBench({ ports: [PLAIN_PORT], plain: true });
    allowed.goUp();
    assert.equal(allowed.server.logins.length, 1);
  });

  it("tells a bad token from other refusals", () => {
    const bad = makeBench();
    bad.start("not the token");
    bad.clock.advance(10_000);
    assert.deepEqual(bad.heard, [`failed ${FailureCode.TOKEN_INVALID}`]);
    assert.equal(bad.server.counts.refusedLogins, 1);
    for (const loginStatus of [5, 12]) {
      const busy = makeBench({ behavior: { loginStatus } });
      busy.start();
      busy.clock.advance(10_000);
      assert.deepEqual(busy.heard, [`failed ${FailureCode.CLOUD_GENERIC}`], String(loginStatus));
    }
  });

  it("is in when the server says that it is registered already", () => {
    const { clock, heard, start } = makeBench({ behavior: { loginStatus: 4 } });
    start();
    clock.advance(1_000);
    assert.deepEqual(heard, ["up"]);
  });

  it("waits for a server that takes its time", () => {
    const { clock, server, heard, start } = makeBench({ behavior: { answersLoginAfterMs: LOGIN_MS - 5_000 } });
    start();
    clock.advance(LOGIN_MS - 6_000);
    assert.deepEqual(heard, []);
    clock.advance(2_000);
    assert.deepEqual([server.counts.lateLogins, ...heard], [1, "up"]);
  });

  it("says when the name cannot be looked up, and when the certificate is refused", () => {
    const unknown = makeBench({ ports: [] });
    unknown.start();
    unknown.clock.advance(10_000);
    assert.deepEqual(unknown.heard, [`failed ${FailureCode.DNS}`]);
    assert.equal(unknown.network.counts.unresolved, 1);
    const fake = makeBench();
    fake.network.certificateProblems.set(HOST, "the certificate has expired");
    fake.start();
    fake.clock.advance(10_000);
    assert.deepEqual(fake.heard, [`failed ${FailureCode.TLS_CERTIFICATE}`]);
    assert.equal(fake.network.counts.badCertificates, 1);
  });

  it("gives a mute server its time on each port, then fails", () => {
    const { clock, server, heard, start } = makeBench({ behavior: { isMute: true }, ports: [443, 9443] });
    start();
    clock.advance(2 * LOGIN_MS - 1);
    assert.deepEqual(heard, []);
    clock.advance(1_000);
    assert.deepEqual(heard, [`failed ${FailureCode.CLOUD_TIMEOUT}`]);
    assert.equal(server.counts.connections, 2);
  });

  it("says nothing more after stop", () => {
    const { clock, cloud, heard, start } = makeBench();
    start();
    clock.advance(100);
    cloud.stop();
    clock.advance(60_000);
    assert.deepEqual(heard, []);
    assert.isFalse(cloud.syncAll());
  });
});

describe("the native cloud, redirected", () => {
  it("goes where the login is sent", () => {
    const bench = makeBench({ behavior: { redirectsTo: [OTHER_HOST, 443] } });
    const region = new NativeCloudServer(bench.clock, { tokens: [TOKEN] });
    bench.network.listen(OTHER_HOST, 443, region.accept);
    bench.goUp();
    assert.equal(bench.server.counts.redirects, 1);
    assert.equal(region.logins.length, 1);
    assert.equal(bench.cloud.counters.redirects, 1);
  });

  it("leaves a ring of servers that send it round", () => {
    const { clock, server, heard, start } = makeBench({ behavior: { redirectsTo: [HOST, 443] } });
    start();
    clock.advance(60_000);
    assert.deepEqual(heard, [`failed ${FailureCode.CLOUD_GENERIC}`]);
    assert.equal(server.counts.redirects, REDIRECTS_MAX + 1);
  });

  it("leaves a live session when it is sent away, and comes back at the new place", () => {
    const bench = makeBench();
    const region = new NativeCloudServer(bench.clock, { tokens: [TOKEN] });
    bench.network.listen(OTHER_HOST, 443, region.accept);
    bench.goUp();
    bench.server.send(Native.REDIRECT, OTHER_HOST, "443");
    bench.clock.advance(1_000);
    assert.deepEqual(bench.heard, ["lost"]);
    bench.goUp();
    assert.equal(region.logins.length, 1);
  });

  it("never goes from TLS to a connection without: not in the login, and not in a session", () => {
    for (const target of [[OTHER_HOST, PLAIN_PORT] as const, [OTHER_HOST, 443] as const]) {
      const bench = makeBench({ plain: true, behavior: { redirectsTo: target } });
      const spy = new NativeCloudServer(bench.clock, { tokens: [TOKEN] });
      bench.network.listen(OTHER_HOST, PLAIN_PORT, spy.accept);
      bench.start();
      bench.clock.advance(120_000);
      assert.equal(bench.server.counts.redirects, 1);
      assert.equal(spy.counts.connections, 0, target.join(":"));
      assert.match(bench.heard.join(), /^failed/);
    }
    for (const port of [[String(PLAIN_PORT)], []]) {
      const bench = makeBench({ plain: true });
      const spy = new NativeCloudServer(bench.clock, { tokens: [TOKEN] });
      bench.network.listen(OTHER_HOST, PLAIN_PORT, spy.accept);
      bench.goUp();
      bench.server.send(Native.REDIRECT, OTHER_HOST, ...port);
      bench.clock.advance(1_000);
      bench.start();
      bench.clock.advance(120_000);
      assert.equal(spy.counts.connections, 0, `redirect to ${port}`);
    }
  });

  it("goes from one connection without TLS to the next, where the product has allowed that", () => {
    const bench = makeBench({
      ports: [PLAIN_PORT],
      plain: true,
      behavior: { redirectsTo: [OTHER_HOST, PLAIN_PORT] },
    });
    const region = new NativeCloudServer(bench.clock, { tokens: [TOKEN] });
    bench.network.listen(OTHER_HOST, PLAIN_PORT, region.accept);
    bench.goUp();
    assert.equal(region.logins.length, 1);
    assert.equal(bench.cloud.counters.redirectsRefused, 0);
  });

  it("ignores a redirect to nowhere", () => {
    const { clock, server, cloud, heard, goUp } = makeBench();
    goUp();
    for (const [host = "", port = ""] of [
      ["", "443"],
      ["bad host", "443"],
      ["a..b", "443"],
      [OTHER_HOST, "0"],
      [OTHER_HOST, "70000"],
    ]) {
      server.send(Native.REDIRECT, host, port);
    }
    clock.advance(1_000);
    assert.deepEqual(heard, []);
    assert.equal(cloud.counters.notUnderstood, 5);
  });
});

describe("the native cloud, up", () => {
  it("carries each data call of the MCU as it is", () => {
    const { clock, server, cloud, goUp } = makeBench();
    goUp();
    assert.isTrue(cloud.virtualWrite(7, bytes("1\0two")));
    assert.isTrue(cloud.syncAll());
    assert.isTrue(cloud.syncVirtual(bytes("1\x002")));
    assert.isTrue(cloud.setProperty(3, "label", bytes("Pump")));
    assert.isTrue(cloud.beginGroup(0n));
    assert.isTrue(cloud.beginGroup(1_700_000_000_000n));
    assert.isTrue(cloud.endGroup());
    assert.isTrue(cloud.logEvent("hot", "80 C"));
    assert.isTrue(cloud.logEvent("cold", ""));
    assert.isTrue(cloud.resolveEvent("hot"));
    assert.isTrue(cloud.resolveAllEvents("hot"));
    assert.isTrue(cloud.setMetadata("Serial", "42"));
    clock.advance(2_000);
    assert.deepEqual(server.heard(Native.HARDWARE), [["vw", "7", "1", "two"]]);
    assert.deepEqual(server.heard(Native.SYNC), [[], ["vr", "1", "2"]]);
    assert.deepEqual(server.heard(Native.PROPERTY), [["3", "label", "Pump"]]);
    assert.deepEqual(server.heard(Native.GROUP), [["b"], ["t", "1700000000000"], ["e"]]);
    assert.deepEqual(server.heard(Native.EVENT_LOG), [["hot", "80 C"], ["cold"]]);
    assert.deepEqual(server.heard(Native.EVENT_CLEAR), [["hot"], ["hot", "all"]]);
    assert.deepInclude(server.heard(Native.INTERNAL), ["meta", "set", "Serial", "42"]);
  });

  it("refuses what is too long, and what there is no room for, and counts it", () => {
    const { cloud, goUp } = makeBench();
    goUp();
    assert.isFalse(cloud.virtualWrite(1, new Uint8Array(BODY_BYTES_MAX)));
    let taken = 0;
    while (taken < 1_000 && cloud.virtualWrite(1, new Uint8Array(1000))) taken++;
    assert.isBelow(taken, 1_000);
    assert.equal(cloud.counters.messagesRefused, 2);
  });

  it("sends all that it took, as the network makes room", () => {
    const { clock, server, cloud, goUp } = makeBench();
    goUp();
    let taken = 0;
    while (cloud.virtualWrite(taken, new Uint8Array(1000).fill(65))) taken++;
    clock.advance(10_000);
    assert.isAbove(taken, 5);
    assert.deepEqual(
      server.heard(Native.HARDWARE).map(([, pin]) => Number(pin)),
      Array.from({ length: taken }, (_, i) => i),
    );
  });

  it("takes nothing before the login", () => {
    const { cloud, start } = makeBench();
    assert.isFalse(cloud.virtualWrite(1, bytes("1")));
    start();
    assert.isFalse(cloud.virtualWrite(1, bytes("1")));
  });

  it("understands what the cloud sends", () => {
    const { clock, server, heard, goUp } = makeBench();
    goUp();
    server.send(Native.HARDWARE, "vw", "5", "1", "two");
    server.send(Native.HARDWARE, "vw", "6", "");
    server.send(Native.INTERNAL, "ota", "https://h/f.bin", "20082", "TMPL", "2.0.0", "Mar 05 2024 18:29:27");
    server.send(Native.INTERNAL, "ota", "http://h/f.bin", "1");
    server.send(Native.INTERNAL, "utc", "time", "1700000000000");
    server.send(Native.INTERNAL, "utc", "tz_name", "Europe/Berlin");
    server.send(Native.INTERNAL, "utc", "tz_rule", "CET-1CEST,M3.5.0,M10.5.0/3");
    server.send(Native.INTERNAL, "rtc", "1700000000");
    server.send(Native.INTERNAL, "loc", "52.5", "13.4");
    server.send(Native.INTERNAL, "loc", "52.52000659999999", "13.404953999999975");
    server.send(Native.INTERNAL, "meta", "Serial", "42");
    server.send(Native.INTERNAL, "dbg", "reboot");
    clock.advance(2_000);
    assert.deepEqual(heard, [
      "pin 5=1|two",
      "pin 6=",
      'offer {"url":"https://h/f.bin","sizeBytes":20082,"type":"TMPL","version":"2.0.0","build":"Mar 05 2024 18:29:27"}',
      'offer {"url":"http://h/f.bin","sizeBytes":1,"type":"","version":"","build":""}',
      'time {"timeMs":1700000000000}',
      'time {"zoneName":"Europe/Berlin"}',
      'time {"posixTz":"CET-1CEST,M3.5.0,M10.5.0/3"}',
      'time {"timeMs":1700000000000}',
      "location 52.5 13.4",
      "location 52.5200066 13.4049540",
      "metadata Serial=42",
      "reboot",
    ]);
  });

  it("takes an offer without a size for one, so that its refusal can be told", () => {
    const { clock, server, heard, goUp } = makeBench();
    goUp();
    server.send(Native.INTERNAL, "ota", "https://h/f.bin");
    server.send(Native.INTERNAL, "ota", "https://h/f.bin", "many");
    clock.advance(1_000);
    const offer = 'offer {"url":"https://h/f.bin","sizeBytes":0,"type":"","version":"","build":""}';
    assert.deepEqual(heard, [offer, offer]);
  });

  it("is lost when the server has forgotten the session, also if it answers all that it is asked", () => {
    const { clock, server, cloud, heard, goUp } = makeBench();
    goUp();
    server.behavior = { ...server.behavior, ignoresPings: true };
    let answers = 0;
    server.onMessage = ({ id }) => {
      answers++;
      server.respond(id, Status.NOT_AUTHENTICATED);
    };
    cloud.virtualWrite(1, bytes("1"));
    clock.advance(1_000);
    assert.equal(answers, 1);
    assert.deepEqual(heard, ["lost"]);
  });

  it("stays when single messages are refused", () => {
    const { clock, server, cloud, heard, goUp } = makeBench();
    goUp();
    let answers = 0;
    server.onMessage = ({ id, command }) => {
      answers++;
      server.respond(id, command === Native.PING ? Status.OK : 2);
    };
    cloud.virtualWrite(1, bytes("1"));
    clock.advance(120_000);
    assert.isAbove(answers, 2);
    assert.deepEqual(heard, []);
  });

  it("counts what one device tells another, and goes on", () => {
    const { clock, server, cloud, heard, goUp } = makeBench();
    goUp();
    server.send(Native.BRIDGE, "64", "i", "token");
    server.send(Native.HARDWARE, "vw", "5", "1");
    clock.advance(1_000);
    assert.deepEqual(heard, ["pin 5=1"]);
    assert.deepEqual([cloud.counters.streamsBroken, cloud.counters.notUnderstood], [0, 1]);
  });

  it("counts what it does not understand, and goes on", () => {
    const { clock, server, cloud, heard, goUp } = makeBench();
    goUp();
    const odd: [number, ...string[]][] = [
      [Native.HARDWARE, "vw"],
      [Native.HARDWARE, "vw", "5"],
      [Native.HARDWARE, "vw", "70000", "1"],
      [Native.HARDWARE, "vw", "-1", "1"],
      [Native.HARDWARE, "dw", "5", "1"],
      [Native.HARDWARE],
      [Native.INTERNAL, "ota"],
      [Native.INTERNAL, "utc", "time", "soon"],
      [Native.INTERNAL, "loc", "52.5"],
      [Native.INTERNAL, "loc", "all", "52.5"],
      [Native.INTERNAL, "loc", "13.4", "181"],
      [Native.INTERNAL, "new", "thing"],
      [Native.INTERNAL],
      [Native.SYNC, "?"],
    ];
    for (const [command, ...strings] of odd) server.send(command, ...strings);
    server.send(Native.HARDWARE, "vw", "9", "still here");
    clock.advance(2_000);
    assert.deepEqual(heard, ["pin 9=still here"]);
    assert.equal(cloud.counters.notUnderstood, odd.length);
  });

  it("answers the cloud's pings", () => {
    const { clock, server, goUp } = makeBench();
    goUp();
    server.sendRaw(nativeMessage(Native.PING, 77));
    clock.advance(1_000);
    const answers = server.messages.filter(({ command }) => command === Native.RESPONSE);
    assert.deepEqual(
      answers.map(({ id }) => id),
      [77],
    );
  });

  it("pings, so that the cloud knows it and it knows the cloud", () => {
    const { clock, server, heard, goUp } = makeBench();
    goUp();
    clock.advance(10 * (PING_INTERVAL_MS + PING_ANSWER_MS));
    assert.equal(server.counts.pings, 10);
    assert.deepEqual(heard, []);
  });

  it("gives up a cloud that does not answer a ping", () => {
    const { clock, server, heard, goUp } = makeBench({ behavior: { ignoresPings: true } });
    goUp();
    clock.advance(PING_INTERVAL_MS + PING_ANSWER_MS);
    assert.deepEqual(heard, ["lost"]);
    assert.equal(server.counts.pings, 1);
  });

  it("notices when the cloud hangs up", () => {
    const { clock, server, heard, goUp } = makeBench();
    goUp();
    server.hangUp();
    clock.advance(1_000);
    assert.deepEqual(heard, ["lost"]);
    assert.equal(server.counts.hangUps, 1);
  });
});

describe("the native cloud, under a server that misbehaves", () => {
  it("leaves a stream that is not the protocol", () => {
    const { clock, server, cloud, heard, goUp } = makeBench();
    goUp();
    server.sendRaw(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
    clock.advance(1_000);
    assert.deepEqual(heard, ["lost"]);
    assert.equal(cloud.counters.streamsBroken, 1);
  });

  it("skips a message that is longer than the buffer it announced", () => {
    const { clock, server, cloud, heard, goUp } = makeBench();
    goUp();
    server.sendRaw(nativeMessage(Native.HARDWARE, 1, "vw", "1", "x".repeat(3_000)));
    server.send(Native.HARDWARE, "vw", "2", "after");
    clock.advance(5_000);
    assert.deepEqual(heard, ["pin 2=after"]);
    assert.equal(cloud.counters.messagesSkipped, 1);
  });

  it("understands messages in pieces of one byte, and many in one", () => {
    const { clock, server, heard, goUp } = makeBench({ behavior: { pieceBytes: 1 } });
    goUp();
    for (let pin = 0; pin < 20; pin++) server.send(Native.HARDWARE, "vw", String(pin), "v");
    clock.advance(20_000);
    assert.deepEqual(
      heard,
      Array.from({ length: 20 }, (_, pin) => `pin ${pin}=v`),
    );
  });

  it("lives through ten thousand greetings of random bytes", () => {
    const seed = 61_121;
    const random = new Random(seed);
    const counts = { lost: 0, broken: 0 };
    for (let round = 0; round < 100; round++) {
      const { clock, server, cloud, heard, goUp } = makeBench();
      goUp();
      for (let i = 0; i < 100; i++) server.sendRaw(random.bytes(1 + random.below(40)));
      clock.advance(PING_INTERVAL_MS + 2 * PING_ANSWER_MS);
      counts.lost += heard.filter((event) => event === "lost").length;
      counts.broken += cloud.counters.streamsBroken;
      assert.isAtMost(cloud.counters.connections, 1, `seed ${seed}, round ${round}`);
    }
    assert.equal(counts.lost, 100);
    assert.isAbove(counts.broken, 50);
  });
});

describe("the native cloud, of ten thousand malformed", () => {
  /** Whole messages: their bodies are what is wrong. */
  const kinds: readonly (readonly [what: string, make: (random: Random) => Uint8Array])[] = [
    [
      "commands of devices",
      (random) => nativeMessage(random.chance(0.5) ? Native.SYNC : Native.PROPERTY, 1, garbage(random)),
    ],
    ["hardware messages", (random) => nativeMessage(Native.HARDWARE, 1, garbage(random), "1", "x")],
    ["pins", (random) => nativeMessage(Native.HARDWARE, 1, "vw", garbage(random), "x")],
    ["internal messages", (random) => nativeMessage(Native.INTERNAL, 1, garbage(random), garbage(random))],
    ["offers", (random) => nativeMessage(Native.INTERNAL, 1, "ota", "", garbage(random), garbage(random))],
    ["times", (random) => nativeMessage(Native.INTERNAL, 1, "utc", garbage(random), garbage(random))],
    ["clocks", (random) => nativeMessage(Native.INTERNAL, 1, "rtc", garbage(random))],
    ["places", (random) => nativeMessage(Native.INTERNAL, 1, "loc", garbage(random), garbage(random))],
    ["redirects", (random) => nativeMessage(Native.REDIRECT, 1, `${garbage(random)}/`, garbage(random))],
  ];
  for (const [what, make] of kinds) {
    it(`${what}, each is counted, and what comes behind them is understood`, () => {
      const seed = 80_617;
      const random = new Random(seed);
      const { clock, server, cloud, heard, goUp } = makeBench();
      goUp();
      const before = cloud.counters.messagesReceived;
      for (let i = 0; i < 10_000; i++) {
        server.sendRaw(make(random));
        if (i % 50 === 49) clock.advance(100);
      }
      server.send(Native.HARDWARE, "vw", "9", "still here");
      clock.advance(5_000);
      const { notUnderstood, messagesReceived, connections } = cloud.counters;
      assert.isAtLeast(messagesReceived - before, 10_001, `seed ${seed}`);
      assert.equal(notUnderstood + heard.length, 10_001, `seed ${seed}`);
      assert.isAbove(notUnderstood, 9_000);
      assert.equal(heard.at(-1), "pin 9=still here");
      assert.notInclude(heard, "lost");
      assert.equal(connections, 1);
    });
  }

  function garbage(random: Random): string {
    return Array.from({ length: random.below(30) }, () => String.fromCharCode(random.below(256))).join("");
  }
});

describe("the parser of native messages", () => {
  /** What comes out of a stream that is pushed in pieces. */
  function parse(stream: Uint8Array, pieceOf: () => number): string[] {
    const out: string[] = [];
    const sink: MessageSink = {
      onResponse: (id, status) => out.push(`response ${id} ${status}`),
      onMessage: (command, id, all, start, end) => out.push(`${command} ${id} ${text(all.subarray(start, end))}`),
      onSkipped: (command, length) => out.push(`skipped ${command} ${length}`),
      onBroken: () => out.push("broken"),
    };
    const parser = new MessageParser(sink);
    for (let at = 0; at < stream.length; ) {
      const length = Math.max(1, pieceOf());
      parser.push(stream.subarray(at, at + length));
      at += length;
    }
    return out;
  }

  it("gives the same messages however the stream is cut", () => {
    const seed = 99;
    const random = new Random(seed);
    const commands = [Native.PING, Native.HARDWARE, Native.INTERNAL, Native.EVENT_LOG];
    const messages = Array.from({ length: 200 }, (_, i) => {
      const length = random.chance(0.05) ? BODY_BYTES_MAX + random.below(500) : random.below(60);
      return nativeMessage(commands[random.below(commands.length)] as number, i, "x".repeat(length));
    });
    const stream = new Uint8Array(messages.reduce((sum, message) => sum + message.length, 0));
    let at = 0;
    for (const message of messages) {
      stream.set(message, at);
      at += message.length;
    }
    const whole = parse(stream, () => stream.length);
    assert.equal(whole.length, 200);
    assert.isTrue(whole.some((line) => line.startsWith("skipped")));
    for (const most of [1, 3, 17, 700]) {
      assert.deepEqual(
        parse(stream, () => 1 + random.below(most)),
        whole,
        `pieces up to ${most}, seed ${seed}`,
      );
    }
  });

  it("says once that the stream is broken, and nothing after that", () => {
    const stream = Uint8Array.from([
      ...nativeMessage(Native.PING, 1),
      200,
      0,
      0,
      0,
      0,
      ...nativeMessage(Native.PING, 2),
    ]);
    assert.deepEqual(
      parse(stream, () => stream.length),
      ["6 1 ", "broken"],
    );
    assert.deepEqual(
      parse(stream, () => 1),
      ["6 1 ", "broken"],
    );
  });
});
