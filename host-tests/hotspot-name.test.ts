/** The name of a device that wants to be set up: the same that Blynk's own firmware gives the board. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { crc32 } from "../src/base/crc.js";
import { decodeUtf8, encodeUtf8, utf8Length } from "../src/base/utf8.js";
import { deviceSuffix, HOTSPOT_NAME_BYTES_MAX, hotspotName } from "../src/provision/hotspot-name.js";

function suffixOf(...mac: number[]): string {
  return deviceSuffix(Uint8Array.from(mac), crc32);
}

describe("A device's suffix", () => {
  it("is what Edgent's algorithm gives", () => {
    assert.equal(suffixOf(0x24, 0x6f, 0x28, 0xae, 0x12, 0x34), "2K20");
    assert.equal(suffixOf(0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "XMK6");
    assert.equal(suffixOf(0x00, 0x00, 0x00, 0x00, 0x00, 0x00), "YJ3Y");
    assert.equal(suffixOf(0x30, 0xae, 0xa4, 0x01, 0x02, 0x03), "JCH4");
    assert.equal(suffixOf(0x24, 0x0a, 0xc4, 0x00, 0x00, 0x1a), "0N4J");
  });

  it("has four characters of the alphabet, no two neighbours equal, and differs from board to board", () => {
    const random = new Random(3);
    const seen = new Set<string>();
    for (let i = 0; i < 5_000; i++) {
      const suffix = deviceSuffix(random.bytes(6), crc32);
      assert.match(suffix, /^[0W8N4Y1HP5DF9K6JM3C2XA7R]{4}$/);
      assert.notMatch(suffix, /(.)\1/);
      seen.add(suffix);
    }
    assert.isAbove(seen.size, 4_900);
  });
});

describe("A hotspot's name", () => {
  const NAMES: readonly (readonly [vendor: string, templateName: string, name: string, why: string])[] = [
    ["Blynk", "Smart Lamp", "Blynk Smart Lamp-8FY4", "has vendor, template and suffix"],
    [
      "Blynk",
      "A Template With A Long Name",
      "Blynk A Template With A -8FY4",
      "has 29 bytes at most, cut from the template as Edgent does",
    ],
    ["Blynk", "Blynk", "Blynk-8FY4", "names the vendor once"],
    ["Blynk", "", "Blynk-8FY4", "does without a template"],
    ["", "Smart Lamp", "Smart Lamp-8FY4", "does without a vendor"],
    ["", "", "8FY4", "does without both"],
    ["A vendor of 24 letters!!", "Lamp", "A vendor of 24 letters!!-8FY4", "keeps the suffix before the template"],
    ["A vendor with far too many characters", "Lamp", "A vendor with far too many ch", "keeps the vendor before all"],
    ["A vendor of 22 letters", "Lamp", "A vendor of 22 letters L-8FY4", "fills up to the last byte"],
    ["A vendor of 23 letters!", "Lamp", "A vendor of 23 letters!-8FY4", "leaves out a template without room"],
    ["A vendor of 26 letters!!!!", "Lamp", "A vendor of 26 letters!!!!-8F", "cuts the suffix next"],
    ["Füße", "Lampchen für Grüße", "Füße Lampchen für Gr-8FY4", "counts bytes, and cuts between characters"],
  ];

  for (const [vendor, templateName, name, why] of NAMES) {
    it(`${why}: "${name}"`, () => {
      assert.equal(hotspotName({ vendor, templateName, suffix: "8FY4" }), name);
    });
  }

  it("has 29 bytes at most and is sound text, whatever its parts are", () => {
    const random = new Random(5);
    const alphabet = ["a", " ", "é", "€", "😀"];
    const text = () => Array.from({ length: random.below(40) }, () => alphabet[random.below(alphabet.length)]).join("");
    let full = 0;
    for (let i = 0; i < 2_000; i++) {
      const vendor = text();
      const name = hotspotName({ vendor, templateName: text(), suffix: "8FY4" });
      assert.isAtMost(utf8Length(name), HOTSPOT_NAME_BYTES_MAX);
      assert.equal(decodeUtf8(encodeUtf8(name)), name, "a character was cut in two");
      if (utf8Length(vendor) <= HOTSPOT_NAME_BYTES_MAX - 5) assert.isTrue(name.endsWith("8FY4"), name);
      if (utf8Length(name) === HOTSPOT_NAME_BYTES_MAX) full++;
    }
    assert.isAbove(full, 500);
  });
});
