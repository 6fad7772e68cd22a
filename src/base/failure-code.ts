/**
 * Why Ferry is not online, in the numbers that Blynk's provisioning shows to people (blynk-ncp.md, 6.2).
 * The code of the last failure stands in `last_error` of the setup page and in the vendor call that reads it. All of
 * Blynk's are here; those of cables and SIM cards never occur, for Ferry has Wi-Fi only.
 */

export const FailureCode = Object.freeze({
  CONFIG: 700,
  NET_TIMEOUT: 701,
  CLOUD_TIMEOUT: 702,
  TOKEN_INVALID: 703,
  NET_GENERIC: 704,
  CLOUD_GENERIC: 705,
  DNS: 710,
  TLS_CERTIFICATE: 711,
  CAPTIVE_PORTAL: 712,
  SSID_NOT_FOUND: 720,
  NO_CABLE: 721,
  NET_AUTHENTICATION: 722,
  NO_ADDRESS: 723,
  SIM_MISSING: 730,
  SIM_LOCKED: 731,
  SIM_PIN: 732,
} as const);

export type FailureCode = (typeof FailureCode)[keyof typeof FailureCode];

const MEANINGS: Readonly<Record<FailureCode, string>> = Object.freeze({
  700: "the settings are not valid; set network and token anew",
  701: "the network did not come up in time; check signal and router",
  702: "the cloud did not answer in time; check the network's way out",
  703: "the cloud does not know the token; provision the device anew",
  704: "the network could not be joined",
  705: "the cloud refused the connection",
  710: "the cloud's name could not be looked up; check the network's DNS",
  711: "the cloud's TLS certificate was refused; check its CA and the clock",
  712: "the network asks for a login on a web page (captive portal); let the device in there, or choose another network",
  720: "no known network is in reach; check its name and the signal",
  721: "the Ethernet cable is not plugged in",
  722: "the network refused the password",
  723: "the network assigned no address; check its DHCP",
  730: "the SIM card is missing",
  731: "the SIM card is locked",
  732: "the SIM card's PIN is wrong",
});

/** A sentence for people: what it means and what to do next. */
export function meaningOf(code: FailureCode): string {
  return MEANINGS[code];
}
