/** Time and place as the cloud tells them, in parts: kept before they are used, for the MCU may ask in the next life. */

import type { CloudTime } from "../cloud/cloud.js";
import { problemOf } from "../settings/fields.js";
import type { Settings } from "../settings/settings.js";
import { LOCATION_FIELDS, type StoredLocation } from "../settings/values.js";
import type { WallClock } from "../time/wall-clock.js";

export interface WhereaboutsOptions {
  settings: Settings;
  wallClock: WallClock;
  onFault(detail: string): void;
}

export class Whereabouts {
  readonly #options: WhereaboutsOptions;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  onTime({ timeMs, zoneName, posixTz }: CloudTime): void {
    if (timeMs !== undefined) this.#options.wallClock.setCloudTime(timeMs);
    if (zoneName === undefined && posixTz === undefined) return;
    this.#learn({
      ...(zoneName === undefined ? {} : { olsonId: zoneName }),
      ...(posixTz === undefined ? {} : { posixTz }),
    });
  }

  onLocation(latitude: string, longitude: string): void {
    this.#learn({ latitude, longitude });
  }

  /** One part that has no room must not cost the others. */
  #learn(part: Partial<StoredLocation>): void {
    const { settings, wallClock, onFault } = this.#options;
    const { ok: _, ...known } = wallClock.readLocation();
    const location = { ...known, ...part };
    const flaw = problemOf(LOCATION_FIELDS, location);
    if (flaw) return onFault(`the cloud's location is not used: ${flaw}`);
    const problem = settings.saveLocation(location);
    if (problem) onFault(`the location was not stored: ${problem}`);
    const wrong = wallClock.setLocation(location);
    if (wrong) onFault(`the cloud's time zone ${wrong}`);
  }
}
