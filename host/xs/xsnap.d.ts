/** The parts of the untyped engine package that the worker uses. */

declare module "@endo/init/debug.js";

declare module "@agoric/xsnap" {
  export interface XsnapMeter {
    compute: number;
    allocate: number;
    currentHeapCount: number;
  }

  export interface Xsnap {
    /** Resolves when the engine's job queue is empty. */
    evaluate(source: string): Promise<{ meterUsage: XsnapMeter }>;
    /** Ends the engine at once. */
    terminate(): Promise<void>;
  }

  export interface XsnapOptions {
    os: string;
    spawn: unknown;
    fs: object;
    name: string;
    /** 0: no limit. */
    meteringLimit: number;
    stdout: "inherit";
    stderr: "inherit";
    handleCommand(request: Uint8Array): Promise<Uint8Array>;
  }

  export function xsnap(options: XsnapOptions): Promise<Xsnap>;
}
