/**
 * `npm run bench`: figures that repeat, in virtual time or by the XS engine's own meter. None depends on how fast or how
 * busy this computer is, except for `native`: times of one run, divided. `--json` prints one object as the last line.
 */

import { type CloudFigures, measureCloud } from "./cloud.js";
import { type DownloadCost, type DownloadFigures, measureDownloadCost, measureDownloads } from "./download.js";
import { type FlashFigures, measureFlash } from "./flash.js";
import { type FleetFigures, measureFleet } from "./fleet.js";
import { BAUDS, type LineFigures, measureLine } from "./line.js";
import { type MemoryFigures, measureMemory } from "./memory.js";
import { measureNativeLine } from "./native-line.js";
import { measurePings, PING_PHASES, type PingsFigures, type PingWire, pingChargesOf } from "./ping.js";
import { measureThroughput, type ThroughputFigures } from "./throughput.js";
import { measureXsCost, type XsCost } from "./xs-cost.js";

/** What one engine step is taken to cost on an ESP32 at 240 MHz, until somebody measures a board. */
const MS_PER_STEP = 250e-6;

interface Figures {
  readonly msPerStep: number;
  readonly xs: XsCost;
  /** The engine is charged with the turnaround only: the next frame was made while the MCU stored the last one. */
  readonly line: Readonly<Record<string, LineFigures>>;
  /** The engine is charged with making the frames, too: what the TypeScript wire would reach on the chip itself. */
  readonly lineAllWorkCharged: Readonly<Record<string, LineFigures>>;
  /** All work charged, the engine's and that of the C and the chip around it (native-line.ts): the native wire. */
  readonly lineNativeWire: Readonly<Record<string, LineFigures>>;
  /** The portable C beside its TypeScript twin. */
  readonly native: ThroughputFigures;
  readonly memory: MemoryFigures;
  readonly downloadCost: DownloadCost;
  /** By disturbance: what 1 MiB costs the network, and how long the processor is held at most. */
  readonly download: Readonly<Record<string, DownloadFigures>>;
  /** By place: what staging an image costs the flash. */
  readonly flash: Readonly<Record<string, FlashFigures>>;
  /** How often a device that cannot get online tries. */
  readonly cloud: CloudFigures;
  readonly cloudMqtt: CloudFigures;
  /** What many devices do to one cloud and one file server. */
  readonly fleet: FleetFigures;
  readonly fleetMqtt: FleetFigures;
  /** How long an MCU waits for the answer to a ping: on the chip's wire at the higher rate, and by wire and baud. */
  readonly ping: {
    readonly p99Ms: number;
    readonly maxMs: number;
    readonly typescript: Readonly<Record<string, PingsFigures>>;
    readonly native: Readonly<Record<string, PingsFigures>>;
  };
}

const PING_BAUDS = [115_200, 921_600] as const;

async function measure(progress: (text: string) => void): Promise<Figures> {
  progress("engine cost of serving and receiving");
  const xs = await measureXsCost();
  const turnaroundMs = xs.turnaroundSteps * MS_PER_STEP;
  const frameMsPerByte = xs.stepsPerServedByte * MS_PER_STEP;
  const line: Record<string, LineFigures> = {};
  const lineAllWorkCharged: Record<string, LineFigures> = {};
  const lineNativeWire: Record<string, LineFigures> = {};
  for (const baud of BAUDS) {
    progress(`1 MiB over the line at ${baud} baud`);
    line[baud] = measureLine(baud, { turnaroundMs });
    lineAllWorkCharged[baud] = measureLine(baud, { turnaroundMs, frameMsPerByte });
    lineNativeWire[baud] = measureNativeLine(baud, {
      resultMs: xs.resultStepsNativeWire * MS_PER_STEP,
      frameMsPerByte: xs.stepsPerServedByteNativeWire * MS_PER_STEP,
    });
  }
  progress("the C beside its twin");
  const native = await measureThroughput();
  progress("heap while ferrying 64 KiB and 4 MiB");
  const memory = await measureMemory();
  progress("engine cost of downloading, and 1 MiB over the network");
  const downloadCost = await measureDownloadCost();
  const download = measureDownloads(downloadCost.stepsPerDownloadedByte * MS_PER_STEP);
  progress("flash wear of staging, among the files and in the app slot");
  const flash = measureFlash();
  progress("pings while Ferry is busy");
  const pingsOver = (wire: PingWire) => {
    const charges = pingChargesOf(wire, xs, downloadCost, MS_PER_STEP);
    return Object.fromEntries(PING_BAUDS.map((baud) => [baud, measurePings({ baud, wire, charges })]));
  };
  const pings = { typescript: pingsOver("typescript"), native: pingsOver("native") };
  progress("how often a device in trouble tries, by cloud");
  const [cloud, cloudMqtt] = [measureCloud("native"), measureCloud("mqtt")];
  progress("500 devices at one cloud, by protocol");
  const [fleet, fleetMqtt] = [measureFleet("native"), measureFleet("mqtt")];
  const { p99Ms = Number.NaN, maxMs = Number.NaN } = pings.native[PING_BAUDS[1]] ?? {};
  return {
    msPerStep: MS_PER_STEP,
    xs,
    line,
    lineAllWorkCharged,
    lineNativeWire,
    native,
    memory,
    downloadCost,
    download,
    flash,
    cloud,
    cloudMqtt,
    fleet,
    fleetMqtt,
    ping: { p99Ms, maxMs, ...pings },
  };
}

