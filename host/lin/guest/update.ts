/**
 * Guest code: Ferry as the firmware has it, on the SDK's own modules, through one update of its MCU. Built by mcconfig
 * from src/ with the heap of the ESP32, which does not grow (host/lin/manifests.ts).
 *
 * The SDK has no key-value store, radio, pins and app slots on Linux: these are hollow, as is the cloud that Ferry logs in
 * to. The files are in RAM, the UART is a pseudo-terminal.
 */

import * as files from "embedded:storage/files";
import { Digest } from "crypt";
import { ask, exit, line, longestTurn } from "engine";
import Time from "time";
import Timer from "timer";
import { makeProduct, setUp } from "../../../bench/guest/whole-ferry.js";
import { SdkClock } from "../../../src/device/clock.js";
import { Ncp, type NcpNews } from "../../../src/ncp.js";
import type { DigestClass, Directory } from "../../../src/ports.js";
import type { UpdatePlan, UpdateRequest } from "../update-protocol.js";
import { ferryClient } from "./clients.js";
import { maximumOf, readHeap } from "./heap.js";
import { makePtySerialClass } from "./pty-serial.js";
import { makeRamKeyValue } from "./ram-key-value.js";

/** As manifest.json has the RAM disk. */
const FILES_BYTES = 2_097_152;
/** By then Ferry is online. */
const ONLINE_MS = 1_000;
/** The verdict's record is being written when its news comes. */
const LAST_WORDS_MS = 100;

const clock = new SdkClock(Time, Timer);
const plan: UpdatePlan = JSON.parse(say({ ask: "plan" }));
let refusal: string | undefined;

function say(request: UpdateRequest): string {
  return String.fromArrayBuffer(ask(ArrayBuffer.fromString(JSON.stringify(request))));
}

function sample(): void {
  heap = maximumOf(heap, readHeap(true));
}

function sampleOn(everyMs: number): void {
  sample();
  clock.set(() => sampleOn(everyMs), everyMs);
}

function end(): void {
  sample();
  say({ tell: "over", report: { ...(refusal ? { refusal } : {}), own, started, heap, longestTurnUs: longestTurn() } });
  exit(0);
}

function onNews(news: NcpNews): void {
  say({ tell: "news", news });
  if (news.kind === "initialized" && !isOffered) {
    isOffered = true;
    clock.set(() => {
      refusal = ncp.offer({ ...plan.offer, target: "mcu" });
      if (refusal !== undefined) end();
    }, ONLINE_MS);
  }
  if (news.kind === "verdict") clock.set(end, LAST_WORDS_MS);
}

let isOffered = false;
const { Client: http } = ferryClient();
const { Client: https } = ferryClient(plan.authority);
const keyValue = makeRamKeyValue();
setUp(keyValue);
const { slot, ...product } = makeProduct(clock);
const own = readHeap(true);
const ncp = new Ncp({
  ...product,
  clock,
  serial: { io: makePtySerialClass(line()) },
  initialBaud: plan.initialBaud,
  keyValue,
  storage: { root: (files as unknown as { default: Directory }).default, capacityBytes: FILES_BYTES, slot },
  network: { http: { io: http }, ...(plan.authority === undefined ? {} : { https: { io: https } }) },
  Digest: Digest as unknown as DigestClass,
  system: { restart: () => exit(1) },
  random: Math.random,
  onNews,
});
const started = readHeap(true);
let heap = started;
if (plan.sampleEveryMs !== undefined) sampleOn(plan.sampleEveryMs);
longestTurn();
