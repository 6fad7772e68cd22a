/** `npm run demo`, as a user or a program meets it: the built command in a process of its own. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "chai";
import { buf } from "crc-32";
import type { Summary } from "../../host/cli/demo/summary.js";
import { makeFirmware, tagBytes } from "../../host/peers/firmware.js";
import { CHUNK_BYTES_MAX } from "../../src/mcu/service.js";

const ENTRY = "host/cli/ferry.ts";
/** What scripts/run.mjs makes of the entry. */
const PROGRAM = "build/run/host/cli/ferry/host/cli/ferry.js";
const TAGGED = { type: "TMPL0123456789", version: "3.1.4", build: "Dec  1 2026 08:00:00" };
const DEFAULT_BYTES = 256 * 1024;
/** What the cloud hears of an update. */
const TOLD = ["accepted", "downloaded", "transferring", "succeeded"].map((word) => `MCU 2.0.0: ${word}`);

interface Result {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe("The demo", () => {
  let folder: string;
  let out: string;

  before(() => {
    const command = ["scripts/run.mjs", ENTRY, "demo", "--help"];
    const { status, stdout } = spawnSync(process.execPath, command, { encoding: "utf8" });
    assert.strictEqual(status, 0);
    assert.match(stdout, /usage: npm run demo -- \[FILE\]/);
    folder = mkdtempSync(join(tmpdir(), "ferry-demo-"));
    out = join(folder, "out");
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  function start(args: readonly string[]): ChildProcess {
    const target = args.includes("--out") ? [] : ["--out", out];
    return spawn(process.execPath, [PROGRAM, "demo", ...target, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  }

  function run(...args: string[]): Promise<Result> {
    return resultOf(start(args));
  }

  function resultOf(child: ChildProcess): Promise<Result> {
    const texts = { stdout: "", stderr: "" };
    child.stdout?.on("data", (bytes) => {
      texts.stdout += bytes;
    });
    child.stderr?.on("data", (bytes) => {
      texts.stderr += bytes;
    });
    return new Promise((done) => child.on("close", (exitCode) => done({ exitCode, ...texts })));
  }

  function store(name: string, bytes: Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  /** Runs with --json and checks what holds of every success, against the bytes alone. */
  async function succeed(image: Uint8Array | undefined, ...args: string[]): Promise<Summary> {
    const { exitCode, stdout, stderr } = await run("--json", ...args);
    assert.deepEqual([exitCode, stderr], [0, ""], stdout);
    const summary: Summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    const received = readFileSync(join(out, "received.bin"));
    const sha256 = createHash("sha256").update(received).digest("hex");
    if (image) assert.isTrue(received.equals(image), "the received file is not the served one");
    assert.isTrue(summary.ok);
    assert.deepEqual(summary.image, { bytes: received.length, sha256, crc32: buf(received) >>> 0 });
    assert.deepInclude(summary.mcu, { bytes: received.length, sha256 });
    assert.deepEqual(JSON.parse(readFileSync(join(out, "summary.json"), "utf8")), summary);
    return summary;
  }

  describe("without options", () => {
    let result: Result;

    before(async () => {
      result = await run();
    });

    it("delivers an image that it has made itself", () => {
      assert.deepEqual([result.exitCode, result.stderr], [0, ""]);
      assert.strictEqual(readFileSync(join(out, "received.bin")).length, DEFAULT_BYTES);
      assert.include(result.stdout, "Update succeeded: the MCU runs 2.0.0");
      assert.include(result.stdout, join(out, "received.bin"));
    });

    it("shows the partition map, the real server, the bauds, both legs, the MCU's log and the digests", () => {
      const sha256 = createHash("sha256")
        .update(readFileSync(join(out, "received.bin")))
        .digest("hex");
      for (const wanted of [
        /storage +data +littlefs +0x3d0000 +0x400000 +192 KiB/,
        /cloud {2}the device is online, and runs 1\.0\.0\n.*cloud {2}offers 2\.0\.0, 262144 bytes\n/,
        /GET http:\/\/127\.0\.0\.1:\d+\/firmware\.bin/,
        /ferry {2}UART at 460800 baud/,
        /ferry {2}fetched +\d+ %/,
        /ferry {2}fetched 100 %/,
        /ferry {2}ferried +\d+ %/,
        /ferry {2}ferried 100 %/,
        /mcu {4}digests: MD5 same, SHA-256 same, CRC-32 same/,
        /mcu {4}boot 2: 2\.0\.0/,
        /cloud {2}the device is online, and runs 2\.0\.0\n.*cloud {2}hears of "MCU 2\.0\.0: succeeded"\n/,
        new RegExp(`offered +${DEFAULT_BYTES} {2}${sha256}\nrunning +${DEFAULT_BYTES} {2}${sha256}\n`),
      ]) {
        assert.match(result.stdout, wanted);
      }
    });

    it("keeps to plain lines where there is no terminal", () => {
      // Control characters other than the newline.
      assert.notMatch(result.stdout, /[^\x20-\x7e\n]/);
    });
  });

  describe("with --json", () => {
    it("prints one line with the whole truth", async () => {
      const { stdout } = await run("--json");
      assert.strictEqual(stdout.trimEnd().split("\n").length, 1);
      const summary: Summary = JSON.parse(stdout);
      assert.deepEqual(Object.keys(summary), ["ok", "image", "mcu", "download", "transfer", "cuts", "cloud", "engine"]);
      assert.strictEqual(summary.mcu.version, "2.0.0");
      assert.deepEqual(summary.download, { bytes: DEFAULT_BYTES, requests: 1 });
      assert.strictEqual(summary.cuts, 0);
      assert.deepEqual(summary.cloud, { protocol: "native", logins: 1, told: TOLD });
      const { chunks, resends, virtualMs, payloadShare } = summary.transfer;
      assert.deepEqual([chunks, resends], [256, 0]);
      assert.isAbove(virtualMs, (DEFAULT_BYTES * 10 * 1000) / 460800, "no faster than the line");
      assert.isBelow(virtualMs, 60_000);
      assert.isAbove(payloadShare, 0.6);
      assert.isBelow(payloadShare, 0.8, "start and stop bits count");
    });

    it("delivers a file, and reports the firmware that its tag names", async () => {
      const image = makeFirmware(70_001, TAGGED, 5);
      const { mcu, download } = await succeed(image, store("blinky v3.bin", image));
      assert.strictEqual(mcu.version, "3.1.4");
      assert.deepEqual(download, { bytes: 70_001, requests: 1 });
    });

    it("delivers a file without a tag", async () => {
      const image = makeFirmware(5_000, undefined, 6);
      assert.strictEqual((await succeed(image, store("plain.bin", image))).mcu.version, "untagged");
    });

    it("delivers a single byte", async () => {
      const image = Uint8Array.of(0xa5);
      assert.strictEqual((await succeed(image, store("one.bin", image))).transfer.chunks, 1);
    });

    it("takes the MCU's baud and chunk from the options, to their limits", async () => {
      const image = makeFirmware(20_000, TAGGED, 7);
      const file = store("small.bin", image);
      const slow = await succeed(image, file, "--baud", "9600", "--chunk", "100");
      assert.strictEqual(slow.transfer.chunks, 200);
      assert.isAbove(slow.transfer.virtualMs, (20_000 * 10 * 1000) / 9600);
      const fast = await succeed(image, file, "--baud=5000000", `--chunk=${CHUNK_BYTES_MAX}`);
      assert.strictEqual(fast.transfer.chunks, Math.ceil(20_000 / CHUNK_BYTES_MAX));
      assert.isBelow(fast.transfer.virtualMs, slow.transfer.virtualMs / 10);
    });
  });

  describe("with --cut", () => {
    const image = makeFirmware(100_000, TAGGED, 8);
    let file: string;
    let operations: number;

    before(async () => {
      file = store("cut.bin", image);
      const { stdout } = await run(file, "--cut", "1000");
      operations = Number(/the update took (\d+) durable operations/.exec(stdout)?.[1]);
    });

    it("says when the update ended before the cut", async () => {
      assert.isAbove(operations, 10);
      const summary = await succeed(image, file, "--cut", "1000");
      assert.strictEqual(summary.cuts, 0);
    });

    it("survives a cut at the beginning, on the way, when all is staged, and at the very end", async () => {
      for (const cut of [1, Math.floor(operations / 2), operations - 2, operations]) {
        const summary = await succeed(image, file, "--cut", String(cut));
        assert.strictEqual(summary.cuts, 1, `after operation ${cut}`);
        assert.strictEqual(summary.mcu.version, "3.1.4", `after operation ${cut}`);
      }
    });

    it("goes on with a download where it was cut, by Range", async () => {
      const { exitCode, stdout } = await run(file, "--cut", String(Math.floor(operations / 2)));
      assert.strictEqual(exitCode, 0);
      assert.match(stdout, /power {2}FAILS right after durable operation \d+ \(.*\)\n.*power {2}is back/);
      const offset = Number(/GET http:\S+ from byte (\d+) on/.exec(stdout)?.[1]);
      assert.isAbove(offset, 0);
      assert.match(stdout, /download \d+ bytes in 2 requests/);
      const bytes = Number(/download (\d+) bytes/.exec(stdout)?.[1]);
      assert.isBelow(bytes, image.length + 40_000, "all but the segment under way was kept");
    });

    it("survives a cut when the MCU has just taken the image", async () => {
      const { exitCode, stdout } = await run(file, "--cut", String(operations - 4)); // four records tell of its return
      assert.strictEqual(exitCode, 0);
      assert.match(stdout, /the MCU has taken the image.*\n.*power {2}FAILS/);
      assert.match(stdout, /download 100000 bytes in 1 request\n/);
    });
  });

  describe("with --flaky", () => {
    const image = makeFirmware(70_000, TAGGED, 13);
    let file: string;

    before(() => {
      file = store("flaky.bin", image);
    });

    it("comes through what the network does, with one request for each misfortune and one for the rest", async () => {
      const { download, network } = await succeed(image, file, "--flaky");
      const { cut, stalled, unavailable } = network ?? { cut: 0, stalled: 0, unavailable: 0 };
      for (const count of [cut, stalled, unavailable]) assert.isAbove(count, 0);
      assert.strictEqual(download.requests, cut + unavailable + 1, "a stall comes before a cut");
      assert.isBelow(download.bytes, image.length * 1.5, "nothing is fetched anew");
    });

    it("repeats itself by the seed, on both engines", async () => {
      const faults: unknown[] = [];
      for (const args of [["--flaky=7"], ["--flaky=7", "--engine", "xs"], ["--flaky=8"]]) {
        const { network, download } = await succeed(image, file, ...args);
        faults.push({ ...network, requests: download.requests });
      }
      assert.deepEqual(faults[1], faults[0]);
      assert.notDeepEqual(faults[2], faults[0]);
    });

    it("comes through with small images", async () => {
      for (const size of [1, 60_000]) {
        const small = makeFirmware(size, undefined, 4);
        await succeed(small, store("small.bin", small), `--flaky=${size}`);
      }
    });

    it("survives a power cut in the middle of it, on both engines", async () => {
      for (const engine of ["node", "xs"]) {
        const { cuts, network } = await succeed(image, file, "--flaky", "--cut", "8", "--engine", engine);
        assert.strictEqual(cuts, 1);
        assert.isAbove(network?.cut ?? 0, 0);
      }
    });

    it("tells of it as it happens, and sums it up", async () => {
      const { stdout } = await run(file, "--flaky=2");
      assert.match(stdout, /network {2}flaky, seed 2\n/);
      assert.match(stdout, /the server answered 503; asks again in \d/);
      assert.match(stdout, /the connection ended before the file did; asks again in \d/);
      assert.match(
        stdout,
        /network {2}cut \d+ connections?, stalled \d+ connections?, answered 503 to \d+ requests?\n/,
      );
    });
  });

  describe("with --https", () => {
    it("fetches by real TLS, also when the network is flaky", async () => {
      const image = makeFirmware(100_000, TAGGED, 14);
      const file = store("secure.bin", image);
      assert.deepEqual((await succeed(image, file, "--https")).download, { bytes: 100_000, requests: 1 });
      const { stdout } = await run(file, "--https", "--flaky");
      assert.match(stdout, /TLS {6}real/);
      assert.match(stdout, /GET https:\/\/127\.0\.0\.1:\d+\/secure\.bin from byte \d+ on/);
      assert.match(stdout, /Update succeeded/);
    });

    it("fetches by simulated TLS on XS", async () => {
      const image = makeFirmware(5_000, TAGGED, 15);
      const { stdout } = await run(store("secure.bin", image), "--https", "--engine", "xs");
      assert.match(stdout, /TLS {6}simulated/);
      assert.match(stdout, /GET https:\/\/files\.example\/secure\.bin\n/);
      assert.isTrue(readFileSync(join(out, "received.bin")).equals(image));
    });
  });

  describe("with --cloud mqtt", () => {
    it("does the same over MQTT, on both engines", async () => {
      const image = makeFirmware(12_345, TAGGED, 16);
      for (const engine of ["node", "xs"]) {
        const { cloud, download } = await succeed(
          image,
          store("mqtt.bin", image),
          "--cloud",
          "mqtt",
          "--engine",
          engine,
        );
        assert.deepInclude(cloud, { protocol: "mqtt", logins: 1 });
        assert.strictEqual(cloud.told.at(-1), "MCU 3.1.4: succeeded");
        assert.deepEqual(download, { bytes: 12_345, requests: 1 });
      }
    });
  });

  describe("with --engine xs", () => {
    it("does the same on a real XS engine, and shows its meter", async () => {
      const image = makeFirmware(12_345, TAGGED, 9);
      const file = store("xs.bin", image);
      const onXs = await succeed(image, file, "--engine", "xs");
      const onNode = await succeed(image, file);
      assert.strictEqual(onXs.mcu.version, "3.1.4");
      assert.strictEqual(onXs.engine.name, "xs");
      assert.isAbove(onXs.engine.steps ?? 0, 12_345 * 100);
      assert.strictEqual(onXs.engine.stepsPerByte, Math.round((onXs.engine.steps ?? 0) / 12_345));
      assert.deepEqual(onXs.download, onNode.download);
      // The UART's timing does not depend on the engine, but for where a tick of the heartbeat falls.
      assert.closeTo(onXs.transfer.virtualMs, onNode.transfer.virtualMs, 5);
    });

    it("survives a power cut there as well, and tells of it as it happens", async () => {
      const image = makeFirmware(40_000, TAGGED, 10);
      const { exitCode, stdout, stderr } = await run(store("xs-cut.bin", image), "--engine=xs", "--cut=5");
      assert.deepEqual([exitCode, stderr], [0, ""]);
      assert.isTrue(readFileSync(join(out, "received.bin")).equals(image));
      assert.match(stdout, /power {2}FAILS right after durable operation 5/);
      assert.match(stdout, /ferried 100 %/);
      assert.match(stdout, /engine {3}[\d.]+ M steps, \d+ per byte/);
    });
  });

  describe("when the update fails", () => {
    const forNcp = new Uint8Array([...makeFirmware(3_000, undefined, 11), ...tagBytes(TAGGED, "ncp"), 0xff]);

    it("says where and why, with exit code 1, and leaves no image", async () => {
      const { exitCode, stdout } = await run(store("ncp.bin", forNcp));
      assert.strictEqual(exitCode, 1);
      assert.match(
        stdout,
        /\nUpdate failed at stage verify, cause mismatch, byte \d+: it is firmware of Ferry itself, offered for the MCU/,
      );
      assert.isFalse(existsSync(join(out, "received.bin")));
    });

    it("says so in JSON", async () => {
      const { exitCode, stdout } = await run(store("ncp.bin", forNcp), "--json");
      assert.strictEqual(exitCode, 1);
      const summary: Summary = JSON.parse(stdout);
      assert.isFalse(summary.ok);
      assert.strictEqual(summary.mcu.version, "1.0.0");
      assert.deepInclude(summary.failure, { stage: "verify", cause: "mismatch" });
      assert.deepEqual(JSON.parse(readFileSync(join(out, "summary.json"), "utf8")), summary);
    });
  });

  describe("given bad input", () => {
    const cases: readonly (readonly [what: string, args: () => string[], line: RegExp])[] = [
      ["a file that is not there", () => ["missing.bin"], /cannot read missing\.bin: ENOENT/],
      ["a folder", () => [folder], /cannot read .*: EISDIR/],
      ["an empty file", () => [store("empty.bin", new Uint8Array(0))], /empty\.bin is empty/],
      [
        "a file larger than any place",
        () => [store("large.bin", new Uint8Array(0x1e_0000))],
        /large\.bin has 1966080 bytes, and .* app slot of partitions\.csv take images of at most 1961984$/,
      ],
      [
        "a tag with endless names",
        () => [store("endless.bin", tagBytes({ ...TAGGED, version: "9".repeat(65) }))],
        /cannot be offered: a name in it is above 64 letters/,
      ],
      ["a second file", () => ["a.bin", "b.bin"], /one file at a time/],
      ["no bytes a chunk", () => ["--chunk", "0"], /--chunk "0" is not a whole number of 1 to \d+/],
      ["too many bytes a chunk", () => ["--chunk", `${CHUNK_BYTES_MAX + 1}`], /--chunk "\d+" is not/],
      ["half a byte a chunk", () => ["--chunk=0.5"], /--chunk "0\.5" is not/],
      ["a baud below the limit", () => ["--baud", "1199"], /--baud "1199" is not a whole number of 1200 to 5000000/],
      ["a baud above the limit", () => ["--baud", "5000001"], /--baud "5000001"/],
      ["a baud that is none", () => ["--baud", "fast"], /--baud "fast"/],
      ["no cut", () => ["--cut", "0"], /--cut "0" is not a whole number of 1 or more/],
      ["a seed that is none", () => ["--flaky=x"], /--flaky "x" is not a whole number of 0 to 4294967295/],
      ["a seed without its equals sign", () => ["a.bin", "--flaky", "2"], /one file at a time, and "2" is a second/],
      ["another cloud", () => ["--cloud", "iot"], /--cloud "iot" is unknown: use native or mqtt/],
      ["another engine", () => ["--engine", "v8"], /--engine "v8" is unknown: use node or xs/],
      ["an unknown option", () => ["--colour"], /unknown option --colour: see --help/],
      ["an unknown letter", () => ["-x"], /unknown option -x/],
      ["a value for a switch", () => ["--json=yes"], /unknown option --json=yes/],
      ["an option without its value", () => ["--chunk"], /--chunk needs a value/],
      ["an option twice", () => ["--baud", "9600", "--baud", "9600"], /--baud is given twice/],
      ["a folder that cannot be", () => ["--out", join(store("file", Uint8Array.of(1)), "x")], /cannot write to --out/],
    ];

    for (const [what, args, line] of cases) {
      it(`answers ${what} with one line and exit code 2`, async () => {
        const { exitCode, stdout, stderr } = await run(...args());
        assert.deepEqual([exitCode, stdout], [2, ""]);
        assert.match(stderr, /^ferry demo: [^\n]+\n$/);
        assert.match(stderr.trimEnd(), line);
      });
    }
  });

  it("explains itself with --help", async () => {
    const { exitCode, stdout, stderr } = await run("--help");
    assert.deepEqual([exitCode, stderr], [0, ""]);
    const flags = ["--baud", "--chunk", "--cut", "--flaky", "--https", "--cloud", "--engine", "--out", "--json"];
    for (const word of [...flags, "payloadShare", "Exit codes"]) assert.include(stdout, word);
  });

  for (const engine of ["node", "xs"] as const) {
    it(`ends at Ctrl-C with a word and no debris, on ${engine}`, async () => {
      const file = store("long.bin", makeFirmware(200_000, TAGGED, 12));
      const child = start([file, "--chunk", "1", "--engine", engine]);
      const ended = resultOf(child);
      await new Promise((done) => child.stdout?.once("data", done));
      child.kill("SIGINT");
      const { exitCode, stderr } = await ended;
      assert.strictEqual(exitCode, 130);
      assert.match(stderr, /^ferry demo: interrupted[^\n]*\n$/);
      assert.isFalse(existsSync(join(out, "received.bin")));
    });
  }

  it("ends quietly when its reader has seen enough", async () => {
    const child = start([]);
    const ended = resultOf(child);
    child.stdout?.once("data", () => child.stdout?.destroy());
    const { stderr } = await ended;
    assert.strictEqual(stderr, "");
  });
});
