/**
 * The simulated boot loader against ESP-IDF's own: 1707 states of otadata, what it boots from each and what it leaves.
 */

import { readFileSync } from "node:fs";
import { assert } from "chai";
import { chooseApp } from "../../host/sim/bootloader.js";
import { crcOfSequence, type Otadata, type OtaRecord } from "../../host/sim/otadata.js";

const VECTORS = "host-tests/vectors/esp-otadata-boot.csv";
const ROWS = 1707;
const COLUMNS = "seq0,state0,crcOk0,seq1,state1,crcOk1,slots,factory,boot,stateAfter0,stateAfter1";
/** Of the sequences 1 to 8, from the vectors' README. */
const CRCS = [0x4743989a, 0x55f63774, 0xed4a5011, 0x709d68a8, 0xc8210fcd, 0xda94a023, 0x6228c746, 0x3a4bd710];

interface Row {
  readonly line: string;
  readonly otadata: Otadata;
  readonly slots: number;
  readonly hasFactory: boolean;
  readonly boot: number;
  readonly statesAfter: readonly number[];
}

function rows(): Row[] {
  const [header, ...lines] = readFileSync(VECTORS, "utf8").trim().split(/\r?\n/);
  assert.equal(header, COLUMNS);
  return lines.map((line) => {
    const [seq0, state0, ok0, seq1, state1, ok1, slots, factory, boot, after0, after1] = line.split(",").map(Number);
    return {
      line,
      otadata: [recordOf(seq0, state0, ok0), recordOf(seq1, state1, ok1)],
      slots: slots ?? 0,
      hasFactory: factory === 1,
      boot: boot ?? Number.NaN,
      statesAfter: [after0, after1].map((state = Number.NaN) => state >>> 0),
    };
  });
}

function recordOf(sequence = 0, state = 0, crcIsRight = 0): OtaRecord {
  const crc = crcOfSequence(sequence);
  return { sequence, state: state >>> 0, crc: crcIsRight ? crc : crc ^ 1 };
}

describe("The simulated boot loader", () => {
  it("checks a record by the CRC of its sequence alone, as the IDF computes it", () => {
    assert.deepEqual(
      CRCS.map((_, index) => crcOfSequence(index + 1)),
      CRCS,
    );
  });

  it("boots what ESP-IDF boots, and leaves the states that it leaves, in every recorded case", () => {
    const all = rows();
    assert.lengthOf(all, ROWS);
    for (const { line, otadata, slots, hasFactory, boot, statesAfter } of all) {
      const choice = chooseApp(otadata, slots, hasFactory);
      const states = otadata.map(({ state }) => state);
      for (const { index, record } of choice.writes) states[index] = record.state;
      assert.deepEqual([choice.index, ...states], [boot, ...statesAfter], line);
    }
  });

  it("changes nothing of a record but its state", () => {
    let changes = 0;
    for (const { line, otadata, slots, hasFactory } of rows()) {
      for (const { index, record } of chooseApp(otadata, slots, hasFactory).writes) {
        changes++;
        assert.deepEqual({ ...record, state: 0 }, { ...otadata[index], state: 0 }, line);
      }
    }
    assert.isAbove(changes, 500);
  });
});
