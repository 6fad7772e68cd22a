/** The demo on Node: virtual time for the device, a real HTTP or HTTPS server on loopback, real sockets in between. */

import { NodeDigest } from "../../node/digest.js";
import { LOOPBACK, NodeFileServer } from "../../node/file-server.js";
import { NodeNetwork } from "../../node/network.js";
import { PacedClock } from "../../node/paced-clock.js";
import type { Identity } from "../../node/tls.js";
import type { Oddities } from "../../peers/file-response.js";
import type { DemoListener, DemoRun } from "./engine.js";
import { type Preparation, planFor } from "./preparation.js";
import { DemoScenario, serverBehavior, VERDICT_LIMIT_MS } from "./scenario.js";

/** `oddities` make the server misbehave. */
export async function runOnNode(
  preparation: Preparation,
  listener: DemoListener,
  oddities: Oddities = {},
): Promise<DemoRun> {
  const { path, image, options } = preparation;
  const behavior = serverBehavior(path, image, planFor(preparation, path));
  const { identity, trust } = options.https ? await makeTrust() : {};
  const server = await NodeFileServer.listen({ ...behavior, ...oddities }, identity ? { identity } : {});
  const network = new NodeNetwork({ clock: new PacedClock(), trust: trust ?? [] });
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
    const { outcome, received } = scenario;
    return { outcome, received, requests: server.requests.length, fired: server.fired };
  } finally {
    network.dropConnections();
    await server.close();
  }
}

/** An authority that nobody knew before, and a server that it vouches for. */
async function makeTrust(): Promise<{ identity: Identity; trust: string[] }> {
  const { CertificateAuthority } = await import("../../node/certificates.js");
  const authority = new CertificateAuthority("Ferry's demo");
  return { identity: authority.issue(LOOPBACK), trust: [authority.certificate] };
}
