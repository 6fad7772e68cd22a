/**
 * The sweep of power cuts, its short form: every cut at depth 1 on the small geometry, a sample of the rest. The whole
 * is `npm run sweep`. And the proof that the sweep sees what it is to see: over ports that spoil the order in which
 * things become durable, it must fail.
 */

import { assert } from "chai";
import { makeFerryImage } from "../../host/peers/ferry-image.js";
import type { RunningApp, StoragePorts } from "../../host/sim/device.js";
import { CUT_KINDS } from "../../host/sim/power.js";
import { type CommandOptions, parseOptions } from "../../host/sweep/options.js";
import { makeReport, renderReport, type SweepReport } from "../../host/sweep/report.js";
import { runSchedule } from "../../host/sweep/run.js";
import { makeScenario, SCENARIO_NAMES } from "../../host/sweep/scenarios.js";
import { idOf, parseId, type Schedule } from "../../host/sweep/schedule.js";
import { replay, type SweepOptions, sweep } from "../../host/sweep/sweep.js";
import { addTally, makeTally } from "../../host/sweep/tally.js";
import type { Directory, File, KeyValue, KeyValueDomain } from "../../src/ports.js";

const SMALL: SweepOptions = { scenarios: SCENARIO_NAMES, geometries: ["s"], depth: 1, seed: 1 };

function sweepAll(options: SweepOptions): SweepReport {
  const work = sweep(options);
  let step = work.next();
  while (!step.done) step = work.next();
  return makeReport(options, step.value);
}

