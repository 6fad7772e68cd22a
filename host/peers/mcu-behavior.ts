/**
 * How one simulated MCU behaves: one documented knob per oddity, and a book of the faults that have struck.
 *
 * The defaults are a healthy Arduino-like client. A test sets the knobs it is about, and afterwards looks into `fired`
 * whether the fault happened at all. Knobs may be turned while the MCU runs.
 */

import type { Args } from "../../src/rpc/catalogue.js";

export type Firmware = Args<"blynk.setFirmwareInfo">;

/** As the calls take it. */
export type Provisioning = Args<"ferry.setNetwork"> & Args<"ferry.setCloud">;

/** A fault at a chunk: `index` is offset / chunk size, counted from 0; `times` counts over the MCU's whole life. */
export interface ChunkFault {
  readonly index: number;
  readonly times: number;
}

export interface McuBehavior {
  // ---- the chip and the driver ----
  /** The driver's one receive buffer: 256 on AVR, 512 on small Zephyr boards, 2048 by default, 4096 on Linux. */
  bufferBytes: number;
  /** The serial driver's receive ring: 64 on classic Arduinos. */
  serialRingBytes: number;
  /** The driver restarts on BEGIN inside a frame; Blynk's does not. */
  resyncsOnBeg: boolean;
  /** A frame longer than the buffer crashes the MCU for this long (it then reboots); `undefined`: it only loses it. */
  crashesWhenSmashedMs: number | undefined;
  /** From reset to the first line of the firmware. */
  bootMs: number;
  /** Calls that this MCU's older driver does not know: no answer, and hasUID says no. */
  unansweredUids: readonly number[];

  // ---- bring-up ----
  /** The firmware's way of coming up. "bootloader" is an MCU without a usable application. */
  bringUp: "arduino" | "low-level" | "zephyr" | "bootloader" | "none";
  /** The baud that the application wants. */
  targetBaud: number;
  /** What a "none" MCU opens its UART at, and a bootloader talks at. */
  initialBaud: number;
  /** Zephyr resets its NCP by pin; without one it calls ncp.reboot and scans again. */
  hasNcpResetPin: boolean;
  /** initLED, initUserButton and setLedBrightness are part of the bring-up. */
  configuresHardware: boolean;
  templateId: string;
  templateName: string;
  /** What the first application reports. */
  firmware: Firmware;
  /** What an image without a Blynk info tag reports once it runs. */
  untaggedFirmware: Firmware;
  /** The application writes virtual pin 1 this often; 0 for never. */
  virtualWriteEveryMs: number;
  /** Tells Ferry its network and its token (ferry.setNetwork, ferry.setCloud) before initialize. */
  provisions: Provisioning | undefined;

  // ---- the offer ----
  /** Room for a new image; 0 for an MCU that cannot be updated. */
  slotBytes: number;
  acceptOffer: boolean | "never answer";
  /** Erasing the slot, inside the handler of the offer: nothing else is served meanwhile. */
  eraseMs: number;
  /** The offer's RESULT leaves this much later still. */
  answerOfferLateMs: number;
  /** From accepting the offer (a bootloader: from its boot) to doing something about it. Calls are served meanwhile. */
  startDelayMs: number;
  /** The application reboots into a bootloader, which fetches the image at `initialBaud`, without initialize. */
  updatesInBootloader: boolean;
  /** Before that reboot the application moves the NCP to the bootloader's baud. */
  announcesBootloaderBaud: boolean;

  // ---- the transfer ----
  /** Asked by otaUpdateStart. */
  chunkBytes: number;
  /** otaUpdateSuspend with this first, and a wait of that length; 0 for no call. */
  suspendSeconds: number;
  /** otaUpdatePrefetch before otaUpdateStart. */
  prefetch: boolean;
  /** An older client: otaUpdateStart from inside the handler of the offer. */
  startsInsideOffer: boolean;
  asksStartTwice: boolean;
  /** Programming one chunk, inside the handler. */
  writeMs: number;
  /** Calls otaUpdateStart again, and begins at 0, after it has stored this chunk. */
  restartsTransferAtChunk: ChunkFault | undefined;
  /** Does not store it and says so. */
  answersFalseAtChunk: ChunkFault | undefined;
  /** Stores it, and no RESULT leaves. */
  losesResultAtChunk: ChunkFault | undefined;
  /** Neither stores nor answers. */
  ignoresChunk: ChunkFault | undefined;
  /** Stores it; the RESULT leaves so much later. */
  lateResultAtChunk: (ChunkFault & { readonly delayMs: number }) | undefined;
  /** The byte at this offset of the slot comes out wrong. Finish must fail. */
  corruptsFlashAtOffset: number | undefined;
  /** Reboots when this chunk arrives: the transfer is forgotten, though a bootloader begins it again. */
  rebootAtChunk: ChunkFault | undefined;
  /** Hangs when this chunk arrives; after `silentMs` its watchdog boots what was in charge before. */
  crashAtChunk: (ChunkFault & { readonly silentMs: number }) | undefined;
  /** A chunk that has been stored before is acknowledged again. Blynk's clients say false. */
  idempotentWrites: boolean;
  /** Write-once flash with blocks of this many bytes, as Zephyr's client pads them: a chunk must begin on a block. */
  paddedWrites: { readonly blockBytes: number } | undefined;

