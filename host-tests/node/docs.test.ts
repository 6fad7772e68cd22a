/** What the documents say, held against what is there: the catalogue, the source, a running Ferry, package.json. */

import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { assert } from "chai";
import { build } from "esbuild";
import { HELP } from "../../host/cli/demo/options.js";
import { HELP as EMULATOR_HELP } from "../../host/cli/emulate/options.js";
import { makeFerryImage } from "../../host/peers/ferry-image.js";
import { makeFirmware } from "../../host/peers/firmware.js";
import { Native } from "../../host/peers/native-cloud-server.js";
import { ProductBench } from "../../host/peers/product-bench.js";
import { NEW_FIRMWARE, Workbench } from "../../host/peers/workbench.js";
import type { Cause } from "../../src/base/failure.js";
import { FailureCode, meaningOf } from "../../src/base/failure-code.js";
import { DEFAULTS, parseConfig } from "../../src/device/config.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { prefetchStatusOf } from "../../src/mcu/service.js";
import { type Call, type CallName, callNames, calls } from "../../src/rpc/catalogue.js";
import { OPCODE_INVOKE, OPCODE_ONEWAY, PrefetchStatus, RpcStatus } from "../../src/rpc/protocol.js";
import { parsePartitionCsv } from "../../src/store/partition-csv.js";
import { imageBytesMax } from "../../src/store/place.js";
import { IMAGE_RECOVERY } from "../../src/store/recovery.js";
import { OFFER_RULES } from "../../src/update/offer-book.js";
import { SELF_RECOVERY } from "../../src/update/self-recovery.js";
import { UPDATE_RECOVERY } from "../../src/update/update-recovery.js";
import { OnlineBench } from "../support/online-bench.js";
import { accepted } from "../support/partitions.js";
import { NEW_VERSION, SelfBench, urlOf } from "../support/self-bench.js";
import { anchorsOf, codeBlocksOf, DOCUMENTS, linkTargetsOf, read, rowsOf } from "./documents.js";

/** What the column "status" says. */
const SERVED = "yes";
const CALLED = "called";

/** Paths of all TypeScript, at any depth. */
function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`);
}

function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`)
    .sort();
}

/** A program as one plain script, whose exports are in its variable `program`. Imports start at the directory. */
async function bundle(text: string, directory: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: text, resolveDir: resolve(directory), loader: "ts" },
    bundle: true,
    write: false,
    platform: "node",
    format: "iife",
    globalName: "program",
    logLevel: "warning",
  });
  return outputFiles[0]?.text ?? "";
}

