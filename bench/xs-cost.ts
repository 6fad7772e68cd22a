/** What serving costs the engine, in its own steps: they repeat to the step, whatever else the computer does. */

import { bundleForXs } from "../host/xs/bundle.js";
import { XsMachine } from "../host/xs/machine.js";

const CHUNK_BYTES = 1024;
const CHUNKS = 64;
/** RESULTs over which the turnaround is averaged: a few of them carry a byte that is escaped. */
const TURNAROUNDS = 64;

export interface XsCost {
  /** From reading the staged image to the last byte in the UART, and the RESULT back; TypeScript wire. */
  readonly stepsPerServedByte: number;
  /** The same with CRC and escaping taken out, as the native wire takes them. */
  readonly stepsPerServedByteNativeWire: number;
  /** From a RESULT's arrival to the hand-over of the next frame: the whole RESULT is counted, not only its last byte. */
  readonly turnaroundSteps: number;
  /** With the native wire the next frame leaves at its cue, before the engine hears of the RESULT: not a step. */
  readonly turnaroundStepsNativeWire: number;
  /** What the engine does with a RESULT when it hears of it, while the next frame is on its way. */
  readonly resultStepsNativeWire: number;
  /** Unescaping and checking a received frame, per byte on the wire. */
  readonly stepsPerReceivedByte: number;
}

export async function measureXsCost(): Promise<XsCost> {
  let reported = "";
  const machine = await XsMachine.start({
    onCommand: (text) => {
      reported = text;
      return "";
    },
  });
  try {
    await machine.evaluate((await bundleForXs({ path: "bench/guest/cost.ts" })).source);
    const steps = async (script: string) => (await machine.evaluate(script)).compute;
    const overhead = await steps("void 0");
    const served = async (native: boolean) => {
      await machine.evaluate(`globalThis.rig = servingRig(${CHUNKS + 2}, ${native})`);
      return ((await steps(`rig.serve(${CHUNKS})`)) - overhead) / (CHUNKS * CHUNK_BYTES);
    };
    /** Of a rig's method, over what the method itself takes; on average over many RESULTs. */
    const perResult = async (native: boolean, method: "turnAround" | "answer") => {
      const makeRig = (chunk: number) =>
        machine.evaluate(
          `globalThis.rig = servingRig(${TURNAROUNDS + 2}, ${native}); rig.serve(${chunk}); rig.sendOut()`,
        );
      await makeRig(1);
      await machine.evaluate("rig.stubOut()");
      const harness = await steps(`rig.${method}()`);
      let sum = 0;
      for (let chunk = 1; chunk <= TURNAROUNDS; chunk++) {
        await makeRig(chunk);
        sum += (await steps(`rig.${method}()`)) - harness;
      }
      return Math.round(sum / TURNAROUNDS);
    };
    const turnaround = (native: boolean) => perResult(native, "turnAround");
    await machine.evaluate("globalThis.receiver = receivingRig()");
    await machine.evaluate("report(String(receiver.bytes))");
    const receivedBytes = CHUNKS * Number(reported);
    const received = (await steps(`for (let i = 0; i < ${CHUNKS}; i++) receiver.receive()`)) - overhead;
    return {
      stepsPerServedByte: await served(false),
      stepsPerServedByteNativeWire: await served(true),
      turnaroundSteps: await turnaround(false),
      turnaroundStepsNativeWire: await turnaround(true),
      resultStepsNativeWire: await perResult(true, "answer"),
      stepsPerReceivedByte: received / receivedBytes,
    };
  } finally {
    machine.close();
  }
}
