/**
 * The process that hosts one XS machine: @agoric/xsnap needs its JavaScript locked down, which would be felt by all
 * other code of the process. Spoken to over IPC, see protocol.ts; ends when its parent disconnects.
 */

import "@endo/init/debug.js";
import { spawn } from "node:child_process";
import { type } from "node:os";
import { xsnap } from "@agoric/xsnap";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The engine is waiting for the reply to a command. @type {((text: string) => void) | undefined} */
let onReply;

/** @param {import("./protocol.js").FromWorker} message */
function tell(message) {
  if (process.connected) process.send?.(message);
}

/** @param {Uint8Array} request */
async function handleCommand(request) {
  const reply = await new Promise((resolve) => {
    onReply = resolve;
    tell({ kind: "command", text: decoder.decode(request) });
  });
  return encoder.encode(reply);
}

const machine = await xsnap({
  os: type(),
  spawn,
  fs: {},
  name: "XS",
  meteringLimit: 0,
  stdout: "inherit",
  stderr: "inherit",
  handleCommand,
});

/** @param {string} source */
async function evaluate(source) {
  try {
    const { compute, allocate, currentHeapCount } = (await machine.evaluate(source)).meterUsage;
    tell({ kind: "evaluated", meter: { compute, allocate, currentHeapCount } });
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error);
    const died = name === "ExitCode" || name === "ExitSignal";
    tell({ kind: died ? "died" : "threw", message });
  }
}

process.on("message", (/** @type {import("./protocol.js").ToWorker} */ message) => {
  if (message.kind === "evaluate") void evaluate(message.source);
  else onReply?.(message.text);
});
// The parent closed the machine, or is gone: end the engine as well, also in the middle of a script. At once, for an
// engine that ends between two scripts rejects a promise that nobody can catch.
process.on("disconnect", () => {
  void machine.terminate();
  process.exit();
});
tell({ kind: "started" });
