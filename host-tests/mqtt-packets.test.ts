/** The codec of MQTT packets, against one that shares no line with it. */

import { assert } from "chai";
import { parseClientPacket } from "../host/peers/mqtt-packets.js";
import { Random } from "../host/sim/random.js";
import { publishPacket } from "../src/cloud/mqtt/packets.js";
import { parsePackets, randomPacket } from "./support/mqtt-packets.js";

describe("The parser of MQTT packets", () => {
  it("gives the same packets however the stream is cut", () => {
    const seed = 3_110;
    const random = new Random(seed);
    const packets = Array.from({ length: 300 }, (_, i) => randomPacket(random, i + 1));
    const stream = new Uint8Array(packets.reduce((sum, { length }) => sum + length, 0));
    packets.reduce((at, packet) => {
      stream.set(packet, at);
      return at + packet.length;
    }, 0);
    const whole = parsePackets(stream, () => stream.length);
    assert.lengthOf(whole, 300);
    assert.isTrue(whole.some((line) => line.startsWith("too long")));
    for (const most of [1, 3, 17, 700]) {
      assert.deepEqual(
        parsePackets(stream, () => 1 + random.below(most)),
        whole,
        `pieces up to ${most}, seed ${seed}`,
      );
    }
  });

  it("reads what the client writes", () => {
    for (const length of [0, 1, 100, 127, 128, 1000]) {
      const packet = publishPacket("ds/Größe", new Uint8Array(length).fill(66));
      const { packet: read, length: read_ } = parseClientPacket(packet) ?? {};
      assert.equal(read_, packet.length);
      assert.deepInclude(read, { kind: "publish", topic: "ds/Größe", payload: new Uint8Array(length).fill(66) });
    }
  });
});
