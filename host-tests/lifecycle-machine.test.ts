/** From power-on to the cloud and back: the lifecycle's decisions, and what holds after any sequence of events. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { FailureCode, meaningOf } from "../src/base/failure-code.js";
import { stepLifecycle } from "../src/lifecycle/lifecycle-machine.js";
import {
  bootState,
  CONFIG_SKIP_LIMIT,
  CONFIG_TIMEOUT_SECONDS,
  isConfigTimeout,
  isSkipLimit,
  type LifecycleEffect,
  type LifecycleEvent,
  type LifecycleMemory,
  type LifecycleState,
  NET_RETRY_MS,
  RETRY_MS_MAX,
  TOKEN_RETRY_MS,
  TOKEN_RETRY_MS_MAX,
  TRIES_MAX,
} from "../src/lifecycle/lifecycle-state.js";

const NEW: LifecycleMemory = { configured: false, skips: 0 };
const CONFIGURED: LifecycleMemory = { configured: true, skips: 0 };

const INITIALIZED: LifecycleEvent = { kind: "initialized" };
const MCU_LOST: LifecycleEvent = { kind: "mcu-lost" };
const CONFIG_START: LifecycleEvent = { kind: "config-start" };
const CONFIG_STOP: LifecycleEvent = { kind: "config-stop" };
const CONFIG_RESET: LifecycleEvent = { kind: "config-reset" };
const TYPED_IN: LifecycleEvent = { kind: "provisioned" };
const STORED: LifecycleEvent = { kind: "settings-changed", configured: true };
const REMOVED: LifecycleEvent = { kind: "settings-changed", configured: false };
const CONNECT: LifecycleEvent = { kind: "connect", changed: true };
const CONNECT_AGAIN: LifecycleEvent = { kind: "connect", changed: false };
const NET_UP: LifecycleEvent = { kind: "net-up" };
const NET_LOST: LifecycleEvent = { kind: "net-lost" };
const WRONG_PASSWORD: LifecycleEvent = { kind: "net-failed", code: FailureCode.NET_AUTHENTICATION };
const CLOUD_UP: LifecycleEvent = { kind: "cloud-up" };
const CLOUD_LOST: LifecycleEvent = { kind: "cloud-lost" };
const CLOUD_ABSENT: LifecycleEvent = { kind: "cloud-absent" };
const NO_DNS: LifecycleEvent = { kind: "cloud-failed", code: FailureCode.DNS };
const BAD_TOKEN: LifecycleEvent = { kind: "cloud-failed", code: FailureCode.TOKEN_INVALID };
const PLACE_CHANGED: LifecycleEvent = { kind: "place-changed" };
const TRY_IS_OVER: LifecycleEvent = { kind: "timeout", wait: "try" };
const RETRY: LifecycleEvent = { kind: "timeout", wait: "retry" };
const CONFIG_IS_OVER: LifecycleEvent = { kind: "timeout", wait: "config" };
const ERROR_IS_OVER: LifecycleEvent = { kind: "timeout", wait: "error" };

function nameOf(effect: LifecycleEffect): string {
  if (effect.do === "wait") return `wait ${effect.wait} ${effect.ms}`;
  return effect.do === "store-skips" ? `store-skips ${effect.skips}` : effect.do;
}

function runFrom(memory: LifecycleMemory, ...events: LifecycleEvent[]): { state: LifecycleState; last: string[] } {
  let state = bootState(memory);
  let last: string[] = [];
  for (const event of events) {
    const step = stepLifecycle(state, event);
    state = step.state;
    last = step.effects.map(nameOf);
  }
  return { state, last };
}

describe("the lifecycle of a device without settings", () => {
  it("is silent on the air until the MCU has initialized", () => {
    for (const event of [CONFIG_STOP, NET_UP, CLOUD_UP, TYPED_IN, RETRY, TRY_IS_OVER, CONFIG_IS_OVER]) {
      const { state, last } = runFrom(NEW, event);
      assert.equal(state.phase, "not-initialized", event.kind);
      assert.deepEqual(last, [], event.kind);
    }
  });

  it("opens config when the MCU initializes", () => {
    const { state, last } = runFrom(NEW, INITIALIZED);
    assert.equal(state.phase, "config");
    assert.deepEqual(last, ["open-config", `wait config ${CONFIG_TIMEOUT_SECONDS * 1000}`, "announce"]);
  });

  it("goes idle when nobody came, and counts that durably", () => {
    const { state, last } = runFrom(NEW, INITIALIZED, CONFIG_IS_OVER);
    assert.equal(state.phase, "idle");
    assert.deepEqual(last, ["store-skips 1", "stop-waiting", "close-config", "announce"]);
  });

  it("keeps config open while somebody is at the page, and closes it a time later", () => {
    const active = runFrom(NEW, INITIALIZED, { kind: "user-active" }, CONFIG_IS_OVER);
    assert.equal(active.state.phase, "config");
    assert.deepEqual(active.last, [`wait config ${CONFIG_TIMEOUT_SECONDS * 1000}`]);
    const { state } = runFrom(NEW, INITIALIZED, { kind: "user-active" }, CONFIG_IS_OVER, CONFIG_IS_OVER);
    assert.equal(state.phase, "idle");
  });

  it("no longer opens config by itself after as many unused openings as the limit says", () => {
    assert.equal(runFrom({ configured: false, skips: CONFIG_SKIP_LIMIT - 1 }, INITIALIZED).state.phase, "config");
    const { state, last } = runFrom({ configured: false, skips: CONFIG_SKIP_LIMIT }, INITIALIZED);
    assert.equal(state.phase, "idle");
    assert.deepEqual(last, ["stop-waiting", "announce"]);
  });

  it("always opens config, and counts nothing, with a limit of 0", () => {
    const noLimit: LifecycleEvent = { kind: "set-skip-limit", count: 0 };
    const { state, last } = runFrom({ configured: false, skips: 50 }, noLimit, INITIALIZED);
    assert.equal(state.phase, "config");
    assert.include(last, "open-config");
    assert.notInclude(runFrom(NEW, noLimit, INITIALIZED, CONFIG_IS_OVER).last.join(), "store-skips");
  });

  it("opens config from idle when the MCU asks for it", () => {
    assert.equal(runFrom(NEW, INITIALIZED, CONFIG_STOP, CONFIG_START).state.phase, "config");
  });

  it("tries new settings once, and stores them only when the cloud has accepted them", () => {
    const trying = runFrom(NEW, INITIALIZED, TYPED_IN);
    assert.deepEqual(trying.last, ["close-config", "announce", "wait try 50000", "start-net"]);
    assert.isFalse(trying.state.configured);
    const { state, last } = runFrom(NEW, INITIALIZED, TYPED_IN, NET_UP, CLOUD_UP);
    assert.equal(state.phase, "connected");
    assert.isTrue(state.configured);
    assert.deepEqual(last, ["wait stable 60000", "commit-settings", "tell-provisioned", "announce"]);
  });

  it("goes back to config with the reason when new settings fail", () => {
    for (const [event, code] of [
      [WRONG_PASSWORD, 722],
      [TRY_IS_OVER, 701],
    ] as const) {
      const { state, last } = runFrom(NEW, INITIALIZED, TYPED_IN, event);
      assert.equal(state.phase, "config");
      assert.equal(state.lastError, code);
      assert.isFalse(state.configured);
      assert.includeMembers(last, ["stop-net", "drop-candidate", "open-config", "announce"]);
    }
  });

  it("connects at once when the MCU itself has stored settings before it initialized", () => {
    assert.equal(runFrom(NEW, STORED, INITIALIZED).state.phase, "connecting-net");
    assert.equal(runFrom(NEW, CONFIG_START, STORED, INITIALIZED).state.phase, "connecting-net");
  });

  it("goes on with config when the MCU stores settings meanwhile, and uses them when it is told so or time is up", () => {
    const stored = runFrom(NEW, INITIALIZED, STORED);
    assert.equal(stored.state.phase, "config");
    assert.isTrue(stored.state.configured);
    assert.deepEqual(stored.last, []);
    assert.equal(runFrom(NEW, INITIALIZED, STORED, CONFIG_IS_OVER).state.phase, "connecting-net");
    const { state, last } = runFrom(NEW, INITIALIZED, STORED, CONNECT);
    assert.equal(state.phase, "connecting-net");
    assert.deepEqual(last, ["close-config", "announce", "wait try 50000", "start-net"]);
  });

  it("connects from idle when settings were stored there and the MCU says so or initializes again", () => {
    const IDLE = [INITIALIZED, CONFIG_IS_OVER, STORED];
    assert.equal(runFrom(NEW, ...IDLE).state.phase, "idle");
    for (const event of [CONNECT, INITIALIZED]) {
      assert.equal(runFrom(NEW, ...IDLE, event).state.phase, "connecting-net", event.kind);
    }
    assert.equal(runFrom(NEW, INITIALIZED, CONFIG_IS_OVER, INITIALIZED).state.phase, "idle");
  });

  it("does not connect without settings, whoever asks for it", () => {
    const { state, last } = runFrom(NEW, INITIALIZED, CONNECT);
    assert.equal(state.phase, "config");
    assert.deepEqual(last, []);
  });
});

describe("the lifecycle of a device with settings", () => {
  it("joins the network, logs in, and tells the MCU each step once", () => {
    const net = runFrom(CONFIGURED, INITIALIZED);
    assert.deepEqual(net.last, ["announce", "wait try 50000", "start-net"]);
    const cloud = runFrom(CONFIGURED, INITIALIZED, NET_UP);
    assert.deepEqual(cloud.last, ["announce", "wait try 50000", "start-cloud"]);
    assert.deepEqual(runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP).last, ["wait stable 60000", "announce"]);
  });

  it("opens config instead when the MCU asked for it before it initialized", () => {
    assert.equal(runFrom(CONFIGURED, CONFIG_START, INITIALIZED).state.phase, "config");
    assert.equal(runFrom(CONFIGURED, CONFIG_START, CONFIG_STOP, INITIALIZED).state.phase, "connecting-net");
  });

  it("keeps its cloud session when the MCU restarts", () => {
    const { state, last } = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, INITIALIZED);
    assert.equal(state.phase, "connected");
    assert.deepEqual(last, ["announce", "refresh-cloud"]);
  });

  it("leaves the cloud without a word when the MCU is lost, and keeps the network for its return", () => {
    const lost = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, MCU_LOST);
    assert.equal(lost.state.phase, "not-initialized");
    assert.deepEqual(lost.last, ["stop-waiting", "stop-cloud"]);
    const back = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, MCU_LOST, INITIALIZED);
    assert.equal(back.state.phase, "connecting-cloud");
    assert.deepEqual(back.last, ["announce", "wait try 50000", "start-cloud"]);
  });

  it("retries the network with growing pauses, not above the limit, without telling the MCU each time", () => {
    let state = runFrom(CONFIGURED, INITIALIZED).state;
    const pauses: number[] = [];
    for (let tries = 0; tries < 20; tries++) {
      const failed = stepLifecycle(state, WRONG_PASSWORD);
      assert.deepEqual(failed.effects[0], { do: "stop-net" });
      pauses.push((failed.effects[1] as LifecycleEffect & { do: "wait" }).ms);
      const again = stepLifecycle(failed.state, RETRY);
      assert.deepEqual(again.effects.map(nameOf), ["wait try 50000", "start-net"]);
      state = again.state;
    }
    assert.equal(pauses[0], NET_RETRY_MS);
    assert.equal(pauses[1], Math.round(NET_RETRY_MS * 1.7));
    assert.equal(Math.max(...pauses), RETRY_MS_MAX);
    assert.deepEqual(
      pauses,
      [...pauses].sort((a, b) => a - b),
    );
  });

  it("shows an error after many tries, for a while, and begins anew", () => {
    const fails = Array.from({ length: TRIES_MAX }, () => [NO_DNS, RETRY]).flat();
    const failed = runFrom(CONFIGURED, INITIALIZED, NET_UP, ...fails.slice(0, -1));
    assert.equal(failed.state.phase, "error");
    assert.equal(failed.state.lastError, FailureCode.DNS);
    assert.deepEqual(failed.last, ["stop-cloud", "wait error 10000", "announce"]);
    const { state } = runFrom(CONFIGURED, INITIALIZED, NET_UP, ...fails.slice(0, -1), ERROR_IS_OVER);
    assert.equal(state.phase, "connecting-cloud");
    assert.equal(state.tries, 0);
  });

  it("goes to config when the cloud refuses the token, and tries again only when nobody came", () => {
    const refused = runFrom(CONFIGURED, INITIALIZED, NET_UP, BAD_TOKEN);
    assert.equal(refused.state.phase, "config");
    assert.equal(refused.state.lastError, 703);
    assert.deepEqual(refused.last.slice(0, 3), ["stop-cloud", "stop-net", "open-config"]);
    const again = runFrom(CONFIGURED, INITIALIZED, NET_UP, BAD_TOKEN, CONFIG_IS_OVER);
    assert.equal(again.state.phase, "connecting-net");
    assert.deepEqual(again.last, ["store-skips 1", "close-config", "announce", `wait retry ${TOKEN_RETRY_MS}`]);
    assert.include(runFrom(CONFIGURED, INITIALIZED, NET_UP, BAD_TOKEN, CONFIG_IS_OVER, RETRY).last, "start-net");
  });

  it("asks with a refused token ever more rarely, and at once with new settings", () => {
    const round = [NET_UP, BAD_TOKEN, CONFIG_IS_OVER];
    const pauses: number[] = [];
    for (let rounds = 1; rounds < 8; rounds++) {
      const events = Array.from({ length: rounds }, (_, i) => (i === 0 ? round : [RETRY, ...round])).flat();
      const { last } = runFrom(CONFIGURED, INITIALIZED, ...events);
      pauses.push(Number(/wait retry (\d+)/.exec(last.join())?.[1]));
    }
    assert.deepEqual(
      pauses,
      [...pauses].sort((a, b) => a - b),
    );
    assert.equal(pauses.at(-1), TOKEN_RETRY_MS_MAX);
    assert.isAtLeast(TOKEN_RETRY_MS_MAX, 15 * 60_000);
    const refused = [INITIALIZED, ...round, RETRY, ...round];
    for (const event of [CONNECT, TYPED_IN]) {
      const { state, last } = runFrom(CONFIGURED, ...refused, STORED, event);
      assert.include(last, "start-net", event.kind);
      assert.equal(state.refusals, 0);
    }
    assert.equal(runFrom(CONFIGURED, ...refused, CONFIG_START).state.phase, "config");
    assert.equal(runFrom(CONFIGURED, ...refused, RETRY, NET_UP, CLOUD_UP).state.refusals, 0);
  });

  it("tells a login that is on its way what the MCU has named anew", () => {
    for (const events of [[NET_UP], [NET_UP, CLOUD_UP]]) {
      const { state, last } = runFrom(CONFIGURED, INITIALIZED, ...events, INITIALIZED);
      assert.deepEqual(last, ["announce", "refresh-cloud"], state.phase);
    }
  });

  it("goes to the new host when the settings lead to another one, and nowhere when it is not at a cloud", () => {
    for (const events of [[NET_UP], [NET_UP, CLOUD_UP]]) {
      const { state, last } = runFrom(CONFIGURED, INITIALIZED, ...events, PLACE_CHANGED);
      assert.equal(state.phase, "connecting-cloud");
      assert.equal(last[0], "stop-cloud");
      assert.equal(last.at(-1), "start-cloud");
    }
    for (const events of [[], [INITIALIZED], [INITIALIZED, CONFIG_START]]) {
      assert.deepEqual(runFrom(CONFIGURED, ...events, PLACE_CHANGED).last, []);
    }
  });

  it("pauses before it logs in again after a lost session", () => {
    const { state, last } = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, CLOUD_LOST);
    assert.equal(state.phase, "connecting-cloud");
    assert.deepEqual(last, ["announce", "wait retry 5000"]);
    assert.include(runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, CLOUD_LOST, RETRY).last, "start-cloud");
  });

  it("comes back ever more rarely to a cloud that throws it out again and again, until a session lasts", () => {
    const thrownOut = Array.from({ length: 6 }, () => [RETRY, CLOUD_UP, CLOUD_LOST]).flat();
    const { last } = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, CLOUD_LOST, ...thrownOut);
    assert.deepEqual(last, ["announce", `wait retry ${Math.round(5_000 * 1.7 ** 6)}`]);
    const lasted: LifecycleEvent = { kind: "timeout", wait: "stable" };
    const after = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, ...thrownOut, RETRY, CLOUD_UP, lasted, CLOUD_LOST);
    assert.deepEqual(after.last, ["announce", "wait retry 5000"]);
  });

  it("joins again when the network is lost under it", () => {
    const { state, last } = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, NET_LOST);
    assert.equal(state.phase, "connecting-net");
    assert.deepEqual(last, ["stop-cloud", "announce", "wait try 50000", "start-net"]);
  });

  it("goes on with the old settings when new ones failed and nobody typed others", () => {
    const { state } = runFrom(CONFIGURED, INITIALIZED, CONFIG_START, TYPED_IN, WRONG_PASSWORD, CONFIG_IS_OVER);
    assert.equal(state.phase, "connecting-net");
    assert.isFalse(state.candidate);
    assert.isTrue(state.configured);
  });

  it("reconnects when the MCU stores other settings under a live session and says so", () => {
    const stored = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, STORED);
    assert.equal(stored.state.phase, "connected");
    const { state, last } = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, STORED, CONNECT);
    assert.equal(state.phase, "connecting-net");
    assert.deepEqual(last, ["stop-cloud", "stop-net", "announce", "wait try 50000", "start-net"]);
  });

  it("keeps a live session that has all the settings already, and tells the state to an MCU that wants one", () => {
    const { state, last } = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, CONNECT_AGAIN);
    assert.equal(state.phase, "connected");
    assert.deepEqual(last, ["announce"]);
  });

  it("tries at once when the MCU wants it, settings changed or not", () => {
    const { state, last } = runFrom(CONFIGURED, INITIALIZED, WRONG_PASSWORD, CONNECT_AGAIN);
    assert.equal(state.phase, "connecting-net");
    assert.deepEqual(last, ["stop-net", "wait try 50000", "start-net"]);
  });

  it("asks for new settings when the last network or the token is removed, wherever it is on the way", () => {
    const ERROR = Array.from({ length: TRIES_MAX }, () => [NO_DNS, RETRY]).flat();
    for (const way of [[], [NET_UP], [NET_UP, CLOUD_UP], [WRONG_PASSWORD], [NET_UP, ...ERROR.slice(0, -1)]]) {
      const { state, last } = runFrom(CONFIGURED, INITIALIZED, ...way, REMOVED);
      assert.equal(state.phase, "config");
      assert.isFalse(state.configured);
      assert.includeMembers(last, ["open-config", "announce"]);
    }
    assert.equal(runFrom(CONFIGURED, INITIALIZED, CONFIG_START, REMOVED, CONFIG_IS_OVER).state.phase, "idle");
    assert.equal(runFrom(CONFIGURED, REMOVED, INITIALIZED).state.phase, "config");
  });

  it("goes on with settings that a person has typed in when the stored ones are removed", () => {
    const { state } = runFrom(CONFIGURED, INITIALIZED, CONFIG_START, TYPED_IN, REMOVED, NET_UP, CLOUD_UP);
    assert.equal(state.phase, "connected");
    assert.isTrue(state.configured);
  });

  it("leaves settings that a person has typed in for the stored ones when the MCU wants those", () => {
    const { state, last } = runFrom(CONFIGURED, INITIALIZED, CONFIG_START, TYPED_IN, CONNECT);
    assert.isFalse(state.candidate);
    assert.deepEqual(last.slice(0, 2), ["stop-net", "drop-candidate"]);
  });

  it("forgets its settings and asks for new ones on a reset of the config", () => {
    const { state, last } = runFrom(CONFIGURED, INITIALIZED, NET_UP, CLOUD_UP, CONFIG_RESET);
    assert.equal(state.phase, "config");
    assert.isFalse(state.configured);
    assert.deepEqual(last.slice(0, 4), ["erase-config", "stop-cloud", "stop-net", "open-config"]);
    const early = runFrom(CONFIGURED, CONFIG_RESET);
    assert.deepEqual(early.last, ["erase-config"]);
    assert.equal(early.state.phase, "not-initialized");
  });
});

describe("the lifecycle of a device that does without a cloud", () => {
  const ONLINE = [INITIALIZED, NET_UP, CLOUD_ABSENT];

  it("rests on the network, and waits for nothing", () => {
    const { state, last } = runFrom(CONFIGURED, ...ONLINE);
    assert.equal(state.phase, "online");
    assert.deepEqual(last, ["stop-waiting", "announce"]);
    for (const event of [TRY_IS_OVER, RETRY, CLOUD_ABSENT, CLOUD_UP, CLOUD_LOST, NO_DNS, BAD_TOKEN])
      assert.deepInclude(runFrom(CONFIGURED, ...ONLINE, event), { last: [] }, event.kind);
  });

  it("joins again when it has lost the network, and is back without a login", () => {
    const lost = runFrom(CONFIGURED, ...ONLINE, NET_LOST);
    assert.equal(lost.state.phase, "connecting-net");
    assert.deepEqual(lost.last, ["announce", "wait try 50000", "start-net"]);
    assert.equal(runFrom(CONFIGURED, ...ONLINE, NET_LOST, NET_UP, CLOUD_ABSENT).state.phase, "online");
  });

  it("tells an MCU that is back where it stands, on the network that it kept", () => {
    assert.deepEqual(runFrom(CONFIGURED, ...ONLINE, INITIALIZED).last, ["announce"]);
    const lost = runFrom(CONFIGURED, ...ONLINE, MCU_LOST);
    assert.deepEqual([lost.state.phase, lost.last], ["not-initialized", ["stop-waiting"]]);
    const back = runFrom(CONFIGURED, ...ONLINE, MCU_LOST, INITIALIZED);
    assert.equal(back.state.phase, "connecting-cloud");
  });

  it("opens the setup, and tries other settings, as any device", () => {
    assert.deepEqual(runFrom(CONFIGURED, ...ONLINE, CONFIG_START).last.slice(0, 2), ["stop-net", "open-config"]);
    assert.equal(runFrom(CONFIGURED, ...ONLINE, STORED, CONNECT_AGAIN).state.phase, "online");
    const given = runFrom(CONFIGURED, ...ONLINE, STORED, CONNECT);
    assert.deepEqual([given.state.phase, given.last[0]], ["connecting-net", "stop-net"]);
    const proven = runFrom(NEW, INITIALIZED, TYPED_IN, NET_UP, CLOUD_ABSENT);
    assert.include(proven.last, "commit-settings", "joining was all that they had to show");
    assert.isTrue(proven.state.configured);
  });
});

describe("bounds of the lifecycle's settings", () => {
  it("takes a config time of 60 to 3600 seconds", () => {
    assert.deepEqual([59, 60, 3600, 3601, 0].map(isConfigTimeout), [false, true, true, false, false]);
  });

  it("takes a skip limit of 0, or 5 to 50", () => {
    assert.deepEqual([0, 1, 4, 5, 50, 51].map(isSkipLimit), [true, false, false, true, true, false]);
  });

  it("gives an open config a new time from the moment it is set", () => {
    const { last } = runFrom(NEW, INITIALIZED, { kind: "set-config-timeout", seconds: 1800 });
    assert.deepEqual(last, ["wait config 1800000"]);
  });

  it("says what each failure code means and what to do", () => {
    for (const code of Object.values(FailureCode)) assert.isAbove(meaningOf(code).length, 20, String(code));
  });
});

type Link = "off" | "started" | "up";

describe("after any sequence of events", () => {
  const EVENTS: readonly LifecycleEvent[] = [
    ...[INITIALIZED, MCU_LOST, CONFIG_START, CONFIG_STOP, CONFIG_RESET, TYPED_IN, { kind: "user-active" }],
    ...[STORED, REMOVED, CONNECT, CONNECT_AGAIN],
    ...[NET_UP, NET_LOST, WRONG_PASSWORD, CLOUD_UP, CLOUD_LOST, CLOUD_ABSENT, NO_DNS, BAD_TOKEN],
    PLACE_CHANGED,
    ...[TRY_IS_OVER, RETRY, CONFIG_IS_OVER, ERROR_IS_OVER],
  ] as const;

  it("what is on the air fits the phase, a way leads on, and each opening has its closing", () => {
    const seed = 20_261_121;
    const random = new Random(seed);
    const visited = new Set<string>();
    for (let run = 0; run < 300; run++) {
      let state = bootState({ configured: random.chance(0.5), skips: random.below(12) });
      // Of a network or cloud: started, then up.
      const on: { net: Link; cloud: Link; config: boolean } = { net: "off", cloud: "off", config: false };
      let waiting: string | undefined;
      const told: string[] = [];
      for (let i = 0; i < 200; i++) {
        const event = EVENTS[random.below(EVENTS.length)] as LifecycleEvent;
        if (event.kind === "timeout") {
          if (event.wait !== waiting) continue;
          waiting = undefined;
        }
        const report = /^(net|cloud)-(up|failed|lost|absent)$/.exec(event.kind);
        if (report) {
          // Ports report only what can be.
          const link = report[1] as "net" | "cloud";
          if (on[link] !== (report[2] === "lost" ? "up" : "started")) continue;
          on[link] = report[2] === "up" ? "up" : "off";
        }
        const before = state.phase;
        const step = stepLifecycle(state, event);
        state = step.state;
        visited.add(state.phase);
        for (const effect of step.effects) {
          if (effect.do === "start-net") on.net = "started";
          if (effect.do === "stop-net") on.net = "off";
          if (effect.do === "start-cloud") on.cloud = "started";
          if (effect.do === "stop-cloud") on.cloud = "off";
          if (effect.do === "open-config" || effect.do === "close-config") {
            assert.equal(on.config, effect.do === "close-config", `${effect.do} in run ${run} of seed ${seed}`);
            on.config = effect.do === "open-config";
          }
          if (effect.do === "wait") waiting = effect.wait;
          if (effect.do === "stop-waiting") waiting = undefined;
        }
        told.push(`${event.kind}:${state.phase}`);
        const where = `seed ${seed}, run ${run}: ${told.slice(-6).join(" ")}`;
        assert.equal(on.config, state.phase === "config", where);
        if (on.cloud !== "off") assert.include(["connecting-cloud", "connected"], state.phase, where);
        if (state.phase === "config" || state.phase === "idle") assert.equal(on.net, "off", where);
        if (state.phase === "connected")
          assert.deepEqual([on.cloud, on.net, state.configured], ["up", "up", true], where);
        if (state.phase === "online") assert.deepEqual([on.cloud, on.net, waiting], ["off", "up", undefined], where);
        const restful = ["connected", "online", "idle", "not-initialized"].includes(state.phase);
        if (!restful) assert.isDefined(waiting, where);
        const announced = step.effects.some((effect) => effect.do === "announce");
        if (state.phase === "not-initialized") assert.isFalse(announced, where);
        else if (state.phase !== before) assert.isTrue(announced, where);
      }
    }
    // All but error, which takes hundreds of failures in a row.
    assert.sameMembers(
      [...visited],
      ["not-initialized", "config", "idle", "connecting-net", "connecting-cloud", "connected", "online"],
    );
  });
});
