/** The emulator's rooms: its command line, keys, state folder, offers, and the board that a person sees. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "chai";
import { BadInput } from "../../host/cli/arguments.js";
import { listenForKeys } from "../../host/cli/emulate/keys.js";
import { parseOptions } from "../../host/cli/emulate/options.js";
import { Board } from "../../host/emulator/board.js";
import { Offers } from "../../host/emulator/offers.js";
import { beginningOf } from "../../host/emulator/process-lock.js";
import { LOCK_FILE, STATE_FILE, StateFolder } from "../../host/emulator/state-folder.js";
import { makeFirmware } from "../../host/peers/firmware.js";
import { NEW_FIRMWARE } from "../../host/peers/workbench.js";
import { SimPins } from "../../host/sim/gpio.js";
import { SimStorage } from "../../host/sim/storage.js";
import { takeSnapshot } from "../../host/sim/storage-snapshot.js";
import type { CallName } from "../../src/rpc/catalogue.js";
import type { Decoded } from "../../src/rpc/codec.js";
import { RpcStatus } from "../../src/rpc/protocol.js";

describe("The emulator's command line", () => {
  it("takes a pseudo-terminal for granted", () => {
    const { outlet, anyBaud, baud, json } = parseOptions([]);
    assert.deepEqual(
      { outlet, anyBaud, baud, json },
      { outlet: { kind: "pty" }, anyBaud: false, baud: undefined, json: false },
    );
  });

  it("takes a serial port, and TCP with names, IPv4 and IPv6", () => {
    assert.deepEqual(parseOptions(["--port", "/dev/ttyUSB0", "--baud", "9600"]).outlet, {
      kind: "port",
      path: "/dev/ttyUSB0",
    });
    for (const [text, host, port] of [
      ["127.0.0.1:4000", "127.0.0.1", 4000],
      ["localhost:0", "localhost", 0],
      ["[::1]:65535", "::1", 65_535],
    ] as const) {
      assert.deepEqual(parseOptions(["--tcp", text]).outlet, { kind: "tcp", host, port });
    }
  });

  it("names the access point around it, open or not", () => {
    assert.deepEqual(parseOptions([]).wifi, { ssid: "home", password: "password" });
    assert.deepEqual(parseOptions(["--wifi", "plant:a:b"]).wifi, { ssid: "plant", password: "a:b" });
    assert.deepEqual(parseOptions(["--wifi", "cafe"]).wifi, { ssid: "cafe", password: undefined });
  });

  it("speaks to a cloud natively or over MQTT, and polls a URL", () => {
    assert.deepInclude(parseOptions([]), { cloud: "native", poll: undefined });
    const url = "http://192.168.1.2:8000/pump.json";
    assert.deepInclude(parseOptions(["--cloud", "mqtt", "--poll", url]), { cloud: "mqtt", poll: url });
  });

  it("traces to standard error, or to a file behind an equals sign", () => {
    assert.strictEqual(parseOptions([]).trace, undefined);
    assert.strictEqual(parseOptions(["--trace"]).trace, "");
    assert.strictEqual(parseOptions(["--trace=a.txt"]).trace, "a.txt");
  });

  it("says what is wrong", () => {
    for (const [args, complaint] of [
      [["firmware.bin"], "belongs to no option"],
      [["--pty", "--tcp", "a:1"], "choose --pty or --tcp"],
      [["--tcp", "4000"], "is no address and port"],
      [["--tcp", "::1:4000"], "is no address and port"],
      [["--tcp", "a:65536"], "is no address and port"],
      [["--tcp", "a:1", "--any-baud"], "--any-baud is for a pseudo-terminal"],
      [["--baud", "300"], "is not a whole number of 1200"],
      [["--state"], "--state needs a value"],
      [["--offer="], "--offer needs a value"],
      [["--wifi", ""], "--wifi needs a value"],
      [["--cloud", "http"], '--cloud "http" is unknown: use native or mqtt'],
      [["--poll", "pump.json"], '--poll "pump.json" is no URL'],
    ] as const) {
      assert.throws(() => parseOptions(args), BadInput, complaint);
    }
  });
});

describe("Keys", () => {
  class Keyboard {
    isTTY = true;
    readonly modes: boolean[] = [];
    listener: ((bytes: Uint8Array) => void) | undefined;

    setRawMode(isRaw: boolean): void {
      this.modes.push(isRaw);
    }
    on(_event: "data", listener: (bytes: Uint8Array) => void): void {
      this.listener = listener;
    }
    off(): void {
      this.listener = undefined;
    }
    resume(): void {}
    pause(): void {}
  }

  it("are heard one at a time, Ctrl-C and Ctrl-D as q, and the terminal is given back", () => {
    const keyboard = new Keyboard();
    const keys: string[] = [];
    const stop = listenForKeys(keyboard, (key) => keys.push(key));
    keyboard.listener?.(Buffer.from("bB\x03\x04"));
    stop();
    assert.deepEqual(keys, ["b", "B", "q", "q"]);
    assert.deepEqual(keyboard.modes, [true, false]);
    assert.isUndefined(keyboard.listener);
  });

  it("come from a pipe as well", () => {
    const pipe = new Keyboard();
    pipe.isTTY = false;
    const keys: string[] = [];
    listenForKeys(pipe, (key) => keys.push(key));
    pipe.listener?.(Buffer.from("o"));
    assert.deepEqual(keys, ["o"]);
    assert.deepEqual(pipe.modes, []);
  });
});

describe("With a folder", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ferry-parts-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  describe("the state", () => {
    /** A storage that has something in each of its parts. */
    function usedStorage(): SimStorage {
      const storage = new SimStorage();
      storage.keyValues.domains.set("ferry", new Map([["update", Uint8Array.of(1, 2, 3)]]));
      storage.files.root.entries.set("images", {
        kind: "directory",
        entries: new Map([["0", { kind: "file", content: new Uint8Array(5000).fill(7), linked: true }]]),
      });
      storage.chip.program(Uint8Array.of(0xaa, 0x55), 0x19_0000);
      return storage;
    }

    it("is what was saved, when it is loaded", async () => {
      const storage = usedStorage();
      const first = new StateFolder(join(folder, "new"));
      assert.isFalse(first.load(new SimStorage()));
      await first.save(storage);
      await first.close();
      const loaded = new SimStorage();
      const second = new StateFolder(join(folder, "new"));
      assert.isTrue(second.load(loaded));
      assert.deepEqual(takeSnapshot(loaded), takeSnapshot(storage));
      await second.close();
    });

    it("is refused in every way in which it can be damaged", async () => {
      const state = new StateFolder(folder);
      await state.save(usedStorage());
      const file = join(folder, STATE_FILE);
      const good = readFileSync(file);
      const changed = (at: number) => good.map((byte, index) => (index === at ? byte ^ 1 : byte));
      for (const [bytes, complaint] of [
        [good.subarray(0, good.length - 1), "it is damaged"],
        [changed(good.length - 10), "it is damaged"],
        [changed(good.indexOf("\n") + 5), "it is damaged"],
        [Buffer.alloc(0), "it is no state of an emulator"],
        [Buffer.from("something else\n"), "it is no state of an emulator"],
        [Buffer.from("null\n"), "it is no state of an emulator"],
        [Buffer.from(good.toString("latin1").replace('"version":1', '"version":2'), "latin1"), "another release"],
      ] as const) {
        writeFileSync(file, bytes);
        assert.throws(() => state.load(new SimStorage()), `${file} cannot be used, ${complaint}`);
      }
      await state.close();
    });

    it("is not kept among other things", () => {
      writeFileSync(join(folder, "diary.txt"), "");
      assert.throws(() => new StateFolder(folder), "has other things in it, diary.txt for one");
    });

    it("belongs to one emulator at a time, as long as that lives", async () => {
      const lock = join(folder, LOCK_FILE);
      const state = new StateFolder(folder);
      assert.strictEqual(Number.parseInt(readFileSync(lock, "utf8"), 10), process.pid);
      assert.throws(() => new StateFolder(folder), `is in use by process ${process.pid}: end that one`);
      await state.close();
      assert.throws(() => readFileSync(lock), "ENOENT");
      for (const left of ["999999999\n", "999999999 long ago\n", "", "\n", "-1\n", "not a process\n"]) {
        writeFileSync(lock, left);
        await new StateFolder(folder).close();
      }
    });

    it("is free when the process id of a killed emulator belongs to another process by now", async () => {
      for (const stranger of [1, process.ppid, process.pid]) {
        const beginning = beginningOf(stranger);
        assert.isString(beginning, `process ${stranger}`);
        const lock = join(folder, LOCK_FILE);
        writeFileSync(lock, `${stranger} ${beginning}\n`);
        assert.throws(() => new StateFolder(folder), `is in use by process ${stranger}`);
        writeFileSync(lock, `${stranger} before ${beginning}\n`);
        await new StateFolder(folder).close();
      }
    });

    it("is left alone where nobody knows whose process it is, with a word about what to do", async () => {
      const lock = join(folder, LOCK_FILE);
      writeFileSync(lock, `${process.ppid}\n`);
      assert.throws(
        () => new StateFolder(folder),
        new RegExp(`is in use by process ${process.ppid}: .*remove .*${LOCK_FILE}`),
      );
      writeFileSync(lock, `${process.pid}\n`);
      await new StateFolder(folder).close();
    });

    it("needs a folder that can be made, and says at once where it cannot", () => {
      const places = [join(folder, "file", "below"), join(folder, "file"), "/proc/x", "/proc/x/y"];
      writeFileSync(join(folder, "file"), "");
      for (const place of places.filter((each) => !each.startsWith("/proc") || existsSync("/proc"))) {
        const sinceMs = Date.now();
        assert.throws(() => new StateFolder(place), /the state cannot be kept in .*; name another folder/);
        assert.isBelow(Date.now() - sinceMs, 1_000, place);
      }
    });
  });

  describe("an offer", () => {
    const image = makeFirmware(3000, NEW_FIRMWARE);

    it("is a file as it is now, and can be downloaded", async () => {
      const file = join(folder, "new firmware.bin");
      writeFileSync(file, makeFirmware(2000, undefined));
      const offers = new Offers(file);
      const { url, ...first } = await offers.next();
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/new_firmware\.bin$/);
      assert.deepInclude(first, { sizeBytes: 2000, type: "", version: "", build: "" });
      writeFileSync(file, image);
      const second = await offers.next();
      assert.deepInclude(second, { ...NEW_FIRMWARE, sizeBytes: 3000 });
      assert.deepEqual(new Uint8Array(await (await fetch(second.url)).arrayBuffer()), image);
      await offers.close();
    });

    it("is the newest file of a folder, and no hidden one", async () => {
      const offers = new Offers(folder);
      const problem = await offers.next().catch((error: Error) => error.message);
      assert.strictEqual(problem, `${folder} has no file in it`);
      for (const [name, bytes, atSeconds] of [
        ["b.bin", image, 2000],
        ["a.bin", new Uint8Array(10), 1000],
        [".c.bin", new Uint8Array(10), 3000],
      ] as const) {
        writeFileSync(join(folder, name), bytes);
        utimesSync(join(folder, name), atSeconds, atSeconds);
      }
      mkdirSync(join(folder, "d.bin"));
      assert.strictEqual((await offers.next()).sizeBytes, image.length);
      await offers.close();
    });

    it("is what a URL gives, or a sentence about why it gives nothing", async () => {
      writeFileSync(join(folder, "a.bin"), image);
      const server = new Offers(join(folder, "a.bin"));
      const { url } = await server.next();
      const offers = new Offers(url);
      assert.deepInclude(await offers.next(), { ...NEW_FIRMWARE, url, sizeBytes: image.length });
      const missing = await new Offers(`${url}x`).next().catch((error: Error) => error.message);
      assert.strictEqual(missing, `${url}x cannot be fetched: the server answers 404`);
      await server.close();
      const refused = await offers.next().catch((error: Error) => error.message);
      assert.match(String(refused), /^http:\S+ cannot be fetched: \w/);
    });
  });
});

