/** The emulator online: at an MQTT broker of this computer, and with a file on a web server of it. */

import { connect, type Socket } from "node:net";
import { assert } from "chai";
import { Emulator, type EmulatorEvent, type EmulatorOptions } from "../../host/emulator/emulator.js";
import { SwitchableNetwork } from "../../host/emulator/switchable-network.js";
import { TcpLine } from "../../host/emulator/tcp-line.js";
import { CertificateAuthority } from "../../host/node/certificates.js";
import { NodeFileServer } from "../../host/node/file-server.js";
import { NodeMqttBroker } from "../../host/node/mqtt-broker.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import { makeFirmware } from "../../host/peers/firmware.js";
import { NEW_FIRMWARE } from "../../host/peers/workbench.js";
import { asciiBytes } from "../../host/sim/ascii.js";
import { SimStorage } from "../../host/sim/storage.js";
import { INTERVAL_MS_MIN } from "../../src/cloud/update-poll.js";
import type { NcpNews } from "../../src/ncp.js";
import { Client } from "./emulator-bench.js";

const TOKEN = "0123456789abcdefghijklmnopqrstuv";
const WIFI = Object.freeze({ ssid: "home", password: "password" });
const TEMPLATE = Object.freeze({ templateId: "TMPL0123456789", templateName: "Pump" });
const LOOK_MS = 10;

/** An emulator in this process, and a client at its UART. */
class Running {
  readonly events: EmulatorEvent[] = [];
  readonly clock = new PacedClock();
  readonly client: Client;
  readonly #emulator: Emulator;
  readonly #socket: Socket;
  readonly #life: Promise<void>;

  private constructor(line: TcpLine, options: Pick<EmulatorOptions, "cloud" | "poll">, trust: readonly string[]) {
    const { clock } = this;
    this.#emulator = new Emulator({
      ...options,
      clock,
      network: new SwitchableNetwork({ clock, trust }),
      line,
      storage: new SimStorage(),
      wifi: WIFI,
      anyBaud: false,
      seed: 1,
      onEvent: (event) => this.events.push(event),
    });
    const [host = "", port = ""] = line.address.tcp.split(":");
    this.#socket = connect(Number(port), host).setNoDelay();
    this.client = new Client((bytes) => void this.#socket.write(bytes));
    this.#socket.on("data", (bytes) => this.client.take(new Uint8Array(bytes)));
    this.#life = this.#emulator.run();
  }

  static async start(options: Pick<EmulatorOptions, "cloud" | "poll">, trust: readonly string[] = []) {
    return new Running(await TcpLine.open("127.0.0.1", 0), options, trust);
  }

  /** Nothing happens on the line meanwhile. */
  leap(ms: number): void {
    this.clock.arrive(() => this.clock.advance(ms));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  news(kind: NcpNews["kind"]): Promise<void> {
    return this.until(() => this.events.some((event) => "news" in event && event.news.kind === kind));
  }

  state(name: string): Promise<void> {
    return this.until(() => this.events.some((event) => "state" in event && event.state === name));
  }

  async end(): Promise<void> {
    this.#socket.destroy();
    this.#emulator.stop();
    await this.#life;
  }
}

describe("The emulator, online", () => {
  const ends: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function start(...args: Parameters<typeof Running.start>): Promise<Running> {
    const running = await Running.start(...args);
    ends.push(() => running.end());
    return running;
  }

  it("logs in at the MQTT broker that the MCU names", async () => {
    const authority = new CertificateAuthority("Desk CA");
    const broker = await NodeMqttBroker.listen({ tokens: [TOKEN] }, { identity: authority.issue("localhost") });
    ends.push(() => broker.close());
    const running = await start({ cloud: "mqtt" }, [authority.certificate]);
    const { client } = running;
    await client.ask("ferry.setNetwork", WIFI);
    await client.ask("ferry.setCloud", { host: "localhost", port: broker.port, token: TOKEN });
    await client.ask("blynk.initialize", TEMPLATE);
    await running.until(() => broker.heard("info/mcu").length > 0);
    await client.ask("blynk.virtualWrite", { vpin: 5, value: asciiBytes("21.5") });
    await running.until(() => broker.heard("ds/V5").length > 0);
    assert.deepEqual(broker.heard("ds/V5"), ["21.5"]);
  });

  it("joins by itself and offers what a polled file names, without a cloud", async () => {
    const image = makeFirmware(4_096, NEW_FIRMWARE);
    const file = { url: "pump.bin", size: image.length, type: NEW_FIRMWARE.type, ver: NEW_FIRMWARE.version };
    const server = await NodeFileServer.listen({
      files: { "/pump.json": { bytes: asciiBytes(JSON.stringify(file)) }, "/pump.bin": { bytes: image } },
    });
    ends.push(() => server.close());
    const running = await start({ cloud: "native", poll: server.url("/pump.json") });
    await running.client.ask("blynk.initialize", TEMPLATE);
    await running.state("CONNECTED");
    running.leap(INTERVAL_MS_MIN);
    await running.news("phase");
    assert.equal(server.requests[0]?.path, "/pump.json");
  });
});
