import { assert } from "chai";
import type { Hotspot } from "../host/sim/air.js";
import { SCAN_MS as RADIO_SCAN_MS } from "../host/sim/radio.js";
import { FailureCode } from "../src/base/failure-code.js";
import type { LifecycleNet, LinkEvents } from "../src/lifecycle/lifecycle.js";
import { NET_TRY_MS } from "../src/lifecycle/lifecycle-state.js";
import { ADDRESS_MS, BUSY_PAUSE_MS, JOIN_MS, Join, REFUSALS_MAX, SETTLE_MS } from "../src/network/join.js";
import { readMac } from "../src/network/mac.js";
import type { KnownWifi } from "../src/network/network-choice.js";
import { FOUND_MAX, NetworkScan, SCAN_MS, SCAN_PAUSE_MS, SCAN_TRIES_MAX } from "../src/network/network-scan.js";
import type { Wifi, WifiClass, WifiFound } from "../src/network/ports.js";
import { BROKEN_PAUSE_MS_MAX, BROKEN_PAUSE_MS_MIN, SOUND_LINK_MS, START_MS, Station } from "../src/network/station.js";
import type { Network } from "../src/settings/networks.js";
import { WifiBench } from "./support/wifi-bench.js";

const PSK = "correct horse";
const ENOUGH_MS = NET_TRY_MS;

type Heard = "up" | "lost" | FailureCode;

class StationBench extends WifiBench implements LinkEvents {
  known: KnownWifi[] = [{ ssid: "home", psk: PSK }];
  readonly heard: Heard[] = [];
  readonly joined: string[] = [];
  /** Of the SDK's class; `undefined`: it cannot be constructed. */
  io: WifiClass = this.Wifi;
  readonly station: Station;

  constructor() {
    super();
    const bench = this;
    this.station = new Station({
      clock: this.deviceClock,
      wifi: {
        get io() {
          return bench.io;
        },
      },
      networks: () => this.known,
      onJoined: (ssid) => this.joined.push(ssid),
    });
  }

  onUp(): void {
    this.heard.push("up");
  }

  onFailed(code: FailureCode): void {
    this.heard.push(code);
  }

  onLost(): void {
    this.heard.push("lost");
  }

  /** Starts, and lets as much time pass as a lifecycle would wait. */
  start(durationMs = ENOUGH_MS): void {
    this.cpu.run(() => this.station.start(this));
    this.clock.advance(durationMs);
  }

  /** How long it takes from a start until something is heard. */
  startAndWaitMs(): number {
    const [beganMs, count] = [this.clock.now(), this.heard.length];
    this.start(0);
    this.clock.runUntil(() => this.heard.length > count, ENOUGH_MS, "an event of the station");
    return this.clock.now() - beganMs;
  }
}

