/**
 * How much the MCU can take in.
 *
 * Blynk's driver copies each message into one buffer without a look at its end (blynk-ncp.md, 1.7), and on small chips
 * that buffer has 256 bytes. Nothing negotiates its size, so messages stay below the smallest until the MCU has shown
 * more: by the chunk that it asks for, or by saying it (ferry.setReceiveBuffer). An MCU that restarts begins anew: it
 * may run another firmware, or have been in its boot loader. What it says before it initializes is of the life that
 * begins, as far as Ferry knows when that was: from its own start or the MCU's loss on, or from a call that MCUs make
 * when they come up.
 */

import { PAYLOAD_BYTES_MAX } from "../frame/layout.js";
import type { RpcSession } from "../rpc/session.js";
import { WRITE_OVERHEAD_BYTES } from "./service.js";

/** Fits a buffer of 256 bytes with the CRC, and with the NUL that vPinChange handlers write behind the value. */
export const SAFE_PAYLOAD_BYTES = 240;
/** Of an MCU's buffer, what is not the message: CRC-8 and that NUL. */
const BUFFER_OVERHEAD_BYTES = 2;
/** Opcode, uid, pin, and the length of the value. */
const PIN_CHANGE_OVERHEAD_BYTES = 2 + 2 + 2 + 2;
/** The longest value of a pin that any MCU, and any boot loader, has room for. */
export const SAFE_VALUE_BYTES = SAFE_PAYLOAD_BYTES - PIN_CHANGE_OVERHEAD_BYTES;

export class McuRoom {
  readonly #session: RpcSession;
  /** The MCU has said so of the life that is, or that begins. */
  #toldBytes = SAFE_PAYLOAD_BYTES;
  /** It has initialized, and has not come up anew since. */
  #isSettled = false;

  constructor(session: RpcSession) {
    this.#session = session;
    this.forget();
  }

  /** The longest value of a pin. */
  get valueBytesMax(): number {
    return this.#session.peerRoomBytes - PIN_CHANGE_OVERHEAD_BYTES;
  }

  /** The MCU is lost. */
  forget(): void {
    this.#isSettled = false;
    this.#toldBytes = SAFE_PAYLOAD_BYTES;
    this.#session.peerRoomBytes = SAFE_PAYLOAD_BYTES;
  }

  /** The MCU makes a call that belongs to its coming up: if it had initialized, it has restarted since. */
  onComingUp(): void {
    if (this.#isSettled) this.#toldBytes = SAFE_PAYLOAD_BYTES;
    this.#isSettled = false;
  }

  /** The MCU initializes. */
  onInitialize(): void {
    this.onComingUp();
    this.settle();
    this.#session.peerRoomBytes = this.#toldBytes;
  }

  /** The MCU is up. */
  settle(): void {
    this.#isSettled = true;
  }

  /** The MCU has asked for chunks of this size. Its buffer may end with one, and a pin's value has a NUL behind it. */
  onChunkAsked(chunkBytes: number): void {
    this.#grow(chunkBytes + WRITE_OVERHEAD_BYTES - 1);
  }

  /** The MCU has told its buffer's size. False when it is too small for the protocol. */
  onBufferTold(bytes: number): boolean {
    const payloadBytes = Math.min(PAYLOAD_BYTES_MAX, bytes - BUFFER_OVERHEAD_BYTES);
    if (payloadBytes < SAFE_PAYLOAD_BYTES) return false;
    this.#toldBytes = Math.max(this.#toldBytes, payloadBytes);
    this.#grow(payloadBytes);
    return true;
  }

  #grow(payloadBytes: number): void {
    const { peerRoomBytes } = this.#session;
    this.#session.peerRoomBytes = Math.min(PAYLOAD_BYTES_MAX, Math.max(peerRoomBytes, payloadBytes));
  }
}
