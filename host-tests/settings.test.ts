/** Settings: what is kept, what is tried before it is kept, and what is left when a record is damaged. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { Settings } from "../src/settings/settings.js";
import type { DurableRecord } from "../src/settings/stored-value.js";
import { SimBench } from "./ports/sim-bench.js";
import {
  CLOUD,
  DOMAIN,
  everything,
  fill,
  fullNetwork,
  HOME,
  LOCATION,
  openSettings,
} from "./support/settings-bench.js";

const RECORDS = ["networks", "order", "cloud", "location", "vendor", "counts", "identity"] as const;
type RecordName = (typeof RECORDS)[number];

function makeBench() {
  const bench = new SimBench();
  const { settings, faults } = openSettings(bench.life);
  return { bench, settings, faults };
}

/** The stored values, by key. */
function valuesOf(bench: SimBench): Map<string, Uint8Array> {
  return bench.storage.keyValues.domains.get(DOMAIN) ?? new Map();
}

function namesOf(networks: readonly { readonly ssid: string }[]): string[] {
  return networks.map(({ ssid }) => ssid);
}

/** Replaces both slots of a record. */
function damage(bench: SimBench, record: RecordName | "reset", bytes: (key: string) => Uint8Array): void {
  for (const slot of ["a", "b"]) valuesOf(bench).set(`set.${record}.${slot}`, bytes(slot));
}

