/** What the panel costs the engine, in steps of XS: the light must not be felt by whoever waits for an answer. */

import { assert } from "chai";
import { projectRoot } from "../../host/node/project.js";
import { bundleForXs } from "../../host/xs/bundle.js";
import { XsMachine } from "../../host/xs/machine.js";

const FRAMES = 100;

/** Ports that do nothing, and a clock whose one timer is fired by hand. */
const GUEST = `
  import { LED_PATTERNS } from "./src/panel/led-patterns.js";
  import { Panel } from "./src/panel/panel.js";

  class Port {
    resolution = 10;
    brightness = 0;
    constructor(options) { Port.onReadable = options.onReadable; }
    read() { return 0; }
    write() {}
    makeRGB() { return 0; }
    fill() {}
    update() {}
    close() {}
  }
  Object.assign(Port, { Input: 0, InputPullUp: 1, InputPullDown: 2, Output: 8, Rising: 1, Falling: 2 });

  let nowMs = 0;
  let due;
  const clock = {
    now: () => nowMs,
    set: (callback, delayMs) => { due = callback; nowMs += delayMs; return 1; },
    clear: () => {},
  };
  const fire = (times) => { for (let i = 0; i < times; i++) due(); };
  const fireNothing = (times) => { due = () => {}; fire(times); };
  const edges = (times) => { for (let i = 0; i < times; i++) Port.onReadable(); };
  const panel = new Panel({
    clock, digital: { io: Port }, pwm: { io: Port }, strip: { io: Port }, onGesture() {}, onResetConfig() {},
  });
  Object.assign(globalThis, { panel, fire, fireNothing, edges });
`;

describe("The panel's cost on XS", () => {
  let machine: XsMachine;
  const steps = async (script: string) => (await machine.evaluate(script)).compute;

  before(async () => {
    machine = await XsMachine.start();
    await machine.evaluate((await bundleForXs({ text: GUEST, directory: projectRoot() })).source);
  });

  after(() => machine.close());

  /** Steps of one, over many. */
  async function costOf(prepare: string, action = `fire(${FRAMES})`): Promise<number> {
    const nothing = await steps(`fireNothing(${FRAMES})`);
    await machine.evaluate(prepare);
    return Math.round(((await steps(action)) - nothing) / FRAMES);
  }

  // A step is 250 ns on the chip, a wave has 25 frames a second: 400 steps a frame are 0.25 % of the processor.
  for (const [what, prepare, stepsMax] of [
    ["a frame of a wave on a single LED", "panel.initLed(25, false); panel.show('connected')", 400],
    ["a frame of a wave on an RGB LED", "panel.initRgb(25, 26, 27, false); panel.show('upgrade')", 600],
    ["a frame of a wave on a chain", "panel.initArgb(25, 0, 255); panel.show('connected')", 600],
    ["a change of a beat on an RGB LED", "panel.initRgb(25, 26, 27, false); panel.show('error')", 500],
  ] as const) {
    it(`is at most ${stepsMax} steps for ${what}`, async () => {
      const cost = await costOf(prepare);
      assert.isAbove(cost, 50, "something ran");
      assert.isAtMost(cost, stepsMax);
    });
  }

  it("is at most 60 steps for an edge of a restless button", async () => {
    const cost = await costOf("panel.initButton(4, true)", `edges(${FRAMES})`);
    assert.isAbove(cost, 5, "something ran");
    assert.isAtMost(cost, 60);
  });
});
