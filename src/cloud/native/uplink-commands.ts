/** The MCU's data calls as messages of the native protocol (blynk-ncp.md, 5.2): each has a command of its own. */

import type { CloudUplink } from "../cloud.js";
import { BODY_BYTES_MAX, Command } from "./message.js";
import { bodyBytes, type Part } from "./outgoing.js";

export abstract class UplinkCommands implements CloudUplink {
  /** False when nothing was taken. */
  protected abstract send(command: Command, parts: readonly Part[]): boolean;

  virtualWrite(vpin: number, value: Uint8Array): boolean {
    return this.send(Command.HARDWARE, ["vw", String(vpin), value]);
  }

  syncAll(): boolean {
    return this.send(Command.SYNC, []);
  }

  syncVirtual(vpins: Uint8Array): boolean {
    return this.send(Command.SYNC, ["vr", vpins]);
  }

  setProperty(vpin: number, property: string, value: Uint8Array): boolean {
    return this.send(Command.PROPERTY, [String(vpin), property, value]);
  }

  beginGroup(timestampMs: bigint): boolean {
    return this.send(Command.GROUP, timestampMs === 0n ? ["b"] : ["t", String(timestampMs)]);
  }

  endGroup(): boolean {
    return this.send(Command.GROUP, ["e"]);
  }

  logEvent(code: string, description: string): boolean {
    return this.send(Command.EVENT_LOG, description ? [code, description] : [code]);
  }

  resolveEvent(code: string): boolean {
    return this.send(Command.EVENT_CLEAR, [code]);
  }

  resolveAllEvents(code: string): boolean {
    return this.send(Command.EVENT_CLEAR, [code, "all"]);
  }

  setMetadata(field: string, value: string): boolean {
    return this.send(Command.INTERNAL, ["meta", "set", field, value]);
  }
}

/** Takes what a message could ever hold, and sends nothing. */
export class CommandRuler extends UplinkCommands {
  protected send(_: Command, parts: readonly Part[]): boolean {
    return bodyBytes(parts) <= BODY_BYTES_MAX;
  }
}
