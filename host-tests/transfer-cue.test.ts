/** Chunks that leave by themselves at the answer to the one before, and what a transfer may still change about it. */

import { assert } from "chai";
import { McuUpdateCalls } from "../src/mcu/update-calls.js";
import { Transfer } from "../src/update/transfer.js";
import type { TransferResult } from "../src/update/transfer-machine.js";
import { RpcBench, resultOf } from "./support/rpc-bench.js";

const CHUNK_BYTES = 16;
const CHUNKS = 4;

/** Where an otaUpdateWrite has its message id and the low byte of its offset. */
const ID_AT = 4;
const OFFSET_AT = 6;

class TransferBench extends RpcBench {
  readonly progress: number[] = [];
  readonly results: TransferResult[] = [];
  readonly transfer: Transfer;

  constructor() {
    super();
    this.transfer = new Transfer({
      clock: this.clock,
      calls: new McuUpdateCalls(this.session),
      crc32: () => 0,
      chunkBytes: CHUNK_BYTES,
      source: {
        sizeBytes: CHUNKS * CHUNK_BYTES,
        readableBytes: CHUNKS * CHUNK_BYTES,
        read: (buffer) => buffer.length,
      },
      onProgress: (bytes) => this.progress.push(bytes),
      onResend: () => {},
      onEnd: (result) => this.results.push(result),
    });
  }

  /** The first chunk is on the wire and the frame of the second is made. */
  start(): this {
    this.transfer.start();
    this.clock.advance(0);
    return this;
  }

  /** Message ids and chunk numbers of what was sent since the last call. */
  takeChunks(): { id: number; index: number }[] {
    return this.sink.sent.splice(0).map((payload) => ({
      id: payload[ID_AT] as number,
      index: (payload[OFFSET_AT] as number) / CHUNK_BYTES,
    }));
  }

  /** The MCU's answer has arrived at the wire; the engine has not heard of it. */
  arrive(id: number): void {
    this.sink.arrive(yesTo(id));
  }

  /** It arrives, and the engine hears of it. */
  answer(id: number): void {
    this.receive(yesTo(id));
    this.clock.advance(0);
  }
}

function yesTo(id: number): Uint8Array {
  return resultOf("client.otaUpdateWrite", id, { ok: true });
}

describe("a transfer whose chunks leave by themselves", () => {
  it("sends each chunk once, to the end", () => {
    const bench = new TransferBench().start();
    const sent = bench.takeChunks();
    for (let id = 1; id <= CHUNKS; id++) {
      bench.answer(id);
      if (id < CHUNKS) sent.push(...bench.takeChunks());
    }
    assert.deepEqual(
      sent,
      [0, 1, 2, 3].map((index) => ({ id: index + 1, index })),
    );
    assert.deepEqual(bench.progress, [16, 32, 48, 64]);
    bench.receive(resultOf("client.otaUpdateFinish", CHUNKS + 1, { ok: true }));
    assert.deepEqual(bench.results, [{ kind: "accepted" }]);
  });

  it("goes on over several answers that a busy engine hears late, all at once", () => {
    const bench = new TransferBench().start();
    bench.arrive(1);
    assert.lengthOf(bench.takeChunks(), 2);
    bench.clock.advance(4000);
    bench.answer(1);
    bench.answer(2);
    assert.deepEqual(bench.takeChunks(), [{ id: 3, index: 2 }]);
    assert.deepEqual(bench.progress, [16, 32]);
  });

  it("resends nothing for an answer that is there and was not heard in time", () => {
    const bench = new TransferBench().start();
    bench.clock.advance(4990);
    bench.arrive(1);
    bench.takeChunks();
    bench.clock.advance(4000);
    bench.answer(1);
    assert.deepEqual(bench.takeChunks(), []);
    bench.answer(2);
    assert.deepEqual(bench.takeChunks(), [{ id: 3, index: 2 }]);
  });

  it("sends again a chunk without an answer, and the next one by itself only at the answer to that", () => {
    const bench = new TransferBench().start();
    bench.takeChunks();
    bench.clock.advance(5000);
    assert.deepEqual(bench.takeChunks(), [{ id: 3, index: 0 }]);
    bench.answer(1);
    assert.deepEqual(bench.takeChunks(), [], "the resend is under way");
    bench.arrive(3);
    assert.deepEqual(bench.takeChunks(), [{ id: 4, index: 1 }]);
    bench.answer(3);
    assert.deepEqual(bench.takeChunks(), []);
    assert.deepEqual(bench.progress, [16]);
  });

  it("holds the next chunk back when it is paused, and sends it when it goes on", () => {
    const bench = new TransferBench().start();
    bench.takeChunks();
    bench.transfer.pause();
    bench.answer(1);
    bench.clock.advance(60_000);
    assert.deepEqual(bench.takeChunks(), []);
    bench.transfer.resume();
    assert.deepEqual(bench.takeChunks(), [{ id: 2, index: 1 }]);
    bench.answer(2);
    assert.deepEqual(bench.progress, [16, 32]);
  });

  it("pauses behind a chunk that has left already, and loses count of nothing", () => {
    const bench = new TransferBench().start();
    bench.arrive(1);
    assert.lengthOf(bench.takeChunks(), 2);
    bench.transfer.pause();
    bench.answer(1);
    bench.answer(2);
    bench.clock.advance(60_000);
    assert.deepEqual(bench.takeChunks(), []);
    assert.deepEqual(bench.progress, [16, 32]);
    bench.transfer.resume();
    assert.deepEqual(
      bench.takeChunks().map(({ index }) => index),
      [2],
    );
  });

  it("goes on as ever when a pause that came too late is over before it began", () => {
    const bench = new TransferBench().start();
    bench.arrive(1);
    bench.transfer.pause();
    bench.transfer.resume();
    bench.answer(1);
    bench.answer(2);
    assert.deepEqual(
      bench.takeChunks().map(({ index }) => index),
      [0, 1, 2],
    );
  });

  it("lets nothing leave any more once it is closed", () => {
    const bench = new TransferBench().start();
    bench.takeChunks();
    bench.transfer.close();
    bench.answer(1);
    assert.deepEqual(bench.takeChunks(), []);
    assert.deepEqual([bench.progress, bench.results], [[], []]);
  });
});
