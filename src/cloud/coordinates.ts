/**
 * Where the device is, as clouds write it: degrees in decimal, from "52.5" to all the digits of a double. Shortened to
 * what the settings and the MCU have room for; 7 decimals are a centimetre.
 */

export const COORDINATE_DECIMALS_MAX = 7;
const LATITUDE_MAX = 90;
const LONGITUDE_MAX = 180;
/** Doubles close to 0 come with an exponent: "1.0E-4". */
const DEGREES = /^[+-]?\d{1,3}(?:\.(\d{1,20}))?(e[+-]?\d{1,2})?$/i;

export interface Coordinates {
  readonly latitude: string;
  readonly longitude: string;
}

/** `undefined` for what is no place on earth. */
export function coordinatesFrom(latitude: string, longitude: string): Coordinates | undefined {
  const north = degreesFrom(latitude, LATITUDE_MAX);
  const east = degreesFrom(longitude, LONGITUDE_MAX);
  return north === undefined || east === undefined ? undefined : { latitude: north, longitude: east };
}

/** As it was written where that is short enough. */
function degreesFrom(text: string, max: number): string | undefined {
  const [written, decimals = "", exponent = ""] = DEGREES.exec(text.trim()) ?? [];
  if (written === undefined || Math.abs(Number(written)) > max) return undefined;
  const isShort = decimals.length <= COORDINATE_DECIMALS_MAX && exponent === "";
  return isShort ? written : Number(written).toFixed(COORDINATE_DECIMALS_MAX);
}
