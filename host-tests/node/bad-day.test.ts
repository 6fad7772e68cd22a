/** A server's bad day: what each of its requests meets, and that an update comes through. */

import { assert } from "chai";
import { makeBadDay } from "../../host/peers/bad-day.js";
import { NEW_FIRMWARE, Workbench } from "../../host/peers/workbench.js";

const SEEDS = 40;

describe("A bad day", () => {
  it("is the same for a seed, and another for another", () => {
    assert.deepEqual(makeBadDay(5, 100_000), makeBadDay(5, 100_000));
    assert.notDeepEqual(makeBadDay(5, 100_000), makeBadDay(6, 100_000));
  });

  it("brings each misfortune in the first three turns, and never 503 three times in a row", () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const turns = makeBadDay(seed, 1_000_000);
      const first = turns.slice(0, 3);
      assert.lengthOf(
        first.filter(({ statusFor }) => statusFor),
        1,
        `seed ${seed}`,
      );
      assert.lengthOf(
        first.filter(({ stallAtByte }) => stallAtByte),
        1,
        `seed ${seed}`,
      );
      const text = turns.map(({ statusFor }) => (statusFor ? "b" : "c")).join("");
      assert.notInclude(text, "bbb", `seed ${seed}`);
    }
  });

  for (const imageBytes of [1, 100, 5_000, 65_535, 65_536, 200_000]) {
    it(`lets an image of ${imageBytes} bytes through, whatever the seed`, () => {
      let misfortunes = 0;
      for (let seed = 0; seed < SEEDS; seed++) {
        const bench = new Workbench({
          imageBytes,
          server: { turns: makeBadDay(seed, imageBytes) },
          mcu: { prefetch: true, untaggedFirmware: { ...NEW_FIRMWARE, blynkVersion: "" } },
        });
        bench.start();
        bench.offer();
        assert.deepEqual(bench.awaitVerdict(), { kind: "succeeded", proof: "version" }, `seed ${seed}`);
        assert.isTrue(bench.mcuRunsNewImage, `seed ${seed}`);
        const { statusFor, cutAtByte } = bench.server.fired;
        assert.strictEqual(bench.server.requests.length, statusFor + cutAtByte + 1, `seed ${seed}`);
        misfortunes += statusFor + cutAtByte;
      }
      assert.isAbove(misfortunes, 0);
    });
  }
});
