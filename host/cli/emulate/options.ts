/** The emulator's command line: what it takes, and what is wrong with it. */

import { parseUrl } from "../../../src/base/url.js";
import { BAUD_MAX, BAUD_MIN, INITIAL_BAUD } from "../../../src/mcu/link.js";
import { printable } from "../../../src/store/partition-rules.js";
import type { HomeNetwork } from "../../emulator/way-online.js";
import type { CloudProtocol } from "../../sim/connectivity.js";
import { BadInput, numberOf, sortArguments } from "../arguments.js";

const WIFI_DEFAULT = "home:password";

export const HELP = `Ferry's emulator: Ferry in real time on this computer, for the MCU code that you write.

usage: npm run emulate -- [options]

Where the UART comes out:
  --pty            a pseudo-terminal, whose path is printed (default): open it like a serial port
  --port PATH      a serial port of this computer, with a real MCU behind it: /dev/ttyUSB0, say
  --tcp HOST:PORT  a TCP port, for one program at a time; port 0 is one that is free
  --baud N         Ferry's rate at its start, ${BAUD_MIN} to ${BAUD_MAX} (default ${INITIAL_BAUD})
  --any-baud       of a pseudo-terminal: bytes arrive whole, whatever rate the program sets. Otherwise another rate
                   than Ferry's garbles them, as on a real line. TCP has no rate; a serial port takes Ferry's

What it works with:
  --wifi NAME:PW   the access point around it (default ${WIFI_DEFAULT}); without ":PW" an open one. Behind it is this
                   computer's network, with the cloud that the MCU has named
  --cloud NAME     what it speaks to that cloud: native (default), Blynk's own protocol, or mqtt; over TLS, but for
                   MQTT at port 1883
  --poll URL       a file that offers updates (docs/cloud.md), asked for once a minute. Ferry then joins the access point
                   by itself, and needs no cloud
  --offer WHAT     firmware for the MCU: a file, a folder (its newest file), or an http(s) URL. It is offered when the
                   MCU has initialized, unless it runs that version, and again at the key o
  --state DIR      a folder that keeps flash, files and settings, so that the next start is a reboot

What it shows:
  --trace[=FILE]   every frame in both directions, in words, on standard error or in FILE
  --json           one object a line: first {"pty": ...}, {"port": ...} or {"tcp": ...}, then what happens
  --help           this

On a terminal the last line tells how things are: "LED [..9]" is blue, for the three are red, green and blue, from dark
(.) to full (9); then Ferry's state, the rates, and what was said.

Keys, also from a pipe: b clicks the button, twice for a double click; B holds it down until the next B (1 s: long
press, 10 s: reset); p cuts the power, which is back a second later; n takes the network away, and brings it back;
o offers the firmware again; q ends, and so does Ctrl-C.

Exit codes: 0 ended by you, also by closing its output, and the state is saved; 1 the line was lost, or the state or the
output could not be written; 2 bad input.
`;

/** Where the UART comes out. */
export type Outlet =
  | { readonly kind: "pty" }
  | { readonly kind: "port"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface EmulateOptions {
  readonly outlet: Outlet;
  readonly baud: number | undefined;
  readonly anyBaud: boolean;
  readonly wifi: HomeNetwork;
  readonly cloud: CloudProtocol;
  /** A URL. */
  readonly poll: string | undefined;
  /** A path or a URL. */
  readonly offer: string | undefined;
  readonly state: string | undefined;
  /** A file, or "" for standard error. */
  readonly trace: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
}

const GRAMMAR = {
  flags: {
    "--port": undefined,
    "--tcp": undefined,
    "--baud": undefined,
    "--wifi": undefined,
    "--cloud": undefined,
    "--poll": undefined,
    "--offer": undefined,
    "--state": undefined,
    "--trace": "",
  },
  switches: ["--pty", "--any-baud", "--json", "--help"],
} as const;
const TCP_PORT_MAX = 65_535;

/** Throws BadInput. */
export function parseOptions(argv: readonly string[]): EmulateOptions {
  const { values, switches, files } = sortArguments<keyof typeof GRAMMAR.flags, (typeof GRAMMAR.switches)[number]>(
    argv,
    GRAMMAR,
  );
  const [stranger] = files;
  if (stranger !== undefined) throw new BadInput(`"${printable(stranger)}" belongs to no option: see --help`);
  for (const flag of ["--port", "--wifi", "--offer", "--state"] as const) {
    if (values.get(flag) === "") throw new BadInput(`${flag} needs a value: see --help`);
  }
  const outlet = outletOf(values.get("--port"), values.get("--tcp"), switches.has("--pty"));
  const anyBaud = switches.has("--any-baud");
  if (anyBaud && outlet.kind !== "pty")
    throw new BadInput(`--any-baud is for a pseudo-terminal, not for --${outlet.kind}`);
  return {
    outlet,
    baud: numberOf("--baud", values.get("--baud"), BAUD_MIN, BAUD_MAX),
    anyBaud,
    wifi: homeOf(values.get("--wifi") ?? WIFI_DEFAULT),
    cloud: cloudOf(values.get("--cloud") ?? "native"),
    poll: pollOf(values.get("--poll")),
    offer: values.get("--offer"),
    state: values.get("--state"),
    trace: values.get("--trace"),
    json: switches.has("--json"),
    help: switches.has("--help"),
  };
}

function outletOf(port: string | undefined, tcp: string | undefined, isPty: boolean): Outlet {
  const wanted = [isPty && "--pty", port !== undefined && "--port", tcp !== undefined && "--tcp"].filter(Boolean);
  if (wanted.length > 1) throw new BadInput(`the UART comes out at one place: choose ${wanted.join(" or ")}`);
  if (port !== undefined) return { kind: "port", path: port };
  return tcp === undefined ? { kind: "pty" } : tcpOf(tcp);
}

function homeOf(text: string): HomeNetwork {
  const at = text.indexOf(":");
  return at < 0 ? { ssid: text, password: undefined } : { ssid: text.slice(0, at), password: text.slice(at + 1) };
}

function cloudOf(name: string): CloudProtocol {
  if (name === "native" || name === "mqtt") return name;
  throw new BadInput(`--cloud "${printable(name)}" is unknown: use native or mqtt`);
}

function pollOf(url: string | undefined): string | undefined {
  if (url === undefined || typeof parseUrl(url) !== "string") return url;
  throw new BadInput(`--poll "${printable(url)}" is no URL: give one like http://192.168.1.2:8000/pump.json`);
}

/** An IPv6 address stands in brackets. */
function tcpOf(text: string): Outlet {
  const parts = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:]+)):(?<port>\d{1,5})$/.exec(text)?.groups;
  const host = parts?.bracketed ?? parts?.plain;
  const port = Number(parts?.port);
  if (host === undefined || !(port <= TCP_PORT_MAX)) {
    throw new BadInput(`--tcp "${printable(text)}" is no address and port: give one like 127.0.0.1:4000`);
  }
  return { kind: "tcp", host, port };
}
