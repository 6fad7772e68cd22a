/**
 * Modules of the Moddable SDK 8.2.3 that have no typings at all, neither in npm's @moddable/typings nor in the SDK: the
 * build by mcconfig takes these (manifest.json, typescript). As everywhere, only what Ferry uses.
 */

// biome-ignore-all lint/style/noDefaultExport: the SDK's modules have them

declare module "ecdsa" {
  export default class ECDSA {
    constructor(key: object, curve: object);
    /** The signature is r and s, 32 bytes each. Looks at the range of neither. */
    verify(digest: ArrayBuffer, signature: ArrayBuffer): boolean;
  }
}

declare module "curve" {
  export default class Curve {
    constructor(name: "secp256r1" | "secp384r1");
  }
}

declare module "ecp" {
  /** A point of a curve. */
  export default class ECPoint {
    constructor(x: bigint, y: bigint);
  }
}
