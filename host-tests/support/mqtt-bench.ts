/** The cloud over MQTT on a simulated device, with a broker on its network. */

import { MqttBroker, type MqttBrokerBehavior } from "../../host/peers/mqtt-broker.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { Network } from "../../host/sim/network.js";
import { makeSocketClass } from "../../host/sim/socket.js";
import { makeMqttClientClass } from "../../src/cloud/mqtt/client.js";
import { MQTTS_PORT } from "../../src/cloud/mqtt/downlink.js";
import { MESSAGE_BYTES_MAX, MqttCloud, type MqttCloudOptions } from "../../src/cloud/mqtt/mqtt-cloud.js";
import { listenTo } from "./cloud-events.js";

export const TOKEN = "0123456789abcdefghijklmnopqrstuv";
export const HOST = "broker.example";
export const OTHER_HOST = "region.broker.example";
export const SETTLE_MS = 2_000;

export interface MqttBenchOptions {
  readonly behavior?: Partial<MqttBrokerBehavior>;
  /** Ports on which the broker listens. */
  readonly ports?: readonly number[];
  readonly port?: number;
  readonly ways?: readonly ("tls" | "plain")[];
  readonly cloud?: Partial<MqttCloudOptions>;
}

export function makeMqttBench(options: MqttBenchOptions = {}) {
  const { behavior = {}, ports = [MQTTS_PORT], port, ways = ["tls"], cloud: own = {} } = options;
  const clock = new VirtualClock();
  const network = new Network(clock);
  const defaults: MqttBrokerBehavior = { tokens: [TOKEN], user: "device", packetBytesMax: MESSAGE_BYTES_MAX };
  const broker = new MqttBroker(clock, { ...defaults, ...behavior });
  for (const open of ports) network.listen(HOST, open, broker.accept);
  const cpu = new SimCpu(clock);
  const binding = { network, cpu, life: { assertAlive() {} } };
  const deviceClock = new DeviceClock(clock, cpu);
  const way = (secure: boolean) => ({
    io: makeMqttClientClass({ clock: deviceClock, socket: { io: makeSocketClass(binding, { secure }) } }),
  });
  const cloud = new MqttCloud({
    clock: deviceClock,
    ...(ways.includes("tls") ? { tls: way(true) } : {}),
    ...(ways.includes("plain") ? { plain: way(false) } : {}),
    ...own,
  });
  const heard: string[] = [];
  const events = listenTo(heard);
  const start = (token = TOKEN) => cloud.start({ host: HOST, token, ...(port === undefined ? {} : { port }) }, events);
  /** Starts and waits for the session. */
  const goUp = () => {
    start();
    clock.runUntil(() => heard.includes("up"), 30_000, "the login");
    clock.advance(SETTLE_MS);
    heard.length = 0;
  };
  /** Another broker elsewhere. */
  const addBroker = (host: string, brokerPort: number, other: Partial<MqttBrokerBehavior> = {}) => {
    const region = new MqttBroker(clock, { ...defaults, ...other });
    network.listen(host, brokerPort, region.accept);
    return region;
  };
  return { clock, deviceClock, network, broker, cloud, heard, start, goUp, addBroker };
}
