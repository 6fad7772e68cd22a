/** From the MCU to the cloud: paced, merged, bounded, and kept while the cloud is away. */

import { assert } from "chai";
import { asciiBytes } from "../host/sim/ascii.js";
import { VirtualClock } from "../host/sim/clock.js";
import { Random } from "../host/sim/random.js";
import { MESSAGES_PER_SECOND_MAX, PACE_WINDOW_MS } from "../src/cloud/pace.js";
import { GROUP_OPEN_MS_MAX, UPLINK_BYTES_MAX, Uplink } from "../src/cloud/uplink.js";
import { REFUSALS_MAX, type UplinkSource } from "../src/cloud/uplink-pump.js";
import { ListingTransport } from "./support/listing-transport.js";

/** Ferry's own messages: it has them all at once. */
class Source implements UplinkSource {
  readonly transport: ListingTransport;
  readonly texts: string[] = [];
  readonly ends: boolean[] = [];

  constructor(transport: ListingTransport) {
    this.transport = transport;
  }

  get next() {
    const [text] = this.texts;
    return text === undefined ? undefined : () => this.transport.logEvent("own", text);
  }
  onDone(hasLeft: boolean): void {
    this.ends.push(hasLeft);
    this.texts.shift();
  }
  onCloudUp(): void {}
  onCloudLost(): void {}
}

function makeBench({ tellsTime = false, wallTimeMs = undefined as number | undefined, marksGroups = true } = {}) {
  const clock = new VirtualClock();
  const transport = new ListingTransport(clock, marksGroups);
  const uplink = new Uplink({
    clock,
    transport,
    tellsTime: () => tellsTime,
    wallTimeMs: () => (wallTimeMs === undefined ? undefined : wallTimeMs + clock.now()),
  });
  const source = new Source(transport);
  uplink.join(source);
  const write = (vpin: number, value: string) => uplink.virtualWrite(vpin, asciiBytes(value));
  /** As long as the transport takes: its ruler measures as it does. */
  const limit = (longest: number) => {
    transport.longest = longest;
    transport.ruler.longest = longest;
  };
  return { clock, transport, uplink, source, write, limit };
}