describe("The power-cut sweep", () => {
  describe("over every cut on the small geometry", () => {
    let report: SweepReport;

    before(() => {
      report = sweepAll(SMALL);
    });

    it("finds no brick, no wrong byte and no more than a segment fetched again", () => {
      assert.deepEqual(report.failures, []);
      assert.strictEqual(report.bricks, 0);
      assert.strictEqual(report.wrongBytes, 0);
      assert.isAbove(report.refetchedBytesMax, 0);
      assert.isAtMost(report.refetchedBytesMax, report.segmentBytes);
      assert.isTrue(report.ok);
    });

    it("fires every kind of cut, and counts where there is no such cut", () => {
      assert.deepEqual(report.kindsNotFired, []);
      for (const kind of CUT_KINDS) assert.isAbove(report.kinds[kind].fired, 5, kind);
      for (const { kinds, operations, runs, cuts, scenario } of report.scenarios) {
        const counts = CUT_KINDS.map((kind) => kinds[kind]);
        for (const { fired, notApplicable } of counts) assert.strictEqual(fired + notApplicable, operations, scenario);
        const fired = counts.reduce((sum, count) => sum + count.fired, 0);
        assert.deepEqual([runs, cuts], [fired, fired], scenario);
      }
    });

    it("covers every scenario", () => {
      assert.sameOrderedMembers(
        report.scenarios.map(({ scenario }) => scenario),
        [...SCENARIO_NAMES],
      );
      for (const { scenario, operations } of report.scenarios) assert.isAbove(operations, 5, scenario);
    });

    it("says so in a table", () => {
      const text = renderReport(report);
      assert.match(text, /^prefetch@s +10 /m);
      assert.match(text, /: 0 bricks, 0 wrong images, 0 failures;/);
    });
  });

  it("finds nothing in a sample of two cuts, and of the real geometry", () => {
    const report = sweepAll({ ...SMALL, geometries: ["s", "r"], depth: 2, limit: 2, isPartial: true });
    assert.deepEqual(report.failures, []);
    assert.isTrue(report.ok);
    for (const { runs, cuts, scenario } of report.scenarios) assert.deepEqual([runs, cuts], [4, 6], scenario);
  });

  it("does the same work in shards", () => {
    const scenarios = ["serve", "prefetch-slot"];
    const whole = sweepAll({ ...SMALL, scenarios });
    const sum = makeTally("", "s");
    for (const index of [0, 1, 2]) {
      const part = sweepAll({ ...SMALL, scenarios, shard: { index, count: 3 }, isPartial: true });
      addTally(sum, { ...part, scenario: "", geometry: "s", operations: 0 });
    }
    assert.deepEqual(sum.kinds, whole.kinds);
    assert.strictEqual(sum.runs, whole.runs);
  });

  it("is not content with kinds of cut that never fired, unless it was told to leave some out", () => {
    const options: SweepOptions = { ...SMALL, scenarios: ["serve"] };
    const report = sweepAll(options);
    assert.deepEqual(report.kindsNotFired, ["unsynced-kept"]);
    assert.isFalse(report.ok);
    assert.isTrue(sweepAll({ ...options, isPartial: true }).ok);
  });

  describe("over a Ferry whose records go before what they promise", () => {
    it("finds more than a segment fetched again when bodies are flushed late", () => {
      const overrides = { wrapStorage: (ports: StoragePorts) => spoil(ports, "flush") };
      const report = sweepAll({ ...SMALL, scenarios: ["prefetch"], overrides });
      assert.isFalse(report.ok);
      assert.isAbove(report.refetchedBytesMax, report.segmentBytes);
      const ids = report.failures.filter(({ problem }) => problem === "refetched").map(({ id }) => id);
      assert.isNotEmpty(ids);
      // The very schedule is survived by Ferry as it is.
      assert.deepEqual(replay(scheduleOf(ids[0] ?? "")).problems, []);
    });

    it("finds wrong bytes in the MCU when an old body is deleted late", () => {
      const overrides = { wrapStorage: (ports: StoragePorts) => spoil(ports, "delete") };
      const report = sweepAll({ ...SMALL, scenarios: ["changed"], overrides });
      assert.isFalse(report.ok);
      assert.isAbove(report.wrongBytes, 0);
      const failure = report.failures.find(({ problem }) => problem === "wrong-bytes");
      assert.deepEqual(replay(scheduleOf(failure?.id ?? "")).problems, []);
    });
  });

  it("calls it a brick when Ferry breaks", () => {
    const wrapStorage = (): StoragePorts => {
      throw new Error("flash is worn out");
    };
    const { problems } = runSchedule({
      scenario: makeScenario("serve", "s"),
      seed: 1,
      cuts: [],
      overrides: { wrapStorage },
    });
    assert.deepEqual(problems, [{ kind: "brick", detail: "flash is worn out" }]);
  });

  describe("where Ferry updates itself", () => {
    const scenario = makeScenario("self-install", "s");

    it("calls it a brick when Ferry forgets what it was about to do", () => {
      const wrapStorage = ({ keyValue, root }: StoragePorts) => ({ keyValue: forgetful(keyValue, "self."), root });
      const options = { seed: 1, cuts: [], overrides: { wrapStorage } };
      const { problems } = runSchedule({ scenario: makeScenario("self-crash", "s"), ...options });
      assert.deepEqual(problems, [
        { kind: "brick", detail: "after 4 offers Ferry 1.0.0 runs from ota_0; Ferry has no verdict" },
      ]);
    });

    it("finds a build that is no build of the cloud's", () => {
      const [path = "", bytes = 0] = scenario.steps.flatMap(({ image }) => [image.path, image.bytes.length]);
      const other = makeFerryImage({ version: "1.1.0", bytes: Number(bytes), seed: 77 });
      const server = { files: { [path]: { bytes: other } } };
      const { problems } = runSchedule({ scenario: { ...scenario, server }, seed: 1, cuts: [] });
      assert.deepEqual(problems, [
        { kind: "wrong-bytes", detail: "ota_1 is booted, and holds no build of the cloud's" },
      ]);
    });

    it("is not content with the old build when nothing has happened to the new one", () => {
      const build = ({ version }: RunningApp) => (version === "1.1.0" ? "hang" : {});
      const { problems } = runSchedule({ scenario: { ...scenario, build }, seed: 1, cuts: [] });
      assert.lengthOf(problems, 1);
      assert.match(problems[0]?.detail ?? "", /^after 4 offers Ferry 1\.0\.0 runs from ota_0; Ferry says rolled-back:/);
    });
  });

  describe("when it replays", () => {
    it("repeats a run exactly", () => {
      const once = replay(scheduleOf("prefetch@s1:7.unsynced-kept"));
      const second = once.operations.find(({ number, kinds }) => number > 7 && kinds.includes("torn-bits"));
      const schedule = scheduleOf(`prefetch@s1:7.unsynced-kept+${second?.number}.torn-bits`);
      const twice = replay(schedule);
      assert.deepEqual(twice.struck, [
        ...once.struck,
        { operation: second?.number ?? 0, kind: "torn-bits", name: second?.name ?? "", applied: true },
      ]);
      assert.deepEqual(twice.problems, []);
      assert.deepEqual(replay(schedule), twice);
    });

    it("says when an operation is not reached, or has no such cut", () => {
      const missed = (id: string) => replay(scheduleOf(id)).problems.map(({ kind, detail }) => `${kind}: ${detail}`);
      assert.deepEqual(missed("prefetch@s1:9999.before"), ["missed: only 0 of 1 cuts struck"]);
      assert.deepEqual(missed("prefetch@s1:2.torn-bits"), ["missed: directory create cannot be cut torn-bits"]);
    });
  });

  describe("on the command line", () => {
    const optionsOf = (...argv: string[]): CommandOptions => {
      const options = parseOptions(argv);
      if (typeof options === "string") assert.fail(options);
      return options;
    };

    it("sweeps everything at depth 2, unless told otherwise", () => {
      assert.deepInclude(optionsOf(), { scenarios: SCENARIO_NAMES, depth: 2, seed: 1, isPartial: false, json: false });
      assert.deepInclude(optionsOf("--scenario", "serve", "--depth=1", "--seed", "7", "--limit", "3", "--json"), {
        scenarios: ["serve"],
        depth: 1,
        seed: 7,
        limit: 3,
        isPartial: true,
        json: true,
      });
    });

    it("takes the id of a schedule and gives it back", () => {
      const id = "re-serve@r42:17.torn-prefix+23.after";
      assert.strictEqual(idOf(scheduleOf(id)), id);
      assert.strictEqual(idOf(optionsOf("--replay", id).replay ?? scheduleOf("serve@s1:1.after")), id);
    });

    for (const [argv, problem] of [
      [["--fast"], /^unknown option "--fast"/],
      [["serve"], /^unknown option "serve"/],
      [["--depth"], /^--depth needs a value/],
      [["--depth", "3"], /^--depth "3" is no whole number from 1 to 2$/],
      [["--seed", "-1"], /^--seed "-1" is no whole number/],
      [["--limit", "0"], /^--limit "0" is no whole number/],
      [["--seed", "1", "--seed", "2"], /^--seed is given twice$/],
      [["--scenario", "fire"], /^no scenario is called "fire"; there are prefetch,/],
      [["--replay", "17"], /^--replay "17": it is not of the form/],
      [["--replay", "fire@s1:1.after"], /no scenario is called fire/],
      [["--replay", "serve@s1:1.burnt"], /there is no cut kind burnt/],
      [["--replay", "serve@s1:1.torn"], /there is no cut kind torn;/],
      [["--replay", "serve@s1:5.after+5.after"], /do not ascend/],
      [["--replay", "serve@s9999999999:5.after"], /its seed 9999999999 is above/],
      [["--replay", "serve@s1:1.after", "--depth", "1"], /leave --depth away$/],
    ] as const) {
      it(`refuses ${argv.join(" ")}`, () => {
        const options = parseOptions(argv);
        if (typeof options !== "string") assert.fail("was taken");
        assert.match(options, problem);
      });
    }
  });
});

