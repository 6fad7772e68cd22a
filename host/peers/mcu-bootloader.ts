/**
 * A bootloader that fetches the image by itself: one baud, no initialize, nothing but the transfer. It asks for it
 * again and again, as the protocol allows, until an image is complete.
 */

import type { ApplicationParts } from "./mcu-application.js";
import { done, type Task } from "./mcu-core.js";
import { type McuHandlers, NO_ANSWER } from "./mcu-rpc.js";

/** After a refused or unanswered otaUpdateStart. */
const RETRY_MS = 1000;
/** Without a chunk for so long, the transfer is asked for anew. */
const STALL_MS = 15_000;

export class McuBootloader {
  readonly #parts: ApplicationParts;

  constructor(parts: ApplicationParts) {
    this.#parts = parts;
  }

  *main(): Task<void> {
    const { behavior, core, record, rpc, storage, update } = this.#parts;
    rpc.reopen(behavior.initialBaud);
    record.note(`bootloader at ${behavior.initialBaud} baud`);
    yield* this.#serveUntil(core.now() + behavior.startDelayMs);
    for (;;) {
      yield* core.busy(behavior.eraseMs);
      update.open(storage.bootloaderTaskBytes);
      const isStarted = yield* update.start();
      if (isStarted) yield* this.#receive();
      else yield* this.#serveUntil(core.now() + RETRY_MS);
    }
  }

  /** Returns when no chunk has come for too long. Ends the bootloader when the image is complete. */
  *#receive(): Task<void> {
    const { core, rpc, update } = this.#parts;
    while (core.now() < update.lastWriteMs + STALL_MS) {
      yield* rpc.run(Math.min(update.lastWriteMs + STALL_MS, update.dueMs));
      yield* update.run();
    }
  }

  *#serveUntil(untilMs: number): Task<void> {
    while (this.#parts.core.now() < untilMs) yield* this.#parts.rpc.run(untilMs);
  }

  /** Without a storage of its own for offers and without an application, most calls have no handler. */
  handlers(): McuHandlers {
    const { rpc, update } = this.#parts;
    return {
      "mcu.ping": () => done({}),
      "mcu.reboot": () => done({ ok: false }),
      "mcu.hasUID": ({ uid }) => done({ ok: rpc.knows(uid) }),
      "client.blynkStateChange": () => done({}),
      "client.blynkVPinChange": () => done({}),
      "client.processEvent": () => done({}),
      "client.otaUpdateAvailable": () => done(NO_ANSWER),
      "client.otaUpdateWrite": (chunk) => update.write(chunk),
      "client.otaUpdateFinish": () => update.finish(),
      "client.otaUpdateCancel": () => update.cancel(),
    };
  }
}