function print(figures: Figures): void {
  const rows: [string, string][] = [];
  const round = (value: number, digits: number) => value.toFixed(digits);
  for (const [name, value] of Object.entries(figures.xs)) rows.push([`xs.${name}`, round(value, 2)]);
  for (const kind of ["line", "lineAllWorkCharged", "lineNativeWire"] as const) {
    for (const [baud, { share, limit, ratio }] of Object.entries(figures[kind])) {
      rows.push([`${kind}.${baud}`, `share ${round(share, 4)}  limit ${round(limit, 4)}  ratio ${round(ratio, 4)}`]);
    }
  }
  for (const [name, value] of Object.entries(figures.native)) rows.push([`native.${name}`, `${round(value, 1)} times`]);
  const { heldSlots, images, growsWithImageBySlots } = figures.memory;
  for (const [when, slots] of Object.entries(heldSlots)) rows.push([`memory.heldSlots.${when}`, String(slots)]);
  for (const [name, { growthSlots, afterwardsSlots }] of Object.entries(images)) {
    rows.push([`memory.${name}`, `growth ${growthSlots} slots while ferrying, ${afterwardsSlots} afterwards`]);
  }
  rows.push(["memory.growsWithImageBySlots", String(growsWithImageBySlots)]);
  for (const [name, value] of Object.entries(figures.downloadCost)) rows.push([`download.${name}`, round(value, 2)]);
  for (const [name, cost] of Object.entries(figures.download)) {
    const { requests, connections, fetchedPerImageByte, fetchedAgainBytes, longestTaskMs } = cost;
    rows.push([
      `download.${name}`,
      `${requests} requests on ${connections} connections, ${round(fetchedPerImageByte, 3)} bytes fetched per image byte, ${fetchedAgainBytes} again, longest task ${round(longestTaskMs, 1)} ms`,
    ]);
  }
  for (const [place, wear] of Object.entries(figures.flash)) {
    const { programmedPerImageByte, erasesPerSectorMax, erasesPerImageSector } = wear;
    rows.push([
      `flash.${place}`,
      `programmed ${round(programmedPerImageByte, 3)} per image byte, erased ${round(erasesPerImageSector, 2)} sectors per image sector, one at most ${erasesPerSectorMax} times`,
    ]);
  }
  for (const wire of ["typescript", "native"] as const) {
    for (const [baud, { phases }] of Object.entries(figures.ping[wire])) {
      for (const phase of PING_PHASES) {
        const { p99Ms, maxMs } = phases[phase];
        rows.push([`ping.${wire}.${baud}.${phase}`, `p99 ${round(p99Ms, 1)} ms  max ${round(maxMs, 1)} ms`]);
      }
    }
  }
  for (const name of ["cloud", "cloudMqtt"] as const) {
    for (const [trouble, tries] of Object.entries(figures[name].reconnectsPerHour)) {
      rows.push([`${name}.reconnectsPerHour.${trouble}`, String(tries)]);
    }
  }
  for (const name of ["fleet", "fleetMqtt"] as const) {
    for (const [what, value] of Object.entries(figures[name])) rows.push([`${name}.${what}`, String(value)]);
  }
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);
}

const options = process.argv.slice(2);
const unknown = options.find((option) => option !== "--json");
if (unknown !== undefined) {
  console.error(`bench: there is no option "${unknown}"; the only one is --json`);
  process.exitCode = 2;
} else {
  const asJson = options.includes("--json");
  const figures = await measure((text) => console.error(`measuring ${text} ...`));
  if (asJson) console.log(JSON.stringify(figures));
  else print(figures);
}
