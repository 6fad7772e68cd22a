/** What a cloud transport says, as lines of text. */

import { asciiText } from "../../host/sim/ascii.js";
import type { CloudEvents, CloudIdentity } from "../../src/cloud/cloud.js";

export const IDENTITY: CloudIdentity = {
  templateId: "TMPL0123456789",
  firmwareType: "TMPL0123456789",
  firmwareVersion: "1.0.0",
  firmwareBuild: "Nov 21 2026 12:00:00",
  blynkVersion: "0.7.0",
  ferryVersion: "0.1.0",
};

/** Writes each event into the list; NUL shows as a bar. */
export function listenTo(heard: string[]): CloudEvents {
  return {
    onUp: () => heard.push("up"),
    onFailed: (code) => heard.push(`failed ${code}`),
    onLost: () => heard.push("lost"),
    onPin: (vpin, value) => heard.push(`pin ${vpin}=${asciiText(value).replaceAll("\0", "|")}`),
    onOffer: (offer) => heard.push(`offer ${JSON.stringify(offer)}`),
    onTime: (time) => heard.push(`time ${JSON.stringify(time)}`),
    onLocation: (latitude, longitude) => heard.push(`location ${latitude} ${longitude}`),
    onMetadata: (field, value) => heard.push(`metadata ${field}=${value}`),
    onReboot: () => heard.push("reboot"),
    onReconfigure: () => heard.push("reconfigure"),
  };
}