/** The members of a union of literals in failure.ts. */
function literalsOf(type: string): string[] {
  const [, union = ""] = new RegExp(`export type ${type} =([^;]*);`).exec(read("src/base/failure.ts")) ?? [];
  return [...union.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
}

function callRows() {
  return rowsOf("docs/protocol.md", "uid", "call", "arguments", "results", "timeout", "status", "behaviour");
}

function documentedAs(...statuses: readonly string[]): CallName[] {
  return callRows()
    .filter((row) => statuses.includes(row[5] ?? ""))
    .map((row) => row[1] as CallName);
}

describe("docs/protocol.md", () => {
  it("draws frames and messages as their sources do", () => {
    for (const source of ["src/frame/layout.ts", "src/rpc/protocol.ts"]) {
      const drawing =
        read(source)
          .match(/(?:^ \* {3}.*\n)+/m)?.[0]
          .replace(/^ \* {3}/gm, "") ?? "";
      assert.isAbove(drawing.split("\n").length, 3, `${source} has no drawing`);
      assert.include(codeBlocksOf("docs/protocol.md", "text"), drawing);
    }
  });

  it("shows frames that are whole", () => {
    const frames =
      codeBlocksOf("docs/protocol.md", "text")
        .join("")
        .match(/^aa( [0-9a-f]{2})+ bb$/gm) ?? [];
    const decoder = new FrameDecoder(() => {});
    for (const frame of frames) decoder.push(Uint8Array.from(frame.split(" "), (byte) => Number.parseInt(byte, 16)));
    assert.isAtLeast(frames.length, 2);
    assert.equal(decoder.counters.frames, frames.length);
  });

  it("lists every call once, with uid, arguments, results and timeout as the catalogue has them", () => {
    const fieldsOf = (fields: Call["argFields"]) =>
      fields.map(([name, type]) => `${name}: ${type}`).join(", ") || "none";
    const expected = callNames.map((name) => {
      const call: Call = calls[name];
      const uid = `0x${call.uid.toString(16).toUpperCase().padStart(4, "0")}`;
      const [results, timeout] =
        call.kind === "oneway" ? ["ONEWAY", "none"] : [fieldsOf(call.resultFields), `${call.timeoutMs} ms`];
      return [uid, name, fieldsOf(call.argFields), results, timeout];
    });
    assert.deepEqual(
      callRows().map((row) => row.slice(0, 5)),
      expected,
    );
    for (const row of callRows()) assert.isNotEmpty(row[6], `${row[1]}: how it behaves`);
  });

  it("says of every call that it is served, or made, and a running Ferry does", () => {
    for (const [, name, , , , status] of callRows()) {
      assert.equal(status, calls[name as CallName].side === "mcu" ? CALLED : SERVED, name);
    }
    const bench = new OnlineBench();
    bench.boot();
    for (const name of callNames) {
      const { uid, side } = calls[name];
      assert.deepEqual(bench.mcu.call("ncp.hasUID", { uid }), { ok: side === "ncp" }, name);
    }
  });

  it("tells each failure code with its meaning, and when it occurs", () => {
    const rows = rowsOf("docs/protocol.md", "code", "meaning", "Ferry has it when");
    const expected = Object.values(FailureCode).map((code) => [String(code), meaningOf(code)]);
    assert.deepEqual(
      rows.map((row) => row.slice(0, 2)),
      expected,
    );
    const never = rows.filter(([, , when]) => when === "never").map(([code]) => code);
    assert.deepEqual(never, ["721", "730", "731", "732"]);
  });

  it("says which calls Ferry makes to the MCU", () => {
    const ferry = makeFerryImage({ version: NEW_VERSION, bytes: 8_000 });
    const bench = new SelfBench({
      image: makeFirmware(20_082, NEW_FIRMWARE),
      others: { "/ferry.bin": ferry },
      mcu: { answersFalseAtChunk: { index: 3, times: 6 } },
    });
    const made = new Set<number>();
    const decoder = new FrameDecoder((payload) => {
      const [opcode, uid] = new Uint16Array(payload.slice(0, 4).buffer);
      if (opcode === OPCODE_INVOKE || opcode === OPCODE_ONEWAY) made.add(uid ?? 0);
    });
    bench.uart.observe((run) => {
      if (run.from === bench.uart.a) decoder.push(Uint8Array.from(run.bytes));
    });
    bench.start();
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "failed");
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    bench.clock.advance(30_000);
    bench.offerFerry({ url: urlOf("/ferry.bin"), sizeBytes: ferry.length });
    assert.equal(bench.awaitSelfVerdict().kind, "succeeded");
    const online = new OnlineBench();
    online.goOnline();
    for (const name of ["mcu.hasUID", "mcu.reboot"] as const) online.mcu.answers.set(name, { ok: true });
    online.cloud.send(Native.HARDWARE, "vw", "1", "on");
    online.cloud.send(Native.INTERNAL, "dbg", "reboot");
    online.clock.advance(2_000);
    for (const { name } of online.mcu.heard) made.add(calls[name].uid);
    assert.sameMembers(
      [...made],
      documentedAs(CALLED).map((name) => calls[name].uid),
    );
  });

  it("names every status of a RESULT, and each cause's prefetch status, as they are", () => {
    const statuses = rowsOf("docs/protocol.md", "status", "name", "Ferry sends it");
    assert.deepEqual(Object.fromEntries(statuses.map(([status, name]) => [name, Number(status)])), { ...RpcStatus });
    const prefetch = rowsOf("docs/protocol.md", "status", "name", "cause");
    assert.deepEqual(Object.fromEntries(prefetch.map(([status, name]) => [name, Number(status)])), {
      ...PrefetchStatus,
    });
    const documented = prefetch
      .slice(1)
      .flatMap(([status, , causes = ""]) => causes.split(", ").map((cause) => [cause, Number(status)] as const));
    assert.sameMembers(
      documented.map(([cause]) => cause),
      literalsOf("Cause"),
    );
    for (const [cause, status] of documented) {
      assert.equal(prefetchStatusOf({ stage: "download", cause: cause as Cause, detail: "" }), status, cause);
    }
  });
});

