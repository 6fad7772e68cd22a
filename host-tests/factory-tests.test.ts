import { assert } from "chai";
import type { Hotspot } from "../host/sim/air.js";
import {
  CONNECT_TEST_MS,
  FactoryTestStatus,
  FactoryTests,
  JOINED_MS,
  ON_AIR_MS,
  RSSI_DBM_MIN,
  WIFI_TEST_MS,
  type WifiTestResult,
} from "../src/network/factory-tests.js";
import { SETTLE_MS } from "../src/network/join.js";
import { Station } from "../src/network/station.js";
import { calls } from "../src/rpc/catalogue.js";
import { WifiBench } from "./support/wifi-bench.js";

const PSK = "correct horse";
const { OK, INVALID_ARGS, SYSTEM_FAIL, WIFI_FAIL, LOW_RSSI, INET_FAIL } = FactoryTestStatus;
const SERVER = Object.freeze({ host: "blynk.cloud", port: 443 });
const ENOUGH_MS = WIFI_TEST_MS;

class FactoryBench extends WifiBench {
  isAllowed = true;
  /** Config's access point, as the device has it before tests and after. */
  readonly config = new this.AccessPoint({ ssid: "config", channel: 1 });
  readonly tests: FactoryTests;
  borrowed = 0;
  givenBack = 0;

  constructor() {
    super();
    let config = this.config;
    this.tests = new FactoryTests({
      clock: this.deviceClock,
      wifi: { io: this.Wifi },
      accessPoint: { io: this.AccessPoint },
      socket: { io: this.Socket },
      server: () => SERVER,
      isAllowed: () => this.isAllowed,
      borrowRadio: () => {
        this.borrowed++;
        config.close();
        return () => {
          this.givenBack++;
          config = new this.AccessPoint({ ssid: "config", channel: 1 });
        };
      },
      accessPointName: () => "Ferry-TEST",
    });
  }

  /** What the call answers; it must not do so from inside. */
  private answerOf<R>(call: (done: (result: R) => void) => void, limitMs: number): R | undefined {
    const answers: R[] = [];
    this.cpu.run(() => {
      call((result) => answers.push(result));
      assert.isEmpty(answers, "answered from inside");
    });
    this.clock.runUntil(() => answers.length > 0, limitMs, "the answer of a test");
    return answers[0];
  }

  wifi(ssid = "home", password = PSK): WifiTestResult | undefined {
    return this.answerOf<WifiTestResult>(
      (done) => this.tests.testWifi(ssid, password, done),
      calls["blynk.factoryTestWiFi"].timeoutMs,
    );
  }

  accessPoint(channel: number): FactoryTestStatus | undefined {
    return this.answerOf<FactoryTestStatus>(
      (done) => this.tests.testAccessPoint(channel, done),
      calls["blynk.factoryTestWiFiAP"].timeoutMs,
    );
  }

  connect(): FactoryTestStatus | undefined {
    return this.answerOf<FactoryTestStatus>(
      (done) => this.tests.testConnect(done),
      calls["blynk.factoryTestConnect"].timeoutMs,
    );
  }

  /** The radio is as it was before all tests. */
  assertRestored(): void {
    assert.isUndefined(this.air.joined);
    assert.deepEqual(this.air.onAir, { ssid: "config", channel: 1 });
    assert.equal(this.givenBack, this.borrowed);
    assert.equal(this.network.connections, 0);
    assert.equal(this.radio.openWifis, 0);
  }
}

