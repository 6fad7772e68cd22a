/** A whole device on a desk: Ferry with radio, pins and a cloud, and the plainest MCU on its UART. */

import { FileServer } from "../../host/peers/file-server.js";
import { makeFirmware } from "../../host/peers/firmware.js";
import { NativeCloudServer } from "../../host/peers/native-cloud-server.js";
import { Air } from "../../host/sim/air.js";
import { VirtualClock } from "../../host/sim/clock.js";
import type { SimOnline } from "../../host/sim/connectivity.js";
import { SimDevice } from "../../host/sim/device.js";
import { SimPins } from "../../host/sim/gpio.js";
import { Network } from "../../host/sim/network.js";
import { UartLine } from "../../host/sim/uart.js";
import type { Ncp, NcpNews } from "../../src/ncp.js";
import { McuHost } from "./mcu-host.js";

export const TOKEN = "0123456789abcdefghijklmnopqrstuv";
export const CLOUD_HOST = "cloud.example";
export const FILE_HOST = "files.example";
export const HOME = Object.freeze({ ssid: "home", password: "correct horse" });

export class OnlineBench {
  readonly clock = new VirtualClock();
  readonly network = new Network(this.clock);
  readonly air = new Air(this.clock, this.network);
  readonly home = this.air.add({ ssid: HOME.ssid, password: HOME.password });
  readonly pins = new SimPins();
  readonly cloud = new NativeCloudServer(this.clock, { tokens: [TOKEN] });
  readonly image = makeFirmware(20_082, { type: "TMPL01", version: "2.0.0", build: "" }, 1);
  readonly files = new FileServer(this.clock, { files: { "/f.bin": { bytes: this.image } } });
  readonly uart = new UartLine(this.clock);
  readonly device: SimDevice;
  readonly mcu: McuHost;
  readonly news: NcpNews[] = [];

  constructor(online: Partial<SimOnline> = {}, seed = 1) {
    this.network.listen(CLOUD_HOST, 443, this.cloud.accept);
    this.network.listen(FILE_HOST, 80, this.files.accept);
    this.device = new SimDevice({
      clock: this.clock,
      uart: this.uart.a,
      network: this.network,
      pins: this.pins,
      seed,
      online: { air: this.air, defaultHost: CLOUD_HOST, ...online },
      onNews: (news) => this.news.push(news),
    });
    this.mcu = new McuHost(this.clock, this.uart.b);
  }

  /** Powers the device on, and waits until it listens. */
  boot(): void {
    this.device.powerOn();
    this.clock.runUntil(() => this.device.ncp !== undefined, 10_000, "Ferry's start");
    this.clock.advance(100);
  }

  get ncp(): Ncp {
    const { ncp } = this.device;
    if (!ncp) throw new Error("bench: Ferry does not run");
    return ncp;
  }

  /** Network and token by the UART, before the MCU initializes. */
  provision(token = TOKEN): void {
    const { mcu } = this;
    mcu.call("ferry.setNetwork", HOME);
    mcu.call("ferry.setCloud", { host: "", port: 0, token });
  }

  /** Boots, provisions, initializes, and waits for the cloud. */
  goOnline(): void {
    this.boot();
    this.provision();
    this.mcu.initialize();
    this.clock.runUntil(() => this.cloud.online === 1, 60_000, "the login");
    this.clock.advance(1_000);
  }

  /** An offer to the MCU, which says yes, of an image that takes longer to come than an MCU waits for it. */
  offerSlowly(): void {
    const { clock, files, image, mcu } = this;
    mcu.answers.set("client.otaUpdateAvailable", { ok: true });
    files.behavior = { ...files.behavior, slowBytesPerSecond: 20 };
    const what = { sizeBytes: image.length, type: "TMPL01", version: "2.0.0", build: "" };
    const problem = this.ncp.offer({ url: `http://${FILE_HOST}/f.bin`, ...what });
    if (problem) throw new Error(`bench: ${problem}`);
    clock.runUntil(() => mcu.told("client.otaUpdateAvailable").length === 1, 10_000, "the offer");
    clock.advance(1_000);
  }

  count(kind: NcpNews["kind"]): number {
    return this.news.filter((news) => news.kind === kind).length;
  }

  faults(): string[] {
    return this.news.flatMap((news) => (news.kind === "fault" ? [news.detail] : []));
  }
}
