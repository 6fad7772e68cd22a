/**
 * How MCUs find their NCP and set it up, from the first ping to initialize: one script per kind of client.
 *
 * Sources: BlynkNcpClient.h (arduino), the BlynkNCP_LowLevel example (low-level), zephyr_lib.c (zephyr).
 */

import { RpcStatus } from "../../src/rpc/protocol.js";
import type { McuBehavior } from "./mcu-behavior.js";
import type { McuCore, Task } from "./mcu-core.js";
import type { McuParser } from "./mcu-framing.js";
import type { McuRecord } from "./mcu-record.js";
import type { McuRpc } from "./mcu-rpc.js";
import type { McuStorage } from "./mcu-storage.js";

export interface BringUpParts {
  readonly core: McuCore;
  readonly rpc: McuRpc;
  readonly parser: McuParser;
  readonly storage: McuStorage;
  readonly behavior: McuBehavior;
  readonly record: McuRecord;
  readonly resetNcp: (heldMs: number) => void;
}

const ARDUINO_PATIENCE_MS = 10_000;
const ARDUINO_PAUSE_MS = 100;
/** Every client gives the NCP this long to change its baud. */
const BAUD_CHANGE_MS = 20;
const FIRST_BAUDS = [38400, 115200] as const;
const ZEPHYR_MORE_BAUDS = [9600, 19200, 28800, 57600, 76800, 230400, 460800, 921600] as const;
/** Zephyr's "5 seconds": each failed try costs 20 of them, though it takes 120 ms. */
const ZEPHYR_TRIES = 5000 / 20;
const ZEPHYR_PAUSE_MS = 20;
/** The hardware reset: so long low, and as long again to wait. */
const ZEPHYR_RESET_MS = 100;
const LOW_LEVEL_CONFIG_TIMEOUT_SECONDS = 1800;

/** Returns whether the NCP was found and initialize answered true. */
export function* bringUp(parts: BringUpParts): Task<boolean> {
  const done = yield* scriptOf(parts);
  if (done) parts.record.initializations++;
  parts.record.note(done ? "NCP initialized" : "bring-up failed");
  return done;
}

function scriptOf(parts: BringUpParts): Task<boolean> {
  switch (parts.behavior.bringUp) {
    case "zephyr":
      return zephyr(parts);
    case "low-level":
      return lowLevel(parts);
    default:
      return arduino(parts);
  }
}

function* arduino(parts: BringUpParts): Task<boolean> {
  if (!(yield* connectForSomeTime(parts))) return false;
  yield* setFirmwareInfo(parts);
  yield* configureHardware(parts);
  return yield* initialize(parts);
}

function* lowLevel(parts: BringUpParts): Task<boolean> {
  if (!(yield* connectForSomeTime(parts))) return false;
  yield* getNcpVersion(parts);
  yield* configureHardware(parts);
  yield* parts.rpc.invoke("blynk.setConfigTimeout", { timeoutSeconds: LOW_LEVEL_CONFIG_TIMEOUT_SECONDS });
  yield* setFirmwareInfo(parts);
  return yield* initialize(parts);
}

function* zephyr(parts: BringUpParts): Task<boolean> {
  if (parts.behavior.hasNcpResetPin) yield* resetByPin(parts);
  if (!(yield* zephyrScan(parts))) return false;
  if (!parts.behavior.hasNcpResetPin) {
    parts.record.note("ncp.reboot, as there is no reset pin");
    yield* parts.rpc.invoke("ncp.reboot", {});
    if (!(yield* zephyrScan(parts))) return false;
  }
  if (!(yield* getNcpVersion(parts))) return false;
  yield* setFirmwareInfo(parts);
  if (!(yield* initialize(parts))) return false;
  yield* configureHardware(parts);
  return true;
}

function* resetByPin(parts: BringUpParts): Task<void> {
  parts.record.note("the NCP is reset by its pin");
  parts.resetNcp(ZEPHYR_RESET_MS);
  yield* parts.core.busy(2 * ZEPHYR_RESET_MS);
}

// ---- finding the NCP ---------------------------------------------------------------------------------------------

function* connectForSomeTime(parts: BringUpParts): Task<boolean> {
  const startMs = parts.core.now();
  while (parts.core.now() - startMs < ARDUINO_PATIENCE_MS) {
    for (const baud of [...FIRST_BAUDS, parts.behavior.targetBaud]) {
      if (yield* connectAt(parts, baud)) return true;
    }
    yield* parts.core.busy(ARDUINO_PAUSE_MS);
  }
  return false;
}

function* connectAt(parts: BringUpParts, baud: number): Task<boolean> {
  const { behavior, core, rpc } = parts;
  rpc.reopen(baud);
  if (!(yield* ping(parts))) return false;
  if (baud === behavior.targetBaud) return true;
  const changed = yield* rpc.invoke("hw.setUartBaudRate", { baud: behavior.targetBaud });
  if (!changed.results.ok) return false;
  rpc.reopen(behavior.targetBaud);
  yield* core.busy(BAUD_CHANGE_MS);
  return yield* ping(parts);
}

function* zephyrScan(parts: BringUpParts): Task<boolean> {
  const { behavior, core, parser, rpc } = parts;
  const bauds = [...FIRST_BAUDS, behavior.targetBaud, ...ZEPHYR_MORE_BAUDS];
  parser.reset();
  for (let tries = 0; tries < ZEPHYR_TRIES; tries++) {
    const baud = bauds[tries % bauds.length] as number;
    rpc.reopen(baud);
    if (!(yield* ping(parts))) {
      yield* core.busy(ZEPHYR_PAUSE_MS);
      continue;
    }
    if (baud === behavior.targetBaud) return true;
    // whatever the answer is
    yield* rpc.invoke("hw.setUartBaudRate", { baud: behavior.targetBaud });
    yield* core.busy(BAUD_CHANGE_MS);
    rpc.reopen(behavior.targetBaud);
    return yield* ping(parts);
  }
  return false;
}

export function* ping(parts: Pick<BringUpParts, "rpc">): Task<boolean> {
  return (yield* parts.rpc.invoke("ncp.ping", {})).status === RpcStatus.OK;
}

// ---- setting it up -----------------------------------------------------------------------------------------------

function* getNcpVersion(parts: BringUpParts): Task<boolean> {
  const { ok, version } = (yield* parts.rpc.invoke("blynk.getNcpVersion", {})).results;
  if (ok) parts.record.ncpVersion = version;
  return ok;
}

function* setFirmwareInfo(parts: BringUpParts): Task<void> {
  const { firmware } = parts.storage.running;
  parts.record.note(`setFirmwareInfo ${firmware.type} ${firmware.version}`);
  yield* parts.rpc.invoke("blynk.setFirmwareInfo", firmware);
}

function* configureHardware(parts: BringUpParts): Task<void> {
  if (!parts.behavior.configuresHardware) return;
  yield* parts.rpc.invoke("hw.initUserButton", { gpio: 0, activeLow: true });
  yield* parts.rpc.invoke("hw.initLED", { gpio: 19, activeLow: false });
  yield* parts.rpc.invoke("hw.setLedBrightness", { value: 160 });
}

function* initialize(parts: BringUpParts): Task<boolean> {
  const { templateId, templateName, provisions } = parts.behavior;
  if (provisions) {
    yield* parts.rpc.invoke("ferry.setNetwork", provisions);
    yield* parts.rpc.invoke("ferry.setCloud", provisions);
  }
  return (yield* parts.rpc.invoke("blynk.initialize", { templateId, templateName })).results.ok;
}