  // ---- the end ----
  /** Checking the stored image before the digest calls. */
  finishDelayMs: number;
  /** Asks the NCP for MD5, SHA-256 and CRC-32 inside otaUpdateFinish; drivers before 0.6.3 cannot. */
  digestCalls: boolean;
  finishAnswersFalse: boolean;
  /** Finishes and reboots, but no RESULT leaves. */
  losesFinishResult: boolean;
  /** Boots the old application after all. */
  bootsOldAfterUpdate: boolean;
  /** Boots the new one; so much later the old one again. */
  rollsBackAfterUpdate: { readonly afterMs: number } | undefined;
  /** Does not come up again. */
  neverReturns: boolean;
}

export const healthyMcu: Readonly<McuBehavior> = Object.freeze({
  bufferBytes: 2048,
  serialRingBytes: 2048,
  resyncsOnBeg: false,
  crashesWhenSmashedMs: undefined,
  bootMs: 50,
  unansweredUids: [],
  bringUp: "arduino",
  targetBaud: 460800,
  initialBaud: 38400,
  hasNcpResetPin: false,
  configuresHardware: true,
  templateId: "TMPL0123456789",
  templateName: "Ferry",
  firmware: { type: "TMPL0123456789", version: "1.0.0", build: "Apr  1 2024 12:00:00", blynkVersion: "0.7.0" },
  untaggedFirmware: { type: "TMPL0123456789", version: "9.9.9", build: "Apr  9 2024 12:00:00", blynkVersion: "0.7.0" },
  virtualWriteEveryMs: 0,
  provisions: undefined,
  slotBytes: 1 << 20,
  acceptOffer: true,
  eraseMs: 400,
  answerOfferLateMs: 0,
  startDelayMs: 0,
  updatesInBootloader: false,
  announcesBootloaderBaud: false,
  chunkBytes: 1024,
  suspendSeconds: 0,
  prefetch: false,
  startsInsideOffer: false,
  asksStartTwice: false,
  writeMs: 5,
  restartsTransferAtChunk: undefined,
  answersFalseAtChunk: undefined,
  losesResultAtChunk: undefined,
  ignoresChunk: undefined,
  lateResultAtChunk: undefined,
  corruptsFlashAtOffset: undefined,
  rebootAtChunk: undefined,
  crashAtChunk: undefined,
  idempotentWrites: false,
  paddedWrites: undefined,
  finishDelayMs: 0,
  digestCalls: true,
  finishAnswersFalse: false,
  losesFinishResult: false,
  bootsOldAfterUpdate: false,
  rollsBackAfterUpdate: undefined,
  neverReturns: false,
});

type Knob = keyof McuBehavior;
type ChunkKnob = {
  [K in Knob]: Exclude<McuBehavior[K], undefined> extends ChunkFault ? K : never;
}[Knob];

/** How often each knob has made the MCU behave oddly. */
export type Fired = Partial<Record<Knob, number>>;

export class FaultBook {
  readonly fired: Fired = {};
  readonly #behavior: McuBehavior;
  readonly #log: (text: string) => void;

  constructor(behavior: McuBehavior, log: (text: string) => void) {
    this.#behavior = behavior;
    this.#log = log;
  }

  note(knob: Knob): void {
    this.fired[knob] = (this.fired[knob] ?? 0) + 1;
    this.#log(`fault: ${knob} (${this.fired[knob]})`);
  }

  /** Notes the knob and returns true when it is set (not false, 0, undefined). */
  strikes(knob: Knob): boolean {
    if (!this.#behavior[knob]) return false;
    this.note(knob);
    return true;
  }

  /** Whether the knob's fault is due at this chunk, and if so notes it. */
  strikesChunk(knob: ChunkKnob, index: number): boolean {
    const fault: ChunkFault | undefined = this.#behavior[knob];
    if (fault?.index !== index || (this.fired[knob] ?? 0) >= fault.times) return false;
    this.note(knob);
    return true;
  }
}
