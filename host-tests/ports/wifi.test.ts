import { assert } from "chai";
import { CaptivePortal } from "../../host/peers/captive-portal.js";
import { Air } from "../../host/sim/air.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { PowerCut } from "../../host/sim/power.js";
import { SimRadio } from "../../host/sim/radio.js";
import { makeWifiClass } from "../../host/sim/wifi.js";
import { makeWifiClasses } from "../../src/device/wifi.js";
import type { AccessPointClass, Radio, Wifi, WifiClass } from "../../src/network/ports.js";
import { WifiBench } from "../support/wifi-bench.js";
import { describeWifiContract } from "./contracts/wifi.js";

const PASSWORD = "correct horse";

function fixtureOf({ air, radio, clock }: WifiBench, classes: { Wifi: WifiClass; AccessPoint: AccessPointClass }) {
  const home = air.add({ password: PASSWORD });
  return {
    ...classes,
    home: { ssid: home.ssid, password: PASSWORD, channel: home.channel },
    pass: (durationMs: number) => clock.advance(durationMs),
    drop: () => air.drop(home),
    onAir: () => radio.onAir,
  };
}

describeWifiContract("SimWifi", () => {
  const bench = new WifiBench();
  return fixtureOf(bench, bench);
});

/** native/radio.c, over the simulated radio. */
function nativeOf(radio: SimRadio): Radio {
  return {
    watch: () => {},
    get reason() {
      return radio.reason;
    },
    forgetReason: () => {
      radio.reason = 0;
    },
    setNameServer: () => {},
    openAccessPoint: (ssid, password, channel) => radio.openAccessPoint({ ssid, password, channel }),
    closeAccessPoint: () => radio.closeAccessPoint(),
  };
}

describeWifiContract("DeviceWifi over the SDK's shape", () => {
  const bench = new WifiBench();
  return fixtureOf(bench, makeWifiClasses({ Wifi: bench.Wifi, radio: nativeOf(bench.radio) }));
});

