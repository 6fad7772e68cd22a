/** Bundles all suites into build/tests, for running mocha by hand or under a debugger. */

import { bundleForNode, listSuites } from "./bundle.mjs";

await bundleForNode(listSuites(), "build/tests");
