/**
 * Power cuts wherever the choice of the app changes, in every way, one and two in a row: there is always an app to
 * boot, and one that has proved itself is never lost.
 *
 * Told as stories of one device that goes from version to version: what comes before, what is cut, and which versions
 * may run in the end, when nobody confirms anything any more.
 */

import { assert } from "chai";
import { makeFerryImage } from "../../host/peers/ferry-image.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { SimCpu } from "../../host/sim/cpu.js";
import { SimFlash } from "../../host/sim/flash.js";
import { Life } from "../../host/sim/life.js";
import { CUT_KINDS, type CutKind, Power, PowerCut } from "../../host/sim/power.js";
import { Random } from "../../host/sim/random.js";
import { SimSlots } from "../../host/sim/slots.js";
import { SimStorage } from "../../host/sim/storage.js";
import { SimUpdater } from "../../host/sim/update.js";
import type { Update } from "../../src/ports.js";
import { smallTable } from "../ports/sim-bench.js";

/** Of tears. */
const SEEDS = [1, 2, 3];
const FILE_BLOCKS = 8;
/** A boot settles both records, gives a new app its boot, or notes one. */
const BOOTS_TO_SETTLE_MAX = 3;

/** Fresh from the cable, and off. */
class Device {
  readonly storage: SimStorage;
  readonly power = new Power();
  readonly #clock = new VirtualClock();
  #cpu = new SimCpu(this.#clock);
  #life: Life | undefined;

  constructor(seed: number) {
    const app = makeFerryImage({ version: "1" });
    this.storage = new SimStorage({ partitions: smallTable(FILE_BLOCKS), app, random: new Random(seed) });
  }

