/** Who the MCU says it is, in the cloud's terms. */

import type { CloudIdentity } from "../cloud/cloud.js";

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

export class McuIdentity {
  firmware: McuFirmware = { type: "", version: "", build: "", blynkVersion: "" };
  /** `undefined` until it has initialized. */
  template: Template | undefined;

  identity(ferryVersion: string): CloudIdentity {
    const { type, version, build, blynkVersion } = this.firmware;
    return {
      templateId: this.template?.id ?? "",
      firmwareType: type,
      firmwareVersion: version,
      firmwareBuild: build,
      blynkVersion,
      ferryVersion,
    };
  }
}
