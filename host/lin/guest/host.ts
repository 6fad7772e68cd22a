/** Guest code: questions to the host program. */

import { callHost } from "../../xs/guest/call-host.js";
import type { FixtureRequest } from "../suites-protocol.js";

/** The answer is JSON, or nothing. */
export function askHost(request: FixtureRequest): unknown {
  const answer = callHost(JSON.stringify(request));
  return answer === "" ? undefined : JSON.parse(answer);
}
