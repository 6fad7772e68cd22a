import { assert } from "chai";
import { type Indication, LED_PATTERNS, LEVEL_MAX, WAVE_LEVEL_MIN, waveLevel } from "../src/panel/led-patterns.js";

/** As the facts of Blynk's Edgent have them. */
const EXPECTED: readonly (readonly [Indication, color: number, beatMs: readonly number[], waveMs?: number])[] = [
  ["off", 0, []],
  ["idle", 0xffff00, [50, 2_000]],
  ["config", 0x0000ff, [50, 500]],
  ["connecting", 0x00ff00, [50, 500]],
  ["connected", 0x24c48e, [2_500, 2_500], 5_000],
  ["upgrade", 0xa700ff, [2_500, 2_500], 5_000],
  ["error", 0xff0000, [80, 100, 80, 1_000]],
  ["hold", 0xffffe7, [500, 500], 1_000],
  ["release-to-reset", 0xffffe7, [50, 200]],
];

describe("The LED's patterns", () => {
  for (const [indication, color, beatMs, waveMs] of EXPECTED) {
    it(`show "${indication}" as Blynk's users know it`, () => {
      const pattern = LED_PATTERNS[indication];
      assert.equal(pattern.color, color);
      assert.deepEqual([...pattern.beatMs], [...beatMs]);
      assert.equal(pattern.waveMs, waveMs);
    });
  }

  it("are these and no others, frozen to the ground", () => {
    assert.sameMembers(
      Object.keys(LED_PATTERNS),
      EXPECTED.map(([indication]) => indication),
    );
    assert.isFrozen(LED_PATTERNS);
    for (const pattern of Object.values(LED_PATTERNS)) {
      assert.isFrozen(pattern);
      assert.isFrozen(pattern.beatMs);
    }
  });

  it("end each beat dark, so that it can begin again", () => {
    for (const { beatMs } of Object.values(LED_PATTERNS)) assert.equal(beatMs.length % 2, 0);
  });
});

describe("A wave", () => {
  it("rises from 4 to the brightness in the first half, and falls back in the second", () => {
    assert.equal(waveLevel(0, 1_000, LEVEL_MAX), WAVE_LEVEL_MIN);
    assert.equal(WAVE_LEVEL_MIN, 4);
    assert.equal(waveLevel(500, 1_000, LEVEL_MAX), LEVEL_MAX);
    assert.equal(waveLevel(500, 1_000, 100), 100);
    assert.equal(waveLevel(1_000, 1_000, LEVEL_MAX), WAVE_LEVEL_MIN);
    for (let ms = 0; ms < 500; ms++) {
      assert.isAtMost(waveLevel(ms, 1_000, LEVEL_MAX), waveLevel(ms + 1, 1_000, LEVEL_MAX), `${ms}`);
      assert.equal(waveLevel(ms, 1_000, LEVEL_MAX), waveLevel(1_000 - ms, 1_000, LEVEL_MAX), `${ms}`);
    }
  });

  it("goes on for ever", () => {
    assert.equal(waveLevel(86_400_000 + 125, 1_000, 200), waveLevel(125, 1_000, 200));
  });

  it("is as dark as asked where that is darker than its darkest", () => {
    for (const brightness of [0, 1, 4]) {
      for (const ms of [0, 100, 500, 900]) assert.equal(waveLevel(ms, 1_000, brightness), brightness);
    }
  });

  it("has whole levels within its ends, at any time", () => {
    for (let brightness = 0; brightness <= LEVEL_MAX; brightness += 17) {
      for (let ms = 0; ms <= 5_000; ms += 13.7) {
        const level = waveLevel(ms, 5_000, brightness);
        assert.isTrue(Number.isInteger(level) && level <= brightness, `${level} at ${ms}`);
        assert.isAtLeast(level, Math.min(brightness, WAVE_LEVEL_MIN));
      }
    }
  });
});
