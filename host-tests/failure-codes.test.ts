/** Every code of Blynk's for why a device is not online: who brings it about in the simulation, or why nobody can. */

import { assert } from "chai";
import { CaptivePortal } from "../host/peers/captive-portal.js";
import { FailureCode, meaningOf } from "../src/base/failure-code.js";
import { Station } from "../src/network/station.js";
import { CLOUD_HOST, HOME, OnlineBench, TOKEN } from "./support/online-bench.js";
import { WifiBench } from "./support/wifi-bench.js";

/** blynk-ncp.md, 6.2. */
const BLYNKS = [700, 701, 702, 703, 704, 705, 710, 711, 712, 720, 721, 722, 723, 730, 731, 732];
/** Ferry has neither Ethernet nor a modem. */
const NEVER = [721, 730, 731, 732];

interface Knob {
  readonly what: string;
  turn(bench: OnlineBench): void;
  /** How often the fault has struck. */
  fired(bench: OnlineBench): number;
}

/** One knob of the simulated air, network or cloud for each code. */
const KNOBS: Readonly<Record<number, Knob>> = {
  701: {
    what: "an access point that answers no station",
    turn: ({ home }) => {
      home.silent = true;
    },
    fired: ({ air }) => air.counts.unanswered,
  },
  702: {
    what: "a cloud that takes connections and says nothing",
    turn: ({ cloud, network }) => {
      cloud.behavior = { tokens: [TOKEN], isMute: true };
      network.listen(CLOUD_HOST, 9443, cloud.accept);
    },
    fired: ({ cloud }) => cloud.counts.connections,
  },
  703: {
    what: "a cloud that does not know the token",
    turn: ({ cloud }) => {
      cloud.behavior = { tokens: [] };
    },
    fired: ({ cloud }) => cloud.counts.refusedLogins,
  },
  704: {
    what: "an access point that is full",
    turn: ({ home }) => {
      home.refusalReason = 5;
    },
    fired: ({ air }) => air.counts.refused,
  },
  705: {
    what: "a cloud that refuses each login",
    turn: ({ cloud }) => {
      cloud.behavior = { tokens: [TOKEN], loginStatus: 11 };
    },
    fired: ({ cloud }) => cloud.counts.refusedLogins,
  },
  710: {
    what: "a resolver that does not answer",
    turn: ({ network }) => {
      network.resolverAnswers = false;
    },
    fired: ({ network }) => network.counts.unresolved,
  },
  711: {
    what: "a certificate that has expired",
    turn: ({ network }) => {
      network.certificateProblems.set(CLOUD_HOST, "it has expired");
    },
    fired: ({ network }) => network.counts.badCertificates,
  },
  712: {
    what: "a captive portal",
    turn: ({ home }) => {
      home.portal = new CaptivePortal();
    },
    fired: ({ home }) => (home.portal as CaptivePortal).counts.answers,
  },
  720: {
    what: "an access point that is switched off",
    turn: ({ air, home }) => air.remove(home),
    fired: ({ air }) => air.counts.notFound,
  },
  722: {
    what: "a password that has been changed",
    turn: ({ home }) => {
      home.password = "changed since";
    },
    fired: ({ air }) => air.counts.wrongPasswords,
  },
  723: {
    what: "an access point without DHCP",
    turn: ({ home }) => {
      home.dhcpMs = undefined;
    },
    fired: ({ air }) => air.counts.withoutAddress,
  },
};

describe("The failure codes", () => {
  it("are all of Blynk's, each with a meaning of its own", () => {
    const codes = Object.values(FailureCode);
    assert.sameMembers(codes, BLYNKS);
    const meanings = codes.map((code) => meaningOf(code));
    assert.equal(new Set(meanings).size, codes.length);
    for (const meaning of meanings) assert.match(meaning, /^the |^no /);
  });

  it("can all be brought about, but for those of cables and SIM cards", () => {
    const byStation = [FailureCode.CONFIG];
    assert.sameMembers([...Object.keys(KNOBS).map(Number), ...byStation, ...NEVER], BLYNKS);
  });

  for (const [code, { what, turn, fired }] of Object.entries(KNOBS)) {
    it(`have ${code} for ${what}`, () => {
      const bench = new OnlineBench();
      turn(bench);
      bench.boot();
      bench.mcu.call("ferry.setNetwork", HOME);
      bench.mcu.call("ferry.setCloud", { host: "", port: 0, token: TOKEN });
      bench.mcu.initialize();
      bench.clock.advance(60_000);
      const { lastError, meaning } = bench.mcu.call("ferry.getConnection", {});
      assert.equal(lastError, Number(code));
      assert.equal(meaning, meaningOf(Number(code) as FailureCode));
      assert.isAtLeast(fired(bench), 1, "the fault never struck");
    });
  }

  it("have 700 for a try to get onto a network when none is known any more", () => {
    const bench = new WifiBench();
    bench.air.add();
    const heard: FailureCode[] = [];
    const station = new Station({ clock: bench.deviceClock, wifi: { io: bench.Wifi }, networks: () => [] });
    station.start({ onUp: () => {}, onFailed: (code) => heard.push(code), onLost: () => {} });
    bench.clock.advance(1_000);
    assert.deepEqual(heard, [FailureCode.CONFIG]);
  });
});