  get life(): Life {
    if (!this.#life) throw new Error("the device has never booted");
    return this.#life;
  }

  get slots(): SimSlots {
    return new SimSlots(this.life);
  }

  /** Of the app that runs. */
  get version(): string | undefined {
    return this.storage.describeApp(this.storage.partition(this.life.running))?.version;
  }

  boot(): void {
    this.#cpu.kill();
    this.power.restore();
    this.#cpu = new SimCpu(this.#clock);
    this.#life = new Life({ storage: this.storage, power: this.power, cpu: this.#cpu });
  }

  /** Writes an app of this version into the passive slot; complete() has it boot next. */
  write(version: string): Update {
    const { life } = this;
    const update = new SimUpdater(life).open({ partition: new SimFlash(life).open({ path: "nextota" }) });
    update.write(makeFerryImage({ version }));
    return update;
  }

  /** Boots an app of this version for the first time. */
  tryOut(version: string): void {
    this.write(version).complete();
    this.boot();
    assert.deepEqual([this.version, this.slots.runningState()], [version, "pending-verify"]);
  }

  install(version: string): void {
    this.tryOut(version);
    this.slots.markValid();
  }

  rollBack(): void {
    assert.throws(() => this.slots.rollBackAndRestart(), PowerCut);
  }
}

interface Story {
  readonly name: string;
  readonly before: (device: Device) => void;
  /** Returns what is cut. */
  readonly prepare: (device: Device) => () => void;
  /** Versions that have proved themselves, and may run when all is settled: the older one, the newer one. */
  readonly settlesOn: readonly string[];
  /** Versions that may run until then. */
  readonly tries?: string;
}

/** Stories that begin with version `old`, proven and running. */
function storiesFrom(origin: string, old: string, before: (device: Device) => void): Story[] {
  const story = (name: string, prepare: Story["prepare"], rest: Partial<Story> = {}): Story => {
    return { name: `${name} (${origin})`, before, prepare, settlesOn: [old], tries: "new", ...rest };
  };
  return [
    story("an update begins", (device) => () => device.write("new")),
    story("a new app is chosen", (device) => {
      const update = device.write("new");
      return () => update.complete();
    }),
    story("a chosen app is written anew", (device) => {
      device.write("new").complete();
      return () => device.write("new").complete();
    }),
    story("a new app boots for the first time", (device) => {
      device.write("new").complete();
      return () => device.boot();
    }),
    story(
      "the new app is confirmed",
      (device) => {
        device.tryOut("new");
        return () => device.slots.markValid();
      },
      { settlesOn: [old, "new"] },
    ),
    story("the new app rolls back", (device) => {
      device.tryOut("new");
      return () => device.rollBack();
    }),
    story("the new app restarts before it is confirmed", (device) => {
      device.tryOut("new");
      return () => device.boot();
    }),
    story(
      "a confirmed app rolls back all the same",
      (device) => {
        device.install("new");
        return () => device.rollBack();
      },
      { settlesOn: [old, "new"] },
    ),
  ];
}

const STORIES: readonly Story[] = [
  {
    name: "a chip boots for the first time",
    before: () => {},
    prepare: (device) => () => device.boot(),
    settlesOn: ["1"],
  },
  ...storiesFrom("over the app from the cable", "1", (device) => device.boot()),
  ...storiesFrom("over one update", "2", (device) => {
    device.boot();
    device.install("2");
  }),
  ...storiesFrom("over two updates", "3", (device) => {
    device.boot();
    device.install("2");
    device.install("3");
  }),
  ...storiesFrom("after an update that failed", "2", (device) => {
    device.boot();
    device.install("2");
    device.tryOut("bad");
    device.boot();
  }),
];

/** Cuts the nth operation of the action. False when it has no such operation, or none that can be cut so. */
function cut({ power }: Device, kind: CutKind, nth: number, action: () => void): boolean {
  const struck = power.struck.length;
  power.plan({ operation: power.operations + nth, kind });
  try {
    action();
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  power.plan(undefined);
  return power.struck.slice(struck).some(({ applied }) => applied);
}

/** Operations of the action, to its end. */
function count({ power }: Device, action: () => void): number {
  const before = power.operations;
  action();
  return power.operations - before;
}

/** Boots until nothing changes any more, as a device does that nobody confirms; then installs one more version. */
function judge(device: Device, { settlesOn, tries }: Story, how: string): string {
  const mayRun = [...settlesOn, ...(tries ? [tries] : [])];
  for (let boots = 1; ; boots++) {
    assert.include(mayRun, device.version, how);
    if (device.slots.passiveIsFree()) break;
    assert.isBelow(boots, BOOTS_TO_SETTLE_MAX, `${how}: not settled`);
    device.boot();
  }
  const { version = "none" } = device;
  assert.include(settlesOn, version, `${how}: a confirmed app is lost`);
  device.boot();
  assert.equal(device.version, version, `${how}: settled, but not for good`);
  device.install("next");
  device.boot();
  assert.equal(device.version, "next", `${how}: no more updates`);
  assert.deepEqual(device.storage.chip.misuses, [], how);
  return version;
}

describe("A power cut", () => {
  const fired = new Map<CutKind, number>();
  const settled = new Map<string, Set<string>>();

  const prepare = (story: Story, seed: number): { device: Device; act: () => void } => {
    const device = new Device(seed);
    story.before(device);
    return { device, act: story.prepare(device) };
  };
  const strike = (device: Device, kind: CutKind, nth: number, act: () => void): boolean => {
    const didStrike = cut(device, kind, nth, act);
    if (didStrike) fired.set(kind, (fired.get(kind) ?? 0) + 1);
    return didStrike;
  };

  for (const story of STORIES) {
    it(`while ${story.name} leaves an app to boot, and the proven one`, () => {
      const rehearsal = prepare(story, 1);
      const operations = count(rehearsal.device, rehearsal.act);
      assert.isAbove(operations, 0);
      const ends = new Set<string>();
      for (const seed of SEEDS) {
        for (let nth = 1; nth <= operations; nth++) {
          for (const kind of CUT_KINDS) {
            const { device, act } = prepare(story, seed);
            if (!strike(device, kind, nth, act)) continue;
            const how = `${kind} operation ${nth}, seed ${seed}`;
            device.boot();
            ends.add(judge(device, story, how));
          }
        }
      }
      settled.set(story.name, ends);
    });

    it(`while ${story.name}, and another while the device boots again, leave them as well`, () => {
      const [seed = 1] = SEEDS;
      const rehearsal = prepare(story, seed);
      const operations = count(rehearsal.device, rehearsal.act);
      for (let nth = 1; nth <= operations; nth++) {
        for (const kind of CUT_KINDS) {
          for (let second = 1, isReached = true; isReached; second++) {
            isReached = false;
            for (const secondKind of CUT_KINDS) {
              const { device, act } = prepare(story, seed);
              if (!strike(device, kind, nth, act) || !strike(device, secondKind, second, () => device.boot())) continue;
              isReached = true;
              device.boot();
              judge(device, story, `${kind} operation ${nth}, then ${secondKind} operation ${second} of the boot`);
            }
          }
        }
      }
    });
  }

  it("has struck in every way that these operations have", () => {
    const kinds = CUT_KINDS.filter((kind) => kind !== "unsynced-kept");
    for (const kind of kinds) assert.isAbove(fired.get(kind) ?? 0, 50, kind);
    assert.sameMembers([...fired.keys()], kinds);
  });

  it("decides about the new app only where that is confirmed or given up, and then either way", () => {
    for (const { name, settlesOn } of STORIES) assert.sameMembers([...(settled.get(name) ?? [])], [...settlesOn], name);
  });
});