describe("docs/recovery.md", () => {
  it("names every record that an update leaves, and the largest image", () => {
    const bench = new Workbench({ mcu: { prefetch: true } });
    bench.start();
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    const keys = [...(bench.device.storage.keyValues.domains.get("ferry")?.keys() ?? [])];
    assert.isAtLeast(keys.length, 4);
    for (const key of keys) assert.include(read("docs/recovery.md"), `\`${key}\``);
    const largest = imageBytesMax(bench.device.storage.partition("storage").size).toLocaleString("en-US");
    assert.include(read("docs/recovery.md"), `the largest image has ${largest} bytes`);
  });
});

describe("docs/recovery.md, on the MCU's update", () => {
  it("shows the very table that the updater goes by", () => {
    assert.deepEqual(
      rowsOf("docs/recovery.md", "record", "phase", "what Ferry does at its start"),
      UPDATE_RECOVERY.map(({ record, phase, next }) => [record, phase, next]),
    );
  });
});

describe("docs/recovery.md, on offers that come by themselves", () => {
  it("shows the very table that Ferry goes by", () => {
    assert.deepEqual(
      rowsOf("docs/recovery.md", "what is known", "taken", "what Ferry says"),
      OFFER_RULES.map(({ found, taken, answer }) => [found, taken ? "yes" : "no", answer]),
    );
  });

  it("names every record that a device of a cloud leaves", () => {
    const bench = new ProductBench("native");
    bench.ship();
    bench.start();
    assert.equal(bench.awaitVerdict().kind, "succeeded");
    const keys = [...(bench.device.storage.keyValues.domains.get("ferry")?.keys() ?? [])];
    assert.includeMembers(keys, ["offers.a", "report.a"]);
    for (const key of keys.filter((name) => /^(offers|report)\./.test(name))) {
      assert.include(read("docs/recovery.md"), `\`${key}\``);
    }
  });
});

describe("docs/recovery.md, on Ferry's own update", () => {
  it("shows the very table that the updater goes by", () => {
    assert.deepEqual(
      rowsOf("docs/recovery.md", "record", "runs", "slot", "reset by", "what Ferry does at its start"),
      SELF_RECOVERY.map(({ record, running, slot, reset, next }) => [record, running, slot, reset, next]),
    );
  });

  it("names every record that it leaves", () => {
    const bench = new SelfBench();
    bench.start();
    bench.offerFerry();
    assert.equal(bench.awaitSelfVerdict().kind, "succeeded");
    const keys = [...(bench.device.storage.keyValues.domains.get("ferry")?.keys() ?? [])];
    assert.isAtLeast(keys.length, 3);
    for (const key of keys) assert.include(read("docs/recovery.md"), `\`${key}\``);
  });
});

describe("docs/recovery.md, on stored images", () => {
  it("shows the very table that the store goes by", () => {
    const rows = rowsOf("docs/recovery.md", "record", "body", "action", "what Ferry does at its start");
    assert.deepEqual(
      rows,
      IMAGE_RECOVERY.map(({ record, body, action, next }) => [record, body, action, next]),
    );
  });
});

describe("docs/cloud.md", () => {
  it("has the limits of the source, in the tables that name their place", async () => {
    const rows = rowsOf("docs/cloud.md", "name", "value", "declared in", "meaning");
    for (const [name = "", value, link = ""] of rows) {
      const source = linkTargetsOf(link)[0]?.replace("../", "").replace(".ts", ".js");
      const values = new Function(`${await bundle(`export { ${name} } from "./${source}";`, ".")}; return program;`)();
      assert.equal(values[name].toLocaleString("en-US"), value, name);
    }
  });

  it("shows reports as they come", () => {
    const bench = new ProductBench("native", { imageBytes: 100_000, mcu: { prefetch: true, startDelayMs: 5_000 } });
    bench.ship();
    bench.start();
    bench.awaitVerdict();
    bench.clock.advance(10_000);
    const [shown = ""] = codeBlocksOf("docs/cloud.md", "text");
    assert.deepEqual(
      bench.cloud.timeline.map(({ text }) => text),
      shown.replaceAll("2.1.0", "2.0.0").trimEnd().split("\n"),
    );
  });
});

