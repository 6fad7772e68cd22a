/** The table of calls, against what was recorded from Blynk's own code. */

import { assert } from "chai";
import { type Call, type CallName, callNames, calls, callsServedBy, type Field } from "../src/rpc/catalogue.js";
import { loadExchanges, typeOf } from "./support/blynk-vectors.js";

/** Outside Blynk's uid space. */
const OWN_CALLS = 8;

const table: readonly (readonly [CallName, Call])[] = callNames.map((name) => [name, calls[name]]);

function namesWhere(isSo: (call: Call, name: CallName) => boolean): CallName[] {
  return table.filter(([name, call]) => isSo(call, name)).map(([name]) => name);
}

describe("the catalogue", () => {
  it("has Blynk's 57 calls, 47 that the NCP serves and 10 that the MCU serves, and Ferry's own", () => {
    const own = namesWhere((_, name) => name.startsWith("ferry."));
    assert.lengthOf(own, OWN_CALLS);
    assert.lengthOf(callNames, 57 + OWN_CALLS);
    assert.lengthOf(
      namesWhere(({ side }) => side === "ncp"),
      47 + OWN_CALLS,
    );
    assert.lengthOf(
      namesWhere(({ side }) => side === "mcu"),
      10,
    );
  });

  it("gives every call a uid of its own, in the range of its interface", () => {
    assert.equal(new Set(table.map(([, { uid }]) => uid)).size, 57 + OWN_CALLS);
    const pageOf: Readonly<Record<string, number>> = { ncp: 1, mcu: 1, hw: 2, blynk: 3, client: 4, ferry: 0xfe };
    for (const [name, { uid, side }] of table) {
      const [owner = ""] = name.split(".");
      assert.equal(uid >> 8, pageOf[owner], name);
      assert.equal(side, owner === "mcu" || owner === "client" ? "mcu" : "ncp", name);
    }
  });

  it("finds each call by its uid among those of its side, and by no other", () => {
    for (const side of ["ncp", "mcu"] as const) {
      const served = callsServedBy(side);
      assert.equal(served.size, side === "ncp" ? 47 + OWN_CALLS : 10);
      for (const [uid, name] of served) {
        assert.equal(calls[name].uid, uid);
        assert.equal(calls[name].side, side);
      }
    }
    assert.notStrictEqual(callsServedBy("ncp"), callsServedBy("ncp"), "each user has a map of its own");
  });

  it("is frozen to its last leaf", () => {
    const unfrozen: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      if (!Object.isFrozen(value)) unfrozen.push(path);
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
    };
    visit(calls, "calls");
    visit(callNames, "callNames");
    assert.deepEqual(unfrozen, []);
    assert.throws(() => {
      (calls["ncp.hasUID"].argFields as Field[]).push(["more", "u8"]);
    }, TypeError);
  });

  it("lists the fields in the order of the shapes", () => {
    for (const [name, { args, results, argFields, resultFields }] of table) {
      assert.deepEqual(argFields, Object.entries(args), name);
      assert.deepEqual(resultFields, Object.entries(results), name);
    }
  });

  it("has the events and commands without an answer as oneways, and they have neither results nor timeout", () => {
    assert.sameMembers(
      namesWhere(({ kind }) => kind === "oneway"),
      [
        "blynk.virtualWrite",
        "blynk.syncAll",
        "blynk.syncVirtual",
        "blynk.setProperty",
        "blynk.beginGroup",
        "blynk.endGroup",
        "blynk.logEvent",
        "blynk.resolveEvent",
        "blynk.resolveAllEvents",
        "blynk.setMetadata",
        "client.blynkStateChange",
        "client.blynkVPinChange",
        "client.processEvent",
      ],
    );
    for (const [name, { kind, timeoutMs, resultFields }] of table) {
      if (kind === "oneway") assert.deepEqual([timeoutMs, resultFields.length], [0, 0], name);
      else assert.isAbove(timeoutMs, 0, name);
    }
  });

  it("has the timeouts of Blynk's driver: a second, but for these", () => {
    const others = table.filter(([, { kind, timeoutMs }]) => kind === "invoke" && timeoutMs !== 1000);
    assert.deepEqual(Object.fromEntries(others.map(([name, { timeoutMs }]) => [name, timeoutMs])), {
      "ncp.ping": 100,
      "blynk.initialize": 5000,
      "blynk.factoryTestWiFi": 30_000,
      "blynk.factoryTestWiFiAP": 5000,
      "blynk.factoryTestConnect": 10_000,
      "blynk.otaUpdatePrefetch": 30_000,
      "mcu.ping": 100,
      "client.otaUpdateAvailable": 5000,
      "client.otaUpdateWrite": 5000,
      "client.otaUpdateFinish": 5000,
    });
  });

  it("returns its verdict last, whatever else a call returns", () => {
    for (const [name, { kind, resultFields }] of table) {
      if (kind === "oneway" || resultFields.length === 0) continue;
      assert.include(["ok", "status", "state"], resultFields.at(-1)?.[0], name);
    }
    assert.sameMembers(
      namesWhere(({ kind, resultFields }) => kind === "invoke" && resultFields.length === 0),
      ["ncp.ping", "mcu.ping", "client.otaUpdateCancel"],
    );
  });
});

describe("the catalogue and the recorded exchanges", () => {
  const exchanges = loadExchanges();

  it("agree on uid, kind and side of every call", () => {
    for (const { recorded, call, title } of exchanges) {
      assert.equal(call.uid, Number(recorded.uid), title);
      assert.equal(call.kind, recorded.kind, title);
      assert.equal(call.side, recorded.caller === "mcu" ? "ncp" : "mcu", title);
      assert.equal(call.kind === "invoke", recorded.response !== null, title);
    }
    assert.equal(new Set(exchanges.map(({ name }) => name)).size, 57);
  });

  it("agree on number and types of all arguments", () => {
    for (const { recorded, call, title } of exchanges) {
      assert.deepEqual(
        call.argFields.map(([, type]) => type),
        Object.values(recorded.args).map(typeOf),
        title,
      );
    }
  });
});
