/** The wire in TypeScript, on every engine. The one in C: node/native-wire.test.ts. */

import { SerialWire } from "../src/frame/wire.js";
import { describeWireContract } from "./ports/contracts/wire.js";

describeWireContract("The wire in TypeScript", SerialWire);
