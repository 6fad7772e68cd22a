/** Guest code: the contract suites of the ports, on the SDK's own modules. */

import { Digest } from "crypt";
import { pass } from "engine";
import Time from "time";
import Timer from "timer";
import { describeClockContract, describeLateTimers } from "../../../host-tests/ports/contracts/clock.js";
import { describeDigestContract } from "../../../host-tests/ports/contracts/digest.js";
import { describeFilesContract } from "../../../host-tests/ports/contracts/files.js";
import { describeHttpClientContract } from "../../../host-tests/ports/contracts/http-client.js";
import { describeMqttClientContract } from "../../../host-tests/ports/contracts/mqtt-client.js";
import { describeSerialContract } from "../../../host-tests/ports/contracts/serial.js";
import { SdkClock } from "../../../src/device/clock.js";
import type { DigestClass } from "../../../src/ports.js";
import { runSuites } from "../../xs/guest/suite-runner.js";
import { bareClient } from "./bare-client.js";
import { ferryClient, ferryMqttClient } from "./clients.js";
import { clientFixture, emptyRoot, makeSerialFixtures } from "./fixtures.js";

/** Real time: a busy computer is late. */
const PRECISION = Object.freeze({ unitMs: 20, latenessMs: 200 });
/** Timers are so late by design: SdkClock adds the tick under way. */
const ROUNDING_MS = 4;

export function runContractSuites(grep: string): void {
  const makeClock = () => ({
    clock: new SdkClock(Time, Timer),
    pass: (durationMs: number) => pass(durationMs + ROUNDING_MS),
    hold: Timer.delay,
  });
  describeFilesContract("The SDK's LittleFS", emptyRoot);
  describeDigestContract("The SDK's Digest", Digest as unknown as DigestClass);
  describeClockContract("The SDK's Timer", makeClock, PRECISION);
  describeLateTimers("The SDK's Timer", makeClock, PRECISION);
  describeSerialContract("The SDK's Serial on a pseudo-terminal", makeSerialFixtures());
  describeHttpClientContract("Ferry's HTTP client on the SDK's TCP", () => clientFixture(ferryClient, false));
  describeHttpClientContract("Ferry's HTTP client on its own TLS", () => clientFixture(ferryClient, true));
  describeHttpClientContract("The SDK's own HTTP client", () => clientFixture(bareClient, false));
  describeMqttClientContract("Ferry's MQTT client on the SDK's TCP", () => clientFixture(ferryMqttClient, false));
  describeMqttClientContract("Ferry's MQTT client on its own TLS", () => clientFixture(ferryMqttClient, true));
  runSuites(new RegExp(grep));
}