describe("The limits that the documents name", () => {
  it("have the values of the source, and are all that the wire, the calls, downloads and updates have", async () => {
    const rows = (["docs/protocol.md", "docs/recovery.md"] as const).flatMap((document) =>
      rowsOf(document, "name", "value", "declared in", "meaning"),
    );
    const names = rows.map(
      ([name = "", , link = ""]) => [name, linkTargetsOf(link)[0]?.replace("../", "") ?? ""] as const,
    );
    const reexports = names.map(([name, source]) => `export { ${name} } from "./${source.replace(".ts", ".js")}";`);
    const values = new Function(`${await bundle(reexports.join("\n"), ".")}; return program;`)();
    const found = Object.fromEntries(rows.map(([name = ""]) => [name, values[name].toLocaleString("en-US")]));
    assert.deepEqual(Object.fromEntries(rows.map(([name = "", value]) => [name, value])), found);

    const folders = ["frame", "rpc", "mcu", "download", "update", "image"].map((folder) => `src/${folder}`);
    const declared = folders
      .flatMap(sourcesBelow)
      .flatMap((path) =>
        [...read(path).matchAll(/^export const ([A-Z0-9_]+_(?:MS|MAX|MIN)|INITIAL_BAUD) =/gm)].map(
          ({ 1: name }) => name,
        ),
      );
    assert.includeMembers(
      names.map(([name]) => name),
      declared,
    );
  });
});

describe("docs/porting.md", () => {
  it("lists every key of a product's configuration with its default", () => {
    const rows = rowsOf("docs/porting.md", "key", "default", "meaning");
    const flatten = (value: object, path: string): [string, string][] =>
      Object.entries(value).flatMap(([name, inner]) =>
        typeof inner === "object" && Object.keys(inner).length > 0
          ? flatten(inner, `${path}${name}.`)
          : [[path + name, JSON.stringify(inner)]],
      );
    assert.deepEqual(
      rows.map(([key, value]) => [key, value]),
      flatten(DEFAULTS, ""),
    );
  });

  it("shows a configuration that makes sense", () => {
    const [product = "{}"] = codeBlocksOf("docs/porting.md", "json");
    assert.deepEqual(parseConfig(JSON.parse(product).config.ferry).problems, []);
  });

  it("has the pins of each chip", () => {
    const { platforms } = JSON.parse(read("manifest.json"));
    for (const [platform = "", port, pins] of rowsOf("docs/porting.md", "platform", "UART", "transmit, receive")) {
      const { uart } = parseConfig(platforms[platform].config?.ferry).config;
      assert.deepEqual([port, pins], [String(uart.port), `${uart.transmit}, ${uart.receive}`], platform);
    }
  });

  it("tells which certificate authorities are trusted, and how to have others", () => {
    const option = "CONFIG_MBEDTLS_CERTIFICATE_BUNDLE_DEFAULT_CMN";
    assert.include(read("sdkconfig/sdkconfig.defaults"), `${option}=y`);
    assert.include(read("docs/porting.md"), `\`${option}\``);
  });

  it("tells the slot's size of each partition table, and the storage's", () => {
    const sizeText = (bytes: number) => (bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : `${bytes / 1024} KiB`);
    const rows = rowsOf("docs/porting.md", "flash", "partitions", "app slot", "for images");
    assert.lengthOf(rows, 3);
    for (const [flash = "", link = "", slot, storage] of rows) {
      const file = linkTargetsOf(link)[0]?.replace("../", "") ?? assert.fail("no table");
      const table = accepted(parsePartitionCsv(read(file), { flashBytes: Number.parseInt(flash, 10) * 2 ** 20 }));
      assert.equal(slot, sizeText(table.findByLabel("ota_1")?.size ?? 0));
      assert.equal(storage, sizeText(table.findByLabel("storage")?.size ?? 0));
    }
  });
});

describe("docs/budgets.md", () => {
  it("names the memory that the manifest asks for", () => {
    const { platforms, defines } = JSON.parse(read("manifest.json"));
    const { chunk, heap, stack } = platforms.esp32.creation;
    assert.deepEqual([chunk.incremental, heap.incremental], [0, 0], "the heaps do not grow");
    const [row = []] = rowsOf("docs/budgets.md", "platform", "chunks", "slots", "stack", "from");
    const amount = (count: number) => count.toLocaleString("en-US");
    assert.deepEqual(row.slice(1, 4), [`${amount(chunk.initial)} bytes`, amount(heap.initial), amount(stack)]);
    const settings = rowsOf("docs/budgets.md", "setting", "value", "why").map(([name, value]) => [name, value]);
    for (const [name, value] of Object.entries(defines.file.lfs)) assert.deepInclude(settings, [name, String(value)]);
  });

  it("names the watchdog's time as ESP-IDF is told", () => {
    const [, seconds] = /CONFIG_ESP_TASK_WDT_TIMEOUT_S=(\d+)/.exec(read("sdkconfig/sdkconfig.defaults")) ?? [];
    assert.include(read("docs/budgets.md"), `has not come back for ${seconds} s`);
  });
});

