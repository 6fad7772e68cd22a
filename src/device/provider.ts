/**
 * Stands in for the SDK's module "embedded:provider/builtin", which its module "system" imports: that one names every
 * driver that the chip has, so that all of them would be in the firmware. Ferry imports those that it uses.
 */

// biome-ignore lint/style/noDefaultExport: the SDK's modules have them
export default Object.freeze({});
