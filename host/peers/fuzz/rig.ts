/**
 * A whole Ferry, online and set up, for whatever comes over its UART: bytes go in as they are, and nobody answers.
 *
 * What must not happen is looked at from outside: its storage, its counters, the virtual clock's timers, and whether the
 * next good call is answered. What arrived well-formed is told by a parser of the simulated MCU's, not by Ferry's own.
 */

import { ByteReader, ByteWriter } from "../../../src/base/bytes.js";
import { FrameDecoder } from "../../../src/frame/decoder.js";
import type { NcpNews } from "../../../src/ncp.js";
import { type Args, type CallName, calls, callsServedBy, type Results } from "../../../src/rpc/catalogue.js";
import { type Decoded, encodeInvoke, readFields } from "../../../src/rpc/codec.js";
import { OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT, RpcStatus } from "../../../src/rpc/protocol.js";
import { Air } from "../../sim/air.js";
import { VirtualClock } from "../../sim/clock.js";
import { SimDevice } from "../../sim/device.js";
import { SimPins } from "../../sim/gpio.js";
import { Network } from "../../sim/network.js";
import { UartLine } from "../../sim/uart.js";
import { frameOf, McuParser } from "../mcu-framing.js";
import { type McuLine, mcuLineOf } from "../mcu-line.js";
import { NativeCloudServer } from "../native-cloud-server.js";

const BAUD = 38_400;
const BITS_PER_BYTE = 10;
const TOKEN = "0123456789abcdefghijklmnopqrstuv";
const CLOUD_HOST = "cloud.example";
const HOME = Object.freeze({ ssid: "home", password: "correct horse" });
/** A restart, a baud that nobody follows, a parser in the middle of half a frame: all are over by then. */
const ANSWER_PATIENCE_MS = 10_000;
const PARSER_BYTES = 16_384;

/** Records that only the MCU's own calls may change here. */
const SETTINGS = Object.freeze(["set.networks", "set.cloud", "set.vendor", "set.identity"]);
/** Those calls: what they do to the settings is theirs to say. */
const SETTING_CALLS: ReadonlySet<CallName> = new Set<CallName>([
  "blynk.setVendorPrefix",
  "blynk.setVendorServer",
  "blynk.configReset",
  "blynk.factoryReset",
  "ferry.setNetwork",
  "ferry.removeNetwork",
  "ferry.setCloud",
]);

/** Numbers that must not grow with what is fed in. */
export interface Sizes {
  readonly timers: number;
  readonly connections: number;
}

export class FuzzRig {
  readonly clock = new VirtualClock();
  readonly device: SimDevice;
  /** The last thing that a part of Ferry could not do: mostly what it was told to, and refused. */
  lastFault = "";
  /** Well-formed calls that reached Ferry, by name. */
  readonly delivered = new Map<CallName, number>();
  /** The longest that a good call had to be repeated until it was answered. */
  longestSilenceMs = 0;
  readonly #network = new Network(this.clock);
  readonly #cloud = new NativeCloudServer(this.clock, { tokens: [TOKEN] });
  readonly #line: McuLine;
  readonly #names = callsServedBy("ncp");
  readonly #judge = new McuParser({ bufferBytes: PARSER_BYTES, resyncsOnBeg: true });
  readonly #results = new Map<number, { status: number; payload: Uint8Array }>();
  #messageId = 0;
  #settings = new Map<string, Uint8Array>();
  #settingCalls = 0;

