/** Ferry and the hosts that Blynk's users have, for a day in which all sorts of things happen to either. */

import { assert } from "chai";
import { NcpState } from "../src/rpc/protocol.js";
import { assertLivesTogether } from "./support/host-checks.js";
import { HOSTS, HostDay } from "./support/host-day.js";

const MISHAPS_A_DAY = 20;

describe("24 hours of crashes, power cuts and pulled cables", () => {
  for (const host of HOSTS) {
    it(`end with both connected to the cloud, with one initialization for each at most, where the host is ${host.name}`, () => {
      const day = HostDay.online(host, 24);
      day.run();
      assert.isAbove(day.episodes.length, MISHAPS_A_DAY);
      assert.sameMembers(day.kinds, [...host.mishaps], "something never happened");
      assertLivesTogether(day, NcpState.CONNECTED);
    });
  }
});
