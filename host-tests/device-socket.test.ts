import { assert } from "chai";
import { guardTcp, makeSocketClass, type SdkSocketOptions } from "../src/device/socket.js";
import type { Socket } from "../src/ports.js";

type Options = SdkSocketOptions & Record<string, unknown>;

/** The SDK's sockets, as far as they matter: made with which options, closed or not. */
class Sdk {
  readonly tcps: (Options & { closed: boolean })[] = [];
  readonly secured: unknown[] = [];
  lookUp: ((address: string | undefined) => void) | undefined;
  isDateKnown = true;
  hasNoNetwork = false;

  readonly resolve = (host: string, callback: (host: string, address: string | undefined) => void) => {
    this.lookUp = (address) => callback(host, address);
  };

  makeTcp() {
    const sdk = this;
    return class {
      readonly #record: Options & { closed: boolean };
      constructor(options: Options) {
        if (sdk.hasNoNetwork) throw new Error("no network");
        this.#record = { ...options, closed: false };
        sdk.tcps.push(this.#record);
      }
      read(buffer: Uint8Array) {
        buffer[0] = 7;
        return 1;
      }
      write(buffer: Uint8Array) {
        return 100 - buffer.length;
      }
      close() {
        this.#record.closed = true;
      }
    };
  }

  /** Between its user and TCP; tells nobody why a connection was lost. */
  makeTls() {
    const { secured } = this;
    return class {
      constructor(options: Options) {
        secured.push(options.secure);
        const { io } = options.TCP as { io: new (options: Options) => object };
        new io({ ...options, onError: () => options.onError?.() });
      }
      close() {}
    };
  }
}

describe("A TCP socket of the SDK's, guarded", () => {
  let sdk: Sdk;

  beforeEach(() => {
    sdk = new Sdk();
  });

  it("loses the connection, and does not throw, where its user throws", () => {
    const seen: unknown[] = [];
    const bad = new Error("bad record");
    const onReadable = () => {
      throw bad;
    };
    new (guardTcp(sdk.makeTcp()))({
      onReadable,
      onFault: (cause) => seen.push(cause),
      onError: () => seen.push("lost"),
    });
    sdk.tcps[0]?.onReadable?.(5);
    assert.isTrue(sdk.tcps[0]?.closed);
    assert.deepEqual(seen, [bad, "lost"]);
  });

  it("hands on what it has to say", () => {
    const counts: number[] = [];
    new (guardTcp(sdk.makeTcp()))({
      onReadable: (count) => counts.push(count),
      onWritable: (count) => counts.push(-count),
    });
    sdk.tcps[0]?.onReadable?.(5);
    sdk.tcps[0]?.onWritable?.(9);
    assert.deepEqual(counts, [5, -9]);
  });
});

describe("The device's socket", () => {
  let sdk: Sdk;
  let told: unknown[][];

  function open(secure: boolean): Socket {
    const parts = { Tcp: guardTcp(sdk.makeTcp()), resolve: sdk.resolve };
    const authority = new ArrayBuffer(4);
    const tls = { Tls: sdk.makeTls(), isDateKnown: () => sdk.isDateKnown, authority };
    const SdkSocket = makeSocketClass(parts, secure ? tls : undefined);
    return new SdkSocket({
      host: "cloud.test",
      port: 443,
      onReadable: (count) => told.push(["readable", count]),
      onWritable: (count) => told.push(["writable", count]),
      onError: (problem, detail) => told.push([problem, detail]),
    });
  }

  beforeEach(() => {
    sdk = new Sdk();
    told = [];
  });

  it("looks the name up, connects, and hands on what the connection says", () => {
    const socket = open(false);
    sdk.lookUp?.("192.0.2.7");
    assert.include(sdk.tcps[0], { host: "cloud.test", address: "192.0.2.7", port: 443 });
    sdk.tcps[0]?.onWritable?.(50);
    sdk.tcps[0]?.onReadable?.(3);
    assert.deepEqual(told, [
      ["writable", 50],
      ["readable", 3],
    ]);
    assert.equal(socket.write(new Uint8Array(10)), 90);
    const buffer = new Uint8Array(1);
    assert.deepEqual([socket.read(buffer), buffer[0]], [1, 7]);
  });

  it("says that there is no such name", () => {
    open(false);
    sdk.lookUp?.(undefined);
    assert.deepEqual(told, [["name", "no address found for cloud.test"]]);
  });

  it("says that it cannot connect", () => {
    open(false);
    sdk.lookUp?.("192.0.2.7");
    sdk.tcps[0]?.onError?.();
    assert.deepEqual(told, [["connection", "cannot reach cloud.test"]]);
    assert.isTrue(sdk.tcps[0]?.closed);
  });

  it("says that there is no network", () => {
    sdk.hasNoNetwork = true;
    open(false);
    sdk.lookUp?.("192.0.2.7");
    assert.deepEqual(told, [["connection", "no network"]]);
  });

  it("says that the other side has closed, once", () => {
    open(false);
    sdk.lookUp?.("192.0.2.7");
    sdk.tcps[0]?.onWritable?.(50);
    sdk.tcps[0]?.onError?.();
    sdk.tcps[0]?.onError?.();
    assert.deepEqual(told.slice(1), [["closed", "cloud.test closed the connection"]]);
  });

  it("is silent once it is closed, also when the name comes later", () => {
    const early = open(false);
    early.close();
    sdk.lookUp?.("192.0.2.7");
    assert.isEmpty(sdk.tcps);
    const late = open(false);
    sdk.lookUp?.("192.0.2.7");
    late.close();
    sdk.tcps[0]?.onReadable?.(3);
    sdk.tcps[0]?.onWritable?.(3);
    sdk.tcps[0]?.onError?.();
    assert.isEmpty(told);
    assert.isTrue(sdk.tcps[0]?.closed);
  });

  describe("over TLS", () => {
    it("names the server it expects, and trusts a product's own authority", () => {
      open(true);
      sdk.lookUp?.("192.0.2.7");
      assert.deepEqual(sdk.secured, [{ serverName: "cloud.test", certificate: new ArrayBuffer(4) }]);
    });

    it("tells a bad certificate from a bad record", () => {
      for (const message of ["certificate: auth err", "recordProtocol: bad data"]) {
        open(true);
        sdk.lookUp?.("192.0.2.7");
        sdk.tcps.at(-1)?.onFault?.(new Error(message));
        sdk.tcps.at(-1)?.onError?.();
      }
      assert.deepEqual(told, [
        ["certificate", "certificate: auth err"],
        ["connection", "recordProtocol: bad data"],
      ]);
    });

    it("refuses while the date is not known", () => {
      sdk.isDateKnown = false;
      open(true);
      sdk.lookUp?.("192.0.2.7");
      assert.equal(told[0]?.[0], "certificate");
      assert.match(String(told[0]?.[1]), /the date is not known yet/);
      assert.isEmpty(sdk.tcps);
    });
  });
});
