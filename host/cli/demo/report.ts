/** The demo as people see it: what is used, what happens, and what came of it. Without a screen it says nothing. */

import type { Verdict } from "../../../src/update/verdict.js";
import { crcText, failureText, newsText } from "../news-text.js";
import { renderPartitionMap } from "../partition-map.js";
import type { DemoListener, DemoRun } from "./engine.js";
import type { CutPlace, DemoEvent, PlainNews } from "./events.js";
import { RECEIVED_FILE, SUMMARY_FILE } from "./options.js";
import { PARTITIONS_FILE, type Preparation } from "./preparation.js";
import { Progress } from "./progress.js";
import type { Screen } from "./screen.js";
import type { NetworkFaults, Summary } from "./summary.js";

const TLS_TEXT = {
  node: "real, by a certificate authority that was made for this run",
  xs: "simulated: its time, no cryptography",
} as const;

const CLOUD_TEXT = { native: "Blynk's native protocol", mqtt: "MQTT" } as const;

export class Report implements DemoListener {
  readonly #screen: Screen;
  readonly #preparation: Preparation;
  readonly #progress: Progress;
  #atMs = 0;

  constructor(screen: Screen, preparation: Preparation) {
    this.#screen = screen;
    this.#preparation = preparation;
    this.#progress = new Progress(screen, (text) => this.#log("ferry", text));
  }

  onServed(url: string): void {
    const { facts, firmware, flashBytes, options, table } = this.#preparation;
    const place = options.engine === "xs" ? "a simulated web server" : "a web server on this computer";
    this.#screen.print(
      [
        "A cloud offers a firmware image to a device that is online, and Ferry brings it",
        `from ${place} through the device's simulated ESP32 into its MCU.`,
        "",
        `image    ${options.file ?? "made for this demo"}: ${facts.sizeBytes} bytes, ${nameOf(firmware)}`,
        `URL      ${url}`,
        `cloud    ${CLOUD_TEXT[options.cloud]}, simulated`,
        `UART     ${options.baud} baud, ${options.chunkBytes} bytes a chunk`,
        `engine   ${options.engine === "xs" ? "XS, everything in virtual time (takes a while)" : "Node, the device in virtual time"}`,
        ...(options.https ? [`TLS      ${TLS_TEXT[options.engine]}`] : []),
        ...(options.flakySeed === undefined ? [] : [`network  flaky, seed ${options.flakySeed}`]),
        ...(options.cutAfter === undefined ? [] : [`power    fails after durable operation ${options.cutAfter}`]),
        "",
        `Flash of the ESP32, by ${PARTITIONS_FILE}:`,
        "",
        renderPartitionMap(table, flashBytes),
        "Virtual time, who, what:",
      ].join("\n"),
    );
  }

  onEvent(event: DemoEvent): void {
    this.#atMs = event.atMs;
    if (event.source === "mcu" || event.source === "cloud") this.#log(event.source, event.text);
    else if (event.source === "power") this.#onPower(event.cutAt);
    else this.#onNews(event.news);
  }

  onEnd({ outcome, steps }: DemoRun, summary: Summary): void {
    const { image, mcu, download, transfer } = summary;
    const isIdentical = mcu.sha256 === image.sha256;
    const seconds = transfer.virtualMs / 1000;
    const share = (transfer.payloadShare * 100).toFixed(1);
    const row = (name: string, bytes: number, sha256: string) =>
      `${name.padEnd(9)}${`${bytes}`.padStart(8)}  ${sha256}`;
    const logins = summary.cloud.logins === 1 ? "1 login" : `${summary.cloud.logins} logins`;
    const requests = download.requests === 1 ? "1 request" : `${download.requests} requests`;
    this.#screen.print(
      [
        "",
        verdictText(outcome.verdict, mcu.version),
        "",
        `${" ".repeat(12)}bytes  SHA-256`,
        row("offered", image.bytes, image.sha256),
        row("running", mcu.bytes, mcu.sha256),
        `         ${isIdentical ? `identical, CRC-32 ${crcText(image.crc32)}` : "not what was offered"}`,
        "",
        `download ${download.bytes} bytes in ${requests}`,
        `cloud    ${logins}, told of ${summary.cloud.told.map((text) => `"${text}"`).join(", ")}`,
        `transfer ${transfer.chunks} chunks, ${transfer.resends} sent again, ${seconds.toFixed(3)} s of virtual time`,
        ...(isIdentical ? [`         ${share} % of the bits on the UART were the image's`] : []),
        ...(summary.network ? [`network  ${faultsText(summary.network)}`] : []),
        ...this.#powerLine(summary.cuts, outcome.operations),
        ...(steps === undefined ? [] : [engineLine(steps, image.bytes)]),
      ].join("\n"),
    );
  }

  onFiles(folder: string, hasImage: boolean): void {
    const image = hasImage ? `${folder}/${RECEIVED_FILE}, ` : "";
    this.#screen.print(`files    ${image}${folder}/${SUMMARY_FILE}`);
  }

  #powerLine(cuts: number, operations: number): string[] {
    const { cutAfter } = this.#preparation.options;
    if (cutAfter === undefined) return [];
    if (cuts > 0) return [`power    ${cuts === 1 ? "1 cut" : `${cuts} cuts`}, survived`];
    return [
      `power    no cut: the update took ${operations} durable operations, and --cut asked for number ${cutAfter}`,
    ];
  }

  #onPower(cutAt: CutPlace | undefined): void {
    if (!cutAt) return this.#log("power", "is back: Ferry boots");
    this.#progress.interrupt();
    this.#log("power", `FAILS right after durable operation ${cutAt.number} (${cutAt.operation})`);
  }

  #onNews(news: PlainNews): void {
    if (news.kind === "fetched") this.#progress.update("fetched", news.bytes, news.sizeBytes);
    else if (news.kind === "ferried") this.#progress.update("ferried", news.bytes, news.sizeBytes);
    else if (news.kind !== "verdict") {
      const text = newsText(news);
      if (text !== undefined) this.#log("ferry", text);
    }
  }

  #log(who: string, text: string): void {
    this.#screen.print(`${(this.#atMs / 1000).toFixed(3).padStart(10)} s  ${who.padEnd(5)}  ${text}`);
  }
}

function verdictText(verdict: Verdict, version: string): string {
  if (verdict.kind === "succeeded") {
    const proof = verdict.proof === "version" ? "it says so itself" : "it has checked the image and is back";
    return `Update succeeded: the MCU runs ${version || "the new image"}, ${proof}.`;
  }
  return `Update ${verdict.kind === "failed" ? "failed" : "rolled back"} ${failureText(verdict.failure)}`;
}

function faultsText({ cut, stalled, unavailable }: NetworkFaults): string {
  const connections = (count: number) => `${count} connection${count === 1 ? "" : "s"}`;
  return `cut ${connections(cut)}, stalled ${connections(stalled)}, answered 503 to ${unavailable === 1 ? "1 request" : `${unavailable} requests`}`;
}

function engineLine(steps: number, bytes: number): string {
  const perByte = Math.round(steps / bytes);
  return `engine   ${(steps / 1e6).toFixed(1)} M steps, ${perByte} per byte of the image (simulated peers included)`;
}

function nameOf({ type, version, build }: { type: string; version: string; build: string }): string {
  return version ? `${type} ${version}${build ? ` (${build})` : ""}` : "no Blynk tag in it";
}
