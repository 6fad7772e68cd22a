/** The emulator's rooms: its command line, keys, state folder, offers, trace, and the board that a person sees. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "chai";
import { BadInput } from "../../host/cli/arguments.js";
import { listenForKeys } from "../../host/cli/emulate/keys.js";
import { parseOptions } from "../../host/cli/emulate/options.js";
import { Board } from "../../host/emulator/board.js";
import { messageText } from "../../host/emulator/messages.js";
import { Monitor } from "../../host/emulator/monitor.js";
import { Offers } from "../../host/emulator/offers.js";
import { STATE_FILE, StateFolder } from "../../host/emulator/state-folder.js";
import { makeFirmware } from "../../host/peers/firmware.js";
import { NEW_FIRMWARE } from "../../host/peers/workbench.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { SimPins } from "../../host/sim/gpio.js";
import { SimStorage } from "../../host/sim/storage.js";
import { takeSnapshot } from "../../host/sim/storage-snapshot.js";
import { UartLine } from "../../host/sim/uart.js";
import { ByteWriter } from "../../src/base/bytes.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { type Call, callNames, calls, type FieldType, type Side, type Value } from "../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult } from "../../src/rpc/codec.js";
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
      const lock = join(folder, "ferry.lock");
      writeFileSync(lock, `${process.ppid}\n`);
      assert.throws(() => new StateFolder(folder), `is in use by process ${process.ppid}`);
      writeFileSync(lock, "999999999\n");
      const state = new StateFolder(folder);
      assert.strictEqual(Number(readFileSync(lock, "utf8")), process.pid);
      await state.close();
      assert.throws(() => readFileSync(lock), "ENOENT");
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

describe("The trace", () => {
  let clock: VirtualClock;
  let uart: UartLine;
  let lines: string[];
  let monitor: Monitor;

  beforeEach(() => {
    clock = new VirtualClock();
    const room = { txFifoBytes: 8192, rxFifoBytes: 8192 };
    uart = new UartLine(clock, { a: room, b: room });
    uart.a.open(115_200);
    uart.b.open(115_200);
    lines = [];
    monitor = new Monitor({ clock, uart, trace: (line) => lines.push(line.replace(/^ +\d+\.\d{4} {2}/, "")) });
  });

  function send(from: Side, bytes: Uint8Array): void {
    (from === "mcu" ? uart.b : uart.a).write(bytes);
    clock.advance(500);
  }

  function frameOf(payload: Uint8Array): Uint8Array {
    const frame = new Uint8Array(2 * (payload.length + 2));
    return frame.slice(0, encodeFrame(payload, payload.length, frame));
  }

  function sendPayload(from: Side, write: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter(1536);
    write(writer);
    send(from, frameOf(writer.copy()));
  }

  const VALUES: Readonly<Record<FieldType, Value>> = {
    u8: 5,
    u16: 0x0101,
    i16: -90,
    u32: 115_200,
    i64: 1_700_000_000_000n,
    bool: true,
    string: 'a "b"',
    binary: Uint8Array.of(1, 2),
  };
  const valuesOf = (fields: Call["argFields"]): Decoded =>
    Object.fromEntries(fields.map(([name, type]) => [name, VALUES[type]]));

  it("has words for every call and every answer", () => {
    for (const name of callNames) {
      const call: Call = calls[name];
      const [asker, server]: Side[] = call.side === "ncp" ? ["mcu", "ncp"] : ["ncp", "mcu"];
      const arrow = asker === "mcu" ? "MCU > Ferry" : "Ferry > MCU";
      const args = valuesOf(call.argFields);
      sendPayload(asker as Side, (writer) =>
        call.kind === "oneway" ? encodeOneway(writer, call, args) : encodeInvoke(writer, call, 7, args),
      );
      const asked = lines.pop() ?? "";
      assert.include(asked, call.kind === "oneway" ? `${arrow}  ONEWAY ${name}` : `${arrow}  INVOKE ${name} #7`);
      for (const [field] of call.argFields) assert.include(asked, ` ${field} `);
      if (call.kind === "oneway") continue;
      sendPayload(server as Side, (writer) =>
        encodeResult(writer, 7, RpcStatus.OK, call.resultFields, valuesOf(call.resultFields)),
      );
      const answered = lines.pop() ?? "";
      assert.include(answered, `RESULT ${name} #7 OK`);
      for (const [field] of call.resultFields) assert.include(answered, ` ${field} `);
    }
    assert.deepEqual(lines, []);
    assert.strictEqual(monitor.counts.mcu.calls + monitor.counts.ncp.calls, callNames.length);
  });

  it("shortens long binaries, and names states and uids", () => {
    const value = new Uint8Array(100).fill(0xaa);
    sendPayload("mcu", (writer) => encodeOneway(writer, calls["blynk.virtualWrite"], { vpin: 3, value }));
    sendPayload("ncp", (writer) => encodeOneway(writer, calls["client.blynkStateChange"], { state: 10 }));
    sendPayload("mcu", (writer) => encodeInvoke(writer, calls["ncp.hasUID"], 1, { uid: 0x0341 }));
    assert.deepEqual(lines, [
      `MCU > Ferry  ONEWAY blynk.virtualWrite vpin 3, value 100 bytes${" aa".repeat(16)} ...`,
      "Ferry > MCU  ONEWAY client.blynkStateChange state 10 NOT_INITIALIZED",
      "MCU > Ferry  INVOKE ncp.hasUID #1 uid 0x0341 (blynk.otaUpdateStart)",
    ]);
  });

  it("tells of what the catalogue does not have, and of what it cannot match", () => {
    send("mcu", frameOf(Uint8Array.of(0xbc, 0x67, 0x99, 0x09, 1, 0)));
    send("ncp", frameOf(Uint8Array.of(0x12, 0xa5, 1, 0, 0x13)));
    send("mcu", frameOf(Uint8Array.of(0xbc, 0x67, 0x02, 0x03, 2, 0)));
    send("mcu", frameOf(Uint8Array.of(1)));
    assert.deepEqual(lines, [
      "MCU > Ferry  INVOKE unknown uid 0x0999 #1",
      "Ferry > MCU  RESULT of a call that nobody knows #1 UNKNOWN_UID",
      "MCU > Ferry  INVOKE blynk.setVendorPrefix #2 (too short)",
      "MCU > Ferry  no message of this protocol: 1 byte 01",
    ]);
  });

  it("says of a wrong CRC what it should be", () => {
    const frame = frameOf(Uint8Array.of(0xbc, 0x67, 0x01, 0x01, 2, 0));
    assert.strictEqual(frame[7], 0x70);
    frame[7] = 0x71;
    send("mcu", frame);
    assert.deepEqual(lines, [
      "MCU > Ferry  damaged frame, CRC-8 is wrong (71, should be 70): 9 bytes aa bc 67 01 01 02 00 71 bb",
    ]);
    assert.strictEqual(monitor.counts.mcu.damagedFrames, 1);
  });

  it("tells of frames that are cut short, and of text between them", () => {
    send("ncp", Buffer.from("[rpc port] started\r\n"));
    send("mcu", Uint8Array.of(0xaa, 0xbc, ...frameOf(Uint8Array.of(0xbc, 0x67, 0x01, 0x01, 2, 0)), 0xff));
    assert.deepEqual(lines, [
      'Ferry > MCU  outside of frames: "[rpc port] started\\r\\n"',
      "MCU > Ferry  damaged frame, cut short by the next frame: 2 bytes aa bc",
      "MCU > Ferry  INVOKE ncp.ping #2",
      "MCU > Ferry  outside of frames: 1 byte ff",
    ]);
    assert.strictEqual(monitor.counts.ncp.noiseBytes, 20);
  });

  it("puts bytes that nobody understands in one line, however they were written", () => {
    uart.b.setBaud(9600);
    for (const byte of [0xaa, 0xbc]) uart.b.write(Uint8Array.of(byte));
    clock.advance(100);
    uart.a.close();
    send("mcu", Uint8Array.of(0xbb));
    assert.deepEqual(lines, [
      "MCU > Ferry  at 9600 baud, and the other side listens at 115200: 2 bytes aa bc",
      "MCU > Ferry  at 9600 baud, and nobody listens: 1 byte bb",
    ]);
    assert.strictEqual(monitor.counts.mcu.unheardBytes, 3);
  });

  it("does not remember calls for ever that get no answer", () => {
    for (let id = 1; id <= 100; id++) sendPayload("mcu", (writer) => encodeInvoke(writer, calls["ncp.ping"], id, {}));
    lines.length = 0;
    sendPayload("ncp", (writer) => encodeResult(writer, 1, RpcStatus.OK));
    sendPayload("ncp", (writer) => encodeResult(writer, 100, RpcStatus.OK));
    assert.deepEqual(lines, [
      "Ferry > MCU  RESULT of a call that nobody knows #1 OK",
      "Ferry > MCU  RESULT ncp.ping #100 OK",
    ]);
  });

  it("tells no message of its own as text without a message", () => {
    assert.strictEqual(
      messageText({ kind: "unknown", bytes: new Uint8Array(0) }),
      "no message of this protocol: 0 bytes",
    );
  });
});

describe("The board", () => {
  let pins: SimPins;
  let board: Board;

  beforeEach(() => {
    pins = new SimPins();
    board = new Board(pins);
  });

  function answered(name: keyof typeof calls, args: Decoded, ok = true): void {
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
