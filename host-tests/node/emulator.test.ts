/** `npm run emulate`, as MCU code meets it: the built command in a process of its own, and real lines to it. */

import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "chai";
import { PtyLine } from "../../host/emulator/pty-line.js";
import { STATE_FILE } from "../../host/emulator/state-folder.js";
import { PacedClock } from "../../host/node/paced-clock.js";
import { makeFirmware } from "../../host/peers/firmware.js";
import type { McuBehavior } from "../../host/peers/mcu-behavior.js";
import type { McuLine } from "../../host/peers/mcu-line.js";
import { PrimaryMcu } from "../../host/peers/primary-mcu.js";
import { NEW_FIRMWARE } from "../../host/peers/workbench.js";
import { FERRY_VERSION } from "../../src/ncp.js";
import { NcpState } from "../../src/rpc/protocol.js";
import { Client, EmulatorProcess, type Line, newsOf, PortOfMcu } from "./emulator-bench.js";

const ANY_TCP_PORT = "127.0.0.1:0";
/** Nobody answers, and a loaded machine must not make an answer late. */
const SILENCE_MS = 250;
/** Too slow for a double click. */
const CLICK_INTERVAL_MS = 600;

/** Linux has it, and takes nothing. */
const FULL_DISK = "/dev/full";
const itOnLinux = (what: string, test: () => Promise<void>) => existsSync(FULL_DISK) && it(what, test);

/** A simulated MCU in real time, at the real line. */
class LiveMcu {
  readonly mcu: PrimaryMcu;
  readonly #clock = new PacedClock();
  #isOver = false;

