/**
 * Who the MCU says it is, in the cloud's terms, kept over Ferry's restarts: an MCU that initializes only when it starts
 * (Blynk's low-level example) says it once, and would be lost with Ferry's memory. It is no setting, so no reset forgets
 * it: what is wired to Ferry stays. The next initialize replaces it.
 *
 * Bounds: written only when it changes, and so often in one life at most, for an MCU that names itself anew for ever must
 * not wear the flash out. One with longer texts than McuFields allows is not kept.
 */

import { deepFreeze } from "../base/freeze.js";
import type { CloudIdentity } from "../cloud/cloud.js";
import type { FieldTable } from "../settings/fields.js";
import { codecOf, type DurableRecord, StoredValue } from "../settings/stored-value.js";

export interface Template {
  readonly id: string;
  readonly name: string;
}

export interface McuFirmware {
  readonly type: string;
  readonly version: string;
  readonly build: string;
  readonly blynkVersion: string;
}

/** Of each text; Blynk's have a fifth of it. */
export const MCU_TEXT_BYTES_MAX = 128;
/** Each life of an MCU writes it once at most, unless its boot loader names itself as well. */
export const MCU_WRITES_MAX = 32;

interface KeptMcu extends McuFirmware {
  readonly templateId: string;
  readonly templateName: string;
}

const TEXT = { required: true, type: "text", bytesMin: 0, bytesMax: MCU_TEXT_BYTES_MAX } as const;

const MCU_FIELDS = deepFreeze<FieldTable<KeptMcu>>({
  templateId: { tag: 1, ...TEXT },
  templateName: { tag: 2, ...TEXT },
  type: { tag: 3, ...TEXT },
  version: { tag: 4, ...TEXT },
  build: { tag: 5, ...TEXT },
  blynkVersion: { tag: 6, ...TEXT },
});

const MCU_CODEC = deepFreeze(codecOf(MCU_FIELDS));

const UNNAMED: McuFirmware = Object.freeze({ type: "", version: "", build: "", blynkVersion: "" });

export interface McuIdentityOptions {
  ferryVersion: string;
  record: DurableRecord;
  onFault(detail: string): void;
}

export class McuIdentity {
  readonly #options: McuIdentityOptions;
  readonly #kept: StoredValue<KeptMcu>;
  #firmware: McuFirmware | undefined;
  /** `undefined` until it has initialized. */
  template: Template | undefined;

  constructor(options: McuIdentityOptions) {
    this.#options = options;
    this.#kept = new StoredValue({ record: options.record, codec: MCU_CODEC });
  }

  get firmware(): McuFirmware {
    return this.#firmware ?? UNNAMED;
  }

  set firmware(firmware: McuFirmware) {
    this.#firmware = firmware;
  }

  /** An MCU has initialized before, in this life or an earlier one. */
  get isKnown(): boolean {
    return this.#kept.value !== undefined;
  }

  /** Keeps what it has named. */
  keep(): void {
    if (!this.template || this.#kept.revision >= MCU_WRITES_MAX) return;
    const { type, version, build, blynkVersion } = this.firmware;
    const { id: templateId, name: templateName } = this.template;
    const problem = this.#kept.save({ templateId, templateName, type, version, build, blynkVersion });
    if (problem) this.#options.onFault(`the MCU's name was not stored: ${problem}`);
  }

  /** It has not initialized in this life, and goes on as if it had: it is the one that is known, if any. */
  recall(): boolean {
    const kept = this.#kept.value;
    if (!kept) return false;
    const { templateId, templateName, type, version, build, blynkVersion } = kept;
    this.template ??= { id: templateId, name: templateName };
    this.#firmware ??= { type, version, build, blynkVersion };
    return true;
  }

  /** For a login without an MCU, after an update that it did not survive: what it was when it last initialized. */
  get identity(): CloudIdentity {
    const kept = this.template ? undefined : this.#kept.value;
    const { type, version, build, blynkVersion } = kept ?? this.firmware;
    return {
      templateId: this.template?.id ?? kept?.templateId ?? "",
      firmwareType: type,
      firmwareVersion: version,
      firmwareBuild: build,
      blynkVersion,
      ferryVersion: this.#options.ferryVersion,
    };
  }
}
