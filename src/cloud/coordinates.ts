/**
 * Where the device is, as clouds write it: degrees in decimal, from "52.5" to all the digits of a double. Shortened to
 * what the settings and the MCU have room for; 7 decimals are a centimetre.
 */

import { cutAt, isDecimal } from "../base/text.js";

export const COORDINATE_DECIMALS_MAX = 7;
const LATITUDE_MAX = 90;
const LONGITUDE_MAX = 180;

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
  const written = text.trim();
  // Doubles close to 0 come with an exponent: "1.0E-4".
  const [mantissa, exponent] = cutAt(written.toLowerCase(), "e");
  const [whole, decimals] = cutAt(withoutSign(mantissa), ".");
  const isNumber =
    isDecimal(whole, 3) &&
    (decimals === undefined || isDecimal(decimals, 20)) &&
    (exponent === undefined || isDecimal(withoutSign(exponent), 2));
  if (!isNumber || Math.abs(Number(written)) > max) return undefined;
  const isShort = (decimals ?? "").length <= COORDINATE_DECIMALS_MAX && exponent === undefined;
  return isShort ? written : Number(written).toFixed(COORDINATE_DECIMALS_MAX);
}

function withoutSign(text: string): string {
  return text.startsWith("-") || text.startsWith("+") ? text.slice(1) : text;
}
