/** The demo on a real XS engine: one script with device, MCU, network and server in it, in virtual time throughout. */

import { fromHex, toHex } from "../../../src/base/hex.js";
import { bundleForXs } from "../../xs/bundle.js";
import { type DemoRequest, PIECE_BYTES } from "../../xs/guest/demo-protocol.js";
import { XsError, XsMachine } from "../../xs/machine.js";
import type { DemoListener, DemoRun } from "./engine.js";
import { type Preparation, planFor } from "./preparation.js";

const GUEST = "host/xs/guest/demo.ts";
/** A name that only the simulated network knows. */
const SERVER = "files.example";

export async function runOnXs(preparation: Preparation, listener: DemoListener): Promise<DemoRun> {
  const url = `${preparation.options.https ? "https" : "http"}://${SERVER}${preparation.path}`;
  const host = new GuestHost(preparation, url, listener);
  const bundle = await bundleForXs({ path: GUEST });
  const machine = await XsMachine.start({ onCommand: (text) => host.answer(JSON.parse(text)) });
  try {
    listener.onServed(url);
    await machine.evaluate(bundle.source);
    await machine.evaluate("ferryDemo.load()");
    const { compute } = await machine.evaluate("ferryDemo.run()");
    await machine.evaluate("ferryDemo.handBack()");
    return { ...host.result, steps: compute };
  } catch (error) {
    if (error instanceof XsError) throw new Error(bundle.mapStack(error.message, 0));
    throw error;
  } finally {
    machine.close();
  }
}

/** This side of the engine's door. */
class GuestHost {
  readonly #preparation: Preparation;
  readonly #url: string;
  readonly #listener: DemoListener;
  readonly #received: Uint8Array[] = [];
  #outcome: Omit<DemoRun, "received"> | undefined;

  constructor(preparation: Preparation, url: string, listener: DemoListener) {
    this.#preparation = preparation;
    this.#url = url;
    this.#listener = listener;
  }

  get result(): DemoRun {
    if (!this.#outcome) throw new Error("the engine came to rest without an outcome");
    return { ...this.#outcome, received: new Uint8Array(Buffer.concat(this.#received)) };
  }

  answer(request: DemoRequest): string {
    if ("ask" in request) {
      if (request.ask === "plan") return JSON.stringify(planFor(this.#preparation, this.#url));
      return toHex(this.#preparation.image.subarray(request.offset, request.offset + PIECE_BYTES));
    }
    if (request.tell === "event") this.#listener.onEvent(request.event);
    else if (request.tell === "outcome") this.#outcome = request.run;
    else this.#received.push(fromHex(request.hex) ?? new Uint8Array(0));
    return "";
  }
}