describe("The simulated air", () => {
  let bench: WifiBench;
  let wifi: Wifi;
  let connections: number[];

  beforeEach(() => {
    bench = new WifiBench();
    connections = [];
    wifi = new bench.Wifi({ onChanged: (property) => property === "connection" && connections.push(wifi.connection) });
  });

  function join(password: string | undefined = PASSWORD): void {
    wifi.connect(password === undefined ? { SSID: "home" } : { SSID: "home", password });
    bench.clock.advance(20_000);
  }

  it("has the network's link up exactly while the station is joined and addressed", () => {
    const home = bench.air.add();
    assert.isFalse(bench.network.linkUp);
    wifi.connect({ SSID: "home", password: PASSWORD });
    bench.clock.runUntil(() => wifi.connection === 400, 5_000);
    assert.isFalse(bench.network.linkUp, "associated is not enough");
    bench.clock.runUntil(() => wifi.connection === 500, 5_000);
    assert.isTrue(bench.network.linkUp);
    bench.air.drop(home);
    assert.isFalse(bench.network.linkUp);
  });

  it("counts a password that is wrong, and tells of a starved handshake seconds later", () => {
    bench.air.add({ password: "something else" });
    wifi.connect({ SSID: "home", password: PASSWORD });
    bench.clock.advance(5_000);
    assert.isEmpty(connections);
    bench.clock.advance(5_000);
    assert.deepEqual([connections, wifi.reason, bench.air.counts.wrongPasswords], [[200], 15, 1]);
  });

  it("keeps open and secured networks apart", () => {
    const home = bench.air.add({ password: undefined });
    join();
    assert.equal(wifi.reason, 211);
    home.password = PASSWORD;
    join("");
    assert.equal(bench.air.counts.wrongPasswords, 1, "an empty password is one");
    wifi.connect({ SSID: "home" });
    bench.clock.advance(20_000);
    assert.deepEqual([wifi.reason, bench.air.counts.wrongSecurity], [210, 2]);
  });

  it("refuses with the reason that is chosen, or as often as is chosen", () => {
    const home = bench.air.add({ refusalReason: 5 });
    join();
    assert.equal(wifi.reason, 5);
    home.refusalReason = undefined;
    home.refusals = 1;
    join();
    assert.equal(wifi.reason, 202);
    join();
    assert.equal(wifi.connection, 500);
    assert.equal(bench.air.counts.refused, 2);
  });

  it("leaves an attempt without an answer", () => {
    bench.air.add({ silent: true });
    join();
    assert.deepEqual([wifi.connection, connections, bench.air.counts.unanswered], [300, [], 1]);
  });

  it("assigns no address, or late", () => {
    const home = bench.air.add({ dhcpMs: undefined });
    join();
    assert.deepEqual([wifi.connection, bench.air.counts.withoutAddress], [400, 1]);
    wifi.disconnect();
    home.dhcpMs = 12_000;
    bench.clock.advance(1_000);
    wifi.connect({ SSID: "home", password: PASSWORD });
    bench.clock.advance(12_000);
    assert.equal(wifi.connection, 400);
    bench.clock.advance(5_000);
    assert.deepEqual([wifi.connection, bench.air.counts.addresses], [500, 1]);
  });

  it("does not receive what is too weak, in a scan as in an attempt, nor hidden ones in a scan", () => {
    const home = bench.air.add({ rssiDbm: -95 });
    bench.air.add({ ssid: "secret", hidden: true });
    const names: string[] = [];
    const scan = () => {
      wifi.scan({ onFound: ({ SSID }) => names.push(SSID), onComplete: () => {} });
      bench.clock.advance(5_000);
    };
    scan();
    join();
    assert.deepEqual([names, wifi.reason, bench.air.counts.notFound], [[], 201, 1]);
    home.rssiDbm = -94;
    scan();
    assert.deepEqual(names, ["home"]);
    wifi.connect({ SSID: "secret", password: PASSWORD });
    bench.clock.advance(20_000);
    assert.equal(wifi.SSID, "secret");
  });

  it("loses a station whose access point is switched off", () => {
    const home = bench.air.add();
    join();
    bench.air.remove(home);
    assert.deepEqual([wifi.connection, wifi.reason, bench.air.counts.lost], [200, 200, 1]);
  });

  it("can keep its reasons to itself, and let a scan hang", () => {
    bench.air.tellsReasons = false;
    bench.air.scansToHang = 1;
    bench.air.add({ refusalReason: 5 });
    join();
    assert.deepEqual([wifi.connection, wifi.reason], [200, 0]);
    let isOver = false;
    wifi.scan({
      onFound: () => {},
      onComplete: () => {
        isOver = true;
      },
    });
    bench.clock.advance(60_000);
    assert.isFalse(isOver);
    assert.equal(bench.air.counts.hungScans, 1);
  });

  it("counts ends that are told too late", () => {
    bench.air.add();
    join();
    wifi.disconnect();
    join();
    assert.equal(bench.air.counts.staleEnds, 1);
  });

  it("puts a captive portal between the station and everybody", () => {
    const portal = new CaptivePortal();
    bench.air.add({ portal });
    join();
    bench.network.listen("example.com", 443, () => true);
    const open = (host: string, port: number, secure: boolean) => {
      let outcome = "nothing";
      bench.network.connect(
        { host, port, secure },
        {
          onConnected: () => {
            outcome = "connected";
          },
          onEnd: (_, cause) => {
            outcome = String(cause);
          },
        },
      );
      bench.clock.advance(1_000);
      return outcome;
    };
    assert.include(open("example.com", 443, true), "certificate of a portal, not of example.com");
    assert.equal(open("nobody.example", 80, false), "connected", "each name is its own");
    assert.equal(open("10.1.2.3", 80, false), "connected");
    assert.equal(open("example.com", 8883, true), "undefined", "refused");
    portal.behavior = { dropsTls: true };
    assert.equal(open("example.com", 443, true), "nothing");
    const { badCertificates, refused, silenced } = bench.network.counts;
    assert.deepEqual([badCertificates, refused, silenced], [1, 1, 1]);
    assert.deepEqual(portal.counts, { visits: 4, refused: 1, answers: 0 });
    portal.logIn();
    assert.equal(open("example.com", 443, true), "connected");
    assert.equal(open("nobody.example", 80, false), "nobody.example", "a name that cannot be looked up");
  });

  it("goes silent with its device, and takes the radio of the next life in its place", () => {
    bench.air.add();
    new bench.AccessPoint({ ssid: "Ferry", channel: 1 });
    join();
    bench.boot();
    assert.throws(() => wifi.connection, PowerCut);
    const next = new SimRadio({ air: bench.air, cpu: bench.cpu, life: bench.life });
    assert.isUndefined(bench.air.joined);
    assert.isUndefined(bench.air.onAir);
    assert.isFalse(bench.network.linkUp);
    const Next = makeWifiClass(next);
    assert.equal(new Next({ onChanged: () => {} }).connection, 200);
  });

  it("needs no network behind it", () => {
    const air = new Air(new VirtualClock());
    assert.equal(air.add().ssid, "home");
    assert.isUndefined(air.joined);
  });
});
