/**
 * Frames of the protocol's own documents, byte group by byte group: what each group means, and the message that all
 * of them make.
 */

import type { CallName } from "../../src/rpc/catalogue.js";
import type { Decoded } from "../../src/rpc/codec.js";
import { NcpEvent, NcpState, RpcStatus } from "../../src/rpc/protocol.js";
import { toHex } from "./ncp-stub.js";

export type Message =
  | { readonly invoke: CallName; readonly id: number; readonly args: Decoded }
  | { readonly oneway: CallName; readonly args: Decoded }
  | { readonly answerTo: CallName; readonly id: number; readonly status: number; readonly results: Decoded };

export interface NamedFrame {
  readonly name: string;
  /** Groups of bytes as they cross the wire, each with its meaning. */
  readonly wire: readonly (readonly [hex: string, meaning: string])[];
  readonly message: Message;
}

const BEGIN = ["aa", "BEGIN"] as const;
const END = ["bb", "END"] as const;
const INVOKE = ["bc67", "INVOKE"] as const;
const RESULT = ["12a5", "RESULT"] as const;
const ONEWAY = ["f31c", "ONEWAY"] as const;
const OK = ["00", "status OK"] as const;
const TRUE = ["01", "true"] as const;

function ping(id: number, idHex: string, crcHex: string, note = "CRC-8"): NamedFrame {
  return {
    name: `ping, message ${id}`,
    wire: [BEGIN, INVOKE, ["0101", "ncp.ping"], [idHex, "message id"], [crcHex, note], END],
    message: { invoke: "ncp.ping", id, args: {} },
  };
}

/** ASCII and a NUL. */
const text = (value: string): string => `${toHex(Array.from(value, (letter) => letter.charCodeAt(0)))}00`;