describe("the uplink, with the cloud up", () => {
  it("sends at once what is within the burst, in order", () => {
    const { transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    write(1, "a");
    uplink.logEvent("hot", "80");
    uplink.setMetadata("Serial", "7");
    write(1, "b");
    assert.deepEqual(transport.whats, ["V1=a", "event hot 80", "meta Serial=7", "V1=b"]);
  });

  it("never sends faster than the cloud allows, whatever the MCU does", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    for (let tick = 0; tick < 5_000; tick++) {
      write(tick % 40, String(tick));
      clock.advance(2);
    }
    assert.isAtMost(transport.mostInSecond, MESSAGES_PER_SECOND_MAX);
    assert.isAtLeast(transport.sent.length, (10_000 / PACE_WINDOW_MS) * MESSAGES_PER_SECOND_MAX);
    assert.isAtMost(transport.sent.length, (10_000 / PACE_WINDOW_MS + 1) * MESSAGES_PER_SECOND_MAX);
  });

  it("sends the newest value of a pin that waits, and the last one always", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    for (let i = 0; i <= 500; i++) write(1, String(i));
    clock.advance(PACE_WINDOW_MS);
    assert.equal(transport.whats.at(-1), "V1=500");
    assert.equal(transport.sent.length, MESSAGES_PER_SECOND_MAX + 1);
    assert.equal(uplink.counters.merged, 500 - MESSAGES_PER_SECOND_MAX);
  });

  it("copies values: the MCU's message is gone when they leave", () => {
    const { clock, transport, uplink } = makeBench();
    const value = Uint8Array.of(65);
    uplink.virtualWrite(1, value);
    value[0] = 66;
    uplink.onCloudUp();
    clock.advance(100);
    assert.deepEqual(transport.whats, ["V1=A"]);
  });

  it("keeps what the transport has no room for, and sends it later", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    transport.takes = false;
    write(1, "a");
    assert.equal(transport.refusals, 1);
    transport.takes = true;
    clock.advance(2_000);
    assert.deepEqual(transport.whats, ["V1=a"]);
  });

  it("asks a transport without room no more often because the MCU writes, and loses nothing meanwhile", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    transport.takes = false;
    uplink.logEvent("hot", "80");
    for (let i = 0; i < 300; i++) {
      write(1, String(i));
      clock.advance(100);
    }
    assert.isAtMost(transport.refusals, 31);
    assert.isAbove(transport.refusals, 25);
    transport.takes = true;
    clock.advance(1_000);
    assert.deepEqual(transport.whats, ["event hot 80", "V1=299"]);
    assert.equal(uplink.counters.refused, 0);
  });

  it("refuses at once what no message can hold, and holds nothing up for it", () => {
    const { transport, uplink, write, limit } = makeBench();
    limit(20);
    uplink.onCloudUp();
    const long = "x".repeat(30);
    assert.isFalse(write(1, long));
    assert.isFalse(uplink.setProperty(1, "label", asciiBytes(long)));
    assert.isFalse(uplink.logEvent("hot", long));
    assert.isFalse(uplink.setMetadata("Serial", long));
    assert.isTrue(write(2, "ok"));
    assert.deepEqual(transport.whats, ["V2=ok"]);
    assert.deepEqual([uplink.counters.refused, transport.ruler.refusals, transport.refusals], [4, 4, 0]);
  });

  it("keeps the newest value that could be sent when one of its pin cannot", () => {
    const { transport, uplink, write, limit } = makeBench();
    limit(20);
    write(1, "good");
    assert.isFalse(write(1, "x".repeat(30)));
    uplink.onCloudUp();
    assert.deepEqual(transport.whats, ["V1=good"]);
  });

  it("leaves out a message that the transport refuses for minutes, and nothing else", () => {
    const { clock, transport, uplink, write } = makeBench();
    transport.dislikes = "V1";
    uplink.onCloudUp();
    write(1, "a");
    write(2, "b");
    clock.advance((REFUSALS_MAX - 2) * 1_000);
    assert.deepEqual(transport.whats, []);
    clock.advance(2_000);
    assert.deepEqual(transport.whats, ["V2=b"]);
    assert.deepEqual([uplink.counters.refused, transport.refusals], [1, REFUSALS_MAX]);
  });

  it("asks for many pins in several messages, each once", () => {
    const { clock, transport, uplink } = makeBench();
    uplink.onCloudUp();
    const pins = Array.from({ length: 40 }, (_, pin) => String(pin));
    assert.isTrue(uplink.syncVirtual(asciiBytes(pins.join("\0"))));
    clock.advance(1_000);
    assert.lengthOf(transport.sent, 3);
    assert.deepEqual(
      transport.whats.flatMap((what) => what.slice("sync ".length).split("\0")),
      pins,
    );
  });
});

