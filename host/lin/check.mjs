#!/usr/bin/env node
/** `node host/lin/check.mjs [--json]`: builds and checks the headless Linux build (check.ts). */

process.argv.splice(2, 0, "host/lin/check.ts");
import("../../scripts/run.mjs");
