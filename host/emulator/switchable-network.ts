/** The real network with a switch: while it is off, connections fall silent, as they do when a Wi-Fi goes away. */

import { Socket } from "node:net";
import { NodeNetwork } from "../node/network.js";
import { NodeTcpStream } from "../node/tcp-stream.js";
import type { Destination } from "../sim/network.js";
import type { StreamHandlers, TcpEndpoint } from "../sim/tcp-stream.js";

export class SwitchableNetwork extends NodeNetwork {
  #isUp = true;

  get isUp(): boolean {
    return this.#isUp;
  }

  /** The device is not told: it has to find out that nothing comes any more. */
  set isUp(isUp: boolean) {
    this.#isUp = isUp;
    if (!isUp) this.dropConnections();
  }

  override connect(destination: Destination, handlers: StreamHandlers): TcpEndpoint {
    return this.#isUp ? super.connect(destination, handlers) : new NodeTcpStream(new Socket());
  }
}
