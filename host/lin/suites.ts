/** Runs the contract suites of the ports on the SDK's own modules, in the headless Linux build. */

import type { TlsOptions } from "node:tls";
import { CertificateAuthority } from "../node/certificates.js";
import type { SuiteEvent } from "../xs/guest/suite-runner.js";
import { BareServer, findFreePort, letArrive } from "./bare-servers.js";
import { LinMachine } from "./machine.js";
import type { FixtureRequest, GuestPlan, ServerFacts } from "./suites-protocol.js";

/** As guest/clients.ts knows it. */
export const HOST = "files.example";

export interface SuitesRun {
  readonly passed: number;
  /** Names, each with its reason. */
  readonly failures: readonly string[];
}

/** A server as the chip finds most of them: version 1.2. */
export function serverTls(authority: CertificateAuthority, host: string): TlsOptions {
  return { ...authority.issue(host), maxVersion: "TLSv1.2" };
}

export async function runSuitesOnLinux(program: string, grep = ""): Promise<SuitesRun> {
  const authority = new CertificateAuthority("Ferry's test authority");
  const plain = await BareServer.start();
  const secure = await BareServer.start(serverTls(authority, HOST));
  const noPort = await findFreePort();
  const run = new SuiteHost({ plain, secure, noPort, authority, grep });
  const machine = new LinMachine({
    program,
    onAsk: (text) => run.answer(JSON.parse(text)),
    onLine: (bytes) => run.heard.push(...bytes),
  });
  run.send = (bytes) => machine.send(bytes);
  try {
    const { status, output } = await machine.ended;
    if (!run.isFinished) run.failures.push(`${run.running}: the machine ended here (${status ?? "killed"}): ${output}`);
    else if (status !== 0) run.failures.push(`the end: the machine ended with ${status ?? "a signal"}: ${output}`);
  } finally {
    plain.close();
    secure.close();
  }
  return run;
}

interface SuiteHostOptions {
  readonly plain: BareServer & { readonly port: number };
  readonly secure: BareServer & { readonly port: number };
  readonly noPort: number;
  readonly authority: CertificateAuthority;
  readonly grep: string;
}

/** The far end of all fixtures. */
class SuiteHost implements SuitesRun {
  passed = 0;
  readonly failures: string[] = [];
  running = "loading the suites";
  isFinished = false;
  heard: number[] = [];
  send: (bytes: Uint8Array) => void = () => {};
  readonly #options: SuiteHostOptions;
  #server: BareServer;

  constructor(options: SuiteHostOptions) {
    this.#options = options;
    this.#server = options.plain;
  }

  async answer(request: FixtureRequest | SuiteEvent): Promise<string> {
    switch (request.kind) {
      case "started":
        this.running = request.name;
        return "";
      case "passed":
        this.passed++;
        return "";
      case "failed":
        this.failures.push(`${request.name}: ${request.message}`);
        return "";
      case "finished":
        this.isFinished = true;
        return "";
      case "plan":
        return JSON.stringify({ program: "suites", grep: this.#options.grep } satisfies GuestPlan);
      default:
        return this.#act(request);
    }
  }

  async #act(request: FixtureRequest): Promise<string> {
    switch (request.kind) {
      case "server":
        return JSON.stringify(this.#begin(request.secure));
      case "quiet":
        this.heard = [];
        return "";
      case "reply":
        this.#server.reply(request.text);
        break;
      case "hangUp":
        this.#server.hangUp();
        break;
      case "send":
        this.send(Uint8Array.from(request.bytes));
        break;
    }
    await letArrive();
    if (request.kind === "received") return JSON.stringify(this.#server.received);
    if (request.kind === "heard") return JSON.stringify(this.heard);
    if (request.kind === "movement") return JSON.stringify(`${this.#server.movement} ${this.heard.length}`);
    return "";
  }

  #begin(secure: boolean): ServerFacts {
    const { authority, noPort } = this.#options;
    const server = secure ? this.#options.secure : this.#options.plain;
    server.begin();
    this.#server = server;
    return { port: server.port, noPort, authority: Buffer.from(authority.certificateDer).toString("hex") };
  }
}
