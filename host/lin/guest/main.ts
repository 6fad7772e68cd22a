/** Guest code: does what its host wants, and ends. */

import "./prelude.js";
import "../../xs/guest/globals.js";
import { exit } from "engine";
import type { GuestPlan } from "../suites-protocol.js";
import { askHost } from "./host.js";
import { runRequest } from "./request.js";
import { runContractSuites } from "./suites.js";

const plan = askHost({ kind: "plan" }) as GuestPlan;
if (plan.program === "suites") runContractSuites(plan.grep);
else askHost({ kind: "report", report: runRequest(plan.request) });
exit(0);
