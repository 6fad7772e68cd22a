/**
 * How often a device that cannot get online tries: connections in the worst hour of six, in virtual time, by what is
 * wrong. Without names they are look-ups, and without a network scans and attempts to join it.
 */

import { ProductBench, REGION_HOST } from "../host/peers/product-bench.js";
import type { CloudProtocol } from "../host/sim/connectivity.js";

const HOUR_MS = 3_600_000;
const HOURS = 6;
const HANGS_UP_AFTER_MS = 1_000;

export const TROUBLES = Object.freeze([
  "tokenRefused",
  "hangUpAfterLogin",
  "mute",
  "redirectLoop",
  "noDns",
  "noNetwork",
] as const);
export type Trouble = (typeof TROUBLES)[number];

export interface CloudFigures {
  readonly reconnectsPerHour: Readonly<Record<Trouble, number>>;
}

export function measureCloud(protocol: CloudProtocol): CloudFigures {
  const reconnects = TROUBLES.map((trouble) => [trouble, measureReconnects(protocol, trouble)] as const);
  return { reconnectsPerHour: Object.fromEntries(reconnects) as Record<Trouble, number> };
}

/** A device that has been online for a while falls into trouble, and stays in it. */
function measureReconnects(protocol: CloudProtocol, trouble: Trouble): number {
  const bench = new ProductBench(protocol);
  bench.powerOn();
  bench.runUntil(() => bench.isOnline, HOUR_MS, "the first login");
  bench.clock.advance(HOUR_MS);
  fallInto(bench, trouble);
  let worst = 0;
  for (let hour = 0; hour < HOURS; hour++) {
    const before = triesOf(bench, trouble);
    bench.clock.advance(HOUR_MS);
    worst = Math.max(worst, triesOf(bench, trouble) - before);
  }
  return worst;
}

function fallInto(bench: ProductBench, trouble: Trouble): void {
  const { air, clouds, home, network } = bench;
  switch (trouble) {
    case "tokenRefused":
      for (const cloud of clouds) cloud.behave({ refusesTokens: true });
      break;
    case "hangUpAfterLogin":
      for (const cloud of clouds) cloud.behave({ hangsUpAfterMs: HANGS_UP_AFTER_MS });
      break;
    case "mute":
      for (const cloud of clouds) cloud.behave({ isMute: true });
      break;
    case "redirectLoop":
      for (const cloud of clouds) cloud.behave({ redirectsTo: REGION_HOST });
      break;
    case "noDns":
      network.resolverAnswers = false;
      break;
    case "noNetwork":
      air.remove(home);
      break;
  }
  for (const cloud of clouds) cloud.hangUp();
}

function triesOf({ air, clouds, network }: ProductBench, trouble: Trouble): number {
  if (trouble === "noNetwork") return air.counts.scans + air.counts.attempts;
  if (trouble === "noDns") return network.counts.unresolved;
  return clouds.reduce((sum, { counts }) => sum + counts.connections, 0);
}
