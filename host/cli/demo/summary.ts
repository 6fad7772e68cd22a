/** The demo's result, for programs: what --json prints and summary.json holds. */

import { createHash } from "node:crypto";
import type { Failure } from "../../../src/base/failure.js";
import { toHex } from "../../../src/base/hex.js";
import type { FiredKnobs } from "../../peers/file-response.js";
import type { CloudProtocol } from "../../sim/connectivity.js";
import type { DemoRun } from "./engine.js";
import type { Preparation } from "./preparation.js";
import type { TransferReport } from "./transfer-meter.js";

export interface NetworkFaults {
  /** Connections. */
  readonly cut: number;
  readonly stalled: number;
  /** Requests answered with 503. */
  readonly unavailable: number;
}

export interface Summary {
  /** The MCU runs the very bytes that were offered, and Ferry knows. */
  readonly ok: boolean;
  readonly image: { readonly bytes: number; readonly sha256: string; readonly crc32: number };
  /** What the MCU runs, whatever Ferry believes. */
  readonly mcu: { readonly bytes: number; readonly sha256: string; readonly version: string };
  readonly download: { readonly bytes: number; readonly requests: number };
  readonly transfer: TransferReport;
  readonly cuts: number;
  readonly cloud: { readonly protocol: CloudProtocol; readonly logins: number; readonly told: readonly string[] };
  /** What a flaky network did. */
  readonly network?: NetworkFaults;
  readonly engine: { readonly name: "node" | "xs"; readonly steps?: number; readonly stepsPerByte?: number };
  readonly failure?: Failure;
}

export function summarize({ facts, image, options }: Preparation, run: DemoRun): Summary {
  const { outcome, received, requests, fired, steps } = run;
  const { verdict } = outcome;
  const isIdentical = Buffer.compare(image, received) === 0;
  const metered = steps === undefined ? {} : { steps, stepsPerByte: Math.round(steps / image.length) };
  return {
    ok: verdict.kind === "succeeded" && isIdentical,
    image: { bytes: facts.sizeBytes, sha256: toHex(facts.sha256), crc32: facts.crc32 },
    mcu: {
      bytes: received.length,
      sha256: createHash("sha256").update(received).digest("hex"),
      version: outcome.mcuVersion,
    },
    download: { bytes: outcome.downloadedBytes, requests },
    transfer: {
      ...outcome.transfer,
      virtualMs: rounded(outcome.transfer.virtualMs, 3),
      payloadShare: rounded(outcome.transfer.payloadShare, 4),
    },
    cuts: outcome.cuts,
    cloud: { protocol: options.cloud, logins: outcome.logins, told: outcome.told },
    ...(options.flakySeed === undefined ? {} : { network: faultsOf(fired) }),
    engine: { name: options.engine, ...metered },
    ...(verdict.kind === "succeeded" ? {} : { failure: verdict.failure }),
  };
}

function faultsOf({ cutAtByte, stallAtByte, statusFor }: FiredKnobs): NetworkFaults {
  return { cut: cutAtByte, stalled: stallAtByte, unavailable: statusFor };
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
