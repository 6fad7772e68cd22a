#!/usr/bin/env node
/**
 * The `ferry` command: makes the machine ready, then runs the command line of host/cli/ferry.ts, from whatever folder.
 * Like setup.mjs it parses on old releases of Node, so that they get to say what is missing.
 */

import "../scripts/setup.mjs";

process.argv.splice(2, 0, "host/cli/ferry.ts");
// Not before setup is through: this needs packages.
import("../scripts/run.mjs");