describe("The Wi-Fi station", () => {
  let bench: StationBench;

  function home(differences: Partial<Hotspot> = {}): Hotspot {
    return bench.air.add(differences);
  }

  function know(...ssids: readonly string[]): void {
    bench.known = ssids.map((ssid) => ({ ssid, psk: PSK }));
  }

  beforeEach(() => {
    bench = new StationBench();
  });

  it("is a network for the lifecycle, and takes what the settings know", () => {
    const net: LifecycleNet = bench.station;
    const network: Network = { ssid: "home" };
    const known: KnownWifi = network;
    assert.isDefined(net.start);
    assert.isDefined(known);
  });

  it("answers within the time that the lifecycle gives it, and has time for a scan and a whole join after any pause", () => {
    assert.isBelow(START_MS, NET_TRY_MS);
    const scanMs = SCAN_MS + (SCAN_TRIES_MAX - 1) * SCAN_PAUSE_MS;
    assert.isAtMost(BROKEN_PAUSE_MS_MAX + scanMs + SETTLE_MS + ADDRESS_MS, START_MS);
    assert.isAtMost(scanMs + SETTLE_MS + JOIN_MS + ADDRESS_MS, START_MS);
  });

  describe("before it is started", () => {
    it("leaves the radio alone", () => {
      home();
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual([bench.air.counts.scans, bench.air.counts.attempts], [0, 0]);
      assert.isUndefined(bench.station.link);
    });

    it("may be stopped, and right after", () => {
      home();
      bench.station.stop();
      bench.station.start(bench);
      bench.station.stop();
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual([bench.heard, bench.air.counts.scans], [[], 0]);
    });
  });

  describe("when it is started", () => {
    it("joins a network in reach and says so, later and once", () => {
      home();
      bench.cpu.run(() => {
        bench.station.start(bench);
        assert.isEmpty(bench.heard);
      });
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual(bench.heard, ["up"]);
      assert.deepEqual(bench.joined, ["home"]);
      assert.isTrue(bench.network.linkUp);
      assert.deepEqual(bench.station.link, {
        ssid: "home",
        bssid: "02:00:00:00:00:01",
        channel: 6,
        rssiDbm: -60,
        address: "192.168.1.100",
      });
    });

    it("is not up before there is an address, however long that takes", () => {
      home({ dhcpMs: ADDRESS_MS - 1_000 });
      bench.start(0);
      bench.clock.runUntil(() => bench.air.joined !== undefined, ENOUGH_MS);
      bench.clock.advance(ADDRESS_MS - 2_000);
      assert.isEmpty(bench.heard);
      assert.isUndefined(bench.station.link);
      bench.clock.advance(3_000);
      assert.deepEqual(bench.heard, ["up"]);
    });

    it("joins the strongest of the networks that it knows", () => {
      know("home", "work", "cafe");
      home({ rssiDbm: -75 });
      home({ ssid: "work", rssiDbm: -50 });
      home({ ssid: "neighbour", rssiDbm: -30 });
      bench.start();
      assert.equal(bench.station.link?.ssid, "work");
    });

    it("joins an open network, and one that is hidden", () => {
      home({ password: undefined });
      bench.known = [{ ssid: "home" }];
      bench.start();
      bench.station.stop();
      home({ ssid: "secret", hidden: true });
      bench.known = [{ ssid: "nowhere" }, { ssid: "secret", psk: PSK, hidden: true }];
      bench.start();
      assert.deepEqual(bench.joined, ["home", "secret"]);
    });

    it("joins the only network that it knows also when that is hidden and nobody said so", () => {
      home({ hidden: true });
      bench.start();
      assert.deepEqual(bench.heard, ["up"]);
    });

    it("takes the address that is set, and asks for one again where none is", () => {
      home({ dhcpMs: undefined });
      const fixed = { ip: "192.168.1.9", gateway: "192.168.1.1", mask: "255.255.255.0" };
      bench.known = [{ ssid: "home", psk: PSK, ...fixed }];
      bench.start();
      assert.equal(bench.station.link?.address, "192.168.1.9");
      bench.known = [{ ssid: "home", psk: PSK }];
      bench.start();
      assert.deepEqual(bench.heard, ["up", FailureCode.NO_ADDRESS]);
      assert.equal(bench.air.counts.withoutAddress, 1);
    });

    it("gives name servers along with a fixed address: those that are set, or the gateway", () => {
      const given: unknown[] = [];
      const { Wifi } = bench;
      bench.io = class extends Wifi {
        override configure(options: Parameters<Wifi["configure"]>[0]) {
          if (options.static) given.push(options.static.nameServers);
          super.configure(options);
        }
      };
      home();
      const fixed = { ssid: "home", psk: PSK, ip: "10.0.0.9", gateway: "10.0.0.1", mask: "255.255.255.0" };
      for (const dns of [{}, { dns: "9.9.9.9" }, { dns: "9.9.9.9", dns2: "1.1.1.1" }]) {
        bench.known = [{ ...fixed, ...dns }];
        bench.start();
      }
      assert.deepEqual(given, [["10.0.0.1"], ["9.9.9.9"], ["9.9.9.9", "1.1.1.1"]]);
    });

    it("asks for an address where only a part of a fixed one is known", () => {
      home();
      const fixed = { ip: "10.0.0.9", gateway: "10.0.0.1", mask: "255.255.255.0" };
      for (const missing of ["ip", "gateway", "mask"]) {
        bench.known = [{ ssid: "home", psk: PSK, ...fixed, [missing]: undefined } as KnownWifi];
        bench.start();
        assert.equal(bench.station.link?.address, "192.168.1.100", missing);
      }
    });

    it("tells the driver where to look first, unless that is in the 5 GHz band, which it finds by itself", () => {
      const asked: unknown[] = [];
      const { Wifi } = bench;
      bench.io = class extends Wifi {
        override connect(options: Parameters<Wifi["connect"]>[0]) {
          asked.push(options);
          super.connect(options);
        }
      };
      const hotspot = home({ password: undefined });
      bench.known = [{ ssid: "home" }];
      for (const channel of [13, 44]) {
        hotspot.channel = channel;
        bench.start();
      }
      assert.deepEqual(asked, [{ SSID: "home", channel: 13 }, { SSID: "home" }]);
      assert.deepEqual(bench.heard, ["up", "up"]);
    });

    it("waits for somebody else's scan", () => {
      home();
      const other: Wifi = new bench.Wifi({ onChanged: () => {} });
      other.scan({ onFound: () => {}, onComplete: () => {} });
      bench.start();
      assert.deepEqual(bench.heard, ["up"]);
      assert.equal(bench.air.counts.scans, 2);
    });

    it("goes on without a scan when that never ends", () => {
      bench.air.scansToHang = 1;
      know("cafe", "home");
      home();
      bench.start();
      assert.deepEqual(bench.heard, ["up"]);
      assert.equal(bench.air.counts.hungScans, 1);
      assert.equal(bench.air.counts.notFound, 1, "the one used last was tried first");
    });

    it("goes on without a scan when the radio refuses each", () => {
      home();
      const { Wifi } = bench;
      let refusals = 0;
      bench.io = class extends Wifi {
        override scan(): never {
          refusals++;
          throw new Error("scan failed");
        }
      };
      bench.start();
      assert.deepEqual([bench.heard, refusals], [["up"], SCAN_TRIES_MAX]);
      assert.equal(bench.radio.openWifis, 1);
    });

    it("waits while the radio is busy when it wants to join", () => {
      let busyTimes = 3;
      const { Wifi } = bench;
      bench.io = class extends Wifi {
        override connect(options: Parameters<Wifi["connect"]>[0]) {
          if (busyTimes-- > 0) throw new Error("connect failed");
          super.connect(options);
        }
      };
      home();
      assert.isAbove(bench.startAndWaitMs(), 3 * BUSY_PAUSE_MS);
      assert.deepEqual([bench.heard, busyTimes], [["up"], -1]);
    });

    it("stops waiting for a radio that stays busy, with 704 and in time", () => {
      let refusals = 0;
      const { Wifi } = bench;
      bench.io = class extends Wifi {
        override connect(): never {
          refusals++;
          throw new Error("connect failed");
        }
      };
      home();
      assert.isAtMost(bench.startAndWaitMs(), START_MS);
      assert.deepEqual(bench.heard, [FailureCode.NET_GENERIC]);
      assert.isAtLeast(refusals, (START_MS - SCAN_MS) / BUSY_PAUSE_MS);
      assert.isAtMost(refusals, START_MS / BUSY_PAUSE_MS);
    });

    it("is stopped at any moment without a word, and lets go of the radio", () => {
      home();
      const joinMs = bench.startAndWaitMs();
      bench.station.stop();
      bench.heard.length = 0;
      for (let afterMs = 0; afterMs < joinMs; afterMs += 97) {
        bench.start(afterMs);
        bench.station.stop();
        assert.equal(bench.radio.openWifis, 0);
        bench.clock.advance(RADIO_SCAN_MS); // the driver's own timers
        assert.equal(bench.clock.pending, 0);
      }
      assert.isEmpty(bench.heard);
      assert.isUndefined(bench.air.joined);
    });

    for (const dhcpMs of [1_500, undefined]) {
      it(`leaves a network that somebody else has left joined, ${dhcpMs ? "with" : "without"} an address`, () => {
        home({ ssid: "stray", dhcpMs });
        home({ rssiDbm: -70 });
        const other: Wifi = new bench.Wifi({ onChanged: () => {} });
        other.connect({ SSID: "stray", password: PSK });
        bench.clock.advance(ENOUGH_MS);
        other.close();
        bench.start();
        assert.equal(bench.station.link?.ssid, "home");
      });
    }

    it("forgets an earlier start, which is heard of no more", () => {
      home();
      const earlier: Heard[] = [];
      const events = { onUp: () => earlier.push("up"), onFailed: () => {}, onLost: () => earlier.push("lost") };
      bench.station.start(events);
      bench.clock.advance(RADIO_SCAN_MS + 1_000);
      bench.start();
      assert.deepEqual([earlier, bench.heard], [[], ["up"]]);
    });
  });

  describe("when a network cannot be joined", () => {
    it("fails with 700 when it knows none, without using the radio", () => {
      bench.known = [];
      assert.isBelow(bench.startAndWaitMs(), 1_000);
      assert.deepEqual(bench.heard, [FailureCode.CONFIG]);
      assert.equal(bench.air.counts.scans, 0);
    });

    it("fails with 720 when none of those that it knows is in reach", () => {
      know("home", "work");
      home({ ssid: "neighbour" });
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.SSID_NOT_FOUND]);
      assert.equal(bench.air.counts.attempts, 0);
    });

    it("fails with 720 when the only one is not there, or too weak", () => {
      home({ rssiDbm: -96 });
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.SSID_NOT_FOUND]);
      assert.equal(bench.air.counts.notFound, 1, "one look is enough");
    });

    it("fails with 722 when the password is wrong, after a second try", () => {
      home({ password: "changed since" });
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NET_AUTHENTICATION]);
      assert.equal(bench.air.counts.wrongPasswords, REFUSALS_MAX);
    });

    it("fails with 722 when an open network has got a password, or the other way round", () => {
      const hotspot = home({ password: undefined });
      bench.start();
      hotspot.password = PSK;
      bench.known = [{ ssid: "home" }];
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NET_AUTHENTICATION, FailureCode.NET_AUTHENTICATION]);
      assert.equal(bench.air.counts.wrongSecurity, 2 * REFUSALS_MAX);
    });

    it("fails with 722 also where the driver keeps its reasons to itself", () => {
      bench.air.tellsReasons = false;
      home({ password: "changed since" });
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NET_AUTHENTICATION]);
      assert.equal(bench.air.counts.wrongPasswords, REFUSALS_MAX);
    });

    it("fails with 723 when there is no address", () => {
      home({ dhcpMs: undefined });
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NO_ADDRESS]);
      assert.equal(bench.air.counts.withoutAddress, 1);
    });

    it("fails with 701 when it gets no answer at all", () => {
      home({ silent: true });
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NET_TIMEOUT]);
      assert.equal(bench.air.counts.unanswered, 1);
    });

    it("fails with 704 when it is refused for another reason", () => {
      home({ refusalReason: 5 });
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NET_GENERIC]);
      assert.equal(bench.air.counts.refused, REFUSALS_MAX);
    });

    it("fails with 704 when the radio does not start", () => {
      bench.io = class {
        constructor() {
          throw new Error("no memory");
        }
      } as unknown as WifiClass;
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NET_GENERIC]);
    });

    it("joins at the second try when the first one was refused though the password is right", () => {
      home({ refusals: 1 });
      bench.start();
      assert.deepEqual(bench.heard, ["up"]);
      assert.equal(bench.air.counts.refused, 1);
    });

    it("is thrown out before it has an address, and tries once more", () => {
      const hotspot = home({ dhcpMs: 5_000 });
      bench.start(0);
      bench.clock.runUntil(() => bench.air.joined !== undefined, ENOUGH_MS);
      bench.air.drop(hotspot);
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual(bench.heard, ["up"]);
      assert.deepEqual([bench.air.counts.lost, bench.air.counts.associations], [1, 2]);
    });

    it("tries the next one in reach", () => {
      know("home", "work", "cafe");
      home({ rssiDbm: -40, password: "changed since" });
      home({ ssid: "work", rssiDbm: -50, dhcpMs: undefined });
      home({ ssid: "cafe", rssiDbm: -60 });
      bench.start();
      assert.deepEqual([bench.heard, bench.joined], [["up"], ["cafe"]]);
      assert.deepEqual([bench.air.counts.wrongPasswords, bench.air.counts.withoutAddress], [REFUSALS_MAX, 1]);
    });

    it("tells what somebody can do something about, when several fail", () => {
      know("home", "work", "cafe");
      home({ rssiDbm: -40, refusalReason: 5 });
      home({ ssid: "work", rssiDbm: -50, password: "changed since" });
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NET_AUTHENTICATION]);
      assert.deepEqual([bench.air.counts.refused, bench.air.counts.wrongPasswords], [2, 2]);
    });

    it("has answered before the lifecycle loses patience, whatever is wrong with how many", () => {
      know(..."0123456789abcdef");
      const faults = [{ silent: true }, { dhcpMs: undefined }, { password: "changed since" }, { refusalReason: 5 }];
      for (const [index, { ssid }] of bench.known.entries()) home({ ssid, ...faults[index % faults.length] });
      for (let round = 0; round < 3; round++) {
        assert.isAtMost(bench.startAndWaitMs(), START_MS);
        assert.include([FailureCode.NET_AUTHENTICATION, FailureCode.NO_ADDRESS], bench.heard[round]);
      }
    });

    it("begins with those that had no turn, when it is started again, so that none starves", () => {
      know(..."0123456789abcdef");
      for (const { ssid } of bench.known) home({ ssid, rssiDbm: -40, silent: ssid !== "f" });
      for (let round = 0; round < 6 && !bench.heard.includes("up"); round++) bench.start();
      assert.deepEqual(bench.joined, ["f"]);
      assert.isAtLeast(bench.air.counts.unanswered, 15);
      assert.isAtMost(bench.air.counts.unanswered, 16);
    });

    it("gives all a turn again once each has had one", () => {
      know(..."0123456789abcdef");
      const hotspots = bench.known.map(({ ssid }) => home({ ssid, rssiDbm: -40, silent: true }));
      const { counts } = bench.air;
      while (counts.unanswered < hotspots.length) bench.start();
      const last = hotspots.at(-1) as Hotspot;
      Object.assign(last, { silent: false, rssiDbm: -50 });
      while (!bench.heard.includes("up") && counts.unanswered < 3 * hotspots.length) bench.start();
      assert.deepEqual(bench.joined, ["f"]);
    });

    it("holds nothing against a network that it could join since", () => {
      know("home", "work", "cafe");
      const hotspot = home({ password: "changed since", rssiDbm: -40 });
      const work = home({ ssid: "work" });
      bench.start();
      hotspot.password = PSK;
      work.password = "changed too";
      bench.start();
      home({ ssid: "cafe" });
      bench.start();
      assert.deepEqual(bench.joined, ["work", "home", "home"]);
      assert.equal(bench.air.counts.wrongPasswords, 4);
    });

    it("tells of the last start, and of nothing that was before", () => {
      const hotspot = home({ password: "changed since" });
      bench.start();
      bench.air.remove(hotspot);
      bench.start();
      assert.deepEqual(bench.heard, [FailureCode.NET_AUTHENTICATION, FailureCode.SSID_NOT_FOUND]);
    });

    it("does not take what others join for its own, while it waits for the second try", () => {
      home({ refusals: 1 });
      home({ ssid: "stray" });
      bench.start(0);
      bench.clock.runUntil(() => bench.air.counts.refused === 1, ENOUGH_MS);
      const other: Wifi = new bench.Wifi({ onChanged: () => {} });
      other.connect({ SSID: "stray", password: PSK });
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual([bench.heard, bench.air.counts.associations], [["up"], 2]);
      assert.equal(bench.air.joined?.ssid, "home");
    });

    it("leaves the radio when it has failed, and does nothing more", () => {
      home({ dhcpMs: undefined });
      bench.start();
      assert.isUndefined(bench.air.joined);
      assert.equal(bench.radio.openWifis, 0);
      const { attempts, scans } = bench.air.counts;
      bench.clock.advance(10 * ENOUGH_MS);
      assert.deepEqual([bench.air.counts.attempts, bench.air.counts.scans], [attempts, scans]);
      assert.equal(bench.clock.pending, 0);
    });

    it("can be started again from inside the callback", () => {
      home({ refusals: REFUSALS_MAX });
      const heard: Heard[] = [];
      const events: LinkEvents = {
        onUp: () => heard.push("up"),
        onFailed: (code) => {
          heard.push(code);
          bench.station.start(events);
        },
        onLost: () => {},
      };
      bench.station.start(events);
      bench.clock.advance(2 * ENOUGH_MS);
      assert.deepEqual(heard, [FailureCode.NET_AUTHENTICATION, "up"]);
    });
  });

  describe("while it is up", () => {
    let hotspot: Hotspot;

    beforeEach(() => {
      hotspot = home();
      bench.start();
      bench.heard.length = 0;
    });

    it("stays up, and leaves the radio alone", () => {
      const { scans, attempts } = bench.air.counts;
      bench.clock.advance(24 * 3_600_000);
      assert.isEmpty(bench.heard);
      assert.deepEqual([bench.air.counts.scans, bench.air.counts.attempts], [scans, attempts]);
    });

    it("says that the network is lost, once, and does not join again by itself", () => {
      bench.air.drop(hotspot);
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual([bench.heard, bench.air.counts.lost], [["lost"], 1]);
      assert.equal(bench.radio.openWifis, 0);
      assert.isUndefined(bench.station.link);
      assert.isUndefined(bench.air.joined);
      assert.isFalse(bench.network.linkUp);
    });

    it("is stopped without a word, as often as anybody likes, and joins again when started", () => {
      bench.station.stop();
      bench.station.stop();
      assert.isUndefined(bench.air.joined);
      assert.isFalse(bench.network.linkUp);
      bench.clock.advance(ENOUGH_MS);
      assert.isEmpty(bench.heard);
      bench.start();
      assert.deepEqual(bench.heard, ["up"]);
      assert.equal(bench.air.counts.staleEnds, 0);
    });

    it("joins another network when it is started again where its own is gone", () => {
      know("home", "work");
      home({ ssid: "work" });
      bench.air.remove(hotspot);
      bench.start();
      assert.deepEqual(bench.heard, ["lost", "up"]);
      assert.equal(bench.station.link?.ssid, "work");
    });

    it("can be started again from inside onLost", () => {
      const heard: Heard[] = [];
      const events: LinkEvents = {
        onUp: () => heard.push("up"),
        onFailed: (code) => heard.push(code),
        onLost: () => {
          heard.push("lost");
          bench.station.start(events);
        },
      };
      bench.station.start(events);
      bench.clock.advance(ENOUGH_MS);
      bench.air.drop(hotspot);
      bench.clock.advance(ENOUGH_MS);
      assert.deepEqual(heard, ["up", "lost", "up"]);
    });
  });

  describe("on a link that keeps breaking", () => {
    it("waits ever longer before it looks again, to a bound, and no longer after a sound one", () => {
      const hotspot = home();
      bench.startAndWaitMs();
      const joinMs = bench.startAndWaitMs();
      const pausesMs: number[] = [];
      for (let round = 0; round < 6; round++) {
        bench.air.drop(hotspot);
        pausesMs.push(bench.startAndWaitMs() - joinMs);
      }
      assert.deepEqual(
        pausesMs,
        [1, 2, 4, 8, 8, 8].map((seconds) => seconds * 1_000),
      );
      assert.deepEqual([pausesMs[0], pausesMs.at(-1)], [BROKEN_PAUSE_MS_MIN, BROKEN_PAUSE_MS_MAX]);
      bench.clock.advance(SOUND_LINK_MS);
      bench.air.drop(hotspot);
      assert.equal(bench.startAndWaitMs(), joinMs);
    });
  });
});

