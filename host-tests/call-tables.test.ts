/** The tables of what Ferry answers: constants over domains, checked by the compiler, frozen, and found by their uids. */

import { assert } from "chai";
import { DATA_CALLS } from "../src/mcu/serve-data.js";
import { ADDRESS_CALLS, NO_PINS, PIN_CALLS, type PinDomain } from "../src/mcu/serve-hardware.js";
import { OWN_CALLS } from "../src/mcu/serve-own.js";
import { SETUP_CALLS } from "../src/mcu/serve-setup.js";
import { TIME_CALLS } from "../src/mcu/serve-time.js";
import { MCU_CALLS } from "../src/mcu/service.js";
import { callNames, calls, callsServedBy, NCP_CALLS_BY_UID, type NcpCallName } from "../src/rpc/catalogue.js";
import { RpcStatus } from "../src/rpc/protocol.js";
import { type CallTable, callsOf } from "../src/rpc/serving.js";
import { toHex } from "./support/ncp-stub.js";
import { invokeOf, RpcBench, refusalOf, resultOf } from "./support/rpc-bench.js";

const TABLES = [MCU_CALLS, OWN_CALLS, SETUP_CALLS, ADDRESS_CALLS, PIN_CALLS, TIME_CALLS, DATA_CALLS];

interface Counted {
  count: number;
}

type Fits<N extends NcpCallName, Given> = Given extends CallTable<Counted, N>[N] ? true : false;
type IsServed<Name> = Name extends NcpCallName ? true : false;

// Of the wrong type, one of these does not compile.
const STATE_IS_STATE: Fits<"blynk.getState", () => { state: number }> = true;
const STATE_IS_NOTHING: Fits<"blynk.getState", () => void> = false;
const STATE_IS_OK: Fits<"blynk.getState", () => { ok: boolean }> = false;
const REBOOT_IS_STATE: Fits<
  "ncp.reboot",
  { later: (_: Counted, __: object, reply: (_: { state: number }) => void) => void }
> = false;
const MISSPELT: IsServed<"blynk.getStat"> = false;
const CALLS_OF_THE_MCU: IsServed<"mcu.ping"> = false;
const OTHER_DOMAIN: Fits<"blynk.getState", (domain: PinDomain) => { state: number }> = false;

const COUNTED_CALLS = callsOf<Counted>()({
  "blynk.getState": (domain) => ({ state: ++domain.count }),
  "ncp.reboot": {
    later: (domain, _, reply) => {
      domain.count += 10;
      reply({ ok: true });
    },
  },
});

describe("the tables of calls", () => {
  it("have every call that the NCP serves in one table, and no other", () => {
    const names = TABLES.flatMap((table) => Object.keys(table));
    const served = callNames.filter((name) => calls[name].side === "ncp");
    assert.sameMembers(names, served);
    assert.lengthOf(names, served.length);
  });

  it("are frozen to what they call, so that they can lie in flash", () => {
    for (const table of TABLES) {
      assert.isTrue(Object.isFrozen(table));
      for (const answer of Object.values(table)) {
        if (typeof answer === "object") assert.isTrue(Object.isFrozen(answer));
      }
    }
    for (const constant of [NCP_CALLS_BY_UID, NO_PINS]) assert.isTrue(Object.isFrozen(constant));
  });

  it("are held to the catalogue by the compiler", () => {
    assert.isTrue(STATE_IS_STATE && !STATE_IS_NOTHING && !STATE_IS_OK && !REBOOT_IS_STATE);
    assert.isFalse(MISSPELT || CALLS_OF_THE_MCU || OTHER_DOMAIN);
  });
});

describe("calls by their uids", () => {
  it("are those that the NCP serves, whatever number is asked for", () => {
    const byUid = callsServedBy("ncp");
    for (let uid = 0; uid <= 0xffff; uid++) assert.equal(NCP_CALLS_BY_UID[uid], byUid.get(uid));
  });
});

describe("a session with several tables", () => {
  let bench: RpcBench;
  const first: Counted = { count: 0 };

  beforeEach(() => {
    bench = new RpcBench();
    first.count = 0;
    bench.session.serve(COUNTED_CALLS, first);
  });

  it("hands each call to the domain of its table", () => {
    const asked: number[] = [];
    const pins: PinDomain = { ...NO_PINS, initLed: (gpio) => asked.push(gpio) > 0 };
    bench.session.serve(PIN_CALLS, pins);
    bench.receive(invokeOf("blynk.getState", 1, {}));
    bench.receive(invokeOf("ncp.reboot", 2, {}));
    bench.receive(invokeOf("hw.initLED", 3, { gpio: 7, activeLow: true }));
    assert.deepEqual(bench.takeSent(), [
      toHex(resultOf("blynk.getState", 1, { state: 1 })),
      toHex(resultOf("ncp.reboot", 2, { ok: true })),
      toHex(resultOf("hw.initLED", 3, { ok: true })),
    ]);
    assert.deepEqual([first.count, asked], [11, [7]]);
  });

  it("says of each uid whether it is served, and refuses the others", () => {
    for (const name of callNames) {
      assert.equal(bench.session.serves(calls[name].uid), name in COUNTED_CALLS, name);
    }
    bench.receive(invokeOf("hw.initLED", 3, { gpio: 7, activeLow: true }));
    assert.deepEqual(bench.takeSent(), [toHex(refusalOf(3, RpcStatus.UNKNOWN_UID))]);
  });

  it("takes the domain that came last where two have a call", () => {
    const second: Counted = { count: 100 };
    bench.session.serve(COUNTED_CALLS, second);
    bench.receive(invokeOf("blynk.getState", 1, {}));
    assert.deepEqual([first.count, second.count], [0, 101]);
  });
});
