/** A simulated device without its program: storage, power and processor, for tests of the ports over them. */

import { assert } from "chai";
import { VirtualClock } from "../../host/sim/clock.js";
import { SimCpu } from "../../host/sim/cpu.js";
import { Life } from "../../host/sim/life.js";
import { type CutKind, Power, PowerCut } from "../../host/sim/power.js";
import { type Partition, SimStorage, type SimStorageOptions } from "../../host/sim/storage.js";

const BLOCK_BYTES = 4096;

export interface BenchOptions extends SimStorageOptions {
  /** Blocks of the file system. */
  readonly fileBlocks?: number;
  /** Whether the boot loader has noted the first slot as valid, as a first boot does: true by default. */
  readonly noted?: boolean;
}

export class SimBench {
  readonly clock = new VirtualClock();
  readonly storage: SimStorage;
  readonly power: Power;
  /** The cuts that have struck, as "torn flash program #12". */
  readonly cuts: string[] = [];
  cpu = new SimCpu(this.clock);
  life: Life;

  constructor({ fileBlocks = 32, noted = true, ...options }: BenchOptions = {}) {
    this.storage = new SimStorage({ partitions: smallTable(fileBlocks), ...options });
    if (noted) noteFirstSlot(this.storage);
    this.power = new Power((operation, kind) => this.cuts.push(`${kind} ${operation}`));
    this.life = this.boot();
  }

  /** Ends the life of the device, if one is on, and begins the next. */
  boot(): Life {
    this.cpu.kill();
    this.power.restore();
    this.cpu = new SimCpu(this.clock);
    this.life = new Life({ storage: this.storage, power: this.power, cpu: this.cpu });
    return this.life;
  }

  /** Cuts the power at the nth durable operation of the action, which must be of the given name; then boots anew. */
  cut(kind: CutKind, operation: string, action: () => void, nth = 1): Life {
    const strikes = this.power.operations + nth;
    this.power.plan({ operation: strikes, kind });
    assert.throws(action, PowerCut);
    assert.equal(this.cuts.at(-1), `${kind} ${operation} #${strikes}`);
    return this.boot();
  }

  /** Cuts the power between two operations; then boots anew. */
  pullPlug(): Life {
    const { life } = this;
    this.power.cut();
    assert.throws(() => life.assertAlive(), PowerCut);
    return this.boot();
  }

  /** How long the processor is busy with the action. */
  spentMs(action: () => void): number {
    const before = this.cpu.now();
    action();
    return this.cpu.now() - before;
  }

  /** Durable operations of the action. */
  operations(action: () => void): number {
    const before = this.power.operations;
    action();
    return this.power.operations - before;
  }
}

/** So that tests count only what comes after the first boot. */
function noteFirstSlot(storage: SimStorage): void {
  for (const { label } of storage.slots().slice(0, 1)) storage.selectBootSlot(label);
  storage.confirmBootSlot();
}

/** A table with two small app slots and a data partition that belongs to nobody. */
export function smallTable(fileBlocks: number): Partition[] {
  return [
    { label: "nvs", type: "data", subtype: "nvs", offset: 0x9000, size: 0x3000 },
    { label: "otadata", type: "data", subtype: "ota", offset: 0xd000, size: 0x2000 },
    { label: "ota_0", type: "app", subtype: "ota_0", offset: 0x1_0000, size: 0x1_0000 },
    { label: "ota_1", type: "app", subtype: "ota_1", offset: 0x2_0000, size: 0x1_0000 },
    { label: "scratch", type: "data", subtype: "0x40", offset: 0x3_0000, size: 0x4000 },
    { label: "storage", type: "data", subtype: "littlefs", offset: 0x4_0000, size: fileBlocks * BLOCK_BYTES },
  ];
}