describe("README.md", () => {
  it("names npm scripts that exist, and all of them", () => {
    const { scripts } = JSON.parse(read("package.json"));
    const named = new Set([...read("README.md").matchAll(/npm (?:run ([\w:]+)|(test))/g)].map(([, a, b]) => a ?? b));
    assert.sameMembers([...named], Object.keys(scripts));
  });

  it("names the demo's options, and all of them", () => {
    const flagsIn = (text: string) => new Set([...text.matchAll(/(?<![\w-])--[a-z]+/g)].map(([flag]) => flag));
    const shown = read("README.md").match(/^npm run demo -- .*$/gm) ?? [];
    assert.sameMembers([...flagsIn(shown.join("\n"))], [...flagsIn(HELP)]);
  });

  it("names the emulator's options, and all of them", () => {
    const flagsIn = (text: string) =>
      new Set([...text.matchAll(/(?<![\w-])--[a-z]+(?:-[a-z]+)*/g)].map(([flag]) => flag));
    const shown = read("README.md").match(/^npm run emulate -- .*$/gm) ?? [];
    assert.sameMembers([...flagsIn(shown.join("\n"))], [...flagsIn(EMULATOR_HELP)]);
  });

  it("lists folders and files that exist, and every folder of src, host and host-tests", () => {
    const house = codeBlocksOf("README.md", "text").find((block) => block.startsWith("src/")) ?? "";
    const listed: string[] = [];
    let parent = "";
    for (const [, indent = "", name = ""] of house.matchAll(/^( *)(\S+)/gm)) {
      if (indent === "") parent = name.replace(/\/$/, "");
      listed.push(indent === "" ? parent : join(parent, name.replace(/\/$/, "")));
    }
    for (const path of listed) assert.isTrue(existsSync(path), path);
    assert.includeMembers(listed, [...foldersIn("src"), ...foldersIn("host"), ...foldersIn("host-tests")]);
  });

  it("counts the calls that are served", () => {
    const all = callNames.filter((name) => calls[name].side === "ncp").length;
    assert.include(read("README.md"), `${documentedAs(SERVED).length} of the ${all} calls that an MCU can make`);
  });

  it("has every stage and every cause of a failure, and no others", () => {
    const rows = rowsOf("README.md", "stage", "cause", "what happened", "offset");
    const unique = (column: number) => [...new Set(rows.map((row) => row[column] ?? ""))];
    assert.sameMembers(unique(0), literalsOf("Stage"));
    assert.sameMembers(unique(1), literalsOf("Cause"));
  });

  it("shows a failure as it comes", () => {
    const bench = new Workbench({ mcu: { prefetch: true, ignoresChunk: { index: 7, times: 6 } } });
    bench.start();
    bench.offer();
    const verdict = bench.awaitVerdict();
    assert.equal(bench.mcu.fired.ignoresChunk, 6);
    assert.deepEqual(
      verdict.kind === "failed" && verdict.failure,
      JSON.parse(codeBlocksOf("README.md", "json")[0] ?? ""),
    );
  });

  it("shows a test that runs as it stands, and passes", async () => {
    const [snippet = ""] = codeBlocksOf("README.md", "ts");
    const tests: (() => void)[] = [];
    const describeNow = (_: string, suite: () => void) => suite();
    const collect = (_: string, test: () => void) => tests.push(test);
    new Function("describe", "it", await bundle(snippet, "host-tests"))(describeNow, collect);
    assert.lengthOf(tests, 1);
    for (const test of tests) test();
  });
});

describe("The documents' links", () => {
  for (const document of DOCUMENTS) {
    it(`lead somewhere, in ${document}`, () => {
      for (const target of linkTargetsOf(read(document))) {
        const [path = "", anchor] = target.split("#");
        const file = path === "" ? document : join(dirname(document), path);
        assert.isTrue(existsSync(file), `${target}: ${file}`);
        if (anchor !== undefined) assert.include(anchorsOf(read(file)), anchor, target);
      }
    });
  }
});