describe("The factory tests", () => {
  let bench: FactoryBench;
  let home: Hotspot;

  beforeEach(() => {
    bench = new FactoryBench();
    home = bench.air.add();
  });

  it("answer within the time that the MCU waits", () => {
    const slackMs = 1_000;
    assert.isAtMost(WIFI_TEST_MS + slackMs, calls["blynk.factoryTestWiFi"].timeoutMs);
    assert.isAtMost(SETTLE_MS + slackMs, calls["blynk.factoryTestWiFiAP"].timeoutMs);
    assert.isAtMost(CONNECT_TEST_MS + slackMs, calls["blynk.factoryTestConnect"].timeoutMs);
  });

  describe("before Ferry is initialized, or when it is configured", () => {
    it("answer that the system refuses, and touch nothing", () => {
      bench.isAllowed = false;
      assert.deepEqual(bench.wifi(), { status: SYSTEM_FAIL, rssiDbm: 0 });
      assert.equal(bench.accessPoint(6), SYSTEM_FAIL);
      assert.equal(bench.connect(), SYSTEM_FAIL);
      assert.deepEqual([bench.borrowed, bench.air.counts.attempts], [0, 0]);
      bench.assertRestored();
    });
  });

  describe("of joining a network", () => {
    it("measure a network that can be joined", () => {
      assert.deepEqual(bench.wifi(), { status: OK, rssiDbm: -60 });
    });

    it("measure an open one", () => {
      home.password = undefined;
      assert.deepEqual(bench.wifi("home", ""), { status: OK, rssiDbm: -60 });
    });

    it("find it too weak below the limit, and tell how weak", () => {
      home.rssiDbm = RSSI_DBM_MIN;
      assert.deepEqual(bench.wifi(), { status: OK, rssiDbm: -85 });
      home.rssiDbm = RSSI_DBM_MIN - 1;
      assert.deepEqual(bench.wifi(), { status: LOW_RSSI, rssiDbm: -86 });
      bench.assertRestored();
    });

    it("fail when it is not there, refuses, does not answer, or gives no address", () => {
      const failed = { status: WIFI_FAIL, rssiDbm: 0 };
      assert.deepEqual(bench.wifi("elsewhere"), failed);
      assert.deepEqual(bench.wifi("home", "wrong horse"), failed);
      home.silent = true;
      assert.deepEqual(bench.wifi(), failed);
      home.silent = false;
      home.dhcpMs = undefined;
      assert.deepEqual(bench.wifi(), failed);
      const { notFound, wrongPasswords, unanswered, withoutAddress } = bench.air.counts;
      assert.deepEqual([notFound, wrongPasswords, unanswered, withoutAddress], [1, 2, 1, 1]);
      bench.assertRestored();
    });

    it("pass at the second try, as Ferry would join later", () => {
      home.refusals = 1;
      assert.equal(bench.wifi()?.status, OK);
      assert.equal(bench.air.counts.refused, 1);
    });

    it("refuse names and passwords that there cannot be", () => {
      const invalid = { status: INVALID_ARGS, rssiDbm: 0 };
      for (const ssid of ["", "s".repeat(33), "\u00e9".repeat(17)]) assert.deepEqual(bench.wifi(ssid), invalid);
      for (const password of ["1234567", "p".repeat(64), "0".repeat(65)]) {
        assert.deepEqual(bench.wifi("home", password), invalid);
      }
      assert.equal(bench.air.counts.attempts, 0);
      bench.assertRestored();
    });

    it("take the shortest and the longest that there can be", () => {
      for (const [ssid, password] of [
        ["s", "p".repeat(8)],
        ["s".repeat(32), "p".repeat(63)],
      ] as const) {
        bench.air.add({ ssid, password });
        assert.equal(bench.wifi(ssid, password)?.status, OK);
      }
    });

    it("take a key of 64 hexadecimal digits", () => {
      home.password = "0123456789abcdef".repeat(4);
      assert.equal(bench.wifi("home", home.password)?.status, OK);
    });

    it("may be repeated at once, and after a while", () => {
      for (let round = 0; round < 3; round++) {
        assert.equal(bench.wifi()?.status, OK);
        assert.equal(bench.radio.openWifis, 1);
      }
      bench.clock.advance(10 * ENOUGH_MS);
      assert.equal(bench.wifi()?.status, OK);
      assert.equal(bench.air.counts.staleEnds, 0);
    });

    it("stay joined for a while, then give the radio back", () => {
      bench.wifi();
      bench.clock.advance(JOINED_MS - 1);
      assert.equal(bench.air.joined, home);
      assert.isUndefined(bench.air.onAir, "config's access point is away meanwhile");
      bench.clock.advance(1);
      bench.assertRestored();
    });

    it("give the radio back when a call that makes no sense ends them", () => {
      const ends = [() => bench.wifi("")?.status, () => bench.accessPoint(14)];
      for (const end of ends) {
        bench.wifi();
        assert.equal(end(), INVALID_ARGS);
        bench.assertRestored();
      }
    });

    it("guess that the password is refused where the driver keeps its reasons to itself, and try twice", () => {
      bench.air.tellsReasons = false;
      assert.equal(bench.wifi("home", "wrong horse")?.status, WIFI_FAIL);
      assert.equal(bench.air.counts.wrongPasswords, 2);
    });

    it("give the radio back when the network is lost after that", () => {
      bench.wifi();
      bench.air.drop(home);
      bench.assertRestored();
      assert.equal(bench.air.counts.lost, 1);
    });
  });

  describe("of reaching the server", () => {
    it("fail without a network", () => {
      assert.equal(bench.connect(), INET_FAIL);
      bench.assertRestored();
    });

    it("pass when the server takes the connection, as often as they are repeated, and leave in the end", () => {
      bench.network.listen(SERVER.host, SERVER.port, () => true);
      bench.wifi();
      for (let round = 0; round < 3; round++) {
        bench.clock.advance(JOINED_MS - 1_000);
        assert.equal(bench.connect(), OK);
        assert.equal(bench.air.joined, home);
      }
      assert.equal(bench.network.counts.connections, 3);
      bench.clock.advance(JOINED_MS);
      bench.assertRestored();
    });

    it("fail when there is no such name, nobody listens, or nobody answers", () => {
      bench.wifi();
      assert.equal(bench.connect(), INET_FAIL);
      assert.equal(bench.network.counts.unresolved, 1);
      bench.network.listen(SERVER.host, 80, () => true);
      assert.equal(bench.connect(), INET_FAIL);
      assert.equal(bench.network.counts.refused, 1);
      bench.network.resolverAnswers = false;
      bench.network.conditions.dnsTimeoutMs = 60_000;
      const beganMs = bench.clock.now();
      assert.equal(bench.connect(), INET_FAIL);
      assert.equal(bench.clock.now() - beganMs, CONNECT_TEST_MS);
      bench.clock.advance(JOINED_MS);
      bench.assertRestored();
    });

    it("fail when the network is lost meanwhile", () => {
      bench.wifi();
      bench.network.listen(SERVER.host, SERVER.port, () => true);
      bench.network.conditions.latencyMs = 1_000;
      bench.clock.set(() => bench.air.drop(home), 500);
      assert.equal(bench.connect(), INET_FAIL);
      assert.equal(bench.air.counts.lost, 1);
      bench.clock.advance(JOINED_MS);
      bench.assertRestored();
    });

    it("fail when the network that was joined has been left", () => {
      bench.wifi();
      bench.clock.advance(JOINED_MS);
      assert.equal(bench.connect(), INET_FAIL);
    });
  });

  describe("of the access point", () => {
    it("put one on the air on the channel, for a while, then bring config's back", () => {
      assert.equal(bench.accessPoint(11), OK);
      assert.deepEqual(bench.air.onAir, { ssid: "Ferry-TEST", channel: 11 });
      bench.clock.advance(ON_AIR_MS - 1);
      assert.equal(bench.air.onAir?.channel, 11);
      bench.clock.advance(1);
      bench.assertRestored();
    });

    it("go from channel to channel", () => {
      for (const channel of [1, 6, 13]) {
        assert.equal(bench.accessPoint(channel), OK);
        assert.equal(bench.air.onAir?.channel, channel);
      }
      assert.equal(bench.borrowed - bench.givenBack, 1, "config's comes back when all is over");
      bench.clock.advance(ON_AIR_MS);
      bench.assertRestored();
    });

    it("have their own channel also after a network was joined on another", () => {
      bench.wifi();
      assert.equal(bench.accessPoint(11), OK);
      assert.deepEqual(bench.air.onAir, { ssid: "Ferry-TEST", channel: 11 });
    });

    it("end with the test of the server, which has no network", () => {
      bench.accessPoint(11);
      assert.equal(bench.connect(), INET_FAIL);
      bench.assertRestored();
      bench.clock.advance(ON_AIR_MS);
      bench.assertRestored();
    });

    it("end when a network is joined, which their time does not cut short", () => {
      bench.accessPoint(11);
      bench.clock.advance(ON_AIR_MS - 1_000);
      assert.equal(bench.wifi()?.status, OK);
      assert.isUndefined(bench.air.onAir);
    });

    it("end with stop()", () => {
      bench.accessPoint(11);
      bench.tests.stop();
      bench.assertRestored();
    });

    it("refuse channels that there are not", () => {
      for (const channel of [0, 14, 65_535]) assert.equal(bench.accessPoint(channel), INVALID_ARGS);
      bench.assertRestored();
    });

    it("answer that the system fails when somebody else is on the air, and give back what they borrowed", () => {
      bench.config.close();
      const other = new bench.AccessPoint({ ssid: "other", channel: 3 });
      const tests = new FactoryTests({
        clock: bench.deviceClock,
        wifi: { io: bench.Wifi },
        accessPoint: { io: bench.AccessPoint },
        socket: { io: bench.Socket },
        server: () => SERVER,
        isAllowed: () => true,
        borrowRadio: () => () => bench.givenBack++,
        accessPointName: () => "Ferry-TEST",
      });
      const answers: FactoryTestStatus[] = [];
      tests.testAccessPoint(6, (status) => answers.push(status));
      bench.clock.advance(ON_AIR_MS);
      assert.deepEqual([answers, bench.givenBack], [[SYSTEM_FAIL], 1]);
      assert.equal(bench.air.onAir?.ssid, "other");
      other.close();
    });
  });

  describe("while one runs", () => {
    it("refuse another, and go on", () => {
      const answers: unknown[] = [];
      bench.tests.testWifi("home", PSK, ({ status }) => answers.push(["wifi", status]));
      bench.clock.advance(1_000);
      bench.tests.testWifi("elsewhere", PSK, ({ status }) => answers.push(["second", status]));
      bench.tests.testAccessPoint(6, (status) => answers.push(["access point", status]));
      bench.tests.testConnect((status) => answers.push(["connect", status]));
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual(answers, [
        ["second", SYSTEM_FAIL],
        ["access point", SYSTEM_FAIL],
        ["connect", SYSTEM_FAIL],
        ["wifi", OK],
      ]);
    });

    it("are ended by stop(), with an answer, and give the radio back at once", () => {
      const answers: unknown[] = [];
      bench.tests.testWifi("home", PSK, ({ status }) => answers.push(status));
      bench.clock.advance(1_000);
      bench.tests.stop();
      bench.tests.stop();
      assert.isUndefined(bench.air.joined);
      bench.clock.advance(10 * ENOUGH_MS);
      assert.deepEqual(answers, [SYSTEM_FAIL]);
      bench.assertRestored();
      assert.equal(bench.wifi()?.status, OK);
    });

    it("are ended by stop() while they wait for the server, and close the connection", () => {
      bench.network.listen(SERVER.host, SERVER.port, () => true);
      bench.network.conditions.latencyMs = 1_000;
      bench.wifi();
      const answers: unknown[] = [];
      bench.tests.testConnect((status) => answers.push(status));
      bench.clock.advance(1_000);
      assert.equal(bench.network.connections, 1);
      bench.tests.stop();
      bench.assertRestored();
      bench.clock.advance(10 * ENOUGH_MS);
      assert.deepEqual(answers, [SYSTEM_FAIL]);
    });

    it("leave the radio to a station that is started right after stop()", () => {
      bench.tests.testWifi("home", PSK, () => {});
      bench.clock.advance(4_000);
      bench.tests.stop();
      const networks = () => [{ ssid: "home", psk: PSK }];
      const station = new Station({ clock: bench.deviceClock, wifi: { io: bench.Wifi }, networks });
      const heard: unknown[] = [];
      station.start({ onUp: () => heard.push("up"), onFailed: (code) => heard.push(code), onLost: () => {} });
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual(heard, ["up"]);
    });
  });
});
