/** Ferry's bytes against Blynk's, on every engine. Those of the wire in C: node/native-wire.test.ts. */

import { describeVectors } from "./ports/contracts/vectors.js";
import { codecInTypeScript } from "./support/frame-codec.js";

describeVectors("Frames in TypeScript, for Blynk's", codecInTypeScript);
