/**
 * The peer that plays Blynk's cloud, held to somebody else's idea of the protocol: npm's `blynk-library`, the client for
 * JavaScript by the author of Blynk's own. Real sockets, in real time.
 */

import { once } from "node:events";
import { createRequire } from "node:module";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { assert } from "chai";
import { NodeTcpStream } from "../../host/node/tcp-stream.js";
import { Native, type NativeCloudBehavior, NativeCloudServer } from "../../host/peers/native-cloud-server.js";
import type { Clock } from "../../src/ports.js";

const TOKEN = "0123456789abcdefghijklmnopqrstuv";
const STEP_MS = 5;
const PATIENCE_MS = 5_000;

/** What is used of the package, which has no types of its own. */
interface Client {
  on(event: "connect" | "disconnect" | "error", listener: (problem?: string) => void): void;
  connect(): void;
  disconnect(reconnect: boolean): void;
  virtualWrite(pin: number, value: string | number | readonly string[]): void;
  setProperty(pin: number, property: string, value: string): void;
  eventLog(code: string, description: string): void;
  syncAll(): void;
  syncVirtual(pin: number): void;
  /** Its next attempt to connect, every ten seconds. */
  readonly timerConn: NodeJS.Timeout | null;
  readonly VirtualPin: new (pin: number) => { on(event: "write", listener: (values: string[]) => void): void };
}

interface ClientPackage {
  readonly Blynk: new (token: string, options: Record<string, unknown>) => Client;
  readonly TcpClient: new (place: { addr: string; port: number }) => object;
}

const { Blynk, TcpClient } = createRequire(import.meta.url)("blynk-library") as ClientPackage;

const realClock: Clock = {
  now: () => performance.now(),
  set: (callback, delayMs) => setTimeout(callback, delayMs),
  clear: (handle) => clearTimeout(handle as NodeJS.Timeout | undefined),
};

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waitedMs = 0; !condition(); waitedMs += STEP_MS) {
    if (waitedMs > PATIENCE_MS) assert.fail(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

describe("The peer that plays a cloud, and a client of Blynk's protocol that is not Ferry", () => {
  const { log, error } = console;
  let server: Server;
  let cloud: NativeCloudServer;
  const sockets: Socket[] = [];
  const clients: Client[] = [];
  const problems: (string | undefined)[] = [];

  async function start(behavior: Partial<NativeCloudBehavior> = {}): Promise<number> {
    cloud = new NativeCloudServer(realClock, { tokens: [TOKEN], ...behavior });
    const { accept } = cloud;
    server = createServer((socket) => {
      sockets.push(socket);
      accept(new NodeTcpStream(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  function client(port: number, token = TOKEN, heartbeatMs = 10_000): Client {
    const connector = new TcpClient({ addr: "127.0.0.1", port });
    const made = new Blynk(token, { connector, heartbeat: heartbeatMs, skip_connect: true });
    made.on("error", (problem) => problems.push(problem));
    clients.push(made);
    made.connect();
    return made;
  }

  beforeEach(() => {
    console.log = () => {}; // the package tells all it does
    console.error = () => {};
    problems.length = 0;
  });

  afterEach(() => {
    for (const made of clients.splice(0)) {
      made.disconnect(false);
      clearInterval(made.timerConn ?? undefined);
    }
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
    Object.assign(console, { log, error });
  });

  it("agree on a login, and on all that a device says", async () => {
    const device = client(await start());
    await until(() => cloud.heard(Native.INTERNAL).length > 0, "the device's introduction");
    device.virtualWrite(5, "21.5");
    device.virtualWrite(6, ["a", "b"]);
    device.setProperty(5, "color", "#ff0000");
    device.eventLog("alarm", "too hot");
    device.syncAll();
    device.syncVirtual(7);
    await until(() => cloud.heard(Native.SYNC).length === 2, "all that it said");
    assert.deepEqual(cloud.heard(Native.HARDWARE), [
      ["vw", "5", "21.5"],
      ["vw", "6", "a", "b"],
    ]);
    assert.deepEqual(cloud.heard(Native.PROPERTY), [["5", "color", "#ff0000"]]);
    assert.deepEqual(cloud.heard(Native.EVENT_LOG), [["alarm", "too hot"]]);
    assert.deepEqual(cloud.heard(Native.SYNC)[1], ["vr", "7"]);
    assert.equal(cloud.logins.length, 1);
    assert.deepEqual(problems, []);
  });

  for (const pieceBytes of [undefined, 1, 7]) {
    it(`agree on what the cloud says, ${pieceBytes ? `in pieces of ${pieceBytes}` : "as it comes"}`, async () => {
      const device = client(await start(pieceBytes ? { pieceBytes } : {}));
      const written: string[][] = [];
      new device.VirtualPin(3).on("write", (values) => written.push(values));
      await until(() => cloud.online === 1, "the login");
      cloud.send(Native.HARDWARE, "vw", "3", "on");
      cloud.send(Native.PING);
      cloud.send(Native.HARDWARE, "vw", "3", "1", "2");
      await until(() => written.length === 2, "the values");
      assert.deepEqual(written, [["on"], ["1", "2"]]);
      await until(() => cloud.heard(Native.RESPONSE).length > 0, "the answer to the cloud's ping");
      assert.deepEqual(problems, []);
    });
  }

  it("agree on pings", async () => {
    const device = client(await start(), TOKEN, 20);
    let disconnects = 0;
    device.on("disconnect", () => disconnects++);
    await until(() => cloud.counts.pings > 5, "six pings");
    assert.equal(disconnects, 0);
  });

  it("agree that a token is refused", async () => {
    client(await start(), "someone-elses-token");
    await until(() => problems.length > 0, "the refusal");
    assert.deepEqual(problems, ["INVALID_TOKEN"]);
    assert.equal(cloud.counts.refusedLogins, 1);
  });

  it("agree on where else to go", async () => {
    const elsewhere = await start();
    const [otherCloud, otherServer] = [cloud, server];
    const device = client(await start({ redirectsTo: ["127.0.0.1", elsewhere] }));
    let disconnects = 0;
    device.on("disconnect", () => disconnects++);
    await until(() => disconnects > 0, "the redirect");
    clearInterval(device.timerConn ?? undefined); // the package itself would take ten seconds
    device.connect();
    await until(() => otherCloud.logins.length === 1, "the login elsewhere");
    assert.equal(cloud.counts.redirects, 1);
    otherServer.close();
  });
});
