/** A simulated chip without its program, and what is on the air around it. */

import { Air } from "../../host/sim/air.js";
import { DeviceClock } from "../../host/sim/cpu.js";
import { Network } from "../../host/sim/network.js";
import { SimRadio } from "../../host/sim/radio.js";
import { makeSocketClass } from "../../host/sim/socket.js";
import { makeAccessPointClass, makeWifiClass } from "../../host/sim/wifi.js";
import type { AccessPointClass, WifiClass } from "../../src/network/ports.js";
import type { Clock, SocketClass } from "../../src/ports.js";
import { SimBench } from "../ports/sim-bench.js";

export class WifiBench extends SimBench {
  readonly network = new Network(this.clock);
  readonly air = new Air(this.clock, this.network);
  readonly deviceClock: Clock = new DeviceClock(this.clock, this.cpu);
  readonly radio = new SimRadio({ air: this.air, cpu: this.cpu, life: this.life });
  readonly Wifi: WifiClass = makeWifiClass(this.radio);
  readonly AccessPoint: AccessPointClass = makeAccessPointClass(this.radio);
  readonly Socket: SocketClass = makeSocketClass({ network: this.network, cpu: this.cpu, life: this.life });
}
