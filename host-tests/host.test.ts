/** What Ferry takes for the name of a server. */

import { assert } from "chai";
import { HOST_LENGTH_MAX, isHost, parseIpv4 } from "../src/base/host.js";

const LABEL = "a".repeat(63);
const LONGEST = `${LABEL}.${LABEL}.${LABEL}.${"a".repeat(61)}`;

describe("a host", () => {
  it("is a name of DNS, or an IPv4 address", () => {
    const names = [
      "blynk.cloud",
      "localhost",
      "FRA1.Blynk.Cloud",
      "3com.example",
      "xn--bcher-kva.example",
      "a-b.c",
      "1.a",
    ];
    for (const name of [...names, LONGEST, "192.168.4.1", "0.0.0.0", "255.255.255.255"])
      assert.isTrue(isHost(name), name);
    assert.equal(LONGEST.length, HOST_LENGTH_MAX);
  });

  it("has no other characters", () => {
    const bad = [
      "bad host/\n",
      "a b",
      "a/b",
      "a:443",
      "https://a",
      "a_b.c",
      "bücher.example",
      "a\0b",
      "a\n",
      "a@b",
      "[::1]",
    ];
    for (const text of [...bad, "::1", "fe80::1", "*.example"]) assert.isFalse(isHost(text), JSON.stringify(text));
  });

  it("has labels of the right length that neither begin nor end with a hyphen", () => {
    const bad = ["", ".", "a.", ".a", "a..b", "-a.b", "a-.b", `${LABEL}a.b`, `${LONGEST}a`, `${LONGEST.slice(1)}.a`];
    for (const text of bad) assert.isFalse(isHost(text), text);
  });

  it("is no mistyped address", () => {
    for (const text of ["1", "1.2.3", "1.2.3.256", "1.2.3.04", "1.2.3.4.5", "a.1"]) assert.isFalse(isHost(text), text);
    assert.deepEqual(parseIpv4("10.0.255.1"), Uint8Array.of(10, 0, 255, 1));
    assert.isUndefined(parseIpv4("10.0.255"));
  });
});
