import { assert } from "chai";
import { makeSocketClass, type SdkTcpOptions } from "../src/device/socket.js";
import { makeTlsSocketClass } from "../src/device/tls-socket.js";
import type { Socket, SocketOptions, TlsConnectionOptions } from "../src/ports.js";

interface Opened<Options> {
  readonly options: Options;
  isClosed: boolean;
}

/** The sockets to addresses, as far as they matter: made with which options, closed or not. */
class Chip {
  readonly tcps: Opened<SdkTcpOptions>[] = [];
  readonly connections: Opened<TlsConnectionOptions>[] = [];
  lookUp: ((address: string | undefined) => void) | undefined;
  isDateKnown = true;
  fault: string | undefined;

  readonly resolve = (host: string, callback: (host: string, address: string | undefined) => void) => {
    this.lookUp = (address) => callback(host, address);
  };

  makeClass<Options>(opened: Opened<Options>[]) {
    const chip = this;
    return class implements Socket {
      readonly #record: Opened<Options>;
      constructor(options: Options) {
        if (chip.fault) throw new Error(chip.fault);
        this.#record = { options, isClosed: false };
        opened.push(this.#record);
      }
      read(buffer: Uint8Array) {
        buffer[0] = 7;
        return 1;
      }
      write(buffer: Uint8Array) {
        return 100 - buffer.length;
      }
      close() {
        this.#record.isClosed = true;
      }
    };
  }
}

let chip: Chip;
let told: unknown[][];

beforeEach(() => {
  chip = new Chip();
  told = [];
});

function options(): SocketOptions {
  return {
    host: "cloud.test",
    port: 443,
    onReadable: (count) => told.push(["readable", count]),
    onWritable: (count) => told.push(["writable", count]),
    onError: (problem, detail) => told.push([problem, detail]),
  };
}

describe("The device's socket over TCP", () => {
  function open(): Socket {
    const TcpSocket = makeSocketClass({ Tcp: chip.makeClass(chip.tcps), resolve: chip.resolve });
    return new TcpSocket(options() as SocketOptions & Record<string, unknown>);
  }

  it("looks the name up, connects, and hands on what the connection says", () => {
    const socket = open();
    chip.lookUp?.("192.0.2.7");
    const tcp = chip.tcps[0]?.options;
    assert.include(tcp, { address: "192.0.2.7", port: 443 });
    tcp?.onWritable(50);
    tcp?.onReadable(3);
    assert.deepEqual(told, [
      ["writable", 50],
      ["readable", 3],
    ]);
    assert.equal(socket.write(new Uint8Array(10)), 90);
    const buffer = new Uint8Array(1);
    assert.deepEqual([socket.read(buffer), buffer[0]], [1, 7]);
  });

  it("reads what waits, and never asks the SDK for more", () => {
    const asked: number[] = [];
    const Recording = class extends chip.makeClass(chip.tcps) {
      override read(buffer: Uint8Array) {
        asked.push(buffer.length);
        return buffer.length;
      }
    };
    const TcpSocket = makeSocketClass({ Tcp: Recording, resolve: chip.resolve });
    const socket = new TcpSocket(options() as SocketOptions & Record<string, unknown>);
    chip.lookUp?.("192.0.2.7");
    const buffer = new Uint8Array(512);
    assert.isUndefined(socket.read(buffer));
    chip.tcps[0]?.options.onReadable(700);
    assert.deepEqual([socket.read(buffer), socket.read(buffer), socket.read(buffer)], [512, 188, undefined]);
    chip.tcps[0]?.options.onReadable(5);
    assert.deepEqual([socket.read(buffer.subarray(0, 0)), socket.read(buffer)], [undefined, 5]);
    assert.deepEqual(asked, [512, 188, 5]);
  });

  it("says that there is no such name", () => {
    open();
    chip.lookUp?.(undefined);
    assert.deepEqual(told, [["name", "no address found for cloud.test"]]);
  });

  it("says that it cannot connect", () => {
    open();
    chip.lookUp?.("192.0.2.7");
    chip.tcps[0]?.options.onError();
    assert.deepEqual(told, [["connection", "cannot reach cloud.test"]]);
    assert.isTrue(chip.tcps[0]?.isClosed);
  });

  it("says that there is no network", () => {
    chip.fault = "no network";
    open();
    chip.lookUp?.("192.0.2.7");
    assert.deepEqual(told, [["connection", "no network"]]);
  });

  it("says that the other side has closed, once", () => {
    open();
    chip.lookUp?.("192.0.2.7");
    chip.tcps[0]?.options.onWritable(50);
    chip.tcps[0]?.options.onError();
    chip.tcps[0]?.options.onError();
    assert.deepEqual(told.slice(1), [["closed", "cloud.test closed the connection"]]);
  });

  it("takes nothing before it is connected", () => {
    const socket = open();
    assert.throws(() => socket.write(new Uint8Array(1)), "the socket is not connected");
    assert.isUndefined(socket.read(new Uint8Array(1)));
  });

  it("is silent once it is closed, also when the name comes later", () => {
    const early = open();
    early.close();
    chip.lookUp?.("192.0.2.7");
    assert.isEmpty(chip.tcps);
    const late = open();
    chip.lookUp?.("192.0.2.7");
    late.close();
    const tcp = chip.tcps[0]?.options;
    tcp?.onReadable(3);
    tcp?.onWritable(3);
    tcp?.onError();
    assert.isEmpty(told);
    assert.isTrue(chip.tcps[0]?.isClosed);
  });
});

describe("The device's socket over TLS", () => {
  const authority = new ArrayBuffer(4);

  function open(trust: { onlyAuthority?: boolean } = {}): Socket {
    const TlsSocket = makeTlsSocketClass({
      Connection: chip.makeClass(chip.connections),
      resolve: chip.resolve,
      isDateKnown: () => chip.isDateKnown,
      authority,
      ...trust,
    });
    return new TlsSocket(options() as SocketOptions & Record<string, unknown>);
  }

  it("names the server that it expects at the address, and who may vouch for it", () => {
    open();
    chip.lookUp?.("192.0.2.7");
    const { host, address, port, trustsBundle } = chip.connections[0]?.options ?? {};
    assert.deepEqual([host, address, port, trustsBundle], ["cloud.test", "192.0.2.7", 443, true]);
    assert.equal(chip.connections[0]?.options.authority, authority);
  });

  it("believes nobody but a product's own authority where that is asked for", () => {
    open({ onlyAuthority: true });
    chip.lookUp?.("192.0.2.7");
    assert.isFalse(chip.connections[0]?.options.trustsBundle);
  });

  it("says why a server is not believed, and is closed", () => {
    open();
    chip.lookUp?.("192.0.2.7");
    chip.connections[0]?.options.onError("certificate", "the certificate of cloud.test has expired");
    assert.deepEqual(told, [["certificate", "the certificate of cloud.test has expired"]]);
    assert.isTrue(chip.connections[0]?.isClosed);
  });

  it("refuses while the date is not known, and connects to nobody", () => {
    chip.isDateKnown = false;
    open();
    chip.lookUp?.("192.0.2.7");
    assert.equal(told[0]?.[0], "certificate");
    assert.match(String(told[0]?.[1]), /the date is not known yet/);
    assert.isEmpty(chip.connections);
  });

  it("says that there is no memory for it", () => {
    chip.fault = "no memory for TLS";
    open();
    chip.lookUp?.("192.0.2.7");
    assert.deepEqual(told, [["connection", "no memory for TLS"]]);
  });
});
