/** From the MCU to the cloud: paced, merged, bounded, and kept while the cloud is away. */

import { assert } from "chai";
import { VirtualClock } from "../host/sim/clock.js";
import { Random } from "../host/sim/random.js";
import type { CloudUplink } from "../src/cloud/cloud.js";
import {
  ENTRIES_MAX,
  ENTRY_BYTES_MAX,
  GROUP_MESSAGES_MAX,
  MESSAGES_PER_SECOND_MAX,
  Uplink,
} from "../src/cloud/uplink.js";

/** Takes everything that is not longer than `longest`, while `takes`. */
class Transport implements CloudUplink {
  readonly clock: VirtualClock;
  readonly sent: { readonly atMs: number; readonly what: string }[] = [];
  takes = true;
  longest = Number.POSITIVE_INFINITY;
  refusals = 0;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  get whats(): string[] {
    return this.sent.map(({ what }) => what);
  }

  #take(what: string): boolean {
    if (!this.takes || what.length > this.longest) {
      this.refusals++;
      return false;
    }
    this.sent.push({ atMs: this.clock.now(), what });
    return true;
  }

  virtualWrite(vpin: number, value: Uint8Array): boolean {
    return this.#take(`V${vpin}=${String.fromCharCode(...value)}`);
  }
  syncAll(): boolean {
    return this.#take("sync");
  }
  syncVirtual(vpins: Uint8Array): boolean {
    return this.#take(`sync ${String.fromCharCode(...vpins)}`);
  }
  setProperty(vpin: number, property: string, value: Uint8Array): boolean {
    return this.#take(`V${vpin}.${property}=${String.fromCharCode(...value)}`);
  }
  beginGroup(timestampMs: bigint): boolean {
    return this.#take(`begin ${timestampMs}`);
  }
  endGroup(): boolean {
    return this.#take("end");
  }
  logEvent(code: string, description: string): boolean {
    return this.#take(`event ${code} ${description}`);
  }
  resolveEvent(code: string): boolean {
    return this.#take(`resolve ${code}`);
  }
  resolveAllEvents(code: string): boolean {
    return this.#take(`resolve all ${code}`);
  }
  setMetadata(field: string, value: string): boolean {
    return this.#take(`meta ${field}=${value}`);
  }
}

function makeBench({ tellsTime = false, wallTimeMs = undefined as number | undefined } = {}) {
  const clock = new VirtualClock();
  const transport = new Transport(clock);
  const uplink = new Uplink({
    clock,
    transport,
    tellsTime,
    wallTimeMs: () => (wallTimeMs === undefined ? undefined : wallTimeMs + clock.now()),
  });
  const write = (vpin: number, value: string) =>
    uplink.virtualWrite(
      vpin,
      Uint8Array.from(value, (letter) => letter.charCodeAt(0)),
    );
  return { clock, transport, uplink, write };
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
    for (const { atMs } of transport.sent) {
      const inSecond = transport.sent.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1_000).length;
      assert.isAtMost(inSecond, MESSAGES_PER_SECOND_MAX);
    }
    assert.isAtLeast(transport.sent.length, 90);
    assert.isAtMost(transport.sent.length, 11 * MESSAGES_PER_SECOND_MAX);
  });

  it("sends the newest value of a pin that waits, and the last one always", () => {
    const { clock, transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    for (let i = 0; i <= 500; i++) write(1, String(i));
    clock.advance(1_000);
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

  it("gives up what the transport never takes, and sends what stands behind it", () => {
    const { clock, transport, uplink, write } = makeBench();
    transport.longest = 10;
    uplink.onCloudUp();
    write(1, "x".repeat(50));
    write(2, "ok");
    clock.advance(20_000);
    assert.deepEqual(transport.whats, ["V2=ok"]);
    assert.equal(uplink.counters.refused, 1);
    assert.isAbove(transport.refusals, 1);
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

  it("forgets the group of an MCU that restarted in the middle of it", () => {
    const { transport, uplink, write } = makeBench();
    uplink.onCloudUp();
    uplink.beginGroup(0n);
    write(1, "a");
    uplink.onMcuRestarted();
    write(2, "b");
    assert.deepEqual(transport.whats, ["V2=b"]);
  });

  it("bounds a group, and counts what is beyond", () => {
    const { uplink, write } = makeBench();
    uplink.beginGroup(0n);
    for (let i = 0; i < GROUP_MESSAGES_MAX; i++) assert.isTrue(write(i, "a"));
    assert.isFalse(write(99, "a"));
    assert.equal(uplink.counters.refused, 1);
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

  it("drops the oldest when it is full, counts them, and holds no more than its bounds", () => {
    const seed = 4_711;
    const random = new Random(seed);
    const { clock, transport, uplink, write } = makeBench({ tellsTime: true, wallTimeMs: 1 });
    for (let i = 0; i < 1_000; i++) write(random.below(1_000), "x".repeat(random.below(300)));
    assert.isAtMost(uplink.waiting, ENTRIES_MAX, `seed ${seed}`);
    assert.equal(uplink.counters.dropped, 1_000 - uplink.waiting);
    uplink.onCloudUp();
    clock.advance(120_000);
    const bytes = transport.whats.join("").length;
    assert.isAtMost(bytes, 2 * ENTRY_BYTES_MAX);
    assert.equal(uplink.waiting, 0);
  });

  it("refuses a value that is longer than all its room", () => {
    const { uplink } = makeBench();
    assert.isFalse(uplink.virtualWrite(1, new Uint8Array(ENTRY_BYTES_MAX + 1)));
    assert.equal(uplink.counters.refused, 1);
  });
});
