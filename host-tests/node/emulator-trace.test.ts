/** What the emulator's trace makes of the bytes on the line. */

import { assert } from "chai";
import { messageText } from "../../host/emulator/messages.js";
import { Monitor } from "../../host/emulator/monitor.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { UartLine } from "../../host/sim/uart.js";
import { ByteWriter } from "../../src/base/bytes.js";
import { encodeFrame } from "../../src/frame/encoder.js";
import { type Call, callNames, calls, type FieldType, type Side, type Value } from "../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, encodeOneway, encodeResult } from "../../src/rpc/codec.js";
import { RpcStatus } from "../../src/rpc/protocol.js";

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
