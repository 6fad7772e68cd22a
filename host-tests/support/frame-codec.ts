/** Who writes frames and finds them: the TypeScript twin, or the C of src/native. */

import { FrameDecoder } from "../../src/frame/decoder.js";
import { encodeFrame } from "../../src/frame/encoder.js";

export type FrameDecoderShape = Pick<FrameDecoder, "push" | "reset" | "close" | "counters">;

export interface FrameCodec {
  readonly encodeFrame: typeof encodeFrame;
  readonly FrameDecoder: new (...callbacks: ConstructorParameters<typeof FrameDecoder>) => FrameDecoderShape;
}

export const codecInTypeScript: FrameCodec = { FrameDecoder, encodeFrame };
