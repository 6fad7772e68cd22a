/** Guest entry: puts the rigs where scripts find them. */

import { callHost } from "../../host/xs/guest/call-host.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { FRAME_BYTES_MAX } from "../../src/frame/layout.js";
import { noise, ServingRig } from "./rig.js";

const CHUNK_BYTES = 1024;

/** Makes a rig with its first frame on the wire. */
function servingRig(chunks: number, native: boolean): ServingRig {
  const rig = new ServingRig(chunks, CHUNK_BYTES, native);
  rig.start();
  return rig;
}

/** A frame of 1024 random bytes, and a decoder that takes it in pieces as the FIFO hands them over. */
function receivingRig(): { receive(): void; readonly bytes: number } {
  const frame = new Uint8Array(FRAME_BYTES_MAX);
  const end = encodeFrame(noise(CHUNK_BYTES), CHUNK_BYTES, frame);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < end; at += 96) pieces.push(frame.slice(at, Math.min(end, at + 96)));
  const decoder = new FrameDecoder(() => {});
  return {
    bytes: end,
    receive: () => {
      for (const piece of pieces) decoder.push(piece, piece.length);
    },
  };
}

/** Encodes 1024 random bytes, as often as one likes. */
function encodingRig(): { encode(): void } {
  const payload = noise(CHUNK_BYTES);
  const frame = new Uint8Array(FRAME_BYTES_MAX);
  return { encode: () => void encodeFrame(payload, CHUNK_BYTES, frame) };
}

Object.assign(globalThis, { servingRig, receivingRig, encodingRig, report: callHost });