export const NAMED_FRAMES: readonly NamedFrame[] = [
  ping(2, "0200", "70"),
  ping(92, "5c00", "cc55", "CRC-8 AA, escaped"),
  ping(125, "7d00", "ccee", "CRC-8 11, escaped"),
  ping(144, "9000", "cc44", "CRC-8 BB, escaped"),
  ping(250, "fa00", "cc33", "CRC-8 CC, escaped"),
  {
    name: "answer to ping",
    wire: [BEGIN, RESULT, ["0200", "message id 2"], OK, ["91", "CRC-8"], END],
    message: { answerTo: "ncp.ping", id: 2, status: 0, results: {} },
  },
  {
    name: "initialize",
    wire: [
      BEGIN,
      INVOKE,
      ["0103", "blynk.initialize"],
      ["0600", "message id 6"],
      [text("TMPL0vFkFmJM7"), "template id"],
      [text("QPower"), "template name"],
      ["68", "CRC-8"],
      END,
    ],
    message: {
      invoke: "blynk.initialize",
      id: 6,
      args: { templateId: "TMPL0vFkFmJM7", templateName: "QPower" },
    },
  },
  {
    name: "answer to initialize",
    wire: [BEGIN, RESULT, ["0600", "message id 6"], OK, TRUE, ["a1", "CRC-8"], END],
    message: { answerTo: "blynk.initialize", id: 6, status: 0, results: { ok: true } },
  },
  {
    name: "setUartBaudRate(115200)",
    wire: [
      BEGIN,
      INVOKE,
      ["0102", "hw.setUartBaudRate"],
      ["0300", "message id 3"],
      ["00c20100", "115200"],
      ["33", "CRC-8"],
      END,
    ],
    message: { invoke: "hw.setUartBaudRate", id: 3, args: { baud: 115_200 } },
  },
  {
    name: "initUserButton(4, true), its uid and id escaped",
    wire: [
      BEGIN,
      INVOKE,
      ["ccee02", "hw.initUserButton: 11 escaped, 02"],
      ["ccee00", "message id 17: 11 escaped, 00"],
      ["0400", "GPIO 4"],
      ["01", "active low"],
      ["f7", "CRC-8"],
      END,
    ],
    message: { invoke: "hw.initUserButton", id: 0x11, args: { gpio: 4, activeLow: true } },
  },
  {
    name: "refusal of an unknown uid",
    wire: [
      BEGIN,
      RESULT,
      ["ccee00", "message id 17: 11 escaped, 00"],
      ["ccec", "status 13, escaped: unknown uid"],
      ["f7", "CRC-8"],
      END,
    ],
    message: { answerTo: "hw.initUserButton", id: 0x11, status: RpcStatus.UNKNOWN_UID, results: {} },
  },
  {
    name: "refusal of bad arguments",
    wire: [BEGIN, RESULT, ["0800", "message id 8"], ["15", "status: bad arguments"], ["7d", "CRC-8"], END],
    message: { answerTo: "ncp.hasUID", id: 8, status: RpcStatus.ARGS_READ, results: {} },
  },
  {
    name: "getState",
    wire: [BEGIN, INVOKE, ["0603", "blynk.getState"], ["0700", "message id 7"], ["85", "CRC-8"], END],
    message: { invoke: "blynk.getState", id: 7, args: {} },
  },
  {
    name: "answer to getState",
    wire: [BEGIN, RESULT, ["0700", "message id 7"], OK, ["05", "connected"], ["ab", "CRC-8"], END],
    message: { answerTo: "blynk.getState", id: 7, status: 0, results: { state: NcpState.CONNECTED } },
  },
  {
    name: "answer to getNcpVersion: the out-argument, then the return value",
    wire: [BEGIN, RESULT, ["0500", "message id 5"], OK, [text("0.7.0"), "version"], TRUE, ["fa", "CRC-8"], END],
    message: { answerTo: "blynk.getNcpVersion", id: 5, status: 0, results: { version: "0.7.0", ok: true } },
  },
  {
    name: "virtualWrite(1, hello)",
    wire: [
      BEGIN,
      ONEWAY,
      ["ccee03", "blynk.virtualWrite: 11 escaped, 03"],
      ["0100", "virtual pin 1"],
      ["0500", "5 bytes"],
      ["68656c6c6f", "hello, without a NUL"],
      ["7f", "CRC-8"],
      END,
    ],
    message: {
      oneway: "blynk.virtualWrite",
      args: { vpin: 1, value: Uint8Array.of(0x68, 0x65, 0x6c, 0x6c, 0x6f) },
    },
  },
  {
    name: "virtualWrite(170, two values)",
    wire: [
      BEGIN,
      ONEWAY,
      ["ccee03", "blynk.virtualWrite: 11 escaped, 03"],
      ["cc5500", "virtual pin 170: AA escaped, 00"],
      ["0300", "3 bytes"],
      ["610062", "a and b, joined by a NUL"],
      ["ab", "CRC-8"],
      END,
    ],
    message: { oneway: "blynk.virtualWrite", args: { vpin: 0xaa, value: Uint8Array.of(0x61, 0, 0x62) } },
  },
  {
    name: "blynkStateChange(connected)",
    wire: [BEGIN, ONEWAY, ["ccee04", "client.blynkStateChange"], ["05", "connected"], ["a6", "CRC-8"], END],
    message: { oneway: "client.blynkStateChange", args: { state: NcpState.CONNECTED } },
  },
  {
    name: "blynkVPinChange(17, 1)",
    wire: [
      BEGIN,
      ONEWAY,
      ["1204", "client.blynkVPinChange"],
      ["ccee00", "virtual pin 17: 11 escaped, 00"],
      ["0100", "1 byte"],
      ["31", "the text 1"],
      ["ac", "CRC-8"],
      END,
    ],
    message: { oneway: "client.blynkVPinChange", args: { vpin: 17, value: Uint8Array.of(0x31) } },
  },
  {
    name: "processEvent(the NCP reboots)",
    wire: [BEGIN, ONEWAY, ["2104", "client.processEvent"], ["01", "the NCP reboots"], ["5b", "CRC-8"], END],
    message: { oneway: "client.processEvent", args: { event: NcpEvent.NCP_REBOOTING } },
  },
  {
    name: "processEvent(reset cancelled)",
    wire: [BEGIN, ONEWAY, ["2104", "client.processEvent"], ["ccee", "event 17, escaped"], ["2b", "CRC-8"], END],
    message: { oneway: "client.processEvent", args: { event: NcpEvent.RESET_CANCEL } },
  },
  {
    name: "ping of the MCU",
    wire: [BEGIN, INVOKE, ["8101", "mcu.ping"], ["0100", "message id 1"], ["7e", "CRC-8"], END],
    message: { invoke: "mcu.ping", id: 1, args: {} },
  },
  {
    name: "answer of the MCU to ping",
    wire: [BEGIN, RESULT, ["0100", "message id 1"], OK, ["2c", "CRC-8"], END],
    message: { answerTo: "mcu.ping", id: 1, status: 0, results: {} },
  },
  {
    name: "otaUpdateAvailable",
    wire: [
      BEGIN,
      INVOKE,
      ["4104", "client.otaUpdateAvailable"],
      ["0900", "message id 9"],
      [text("fw.bin"), "file name"],
      ["724e0000", "20082 bytes"],
      [text("TMPLabcd1234"), "firmware type"],
      [text("0.5.0"), "version"],
      [text("Mar 05 2024 18:29:27"), "build"],
      ["c1", "CRC-8"],
      END,
    ],
    message: {
      invoke: "client.otaUpdateAvailable",
      id: 9,
      args: {
        filename: "fw.bin",
        sizeBytes: 20_082,
        type: "TMPLabcd1234",
        version: "0.5.0",
        build: "Mar 05 2024 18:29:27",
      },
    },
  },
  {
    name: "otaUpdateWrite of 16 bytes",
    wire: [
      BEGIN,
      INVOKE,
      ["4204", "client.otaUpdateWrite"],
      ["0a00", "message id 10"],
      ["00000000", "offset 0"],
      ["1000", "16 bytes"],
      ["000102030405060708090a0b0c0d0e0f", "the chunk"],
      ["88e2cece", "its CRC-32"],
      ["48", "CRC-8"],
      END,
    ],
    message: {
      invoke: "client.otaUpdateWrite",
      id: 10,
      args: { offset: 0, chunk: Uint8Array.from({ length: 16 }, (_, i) => i), crc32: 0xcece_e288 },
    },
  },
  {
    name: "otaUpdateStart(1024)",
    wire: [
      BEGIN,
      INVOKE,
      ["4103", "blynk.otaUpdateStart"],
      ["cc3300", "message id 204: CC escaped, 00"],
      ["0004", "1024 bytes"],
      ["62", "CRC-8"],
      END,
    ],
    message: { invoke: "blynk.otaUpdateStart", id: 0xcc, args: { chunkBytes: 1024 } },
  },
  {
    name: "answer to otaUpdateGetCRC32",
    wire: [BEGIN, RESULT, ["0c00", "message id 12"], OK, ["2639f4cb", "CRC-32"], TRUE, ["af", "CRC-8"], END],
    message: { answerTo: "blynk.otaUpdateGetCRC32", id: 12, status: 0, results: { crc32: 0xcbf4_3926, ok: true } },
  },
];
