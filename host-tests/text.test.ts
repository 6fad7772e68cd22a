/** What texts are made of, held against the regular expressions that say the same: on the device there are none. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { isHost, parseIpv4 } from "../src/base/host.js";
import {
  beginsAnyCase,
  beginsLike,
  cutAt,
  firstOf,
  isDecimal,
  isHexadecimal,
  isNumeral,
  isPlain,
  SPACES,
} from "../src/base/text.js";
import { decodeUtf8, encodeUtf8 } from "../src/base/utf8.js";
import { coordinatesFrom } from "../src/cloud/coordinates.js";
import { type Place, takeMessage } from "../src/cloud/mqtt/downlink.js";
import { isTopicPrefix } from "../src/cloud/mqtt/mqtt-cloud.js";
import { isPinName, PinNames } from "../src/cloud/mqtt/pin-names.js";
import { UplinkTopics } from "../src/cloud/mqtt/uplink-topics.js";
import { chunkSizeOf, ResponseHead } from "../src/download/http-lines.js";
import { isAnswerOfPortal } from "../src/network/captive-portal.js";
import { listenTo } from "./support/cloud-events.js";

const SEED = 20_261_204;
const ROUNDS = 3_000;

/** Pieces that the forms are made of, what lies just beside them, and letters that only look, or lower, alike. */
const PIECES: readonly string[] = [
  ..."0123456789afgzAFGZ-+._/:?#;%@{ \t\r\n\v\f\0",
  ...[
    "\u00a0",
    "\u2028",
    "\ufeff",
    "\u200b",
    "\u0661",
    "\uff11",
    "\u212a",
    "\u0130",
    "\u017f",
    "\u00e9",
    "\ud83d\ude00",
  ],
  ...[
    "00",
    "65535",
    "65536",
    "123456789012345",
    "1234567890123456",
    "e-4",
    "E+07",
    "1.5",
    "V",
    "v",
    "a.b",
    "x-",
    "xn--",
  ],
  ...["mqtt://", "mqtts://", "MQTT://", "http://", "https://", "HtTpS://", "\nlocation:", "\r\nLocation: ", "HTTP/1."],
  ...["HTTP/1.1 200", "HTTP/1.0 302 ", "HTTP/1.1 511 a", ":443", ":1883", "192.168.4.1", "broker.example"],
];

/** Around a seed: a wholly random text would be judged at its first letter. */
function makeText(random: Random, seeds: readonly string[]): string {
  let text = random.chance(0.5) ? (seeds[random.below(seeds.length)] as string) : "";
  for (let count = random.below(6); count > 0; count--) {
    const piece = PIECES[random.below(PIECES.length)] as string;
    const at = random.chance(0.5) ? text.length : random.below(text.length + 1);
    const skipped = random.chance(0.2) ? 1 : 0;
    text = text.slice(0, at) + piece.repeat(random.chance(0.1) ? 1 + random.below(64) : 1) + text.slice(at + skipped);
  }
  return text;
}

/** As `wanted` has it, for texts around `seeds`. */
function itAgrees<T>(
  what: string,
  seeds: readonly string[],
  found: (text: string) => T,
  wanted: (text: string) => T,
): void {
  it(`${what} (seed ${SEED})`, () => {
    const random = new Random(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      const text = round < seeds.length ? (seeds[round] as string) : makeText(random, seeds);
      assert.deepEqual(found(text), wanted(text), JSON.stringify(text));
    }
  });
}