  constructor(line: McuLine, behavior: Partial<McuBehavior> = {}) {
    this.#clock.paceWhile(() => true);
    this.mcu = new PrimaryMcu({ clock: this.#clock, line, behavior: { eraseMs: 20, ...behavior } });
    const { onBytes } = line;
    line.onBytes = (bytes) => this.#clock.arrive(() => onBytes(bytes));
  }

  /** Lives until the promise is fulfilled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    this.mcu.powerOn();
    const life = this.#clock.run(() => this.#isOver, Number.POSITIVE_INFINITY);
    try {
      return await Promise.race([promise, life.then(() => promise)]);
    } finally {
      this.#isOver = true;
      this.#clock.arrive(() => {});
      await life;
    }
  }
}

function socketLine(socket: Socket): McuLine {
  const line = {
    onBytes: (_bytes: Uint8Array) => {},
    baud: 0,
    write: (bytes: Uint8Array) => void socket.write(bytes),
    setBaud: (baud: number) => {
      line.baud = baud;
    },
    close: () => {},
  };
  socket.on("data", (bytes) => line.onBytes(new Uint8Array(bytes)));
  return line;
}

function verdictIn(line: Line): unknown {
  return newsOf(line)?.verdict;
}

describe("The emulator", () => {
  const image = makeFirmware(20 * 1024, NEW_FIRMWARE);
  let folder: string;
  let imageFile: string;
  let emulator: EmulatorProcess | undefined;
  const sockets: Socket[] = [];

  before(() => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ["scripts/run.mjs", "host/cli/ferry.ts", "emulate", "--help"],
      {
        encoding: "utf8",
      },
    );
    assert.strictEqual(status, 0);
    assert.match(stdout, /usage: npm run emulate -- \[options\]/);
    folder = mkdtempSync(join(tmpdir(), "ferry-emulator-"));
    imageFile = join(folder, "firmware.bin");
    writeFileSync(imageFile, image);
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await emulator?.kill();
    emulator = undefined;
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  async function start(...args: string[]): Promise<EmulatorProcess> {
    emulator = await EmulatorProcess.start(...args);
    return emulator;
  }

  function clientAt(running: EmulatorProcess, baud: number): { client: Client; port: PortOfMcu } {
    const port = new PortOfMcu(running.address("pty"));
    port.setBaud(baud);
    const client = new Client((bytes) => port.write(bytes));
    port.onBytes = (bytes) => client.take(bytes);
    return { client, port };
  }

  async function connectTo(running: EmulatorProcess): Promise<Socket> {
    const [host = "", port = ""] = running.address("tcp").split(":");
    const socket = connect(Number(port), host).setNoDelay();
    sockets.push(socket);
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("connect", resolve));
    return socket;
  }

  async function clientOf(running: EmulatorProcess): Promise<Client> {
    const socket = await connectTo(running);
    const client = new Client((bytes) => socket.write(bytes));
    socket.on("data", (bytes) => client.take(bytes));
    return client;
  }

  describe("on a pseudo-terminal", () => {
    it("updates an MCU that finds it like any serial port, and traces what was said", async () => {
      const traceFile = join(folder, "trace.txt");
      const running = await start("--offer", imageFile, `--trace=${traceFile}`);
      const port = new PortOfMcu(running.address("pty"));
      const live = new LiveMcu(port, { prefetch: true, targetBaud: 921_600 });
      const verdict = await live.until(running.news("verdict"));
      await port.unplug();
      assert.deepEqual(verdictIn(verdict), { kind: "succeeded", proof: "version" });
      assert.deepEqual(live.mcu.running.image, image);
      assert.deepEqual(live.mcu.violations, []);
      running.press("q");
      assert.deepEqual([await running.ended(), running.stderr], [0, ""]);
      const trace = readFileSync(traceFile, "utf8");
      for (const wanted of [
        /^ +\d+\.\d{4} {2}MCU > Ferry {2}INVOKE ncp\.ping #\d+$/m,
        /MCU > Ferry {2}INVOKE hw\.setUartBaudRate #\d+ baud 921600\n/,
        /Ferry > MCU {2}ONEWAY client\.blynkStateChange state 2 CONFIG\n/,
        /Ferry > MCU {2}INVOKE client\.otaUpdateWrite #\d+ offset 1024, chunk 1024 bytes( [0-9a-f]{2}){16} \.\.\., crc32 [0-9a-f]{8}\n/,
        /MCU > Ferry {2}RESULT client\.otaUpdateFinish #\d+ OK ok true\n/,
      ]) {
        assert.match(trace, wanted);
      }
    });

    it("garbles what is sent at another rate than Ferry's", async () => {
      const running = await start("--trace");
      await running.event(({ state }) => state === "NOT_INITIALIZED");
      const { client, port } = clientAt(running, 9600);
      assert.isUndefined(await client.askOnce("ncp.ping", {}, SILENCE_MS));
      assert.match(running.stderr, /at 9600 baud, and the other side listens at 38400: 9 bytes aa bc 67/);
      await port.unplug();
    });

    it("takes any rate where it is told to, and programs that come and go", async () => {
      const running = await start("--any-baud", "--trace");
      await running.event(({ state }) => state === "NOT_INITIALIZED");
      // Opens, writes and leaves at once.
      writeFileSync(running.address("pty"), new Client(() => {}).frame("ncp.reboot", {}));
      await running.said(/INVOKE ncp\.reboot #1/);
      for (const baud of [9600, 38_400, 1_000_000, 9600]) {
        const { client, port } = clientAt(running, baud);
        assert.deepEqual(await client.ask("blynk.getNcpVersion", {}), { version: FERRY_VERSION, ok: true });
        await port.unplug();
      }
      await running.event(({ isOpen }) => isOpen === false);
    });
  });

  describe("on TCP, with its state in a folder", () => {
    it("goes on after Ctrl-C where it was, from what it has kept", async () => {
      const state = join(folder, "state");
      const first = await start("--tcp", ANY_TCP_PORT, "--state", state, "--offer", imageFile);
      const firstMcu = new LiveMcu(socketLine(await connectTo(first)), { prefetch: true, targetBaud: 921_600 });
      await firstMcu.until(first.news("staged"));
      first.signal("SIGINT");
      assert.deepEqual([await first.ended(), first.stderr], [0, ""]);
      assert.isTrue(existsSync(join(state, STATE_FILE)));

      const second = await start("--tcp", ANY_TCP_PORT, "--state", state);
      const mcu = new LiveMcu(socketLine(await connectTo(second)), { targetBaud: 921_600 });
      const verdict = await mcu.until(second.news("verdict"));
      assert.deepEqual(verdictIn(verdict), { kind: "succeeded", proof: "version" });
      assert.deepEqual(mcu.mcu.running.image, image);
      assert.isFalse(second.hasNews("request"), "it was downloaded again");
      second.signal("SIGTERM");
      assert.strictEqual(await second.ended(), 0);
    });

    it("does what each key says", async () => {
      const running = await start("--tcp", ANY_TCP_PORT, "--offer", imageFile);
      const client = await clientOf(running);
      await client.ask("ncp.ping", {});
      await client.ask("blynk.initialize", { templateId: "TMPL0123456789", templateName: "Ferry" });
      assert.deepEqual(await client.ask("blynk.getState", {}), { state: NcpState.CONFIG });
      const { offer } = await running.event((line) => line.source === "offer");
      assert.deepInclude(offer, { ...NEW_FIRMWARE, sizeBytes: image.length });
      running.press("b");
      const { problem } = await running.event(({ source }) => source === "button");
      assert.match(String(problem), /hw\.initUserButton/);
      await client.ask("hw.initUserButton", { gpio: 4, activeLow: true });
      // A button that is down while it is connected counts from its next press on.
      const pressing = setInterval(() => running.press("b"), CLICK_INTERVAL_MS);
      const gesture = newsOf(await running.news("gesture"))?.gesture;
      clearInterval(pressing);
      assert.strictEqual(gesture, "click");
      running.press("p");
      await running.event(({ isOn }) => isOn === false);
      running.press("n");
      await running.event(({ isUp }) => isUp === false);
      running.press("n");
      await running.event(({ isUp }) => isUp === true);
      await running.event(({ isOn }) => isOn === true);
      assert.deepEqual(await client.ask("blynk.getState", {}), { state: NcpState.NOT_INITIALIZED });
      running.press("q");
      assert.strictEqual(await running.ended(), 0);
    });
  });

  describe("on a serial port", () => {
    it("takes the port to the rate that the MCU asks of Ferry", async () => {
      const cable = await PtyLine.open();
      const client = new Client((bytes) => cable.write(bytes));
      const bauds: number[] = [];
      let onBaud = () => {};
      cable.start({
        onOpen: () => {},
        onBaud: (baud) => {
          bauds.push(baud);
          onBaud();
        },
        onBytes: (bytes) => client.take(bytes),
        onLost: () => {},
        onFailure: () => {},
      });
      try {
        const running = await start("--port", cable.address.pty, "--baud", "57600");
        await client.ask("ncp.ping", {});
        const switched = new Promise<void>((resolve) => {
          onBaud = resolve;
        });
        assert.deepEqual(await client.ask("hw.setUartBaudRate", { baud: 230_400 }), { ok: true });
        await switched;
        await client.ask("ncp.ping", {});
        assert.strictEqual(bauds.at(-2), 57_600);
        assert.strictEqual(bauds.at(-1), 230_400);
        running.press("q");
        assert.strictEqual(await running.ended(), 0);
      } finally {
        await cable.close();
      }
    });
  });

  describe("whose reader leaves", () => {
    it("ends by itself, with the state saved and the folder free", async () => {
      const state = join(folder, "left");
      const running = await start("--tcp", ANY_TCP_PORT, "--state", state);
      await running.event((line) => line.state === "NOT_INITIALIZED");
      const client = await clientOf(running);
      running.stopReading("stdout");
      // The next event is what it notices by.
      const asking = setInterval(() => {
        client.askOnce("blynk.initialize", { templateId: "TMPL0123456789", templateName: "Ferry" }, SILENCE_MS);
      }, SILENCE_MS);
      await running.ended();
      clearInterval(asking);
      assert.deepEqual([await running.ended(), running.stderr], [0, ""]);
      assert.deepEqual(readdirSync(state), [STATE_FILE]);
    });

    itOnLinux("ends with a word where the output cannot be written", async () => {
      const state = join(folder, "unheard");
      const full = openSync(FULL_DISK, "w");
      emulator = EmulatorProcess.spawnTo(full, "--json", "--tcp", ANY_TCP_PORT, "--state", state);
      closeSync(full);
      assert.strictEqual(await emulator.ended(), 1);
      assert.match(emulator.stderr, /^ferry emulate: standard output cannot be written: [^\n]*ENOSPC[^\n]*\n$/);
      assert.deepEqual(readdirSync(state), [], "the folder is free; it ended before there was anything to keep");
    });

    it("goes on without the trace, whoever read that", async () => {
      const running = await start("--tcp", ANY_TCP_PORT, "--trace");
      const client = await clientOf(running);
      running.stopReading("stderr");
      for (let i = 0; i < 5; i++) await client.ask("ncp.ping", {});
      running.press("q");
      assert.strictEqual(await running.ended(), 0);
    });
  });

  describe("whose trace finds no room", () => {
    itOnLinux("says so once, goes on without it, and saves its state", async () => {
      const state = join(folder, "untraced");
      const running = await start("--tcp", ANY_TCP_PORT, "--state", state, `--trace=${FULL_DISK}`);
      const client = await clientOf(running);
      for (let i = 0; i < 5; i++) await client.ask("ncp.ping", {});
      await running.said(/ends here/);
      await client.ask("ncp.ping", {});
      running.press("q");
      assert.strictEqual(await running.ended(), 0);
      assert.match(running.stderr, /^ferry emulate: the trace in \/dev\/full ends here, [^\n]*ENOSPC[^\n]*\n$/);
      assert.deepEqual(readdirSync(state), [STATE_FILE]);
    });
  });

  describe("asked for what cannot be", () => {
    it("says so in one line, with exit code 2", async () => {
      const foreign = join(folder, "foreign");
      mkdirSync(foreign);
      writeFileSync(join(foreign, "diary.txt"), "dear diary");
      for (const [args, complaint] of [
        [["--fly"], /unknown option --fly: see --help/],
        [["--state", foreign], /foreign has other things in it, diary\.txt for one/],
        [
          ["--state", join(foreign, "diary.txt")],
          /the state cannot be kept in \S+diary\.txt: [^\n]+; name another folder/,
        ],
        [["--port", join(folder, "no-port"), "--json"], /the UART cannot come out at \S+no-port/],
      ] as const) {
        emulator = EmulatorProcess.spawn(...args);
        assert.strictEqual(await emulator.ended(), 2);
        assert.match(emulator.stderr, /^ferry emulate: [^\n]+\n$/);
        assert.match(emulator.stderr, complaint);
        assert.deepEqual(emulator.events, []);
      }
    });
  });
});
