/**
 * Why a network could not be joined, as one of the codes that people are shown.
 *
 *   code  when
 *   720   no access point of that name answered
 *   722   one did, and refused: the password, or the kind of security
 *   723   joined, and no address came in time
 *   701   neither yes nor no in time
 *   704   anything else
 *
 * The numbers are wifi_err_reason_t of ESP-IDF, in the order of its documentation. Where the driver's reason is not
 * known, an access point that was seen and refuses again and again is taken to refuse the password.
 */

import { FailureCode } from "../base/failure-code.js";

/** Nobody of that name, or too weak: NO_AP_FOUND, and IN_RSSI_THRESHOLD. */
const NOT_FOUND: readonly number[] = Object.freeze([201, 212]);

/**
 * What a wrong password looks like from outside: the handshake starves (15, 204) or the access point breaks it off (14,
 * 16 to 24, 49), lets the authentication run out (2) or fail (202, 23). And NO_AP_FOUND for want of common security
 * (210, 211): an open network that has got a password since, or the other way round.
 */
const REFUSED: readonly number[] = Object.freeze([
  2, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 49, 202, 204, 210, 211,
]);

/** `seen`: a scan has found it. */
export function failureOf(reason: number, seen: boolean): FailureCode {
  if (NOT_FOUND.includes(reason)) return FailureCode.SSID_NOT_FOUND;
  if (REFUSED.includes(reason)) return FailureCode.NET_AUTHENTICATION;
  if (reason !== 0) return FailureCode.NET_GENERIC;
  return seen ? FailureCode.NET_AUTHENTICATION : FailureCode.SSID_NOT_FOUND;
}

/** What somebody can do something about comes first; that a known network is elsewhere says least. */
const TELLING: readonly FailureCode[] = Object.freeze([
  FailureCode.NET_AUTHENTICATION,
  FailureCode.NO_ADDRESS,
  FailureCode.NET_TIMEOUT,
  FailureCode.NET_GENERIC,
  FailureCode.SSID_NOT_FOUND,
]);

/** Of what went wrong with several networks, what to tell. */
export function moreTelling(a: FailureCode, b: FailureCode): FailureCode {
  return TELLING.indexOf(a) <= TELLING.indexOf(b) ? a : b;
}
