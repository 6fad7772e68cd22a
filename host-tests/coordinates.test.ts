/** Where the device is, as clouds write it and as Ferry keeps it. */

import { assert } from "chai";
import { coordinatesFrom } from "../src/cloud/coordinates.js";
import { COORDINATE_BYTES_MAX } from "../src/settings/values.js";

const latitudeOf = (text: string) => coordinatesFrom(text, "0")?.latitude;
const longitudeOf = (text: string) => coordinatesFrom("0", text)?.longitude;

describe("coordinates from a cloud", () => {
  it("are kept as they are written when they are short", () => {
    for (const text of ["52.5", "0", "-33.8688197", "90", "-90.0", "+1.50"]) assert.equal(latitudeOf(text), text);
    for (const text of ["180", "-180.0000000", "151.2092955"]) assert.equal(longitudeOf(text), text);
  });

  it("lose what is beyond a centimetre, to the nearest", () => {
    assert.equal(latitudeOf("52.52000659999999"), "52.5200066");
    assert.equal(latitudeOf("-0.12345678901234567"), "-0.1234568");
    assert.equal(longitudeOf("-179.99999999999999999"), "-180.0000000");
    assert.equal(latitudeOf("1.0E-4"), "0.0001000");
    assert.equal(longitudeOf("1.5e2"), "150.0000000");
  });

  it("always fit the settings", () => {
    const longest = coordinatesFrom("-89.99999991234567890", "-179.99999991234567890");
    for (const text of Object.values(longest ?? {})) assert.isAtMost(text.length, COORDINATE_BYTES_MAX);
    assert.deepEqual(longest, { latitude: "-89.9999999", longitude: "-179.9999999" });
  });

  it("are a place on earth, or none", () => {
    for (const text of [
      "90.1",
      "-91",
      "1e3",
      "",
      " ",
      "north",
      "1,5",
      "0x10",
      "Infinity",
      "NaN",
      "1.",
      ".5",
      "1.5.2",
    ]) {
      assert.isUndefined(latitudeOf(text), text);
    }
    for (const text of ["180.0000001", "-181", "999"]) assert.isUndefined(longitudeOf(text), text);
  });
});
