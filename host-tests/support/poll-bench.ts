/** An update poll on a simulated device, with a vendor's server on its network. */

import type { FileServerBehavior } from "../../host/peers/file-response.js";
import { FileServer } from "../../host/peers/file-server.js";
import { asciiBytes } from "../../host/sim/ascii.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { Network } from "../../host/sim/network.js";
import { Random } from "../../host/sim/random.js";
import { makeSocketClass } from "../../host/sim/socket.js";
import { POLL_MS, UpdatePoll, type UpdatePollOptions } from "../../src/cloud/update-poll.js";
import { makeHttpClientClass } from "../../src/download/http-client.js";
import type { Offer } from "../../src/image/offer.js";

export const HOST = "updates.example";
export const PATH = "/pump/latest.json";
export const URL = `https://${HOST}${PATH}`;
export const INTERVAL_MS = 3_600_000;
export const DIGEST = "ab".repeat(32);
export const FILE = {
  url: "fw-2.1.0.bin",
  size: 412_672,
  type: "pump",
  ver: "2.1.0",
  build: "b",
  sha256: DIGEST,
  target: "mcu",
};
export const OFFER: Offer = {
  url: `https://${HOST}:443/pump/fw-2.1.0.bin`,
  sizeBytes: 412_672,
  type: "pump",
  version: "2.1.0",
  build: "b",
  sha256: DIGEST,
  target: "mcu",
};

export function jsonFile(content: unknown, tag = "one") {
  return { bytes: asciiBytes(typeof content === "string" ? content : JSON.stringify(content)), tag };
}

export function makePollBench(server: Partial<FileServerBehavior> = {}, options: Partial<UpdatePollOptions> = {}) {
  const clock = new VirtualClock();
  const network = new Network(clock);
  const cpu = new SimCpu(clock);
  const fileServer = new FileServer(clock, { files: { [PATH]: jsonFile(FILE) }, ...server });
  for (const port of [80, 443]) network.listen(HOST, port, fileServer.accept);
  const deviceClock = new DeviceClock(clock, cpu);
  const way = (secure: boolean) => {
    const socket = { io: makeSocketClass({ network, cpu, life: { assertAlive() {} } }, { secure }) };
    return { io: makeHttpClientClass({ clock: deviceClock, socket }) };
  };
  const offers: Offer[] = [];
  const random = new Random(1);
  const poll = new UpdatePoll({
    clock: deviceClock,
    random: () => random.next(),
    http: way(false),
    https: way(true),
    url: URL,
    intervalMs: INTERVAL_MS,
    isInstalled: () => false,
    onOffer: (offer) => offers.push(offer),
    ...options,
  });
  const serve = (content: unknown, tag: string) => {
    fileServer.behavior = { ...fileServer.behavior, files: { [PATH]: jsonFile(content, tag) } };
  };
  /** Until the next poll is over. */
  const pass = () => {
    const before = poll.counters.polls;
    clock.runUntil(() => poll.counters.polls > before, 2 * INTERVAL_MS, "a poll");
    clock.advance(POLL_MS);
  };
  return { clock, network, fileServer, poll, offers, serve, pass };
}
