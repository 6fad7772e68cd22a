/** The Socket port on real sockets: against servers of this computer, with and without TLS. */

import { createServer, type Server, type Socket as TcpSocket } from "node:net";
import { createServer as createSecureServer } from "node:tls";
import { assert } from "chai";
import { CertificateAuthority } from "../../host/node/certificates.js";
import { realClock } from "../../host/node/clock.js";
import { LOOPBACK } from "../../host/node/file-server.js";
import { makeNodeSocketClass } from "../../host/node/socket.js";
import { NodeTcpStream } from "../../host/node/tcp-stream.js";
import { Native, NativeCloudServer } from "../../host/peers/native-cloud-server.js";
import { SEND_BUFFER_BYTES } from "../../host/sim/socket.js";
import { NativeCloud } from "../../src/cloud/native/native-cloud.js";
import type { Socket, SocketClass } from "../../src/ports.js";
import { listenTo } from "../support/cloud-events.js";

const TOKEN = "0123456789abcdefghijklmnopqrstuv";
const HOST = "localhost";

/** What has happened so far, and a way to wait for the next of it. */
class Diary {
  readonly lines: string[] = [];
  #wake: () => void = () => {};

  note(line: string): void {
    this.lines.push(line);
    this.#wake();
  }

  async until(isThere: (lines: readonly string[]) => boolean): Promise<void> {
    while (!isThere(this.lines)) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }
}

describe("The socket of this computer", () => {
  const closings: (() => void)[] = [];

  afterEach(() => {
    for (const close of closings.splice(0)) close();
  });

  function listen(server: Server): Promise<number> {
    const sockets = new Set<TcpSocket>();
    server.on("connection", (socket) => sockets.add(socket));
    closings.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return new Promise((resolve) => {
      server.listen(0, LOOPBACK, () => resolve((server.address() as { port: number }).port));
    });
  }

  function open(Class: SocketClass, port: number, host = HOST): { socket: Socket; diary: Diary } {
    const diary = new Diary();
    const socket: Socket = new Class({
      host,
      port,
      onReadable: (count) => diary.note(`readable ${count}`),
      onWritable: (count) => diary.note(`writable ${count}`),
      onError: (problem, detail) => diary.note(`${problem}: ${detail}`),
    });
    closings.push(() => socket.close());
    return { socket, diary };
  }

  const echo = () => createServer((socket) => socket.pipe(socket));

  it("connects, takes writes as a whole up to its room, and reads them back", async () => {
    const { socket, diary } = open(makeNodeSocketClass(), await listen(echo()));
    assert.throws(() => socket.write(Uint8Array.of(1)), "would block");
    await diary.until((lines) => lines.length > 0);
    assert.equal(diary.lines[0], `writable ${SEND_BUFFER_BYTES}`);
    assert.throws(() => socket.write(new Uint8Array(SEND_BUFFER_BYTES + 1)), "would block");
    assert.equal(socket.write(Uint8Array.of(1, 2, 3)), SEND_BUFFER_BYTES - 3);
    await diary.until((lines) => lines.includes("readable 3"));
    const buffer = new Uint8Array(8);
    assert.equal(socket.read(buffer), 3);
    assert.deepEqual([...buffer.subarray(0, 3)], [1, 2, 3]);
    assert.isUndefined(socket.read(buffer));
  });

  it("tells the far end's goodbye when all has been read", async () => {
    const { socket, diary } = open(makeNodeSocketClass(), await listen(createServer((peer) => peer.end("last"))));
    await diary.until((lines) => lines.includes("readable 4"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.notMatch(diary.lines.join(), /closed/);
    assert.equal(socket.read(new Uint8Array(8)), 4);
    await diary.until((lines) => lines.some((line) => line.startsWith("closed: ")));
    assert.throws(() => socket.read(new Uint8Array(1)), "closed");
  });

  it("calls nothing back after close()", async () => {
    const { socket, diary } = open(makeNodeSocketClass(), await listen(echo()));
    socket.close();
    socket.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(diary.lines, []);
  });

  it("says that a host has no name, and that nobody listens", async () => {
    const nameless = open(makeNodeSocketClass(), 80, "nobody.invalid").diary;
    await nameless.until((lines) => lines.length > 0);
    assert.match(nameless.lines[0] ?? "", /^name: /);
    const server = echo();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const refused = open(makeNodeSocketClass(), port).diary;
    await refused.until((lines) => lines.length > 0);
    assert.match(refused.lines[0] ?? "", /^connection: /);
  });

  it("speaks TLS with whom it trusts, and with nobody else", async () => {
    const authority = new CertificateAuthority("the test");
    const identity = authority.issue(HOST);
    const port = await listen(createSecureServer(identity, (socket) => socket.write("hello")));
    const trusting = open(makeNodeSocketClass({ trust: [authority.certificate] }), port).diary;
    await trusting.until((lines) => lines.includes("readable 5"));
    const other = new CertificateAuthority("another");
    const wary = open(makeNodeSocketClass({ trust: [other.certificate] }), port).diary;
    await wary.until((lines) => lines.length > 0);
    assert.match(wary.lines[0] ?? "", /^certificate: .*not trusted/);
  });

  it("carries Ferry to a cloud: login, heartbeat's way, data both ways", async () => {
    const server = new NativeCloudServer(realClock, { tokens: [TOKEN] });
    const port = await listen(createServer((socket) => server.accept(new NodeTcpStream(socket))));
    const diary = new Diary();
    const heard: string[] = [];
    const events = listenTo(heard);
    const cloud = new NativeCloud({ clock: realClock, tls: { io: makeNodeSocketClass() } });
    closings.push(() => cloud.stop());
    cloud.start(
      { host: HOST, port, token: TOKEN },
      {
        ...events,
        onUp: () => diary.note("up"),
        onPin: (vpin, value) => diary.note(`pin ${vpin} ${String.fromCharCode(...value)}`),
      },
    );
    server.onMessage = ({ command, strings }) => command === Native.HARDWARE && diary.note(strings.join(" "));
    await diary.until((lines) => lines.includes("up"));
    assert.isTrue(cloud.virtualWrite(5, Uint8Array.of(0x34, 0x32)));
    await diary.until((lines) => lines.includes("vw 5 42"));
    server.send(Native.HARDWARE, "vw", "7", "on");
    await diary.until((lines) => lines.includes("pin 7 on"));
  });
});