describe("the uplink, with a group", () => {
  it("sends the group when it ends, as a whole", () => {
    const { transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(5n);
    write(1, "a");
    uplink.setProperty(1, "color", Uint8Array.of(82));
    write(1, "b");
    assert.deepEqual(transport.whats, []);
    assert.isTrue(uplink.endGroup());
    assert.deepEqual(transport.whats, ["begin 5", "V1=a", "V1.color=R", "V1=b", "end"]);
  });

  it("ends a group that the next one begins in, forgets an empty one, and knows no end without a begin", () => {
    const { transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    assert.isFalse(uplink.endGroup());
    uplink.beginGroup(0n);
    uplink.endGroup();
    uplink.beginGroup(1n);
    write(1, "a");
    uplink.beginGroup(2n);
    write(2, "b");
    uplink.endGroup();
    assert.deepEqual(transport.whats, ["begin 1", "V1=a", "end", "begin 2", "V2=b", "end"]);
  });

  it("sends what an MCU had gathered when it restarted in the middle of it", () => {
    const { transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(0n);
    write(1, "a");
    uplink.onMcuRestarted();
    write(2, "b");
    assert.deepEqual(transport.whats, ["begin 0", "V1=a", "end", "V2=b"]);
  });

  it("takes in values and properties alone: events, metadata and syncs do not wait for its end", () => {
    const { transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(0n);
    write(1, "a");
    uplink.logEvent("hot", "80");
    uplink.resolveEvent("cold");
    uplink.resolveAllEvents("cold");
    uplink.syncAll();
    uplink.syncVirtual(asciiBytes("7"));
    uplink.setMetadata("Serial", "7");
    const free = ["event hot 80", "resolve cold", "resolve all cold", "sync", "sync 7", "meta Serial=7"];
    assert.deepEqual(transport.whats, free);
    uplink.endGroup();
    assert.deepEqual(transport.whats, [...free, "begin 0", "V1=a", "end"]);
  });

  it("ends one that its MCU leaves open, and goes on without it", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(5n);
    write(1, "a");
    clock.advance(GROUP_OPEN_MS_MAX - 1);
    write(2, "b");
    assert.deepEqual(transport.whats, []);
    clock.advance(1);
    assert.deepEqual(transport.whats, ["begin 5", "V1=a", "V2=b", "end"]);
    write(3, "c");
    assert.deepEqual(transport.whats.slice(4), ["V3=c"]);
    assert.isFalse(uplink.endGroup());
    assert.deepEqual(uplink.counters, { sent: 5, merged: 0, dropped: 0, refused: 0 });
  });

  it("sends one that is too large in parts of the same time, and loses nothing that the buffer holds", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(5n);
    const values = Array.from({ length: 100 }, (_, i) => `V${i}=v${i}`);
    for (let i = 0; i < 100; i++) assert.isTrue(write(i, `v${i}`));
    uplink.endGroup();
    clock.advance(60_000);
    assert.deepEqual(
      transport.whats.filter((what) => what.startsWith("V")),
      values,
    );
    assert.deepEqual(
      transport.whats.filter((what) => !what.startsWith("V")),
      Array.from({ length: 4 }, () => ["begin 5", "end"]).flat(),
    );
    assert.deepEqual([uplink.counters.dropped, uplink.counters.refused], [0, 0]);
  });

  it("counts each value of one that is larger than the buffer, and sends all others in order", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(0n);
    for (let i = 0; i < 1_000; i++) {
      write(i, "1");
      clock.advance(5);
    }
    uplink.endGroup();
    clock.advance(120_000);
    const pins = transport.whats.flatMap((what) => (what.startsWith("V") ? [Number(what.slice(1, -2))] : []));
    assert.equal(pins.length + uplink.counters.dropped, 1_000);
    assert.isAbove(uplink.counters.dropped, 0);
    assert.isAtLeast(pins.length, Math.floor(UPLINK_BYTES_MAX / 20));
    assert.deepEqual(
      pins,
      [...pins].sort((a, b) => a - b),
    );
    assert.equal(pins.at(-1), 999);
    assert.deepEqual(transport.whats.slice(-1), ["end"]);
  });

  it("goes on without what no message can hold, and ends", () => {
    const { clock, transport, uplink, write, limit } = makeBench();
    limit(20);
    uplink.onCloudUp();
    uplink.beginGroup(5n);
    write(1, "a");
    assert.isFalse(write(2, "x".repeat(30)));
    write(3, "c");
    uplink.endGroup();
    write(4, "d");
    clock.advance(60_000);
    assert.deepEqual(transport.whats, ["begin 5", "V1=a", "V3=c", "end", "V4=d"]);
    assert.equal(uplink.counters.refused, 1);
  });

  it("leaves out a value of one that the transport refuses for minutes, and ends it all the same", () => {
    const { clock, transport, uplink, write } = makeBench();
    transport.dislikes = "V1";
    uplink.onCloudUp();
    uplink.beginGroup(5n);
    write(1, "a");
    write(2, "b");
    uplink.endGroup();
    write(3, "c");
    clock.advance(REFUSALS_MAX * 1_000);
    assert.deepEqual(transport.whats, ["begin 5", "V2=b", "end", "V3=c"]);
    assert.equal(uplink.counters.refused, 1);
  });

  it("ends one that the buffer has no room for any more in the middle of its way", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(5n);
    for (let i = 0; i < 20; i++) write(i, "a");
    uplink.endGroup();
    transport.takes = false;
    const before = transport.whats.length;
    assert.isAbove(before, 1);
    assert.isBelow(before, 21);
    for (let i = 0; i < 200; i++) uplink.logEvent("hot", "x".repeat(50));
    const { dropped } = uplink.counters;
    assert.isAbove(dropped, 20);
    transport.takes = true;
    clock.advance(120_000);
    assert.deepEqual(transport.whats[before], "end");
    assert.isTrue(transport.whats.slice(before + 1).every((what) => what.startsWith("event")));
    assert.equal(uplink.counters.dropped, dropped);
  });

  it("does not let a value overtake one of its pin in a group", () => {
    const { clock, transport, uplink, write } = makeBench();
    write(1, "1");
    uplink.beginGroup(0n);
    write(1, "2");
    uplink.endGroup();
    write(1, "3");
    write(1, "4");
    uplink.onCloudUp();
    clock.advance(5_000);
    assert.deepEqual(transport.whats, ["V1=1", "begin 0", "V1=2", "end", "V1=4"]);
    assert.equal(uplink.counters.merged, 1);
  });

  it("sends a group anew whose connection broke in its middle", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(0n);
    for (let i = 0; i < 15; i++) write(i, "a");
    uplink.endGroup();
    clock.advance(200);
    const before = transport.sent.length;
    assert.isAbove(before, 1);
    assert.isBelow(before, 17);
    uplink.onCloudLost();
    clock.advance(60_000);
    assert.equal(transport.sent.length, before);
    uplink.onCloudUp();
    clock.advance(60_000);
    assert.deepEqual(transport.whats.slice(before).at(0), "begin 0");
    assert.equal(transport.sent.length - before, 17);
  });
});

