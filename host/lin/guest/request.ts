/** Guest code: one HTTP request, and what comes of it. */

import { longestTurn, now, pass } from "engine";
import type { RequestPlan, RequestReport } from "../suites-protocol.js";
import { bareClient } from "./bare-client.js";
import { ferryClient, HOST } from "./clients.js";
import { readHeap } from "./heap.js";

const STEP_MS = 10;

export function runRequest(plan: RequestPlan): RequestReport {
  const startedUs = now();
  const log: string[] = [];
  let answeredUs: number | undefined;
  let isOver = false;
  const note = (what: string) => {
    answeredUs ??= now();
    log.push(what);
  };
  const { Client, options } = plan.client === "ferry" ? ferryClient(plan.authority) : bareClient();
  const before = readHeap(true);
  const heap = { slots: 0, chunkBytes: 0 };
  longestTurn();
  const client = new Client({
    ...options,
    host: HOST,
    port: plan.port,
    onError: (cause) => {
      note(`lost${cause instanceof Error && cause.message ? `: ${cause.message}` : ""}`);
      isOver = true;
    },
  });
  const request = client.request({
    path: "/",
    onHeaders: (status) => note(String(status)),
    onReadable: (count) => note(`read ${request.read(new Uint8Array(count))}`),
    onDone: (error) => {
      note(error ? "failed" : "done");
      isOver = true;
    },
  });
  for (let passedMs = 0; passedMs < plan.atMostMs && !(isOver && passedMs >= plan.atLeastMs); passedMs += STEP_MS) {
    pass(STEP_MS);
    const { slots, chunkBytes } = readHeap(false);
    heap.slots = Math.max(heap.slots, slots - before.slots);
    heap.chunkBytes = Math.max(heap.chunkBytes, chunkBytes - before.chunkBytes);
  }
  client.close();
  return { log, longestTurnUs: longestTurn(), answeredMs: ((answeredUs ?? now()) - startedUs) / 1000, heap };
}
