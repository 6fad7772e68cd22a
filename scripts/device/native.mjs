/** Ferry's own C for the chip, through this computer's compiler: XS's real headers, and declarations of ESP-IDF's. */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const FOLDER = "src/native";
const IDF_DECLARATIONS = "scripts/device/idf";
const NEEDS_MBEDTLS = ["tls-session.c"];

/** Whether this computer has its headers. */
function hasMbedtls() {
  return spawnSync("cc", ["-E", "-"], { input: "#include <mbedtls/ssl.h>\n", stdio: "pipe" }).status === 0;
}

/**
 * @param {string} sdk its folder
 * @param {string} generated where mc.xs.h is, which names the properties that the C asks for
 * @returns {string[]} the compiler's messages
 */
export function findNativeProblems(sdk, generated) {
  const folders = [IDF_DECLARATIONS, FOLDER, generated, join(sdk, "xs/includes"), join(sdk, "xs/platforms")];
  const flags = [
    "-fsyntax-only",
    "-std=gnu17",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-DESP_PLATFORM",
  ];
  const left = hasMbedtls() ? [] : NEEDS_MBEDTLS;
  const sources = readdirSync(FOLDER).filter((name) => name.endsWith(".c") && !left.includes(name));
  return sources.flatMap((name) => {
    const args = [...flags, ...folders.map((folder) => `-I${folder}`), join(FOLDER, name)];
    const { status, stderr, error } = spawnSync("cc", args, { encoding: "utf8" });
    return status === 0 ? [] : (stderr || `${error}`).trimEnd().split("\n");
  });
}
