/**
 * Eclipse Mosquitto, the broker that most people run: a process of its own on this computer, made for one test, with
 * passwords and, given an identity, TLS. What goes through it is watched, and spoken, by a client that is not Ferry's.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { LOOPBACK } from "./file-server.js";
import type { Identity } from "./tls.js";

const PROGRAM = "mosquitto";
const PASSWORD_PROGRAM = "mosquitto_passwd";
/** Debian keeps servers where the search path of ordinary people does not lead. */
const SERVER_FOLDERS: readonly string[] = Object.freeze(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"]);
const START_MS = 10_000;
const WATCHER = Object.freeze({ user: "watcher", password: "sees everything" });

/** Where mosquitto is on this computer; `undefined` where it is not installed. */
export function findMosquitto(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SERVER_FOLDERS];
  return folders.map((folder) => join(folder, PROGRAM)).find((path) => existsSync(path));
}

export interface MosquittoOptions {
  /** Who may log in, besides the watcher. */
  readonly user: string;
  readonly password: string;
  /** Who the broker is: it speaks TLS then, and nothing else. */
  readonly identity?: Identity;
}

export class Mosquitto {
  readonly port: number;
  readonly messages: { readonly topic: string; readonly payload: Uint8Array }[] = [];
  /** What it has to say of itself. */
  log = "";
  readonly #folder: string;
  readonly #process: ChildProcess;
  #watcher: MqttClient | undefined;

  private constructor(port: number, folder: string, child: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#process = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
  }

  /** Throws, with what mosquitto said, when it does not start. */
  static async start(program: string, options: MosquittoOptions): Promise<Mosquitto> {
    const folder = mkdtempSync(join(tmpdir(), "ferry-mosquitto-"));
    const port = await findFreePort();
    const config = join(folder, "mosquitto.conf");
    writeFileSync(config, configure(folder, port, options));
    const child = spawn(program, ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
    const broker = new Mosquitto(port, folder, child);
    try {
      await broker.#whenRunning();
      await broker.#watch(options);
    } catch (error) {
      await broker.close();
      throw error;
    }
    return broker;
  }

  heard(topic: string): string[] {
    return this.messages.filter((message) => message.topic === topic).map(({ payload }) => payload.toString());
  }

  publish(topic: string, payload: string | Uint8Array, { qos = 0 }: { readonly qos?: 0 | 1 } = {}): void {
    this.#watcher?.publish(topic, typeof payload === "string" ? payload : Buffer.from(payload), { qos });
  }

  async close(): Promise<void> {
    this.#watcher?.end(true);
    if (this.#process.exitCode === null && this.#process.kill()) await once(this.#process, "exit");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #whenRunning(): Promise<void> {
    const giveUp = AbortSignal.timeout(START_MS);
    while (!/ running\n/.test(this.log)) {
      if (this.#process.exitCode !== null) throw new Error(`mosquitto ended: ${this.log}`);
      if (!this.#process.stderr) throw new Error("mosquitto has no output");
      await once(this.#process.stderr, "data", { signal: giveUp });
    }
  }

  async #watch({ identity }: MosquittoOptions): Promise<void> {
    const watcher = await connectAsync({
      host: LOOPBACK,
      port: this.port,
      protocol: identity ? "mqtts" : "mqtt",
      username: WATCHER.user,
      password: WATCHER.password,
      reconnectPeriod: 0,
      // Whether the certificate is any good is what the devices are asked.
      rejectUnauthorized: false,
    });
    this.#watcher = watcher;
    watcher.on("error", () => {}); // the broker may be closed under it
    watcher.on("message", (topic, payload) => this.messages.push({ topic, payload }));
    await watcher.subscribeAsync("#", { qos: 1 });
  }
}

function configure(folder: string, port: number, { user, password, identity }: MosquittoOptions): string {
  const passwords = join(folder, "passwords");
  writeFileSync(passwords, "", { mode: 0o600 });
  for (const known of [{ user, password }, WATCHER]) {
    const { status, stderr } = spawnSync(PASSWORD_PROGRAM, ["-b", passwords, known.user, known.password]);
    if (status !== 0) throw new Error(`${PASSWORD_PROGRAM} failed: ${stderr}`);
  }
  const lines = [
    `listener ${port} ${LOOPBACK}`,
    `user ${userInfo().username}`,
    "allow_anonymous false",
    `password_file ${passwords}`,
    "persistence false",
    "log_dest stderr",
  ];
  if (identity) {
    writeFileSync(join(folder, "cert.pem"), identity.cert);
    writeFileSync(join(folder, "key.pem"), identity.key, { mode: 0o600 });
    lines.push(`certfile ${join(folder, "cert.pem")}`, `keyfile ${join(folder, "key.pem")}`);
  }
  return `${lines.join("\n")}\n`;
}

function findFreePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
