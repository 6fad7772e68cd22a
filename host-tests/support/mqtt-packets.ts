/** Packets as brokers send them, at random, and what the firmware's parser makes of a stream of them. */

import { connack, mqttPacket, pingresp, publish, suback } from "../../host/peers/mqtt-packets.js";
import { asciiText } from "../../host/sim/ascii.js";
import type { Random } from "../../host/sim/random.js";
import { PacketParser, type PacketSink } from "../../src/cloud/mqtt/packets.js";

/** What comes out of a stream that is pushed in pieces. */
export function parsePackets(stream: Uint8Array, pieceOf: () => number): string[] {
  const out: string[] = [];
  const sink: PacketSink = {
    onConnack: (code) => out.push(`connack ${code}`),
    onSuback: (id, codes) => out.push(`suback ${id} ${codes.join()}`),
    onPublish: (topic, payload, { id }) => out.push(`publish ${topic} ${asciiText(payload)} ${id}`),
    onTooLong: (topic, length, { id }) => out.push(`too long ${topic} ${length} ${id}`),
    onOther: () => out.push("other"),
    onBroken: () => out.push("broken"),
  };
  const parser = new PacketParser(1024, sink);
  for (let at = 0; at < stream.length; ) {
    const length = Math.max(1, pieceOf());
    parser.push(stream.subarray(at, at + length));
    at += length;
  }
  return out;
}

export function randomPacket(random: Random, id: number): Uint8Array {
  const length = random.chance(0.1) ? 1000 + random.below(3_000) : random.below(200);
  const topic = `downlink/${"t".repeat(random.chance(0.1) ? 200 + random.below(200) : random.below(9))}`;
  const packets = [
    () => publish(topic, "x".repeat(length), random.chance(0.5) ? id : undefined),
    () => pingresp(),
    () => suback(id, [0, 1]),
    () => connack(0),
    () => mqttPacket(0x40, [0, id & 0xff]),
  ];
  return packets[random.below(packets.length)]?.() ?? pingresp();
}
