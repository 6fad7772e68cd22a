/** Single requests of HTTP clients in the headless Linux build, to servers that answer as a script says. */

import { setTimeout as sleep } from "node:timers/promises";
import type { TlsOptions } from "node:tls";
import { BareServer, makeSlowWay } from "./bare-servers.js";
import { type LinEnd, LinMachine } from "./machine.js";
import type { FixtureRequest, GuestPlan, RequestPlan, RequestReport } from "./suites-protocol.js";

const PAUSE_MS = 150;

/** When its first bytes have come; "slow": a good server, whose bytes come a few at a time. */
export type Misconduct = "hangs up" | "resets" | "is silent" | "slow";

export interface Scenario {
  readonly client: RequestPlan["client"];
  /** What the server sends, with pauses in between; nothing more follows. */
  readonly pieces: readonly string[];
  /** The client speaks TLS and believes this authority, in PEM or DER; the server does too, unless it has no options. */
  readonly tls?: { readonly server?: TlsOptions; readonly authority: string | Uint8Array };
  readonly misconduct?: Misconduct;
  /** The request gets so long. */
  readonly limitMs?: number;
}

export interface Outcome {
  /** Absent when the engine gave up: on the chip, a restart. */
  readonly report: RequestReport | undefined;
  readonly end: LinEnd;
}

export async function runRequest(program: string, scenario: Scenario): Promise<Outcome> {
  const { client, pieces, tls, misconduct, limitMs = 3_000 } = scenario;
  const authority = tls && Buffer.from(tls.authority).toString("hex");
  const script = async () => {
    if (misconduct === "resets") return server.reset();
    if (misconduct === "hangs up") return server.hangUp();
    if (misconduct === "is silent") return;
    for (const piece of pieces) {
      server.reply(piece);
      await sleep(PAUSE_MS);
    }
  };
  const server = await BareServer.start(tls?.server, () => void script());
  const slowWay = misconduct === "slow" ? await makeSlowWay(server.port) : undefined;
  const request: RequestPlan = {
    client,
    port: slowWay?.port ?? server.port,
    ...(authority === undefined ? {} : { authority }),
    atLeastMs: (pieces.length + 2) * PAUSE_MS,
    atMostMs: limitMs,
  };
  let report: RequestReport | undefined;
  const machine = new LinMachine({
    program,
    onAsk: (text) => {
      const asked: FixtureRequest = JSON.parse(text);
      if (asked.kind === "report") report = asked.report;
      return asked.kind === "plan" ? JSON.stringify({ program: "request", request } satisfies GuestPlan) : "";
    },
  });
  const end = await machine.ended;
  slowWay?.close();
  server.close();
  return { report, end };
}
