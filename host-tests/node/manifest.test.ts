/** The firmware's manifest names what is in src, all of it and nothing else; see also `npm run check:device`. */

import { existsSync, readdirSync } from "node:fs";
import { assert } from "chai";
import { type FirmwareProject, findManifestProblems } from "../../host/node/firmware-manifest.js";
import { parseConfig } from "../../src/device/config.js";
import { read } from "./documents.js";

function project(): FirmwareProject {
  return {
    manifest: JSON.parse(read("manifest.json")),
    paths: readdirSync("src", { recursive: true, encoding: "utf8" }).map((path) => `src/${path.replaceAll("\\", "/")}`),
    packages: Object.keys(JSON.parse(read("package.json")).dependencies),
    read,
  };
}

/** What the check says of a change, besides what it says of the project as it is. */
function problemsWith(
  change: (project: FirmwareProject & { manifest: Manifest; paths: string[] }) => Partial<FirmwareProject>,
): string[] {
  const sound = project();
  const changed = {
    ...sound,
    read: (path: string) => (existsSync(path) ? read(path) : ""),
    ...change({ ...sound, manifest: sound.manifest as Manifest, paths: [...sound.paths] }),
  };
  const known = findManifestProblems(sound);
  return findManifestProblems(changed).filter((problem) => !known.includes(problem));
}

interface Manifest {
  modules: Record<string, unknown>;
  preload: string[];
}

describe("manifest.json", () => {
  it("names every module of src, preloads all but main, and names nothing that is not there", () => {
    assert.deepEqual(findManifestProblems(project()), []);
  });

  it("has a configuration that makes sense, for each platform", () => {
    const { config, platforms } = JSON.parse(read("manifest.json"));
    const configs = [config, ...Object.values<{ config?: object }>(platforms).map((platform) => platform.config ?? {})];
    for (const { ferry = {} } of configs) assert.deepEqual(parseConfig(ferry).problems, []);
    assert.isAtLeast(configs.length, 4);
  });

  describe("is objected to when", () => {
    it("a source is in no entry", () => {
      const problems = problemsWith(({ paths }) => ({ paths: [...paths, "src/misc/new.ts"] }));
      assert.deepEqual(problems, ["src/misc/new.ts is in no entry of modules: add its folder"]);
    });

    it("a module is not preloaded", () => {
      const problems = problemsWith(({ paths }) => ({ paths: [...paths, "src/rpc/new.ts"] }));
      assert.deepEqual(problems, ['preload lacks "rpc/new": it would take RAM for what can lie in flash']);
    });

    it("main is preloaded, or what is no module", () => {
      const problems = problemsWith(({ manifest }) => ({
        manifest: { ...manifest, preload: [...manifest.preload, "main", "rpc/old"] },
      }));
      assert.deepEqual(problems, ['preload names "rpc/old", which is no module', 'preload must not name "main"']);
    });

    it("an entry finds no file", () => {
      const problems = problemsWith(({ manifest }) => ({
        manifest: { ...manifest, modules: { ...manifest.modules, "old/*": "./src/old/*" } },
      }));
      assert.deepEqual(problems, ['modules "old/*": there is no file src/old/*']);
    });

    it("a module of the firmware imports what is left out", () => {
      const importer =
        'import { parsePartitionCsv } from "./partition-csv.js";\nimport type { A } from "./partition-a.js";\n';
      const problems = problemsWith(() => ({
        read: (path) => (path === "src/store/place.ts" ? importer : read(path)),
      }));
      assert.deepEqual(problems, [
        "src/store/place.ts imports src/store/partition-csv.ts, which is not in the firmware",
      ]);
    });

    it("a module has another name than relative imports look for", () => {
      const problems = problemsWith(({ manifest }) => ({
        manifest: { ...manifest, modules: { bytes: "./src/base/bytes", ...manifest.modules } },
      }));
      assert.include(problems, 'src/base/bytes.ts becomes module "bytes", but relative imports look for "base/bytes"');
    });

    it("a package from npm has no stand-in", () => {
      const problems = problemsWith(() => ({ packages: ["crc-32", "left-pad"] }));
      assert.deepEqual(problems, ["the npm package left-pad is imported and no module has its name"]);
    });

    it("TypeScript calls C that is not there", () => {
      const problems = problemsWith(() => ({
        read: (path) =>
          path === "src/native/slots.c" ? read(path).replace("xs_ferry_slots_markValid(", "x(") : read(path),
      }));
      assert.deepEqual(problems, ["src/native/slots.ts calls xs_ferry_slots_markValid, which no C file defines"]);
    });
  });
});
