/**
 * A file that one process at a time has, for as long as it lives: it names the process, and when that began. A process id
 * alone is not enough, for systems give it to another process sooner or later, and containers at once.
 *
 * Fault model: the owner is killed and leaves the file; its id belongs to a stranger by now; the file holds anything.
 * Where nobody can tell when a process began (neither /proc nor ps), a living one is believed.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

export class ProcessLock {
  readonly #file: string;

  /** Throws an Error for people: another process has it, or the file cannot be made. */
  constructor(file: string) {
    this.#file = file;
    const problem = ownerProblem(readText(file), file);
    if (problem !== undefined) throw new Error(problem);
    rmSync(file, { force: true });
    writeFileSync(file, `${process.pid} ${beginningOf(process.pid) ?? ""}\n`, { flag: "wx" });
  }

  /** Idempotent. */
  release(): void {
    rmSync(this.#file, { force: true });
  }
}

/** Why the process that the file names still has it. */
function ownerProblem(text: string, file: string): string | undefined {
  const [, owner = "", began = ""] = /^(\d{1,10})(?: (.*))?\n/.exec(text) ?? [];
  const pid = Number(owner);
  if (!(pid > 0) || !isAlive(pid)) return undefined;
  const beginning = beginningOf(pid);
  if (began !== "" && beginning !== undefined) {
    return began === beginning ? `it is in use by process ${pid}: end that one` : undefined;
  }
  // Without a beginning our own id can only be that of an earlier process.
  return pid === process.pid
    ? undefined
    : `it is in use by process ${pid}: end that one, or remove ${file} if it is no emulator`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** When a process began, in whatever words this system has for it; `undefined` where it cannot be found out. */
export function beginningOf(pid: number): string | undefined {
  // Linux: clock ticks since the boot (proc_pid_stat(5), starttime), behind a name that may hold anything.
  const stat = readText(`/proc/${pid}/stat`);
  const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  if (ticks !== undefined) return `${readText("/proc/sys/kernel/random/boot_id").trim()} ${ticks}`;
  const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
  const { status, stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", env });
  return status === 0 && stdout.trim() !== "" ? stdout.trim() : undefined;
}

/** Empty where there is no such file. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
