/** What must hold of any host's day with Ferry, whatever happened in it. */

import { assert } from "chai";
import { NcpState } from "../../src/rpc/protocol.js";
import type { Episode, HostDay } from "./host-day.js";

/** Throws an AssertionError that names the mishap. */
export function assertLivesTogether(day: HostDay, state: number = NcpState.IDLE, what = ""): void {
  for (const episode of day.episodes) {
    const { mishap, atMs } = episode;
    assertEpisode(episode, state, `${what}${mishap} at ${Math.round(atMs / 1000)} s`);
  }
  assert.deepEqual(day.bench.mcu.violations, [], what);
}

function assertEpisode(episode: Episode, expected: number, what: string): void {
  const { mishap, before, recovered, quiet, state, believed } = episode;
  const initializations = recovered.initializations - before.initializations;
  assert.isAtMost(initializations, 1, `${what}: initialized again and again`);
  if (mishap.startsWith("mcu") || mishap === "start") assert.equal(initializations, 1, `${what}: not initialized`);
  assert.equal(quiet.initializations, recovered.initializations, `${what}: initialized when all was over`);
  assert.equal(quiet.mcuTimeouts, recovered.mcuTimeouts, `${what}: a ping of the MCU's was not answered`);
  assert.equal(quiet.ferryBoots, recovered.ferryBoots, `${what}: Ferry restarted when all was over`);
  assert.equal(quiet.ferryTimeouts, recovered.ferryTimeouts, `${what}: a ping of Ferry's was not answered`);
  assert.equal(state, expected, `${what}: the state that is told`);
  assert.equal(believed, state, `${what}: the state that the MCU believes`);
}
