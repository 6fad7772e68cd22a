/** What this build of Ferry is, as the tag says that is compiled into it: identity.c. */

/** As offers and image tags have it. */
export function ownVersion(this: unknown): string {
  return native("xs_ferry_version").call(this);
}

/** The firmware type by which offers and images of this product's Ferry are known. */
export function ownFirmwareType(this: unknown): string {
  return native("xs_ferry_type").call(this);
}
