/**
 * Messages: what a frame's payload says. All numbers little-endian, nothing aligned, no field optional.
 *
 *   INVOKE  | u16 67BC | u16 uid        | u16 message id | arguments |
 *   RESULT  | u16 A512 | u16 message id | u8 status      | results   |   results only when status is OK
 *   ONEWAY  | u16 1CF3 | u16 uid        | arguments      |
 *
 * Each side counts its own message ids. Other opcodes are reserved and ignored.
 */

export const OPCODE_INVOKE = 0x67bc;
export const OPCODE_RESULT = 0xa512;
export const OPCODE_ONEWAY = 0x1cf3;

/** The status byte of a RESULT, as Blynk's driver names them. */
export const RpcStatus = Object.freeze({
  OK: 0x00,
  GENERIC: 0x10,
  TIMEOUT: 0x11,
  MEMORY: 0x12,
  UNKNOWN_UID: 0x13,
  ARGS_WRITE: 0x14,
  ARGS_READ: 0x15,
  RESULTS_WRITE: 0x16,
  RESULTS_READ: 0x17,
});

/** What Ferry is doing, as the MCU sees it (getState, blynkStateChange). */
export const NcpState = Object.freeze({
  UNKNOWN: 0,
  IDLE: 1,
  CONFIG: 2,
  CONNECTING_NET: 3,
  CONNECTING_CLOUD: 4,
  CONNECTED: 5,
  NOT_INITIALIZED: 10,
  OTA_UPGRADE: 11,
  ERROR: 12,
});

/** Events of client.processEvent. */
export const NcpEvent = Object.freeze({
  NCP_REBOOTING: 1,
  BUTTON_CLICK: 10,
  BUTTON_DOUBLE_CLICK: 11,
  BUTTON_LONG_PRESS: 12,
  BUTTON_LONG_RELEASE: 13,
  RESET_START: 16,
  RESET_CANCEL: 17,
  RESET_DONE: 18,
  PROVISIONED: 20,
  TIME_SYNC: 21,
  TIME_CHANGED: 22,
});

/** What blynk.otaUpdatePrefetch answers. Zero never means success: it is what an MCU sees after its own timeout. */
export const PrefetchStatus = Object.freeze({
  OK: 1,
  GENERIC: 2,
  CONNECT_FAILED: 3,
  REQUEST_FAILED: 4,
  DOWNLOAD_TIMEOUT: 5,
  FS_NO_SPACE: 6,
  FS_WRITE_FAILED: 7,
  FINALIZE_FAILED: 8,
});

export type PrefetchStatus = (typeof PrefetchStatus)[keyof typeof PrefetchStatus];
