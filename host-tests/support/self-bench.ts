/** A workbench whose served image is a newer build of Ferry: for suites about Ferry's own update. */

import { type FerryImageOptions, makeFerryImage } from "../../host/peers/ferry-image.js";
import { FIRMWARE_PATH, SERVER_HOST, Workbench, type WorkbenchOptions } from "../../host/peers/workbench.js";
import { type Partition, SimStorage } from "../../host/sim/storage.js";
import type { Offer } from "../../src/image/offer.js";
import type { Target } from "../../src/image/target.js";
import type { NcpNews } from "../../src/ncp.js";
import type { Verdict } from "../../src/update/verdict.js";

export const OLD_VERSION = "1.0.0";
export const NEW_VERSION = "1.1.0";

/** Offers of Ferry as the cloud makes them. */
const UNKNOWN = Object.freeze({ type: "", version: "", build: "" });

export interface SelfBenchOptions extends Omit<WorkbenchOptions, "image" | "storage"> {
  readonly image?: Uint8Array;
  readonly ferry?: Partial<FerryImageOptions>;
  /** What else the server has. */
  readonly others?: Readonly<Record<string, Uint8Array>>;
  readonly partitions?: readonly Partition[];
}

export interface FerryOffer extends Partial<Omit<Offer, "target">> {
  readonly target?: Target | "unknown";
}

/** Where the server has a file. */
export function urlOf(path: string): string {
  return `http://${SERVER_HOST}${path}`;
}

export class SelfBench extends Workbench {
  constructor({ image, ferry, others = {}, server, partitions, ...options }: SelfBenchOptions = {}) {
    const newer = image ?? makeFerryImage({ version: NEW_VERSION, bytes: 12_000, seed: 2, ...ferry });
    const files = { [FIRMWARE_PATH]: newer, ...others };
    super({
      ...options,
      storage: new SimStorage({
        app: makeFerryImage({ version: OLD_VERSION }),
        ...(partitions ? { partitions } : {}),
      }),
      image: newer,
      server: { files: Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, { bytes }])), ...server },
    });
  }

  /** Offers the served image as one of Ferry; returns why not. `target: "unknown"` leaves open whose it is. */
  offerFerry(changes: FerryOffer = {}, force = false): string | undefined {
    const heard: (string | undefined)[] = [];
    const { target = "ncp", ...rest } = changes;
    const offer = this.makeOffer({ ...UNKNOWN, ...rest, ...(target === "unknown" ? {} : { target }) });
    this.device.run((ncp) => heard.push(ncp.offer(offer, { force })));
    this.clock.runUntil(() => heard.length > 0, 1_000, "the offer's hearing");
    return heard[0];
  }

  /** Runs until the next verdict on an update of Ferry. */
  awaitSelfVerdict(limitMs = 3_600_000): Verdict {
    const before = this.count("self-verdict");
    this.clock.runUntil(() => this.count("self-verdict") > before, limitMs, "a verdict on Ferry's own update");
    return (this.last("self-verdict") as NcpNews & { kind: "self-verdict" }).verdict;
  }

  get runningVersion(): string | undefined {
    return this.device.running?.version;
  }
}
