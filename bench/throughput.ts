/**
 * How much faster the portable C is than its TypeScript twin, on this computer: times of one run, divided. Node compiles
 * the twin as it runs, the XS engine does not, here or on the chip: the latter is what the C is for.
 */

import { DecoderInC, encodeFrameInC } from "../host/native/codec.js";
import { bundleForXs } from "../host/xs/bundle.js";
import { XsMachine } from "../host/xs/machine.js";
import { FrameDecoder } from "../src/frame/decoder.js";
import { encodeFrame } from "../src/frame/encoder.js";
import { FRAME_BYTES_MAX } from "../src/frame/layout.js";
import { noise } from "./guest/rig.js";

const CHUNK_BYTES = 1024;
const ROUNDS = 15;
const FRAMES_PER_ROUND = 200;

/** Time of the twin over that of the C, for the same frames. */
export interface ThroughputFigures {
  readonly encodeOverTwinOnNode: number;
  readonly decodeOverTwinOnNode: number;
  readonly encodeOverTwinOnXs: number;
  readonly decodeOverTwinOnXs: number;
}

/** Does the same work a number of times. */
type Work = (times: number) => void | Promise<void>;

export async function measureThroughput(): Promise<ThroughputFigures> {
  const payload = noise(CHUNK_BYTES);
  const frame = new Uint8Array(FRAME_BYTES_MAX);
  const end = encodeFrame(payload, CHUNK_BYTES, frame);
  const decoder = new FrameDecoder(() => {});
  const decoderInC = new DecoderInC(() => {});
  const machine = await XsMachine.start();
  try {
    await machine.evaluate((await bundleForXs({ path: "bench/guest/cost.ts" })).source);
    await machine.evaluate("globalThis.receiver = receivingRig(); globalThis.encoder = encodingRig()");
    const onXs = (script: string): Work => {
      return async (times) => void (await machine.evaluate(`for (let i = 0; i < ${times}; i++) ${script}`));
    };
    const encodeMs = await timesOf({
      c: repeat(() => encodeFrameInC(payload, CHUNK_BYTES, frame)),
      node: repeat(() => encodeFrame(payload, CHUNK_BYTES, frame)),
      xs: onXs("encoder.encode()"),
    });
    const decodeMs = await timesOf({
      c: repeat(() => decoderInC.push(frame, end)),
      node: repeat(() => decoder.push(frame, end)),
      xs: onXs("receiver.receive()"),
    });
    return {
      encodeOverTwinOnNode: encodeMs.node / encodeMs.c,
      decodeOverTwinOnNode: decodeMs.node / decodeMs.c,
      encodeOverTwinOnXs: encodeMs.xs / encodeMs.c,
      decodeOverTwinOnXs: decodeMs.xs / decodeMs.c,
    };
  } finally {
    machine.close();
  }
}

function repeat(work: () => void): Work {
  return (times) => {
    for (let i = 0; i < times; i++) work();
  };
}

/** They take turns, and the best round of each counts: what else the computer does then weighs least. */
async function timesOf<Name extends string>(works: Record<Name, Work>): Promise<Record<Name, number>> {
  const best = Object.fromEntries(Object.keys(works).map((name) => [name, Number.POSITIVE_INFINITY]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, work] of Object.entries<Work>(works)) {
      const startMs = performance.now();
      await work(FRAMES_PER_ROUND);
      best[name] = Math.min(best[name] as number, performance.now() - startMs);
    }
  }
  return best as Record<Name, number>;
}
