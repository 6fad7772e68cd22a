/** The demo's command line: what it takes, and what is wrong with it. */

import { BAUD_MAX, BAUD_MIN } from "../../../src/mcu/link.js";
import { CHUNK_BYTES_MAX } from "../../../src/mcu/service.js";
import { printable } from "../../../src/store/partition-rules.js";
import { healthyMcu } from "../../peers/mcu-behavior.js";
import type { CloudProtocol } from "../../sim/connectivity.js";
import { BadInput, numberOf, sortArguments } from "../arguments.js";

export const OUT_DEFAULT = "ferry-demo";
export const RECEIVED_FILE = "received.bin";
export const SUMMARY_FILE = "summary.json";

export const HELP = `Ferry's demo: a cloud offers a firmware update, and Ferry brings it from a web server, through a simulated ESP32, into
its MCU.

usage: npm run demo -- [FILE] [options]

FILE is the firmware to deliver; without it the demo makes an image of 256 KiB with Blynk's tag in it. The tag in an
image says which firmware it is; an image without one is offered, and reported by the MCU, as untagged.

  --baud N       UART speed that the MCU asks for, ${BAUD_MIN} to ${BAUD_MAX} (default ${healthyMcu.targetBaud})
  --chunk N      bytes that the MCU takes at once, 1 to ${CHUNK_BYTES_MAX} (default ${healthyMcu.chunkBytes})
  --cut N        cuts the ESP32's power after N durable operations, counted from the offer; power returns a second
                 later, and the update has to go on by itself
  --flaky[=SEED] gives server and network a bad day, which a seed repeats: requests are answered with 503, stall, or
                 are cut, and the update has to come through
  --https        serves over TLS, with a certificate authority that is made for this run
  --cloud NAME   what the device speaks to its cloud, which is simulated: native (default), Blynk's own protocol, or mqtt
  --engine NAME  node (default): a real HTTP server on loopback, time as fast as this computer
                 xs: everything inside a real XS engine, the network simulated (of TLS only its time), and the
                 engine's meter shown (slow)
  --out DIR      where ${RECEIVED_FILE}, the image as the MCU runs it, and ${SUMMARY_FILE} go (default ${OUT_DEFAULT})
  --json         prints nothing but the summary, as one line of JSON
  --help         prints this

The summary: "ok"; "image" as served and "mcu" as received and run ("crc32" is a number, "sha256" hexadecimal);
"download": bytes of HTTP bodies that reached Ferry, and requests; "transfer", of the last transfer to the MCU, which
brought all bytes: chunks stored, chunks sent again, milliseconds of virtual time from the first write to the accepted
Finish, and "payloadShare", the image's bits over all bits on the UART's line to the MCU meanwhile, start and stop bits
included (8 of 10 is the limit); "cuts": power cuts that struck; "network", with --flaky: connections cut, connections
stalled, and requests answered with 503; "cloud": its protocol, how often the device has logged in, and what the cloud
was told of the update; "engine"; "failure", when it failed.

Exit codes: 0 the MCU runs the new image; 1 the update failed; 2 bad input.
`;

export interface DemoOptions {
  /** `undefined`: an image is made. */
  readonly file: string | undefined;
  readonly baud: number;
  readonly chunkBytes: number;
  readonly cutAfter: number | undefined;
  /** The seed of the network's bad day, if it has one. */
  readonly flakySeed: number | undefined;
  readonly https: boolean;
  readonly cloud: CloudProtocol;
  readonly engine: "node" | "xs";
  readonly out: string;
  readonly json: boolean;
  readonly help: boolean;
}

const GRAMMAR = {
  flags: {
    "--baud": undefined,
    "--chunk": undefined,
    "--cut": undefined,
    "--flaky": "1",
    "--cloud": undefined,
    "--engine": undefined,
    "--out": undefined,
  },
  switches: ["--https", "--json", "--help"],
} as const;
const SEED_MAX = 0xffff_ffff;

/** Throws BadInput. */
export function parseOptions(argv: readonly string[]): DemoOptions {
  const { values, switches, files } = sortArguments<keyof typeof GRAMMAR.flags, (typeof GRAMMAR.switches)[number]>(
    argv,
    GRAMMAR,
  );
  if (files.length > 1) throw new BadInput(`one file at a time, and "${printable(files[1] ?? "")}" is a second`);
  const engine = values.get("--engine") ?? "node";
  if (engine !== "node" && engine !== "xs") {
    throw new BadInput(`--engine "${printable(engine)}" is unknown: use node or xs`);
  }
  const cloud = values.get("--cloud") ?? "native";
  if (cloud !== "native" && cloud !== "mqtt") {
    throw new BadInput(`--cloud "${printable(cloud)}" is unknown: use native or mqtt`);
  }
  const number = (flag: keyof typeof GRAMMAR.flags, min: number, max: number) =>
    numberOf(flag, values.get(flag), min, max);
  const out = values.get("--out") ?? OUT_DEFAULT;
  if (out === "") throw new BadInput("--out needs the name of a folder");
  return {
    file: files[0],
    baud: number("--baud", BAUD_MIN, BAUD_MAX) ?? healthyMcu.targetBaud,
    chunkBytes: number("--chunk", 1, CHUNK_BYTES_MAX) ?? healthyMcu.chunkBytes,
    cutAfter: number("--cut", 1, Number.MAX_SAFE_INTEGER),
    flakySeed: number("--flaky", 0, SEED_MAX),
    https: switches.has("--https"),
    cloud,
    engine,
    out,
    json: switches.has("--json"),
    help: switches.has("--help"),
  };
}