describe("the uplink, with the cloud away", () => {
  it("keeps the last value of each pin while the time is unknown", () => {
    const { clock, transport, uplink, write } = makeBench({ tellsTime: true });
    for (let i = 0; i < 5; i++) {
      write(1, `a${i}`);
      write(2, `b${i}`);
    }
    uplink.onCloudUp();
    clock.advance(5_000);
    assert.deepEqual(transport.whats, ["V1=a4", "V2=b4"]);
  });

  it("keeps each value with its time where the transport can tell it", () => {
    const { clock, transport, uplink, write } = makeBench({ tellsTime: true, wallTimeMs: 1_700_000_000_000 });
    write(1, "a");
    clock.advance(60_000);
    write(1, "b");
    uplink.onCloudUp();
    clock.advance(5_000);
    assert.deepEqual(transport.whats, ["begin 1700000000000", "V1=a", "end", "begin 1700000060000", "V1=b", "end"]);
  });

  it("keeps the time at which a group of now was, for it will leave later", () => {
    const { clock, transport, uplink, write } = makeBench({ tellsTime: true, wallTimeMs: 1_700_000_000_000 });
    uplink.beginGroup(0n);
    write(1, "a");
    uplink.endGroup();
    uplink.beginGroup(5n);
    write(1, "b");
    uplink.endGroup();
    clock.advance(60_000);
    uplink.onCloudUp();
    assert.deepEqual(transport.whats, ["begin 1700000000000", "V1=a", "end", "begin 5", "V1=b", "end"]);
  });

  describe("for thirty days", () => {
    const DAY_MS = 24 * 3_600_000;
    const START_MS = 1_700_000_000_000;

    /** A value an hour of each of three pins, an event a day. */
    function stayAway({ clock, uplink, write }: ReturnType<typeof makeBench>): void {
      for (let hour = 0; hour < 30 * 24; hour++) {
        for (let pin = 0; pin < 3; pin++) write(pin, `${hour}`);
        if (hour % 24 === 0) uplink.logEvent("day", `${hour / 24}`);
        clock.advance(DAY_MS / 24);
      }
    }

    it("keeps the newest of a series, in order, each with its time, and counts the rest", () => {
      const bench = makeBench({ tellsTime: true, wallTimeMs: START_MS, marksGroups: false });
      const { clock, transport, uplink } = bench;
      stayAway(bench);
      const { waiting } = uplink;
      assert.equal(waiting + uplink.counters.dropped, 30 * 24 * 3 + 30);
      assert.isAtLeast(waiting, 180);
      uplink.onCloudUp();
      clock.advance(120_000);
      assert.equal(uplink.waiting, 0);
      const hours = transport.whats.flatMap((what, i) => {
        const [, hour] = /^V\d=(\d+)$/.exec(what) ?? [];
        if (hour === undefined) return [];
        assert.equal(transport.whats[i - 1], `begin ${START_MS + Number(hour) * (DAY_MS / 24)}`);
        assert.equal(transport.whats[i + 1], "end");
        return [Number(hour)];
      });
      const first = hours[0] as number;
      assert.deepEqual(
        hours.slice(-3 * (719 - first)),
        Array.from({ length: 3 * (719 - first) }, (_, i) => first + 1 + Math.floor(i / 3)),
      );
      const days = transport.whats.filter((what) => what.startsWith("event"));
      assert.equal(days.at(-1), "event day 29");
      assert.equal(days.length + hours.length, waiting);
      assert.isAtMost(transport.sent.filter(({ what }) => !/^(begin|end)/.test(what)).length, waiting);
    });

    it("keeps the last value of each pin and all events where no time can be told", () => {
      const bench = makeBench();
      const { clock, transport, uplink } = bench;
      stayAway(bench);
      assert.equal(uplink.counters.dropped, 0);
      assert.equal(uplink.counters.merged, 3 * 719);
      uplink.onCloudUp();
      clock.advance(120_000);
      assert.sameMembers(
        transport.whats.filter((what) => what.startsWith("V")),
        ["V0=719", "V1=719", "V2=719"],
      );
      assert.deepEqual(
        transport.whats.filter((what) => what.startsWith("event")),
        Array.from({ length: 30 }, (_, day) => `event day ${day}`),
      );
    });

    it("tells what happens afterwards behind all that, at the pace that the cloud bears", () => {
      const bench = makeBench({ tellsTime: true, wallTimeMs: START_MS });
      const { clock, transport, uplink, write } = bench;
      stayAway(bench);
      uplink.onCloudUp();
      write(0, "now");
      clock.advance(180_000);
      assert.equal(transport.whats.at(-1), "V0=now");
      assert.isAtMost(transport.mostInSecond, MESSAGES_PER_SECOND_MAX);
    });
  });

  it("drops the oldest when it is full, counts them, and holds no more than its bounds", () => {
    const seed = 4_711;
    const random = new Random(seed);
    const { clock, transport, uplink, write } = makeBench({ tellsTime: true, wallTimeMs: 1 });
    for (let i = 0; i < 1_000; i++) write(random.below(1_000), "x".repeat(random.below(300)));
    assert.equal(uplink.counters.dropped, 1_000 - uplink.waiting, `seed ${seed}`);
    assert.isAbove(uplink.counters.dropped, 900);
    uplink.onCloudUp();
    clock.advance(120_000);
    const values = transport.whats.filter((what) => what.startsWith("V"));
    assert.isAtMost(values.join("").length, UPLINK_BYTES_MAX);
    assert.equal(uplink.waiting, 0);
  });

  it("holds no more than its bounds though every waiting value is replaced by a long one", () => {
    const { clock, transport, uplink, write } = makeBench();
    for (let pin = 0; pin < 64; pin++) write(pin, "1");
    for (let pin = 0; pin < 64; pin++) assert.isTrue(write(pin, `${pin} `.padEnd(500, "x")));
    const { merged, dropped } = uplink.counters;
    assert.isAbove(merged, 0);
    assert.equal(uplink.waiting, 128 - merged - dropped);
    assert.isAtMost(uplink.waiting, UPLINK_BYTES_MAX / 500);
    uplink.onCloudUp();
    clock.advance(60_000);
    assert.isAtMost(transport.whats.join("").length, UPLINK_BYTES_MAX);
    assert.match(transport.whats.at(-1) ?? "", /^V63=63 /);
  });

  it("refuses a value that is longer than all its room", () => {
    const { uplink } = makeBench();
    assert.isTrue(uplink.virtualWrite(1, asciiBytes("kept")));
    assert.isFalse(uplink.virtualWrite(1, new Uint8Array(UPLINK_BYTES_MAX + 1)));
    assert.equal(uplink.counters.refused, 1);
    assert.equal(uplink.waiting, 1);
  });

  it("sends the last value of each pin last, and each kept one in order, whatever the MCU did", () => {
    const seed = 90_210;
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const { clock, transport, uplink, write } = makeBench({ tellsTime: round % 2 === 0, wallTimeMs: 1_000 });
      const last = new Map<number, string>();
      let isOnline = false;
      for (let i = 0; i < 120; i++) {
        const kind = random.below(12);
        if (kind === 0) uplink.beginGroup(BigInt(random.below(3)));
        else if (kind === 1) uplink.endGroup();
        else if (kind === 2) uplink.logEvent("e", "x".repeat(random.below(200)));
        else if (kind === 3) clock.advance(random.below(7_000));
        else if (kind === 4) {
          isOnline = !isOnline;
          if (isOnline) uplink.onCloudUp();
          else {
            uplink.onCloudLost();
            transport.sent.push({ atMs: clock.now(), what: "lost" });
          }
        } else if (kind === 5) transport.takes = !transport.takes;
        else {
          const pin = random.below(6);
          const value = `${i} `.padEnd(random.below(120), "x");
          assert.isTrue(write(pin, value));
          last.set(pin, value);
        }
      }
      uplink.endGroup();
      transport.takes = true;
      uplink.onCloudUp();
      clock.advance(300_000);
      const what = `seed ${seed}, round ${round}`;
      assert.equal(uplink.waiting, 0, what);
      for (const [pin, value] of last) {
        const told = transport.whats.filter((line) => line.startsWith(`V${pin}=`));
        if (uplink.counters.dropped === 0) assert.equal(told.at(-1), `V${pin}=${value}`, what);
        else if (told.length > 0) assert.include(told.at(-1) ?? "", `V${pin}=`, what);
      }
      let open = false;
      for (const line of transport.whats) {
        if (line.startsWith("event")) assert.isFalse(open, what);
        if (line.startsWith("begin") || line === "end") {
          assert.equal(open, line === "end", what);
          open = line !== "end";
        } else if (line === "lost") open = false; // the session took it along
      }
      assert.isFalse(open, what);
    }
  });
});

