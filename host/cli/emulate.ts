/**
 * `ferry emulate`: Ferry on this computer, for MCU code that is being written. See emulate/options.ts for what it takes.
 *
 * Exit codes: 0 ended by the user, or by whoever read its output and has left; 1 the line was lost, or the state or the
 * output could not be written; 2 bad input, the latter two with one line on standard error.
 */

import { randomInt } from "node:crypto";
import { createWriteStream, openSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { messageOf } from "../../src/base/failure.js";
import { INITIAL_BAUD } from "../../src/mcu/link.js";
import { Emulator, type EmulatorEvent } from "../emulator/emulator.js";
import { Offers } from "../emulator/offers.js";
import { PortLine } from "../emulator/port-line.js";
import { PtyLine } from "../emulator/pty-line.js";
import type { RealLine } from "../emulator/real-line.js";
import { StateFolder } from "../emulator/state-folder.js";
import { SwitchableNetwork } from "../emulator/switchable-network.js";
import { TcpLine } from "../emulator/tcp-line.js";
import { PacedClock } from "../node/paced-clock.js";
import { SimStorage } from "../sim/storage.js";
import { BadInput } from "./arguments.js";
import { Screen } from "./demo/screen.js";
import { type Display, JsonDisplay, TextDisplay } from "./emulate/display.js";
import { listenForKeys } from "./emulate/keys.js";
import { type EmulateOptions, HELP, type Outlet, parseOptions } from "./emulate/options.js";
import { isOfLeaving, type Output } from "./output.js";

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_BAD_INPUT = 2;
const DRAW_MS = 50;
const SEED_MAX = 2 ** 32;
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs the command with the arguments after `ferry emulate`, and returns the exit code. */
export async function main(argv: readonly string[], output: Output): Promise<number> {
  try {
    return await emulate(argv, output);
  } catch (error) {
    complain(messageOf(error));
    return error instanceof BadInput ? EXIT_BAD_INPUT : EXIT_FAILED;
  }
}

async function emulate(argv: readonly string[], output: Output): Promise<number> {
  const options = parseOptions(argv);
  if (options.help) {
    process.stdout.write(HELP);
    return EXIT_OK;
  }
  const trace = openTrace(options.trace);
  const offers = options.offer === undefined ? undefined : tryInput(() => new Offers(options.offer ?? ""));
  const storage = new SimStorage();
  const folder = options.state === undefined ? undefined : openState(options.state, storage);
  const display = options.json ? new JsonDisplay(process.stdout) : new TextDisplay(new Screen(process.stdout));
  let unsaved: string | undefined;
  const onEvent = (event: EmulatorEvent, atMs: number) => {
    if (event.source === "storage") unsaved = event.problem;
    display.onEvent(event, atMs);
  };
  const reader = new Reader(output);
  try {
    const line = await openLine(options);
    const clock = new PacedClock();
    const network = new SwitchableNetwork({ clock, trust: rootCertificates });
    const { baud, anyBaud, wifi, cloud, poll } = options;
    const emulator = new Emulator({
      clock,
      network,
      line,
      storage,
      anyBaud,
      wifi,
      cloud,
      onEvent,
      seed: randomInt(SEED_MAX),
      ...(baud ? { initialBaud: baud } : {}),
      ...(poll === undefined ? {} : { poll }),
      ...(offers ? { offers } : {}),
      ...(folder ? { folder } : {}),
      ...(trace ? { trace } : {}),
    });
    display.onAddress(line.address);
    reader.onGone(() => emulator.stop());
    await runToEnd(emulator, display);
  } finally {
    await folder?.close();
    display.onEnd();
  }
  if (reader.problem !== undefined) complain(reader.problem);
  // Otherwise it has been said, with everything else.
  if (reader.isGone && unsaved !== undefined) complain(unsaved);
  return unsaved === undefined && reader.problem === undefined ? EXIT_OK : EXIT_FAILED;
}

/** Whoever reads what is told. When nobody does any more, the emulator has no purpose, and what it keeps is to be saved. */
class Reader {
  #error: NodeJS.ErrnoException | undefined;
  #stop = () => {};

  constructor(output: Output) {
    output.onLost((error) => {
      this.#error ??= error;
      this.#stop();
    });
  }

  get isGone(): boolean {
    return this.#error !== undefined;
  }

  /** What went wrong, unless the reader has just left. */
  get problem(): string | undefined {
    const error = this.#error;
    return error && !isOfLeaving(error) ? `standard output cannot be written: ${error.message}` : undefined;
  }

  /** Also when it has happened before. */
  onGone(stop: () => void): void {
    this.#stop = stop;
    if (this.isGone) stop();
  }
}

/** Until a key or a signal ends it. */
async function runToEnd(emulator: Emulator, display: Display): Promise<void> {
  const stop = () => emulator.stop();
  const stopListening = listenForKeys(process.stdin, (key) => onKey(emulator, key));
  const drawing = setInterval(() => display.onLook(emulator), DRAW_MS);
  for (const signal of ENDING_SIGNALS) process.on(signal, stop);
  try {
    await emulator.run();
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, stop);
    clearInterval(drawing);
    stopListening();
  }
}

function onKey(emulator: Emulator, key: string): void {
  if (key === "b") emulator.click();
  else if (key === "B") emulator.toggleButton();
  else if (key === "p") emulator.cutPower();
  else if (key === "n") emulator.switchNetwork();
  else if (key === "o") emulator.offer();
  else if (key === "q") emulator.stop();
}

function openLine({ outlet, baud = INITIAL_BAUD }: EmulateOptions): Promise<RealLine> {
  return makeLine(outlet, baud).catch((error) => {
    throw new BadInput(`the UART cannot come out at ${placeOf(outlet)}: ${messageOf(error)}`);
  });
}

function makeLine(outlet: Outlet, baud: number): Promise<RealLine> {
  if (outlet.kind === "port") return PortLine.open(outlet.path, baud);
  return outlet.kind === "tcp" ? TcpLine.open(outlet.host, outlet.port) : PtyLine.open();
}

function placeOf(outlet: Outlet): string {
  if (outlet.kind === "port") return outlet.path;
  return outlet.kind === "tcp" ? `${outlet.host}:${outlet.port}` : "a pseudo-terminal";
}

function openState(path: string, storage: SimStorage): StateFolder {
  return tryInput(() => {
    const folder = new StateFolder(path);
    try {
      folder.load(storage);
    } catch (error) {
      folder.release();
      throw error;
    }
    return folder;
  });
}

/** A full disk, or a reader that leaves, ends the trace alone. */
function openTrace(file: string | undefined): ((line: string) => void) | undefined {
  if (file === undefined) return undefined;
  const stream = file === "" ? process.stderr : createWriteStream(file, { fd: tryInput(() => openSync(file, "w")) });
  let isBroken = false;
  stream.on("error", (error) => {
    if (!isBroken && file !== "") complain(`the trace in ${file} ends here, and the rest goes on: ${error.message}`);
    isBroken = true;
  });
  return (line) => {
    if (!isBroken) stream.write(`${line}\n`);
  };
}

/** What fails here is for the user to mend. */
function tryInput<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new BadInput(messageOf(error));
  }
}

function complain(message: string): void {
  process.stderr.write(`ferry emulate: ${message.replace(/[\r\n]+/g, " ")}\n`);
}
