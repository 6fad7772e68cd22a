/**
 * Time zones against the time zone database, as Node's Intl has it. From the year since which a zone has kept its rule
 * to the end of 2025: history, which no government changes any more.
 */

import { assert } from "chai";
import { Random } from "../../host/sim/random.js";
import { parsePosixTz } from "../../src/time/posix-tz.js";
import { localTimeAt, nextTransitionMs } from "../../src/time/zone-time.js";

const ZONES: readonly (readonly [name: string, posixTz: string, sinceYear: number])[] = [
  ["Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3", 1997],
  ["Europe/Lisbon", "WET0WEST,M3.5.0/1,M10.5.0", 1997],
  ["Europe/Dublin", "IST-1GMT0,M10.5.0,M3.5.0/1", 1997],
  ["America/New_York", "EST5EDT,M3.2.0,M11.1.0", 2008],
  ["America/St_Johns", "NST3:30NDT,M3.2.0,M11.1.0", 2012],
  ["America/Havana", "CST5CDT,M3.2.0/0,M11.1.0/1", 2013],
  ["America/Santiago", "<-04>4<-03>,M9.1.6/24,M4.1.6/24", 2023],
  ["America/Nuuk", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2024],
  ["Africa/Cairo", "EET-2EEST,M4.5.5/0,M10.5.4/24", 2024],
  ["Asia/Jerusalem", "IST-2IDT,M3.4.4/26,M10.5.0", 2014],
  ["Asia/Kolkata", "IST-5:30", 1970],
  ["Asia/Kathmandu", "<+0545>-5:45", 1987],
  ["Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 2009],
  ["Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3", 2009],
  ["Antarctica/Troll", "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3", 2006],
  ["Pacific/Chatham", "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45", 2009],
  ["Pacific/Kiritimati", "<+14>-14", 1996],
  ["Pacific/Marquesas", "<-0930>9:30", 1970],
  ["Pacific/Pago_Pago", "SST11", 1970],
];

const END_MS = Date.UTC(2026, 0, 1);
const RANDOM_MOMENTS = 400;

/** The offset that Intl knows, from its fields of the local time. */
function makeOracle(timeZone: string): (unixMs: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (unixMs) => {
    const fields = Object.fromEntries(format.formatToParts(unixMs).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 0, day = 0, hour, minute, second } = fields;
    return (Date.UTC(year, month - 1, day, hour, minute, second) - unixMs) / 60_000;
  };
}

describe("Zones of the world", () => {
  for (const [name, posixTz, sinceYear] of ZONES) {
    it(`keep the time that the time zone database has, in ${name}`, () => {
      const zone = parsePosixTz(posixTz);
      if (typeof zone === "string") throw new Error(zone);
      const offsetOf = makeOracle(name);
      const check = (unixMs: number) =>
        assert.equal(localTimeAt(zone, unixMs).offsetMinutes, offsetOf(unixMs), new Date(unixMs).toISOString());
      const beginMs = Date.UTC(sinceYear, 0, 1);
      const random = new Random(sinceYear);
      for (let i = 0; i < RANDOM_MOMENTS; i++) check(beginMs + random.below((END_MS - beginMs) / 1000) * 1000);

      let transitions = 0;
      for (let at = nextTransitionMs(zone, beginMs); at !== undefined && at < END_MS; at = nextTransitionMs(zone, at)) {
        assert.notEqual(offsetOf(at - 1000), offsetOf(at), `no transition at ${new Date(at).toISOString()}`);
        for (const aroundMs of [-1000, 0, 1000]) check(at + aroundMs);
        transitions++;
      }
      assert.equal(transitions, zone.daylight ? 2 * (2026 - sinceYear) : 0);
    });
  }

  it("are named as people name them, where Intl has names", () => {
    const named: readonly (readonly [zone: string, locale: string])[] = [
      ["Europe/Berlin", "en-GB"],
      ["America/New_York", "en-US"],
      ["Australia/Sydney", "en-AU"],
      ["Europe/Dublin", "en-IE"],
    ];
    for (const [name, locale] of named) {
      const posixTz = ZONES.find(([zone]) => zone === name)?.[1] ?? "";
      const zone = parsePosixTz(posixTz);
      if (typeof zone === "string") throw new Error(zone);
      const format = new Intl.DateTimeFormat(locale, { timeZone: name, timeZoneName: "short" });
      for (const month of [0, 6]) {
        const unixMs = Date.UTC(2024, month, 15);
        const shown = format.formatToParts(unixMs).find(({ type }) => type === "timeZoneName")?.value;
        assert.equal(localTimeAt(zone, unixMs).name, shown, `${name} in ${locale}`);
      }
    }
  });
});
