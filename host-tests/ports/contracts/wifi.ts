/** What every Wifi and AccessPoint must do, with one access point in reach. */

import { assert } from "chai";
import type { AccessPointClass, Wifi, WifiClass, WifiFound } from "../../../src/network/ports.js";

export interface WifiFixture {
  readonly Wifi: WifiClass;
  readonly AccessPoint: AccessPointClass;
  /** In reach, with WPA2 and DHCP. */
  readonly home: { readonly ssid: string; readonly password: string; readonly channel: number };
  pass(durationMs: number): void;
  /** The access point throws its stations out. */
  drop(): void;
  /** What phones see of the device. */
  onAir(): { readonly ssid: string; readonly channel: number } | undefined;
}

/** Long enough for anything that comes to an end by itself. */
const ENOUGH_MS = 15_000;
const SETTLED_MS = 500;
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/** A Wifi, and what it told. */
interface Watched {
  readonly wifi: Wifi;
  /** `connection` at each change of it. */
  readonly connections: number[];
  addressChanges: number;
}

export function describeWifiContract(name: string, makeFixture: () => WifiFixture): void {
  let fixture: WifiFixture;

  function open(): Watched {
    const watched: { wifi?: Wifi; connections: number[]; addressChanges: number } = {
      connections: [],
      addressChanges: 0,
    };
    watched.wifi = new fixture.Wifi({
      onChanged: (property) => {
        if (property === "connection") watched.connections.push(watched.wifi?.connection ?? -1);
        else watched.addressChanges++;
      },
    });
    return watched as Watched;
  }

  function join(wifi: Wifi, password = fixture.home.password): void {
    wifi.connect({ SSID: fixture.home.ssid, password });
  }

  describe(`${name} as a Wifi`, () => {
    beforeEach(() => {
      fixture = makeFixture();
    });

    describe("that nobody has asked for anything", () => {
      it("is idle, knows its own address and nothing of any network", () => {
        const { wifi, connections } = open();
        fixture.pass(ENOUGH_MS);
        assert.equal(wifi.connection, 200);
        assert.match(wifi.MAC ?? "", MAC);
        const { address, SSID, BSSID, RSSI, channel, reason } = wifi;
        assert.deepEqual({ address, SSID, BSSID, RSSI, channel, reason }, { ...NOTHING_KNOWN, reason: 0 });
        assert.isEmpty(connections);
      });

      it("is in use no more after close(), which may come twice", () => {
        const { wifi } = open();
        wifi.close();
        wifi.close();
        assert.throws(() => join(wifi), SyntaxError);
        assert.throws(() => wifi.connection, SyntaxError);
      });
    });

    describe("that joins", () => {
      it("goes from joining by way of associated to addressed, and says so later", () => {
        const { wifi, connections } = open();
        join(wifi);
        assert.equal(wifi.connection, 300);
        assert.isEmpty(connections);
        fixture.pass(ENOUGH_MS);
        assert.deepEqual(connections, [400, 500]);
        assert.match(wifi.address ?? "", /^\d+\.\d+\.\d+\.\d+$/);
        assert.equal(wifi.SSID, fixture.home.ssid);
        assert.match(wifi.BSSID ?? "", MAC);
        assert.equal(wifi.channel, fixture.home.channel);
        assert.isBelow(wifi.RSSI ?? 0, 0);
      });

      it("tells once that there is an address", () => {
        const watched = open();
        join(watched.wifi);
        fixture.pass(ENOUGH_MS);
        assert.equal(watched.addressChanges, 1);
      });

      it("takes a channel to begin with, and refuses one that there is not", () => {
        const { wifi } = open();
        const { ssid: SSID, password } = fixture.home;
        for (const channel of [0, 14]) assert.throws(() => wifi.connect({ SSID, password, channel }), RangeError);
        wifi.connect({ SSID, password, channel: 13 });
        fixture.pass(ENOUGH_MS);
        assert.equal(wifi.connection, 500);
      });

      it("refuses a second attempt meanwhile, whoever makes it, and scans", () => {
        const { wifi } = open();
        const other = open().wifi;
        join(wifi);
        for (const each of [wifi, other]) assert.throws(() => join(each), Error);
        assert.throws(() => other.scan({ onFound: () => {}, onComplete: () => {} }), Error);
      });

      it("is idle again when there is no such network, with the reason", () => {
        const { wifi, connections } = open();
        wifi.connect({ SSID: `${fixture.home.ssid} next door` });
        fixture.pass(ENOUGH_MS);
        assert.deepEqual(connections, [200]);
        assert.equal(wifi.reason, 201);
      });

      it("is idle again when the password is wrong, with the reason, and may try another", () => {
        const { wifi, connections } = open();
        join(wifi, "correct house");
        fixture.pass(ENOUGH_MS);
        assert.deepEqual(connections, [200]);
        assert.include([2, 15, 202, 204], wifi.reason);
        join(wifi);
        assert.equal(wifi.reason, 0);
        fixture.pass(ENOUGH_MS);
        assert.deepEqual(connections, [200, 400, 500]);
      });

      it("has a fixed address without asking anybody, until it is told to ask again", () => {
        const { wifi } = open();
        const address = "192.168.77.7";
        const fixed = { address, mask: "255.255.255.0", gateway: "192.168.77.1", nameServers: ["192.168.77.1"] };
        wifi.configure({ static: fixed });
        join(wifi);
        fixture.pass(ENOUGH_MS);
        assert.equal(wifi.connection, 500);
        assert.equal(wifi.address, address);
        wifi.disconnect();
        wifi.configure({ static: false });
        fixture.pass(SETTLED_MS);
        join(wifi);
        fixture.pass(ENOUGH_MS);
        assert.equal(wifi.connection, 500);
        assert.notEqual(wifi.address, address);
      });
    });

    describe("that has joined", () => {
      let watched: Watched;

      beforeEach(() => {
        watched = open();
        join(watched.wifi);
        fixture.pass(ENOUGH_MS);
        watched.connections.length = 0;
      });

      it("tells of a loss, knows nothing of the network any more, and does not join again by itself", () => {
        fixture.drop();
        fixture.pass(ENOUGH_MS);
        const { wifi, connections } = watched;
        assert.deepEqual(connections, [200]);
        assert.isAbove(wifi.reason, 0);
        const { address, SSID, BSSID, RSSI, channel } = wifi;
        assert.deepEqual({ address, SSID, BSSID, RSSI, channel }, NOTHING_KNOWN);
      });

      it("leaves without a word to the one who leaves, and tells the others", () => {
        const other = open();
        assert.equal(other.wifi.connection, 500, "it finds the network joined");
        watched.wifi.disconnect();
        assert.equal(watched.wifi.connection, 200);
        fixture.pass(SETTLED_MS);
        assert.isEmpty(watched.connections);
        assert.deepEqual(other.connections, [200]);
      });

      it("takes an attempt begun right after leaving for ended, though the driver goes on", () => {
        const { wifi, connections } = watched;
        wifi.disconnect();
        join(wifi);
        fixture.pass(SETTLED_MS);
        assert.deepEqual(connections, [200]);
        fixture.pass(ENOUGH_MS);
        assert.deepEqual(connections, [200, 400, 500]);
      });

      it("joins again after a pause", () => {
        const { wifi, connections } = watched;
        wifi.disconnect();
        fixture.pass(SETTLED_MS);
        join(wifi);
        fixture.pass(ENOUGH_MS);
        assert.deepEqual(connections, [400, 500]);
      });

      it("keeps the network when an object is closed, and tells that one nothing", () => {
        watched.wifi.close();
        const other = open();
        fixture.pass(ENOUGH_MS);
        assert.equal(other.wifi.connection, 500);
        fixture.drop();
        fixture.pass(SETTLED_MS);
        assert.isEmpty(watched.connections);
        assert.deepEqual(other.connections, [200]);
      });

      it("scans without losing the network", () => {
        const found: WifiFound[] = [];
        watched.wifi.scan({ onFound: (each) => found.push(each), onComplete: () => {} });
        fixture.pass(ENOUGH_MS);
        assert.include(
          found.map(({ SSID }) => SSID),
          fixture.home.ssid,
        );
        assert.equal(watched.wifi.connection, 500);
      });
    });

    describe("that scans", () => {
      it("tells of each access point, then that it has ended; later, and once", () => {
        const { wifi } = open();
        const told: (WifiFound | "end")[] = [];
        wifi.scan({ onFound: (each) => told.push(each), onComplete: () => told.push("end") });
        assert.isEmpty(told);
        fixture.pass(ENOUGH_MS);
        assert.equal(told.pop(), "end");
        const home = told.find((each) => each !== "end" && each.SSID === fixture.home.ssid) as WifiFound;
        assert.equal(home.channel, fixture.home.channel);
        assert.match(home.BSSID, MAC);
        assert.isBelow(home.RSSI, 0);
        assert.equal(home.security, "wpa2_psk");
      });

      it("looks at one channel alone when asked to, which is quick", () => {
        const { wifi } = open();
        const names: string[] = [];
        const channel = fixture.home.channel === 1 ? 2 : fixture.home.channel - 1;
        wifi.scan({ channel, onFound: ({ SSID }) => names.push(SSID), onComplete: () => names.push("end") });
        fixture.pass(SETTLED_MS);
        assert.deepEqual(names, ["end"]);
      });

      it("refuses a second scan, whoever wants it, and an attempt to join", () => {
        const { wifi } = open();
        const other = open().wifi;
        const scan = (each: Wifi) => each.scan({ onFound: () => {}, onComplete: () => {} });
        scan(wifi);
        for (const each of [wifi, other]) assert.throws(() => scan(each), Error);
        assert.throws(() => join(other), Error);
        fixture.pass(ENOUGH_MS);
        scan(other);
      });

      it("ends with the object, silently, and makes room for another", () => {
        const { wifi } = open();
        let calls = 0;
        const count = () => calls++;
        wifi.scan({ onFound: count, onComplete: count });
        wifi.close();
        open().wifi.scan({ onFound: () => {}, onComplete: () => {} });
        fixture.pass(ENOUGH_MS);
        assert.equal(calls, 0);
      });
    });
  });

  describe(`${name} as an AccessPoint`, () => {
    const openAccessPoint = (options: { password?: string; channel?: number; ssid?: string } = {}) =>
      new fixture.AccessPoint({ ssid: "Ferry-1", channel: 11, ...options });

    beforeEach(() => {
      fixture = makeFixture();
    });

    it("is on the air until it is closed, which may come twice", () => {
      const accessPoint = openAccessPoint();
      assert.deepEqual(fixture.onAir(), { ssid: "Ferry-1", channel: 11 });
      accessPoint.close();
      accessPoint.close();
      assert.isUndefined(fixture.onAir());
    });

    it("refuses a second one, and makes room when it is closed", () => {
      const first = openAccessPoint();
      assert.throws(() => openAccessPoint({ channel: 1 }), "in use");
      first.close();
      const second = openAccessPoint({ channel: 1 });
      first.close();
      assert.equal(fixture.onAir()?.channel, 1, "the closed one takes nothing away");
      second.close();
    });

    it("refuses what the radio cannot do, and stays off the air", () => {
      for (const channel of [0, 14]) assert.throws(() => openAccessPoint({ channel }), RangeError);
      for (const ssid of ["", "s".repeat(33)]) assert.throws(() => openAccessPoint({ ssid }), RangeError);
      assert.throws(() => openAccessPoint({ password: "1234567" }), RangeError);
      assert.isUndefined(fixture.onAir());
      openAccessPoint({ password: "12345678" });
    });

    it("goes along to the channel that the station joins on, and stays there", () => {
      openAccessPoint();
      const { wifi } = open();
      join(wifi);
      fixture.pass(ENOUGH_MS);
      assert.equal(wifi.connection, 500);
      assert.equal(fixture.onAir()?.channel, fixture.home.channel);
      wifi.disconnect();
      fixture.pass(SETTLED_MS);
      assert.equal(fixture.onAir()?.channel, fixture.home.channel);
    });

    it("lets the station scan beside it", () => {
      openAccessPoint();
      let isOver = false;
      open().wifi.scan({
        onFound: () => {},
        onComplete: () => {
          isOver = true;
        },
      });
      fixture.pass(ENOUGH_MS);
      assert.isTrue(isOver);
    });
  });
}

const NOTHING_KNOWN = Object.freeze({
  address: undefined,
  SSID: undefined,
  BSSID: undefined,
  RSSI: undefined,
  channel: undefined,
});