describe("the uplink, with messages of Ferry's own", () => {
  it("sends them before all that the MCU has said, and at the same pace", () => {
    const { clock, transport, uplink, source, write } = makeBench();
    for (let pin = 0; pin < 30; pin++) write(pin, "a");
    source.texts.push("1", "2", "3");
    uplink.onCloudUp();
    clock.advance(60_000);
    assert.deepEqual(transport.whats.slice(0, 4), ["event own 1", "event own 2", "event own 3", "V0=a"]);
    assert.isAtMost(transport.mostInSecond, MESSAGES_PER_SECOND_MAX);
    assert.lengthOf(transport.sent, 33);
  });

  it("does not interrupt a group, and does not wait for one that its MCU leaves open", () => {
    const { clock, transport, uplink, source, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(0n);
    for (let pin = 0; pin < 15; pin++) write(pin, "a");
    uplink.endGroup();
    uplink.beginGroup(1n);
    write(20, "b");
    source.texts.push("1");
    uplink.wake();
    clock.advance(4_000);
    assert.deepEqual(transport.whats.slice(-2), ["end", "event own 1"]);
    assert.lengthOf(transport.sent, 18);
  });

  it("sends them however fast the MCU calls, and drops none for it", () => {
    for (const perSecond of [15, 25, 40, 100]) {
      const { clock, transport, uplink, source } = makeBench();
      uplink.onCloudUp();
      for (let i = 0; i < perSecond * 60; i++) {
        uplink.logEvent("loop", String(i));
        if (i === perSecond * 30) source.texts.push("verdict");
        clock.advance(1_000 / perSecond);
      }
      const told = transport.sent.find(({ what }) => what === "event own verdict");
      assert.approximately(told?.atMs ?? 0, 30_000, 2_000, `${perSecond} a second`);
      assert.isAbove(uplink.counters.dropped, 0);
    }
  });

  it("says of each whether it has left, and leaves out what the transport never takes", () => {
    const { clock, transport, uplink, source, write } = makeBench();
    transport.dislikes = "event own 1";
    source.texts.push("1", "2");
    uplink.onCloudUp();
    write(1, "a");
    clock.advance(REFUSALS_MAX * 1_000);
    assert.deepEqual(source.ends, [false, true]);
    assert.deepEqual(transport.whats, ["event own 2", "V1=a"]);
  });
});
