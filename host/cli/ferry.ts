/**
 * The command line of `ferry`: finds the command, which does the rest.
 *
 * Exit codes: the command's own; 2 for an unknown one, with one line on standard error.
 */

import { printable } from "../../src/store/partition-rules.js";
import { main as demo } from "./demo.js";
import { main as emulate } from "./emulate.js";
import { Output } from "./output.js";
import { main as partitions } from "./partitions.js";
import { keygen, sign } from "./sign.js";

interface Command {
  readonly what: string;
  /** Takes the arguments behind the command's name; returns the exit code. */
  readonly run: (argv: readonly string[], output: Output) => number | Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  demo: { what: "brings a firmware image from a web server through a simulated ESP32 into its MCU", run: demo },
  emulate: { what: "runs Ferry in real time on this computer, for the MCU code that you write", run: emulate },
  keygen: { what: "makes a key for signing images of Ferry", run: keygen },
  partitions: { what: "checks a partition table, CSV or binary, and draws it as a map", run: partitions },
  sign: { what: "signs an image of Ferry, for updates over the air", run: sign },
};

const EXIT_OK = 0;
const EXIT_BAD_INPUT = 2;

const HELP = `Ferry: open NCP firmware for the ESP32, on a PC.

usage: ferry COMMAND [arguments]

${Object.entries(COMMANDS)
  .map(([name, { what }]) => `  ${name.padEnd(12)}${what}`)
  .join("\n")}

"ferry COMMAND --help" tells what a command takes. Inside the project, "npm run ferry -- COMMAND" does the same.
`;

function main([name = "", ...argv]: readonly string[], output: Output): number | Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command) return command.run(argv, output);
  if (name === "--help" || name === "-h") {
    process.stdout.write(HELP);
    return EXIT_OK;
  }
  const problem = name === "" ? "no command is given" : `unknown command "${printable(name)}"`;
  process.stderr.write(`ferry: ${problem}: use ${Object.keys(COMMANDS).join(" or ")}, or see ferry --help\n`);
  return EXIT_BAD_INPUT;
}

process.exitCode = await main(process.argv.slice(2), new Output(process.stdout));
