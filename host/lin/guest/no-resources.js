/** Stands in for the SDK's Resource, which this platform lacks: an empty root store. Only given authorities count. */
// biome-ignore lint/style/noDefaultExport: the SDK imports it so.
export default class {
  static exists() {
    return false;
  }
  byteLength = 0;
}