describe("Texts without regular expressions", () => {
  it("know the spaces that trim() takes off", () => {
    for (let code = 0; code <= 0xffff; code++) {
      const letter = String.fromCharCode(code);
      if (code >= 0xd800 && code <= 0xdfff) continue;
      assert.equal(SPACES.includes(letter), letter.trim() === "", `U+${code.toString(16)}`);
    }
  });

  itAgrees(
    "tell decimal digits",
    ["", "0", "7", "12345", "123456", "00012"],
    (text) => isDecimal(text, 5),
    (text) => /^\d{1,5}$/.test(text),
  );
  itAgrees(
    "tell numbers without leading zeros",
    ["", "0", "00", "10", "01", "12345", "123456"],
    (text) => isNumeral(text, 5),
    (text) => /^(0|[1-9]\d{0,4})$/.test(text),
  );
  itAgrees(
    "tell hexadecimal digits",
    ["", "0", "dEaDbEe", "deadbeef", "0g"],
    (text) => isHexadecimal(text, 7),
    (text) => /^[0-9a-f]{1,7}$/i.test(text),
  );
  itAgrees(
    "tell letters, digits and signs",
    ["", "a", "Z9._-", "a b", "0123456789"],
    (text) => isPlain(text, " _.-", 10),
    (text) => /^[A-Za-z0-9 _.-]{1,10}$/.test(text),
  );
  itAgrees(
    "cut at the first sign",
    ["", "a:b:c", ":", "a", "://"],
    (text) => [...cutAt(text, ":")],
    (text) => {
      const [, before, behind] = /^([^:]*)(?::([\s\S]*))?$/.exec(text) ?? [];
      return [before, behind];
    },
  );
  itAgrees(
    "find the first of some letters",
    ["", "abc", "a/b?c#d", "#"],
    (text) => firstOf(text, "/?#"),
    (text) => /[/?#]/.exec(text)?.index ?? text.length,
  );
  itAgrees(
    "begin like a shape, and like a word in any case",
    ["HTTP/1.1 200", "HTTP/1.x 200", "HTTP/1.1 20", "HTTP/1.1 200 OK", "hTTp://a"],
    (text) => [beginsLike(text, "HTTP/1.# ###"), beginsAnyCase(text, "http://")],
    (text) => [/^HTTP\/1\.\d \d{3}/.test(text), /^http:\/\//i.test(text)],
  );
});

describe("What is read without regular expressions", () => {
  itAgrees("hosts", ["a", "a.b-c.d1", "1.2.3.4", "1.2.3", "-a.b", "a-.b", `${"a".repeat(63)}.b`], isHost, (text) => {
    const labels = text.split(".");
    const isEach = labels.every((label) => /^[0-9a-z-]{1,63}$/i.test(label) && !/^-|-$/.test(label));
    return text.length <= 253 && isEach && (!/^\d+$/.test(labels.at(-1) ?? "") || parseIpv4(text) !== undefined);
  });

  itAgrees(
    "pins' names",
    ["V0", "V1", "V65535", "V65536", "V99999", "V00", "pump 1", "a_b-c.d"],
    (text) => [isPinName(text), new PinNames().pinOf(text)],
    (text) => {
      const digits = /^V(0|[1-9]\d{0,4})$/.exec(text)?.[1];
      const pin = digits === undefined || Number(digits) > 65_535 ? undefined : Number(digits);
      return [/^[A-Za-z0-9 _.-]{1,64}$/.test(text) && digits === undefined, pin];
    },
  );

  itAgrees("prefixes of topics", ["", "plant/a", "a b", "a".repeat(64), "a".repeat(65)], isTopicPrefix, (text) =>
    /^[A-Za-z0-9_./-]{0,64}$/.test(text),
  );

  itAgrees(
    "degrees",
    ["52.5", "-1.0E-4", "+7", " 8.123456789 ", "1e1", "91", "1.", ".5", "1e", "1.5e+10", "0.00000000000000000001"],
    (text) => coordinatesFrom(text, "0")?.latitude,
    (text) => {
      const [written, decimals = "", exponent = ""] =
        /^[+-]?\d{1,3}(?:\.(\d+))?(e[+-]?\d\d?)?$/i.exec(text.trim()) ?? [];
      if (written === undefined || decimals.length > 20 || Math.abs(Number(written)) > 90) return undefined;
      return decimals.length <= 7 && exponent === "" ? written : Number(written).toFixed(7);
    },
  );

  const redirects = ["broker.example:1883", "mqtt://a.b", " mqtts://a:1/x?y#z ", "mqtts://a", "mqtt", "a:65536", "a:0"];
  itAgrees("where a broker sends on to", redirects, redirectOf, (text) => {
    const [, scheme, host, portText] =
      /^\s*(?:(mqtts?):\/\/)?([A-Za-z0-9.-]+)(?::(\d+))?(?:\/\S*)?\s*$/.exec(asSent(text)) ?? [];
    if (host === undefined || !isHost(host) || (portText ?? "").length > 5) return undefined;
    if (scheme === undefined && portText === undefined) return undefined;
    const secure = scheme === undefined ? Number(portText) !== 1883 : scheme === "mqtts";
    const port = portText === undefined ? (secure ? 8883 : 1883) : Number(portText);
    return port < 1 || port > 65_535 ? undefined : { secure, host, port };
  });

  const values = ["0", "-0", "1.50", "01", "1.", ".5", "-", "123456789012345.123456789012345", "1e5", "21.5 C", "-7"];
  itAgrees("values in JSON", values, jsonOf, (text) => {
    const [, whole, decimals = ""] = /^-?(0|[1-9]\d*)(?:\.(\d+))?$/.exec(asSent(text)) ?? [];
    const isNumber = whole !== undefined && whole.length <= 15 && decimals.length <= 15;
    return isNumber ? text : JSON.stringify(asSent(text));
  });

  const statuses = ["HTTP/1.1 200 OK", "HTTP/1.0 404", "HTTP/1.1 2000", "HTTP/1.1 20", "HTTP/2 200", "http/1.1 200 OK"];
  itAgrees("the status of an answer", statuses, statusOf, (text) => {
    const status = /^HTTP\/1\.\d (\d{3})( |$)/.exec(text)?.[1];
    return status === undefined ? undefined : Number(status);
  });

  itAgrees(
    "the size of a chunk",
    ["0", "1a2B3c4", "12345678", "10 ;name=value", "a;", "a b", "f\t", ";", ""],
    (text) => chunkSizeOf({ text, isCut: false }),
    (text) => {
      const digits = /^([0-9a-f]{1,7})\s*(;|$)/i.exec(text)?.[1];
      return digits === undefined ? undefined : Number.parseInt(digits, 16);
    },
  );

  const answers = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 302 Found\r\nLocation: http://login.example/x",
    "HTTP/1.1 302 Found\r\nx: y\r\nLOCATION:\thttps://www.blynk.cloud:443",
    "HTTP/1.1 301 Found\nlocation:https://\nlocation: http://a b",
    "HTTP/1.1 404 Not Found\r\nLocation: http://login.example/x",
  ];
  itAgrees(
    "the answer of a portal",
    answers,
    (text) => isAnswerOfPortal(text, "blynk.cloud"),
    (text) => {
      const status = /^HTTP\/1\.\d (\d{3})/.exec(text)?.[1];
      if (status === "200" || status === "511") return true;
      const target = /\nlocation:[ \t]*https?:\/\/([^/:?#\s]+)/i.exec(text)?.[1]?.toLowerCase();
      if (!status?.startsWith("3") || target === undefined) return false;
      return target !== "blynk.cloud" && !target.endsWith(".blynk.cloud") && !"blynk.cloud".endsWith(`.${target}`);
    },
  );
});

/** Half a surrogate does not survive UTF-8. */
function asSent(text: string): string {
  return decodeUtf8(encodeUtf8(text));
}

function redirectOf(text: string): Place | undefined {
  let place: Place | undefined;
  const options = {
    pins: new PinNames(),
    events: listenTo([]),
    isKept: false,
    onRedirect: (to: Place) => (place = to),
  };
  takeMessage("downlink/redirect", encodeUtf8(text), options);
  return place;
}

/** As it leaves with a time. */
function jsonOf(text: string): string {
  let sent = "";
  const out = {
    isUp: true,
    payloadBytesMax: () => 4096,
    publish: (_topic: string, payload: Uint8Array) => {
      sent = decodeUtf8(payload);
      return true;
    },
    onUnsupported: () => undefined,
  };
  const topics = new UplinkTopics({ pins: new PinNames(), batchesGroups: false, out });
  topics.beginGroup(7n);
  topics.virtualWrite(1, encodeUtf8(text));
  return sent.startsWith("[[7,") ? sent.slice("[[7,".length, -"]]".length) : JSON.stringify(text);
}

function statusOf(text: string): number | undefined {
  const head = new ResponseHead();
  return head.push({ text, isCut: false }) === "more" ? head.status : undefined;
}
