/**
 * Ten thousand malformed messages of each kind, from brokers and from servers of updates: each is counted, none does
 * anything, and what comes behind them is understood. On Node, for the number of them.
 */

import { assert } from "chai";
import { publish } from "../../host/peers/mqtt-packets.js";
import { Random } from "../../host/sim/random.js";
import { FIRST_POLL_MS_MAX, INTERVAL_MS_MIN } from "../../src/cloud/update-poll.js";
import { makeMqttBench } from "../support/mqtt-bench.js";
import { parsePackets, randomPacket } from "../support/mqtt-packets.js";
import { FILE, makePollBench } from "../support/poll-bench.js";

describe("Of ten thousand malformed", () => {
  const kinds: readonly (readonly [what: string, make: (random: Random) => Uint8Array])[] = [
    ["topics", (random) => publish(`downlink/${garbage(random)}`, "1")],
    ["pins", (random) => publish(`downlink/ds/${garbage(random)}`, "1")],
    ["offers", (random) => publish("downlink/ota/json", damagedJson(random, OFFER), random.below(2) || undefined)],
    ["times", (random) => publish("downlink/utc/all/json", damagedJson(random, TIME))],
    ["places", (random) => publish("downlink/loc/all", garbage(random))],
    ["redirects", (random) => publish("downlink/redirect", `mqtts:/${garbage(random)}`)],
  ];
  for (const [what, make] of kinds) {
    it(`${what}, each is counted, and what comes behind them is understood`, () => {
      const seed = 77_003;
      const random = new Random(seed);
      const { clock, broker, cloud, heard, goUp } = makeMqttBench();
      goUp();
      for (let i = 0; i < 10_000; i++) {
        broker.sendRaw(make(random));
        if (i % 500 === 499) clock.advance(1_000);
      }
      broker.publish("downlink/ds/V9", "still here");
      clock.advance(10_000);
      const { received, notUnderstood, dropped } = cloud.counters;
      assert.equal(received + dropped, 10_001, `seed ${seed}`);
      assert.equal(notUnderstood + heard.length, received, `seed ${seed}`);
      assert.isAbove(notUnderstood, 5_000);
      assert.equal(heard.at(-1), "pin 9=still here");
      assert.notInclude(heard, "lost");
      assert.equal(broker.online, 1);
    });
  }

  it("packets, and as many of random bytes, each passes or ends the stream", () => {
    const seed = 10_000;
    const random = new Random(seed);
    const counts = { broken: 0, whole: 0 };
    for (let round = 0; round < 20_000; round++) {
      const bytes = round % 2 === 0 ? random.bytes(1 + random.below(60)) : randomPacket(random, 1).slice(0, 400);
      if (round % 2 === 1) bytes[random.below(bytes.length)] = random.below(256);
      const out = parsePackets(bytes, () => 1 + random.below(40));
      const brokenAt = out.indexOf("broken");
      if (brokenAt >= 0) {
        counts.broken++;
        assert.equal(brokenAt, out.length - 1, `nothing behind the end: seed ${seed}, round ${round}`);
      } else counts.whole++;
    }
    assert.isAbove(counts.broken, 5_000);
    assert.isAbove(counts.whole, 1_000);
  });

  it("files of a vendor's server, each is counted, and the polls go on", () => {
    const seed = 4_242;
    const random = new Random(seed);
    const { clock, fileServer, poll, offers, serve } = makePollBench({}, { intervalMs: INTERVAL_MS_MIN });
    const text = JSON.stringify(FILE);
    poll.start();
    clock.runUntil(() => offers.length === 1, FIRST_POLL_MS_MAX + 10_000, "the first offer");
    for (let round = 0; round < 10_000; round++) {
      const at = random.below(text.length);
      const damaged = text.slice(0, at) + String.fromCharCode(random.below(128)) + text.slice(at + random.below(30));
      serve(damaged, `tag ${round}`);
      clock.advance(INTERVAL_MS_MIN);
    }
    const { polls, files, failures, notUnderstood, offers: made, unchanged } = poll.counters;
    assert.equal(files + failures + unchanged, polls, `seed ${seed}`);
    assert.isAbove(notUnderstood, 4_000);
    assert.equal(made, offers.length);
    assert.isAbove(fileServer.requests.length, 9_000);
  });
});

const OFFER = '{"url":"https://h/f.bin","size":20082,"type":"TMPL","ver":"2.0.0","sha256":"ab"}';
const TIME = '{"tz_name":"Europe/Berlin","tz_rule":"CET-1CEST,M3.5.0,M10.5.0/3","time":1700000000000}';

function garbage(random: Random): string {
  return Array.from({ length: random.below(30) }, () => String.fromCharCode(1 + random.below(300))).join("");
}

/** Mostly no JSON any more, or JSON of something else. */
function damagedJson(random: Random, json: string): string {
  const at = random.below(json.length);
  const damages = [
    () => json.slice(0, at),
    () => json.replace('"', "'"),
    () => `${"[".repeat(1 + random.below(900))}${json}`,
    () => json.replaceAll(/[0-9]/g, "x"),
    () => json.replace(":", ":{"),
    () => `{"${garbage(random).replaceAll(/["\\]/g, "")}":${json}}`,
    () => `[${json}]`,
    () => garbage(random),
    () => "",
  ];
  return damages[random.below(damages.length)]?.() ?? "";
}
