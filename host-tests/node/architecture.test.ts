import { assert } from "chai";
import { findForbiddenImports, findUnknownFolders } from "./import-rules.js";
import {
  findForbiddenSyntax,
  findForeignGlobals,
  findLongFile,
  findModuleState,
  findRegularExpressions,
  findSkippedTests,
  findUnfinished,
} from "./language-rules.js";
import { parseSources, readSources, readTexts, type Source } from "./sources.js";

type Rule = (source: Source) => string[];

/** Code that a rule must object to, and to which words. */
type Planted = readonly (readonly [path: string, text: string, objection: string])[];
/** Code that looks similar and is right. */
type Sound = readonly (readonly [path: string, text: string])[];

describe("The rules of the house", () => {
  let sources: Source[];

  before(async () => {
    sources = await readSources();
  });

  /** The rule holds in the tree, finds each planted fault, and lets the sound code pass. */
  function itHolds(promise: string, rule: Rule, planted: Planted, sound: Sound): void {
    describe(promise, () => {
      it("holds everywhere", () => {
        assert.deepEqual(sources.flatMap(rule), []);
      });

      it("objects to planted faults", async () => {
        const faulty = await parseSources(planted.map(([path, text]) => [path, text]));
        for (const [index, source] of faulty.entries()) {
          const [finding = "nothing found", ...others] = rule(source);
          assert.include(finding, planted[index]?.[2] ?? "", source.text);
          assert.include(finding, source.path);
          assert.deepEqual(others, [], source.text);
        }
      });

      it("accepts sound code that looks similar", async () => {
        for (const source of await parseSources(sound)) assert.deepEqual(rule(source), [], source.text);
      });
    });
  }

  it("are applied to the whole project", () => {
    const paths = sources.map(({ path }) => path);
    assert.includeMembers(paths, ["src/ports.ts", "host/sim/clock.ts", "host-tests/node/architecture.test.ts"]);
    assert.containsAllKeys(readTexts(), ["scripts/setup.mjs", "src/ports.ts"]);
  });

  itHolds(
    "Parts import only what they may",
    findForbiddenImports,
    [
      ["src/base/crc.ts", 'import { Frame } from "../frame/decoder.js";', "base may not import frame"],
      ["src/base/bytes.ts", 'import type { Clock } from "../ports.js";', "base imports nothing"],
      ["src/frame/decoder.ts", 'import { calls } from "../rpc/catalogue.js";', "frame may not import rpc"],
      ["src/rpc/session.ts", 'import { encodeFrame } from "../frame/encoder.js";', "rpc may not import frame"],
      ["src/store/staging.ts", 'import type { Offer } from "../download/offer.js";', "store may not import download"],
      ["src/mcu/link.ts", 'import { Staging } from "../store/staging.js";', "mcu may not import store"],
      ["src/mcu/link.ts", 'export { Staging } from "../store/staging.js";', "mcu may not import store"],
      ["src/mcu/link.ts", 'type S = import("../store/staging.js").Staging;', "mcu may not import store"],
      ["src/settings/a.ts", 'import { RecordSlot } from "../store/record-slot.js";', "settings may not import store"],
      ["src/time/a.ts", 'import { NcpEvent } from "../rpc/protocol.js";', "time may not import rpc"],
      ["src/network/a.ts", 'import { Settings } from "../settings/settings.js";', "network may not import settings"],
      ["src/lifecycle/a.ts", 'import { Station } from "../network/station.js";', "lifecycle may not import network"],
      ["src/device/wifi.ts", 'import { Wifi } from "../network/ports.js";', "use `import type`"],
      ["src/base/a.ts", 'import type { Wifi } from "../network/ports.js";', "base imports nothing"],
      ["src/mcu/link.ts", 'import { Clock } from "../ports.js";', "use `import type`"],
      ["src/mcu/link.ts", 'import { type Clock } from "../ports.js";', "use `import type`"],
      ["src/mcu/link.ts", 'import { Ncp } from "../ncp.js";', "only main.ts imports ncp.ts"],
      ["src/ports.ts", 'import type { Crc32 } from "./base/crc.js";', "ports.ts imports nothing"],
      ["src/ncp.ts", 'import { start } from "./main.js";', "nobody imports main.ts"],
      ["host/cli/emulate.ts", 'import "../../src/main.js";', "nobody imports main.ts"],
      ["src/ncp.ts", 'import { VirtualClock } from "../host/sim/clock.js";', "src imports only src"],
      ["src/ncp.ts", 'import Timer from "embedded:io/timer";', "only src/main.ts names embedded: modules"],
      ["src/device/clock.ts", 'import type S from "embedded:io/serial";', "only src/main.ts names embedded: modules"],
      ["src/device/clock.ts", 'import Timer from "timer";', "no such package"],
      ["src/native/slots.ts", 'import Timer from "timer";', "no such package"],
      ["src/device/station.ts", 'import { Ncp } from "../ncp.js";', "only main.ts imports ncp.ts"],
      ["host/node/serial.ts", 'import type S from "embedded:io/serial";', "only src/main.ts names embedded: modules"],
      ["src/store/staging.ts", 'import { buf } from "crc-32";', "no such package"],
      ["src/store/staging.ts", 'import { readFileSync } from "node:fs";', "no such package"],
      ["host/sim/clock.ts", 'import { hrtime } from "node:process";', "no such package"],
      ["host/sim/clock.ts", 'import { Socket } from "../node/socket.js";', "engine-neutral"],
      ["host/peers/mcu.ts", 'import { assert } from "chai";', "no such package"],
      ["host-tests/frame.test.ts", 'import { readFileSync } from "node:fs";', "no such package"],
      ["host-tests/frame.test.ts", 'import { XsMachine } from "../host/xs/machine.js";', "engine-neutral code only"],
      ["host-tests/frame.test.ts", 'import { readSources } from "./node/sources.js";', "engine-neutral code only"],
      ["src/frame/decoder.ts", 'import { crc8 } from "../base/crc";', "end in .js or .json"],
      ["src/frame/decoder.ts", 'import { crc8 } from "../base/crc.ts";', "end in .js or .json"],
      ["host/cli/run.ts", 'void import("../../src/main.js");', "nobody imports main.ts"],
    ],
    [
      ["src/base/crc.ts", 'import { buf } from "crc-32";'],
      ["src/device/wifi.ts", 'import type { Wifi } from "../network/ports.js";'],
      ["src/mcu/link.ts", 'import type { Clock } from "../ports.js"; import { crc32 } from "../base/crc.js";'],
      ["src/store/staging.ts", 'import { digestOf } from "../image/digest.js"; export { a } from "./records.js";'],
      ["src/ncp.ts", 'import { Link } from "./mcu/link.js"; import type { Clock } from "./ports.js";'],
      ["host/lin/guest/clients.ts", 'import TCP from "embedded:io/socket/tcp"; import Timer from "timer";'],
      ["src/main.ts", 'import { Ncp } from "./ncp.js"; import Serial from "embedded:io/serial"; import "mc/config";'],
      ["host/sim/device.ts", 'import { sha256 } from "@noble/hashes/sha2.js"; import { Ncp } from "../../src/ncp.js";'],
      ["host-tests/rpc.test.ts", 'import { assert } from "chai"; import vectors from "./vectors/blynk-rpc.json";'],
      ["host-tests/node/xs.test.ts", 'import { XsMachine } from "../../host/xs/machine.js"; import "node:fs";'],
    ],
  );

  itHolds(
    "Every folder of src is known to the import rules",
    findUnknownFolders,
    [
      ["src/misc/helpers.ts", "export const a = 1;", "no known folder"],
      ["src/helpers.ts", "export const a = 1;", "no known folder"],
    ],
    [["src/base/bytes.ts", "export const a = 1;"]],
  );

  itHolds(
    "Modules of device and simulator hold no state",
    findModuleState,
    [
      ["src/rpc/session.ts", "let sequence = 0;", "sequence is no const"],
      ["src/rpc/session.ts", "export var sequence = 0;", "sequence is no const"],
      ["src/rpc/session.ts", "const pending = new Map<number, string>();", "pending holds a mutable object"],
      ["src/rpc/session.ts", "const pending = Object.freeze(new Map());", "pending holds a mutable object"],
      ["src/rpc/session.ts", "const queue: string[] = [];", "queue is mutable"],
      ["src/rpc/session.ts", "export const counters = { sent: 0 };", "counters is mutable"],
      ["src/rpc/session.ts", "const counters = { sent: 0 } satisfies object;", "counters is mutable"],
      ["src/rpc/session.ts", "const a = 1, log = ([] as string[]);", "log is mutable"],
      ["src/rpc/session.ts", "const scratch = new Uint8Array(16);", "scratch holds a mutable object"],
      ["src/rpc/session.ts", "const table = makeTable();", "table holds what a call returned"],
      ["src/rpc/session.ts", "const WORD = /\\w+/g;", "WORD remembers its last match"],
      ["src/rpc/session.ts", "export class Session { static count = 0; }", "static count is not readonly"],
      ["src/rpc/session.ts", "class Session { static readonly all = new Set(); }", "static all holds a mutable"],
      ["host/sim/clock.ts", "let nowMs = 0;", "nowMs is no const"],
      ["host/peers/mcu.ts", "const seen: number[] = [];", "seen is mutable"],
    ],
    [
      ["src/rpc/session.ts", 'const A = 1, B = -A * 2, C = Symbol("c"), D = A > 0 ? "x" : "y", E = /x/i;'],
      ["src/rpc/session.ts", "const a = [1, 2] as const; const b = Object.freeze({ c: 1 }); const d = deepFreeze({});"],
      ["src/rpc/session.ts", "const rules: readonly string[] = []; const names: ReadonlySet<string> = new Set();"],
      ["src/rpc/session.ts", "const EMPTY = new Uint8Array(0); const f = () => { let a = []; return a; };"],
      ["src/rpc/session.ts", "function f() { let a = 1; } class S { #count = 0; static readonly MAX = 3; }"],
      ["src/base/crc.ts", "export const TABLE = makeTable();"],
      ["host/node/serial.ts", "let open = 0;"],
    ],
  );

  itHolds(
    "Engine-neutral code uses the bare language",
    findForeignGlobals,
    [
      ["src/frame/decoder.ts", "const a = Buffer.from([]);", "uses Buffer"],
      ["src/frame/decoder.ts", "process.exit();", "uses process"],
      ["src/frame/decoder.ts", "f({ process });", "uses process"],
      ["src/frame/decoder.ts", "setTimeout(() => {}, 1);", "uses setTimeout"],
      ["src/frame/decoder.ts", "console.log(1);", "uses console"],
      ["src/frame/decoder.ts", "const a = require;", "uses require"],
      ["src/frame/decoder.ts", "new TextDecoder();", "uses TextDecoder"],
      ["src/frame/decoder.ts", 'new URL("x");', "uses URL"],
      ["src/frame/decoder.ts", "function f(a: URL) {}", "uses URL"],
      ["src/frame/decoder.ts", "globalThis.a;", "uses globalThis"],
      ["host/sim/clock.ts", "f(Date.now());", "uses Date"],
      ["host/sim/clock.ts", "f(Math.random());", "uses Math.random"],
      ["host/peers/mcu.ts", "async function f() {}", "is asynchronous"],
      ["host/peers/mcu.ts", "Promise.resolve();", "uses Promise"],
      ["host-tests/frame.test.ts", "setTimeout(() => {}, 1);", "uses setTimeout"],
    ],
    [
      ["src/frame/decoder.ts", "class D { process(module: number) { this.process(module); f({ URL: 1 }).console; } }"],
      ["src/frame/decoder.ts", 'import { URL } from "../base/url.js"; new URL(1);'],
      ["src/main.ts", "f(Math.random);"],
      ["host/node/serial.ts", "setTimeout(() => {}, 1);"],
      ["host-tests/node/xs.test.ts", "async () => {};"],
    ],
  );

  itHolds(
    "Device code has no regular expressions",
    findRegularExpressions,
    [
      ["src/base/host.ts", "const LABEL = /^[a-z]+$/;", "has a regular expression: /^[a-z]+$/"],
      ["src/main.ts", 'f(text.split(/,/g), "/a/");', "has a regular expression: /,/g"],
      ["src/native/tls.ts", 'new RegExp("a");', "has a regular expression: RegExp"],
      ["src/base/host.ts", "function f(a: RegExp) {}", "has a regular expression: RegExp"],
      ["src/base/host.ts", 'text.match("a");', "has a regular expression: match"],
      ["src/base/host.ts", "f({ search: () => 1 });", "has a regular expression: search"],
      ["src/base/host.ts", 'text.search("a");', "has a regular expression: search"],
    ],
    [
      ["src/base/host.ts", 'const a = b / c / d; text.split("/a/").join(); text.replaceAll("/", ""); // /a/'],
      ["src/store/partition-csv.ts", "const NUMBER = /^[0-9]+$/;"],
      ["host/sim/clock.ts", "/a/.test(text);"],
    ],
  );

  itHolds(
    "TypeScript is strict and erasable",
    findForbiddenSyntax,
    [
      ["src/a.ts", "let a: any;", "any"],
      ["host/a.ts", "f(x as unknown as Record<string, any>);", "any"],
      ["src/a.ts", "export enum E { A }", "an enum"],
      ["src/a.ts", "const enum E { A }", "an enum"],
      ["src/a.ts", "namespace N { export const a = 1; }", "a namespace"],
      ["src/a.ts", "class A { constructor(readonly a: number) {} }", "a parameter property"],
      ["src/a.ts", "class A { @bound f() {} }", "a decorator"],
      ["src/a.ts", `// @ts-${"ignore"}\nf();`, "@ts-ignore"],
      ["src/a.ts", `/* @ts-${"nocheck"} */`, "@ts-nocheck"],
      ["host-tests/a.ts", `// @ts-${"expect-error"}\nf();`, "@ts-expect-error"],
    ],
    [["src/a.ts", 'class A { constructor(a: unknown) { f("any enum"); } }']],
  );

  itHolds(
    "Every test runs",
    findSkippedTests,
    [
      ["host-tests/a.test.ts", 'it.skip("x", () => {});', "it.skip"],
      ["host-tests/a.test.ts", 'describe.only("x", () => {});', "describe.only"],
      ["host-tests/a.test.ts", 'xit("x", () => {});', "xit"],
      ["host-tests/a.test.ts", 'it("x", function () { this.skip(); });', "this.skip"],
    ],
    [["host-tests/a.test.ts", 'it("x", () => { reader.skip(2); });']],
  );

  itHolds(
    "Files stay short",
    findLongFile,
    [["src/a.ts", "f();\n".repeat(401), "401 lines"]],
    [["src/a.ts", "f();\n".repeat(400)]],
  );

  describe("Nothing is left unfinished", () => {
    it("holds everywhere", () => {
      const findings = Object.entries(readTexts()).flatMap(([path, text]) => findUnfinished(path, text));
      assert.deepEqual(findings, []);
    });
    it("objects to planted marks", () => {
      for (const mark of [`TO${"DO"}`, `FIX${"ME"}`, `XX${"X"}`, `HA${"CK"}`]) {
        assert.deepEqual(findUnfinished("docs/a.md", `one\n(${mark}: two)`), [`docs/a.md:2 says ${mark}`]);
      }
    });
    it("accepts words that contain a mark", () => {
      assert.deepEqual(findUnfinished("docs/a.md", "methods, prefixes and hacksaws"), []);
    });
  });
});