describe("A join", () => {
  it("tells why it was refused when there is no time for a second try", () => {
    const bench = new WifiBench();
    bench.air.add({ password: "changed since" });
    const heard: FailureCode[] = [];
    new Join({
      clock: bench.deviceClock,
      wifi: { io: bench.Wifi },
      choice: { network: { ssid: "home", psk: PSK }, seen: true },
      untilMs: 7_000,
      onUp: () => {},
      onFailed: (code) => heard.push(code),
      onLost: () => {},
    });
    bench.clock.advance(7_000);
    assert.deepEqual([heard, bench.air.counts.wrongPasswords], [[FailureCode.NET_AUTHENTICATION], 1]);
  });
});

describe("A scan", () => {
  it("tells of as many access points as there is room for", () => {
    const bench = new WifiBench();
    for (let index = 0; index < FOUND_MAX + 10; index++) bench.air.add({ ssid: `ap ${index}` });
    let count = 0;
    const onDone = (found: readonly WifiFound[] = []) => {
      count = found.length;
    };
    new NetworkScan({ clock: bench.deviceClock, wifi: { io: bench.Wifi }, onDone });
    bench.clock.advance(SCAN_MS);
    assert.equal(count, FOUND_MAX);
    assert.equal(bench.radio.openWifis, 0);
  });

  it("tells nothing after close()", () => {
    const bench = new WifiBench();
    let calls = 0;
    const scan = new NetworkScan({ clock: bench.deviceClock, wifi: { io: bench.Wifi }, onDone: () => calls++ });
    bench.clock.advance(100);
    assert.equal(bench.air.counts.scans, 1);
    scan.close();
    scan.close();
    bench.clock.advance(2 * SCAN_MS);
    assert.equal(calls, 0);
  });
});

describe("The station's MAC address", () => {
  it("is told in capitals, and needs no network", () => {
    const { Wifi: io, radio } = new WifiBench();
    assert.equal(readMac({ io }), "24:0A:C4:00:00:01");
    assert.equal(radio.openWifis, 0);
  });

  it("is not known where the radio does not start", () => {
    const io = class {
      constructor() {
        throw new Error("no memory");
      }
    } as unknown as WifiClass;
    assert.isUndefined(readMac({ io }));
  });
});
