/** Settings with the power cut at each durable operation, in each way. */

import { assert } from "chai";
import { type CutKind, PowerCut } from "../host/sim/power.js";
import type { Settings } from "../src/settings/settings.js";
import { SimBench } from "./ports/sim-bench.js";
import { CLOUD, DOMAIN, everything, fill, HOME, openSettings } from "./support/settings-bench.js";

const CUT_KINDS: readonly CutKind[] = ["before", "torn-prefix", "torn-bits", "erase-torn", "after"];
const NEW = { network: { ssid: "New", psk: "12345678" }, cloud: { token: "new token" } };

type State = ReturnType<typeof everything>;

/** Runs the action on a device that is prepared each time, once for each operation and kind of cut. */
function sweep(
  prepare: (settings: Settings) => void,
  action: (settings: Settings) => void,
  check: (after: State, cut: string, bench: SimBench, faults: readonly string[]) => void,
): number {
  const prepared = () => {
    const bench = new SimBench();
    prepare(openSettings(bench.life).settings);
    return bench;
  };
  const rehearsal = prepared();
  const life = rehearsal.boot();
  const operations = rehearsal.operations(() => action(openSettings(life).settings));
  for (let nth = 1; nth <= operations; nth++) {
    for (const kind of CUT_KINDS) {
      const bench = prepared();
      const cutLife = bench.boot();
      bench.power.plan({ operation: bench.power.operations + nth, kind });
      // Settings report a store that fails, and a dead one is such a store: the cut shows in what the life can still do.
      action(openSettings(cutLife).settings);
      assert.lengthOf(bench.cuts, 1, `${kind} operation ${nth} did not strike`);
      assert.throws(() => cutLife.assertAlive(), PowerCut);
      const { settings, faults } = openSettings(bench.boot(), 2);
      const after = everything(settings);
      check(after, bench.cuts[0] ?? "", bench, faults);
      const counts = { ...after.counts, boots: after.counts.boots + 1 };
      assert.deepEqual(everything(openSettings(bench.boot(), 3).settings), { ...after, counts }, bench.cuts[0]);
    }
  }
  return operations;
}

describe("Settings whose power is cut", () => {
  let full: State;

  before(() => {
    const { settings } = openSettings(new SimBench().life);
    fill(settings);
    full = everything(settings);
  });

  function assertRestIsKept(after: State, cut: string): void {
    assert.deepEqual(after.vendor, full.vendor, cut);
    assert.equal(after.uidText, full.uidText, cut);
    assert.isAtLeast(after.counts.boots, 2, cut);
  }

  it("have the old token or the new one while it is being stored", () => {
    const seen = new Set<string>();
    const operations = sweep(
      fill,
      (settings) => settings.saveCloud(NEW.cloud),
      (after, cut) => {
        assertRestIsKept(after, cut);
        assert.deepEqual(after.networks, full.networks, cut);
        assert.include([CLOUD.token, NEW.cloud.token], after.cloud?.token ?? "", cut);
        seen.add(after.cloud?.token ?? "");
      },
    );
    assert.equal(operations, 2, "the boot's count and the token");
    assert.deepEqual(seen.size, 2);
  });

  it("stay configured while a candidate is committed: each token has a network to go with it", () => {
    const seen = new Set<string>();
    const operations = sweep(
      fill,
      (settings) => {
        settings.propose(NEW);
        settings.commit();
      },
      (after, cut) => {
        assertRestIsKept(after, cut);
        assert.isTrue(after.configured, cut);
        const names = after.networks.map(({ ssid }) => ssid);
        assert.includeMembers(names, ["Home", "Office"], cut);
        if (after.cloud?.token === NEW.cloud.token) assert.include(names, "New", cut);
        seen.add(`${after.cloud?.token} ${names}`);
      },
    );
    assert.equal(operations, 4);
    assert.isAtLeast(seen.size, 3);
  });

  it("are configured wholly or not at all when a new device is provisioned", () => {
    const operations = sweep(
      () => {},
      (settings) => {
        settings.propose({ network: HOME, cloud: CLOUD });
        settings.commit();
      },
      ({ configured, networks, cloud }, cut) => {
        assert.equal(configured, cloud !== undefined, cut);
        if (configured) assert.lengthOf(networks, 1, cut);
      },
    );
    assert.equal(operations, 4);
  });

  it("have the networks in the old order or the new one, and all of them, while Ferry roams", () => {
    const operations = sweep(
      fill,
      (settings) => settings.noteNetworkUsed("Home"),
      (after, cut) => {
        const names = after.networks.map(({ ssid }) => ssid).join();
        assert.include(["Office,Home", "Home,Office"], names, cut);
      },
    );
    assert.equal(operations, 2);
  });

  it("are all there or, once a reset has left its mark, all gone", () => {
    const seen = { kept: 0, gone: 0 };
    const operations = sweep(
      fill,
      (settings) => settings.eraseConfig(),
      (after, cut, bench, faults) => {
        assertRestIsKept(after, cut);
        if (after.configured) {
          seen.kept++;
          const { counts: _, ...rest } = full;
          assert.deepInclude(after, rest, cut);
          assert.equal(after.counts.configSkips, full.counts.configSkips, cut);
          return;
        }
        seen.gone++;
        const complaints = faults.filter((fault) => !fault.includes("so no reset goes on"));
        assert.deepEqual(complaints, [], `${cut}: what was to go is no loss`);
        assert.deepEqual([after.networks, after.cloud, after.location], [[], undefined, undefined], cut);
        assert.equal(after.counts.configSkips, 0, cut);
        const keys = [...(bench.storage.keyValues.domains.get(DOMAIN)?.keys() ?? [])];
        assert.deepEqual(
          keys.filter((key) => /networks|order|cloud|location|reset/.test(key)),
          [],
          cut,
        );
      },
    );
    assert.isAtLeast(operations, 9);
    assert.isAbove(seen.kept, 0);
    assert.isAbove(seen.gone, operations);
  });

  it("are all there or all gone when a factory reset is cut short", () => {
    const seen = { kept: 0, gone: 0 };
    const operations = sweep(
      fill,
      (settings) => settings.factoryReset(),
      (after, cut) => {
        if (after.configured) {
          seen.kept++;
          assertRestIsKept(after, cut);
          return;
        }
        seen.gone++;
        assert.notEqual(after.uidText, full.uidText, cut);
        assert.deepEqual(after.vendor, {}, cut);
        assert.deepEqual(after.counts, { boots: 1, plannedBoots: 0, configSkips: 0 }, cut);
      },
    );
    assert.isAtLeast(operations, 13);
    assert.isAbove(seen.kept, 0);
    assert.isAbove(seen.gone, operations);
  });

  it("have an id that stays, however the first boots went", () => {
    let cuts = 0;
    const rehearsal = new SimBench();
    const operations = rehearsal.operations(() => void openSettings(rehearsal.life));
    for (let nth = 1; nth <= operations; nth++) {
      for (const kind of CUT_KINDS) {
        const bench = new SimBench();
        bench.power.plan({ operation: bench.power.operations + nth, kind });
        try {
          openSettings(bench.life);
        } catch (error) {
          assert.instanceOf(error, PowerCut);
        }
        cuts += bench.cuts.length;
        const { uidText } = openSettings(bench.boot(), 2).settings;
        assert.equal(openSettings(bench.boot(), 3).settings.uidText, uidText);
      }
    }
    assert.equal(cuts, operations * CUT_KINDS.length);
  });
});
