import { assert } from "chai";
import { FailureCode } from "../src/base/failure-code.js";
import { failureOf, moreTelling } from "../src/network/join-failure.js";
import { chooseNetworks, type KnownWifi, LAST_USED_BONUS_DB } from "../src/network/network-choice.js";
import type { WifiFound } from "../src/network/ports.js";

const HOME: KnownWifi = { ssid: "home", psk: "12345678" };
const WORK: KnownWifi = { ssid: "work", psk: "87654321" };
const CAFE: KnownWifi = { ssid: "cafe" };
const SECRET: KnownWifi = { ssid: "secret", psk: "11112222", hidden: true };

function found(SSID: string, RSSI: number, { BSSID = "02:00:00:00:00:01", channel = 6 } = {}): WifiFound {
  return { SSID, RSSI, BSSID, channel, security: "wpa2_psk" };
}

function namesOf(known: readonly KnownWifi[], seen: readonly WifiFound[] | undefined, failed: readonly string[] = []) {
  const input = { known, failed: new Set(failed), ...(seen && { found: seen }) };
  return chooseNetworks(input).map(({ network }) => network.ssid);
}

describe("The choice of a network", () => {
  it("takes the strongest of those in reach first, and leaves the others out", () => {
    const seen = [found("neighbour", -30), found("work", -70), found("home", -50)];
    assert.deepEqual(namesOf([CAFE, WORK, HOME], seen), ["home", "work"]);
  });

  it("goes by the strongest access point of each network, and begins on its channel", () => {
    const seen = [
      found("home", -80, { channel: 1 }),
      found("work", -60),
      found("home", -50, { channel: 11 }),
      found("home", -70, { channel: 3 }),
    ];
    const choices = chooseNetworks({ known: [CAFE, WORK, HOME], found: seen, failed: new Set() });
    assert.deepEqual(choices[0], { network: HOME, seen: true, channel: 11 });
  });

  it("stays with the network used last, unless another one is clearly stronger", () => {
    const work = found("work", -60);
    assert.deepEqual(namesOf([WORK, HOME], [work, found("home", -60 + LAST_USED_BONUS_DB)]), ["work", "home"]);
    assert.deepEqual(namesOf([WORK, HOME], [work, found("home", -59 + LAST_USED_BONUS_DB)]), ["home", "work"]);
  });

  it("keeps the order of use between equals", () => {
    const seen = [found("home", -60), found("work", -60), found("cafe", -60)];
    assert.deepEqual(namesOf([CAFE, WORK, HOME], seen), ["cafe", "work", "home"]);
  });

  it("tries hidden networks last, on the channel that is known of them", () => {
    const secret = { ...SECRET, channel: 9 };
    const choices = chooseNetworks({ known: [secret, HOME], found: [found("home", -90)], failed: new Set() });
    assert.deepEqual(choices, [
      { network: HOME, seen: true, channel: 6 },
      { network: secret, seen: false, channel: 9 },
    ]);
  });

  it("puts what failed of late behind everything, hidden ones too, and still tries it", () => {
    const seen = [found("home", -40), found("work", -80)];
    assert.deepEqual(namesOf([HOME, WORK, SECRET], seen, ["home"]), ["work", "secret", "home"]);
    assert.deepEqual(namesOf([HOME, WORK], seen, ["home", "work"]), ["home", "work"]);
  });

  it("tries a single network also when no scan has found it: nobody may have said that it is hidden", () => {
    const alone = chooseNetworks({ known: [HOME], found: [found("neighbour", -50)], failed: new Set() });
    assert.deepEqual(alone, [{ network: HOME, seen: false }]);
    assert.deepEqual(namesOf([HOME, WORK], [found("neighbour", -50)]), []);
  });

  it("tries all of them, in the order of use, when there was no scan", () => {
    assert.deepEqual(namesOf([WORK, SECRET, HOME], undefined), ["work", "secret", "home"]);
  });

  it("counts a network that is bound to one access point only where that one is in reach", () => {
    const bound = { ...HOME, bssid: Uint8Array.of(2, 0, 0, 0, 0, 0xab) };
    const seen = [found("home", -40, { channel: 1 }), found("home", -75, { BSSID: "02:00:00:00:00:AB", channel: 2 })];
    const failed = new Set<string>();
    assert.deepEqual(chooseNetworks({ known: [WORK, bound], found: seen, failed }), [
      { network: bound, seen: true, channel: 2 },
    ]);
    assert.isEmpty(chooseNetworks({ known: [WORK, bound], found: seen.slice(0, 1), failed }));
  });

  it("is empty when nothing is known", () => {
    assert.isEmpty(namesOf([], [found("home", -40)]));
  });
});

describe("The failure to join", () => {
  it("is a network that is not there when nothing, or nothing strong enough, answered to the name", () => {
    for (const reason of [201, 212]) assert.equal(failureOf(reason, true), FailureCode.SSID_NOT_FOUND);
  });

  it("is a refused password when the handshake or the authentication failed, or the kind of security differs", () => {
    for (const reason of [2, 14, 15, 23, 202, 204, 210, 211]) {
      assert.equal(failureOf(reason, true), FailureCode.NET_AUTHENTICATION);
      assert.equal(failureOf(reason, false), FailureCode.NET_AUTHENTICATION);
    }
  });

  it("is nothing particular for a full access point, lost beacons, and whatever else", () => {
    for (const reason of [1, 4, 5, 8, 200, 203, 205, 250])
      assert.equal(failureOf(reason, true), FailureCode.NET_GENERIC);
  });

  it("is guessed where the driver keeps its reason: who was seen and refuses, refuses the password", () => {
    assert.equal(failureOf(0, true), FailureCode.NET_AUTHENTICATION);
    assert.equal(failureOf(0, false), FailureCode.SSID_NOT_FOUND);
  });

  it("of several networks is the one that somebody can do something about", () => {
    const { NET_AUTHENTICATION, NO_ADDRESS, NET_TIMEOUT, NET_GENERIC, SSID_NOT_FOUND } = FailureCode;
    const order = [NET_AUTHENTICATION, NO_ADDRESS, NET_TIMEOUT, NET_GENERIC, SSID_NOT_FOUND];
    for (const [index, code] of order.entries()) {
      for (const other of order.slice(index)) {
        assert.equal(moreTelling(code, other), code);
        assert.equal(moreTelling(other, code), code);
      }
    }
  });
});
