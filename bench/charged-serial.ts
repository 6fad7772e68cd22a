/** A UART whose reader is charged: each delivery of received bytes first costs the processor so much time. */

import type { SimCpu } from "../host/sim/cpu.js";
import type { SerialClass, SerialOptions } from "../src/ports.js";

export const ChargedSerial = Object.freeze({
  over(io: SerialClass, cpu: SimCpu, deliveryMs: number): SerialClass {
    return class extends io {
      constructor(options: SerialOptions & Record<string, unknown>) {
        super({
          ...options,
          onReadable(count: number): void {
            cpu.spend(deliveryMs);
            options.onReadable(count);
          },
        });
      }
    };
  },
});
