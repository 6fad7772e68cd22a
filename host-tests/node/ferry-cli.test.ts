/** The `ferry` command, as a shell meets it: bin/ferry.mjs in a process of its own, called from another folder. */

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { assert } from "chai";

describe("The ferry command", () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "ferry-cli-"));
    const { bin } = JSON.parse(readFileSync("package.json", "utf8"));
    // As npm puts a command on the path.
    symlinkSync(resolve(bin.ferry), join(folder, "ferry"));
    copyFileSync("partitions.csv", join(folder, "mine.csv"));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  function ferry(...args: string[]) {
    const { status, stdout, stderr } = spawnSync("./ferry", args, { cwd: folder, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  it("draws the map of a table in the folder that it is called from", () => {
    const { status, stdout, stderr } = ferry("partitions", "mine.csv");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^storage +data +littlefs +0x3d0000/m);
  });

  it("hands on what a command says of bad input, and its exit code", () => {
    const { status, stdout, stderr } = ferry("partitions", "mine.csv", "--flash", "2MB");
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, /^ferry partitions: mine\.csv: [^\n]+\n$/);
  });

  it("plays the demo, and leaves its results in the folder that it is called from", () => {
    const { status, stdout, stderr } = ferry("demo", "mine.csv", "--json", "--out", "results");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.isTrue(JSON.parse(stdout).ok);
    assert.isTrue(readFileSync(join(folder, "results/received.bin")).equals(readFileSync(join(folder, "mine.csv"))));
  });

  it("plays the demo on XS from there as well", () => {
    const { status, stdout, stderr } = ferry("demo", "mine.csv", "--json", "--engine", "xs");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.strictEqual(JSON.parse(stdout).engine.name, "xs");
  });

  it("lists its commands with --help", () => {
    const { status, stdout, stderr } = ferry("--help");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /usage: ferry COMMAND/);
    assert.match(stdout, /^ {2}demo +\w/m);
    assert.match(stdout, /^ {2}partitions +\w/m);
  });

  it("explains each command", () => {
    assert.include(ferry("partitions", "--help").stdout, "usage: ferry partitions FILE");
    assert.include(ferry("demo", "--help").stdout, "usage: npm run demo -- [FILE]");
  });

  it("answers an unknown command, and none, with one line and exit code 2", () => {
    for (const args of [["fly"], ["toString"], ["\x1b[2J\n"], ["--fly"], [""], []]) {
      const { status, stdout, stderr } = ferry(...args);
      assert.deepEqual([status, stdout], [2, ""], args[0]);
      assert.match(stderr, /^ferry: [ -~]+: use [a-z]+( or [a-z]+)+, or see ferry --help\n$/);
    }
  });
});
