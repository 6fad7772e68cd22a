/** Guest entry: a rig whose heap the host looks at. */

import { HeapRig } from "./heap-rig.js";

Object.assign(globalThis, { HeapRig });
