/**
 * What Ferry uses of the Moddable SDK 8.2.3 and npm's @moddable/typings 5.6.0 lack, as the SDK's own typings have it;
 * the build by mcconfig takes those instead. How each module behaves is in ports.ts.
 */

// biome-ignore-all lint/style/noDefaultExport: the SDK's modules have them

/**
 * A function in C: in the form `return native("xs_name").call(this, ...)`, it is bound when the firmware is linked. What
 * it returns is what the TypeScript around it says: `never` fits all of that.
 */
declare function native(name: string): (...args: unknown[]) => never;

/** What a class extends whose instances hold something of C's; the function frees it. */
declare function Native(name: string): new () => object;

type ByteBuffer = ArrayBuffer | Uint8Array;

declare module "crypt" {
  export class Digest {
    constructor(type: "MD5" | "SHA256");
    write(message: string | ArrayBuffer): void;
    close(): ArrayBuffer;
  }
}

declare module "embedded:network/interface/wifi" {
  interface Options {
    onChanged?: (property: "connection" | "address") => void;
  }

  export default class WiFi {
    constructor(options: Options);
    readonly connection: number;
    close(): void;
  }
}

declare module "neopixel" {
  export default class NeoPixel {
    constructor(options: { pin: number; length: number; order?: string });
    brightness: number;
    update(): void;
    close(): void;
  }
}

declare module "embedded:storage/files" {
  /** The default export, the root directory, is missing in the SDK's typings too. */
  export class Directory {
    openDirectory(options: { path: string }): Directory;
    close(): void;
  }
}

declare module "embedded:storage/flash" {
  export class Flash {
    eraseBlock(start: number, end?: number): void;
    read(buffer: ByteBuffer, byteOffset: number): number;
    write(buffer: ByteBuffer, byteOffset: number): void;
    status(): { size: number; blockLength: number; blocks: number };
    close(): void;
  }

  const flash: {
    open(options: { path: string; mode?: "r" | "r+" }): Flash;
    [Symbol.iterator](): IterableIterator<string>;
  };
  export default flash;
}

declare module "embedded:storage/key-value" {
  export class Storage {
    read(key: string): ArrayBuffer | string | number | bigint;
    write(key: string, value: ByteBuffer | string | number | bigint): void;
    delete(key: string): void;
    close(): void;
  }

  const keyValue: { open(options: { path: string; mode?: "r" | "r+"; format?: "buffer" }): Storage };
  export default keyValue;
}

declare module "embedded:update" {
  export interface Updater {
    write(bytes: ByteBuffer): void;
    complete(): void;
    close(): void;
  }

  /** `partition`: what module "embedded:storage/flash" opens. */
  const update: { open(options: { partition: object; mode?: "a" | "w"; byteLength?: number }): Updater };
  export default update;
}
