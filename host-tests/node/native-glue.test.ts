/**
 * The C around the portable core, as far as it can be held to anything without a chip: its syntax and its types. Against
 * declarations of ESP-IDF's (scripts/device/idf) and the SDK's (fixtures/esp32), and the PC's port against this
 * computer's own headers.
 */

import { spawnSync } from "node:child_process";
import { assert } from "chai";
import { projectPath, projectRoot } from "../../host/node/project.js";

const FLAGS: readonly string[] = ["-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Werror"];
const FOR_ESP32: readonly string[] = ["-DESP_PLATFORM", "-Ihost-tests/node/fixtures/esp32", "-Iscripts/device/idf"];

/** What the interrupt on the ESP32 may call: registers, which are inlined there, and what lies in RAM. */
const CALLABLE_IN_INTERRUPT = /^_?(uart_ll_\w+|stubMux|stubYield|vTaskNotifyGiveFromISR)$/;

/** What the compiler says of it; "" when nothing. */
function complaintsAbout(source: string, flags: readonly string[]): string {
  const result = spawnSync("cc", [...FLAGS, ...flags, projectPath(source)], { cwd: projectRoot(), encoding: "utf8" });
  return result.status === 0 ? result.stderr : result.stderr || `${result.error}`;
}

describe("The wire's glue in C", () => {
  for (const name of ["wire-esp32.c", "wire-posix.c", "wire-xs.c", "wire-core.c", "wire-frame.c", "engine-post.c"]) {
    it(`compiles without a warning for the ESP32: ${name}`, () => {
      assert.equal(complaintsAbout(`src/native/${name}`, FOR_ESP32), "");
    });
  }

  for (const name of ["wire-posix.c", "wire-esp32.c", "wire-core.c", "wire-frame.c", "engine-post.c"]) {
    it(`compiles without a warning for this computer: ${name}`, () => {
      assert.equal(complaintsAbout(`src/native/${name}`, []), "");
    });
  }

  it("has an interrupt on the ESP32 that calls nothing of what lies in flash, and reads no table there", () => {
    const flags = ["-std=gnu11", "-Os", "-fno-stack-protector", "-S", "-o", "-", ...FOR_ESP32];
    const source = projectPath("src/native/wire-esp32.c");
    const { stdout } = spawnSync("cc", [...flags, source], { cwd: projectRoot(), encoding: "utf8" });
    const [inRam = "", ...others] = stdout.split(/(?=^\s*\.(?:section|text|data|bss)\b)/m).filter((part) => {
      return /^\s*\.section\s+\S*iram1/.test(part);
    });
    assert.deepEqual(others, [], "more than one part lies in RAM");
    const called = [...inRam.matchAll(/^\s*(?:call|bl|jmp|b)\s+([A-Za-z_]\w*)/gm)].map(([, name]) => name ?? "");
    assert.isTrue(called.some((name) => name.endsWith("uart_ll_read_rxfifo")));
    assert.deepEqual(
      called.filter((name) => !CALLABLE_IN_INTERRUPT.test(name)),
      [],
    );
    assert.notMatch(inRam, /\.rodata|\.LC\d|CSWTCH|\(%rip\)|:lo12:/);
  });

  it("is objected to where it is at odds with what it declares", () => {
    const complaint = complaintsAbout("src/native/wire-esp32.c", [...FOR_ESP32, "-DwireNowMs=wirePortStart"]);
    assert.include(complaint, "conflicting types");
  });
});
