/**
 * The whole update of a simulated MCU by Ferry on the SDK's own engine and modules: the image comes from a server on
 * loopback, the UART is a pseudo-terminal, time is real. The judge is outside: it compares what the MCU runs.
 */

import type { Verdict } from "../../src/update/verdict.js";
import type { CertificateAuthority } from "../node/certificates.js";
import { LOOPBACK, NodeFileServer } from "../node/file-server.js";
import { PacedClock } from "../node/paced-clock.js";
import { makeFirmware } from "../peers/firmware.js";
import { healthyMcu } from "../peers/mcu-behavior.js";
import type { McuLine } from "../peers/mcu-line.js";
import { PrimaryMcu } from "../peers/primary-mcu.js";
import type { VirtualClock } from "../sim/clock.js";
import { type LinEnd, LinMachine } from "./machine.js";
import { HOST } from "./suites.js";
import type { UpdatePlan, UpdateReport, UpdateRequest } from "./update-protocol.js";

const PATH = "/firmware.bin";
const FIRMWARE = Object.freeze({ type: "TMPL0123456789", version: "2.0.0", build: "Nov 21 2026 12:00:00" });
const BITS_PER_BYTE = 10;
const LIMIT_MS = 300_000;

export interface UpdateRunOptions {
  readonly program: string;
  readonly imageBytes: number;
  readonly sampleEveryMs?: number;
  /** The server speaks TLS, and this authority vouches for it. */
  readonly authority?: CertificateAuthority;
  /** Gets a line for each thing that happens. */
  readonly onLog?: (line: string) => void;
}

export interface UpdateRun {
  /** The MCU runs exactly the bytes that were served. */
  readonly delivered: boolean;
  readonly verdict: Verdict | undefined;
  /** What the MCU saw that Ferry must not do. */
  readonly violations: readonly string[];
  /** Absent when the machine ended before its time. */
  readonly report: UpdateReport | undefined;
  readonly end: LinEnd;
  readonly durationMs: number;
}

/** The MCU's UART at the far end of the machine's serial line, which has no speed of its own: bytes leave at the baud. */
function mcuLineTo(clock: VirtualClock, send: (bytes: Uint8Array) => void): McuLine {
  let isOpen = false;
  let baud = 0;
  let idleMs = 0;
  return {
    onBytes: () => {},
    get baud() {
      return baud;
    },
    write(bytes) {
      if (!isOpen) return;
      const copy = bytes.slice();
      idleMs = Math.max(idleMs, clock.now()) + (copy.length * BITS_PER_BYTE * 1000) / baud;
      clock.setAt(() => isOpen && send(copy), idleMs);
    },
    setBaud(newBaud) {
      isOpen = true;
      baud = newBaud;
    },
    close() {
      isOpen = false;
    },
  };
}

export async function runUpdate(options: UpdateRunOptions): Promise<UpdateRun> {
  const { program, imageBytes, sampleEveryMs, authority, onLog = () => {} } = options;
  const startedMs = performance.now();
  const image = makeFirmware(imageBytes, FIRMWARE);
  const files = { [PATH]: { bytes: image } };
  const server = await NodeFileServer.listen({ files }, authority ? { identity: authority.issue(HOST) } : {});
  const plan: UpdatePlan = {
    offer: { url: server.url(PATH).replace(LOOPBACK, HOST), sizeBytes: imageBytes, ...FIRMWARE },
    ...(authority ? { authority: Buffer.from(authority.certificateDer).toString("hex") } : {}),
    initialBaud: healthyMcu.initialBaud,
    ...(sampleEveryMs === undefined ? {} : { sampleEveryMs }),
  };
  const clock = new PacedClock();
  clock.paceWhile(() => true);
  let verdict: Verdict | undefined;
  let report: UpdateReport | undefined;
  let end: LinEnd | undefined;
  const machine = new LinMachine({
    program,
    onAsk: (text) => {
      const request: UpdateRequest = JSON.parse(text);
      if ("ask" in request) return JSON.stringify(plan);
      if (request.tell === "over") report = request.report;
      else {
        onLog(`ferry: ${JSON.stringify(request.news)}`);
        if (request.news.kind === "verdict") verdict = request.news.verdict;
      }
      return "";
    },
    onLine: (bytes) => clock.arrive(() => line.onBytes(bytes)),
  });
  const line = mcuLineTo(clock, (bytes) => machine.send(bytes));
  const mcu = new PrimaryMcu({
    clock,
    line,
    behavior: { slotBytes: Math.max(healthyMcu.slotBytes, imageBytes), prefetch: true },
    onLog: (text) => onLog(`mcu: ${text}`),
  });
  void machine.ended.then((ended) =>
    clock.arrive(() => {
      end = ended;
    }),
  );
  try {
    mcu.powerOn();
    await clock.run(() => end !== undefined, LIMIT_MS, "the end of the update");
  } finally {
    machine.close();
    await server.close();
  }
  const delivered = Buffer.from(image).equals(mcu.running.image);
  const violations = mcu.violations.map(({ kind, detail }) => `${kind}: ${detail}`);
  return {
    delivered,
    verdict,
    violations,
    report,
    end: await machine.ended,
    durationMs: performance.now() - startedMs,
  };
}