function scheduleOf(id: string): Schedule {
  const schedule = parseId(id);
  if (typeof schedule === "string") assert.fail(`${id}: ${schedule}`);
  return schedule;
}

// ---- a wrong commit order -------------------------------------------------------------------------------------------

/** What goes to flash only after the next record. */
type Late = "flush" | "delete";

/** Work that is put off until a record has been written: the order that src/store forbids itself. */
class Backlog {
  readonly late: Late;
  #work: (() => void)[] = [];

  constructor(late: Late) {
    this.late = late;
  }

  putOff(work: () => void): void {
    this.#work.push(work);
  }

  catchUp(): void {
    const work = this.#work;
    this.#work = [];
    for (const one of work) one();
  }
}

function spoil({ keyValue, root }: StoragePorts, late: Late): StoragePorts {
  const backlog = new Backlog(late);
  return { keyValue: new EarlyRecords(keyValue, backlog), root: new LateDirectory(root, backlog) };
}

/** A store that says it has stored what begins with this, and has not. */
function forgetful(keyValue: KeyValue, prefix: string): KeyValue {
  return {
    open: (options) => {
      const domain = keyValue.open(options);
      return {
        read: (key) => domain.read(key),
        write: (key, value) => {
          if (!key.startsWith(prefix)) domain.write(key, value);
        },
        delete: (key) => domain.delete(key),
        close: () => domain.close(),
      };
    },
  };
}

