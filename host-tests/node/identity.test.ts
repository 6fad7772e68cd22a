/**
 * What a build of Ferry is: one version, wherever it is written down, and a tag in the image by which another Ferry
 * finds it. The C is compiled by this computer, with the definitions that mcconfig makes of manifest.json.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "chai";
import { NodeDigest } from "../../host/node/digest.js";
import { projectPath, projectRoot } from "../../host/node/project.js";
import { makeFirmware, tagBytes } from "../../host/peers/firmware.js";
import { NEW_FIRMWARE } from "../../host/peers/workbench.js";
import { crc32 } from "../../src/base/crc.js";
import { firmwareOf, InfoTagScanner } from "../../src/image/info-tag.js";
import { ImageInspector } from "../../src/image/inspector.js";
import { FERRY_FIRMWARE_TYPE, targetOfImage } from "../../src/image/target.js";
import { FERRY_VERSION } from "../../src/ncp.js";
import { read } from "./documents.js";

const FIXTURES = "host-tests/node/fixtures/identity";
/** As ESP-IDF compiles and links: what nobody refers to is left out. */
const FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"];
const BUILD_DATE = "2026-11-05T10:20:30Z";

/** mcconfig drops the "#" of a string, and puts quotes around the rest. */
function definesOf(manifest: { defines: { ferry: Record<string, string> } }): Record<string, string> {
  const entries = Object.entries(manifest.defines.ferry);
  return Object.fromEntries(entries.map(([name, value]) => [name, value.replace(/^#/, "")]));
}

const defines = definesOf(JSON.parse(read("manifest.json")));

/** Compiles a program around the identity; returns what the compiler says, the program's file, and what it prints. */
function build({ version, type }: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "ferry-identity-"));
  try {
    const header = `#define MODDEF_FERRY_VERSION "${version}"\n#define MODDEF_FERRY_TYPE "${type}"\n`;
    writeFileSync(join(folder, "mc.defines.h"), header);
    const program = join(folder, "program");
    const sources = [projectPath("src/native/identity.c"), projectPath(`${FIXTURES}/program.c`)];
    const args = [...FLAGS, "-I", folder, "-I", projectPath(FIXTURES), "-o", program, ...sources];
    const env = { ...process.env, SOURCE_DATE_EPOCH: `${Date.parse(BUILD_DATE) / 1000}` };
    const { status, stderr, error } = spawnSync("cc", args, { cwd: projectRoot(), env, encoding: "utf8" });
    if (status !== 0) return { complaint: stderr || `${error}`, file: new Uint8Array(0), lines: [""] };
    const { stdout } = spawnSync(program, { encoding: "utf8" });
    return { complaint: stderr, file: new Uint8Array(readFileSync(program)), lines: stdout.trimEnd().split("\n") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function factsOf(image: Uint8Array, pieceBytes = 1024) {
  const inspector = new ImageInspector({ Digest: NodeDigest, crc32 });
  for (let at = 0; at < image.length; at += pieceBytes) inspector.push(image.subarray(at, at + pieceBytes));
  return inspector.finish();
}

describe("The identity of a build of Ferry", () => {
  it("is one version and one type, in manifest.json, package.json and the sources", () => {
    assert.strictEqual(JSON.parse(read("package.json")).version, FERRY_VERSION);
    assert.deepEqual(defines, { version: FERRY_VERSION, type: FERRY_FIRMWARE_TYPE });
  });

  it("is compiled into the image as a tag, which the native functions read", () => {
    const { complaint, file, lines } = build(defines);
    assert.strictEqual(complaint, "");
    assert.deepEqual(lines, [FERRY_VERSION, FERRY_FIRMWARE_TYPE]);
    const scanner = new InfoTagScanner();
    scanner.push(file);
    assert.deepEqual(scanner.tag?.pairs as unknown, [
      ["ncp", FERRY_VERSION],
      ["fw-type", FERRY_FIRMWARE_TYPE],
      ["build", "Nov  5 2026 10:20:30"],
    ]);
  });

  it("is that of the product where its manifest says so", () => {
    const { file, lines } = build({ version: "12.0.0-rc.1", type: "gateway" });
    assert.deepEqual(lines, ["12.0.0-rc.1", "gateway"]);
    const { tag } = factsOf(file);
    assert.deepInclude(tag && firmwareOf(tag), { target: "ncp", version: "12.0.0-rc.1", type: "gateway" });
  });

  it("is never empty: there is no such build", () => {
    assert.match(build({ ...defines, version: "" }).complaint, /the version is empty/);
    assert.match(build({ ...defines, type: "" }).complaint, /the type is empty/);
  });

  it("is found in an image of more than a megabyte, wherever it lies and however that streams by", () => {
    const { file } = build(defines);
    const image = makeFirmware(1_300_000, undefined);
    for (const [at, pieceBytes] of [
      [0, 1024],
      [700_001, 1460],
      [image.length - file.length, 4096],
    ] as const) {
      const combined = image.slice();
      combined.set(file, at);
      const facts = factsOf(combined, pieceBytes);
      assert.deepInclude(facts.tag && firmwareOf(facts.tag), { target: "ncp", version: FERRY_VERSION });
      assert.strictEqual(targetOfImage(facts), "ncp");
    }
  });

  it("does not make an MCU's image Ferry's that carries Ferry's own, before or behind its tag", () => {
    const { file } = build(defines);
    const tag = tagBytes(NEW_FIRMWARE);
    for (const parts of [
      [file, tag],
      [tag, file],
    ]) {
      const code = makeFirmware(500_000, undefined);
      const facts = factsOf(Buffer.concat(parts.flatMap((part) => [code, part])));
      assert.strictEqual(targetOfImage(facts), "mcu");
      assert.deepInclude(facts.tag && firmwareOf(facts.tag), { version: NEW_FIRMWARE.version });
    }
  });
});
