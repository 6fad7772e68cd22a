/** The trial of a new build of Ferry that has to show a login to its cloud: beside each host, and set up anew in it. */

import { assert } from "chai";
import type { McuBehavior } from "../host/peers/mcu-behavior.js";
import { Native, NativeCloudServer } from "../host/peers/native-cloud-server.js";
import { Air, type Hotspot } from "../host/sim/air.js";
import { encodeUtf8 } from "../src/base/utf8.js";
import { NcpEvent, NcpState } from "../src/rpc/protocol.js";
import { CONFIRMATION_MS } from "../src/update/self-update-machine.js";
import { HOSTS } from "./support/host-day.js";
import { NEW_VERSION, OLD_VERSION, SelfBench } from "./support/self-bench.js";

const HOME = Object.freeze({ ssid: "home", password: "correct horse" });
const CLOUD = Object.freeze({ host: "cloud.example", port: 0, token: "0123456789abcdefghijklmnopqrstuv" });
const HOUR_MS = 3_600_000;

interface OnlineSelfBench {
  readonly bench: SelfBench;
  readonly cloud: NativeCloudServer;
  /** Takes the network away, and brings it back. */
  setHome(isThere: boolean): void;
}

/** Ferry is online, and has been offered a new build that has to prove itself to the MCU and to the cloud. */
function offered(mcu: Partial<McuBehavior>): OnlineSelfBench {
  const rooms: { air: Air; home: Hotspot; cloud: NativeCloudServer }[] = [];
  const bench = new SelfBench({
    mcu,
    online: (network, clock) => {
      const air = new Air(clock, network);
      const cloud = new NativeCloudServer(clock, { tokens: [CLOUD.token] });
      rooms.push({ air, home: air.add(HOME), cloud });
      network.listen(CLOUD.host, 443, cloud.accept);
      return { air };
    },
    overrides: { selfUpdate: { confirmation: { mcu: true, cloud: true } } },
  });
  bench.start(120_000);
  setUp(bench);
  bench.runUntil(() => bench.device.ncp?.state === NcpState.CONNECTED, 60_000, "the login");
  assert.isUndefined(bench.offerFerry());
  const [room] = rooms;
  if (!room) throw new Error("nothing was put around the device");
  const { air, home, cloud } = room;
  return { bench, cloud, setHome: (isThere) => (isThere ? air.add(HOME) : air.remove(home)) };
}

function setUp({ mcu }: SelfBench): void {
  mcu.call("ferry.setNetwork", HOME);
  mcu.call("ferry.setCloud", CLOUD);
  mcu.call("ferry.connect", {});
}

describe("A new build of Ferry that has to log in", () => {
  for (const host of HOSTS) {
    it(`is confirmed, and stays online, beside ${host.name}`, () => {
      const { bench } = offered(host.mcu);
      assert.deepEqual(bench.awaitSelfVerdict(), { kind: "succeeded", proof: "confirmed" });
      assert.strictEqual(bench.runningVersion, NEW_VERSION);
      bench.clock.advance(HOUR_MS);
      assert.strictEqual(bench.device.ncp?.state, NcpState.CONNECTED);
      assert.strictEqual(bench.mcu.ncpState, NcpState.CONNECTED);
      assert.strictEqual(bench.runningVersion, NEW_VERSION);
      assert.deepEqual([...bench.mcu.violations], []);
    });
  }
});

describe("A factory reset in the trial of a new build of Ferry", () => {
  /** In a trial that lasts: there is no network. */
  function resetInTrial(): OnlineSelfBench & { boots: number } {
    const made = offered({ bringUp: "arduino" });
    const { bench, setHome } = made;
    bench.runUntil(() => bench.runningVersion === NEW_VERSION, 600_000, "the new build");
    setHome(false);
    bench.runUntil(() => bench.device.ncp?.state === NcpState.CONNECTING_NET, 60_000, "the host's initialize");
    bench.clock.advance(CONFIRMATION_MS / 2);
    assert.strictEqual(bench.last("self-phase")?.phase, "trial");
    bench.mcu.tell("blynk.virtualWrite", { vpin: 1, value: encodeUtf8("before") });
    bench.mcu.call("blynk.factoryReset", {});
    return { ...made, boots: bench.device.boots };
  }

  it("is one: nothing is configured, the host is told, and Ferry asks for a network", () => {
    const { bench, boots } = resetInTrial();
    bench.clock.advance(20_000);
    assert.strictEqual(bench.device.boots, boots, "a restart would have ended the trial");
    assert.strictEqual(bench.device.ncp?.state, NcpState.CONFIG);
    assert.strictEqual(bench.mcu.ncpState, NcpState.CONFIG);
    const notices = bench.mcu.record.events.filter(
      ({ name, text }) => name === "client.processEvent" && text === `${NcpEvent.NCP_REBOOTING}`,
    );
    assert.lengthOf(notices, 2, "of the new build, and of the reset");
    const answers: unknown[] = [];
    bench.mcu.call("blynk.isConfigured", {}, ({ results }) => answers.push(results.ok));
    bench.mcu.call("ferry.getConnection", {}, ({ results }) => answers.push(results.lastError));
    bench.clock.advance(1_000);
    assert.deepEqual(answers, [false, 0]);
  });

  it("leaves the build the whole time to prove itself once it is set up anew, and the new cloud nothing of the old", () => {
    const { bench, cloud, setHome } = resetInTrial();
    bench.clock.advance(0.8 * CONFIRMATION_MS);
    assert.strictEqual(bench.count("self-verdict"), 0);
    setHome(true);
    setUp(bench);
    assert.deepEqual(bench.awaitSelfVerdict(60_000), { kind: "succeeded", proof: "confirmed" });
    bench.clock.advance(1_000);
    assert.strictEqual(bench.device.ncp?.state, NcpState.CONNECTED);
    bench.mcu.tell("blynk.virtualWrite", { vpin: 2, value: encodeUtf8("after") });
    bench.clock.advance(5_000);
    assert.deepEqual(cloud.heard(Native.HARDWARE), [["vw", "2", "after"]]);
  });

  it("does not save a build that nobody ever saw log in", () => {
    const { bench } = resetInTrial();
    assert.strictEqual(bench.awaitSelfVerdict(2 * CONFIRMATION_MS).kind, "rolled-back");
    assert.strictEqual(bench.runningVersion, OLD_VERSION);
    bench.clock.advance(60_000);
    assert.strictEqual(bench.device.ncp?.state, NcpState.CONFIG);
  });
});