  constructor(seed: number) {
    const { clock } = this;
    const air = new Air(clock, this.#network);
    air.add(HOME);
    this.#network.listen(CLOUD_HOST, 443, this.#cloud.accept);
    const uart = new UartLine(clock, { seed });
    this.device = new SimDevice({
      clock,
      uart: uart.a,
      network: this.#network,
      pins: new SimPins(),
      online: { air, defaultHost: CLOUD_HOST },
      seed,
      onNews: (news) => this.#onNews(news),
    });
    this.#line = mcuLineOf(uart.b);
    const decoder = new FrameDecoder((payload, length) => this.#onPayload(payload, length));
    this.#line.onBytes = (bytes) => decoder.push(bytes);
    this.#line.setBaud(BAUD);
    this.device.powerOn();
    this.clock.runUntil(() => this.device.ncp !== undefined, 10_000, "Ferry's start");
    this.clock.advance(100);
    this.setUp();
  }

  /** Network, token and vendor, and an MCU that has initialized. */
  setUp(): void {
    this.ask("ferry.setNetwork", HOME);
    this.ask("ferry.setCloud", { host: "", port: 0, token: TOKEN });
    this.ask("blynk.setVendorPrefix", { vendor: "Acme" });
    this.ask("blynk.initialize", { templateId: "TMPL01", templateName: "Pump" });
    this.ask("ferry.connect", {});
    this.clock.advance(1_000);
    this.#settings = this.#readSettings();
    this.#settingCalls = this.#countSettingCalls();
  }

  /** Lets the bytes pass over the line, and some time after them. */
  send(bytes: Uint8Array, pauseMs = 0): void {
    for (const byte of bytes) if (this.#judge.push(byte)) this.#onDelivered(this.#judge.frame);
    this.#line.write(bytes);
    this.clock.advance((bytes.length * BITS_PER_BYTE * 1000) / BAUD + pauseMs);
  }

  /** Makes a good call until it is answered; throws when it is not, however often. */
  ask<N extends CallName>(name: N, args: Args<N>): Results<N> {
    const startMs = this.clock.now();
    while (this.clock.now() < startMs + ANSWER_PATIENCE_MS) {
      const result = this.#call(name, args);
      if (result?.status === RpcStatus.OK) {
        this.longestSilenceMs = Math.max(this.longestSilenceMs, this.clock.now() - startMs);
        const results = readFields(new ByteReader(result.payload), calls[name].resultFields);
        if (typeof results === "string") throw new Error(`${name} was answered with results that are ${results}`);
        return results as Results<N>;
      }
    }
    throw new Error(`${name} was not answered within ${ANSWER_PATIENCE_MS} ms`);
  }

  /** Throws when a setting has changed that nobody asked to change. Afterwards everything is set up as it was. */
  checkSettings(): void {
    this.#cloud.messages.length = 0; // nobody reads them
    const settingCalls = this.#countSettingCalls();
    if (settingCalls === this.#settingCalls) {
      const stored = this.#readSettings();
      for (const [key, value] of this.#settings) {
        if (!sameBytes(value, stored.get(key))) throw new Error(`the setting ${key} has changed`);
      }
      if (!this.ask("blynk.isConfigured", {}).ok) throw new Error("Ferry has lost its network or its token");
    } else this.setUp();
  }

  /** Well-formed calls that reached Ferry, all together. */
  get heard(): number {
    let count = 0;
    for (const times of this.delivered.values()) count += times;
    return count;
  }

  /** Durable operations so far: what storage has gone through. */
  get operations(): number {
    return this.device.power.operations;
  }

  get sizes(): Sizes {
    return { timers: this.device.timers, connections: this.#network.connections };
  }

  /** Handlers that threw, in Ferry's present life. */
  get handlerFaults(): number {
    return this.device.ncp?.counters.session.handlerFaults ?? 0;
  }

  #call<N extends CallName>(name: N, args: Args<N>): { status: number; payload: Uint8Array } | undefined {
    const writer = new ByteWriter(PARSER_BYTES);
    this.#messageId = (this.#messageId + 1) & 0xffff;
    const id = this.#messageId;
    encodeInvoke(writer, calls[name], id, args as Decoded);
    this.#results.clear();
    this.send(frameOf(writer.bytes, writer.length));
    const untilMs = this.clock.now() + calls[name].timeoutMs;
    while (!this.#results.has(id) && this.clock.step(untilMs));
    return this.#results.get(id);
  }

  #onDelivered(payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    const opcode = reader.u16();
    if (opcode !== OPCODE_INVOKE && opcode !== OPCODE_ONEWAY) return;
    const name = this.#names.get(reader.u16());
    if (name) this.delivered.set(name, (this.delivered.get(name) ?? 0) + 1);
  }

  #onPayload(payload: Uint8Array, length: number): void {
    const reader = new ByteReader(payload.slice(0, length));
    if (reader.u16() !== OPCODE_RESULT) return;
    const id = reader.u16();
    const status = reader.u8();
    this.#results.set(id, { status, payload: payload.slice(length - reader.remaining, length) });
  }

  #onNews(news: NcpNews): void {
    if (news.kind === "fault") this.lastFault = news.detail;
  }

  #countSettingCalls(): number {
    let count = 0;
    for (const name of SETTING_CALLS) count += this.delivered.get(name) ?? 0;
    return count;
  }

  #readSettings(): Map<string, Uint8Array> {
    const settings = new Map<string, Uint8Array>();
    for (const values of this.device.storage.keyValues.domains.values()) {
      for (const [key, value] of values) {
        if (SETTINGS.some((name) => key.startsWith(name))) settings.set(key, value.slice());
      }
    }
    return settings;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
