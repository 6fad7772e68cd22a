/** More days with each host: quiet ones, and such with other mishaps. HOST_DAYS=17,18 runs those seeds alone. */

import { assert } from "chai";
import { NcpState } from "../../src/rpc/protocol.js";
import { assertLivesTogether } from "../support/host-checks.js";
import { DAY_MS, HOSTS, HostDay } from "../support/host-day.js";

const SEEDS = process.env.HOST_DAYS?.split(",").map(Number) ?? [101, 102, 103];

describe("many days with a host", () => {
  for (const host of HOSTS) {
    it(`end together where it is ${host.name}`, () => {
      for (const seed of SEEDS) {
        const day = new HostDay(host, seed);
        day.run();
        assertLivesTogether(day, NcpState.IDLE, `HOST_DAYS=${seed}: `);
      }
    }).timeout(600_000);

    it(`end connected to the cloud where it is ${host.name}`, () => {
      for (const seed of SEEDS) {
        const day = HostDay.online(host, seed);
        day.run();
        assertLivesTogether(day, NcpState.CONNECTED, `HOST_DAYS=${seed}: `);
      }
    }).timeout(600_000);

    it(`pass without a word lost where it is ${host.name}, and nothing happens`, () => {
      const { bench } = new HostDay(host, 1);
      bench.start();
      const { record } = bench.mcu;
      const { timeouts } = record.counters;
      bench.clock.advance(DAY_MS);
      assert.equal(record.initializations, 1);
      assert.equal(record.boots, 1);
      assert.equal(record.counters.timeouts, timeouts, "the MCU waited in vain for an answer");
      assert.equal(bench.device.ncp?.counters.session.timeouts, 0, "Ferry waited in vain for an answer");
      assert.equal(bench.count("mcu-lost"), 0);
      assert.equal(bench.device.ncp?.state, NcpState.IDLE);
      // Somebody has spoken each half minute at the latest, all day.
      assert.isAbove(record.counters.framesSent, DAY_MS / 30_000);
      assert.deepEqual(bench.mcu.violations, []);
    });
  }
});
