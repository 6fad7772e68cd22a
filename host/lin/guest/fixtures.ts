/** Guest code: the SDK's modules as the contract suites want them. */

import * as files from "embedded:storage/files";
import { line, pass } from "engine";
import type { SerialFixture } from "../../../host-tests/ports/contracts/serial.js";
import type { Directory } from "../../../src/ports.js";
import type { ServerFacts } from "../suites-protocol.js";
import { type ClientKit, HOST } from "./clients.js";
import { askHost } from "./host.js";
import { makePtySerialClass } from "./pty-serial.js";

const BAUD = 115_200;
/** The SDK's TCP on Linux looks at its socket every 20 ms. */
const LOOK_MS = 45;
/** Looks that find nothing new before all counts as quiet. A TLS handshake takes several. */
const QUIET_LOOKS = 2;
const QUIET_LOOKS_SECURE = 4;

/** The SDK's LittleFS, on the RAM disk that it makes itself on a PC. */
export function emptyRoot(): Directory {
  const directory = (files as unknown as { default: Directory }).default;
  empty(directory, "");
  return directory;
}

function empty(directory: Directory, path: string): void {
  const names = directory.scan(path);
  for (let next = names.next(); !next.done; next = names.next()) {
    const entry = path === "" ? next.value : `${path}/${next.value}`;
    if (directory.status(entry).isDirectory()) empty(directory, entry);
    directory.delete(entry);
  }
}

/** What the suites of HTTP and MQTT clients want. */
export function clientFixture<Client>(makeKit: (authority?: string) => ClientKit<Client>, secure: boolean) {
  const { port, noPort, authority } = askHost({ kind: "server", secure }) as ServerFacts;
  const looks = secure ? QUIET_LOOKS_SECURE : QUIET_LOOKS;
  const { Client, options } = makeKit(secure ? authority : undefined);
  return {
    Client,
    options: { ...options, host: HOST, port },
    noHost: "nowhere.example",
    noPort,
    received: () => String(askHost({ kind: "received" })),
    reply: (text: string) => askHost({ kind: "reply", text }),
    hangUp: () => askHost({ kind: "hangUp" }),
    pass: () => settle(looks),
  };
}

/** One pseudo-terminal for all tests: the first call opens it. */
export function makeSerialFixtures(): () => SerialFixture {
  let Serial: SerialFixture["Serial"] | undefined;
  let closeAll = () => {};
  return () => {
    closeAll();
    Serial ??= makePtySerialClass(line());
    const open = new Set<{ close(): void }>();
    closeAll = () => {
      for (const port of open) port.close();
    };
    const Watched = class extends Serial {
      constructor(options: ConstructorParameters<SerialFixture["Serial"]>[0]) {
        super(options);
        open.add(this);
      }
    };
    askHost({ kind: "quiet" });
    return {
      Serial: Watched,
      baud: BAUD,
      otherBaud: 38_400,
      options: {},
      send: (bytes) => askHost({ kind: "send", bytes: [...bytes] }),
      heard: () => askHost({ kind: "heard" }) as number[],
      pass: () => settle(QUIET_LOOKS),
    };
  };
}

function settle(quietLooks: number): void {
  let before = askHost({ kind: "movement" });
  for (let looks = 0; looks < quietLooks; looks++) {
    pass(LOOK_MS);
    const now = askHost({ kind: "movement" });
    if (now !== before) looks = 0;
    before = now;
  }
}
