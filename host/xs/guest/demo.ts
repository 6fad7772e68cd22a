/**
 * Guest code: the demo's whole world inside the engine, with the network and the file server simulated. Three steps,
 * each a script of its own, so that the meter of the second counts the scenario and nothing else:
 * ferryDemo.load() fetches plan and image, run() plays, handBack() returns what the MCU received.
 */

import { fromHex, toHex } from "../../../src/base/hex.js";
import { parseUrl } from "../../../src/base/url.js";
import { type DemoPlan, DemoScenario, serverBehavior, VERDICT_LIMIT_MS } from "../../cli/demo/scenario.js";
import { FileServer } from "../../peers/file-server.js";
import { VirtualClock } from "../../sim/clock.js";
import { Network } from "../../sim/network.js";
import { callHost } from "./call-host.js";
import { type DemoRequest, PIECE_BYTES } from "./demo-protocol.js";

interface World {
  readonly clock: VirtualClock;
  readonly server: FileServer;
  readonly scenario: DemoScenario;
}

function say(request: DemoRequest): string {
  return callHost(JSON.stringify(request));
}

function loadImage(sizeBytes: number): Uint8Array {
  const image = new Uint8Array(sizeBytes);
  for (let offset = 0; offset < sizeBytes; offset += PIECE_BYTES) {
    const piece = fromHex(say({ ask: "image", offset }));
    if (!piece) throw new Error(`the host's answer at byte ${offset} is no hexadecimal text`);
    image.set(piece, offset);
  }
  return image;
}

function buildWorld(): World {
  const plan: DemoPlan = JSON.parse(say({ ask: "plan" }));
  const url = parseUrl(plan.offer.url);
  if (typeof url === "string") throw new Error(`the plan's URL ${url}`);
  const image = loadImage(plan.offer.sizeBytes);
  const clock = new VirtualClock();
  const network = new Network(clock);
  const server = new FileServer(clock, serverBehavior(url.path, image, plan));
  network.listen(url.host, url.port, server.accept);
  const scenario = new DemoScenario({ plan, network, onEvent: (event) => say({ tell: "event", event }) });
  return { clock, server, scenario };
}

function makeDemo() {
  let world: World | undefined;
  const present = () => {
    if (!world) throw new Error("load() comes first");
    return world;
  };
  return {
    load(): void {
      world = buildWorld();
    },
    run(): void {
      const { clock, scenario, server } = present();
      scenario.start();
      clock.runUntil(() => scenario.isOver, VERDICT_LIMIT_MS, "the update's end");
      const { requests, fired } = server;
      say({ tell: "outcome", run: { outcome: scenario.outcome, requests: requests.length, fired } });
    },
    handBack(): void {
      const { received } = present().scenario;
      for (let offset = 0; offset < received.length; offset += PIECE_BYTES) {
        say({ tell: "received", hex: toHex(received.subarray(offset, offset + PIECE_BYTES)) });
      }
    },
  };
}

Object.assign(globalThis, { ferryDemo: makeDemo() });