class EarlyRecords implements KeyValue {
  readonly #inner: KeyValue;
  readonly #backlog: Backlog;

  constructor(inner: KeyValue, backlog: Backlog) {
    this.#inner = inner;
    this.#backlog = backlog;
  }

  open(options: Parameters<KeyValue["open"]>[0]): KeyValueDomain {
    const domain = this.#inner.open(options);
    return {
      read: (key) => domain.read(key),
      write: (key, value) => {
        domain.write(key, value);
        this.#backlog.catchUp();
      },
      delete: (key) => domain.delete(key),
      close: () => domain.close(),
    };
  }
}

class LateDirectory implements Directory {
  readonly #inner: Directory;
  readonly #backlog: Backlog;

  constructor(inner: Directory, backlog: Backlog) {
    this.#inner = inner;
    this.#backlog = backlog;
  }

  openFile(options: Parameters<Directory["openFile"]>[0]): File {
    // Nobody may see that anything is late.
    if (!options.mode?.startsWith("w") || this.#backlog.late === "delete") this.#backlog.catchUp();
    const file = this.#inner.openFile(options);
    return this.#backlog.late === "flush" && options.mode === "w" ? new LateFile(file, this.#backlog) : file;
  }

  openDirectory(options: { path: string }): Directory {
    return new LateDirectory(this.#inner.openDirectory(options), this.#backlog);
  }

  createDirectory(path: string): void {
    this.#inner.createDirectory(path);
  }

  delete(path: string): boolean {
    if (this.#backlog.late === "flush") return this.#inner.delete(path);
    this.#backlog.putOff(() => this.#inner.delete(path));
    return true;
  }

  move(from: string, to: string): void {
    this.#inner.move(from, to);
  }

  status(path: string): ReturnType<Directory["status"]> {
    return this.#inner.status(path);
  }

  scan(path?: string): Iterator<string> {
    return this.#inner.scan(path);
  }

  close(): void {
    this.#inner.close();
  }
}

class LateFile implements File {
  readonly #inner: File;
  readonly #backlog: Backlog;

  constructor(inner: File, backlog: Backlog) {
    this.#inner = inner;
    this.#backlog = backlog;
  }

  read(buffer: Uint8Array, position: number): number {
    return this.#inner.read(buffer, position);
  }

  write(buffer: Uint8Array, position: number): void {
    this.#inner.write(buffer, position);
  }

  flush(): void {
    this.#backlog.putOff(() => this.#inner.flush());
  }

  status(): { size: number } {
    return this.#inner.status();
  }

  close(): void {
    this.#backlog.putOff(() => this.#inner.close());
  }
}
