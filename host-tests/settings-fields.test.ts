/** Fields of settings as bytes: what is written, what is refused, and what is read from anything at all. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { toHex } from "../src/base/hex.js";
import { encodeUtf8 } from "../src/base/utf8.js";
import { decodeFields, encodeFields, type FieldTable, problemOf } from "../src/settings/fields.js";
import {
  decodeNetworks,
  encodeNetworks,
  inOrder,
  type KnownNetwork,
  NETWORKS_MAX,
  type Network,
  networkProblem,
  withNetwork,
} from "../src/settings/networks.js";
import { CLOUD_FIELDS, COUNTS_FIELDS, LOCATION_FIELDS, VENDOR_FIELDS } from "../src/settings/values.js";
import { RECORD_BODY_BYTES_MAX } from "../src/store/record-slot.js";
import { CLOUD, fullNetwork, HOME, LOCATION } from "./support/settings-bench.js";

interface Sample {
  readonly name: string;
  readonly address?: string;
  readonly key?: Uint8Array;
  readonly count?: number;
  readonly wide?: number;
  readonly on?: boolean;
  readonly server?: string;
}

const SAMPLE: FieldTable<Sample> = {
  name: { tag: 1, required: true, type: "text", bytesMin: 2, bytesMax: 5 },
  address: { tag: 2, required: false, type: "ipv4" },
  key: { tag: 3, required: false, type: "bytes", length: 3 },
  count: { tag: 4, required: false, type: "unsigned", bytes: 2, min: 10, max: 1_000 },
  wide: { tag: 5, required: false, type: "unsigned", bytes: 4, min: 0, max: 0xffff_ffff },
  on: { tag: 200, required: false, type: "flag" },
  server: { tag: 201, required: false, type: "host" },
};

const FULL: Sample = {
  name: "fünf",
  address: "10.0.255.1",
  key: Uint8Array.of(7, 8, 9),
  count: 999,
  wide: 0xfedc_ba98,
  on: true,
};

describe("Fields", () => {
  it("lie as their layout says", () => {
    const expected = "010566c3bc6e66" + "02040a00ff01" + "0303070809" + "0402e703" + "050498badcfe" + "c800";
    assert.equal(toHex(encodeFields(SAMPLE, FULL)), expected);
    assert.equal(toHex(encodeFields(SAMPLE, { name: "ab", on: false })), "01026162");
  });

  it("read as they were written, in any order", () => {
    assert.deepEqual(decodeFields(SAMPLE, encodeFields(SAMPLE, FULL)), FULL);
    assert.deepEqual(decodeFields(SAMPLE, Uint8Array.of(200, 0, 1, 2, 0x61, 0x62)), { name: "ab", on: true });
  });

  it("give bytes of their own", () => {
    const bytes = encodeFields(SAMPLE, FULL);
    const read = decodeFields(SAMPLE, bytes);
    bytes.fill(0);
    assert.deepEqual(read, FULL);
  });

  it("skip what a later Ferry may have added", () => {
    const bytes = Uint8Array.of(99, 2, 1, 1, 1, 2, 0x61, 0x62, 100, 0);
    assert.deepEqual(decodeFields(SAMPLE, bytes), { name: "ab" });
  });

  const PROBLEMS: readonly (readonly [value: Partial<Sample>, problem: string])[] = [
    [{}, "name is missing"],
    [{ name: "a" }, "name has 1 bytes: 2 to 5 are allowed"],
    [{ name: "sechs!" }, "name has 6 bytes: 2 to 5 are allowed"],
    [{ name: "äöü" }, "name has 6 bytes: 2 to 5 are allowed"],
    [{ name: "a\0b" }, "name contains a NUL"],
    [{ name: "ab", address: "10.0.0" }, 'address is no IPv4 address: "10.0.0"'],
    [{ name: "ab", address: "10.0.0.256" }, 'address is no IPv4 address: "10.0.0.256"'],
    [{ name: "ab", address: "10.0.0.01" }, 'address is no IPv4 address: "10.0.0.01"'],
    [{ name: "ab", address: "10.0.0.-1" }, 'address is no IPv4 address: "10.0.0.-1"'],
    [{ name: "ab", address: "" }, 'address is no IPv4 address: ""'],
    [{ name: "ab", address: "1.2.3.x" }, 'address is no IPv4 address: "1.2.3.x"'],
    [{ name: "ab", key: new Uint8Array(2) }, "key has 2 bytes: it must be 3"],
    [{ name: "ab", server: "bad host/\n" }, 'server is no server\'s name: it has letters, digits, "-" and "." only'],
    [{ name: "ab", count: 9 }, "count is 9: 10 to 1000 are allowed"],
    [{ name: "ab", count: 1_001 }, "count is 1001: 10 to 1000 are allowed"],
    [{ name: "ab", count: 10.5 }, "count is 10.5: 10 to 1000 are allowed"],
    [{ name: "ab", count: Number.NaN }, "count is NaN: 10 to 1000 are allowed"],
  ];
  for (const [value, problem] of PROBLEMS) {
    it(`are refused where ${problem}`, () => {
      assert.equal(problemOf(SAMPLE, value as Sample), problem);
      assert.throws(() => encodeFields(SAMPLE, value as Sample), RangeError, problem);
    });
  }

  const DAMAGED: readonly (readonly [why: string, bytes: readonly number[]])[] = [
    ["a required one is missing", [4, 2, 10, 0]],
    ["a tag ends the bytes", [1, 2, 0x61, 0x62, 4]],
    ["a value is cut short", [1, 2, 0x61]],
    ["one comes twice", [1, 2, 0x61, 0x62, 1, 2, 0x61, 0x62]],
    ["a text is too short", [1, 1, 0x61]],
    ["a text holds a NUL", [1, 3, 0x61, 0, 0x62]],
    ["a number has the wrong width", [1, 2, 0x61, 0x62, 4, 1, 10]],
    ["a number is out of bounds", [1, 2, 0x61, 0x62, 4, 2, 9, 0]],
    ["an address has five bytes", [1, 2, 0x61, 0x62, 2, 5, 1, 2, 3, 4, 5]],
    ["a key is too long", [1, 2, 0x61, 0x62, 3, 4, 1, 2, 3, 4]],
    ["a server's name is none", [1, 2, 0x61, 0x62, 201, 2, 0x61, 0x2f]],
    ["a flag has a value", [1, 2, 0x61, 0x62, 200, 1, 1]],
    ["an unknown one is cut short", [1, 2, 0x61, 0x62, 99, 3, 1]],
    ["there is nothing", []],
  ];
  for (const [why, bytes] of DAMAGED) {
    it(`are damaged where ${why}`, () => assert.isUndefined(decodeFields(SAMPLE, Uint8Array.from(bytes))));
  }

  it("never throw on random bytes, and what they accept they write and read again", () => {
    const random = new Random(21);
    let accepted = 0;
    for (let i = 0; i < 4_000; i++) {
      let bytes = encodeFields(SAMPLE, FULL);
      for (let edits = 1 + random.below(3); edits > 0; edits--) bytes[random.below(bytes.length)] = random.below(256);
      if (random.chance(0.2)) bytes = bytes.slice(0, random.below(bytes.length));
      if (random.chance(0.1)) bytes = random.bytes(random.below(40));
      const value = decodeFields(SAMPLE, bytes);
      if (!value) continue;
      accepted++;
      assert.deepEqual(decodeFields(SAMPLE, encodeFields(SAMPLE, value)), value);
    }
    assert.isAbove(accepted, 400);
    assert.isBelow(accepted, 3_600);
  });
});

describe("What is stored", () => {
  it("keeps its tags: older and newer versions of Ferry read each other", () => {
    assert.equal(
      toHex(encodeFields(CLOUD_FIELDS, { host: "a.b", port: 8443, token: "t" })),
      "0103612e62" + "020174" + "0302fb20",
    );
    assert.equal(
      toHex(encodeFields(LOCATION_FIELDS, { latitude: "1", longitude: "2", olsonId: "3", posixTz: "4" })),
      "010131" + "020132" + "030133" + "040134",
    );
    assert.equal(toHex(encodeFields(VENDOR_FIELDS, { prefix: "p", server: "s" })), "010170" + "020173");
    assert.equal(
      toHex(encodeFields(COUNTS_FIELDS, { boots: 1, plannedBoots: 2, configSkips: 3 })),
      "010401000000" + "020402000000" + "030403000000",
    );
    assert.equal(
      toHex(encodeNetworks([{ ...HOME, ip: "1.2.3.4", gateway: "1.2.3.1", mask: "255.0.0.0", id: 5 }])),
      "2a" +
        "010105" +
        "0204486f6d65" +
        "030d636f727265637420686f727365" +
        "0a0401020304" +
        "0b0401020301" +
        "0c04ff000000",
    );
  });

  it("reads as it was written", () => {
    assert.deepEqual(decodeFields(CLOUD_FIELDS, encodeFields(CLOUD_FIELDS, CLOUD)), CLOUD);
    assert.deepEqual(decodeFields(LOCATION_FIELDS, encodeFields(LOCATION_FIELDS, LOCATION)), LOCATION);
    assert.deepEqual(decodeFields(VENDOR_FIELDS, encodeFields(VENDOR_FIELDS, {})), {});
  });
});

describe("A network", () => {
  const PROBLEMS: readonly (readonly [network: Network, problem: string])[] = [
    [{ ssid: "" }, "ssid has 0 bytes: 1 to 32 are allowed"],
    [{ ssid: "x".repeat(33) }, "ssid has 33 bytes: 1 to 32 are allowed"],
    [{ ssid: "a", psk: "seven77" }, "psk has 7 bytes: 8 to 64 are allowed"],
    [{ ssid: "a", psk: "x".repeat(65) }, "psk has 65 bytes: 8 to 64 are allowed"],
    [{ ssid: "a", psk: "x".repeat(64) }, "psk has 64 characters: then all must be hex digits"],
    [{ ssid: "a", bssid: new Uint8Array(5) }, "bssid has 5 bytes: it must be 6"],
    [{ ssid: "a", channel: 0 }, "channel is 0: 1 to 196 are allowed"],
    [{ ssid: "a", ip: "10.0.0.2" }, "a fixed address needs all of ip, gateway and mask"],
    [{ ssid: "a", gateway: "10.0.0.1", mask: "255.0.0.0" }, "a fixed address needs all of ip, gateway and mask"],
  ];
  for (const [network, problem] of PROBLEMS) {
    it(`is refused where ${problem}`, () => assert.equal(networkProblem(network), problem));
  }

  it("may be open, or have a password of 8 to 63 characters or 64 hex digits", () => {
    const hex = "0123456789abcdefABCDEF".padEnd(64, "0");
    for (const network of [{ ssid: "a" }, HOME, { ssid: "a", psk: "x".repeat(63) }, { ssid: "a", psk: hex }]) {
      assert.isUndefined(networkProblem(network));
    }
  });

  it("may have DNS servers of its own under DHCP", () => {
    assert.isUndefined(networkProblem({ ssid: "a", dns: "9.9.9.9" }));
  });
});

describe("The list of networks", () => {
  function listOf(count: number): KnownNetwork[] {
    let networks: KnownNetwork[] = [];
    for (let index = 0; index < count; index++) networks = withNetwork(networks, fullNetwork(index));
    return networks;
  }

  const namesOf = (networks: readonly Network[]) => networks.map(({ ssid }) => ssid.replaceAll(".", ""));

  it("fits its record when all 16 are as long as they may be", () => {
    const networks = listOf(NETWORKS_MAX);
    for (const network of networks) assert.isUndefined(networkProblem(network));
    const bytes = encodeNetworks(networks);
    assert.isAtMost(bytes.length, RECORD_BODY_BYTES_MAX);
    assert.deepEqual(decodeNetworks(bytes), networks);
  });

  it("has the latest first, with an id that it keeps", () => {
    const networks = listOf(3);
    assert.deepEqual(namesOf(networks), ["network 2", "network 1", "network 0"]);
    assert.deepEqual(
      networks.map(({ id }) => id),
      [2, 1, 0],
    );
    const changed = withNetwork(networks, { ssid: fullNetwork(1).ssid });
    assert.deepEqual(namesOf(changed), ["network 1", "network 2", "network 0"]);
    assert.deepEqual(changed[0], { ssid: fullNetwork(1).ssid, id: 1 });
  });

  it("drops the last one for a 17th, whose id becomes free", () => {
    const full = listOf(NETWORKS_MAX);
    const more = withNetwork(full, HOME);
    assert.lengthOf(more, NETWORKS_MAX);
    assert.deepEqual(more[0], { ...HOME, id: 0 });
    assert.notInclude(namesOf(more), "network 0");
    assert.lengthOf(withNetwork(full, fullNetwork(7)), NETWORKS_MAX);
  });

  it("is ordered by use, strangers ignored and those not named last", () => {
    const networks = listOf(4);
    assert.deepEqual(namesOf(inOrder(networks, Uint8Array.of(1, 200, 3))), [
      "network 1",
      "network 3",
      "network 2",
      "network 0",
    ]);
    assert.deepEqual(inOrder(networks, new Uint8Array(0)), networks);
    assert.deepEqual(inOrder(networks, new Random(1).bytes(4_000)).length, 4);
  });

  it("is damaged where two have one name or one id, or one is not sound", () => {
    const [a, b] = [
      { ...HOME, id: 1 },
      { ...HOME, id: 2 },
    ];
    assert.isUndefined(decodeNetworks(encodeNetworks([a, b])));
    assert.isUndefined(decodeNetworks(encodeNetworks([a, { ssid: "Office", id: 1 }])));
    assert.isUndefined(decodeNetworks(encodeNetworks([{ ssid: "a", ip: "1.2.3.4", id: 1 }])));
    assert.deepEqual(decodeNetworks(encodeNetworks([a, { ssid: "Office", id: 2 }])), [a, { ssid: "Office", id: 2 }]);
  });

  it("never throws on random bytes, and accepts only what it would write", () => {
    const random = new Random(8);
    const sound = encodeNetworks(listOf(3));
    let accepted = 0;
    for (let i = 0; i < 1_000; i++) {
      const bytes = random.chance(0.1) ? random.bytes(random.below(200)) : sound.slice(0, sound.length);
      for (let edits = random.below(3); edits > 0; edits--) bytes[random.below(bytes.length)] = random.below(256);
      const networks = decodeNetworks(random.chance(0.1) ? bytes.subarray(0, random.below(bytes.length)) : bytes);
      if (!networks) continue;
      accepted++;
      assert.isAtMost(networks.length, NETWORKS_MAX);
      for (const network of networks) assert.isUndefined(networkProblem(network));
      assert.deepEqual(decodeNetworks(encodeNetworks(networks)), networks);
    }
    assert.isAbove(accepted, 200);
    assert.isBelow(accepted, 950);
    assert.isUndefined(decodeNetworks(encodeUtf8("not networks at all")));
  });
});