describe("Settings", () => {
  describe("of a new device", () => {
    it("are none, and nothing is wrong with that", () => {
      const { settings, faults } = makeBench();
      const { uidText: _, ...rest } = everything(settings);
      assert.deepEqual(rest, {
        configured: false,
        networks: [],
        cloud: undefined,
        location: undefined,
        vendor: {},
        counts: { boots: 1, plannedBoots: 0, configSkips: 0 },
      });
      assert.deepEqual(faults, []);
    });

    it("have an id, a random UUID of version 4, that stays", () => {
      const { bench, settings } = makeBench();
      assert.match(settings.uidText, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.equal(openSettings(bench.boot(), 2).settings.uidText, settings.uidText);
      assert.notEqual(openSettings(new SimBench().life, 2).settings.uidText, settings.uidText);
    });
  });

  describe("that were stored", () => {
    it("are there after a reboot, all of them", () => {
      const { bench, settings } = makeBench();
      fill(settings);
      const before = everything(settings);
      assert.isTrue(before.configured);
      const { settings: after, faults } = openSettings(bench.boot());
      assert.deepEqual(everything(after), { ...before, counts: { ...before.counts, boots: 2 } });
      assert.deepEqual(faults, []);
    });

    it("are not written again when they are the same", () => {
      const { bench, settings } = makeBench();
      fill(settings);
      assert.equal(
        bench.operations(() => {
          fill(settings);
          settings.saveNetwork(HOME);
          settings.saveNetwork({ ssid: "Office" });
        }),
        4,
        "the networks' lists change places twice",
      );
      assert.equal(
        bench.operations(() => {
          settings.saveCloud({ ...CLOUD });
          settings.saveLocation({ ...LOCATION });
          settings.saveVendorPrefix("Acme");
          settings.storeSkips(3);
          settings.noteNetworkUsed("Office");
          settings.noteNetworkUsed("a network that nobody knows");
        }),
        0,
      );
    });

    it("count boots, and those that Ferry had announced itself", () => {
      const { bench, settings } = makeBench();
      settings.notePlannedBoot();
      const second = openSettings(bench.boot()).settings;
      assert.deepEqual(second.counts, { boots: 2, plannedBoots: 1, configSkips: 0 });
      assert.deepEqual(openSettings(bench.boot()).settings.counts, { boots: 3, plannedBoots: 1, configSkips: 0 });
    });

    it("take vendor's prefix and server back with empty texts", () => {
      const { settings } = makeBench();
      fill(settings);
      settings.saveVendorPrefix("");
      assert.deepEqual(settings.vendor, { server: "acme.example" });
      settings.saveVendorServer("");
      assert.deepEqual(settings.vendor, {});
    });

    it("are as they were after a value that is refused", () => {
      const { bench, settings } = makeBench();
      fill(settings);
      const before = everything(settings);
      const refusals = () => [
        settings.saveNetwork({ ssid: "a", psk: "short" }),
        settings.saveCloud({ token: "" }),
        settings.saveCloud({ token: "t", host: "h".repeat(254) }),
        settings.saveLocation({ ...LOCATION, olsonId: "x".repeat(65) }),
        settings.saveVendorPrefix("x".repeat(65)),
        settings.saveVendorServer("a\0b"),
        settings.saveVendorServer("bad host/\n"),
      ];
      assert.equal(
        bench.operations(() => {
          for (const refusal of refusals()) assert.isString(refusal);
        }),
        0,
      );
      assert.deepEqual(everything(settings), before);
      assert.equal(settings.saveNetwork({ ssid: "a", psk: "short" }), "psk has 5 bytes: 8 to 64 are allowed");
    });
  });

  describe("with many networks", () => {
    it("have the last used first, in the next life too", () => {
      const { bench, settings } = makeBench();
      for (const ssid of ["one", "two", "three"]) assert.isUndefined(settings.saveNetwork({ ssid }));
      assert.deepEqual(namesOf(settings.networks), ["three", "two", "one"]);
      assert.equal(
        bench.operations(() => settings.noteNetworkUsed("one")),
        1,
      );
      assert.deepEqual(namesOf(settings.networks), ["one", "three", "two"]);
      assert.deepEqual(namesOf(openSettings(bench.boot()).settings.networks), ["one", "three", "two"]);
    });

    it("keep 16, and drop the one unused longest for another", () => {
      const { bench, settings } = makeBench();
      for (let index = 0; index < 16; index++) assert.isUndefined(settings.saveNetwork(fullNetwork(index)));
      settings.noteNetworkUsed(fullNetwork(0).ssid);
      assert.isUndefined(settings.saveNetwork(fullNetwork(16)));
      const expected = [16, 0, ...Array.from({ length: 14 }, (_, index) => 15 - index)];
      for (const { networks } of [settings, openSettings(bench.boot()).settings]) {
        assert.deepEqual(namesOf(networks), namesOf(expected.map(fullNetwork)));
      }
    });

    it("forget one by its name", () => {
      const { settings } = makeBench();
      for (const ssid of ["one", "two"]) settings.saveNetwork({ ssid });
      assert.isUndefined(settings.removeNetwork("two"));
      assert.isUndefined(settings.removeNetwork("two"));
      assert.deepEqual(namesOf(settings.networks), ["one"]);
    });
  });

  describe("that have yet to prove themselves", () => {
    const candidate = { network: { ssid: "New", psk: "12345678" }, cloud: { token: "new token" } };

    it("are used alone, and not stored", () => {
      const { bench, settings } = makeBench();
      fill(settings);
      assert.equal(
        bench.operations(() => assert.isUndefined(settings.propose(candidate))),
        0,
      );
      assert.deepEqual(settings.networks, [candidate.network]);
      assert.deepEqual(settings.cloud, candidate.cloud);
      assert.deepEqual(openSettings(bench.boot()).settings.cloud, CLOUD);
    });

    it("are forgotten when they are dropped", () => {
      const { settings } = makeBench();
      fill(settings);
      const before = everything(settings);
      settings.propose(candidate);
      settings.dropCandidate();
      assert.deepEqual(everything(settings), before);
    });

    it("join the others when they are committed", () => {
      const { bench, settings } = makeBench();
      fill(settings);
      settings.propose(candidate);
      settings.commit();
      for (const { networks, cloud } of [settings, openSettings(bench.boot()).settings]) {
        assert.deepEqual(namesOf(networks), ["New", "Office", "Home"]);
        assert.deepEqual(cloud, candidate.cloud);
      }
    });

    it("may be a token alone, for the networks that are known", () => {
      const { settings } = makeBench();
      settings.saveNetwork(HOME);
      assert.isFalse(settings.configured);
      settings.propose({ cloud: CLOUD });
      assert.deepEqual(namesOf(settings.networks), ["Home"]);
      assert.isFalse(settings.configured);
      settings.commit();
      assert.isTrue(settings.configured);
    });

    it("are refused with the reason, and change nothing", () => {
      const { settings } = makeBench();
      fill(settings);
      const before = everything(settings);
      assert.equal(settings.propose({ ...candidate, cloud: { token: "" } }), "token has 0 bytes: 1 to 64 are allowed");
      assert.equal(settings.propose({ ...candidate, network: { ssid: "" } }), "ssid has 0 bytes: 1 to 32 are allowed");
      assert.deepEqual(everything(settings), before);
    });

    it("serve on, with a fault reported, when they cannot be stored", () => {
      const { bench, settings, faults } = makeBench();
      fillStore(bench);
      settings.propose(candidate);
      settings.commit();
      assert.match(faults.join(), /until the next restart only: ESP_ERR_NVS_NOT_ENOUGH_SPACE/);
      assert.deepEqual(settings.networks, [candidate.network]);
      assert.deepEqual(settings.cloud, candidate.cloud);
      assert.isFalse(settings.configured);
    });
  });

  describe("that are reset", () => {
    it("forget network, cloud, location and skips, and keep the rest", () => {
      const { bench, settings, faults } = makeBench();
      fill(settings);
      const { uidText, vendor, counts } = settings;
      settings.propose({ cloud: { token: "candidate" } });
      settings.eraseConfig();
      const expected = {
        configured: false,
        networks: [],
        cloud: undefined,
        location: undefined,
        vendor,
        counts: { ...counts, configSkips: 0 },
        uidText,
      };
      assert.deepEqual(everything(settings), expected);
      const after = everything(openSettings(bench.boot()).settings);
      assert.deepEqual(after, { ...expected, counts: { ...expected.counts, boots: 2 } });
      assert.deepEqual(
        [...valuesOf(bench).keys()].filter((key) => /networks|order|cloud|location|reset/.test(key)),
        [],
      );
      assert.deepEqual(faults, []);
    });

    it("leave nothing at all after a factory reset, and the next boot makes another id", () => {
      const { bench, settings, faults } = makeBench();
      fill(settings);
      settings.factoryReset();
      assert.equal(valuesOf(bench).size, 0);
      assert.deepEqual(faults, []);
      const next = openSettings(bench.boot(), 2).settings;
      assert.notEqual(next.uidText, settings.uidText);
      assert.deepEqual(next.counts, { boots: 1, plannedBoots: 0, configSkips: 0 });
    });

    it("can be set anew", () => {
      const { bench, settings } = makeBench();
      fill(settings);
      settings.eraseConfig();
      fill(settings);
      assert.isTrue(openSettings(bench.boot()).settings.configured);
    });
  });

  describe("in a store that fails", () => {
    it("say why they were not stored, and are as they were", () => {
      const { bench, settings, faults } = makeBench();
      fill(settings);
      const before = everything(settings);
      fillStore(bench);
      assert.equal(settings.saveNetwork(fullNetwork(1)), "ESP_ERR_NVS_NOT_ENOUGH_SPACE");
      assert.equal(settings.saveCloud({ token: "another" }), "ESP_ERR_NVS_NOT_ENOUGH_SPACE");
      settings.storeSkips(4);
      settings.noteNetworkUsed("Home");
      assert.deepEqual(faults, [
        "the counters were not stored: ESP_ERR_NVS_NOT_ENOUGH_SPACE",
        "the networks' order was not stored: ESP_ERR_NVS_NOT_ENOUGH_SPACE",
      ]);
      assert.deepEqual(everything(settings), before);
    });

    it("are erased all the same, though there is no room for the mark", () => {
      const { bench, settings, faults } = makeBench();
      fill(settings);
      fillStore(bench);
      settings.eraseConfig();
      assert.deepEqual(faults, ["the mark of a reset was not stored: ESP_ERR_NVS_NOT_ENOUGH_SPACE"]);
      assert.isFalse(openSettings(bench.boot()).settings.configured);
    });
  });

  describe("in a store that cannot erase", () => {
    /** Records in RAM, of which one refuses to be deleted while `stuck` says so. */
    function makeRecords(stuck: { name: string }) {
      const bodies = new Map<string, Uint8Array>();
      const faults: string[] = [];
      const record = (name: string): DurableRecord => ({
        read() {
          const body = bodies.get(name);
          return body ? { kind: "valid", body } : { kind: "absent" };
        },
        write: (body) => void bodies.set(name, body.slice()),
        delete() {
          if (name === stuck.name) throw new Error("flash is read-only");
          bodies.delete(name);
        },
      });
      const open = () => new Settings({ record, random: () => 0.5, onFault: (detail) => faults.push(detail) });
      return { bodies, faults, open };
    }

    for (const name of ["set.cloud", "set.networks", "set.reset"]) {
      it(`refuse new ones while ${name} is stuck, or the next boot would erase them`, () => {
        const stuck = { name };
        const { faults, open } = makeRecords(stuck);
        const settings = open();
        fill(settings);
        settings.eraseConfig();
        const problem = "not all of the old settings could be erased: flash is read-only";
        assert.deepEqual(faults, [`the reset has not ended: ${problem}`]);
        assert.isFalse(settings.configured);
        assert.equal(settings.saveNetwork(HOME), problem);
        assert.equal(settings.saveCloud(CLOUD), problem);
        assert.equal(open().saveCloud(CLOUD), problem);

        stuck.name = "none";
        assert.isUndefined(settings.saveNetwork(HOME));
        assert.isUndefined(settings.saveCloud(CLOUD));
        assert.isTrue(open().configured);
      });
    }
  });

  describe("of which a record is damaged", () => {
    const CONSEQUENCES: Readonly<Record<RecordName, string>> = {
      networks: "no networks are set",
      order: "no network is known to be the last used one",
      cloud: "no token is set",
      location: "no time zone is known",
      vendor: "no vendor is known",
      counts: "no counts are left",
      identity: "no device id is left",
    };

    for (const record of RECORDS) {
      it(`lose the ${record}, say so, and keep all others`, () => {
        const { bench, settings } = makeBench();
        fill(settings);
        const before = everything(settings);
        damage(bench, record, (slot) => new Random(slot.charCodeAt(0)).bytes(40));
        const { settings: after, faults } = openSettings(bench.boot(), 2);
        assert.lengthOf(faults, 1);
        assert.include(faults[0], CONSEQUENCES[record]);
        const now = everything(after);
        const lost: Partial<Record<RecordName, Partial<typeof now>>> = {
          networks: { networks: [], configured: false },
          order: { networks: [...before.networks].reverse() },
          cloud: { cloud: undefined, configured: false },
          location: { location: undefined },
          vendor: { vendor: {} },
          counts: { counts: { boots: 1, plannedBoots: 0, configSkips: 0 } },
          identity: { uidText: now.uidText },
        };
        assert.deepEqual(now, { ...before, counts: { ...before.counts, boots: 2 }, ...lost[record] });
        assert.equal(now.uidText === before.uidText, record !== "identity");

        fill(after);
        const { settings: repaired, faults: again } = openSettings(bench.boot());
        assert.deepEqual(again, [], "what was written over the damage is whole");
        assert.isTrue(repaired.configured);
      });
    }

    it("never make the next boot fail, whatever bytes are stored", () => {
      const random = new Random(17);
      let faultsFound = 0;
      for (let i = 0; i < 300; i++) {
        const { bench, settings } = makeBench();
        fill(settings);
        const values = valuesOf(bench);
        for (const key of values.keys()) {
          if (random.chance(0.5)) continue;
          const bytes = (values.get(key) ?? new Uint8Array(0)).slice();
          bytes[random.below(bytes.length)] = random.below(256);
          values.set(key, random.chance(0.3) ? random.bytes(random.below(60)) : bytes);
        }
        if (random.chance(0.2)) damage(bench, "reset", () => random.bytes(random.below(30)));
        const { settings: after, faults } = openSettings(bench.boot());
        faultsFound += faults.length;
        assert.isTrue(everything(after).configured ? after.cloud !== undefined && after.networks.length > 0 : true);
        fill(after);
        assert.isTrue(openSettings(bench.boot()).settings.configured);
      }
      assert.isAbove(faultsFound, 200);
    });
  });
});

/** Leaves no room for another value in the store. */
function fillStore(bench: SimBench): void {
  const domain = valuesOf(bench);
  const { keyValues } = bench.storage;
  for (let i = 0; ; i++) {
    try {
      keyValues.assertSpace(4);
    } catch {
      return;
    }
    domain.set(`filler ${i}`, new Uint8Array(1));
  }
}
