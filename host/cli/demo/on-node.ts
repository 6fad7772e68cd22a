/** The demo on Node: virtual time for the device, a real HTTP server on loopback, real sockets in between. */

import { NodeDigest } from "../../node/digest.js";
import { NodeFileServer } from "../../node/file-server.js";
import { NodeNetwork } from "../../node/network.js";
import { PacedClock } from "../../node/paced-clock.js";
import type { FileServerBehavior } from "../../peers/file-response.js";
import type { DemoListener, DemoRun } from "./engine.js";
import { type Preparation, planFor } from "./preparation.js";
import { DemoScenario, servedFile, VERDICT_LIMIT_MS } from "./scenario.js";

/** `oddities` make the server misbehave. */
export async function runOnNode(
  preparation: Preparation,
  listener: DemoListener,
  oddities: Partial<FileServerBehavior> = {},
): Promise<DemoRun> {
  const { path } = preparation;
  const served = servedFile(preparation.image, planFor(preparation, path).offer);
  const server = await NodeFileServer.listen({ files: { [path]: served }, ...oddities });
  const network = new NodeNetwork({ clock: new PacedClock() });
  try {
    const url = server.url(path);
    listener.onServed(url);
    const scenario = new DemoScenario({
      plan: planFor(preparation, url),
      network,
      Digest: NodeDigest,
      onEvent: (event) => listener.onEvent(event),
    });
    scenario.start();
    await network.clock.run(() => scenario.isOver, VERDICT_LIMIT_MS, "the update's end");
    return { outcome: scenario.outcome, received: scenario.received, requests: server.requests.length };
  } finally {
    network.dropConnections();
    await server.close();
  }
}
