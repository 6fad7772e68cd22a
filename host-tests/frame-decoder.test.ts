/** Frames in TypeScript, on every engine. Those in C: node/native-wire.test.ts. */

import { describeFrameContract } from "./ports/contracts/frames.js";
import { codecInTypeScript } from "./support/frame-codec.js";

describeFrameContract("Frames in TypeScript", codecInTypeScript);
