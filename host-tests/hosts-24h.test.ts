/** Ferry and the hosts that Blynk's users have, for a day in which all sorts of things happen to either. */

import { assert } from "chai";
import { assertLivesTogether } from "./support/host-checks.js";
import { HOSTS, HostDay } from "./support/host-day.js";

const MISHAPS_A_DAY = 20;

describe("24 hours of crashes, power cuts and pulled cables", () => {
  for (const host of HOSTS) {
    it(`end together, with one initialization for each at most, where the host is ${host.name}`, () => {
      const day = new HostDay(host, 24);
      day.run();
      assert.isAbove(day.episodes.length, MISHAPS_A_DAY);
      assert.includeMembers([...host.mishaps, "start"], day.kinds);
      assert.isAbove(day.kinds.length, host.mishaps.length / 2, "hardly anything happened");
      assertLivesTogether(day);
    });
  }
});