describe("The board", () => {
  let pins: SimPins;
  let board: Board;

  beforeEach(() => {
    pins = new SimPins();
    board = new Board(pins);
  });

  function answered(name: CallName, args: Decoded, ok = true): void {
    board.onMessage({ kind: "result", id: 1, status: RpcStatus.OK, call: { name, args }, values: { ok } });
  }

  it("has no button and no light until the MCU has connected them", () => {
    answered("hw.initUserButton", { gpio: 4, activeLow: true }, false);
    assert.isFalse(board.hasButton);
    assert.isUndefined(board.color);
    assert.throws(() => {
      board.isPressed = true;
    }, "no button");
  });

  for (const [activeLow, released, pressed] of [
    [true, 1, 0],
    [false, 0, 1],
  ] as const) {
    it(`presses a button that is active ${activeLow ? "low" : "high"}`, () => {
      answered("hw.initUserButton", { gpio: 4, activeLow });
      assert.strictEqual(pins.level(4), released);
      board.isPressed = true;
      assert.strictEqual(pins.level(4), pressed);
      board.isPressed = false;
      assert.strictEqual(pins.level(4), released);
    });
  }

  it("keeps a finger on a button that the MCU connects anew", () => {
    answered("hw.initUserButton", { gpio: 4, activeLow: false });
    board.isPressed = true;
    answered("hw.initUserButton", { gpio: 5, activeLow: false });
    assert.strictEqual(pins.level(5), 1);
    assert.strictEqual(pins.level(4), 0);
  });

  it("shows what an LED, an RGB LED and a chain are lit with", () => {
    answered("hw.initLED", { gpio: 2, activeLow: true });
    pins.drive(2, 0.25);
    assert.deepEqual(board.color, [0.75, 0.75, 0.75]);
    answered("hw.initRGB", { gpioRed: 15, gpioGreen: 12, gpioBlue: 13, commonAnode: false });
    pins.drive(15, 1);
    pins.drive(13, 0.5);
    assert.deepEqual(board.color, [1, 0, 0.5]);
    answered("hw.initARGB", { gpio: 14, mode: 0, count: 3 });
    pins.send(14, [0xff0033, 0, 0]);
    assert.deepEqual(board.color, [1, 0, 0.2]);
  });
});
