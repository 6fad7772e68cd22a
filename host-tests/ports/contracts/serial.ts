/** What every Serial must do. The far end of the line is the fixture's, at the same baud, and hears everything. */

import { assert } from "chai";
import type { Serial, SerialClass, SerialOptions } from "../../../src/ports.js";
import { assertRefusesOddBuffers } from "./buffers.js";

export interface SerialFixture {
  readonly Serial: SerialClass;
  readonly baud: number;
  /** Another baud that the port can have. */
  readonly otherBaud: number;
  /** Pins, port and the like. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The far end sends. */
  send(bytes: Uint8Array): void;
  /** Everything that the far end has received. */
  heard(): number[];
  /** Lets time go by, running what falls due. */
  pass(durationMs: number): void;
}

/** More than any line takes at a time or needs for what these tests send. */
const FAR_TOO_MANY_BYTES = 1_000_000;
const LONG_MS = 100;

export function describeSerialContract(name: string, makeFixture: () => SerialFixture): void {
  describe(`${name} as a Serial`, () => {
    let fixture: SerialFixture;
    let readable: number[];
    let writable: number[];

    const open = (options: Partial<SerialOptions> = {}): Serial =>
      new fixture.Serial({
        ...fixture.options,
        baud: fixture.baud,
        onReadable: (count) => readable.push(count),
        onWritable: (count) => writable.push(count),
        ...options,
      });
    const send = (...bytes: number[]): void => {
      fixture.send(Uint8Array.from(bytes));
      fixture.pass(LONG_MS);
    };
    const readUpTo = (port: Serial, length: number): number[] => {
      const buffer = new Uint8Array(length);
      const count = port.read(buffer) ?? 0;
      return Array.from(buffer.subarray(0, count));
    };

    beforeEach(() => {
      fixture = makeFixture();
      readable = [];
      writable = [];
    });

    describe("when it is constructed", () => {
      it("announces free space, though not from inside the constructor", () => {
        open();
        assert.deepEqual(writable, []);
        fixture.pass(LONG_MS);
        assert.lengthOf(writable, 1);
        assert.isAbove(writable[0] ?? 0, 0);
        assert.deepEqual(readable, []);
      });

      it("refuses a baud that is none", () => {
        for (const baud of [0, -1, Number.NaN, 20_000_001]) assert.throws(() => open({ baud }), RangeError);
      });

      it("refuses a port that is open, and takes it again once closed", () => {
        const first = open();
        assert.throws(() => open());
        first.close();
        const second = open();
        second.write(Uint8Array.of(7));
        fixture.pass(LONG_MS);
        assert.deepEqual(fixture.heard(), [7]);
      });
    });

    describe("when writing", () => {
      it("sends what is written, in order", () => {
        const port = open();
        port.write(Uint8Array.of(1, 2, 3));
        port.write(Uint8Array.of(4));
        fixture.pass(LONG_MS);
        assert.deepEqual(fixture.heard(), [1, 2, 3, 4]);
      });

      it("keeps no reference to the written buffer", () => {
        const port = open();
        const buffer = Uint8Array.of(1, 2, 3);
        port.write(buffer);
        buffer.fill(9);
        fixture.pass(LONG_MS);
        assert.deepEqual(fixture.heard(), [1, 2, 3]);
      });

      it("takes all or nothing", () => {
        const port = open();
        assert.throws(() => port.write(new Uint8Array(FAR_TOO_MANY_BYTES)), "output full");
        port.write(Uint8Array.of(5));
        fixture.pass(LONG_MS);
        assert.deepEqual(fixture.heard(), [5]);
      });

      it("takes as many bytes as it announces, and announces free space once for them", () => {
        const port = open();
        fixture.pass(LONG_MS);
        const announced = writable.pop() ?? 0;
        port.write(new Uint8Array(announced).fill(6));
        assert.deepEqual(writable, []);
        fixture.pass(LONG_MS);
        assert.lengthOf(writable, 1);
        assert.deepEqual(fixture.heard(), new Array(announced).fill(6));
      });

      it("refuses what is no buffer of bytes", () => {
        const port = open();
        assertRefusesOddBuffers((buffer) => port.write(buffer));
      });
    });

    describe("when bytes arrive", () => {
      it("announces how many wait, and hands them out once", () => {
        const port = open();
        send(1, 2, 3);
        assert.deepEqual(readable, [3]);
        assert.deepEqual(readUpTo(port, 10), [1, 2, 3]);
        assert.isUndefined(port.read(new Uint8Array(10)));
      });

      it("reads no more than the buffer holds, and keeps the rest", () => {
        const port = open();
        send(1, 2, 3);
        assert.deepEqual(readUpTo(port, 2), [1, 2]);
        assert.deepEqual(readUpTo(port, 2), [3]);
      });

      it("does not announce unread bytes again before more arrive", () => {
        open();
        send(1, 2, 3);
        fixture.pass(LONG_MS);
        assert.deepEqual(readable, [3]);
        send(4);
        assert.deepEqual(readable, [3, 4]);
      });

      it("announces again what a read has left", () => {
        const port = open();
        send(1, 2, 3);
        readUpTo(port, 1);
        fixture.pass(LONG_MS);
        assert.deepEqual(readable, [3, 2]);
      });

      it("lets a callback read and write", () => {
        const port = open({
          onReadable(count) {
            port.write(Uint8Array.from(readUpTo(port, count)));
          },
        });
        send(1, 2);
        send(3);
        assert.deepEqual(fixture.heard(), [1, 2, 3]);
      });

      it("refuses what is no buffer of bytes", () => {
        const port = open();
        send(1);
        assertRefusesOddBuffers((buffer) => port.read(buffer));
      });
    });

    describe("when it is closed", () => {
      it("may be closed again, and does nothing else any more", () => {
        const port = open();
        port.close();
        port.close();
        assert.throws(() => port.read(new Uint8Array(1)));
        assert.throws(() => port.write(Uint8Array.of(1)));
      });

      it("calls back no more", () => {
        const port = open();
        fixture.send(Uint8Array.of(1, 2, 3));
        port.write(Uint8Array.of(1));
        port.close();
        fixture.pass(LONG_MS);
        assert.deepEqual([readable, writable], [[], []]);
      });

      it("loses what was received and not read", () => {
        const port = open();
        send(1, 2, 3);
        port.close();
        const reopened = open();
        fixture.pass(LONG_MS);
        assert.isUndefined(reopened.read(new Uint8Array(3)));
      });

      it("may be closed from inside a callback", () => {
        const port = open({ onReadable: () => port.close() });
        send(1);
        assert.throws(() => port.read(new Uint8Array(1)));
      });

      it("can be constructed again at another baud", () => {
        open().close();
        const port = open({ baud: fixture.otherBaud });
        fixture.pass(LONG_MS);
        assert.isUndefined(port.read(new Uint8Array(1)));
        assert.lengthOf(writable, 1);
      });
    });
  });
}
