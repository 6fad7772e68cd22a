/** What each answer of a server means for a download: the judgement as a table. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import {
  announcedDigests,
  closesConnection,
  HEADERS_WANTED,
  type Judgement,
  judge,
  VALIDATOR_LENGTH_MAX,
  validatorOf,
} from "../src/download/response.js";

const SIZE = 1000;
const ETAG = '"abc"';
const DATE = "Sat, 21 Nov 2026 12:00:00 GMT";

type Headers = Readonly<Record<string, string>>;

function judged(offset: number, status: number, headers: Headers = {}): Judgement {
  return judge({ offset, sizeBytes: SIZE }, status, new Map(Object.entries(headers)));
}

function body(offset: number, validator: string | undefined, lengthKnown: boolean, end = SIZE): Judgement {
  return { kind: "body", offset, end, validator, lengthKnown };
}

describe("An answer that brings the file from its first byte", () => {
  const rows: readonly (readonly [
    what: string,
    offset: number,
    status: number,
    headers: Headers,
    meaning: Judgement,
  ])[] = [
    ["with its length", 0, 200, { "content-length": "1000" }, body(0, undefined, true)],
    ["with its length and a tag", 0, 200, { "content-length": "1000", etag: ETAG }, body(0, ETAG, true)],
    ["without a length", 0, 200, {}, body(0, undefined, false)],
    ["in chunks", 0, 200, { "transfer-encoding": "chunked", etag: ETAG }, body(0, ETAG, false)],
    ["in chunks, shouting", 0, 200, { "transfer-encoding": "Chunked" }, body(0, undefined, false)],
    [
      "in chunks, whatever length it claims besides",
      0,
      200,
      { "transfer-encoding": "gzip, chunked", "content-length": "5" },
      body(0, undefined, false),
    ],
    ["though a range was asked for", 400, 200, { "content-length": "1000", etag: ETAG }, body(0, ETAG, true)],
    ["though a range was asked for, without a length", 400, 200, {}, body(0, undefined, false)],
    ["as a range of all of it", 0, 206, { "content-range": "bytes 0-999/1000" }, body(0, undefined, false)],
    ["with spaces around its length", 0, 200, { "content-length": " 1000 " }, body(0, undefined, true)],
  ];
  for (const [what, offset, status, headers, meaning] of rows) {
    it(`${what} is a body from 0`, () => assert.deepEqual(judged(offset, status, headers), meaning));
  }
});

describe("An answer that brings the rest of the file", () => {
  const whole = { "content-range": "bytes 400-999/1000" };
  const rows: readonly (readonly [what: string, headers: Headers, meaning: Judgement])[] = [
    ["with its length", { ...whole, "content-length": "600" }, body(400, undefined, true)],
    ["with a tag", { ...whole, "content-length": "600", etag: ETAG }, body(400, ETAG, true)],
    ["without a length", whole, body(400, undefined, false)],
    ["in chunks", { ...whole, "transfer-encoding": "chunked" }, body(400, undefined, false)],
    ["of a file whose size it does not know", { "content-range": "bytes 400-999/*" }, body(400, undefined, false)],
    ["with odd spaces", { "content-range": "bytes  400 - 999 / 1000 " }, body(400, undefined, false)],
    ["in another case", { "content-range": "Bytes 400-999/1000" }, body(400, undefined, false)],
    ["only in part", { "content-range": "bytes 400-499/1000" }, body(400, undefined, false, 500)],
    [
      "only in part, with its length",
      { "content-range": "bytes 400-499/1000", "content-length": "100" },
      body(400, undefined, true, 500),
    ],
    ["only its first byte", { "content-range": "bytes 400-400/*" }, body(400, undefined, false, 401)],
  ];
  for (const [what, headers, meaning] of rows) {
    it(`${what} is a body from there`, () => assert.deepEqual(judged(400, 206, headers), meaning));
  }
});

describe("A range that is not the one asked for", () => {
  const wrong: readonly (readonly [what: string, contentRange: string | undefined])[] = [
    ["begins earlier", "bytes 399-999/1000"],
    ["begins later", "bytes 401-999/1000"],
    ["begins at the start", "bytes 0-999/1000"],
    ["ends before it begins", "bytes 400-399/1000"],
    ["ends behind the file", "bytes 400-1000/1000"],
    ["has no last byte", "bytes 400-/1000"],
    ["has no first byte", "bytes -999/1000"],
    ["has no size", "bytes 400-999"],
    ["has an empty size", "bytes 400-999/"],
    ["has a negative byte", "bytes -400-999/1000"],
    ["has a broken number", "bytes 4e2-999/1000"],
    ["has a hexadecimal number", "bytes 0x190-999/1000"],
    ["has a number beyond all files", "bytes 0000000000400-999/1000"],
    ["has a size before its bytes", "bytes 1000/400-999"],
    ["is of another unit", "items 400-999/1000"],
    ["is of no unit", "400-999/1000"],
    ["is the form of an unsatisfied one", "bytes */1000"],
    ["is empty", ""],
    ["is missing", undefined],
  ];
  for (const [what, contentRange] of wrong) {
    it(`and ${what} begins the file anew`, () => {
      const headers = contentRange === undefined ? {} : { "content-range": contentRange };
      assert.strictEqual(judged(400, 206, { "content-length": "600", ...headers }).kind, "restart");
    });
  }

  it("by its body's length begins the file anew", () => {
    for (const length of ["599", "601", "0", "1000"]) {
      const headers = { "content-range": "bytes 400-999/1000", "content-length": length };
      assert.strictEqual(judged(400, 206, headers).kind, "restart", length);
    }
  });

  it("is named in the reason, with what was asked for", () => {
    const answer = judged(400, 206, { "content-range": "bytes 0-499/1000" });
    assert.deepEqual(answer, { kind: "restart", reason: "asked for bytes 400-999, got 0-499" });
  });
});

describe("An answer of a file of another size", () => {
  const rows: readonly (readonly [offset: number, status: number, headers: Headers])[] = [
    [0, 200, { "content-length": "999" }],
    [0, 200, { "content-length": "1001" }],
    [0, 200, { "content-length": "0" }],
    [400, 200, { "content-length": "600" }],
    [400, 206, { "content-range": "bytes 400-1999/2000" }],
    [400, 206, { "content-range": "bytes 400-999/1001" }],
    [400, 416, { "content-range": "bytes */300" }],
    [1000, 416, { "content-range": "bytes */999" }],
  ];
  for (const [offset, status, headers] of rows) {
    it(`${status} with ${JSON.stringify(headers)} after ${offset} bytes is of the wrong file`, () => {
      const judgement = judged(offset, status, headers);
      assert.strictEqual(judgement.kind, "wrong-file");
      assert.match("reason" in judgement ? judgement.reason : "", /has \d+ bytes, offered were 1000/);
    });
  }
});

describe("An answer whose length cannot be read", () => {
  for (const length of ["", "abc", "-1000", "1e3", "1000, 1000", "1000.0", "9".repeat(13)]) {
    it(`"${length}" is tried again, and never taken for a length`, () => {
      assert.strictEqual(judged(0, 200, { "content-length": length }).kind, "retry");
      const part = { "content-range": "bytes 400-999/1000", "content-length": length };
      assert.strictEqual(judged(400, 206, part).kind, "retry");
    });
  }
});

describe("An answer that the range cannot be had", () => {
  it("says that nothing is left when all bytes are in hand", () => {
    assert.deepEqual(judged(SIZE, 416, { "content-range": "bytes */1000" }), { kind: "nothing-left" });
    assert.deepEqual(judged(SIZE, 416), { kind: "nothing-left" }, "also without saying the size");
    assert.deepEqual(judged(SIZE, 416, { "content-range": "bytes */?" }), { kind: "nothing-left" });
  });

  it("begins the file anew when bytes are missing", () => {
    assert.strictEqual(judged(400, 416, { "content-range": "bytes */1000" }).kind, "restart");
    assert.strictEqual(judged(400, 416).kind, "restart");
  });

  it("is final when the whole file was asked for", () => {
    assert.strictEqual(judged(0, 416, { "content-range": "bytes */1000" }).kind, "refused");
  });
});

describe("A redirect", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it(`${status} leads to its location`, () => {
      assert.deepEqual(judged(0, status, { location: "/x" }), { kind: "redirect", location: "/x" });
      assert.deepEqual(judged(400, status, { location: "/x" }), { kind: "redirect", location: "/x" });
    });

    it(`${status} without a location is final`, () => {
      assert.deepEqual(judged(0, status), { kind: "refused", reason: `${status} without a location` });
      assert.strictEqual(judged(0, status, { location: "" }).kind, "refused");
    });
  }
});

describe("A status without a file", () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504, 599]) {
    it(`${status} is tried again, and keeps what is in hand`, () => {
      for (const offset of [0, 400]) {
        assert.deepEqual(judged(offset, status), { kind: "retry", reason: `the server answered ${status}` });
      }
    });
  }

  for (const status of [100, 201, 202, 204, 205, 300, 304, 305, 400, 401, 403, 404, 410, 451, 0, Number.NaN]) {
    it(`${status} is final`, () => {
      const headers = { "content-length": "1000", "content-range": "bytes 0-999/1000" };
      assert.deepEqual(judged(0, status, headers), { kind: "refused", reason: `the server answered ${status}` });
    });
  }
});

describe("A validator", () => {
  const validator = (headers: Headers) => validatorOf(new Map(Object.entries(headers)));

  it("is a strong tag, before a date", () => {
    assert.strictEqual(validator({ etag: ETAG, "last-modified": DATE }), ETAG);
    assert.strictEqual(validator({ etag: '""' }), '""');
  });

  it("is the date where the tag is weak, malformed or missing", () => {
    for (const etag of ['W/"abc"', 'w/"abc"', "abc", "'abc'", '"', '"abc', 'abc"', ""]) {
      assert.strictEqual(validator({ etag, "last-modified": DATE }), DATE, etag);
      assert.isUndefined(validator({ etag }), etag);
    }
    assert.strictEqual(validator({ "last-modified": DATE }), DATE);
  });

  it("is none where there is neither", () => {
    assert.isUndefined(validator({}));
    assert.isUndefined(validator({ "last-modified": "" }));
  });

  it("is not kept beyond a length, so that its record has a bound", () => {
    const longest = `"${"x".repeat(VALIDATOR_LENGTH_MAX - 2)}"`;
    assert.strictEqual(validator({ etag: longest }), longest);
    assert.strictEqual(validator({ etag: `"x${longest.slice(1)}`, "last-modified": DATE }), DATE);
    assert.isUndefined(validator({ "last-modified": "x".repeat(VALIDATOR_LENGTH_MAX + 1) }));
  });

  it("is not kept with characters that no header may carry", () => {
    for (const character of ["\r", "\n", "\0", "\x7f", "\xe9"]) {
      assert.isUndefined(validator({ etag: `"a${character}b"` }));
      assert.isUndefined(validator({ "last-modified": `a${character}b` }));
    }
  });
});

describe("A connection", () => {
  it("ends behind an answer that says so", () => {
    const closes = (value?: string) => closesConnection(new Map(value === undefined ? [] : [["connection", value]]));
    for (const value of ["close", "Close", "close, TE"]) assert.isTrue(closes(value), value);
    for (const value of ["keep-alive", "", undefined]) assert.isFalse(closes(value), value);
  });
});

describe("The judgement", () => {
  it("asks for each header that it looks at", () => {
    const seen = new Set<string>();
    const spy = new Map<string, string>();
    spy.get = (name) => {
      seen.add(name);
      return undefined;
    };
    for (const status of [200, 206, 302, 416]) judge({ offset: 1, sizeBytes: 2 }, status, spy);
    judge({ offset: 1, sizeBytes: 2 }, 206, new Map([["content-range", "bytes 1-1/2"]]));
    seen.add("last-modified");
    announcedDigests(spy);
    closesConnection(spy);
    for (const name of seen) assert.include(HEADERS_WANTED, name);
    assert.sameMembers(
      [...seen, "content-range"].filter((name, at, all) => all.indexOf(name) === at),
      [...HEADERS_WANTED],
    );
  });

  it("never joins a part that does not begin where the bytes in hand end, whatever the headers", () => {
    const random = new Random(5);
    const pick = (choices: readonly string[]) => choices[random.below(choices.length)] as string;
    let bodies = 0;
    for (let i = 0; i < 2000; i++) {
      const offset = random.below(4) * 250;
      const first = pick(["0", "250", "500", "750", "1000", "-1", "x", ""]);
      const last = pick(["999", "999", "999", "1000", "0", "y", ""]);
      const size = pick(["1000", "1000", "*", "999", "z", ""]);
      const headers: Record<string, string> = {};
      if (random.chance(0.9))
        headers["content-range"] = `${pick(["bytes ", "bytes ", "b ", ""])}${first}-${last}/${size}`;
      if (random.chance(0.5)) headers["content-length"] = pick([`${SIZE - offset}`, "1000", "", "5"]);
      if (random.chance(0.2)) headers["transfer-encoding"] = "chunked";
      const judgement = judged(offset, 206, headers);
      if (judgement.kind !== "body") continue;
      bodies++;
      assert.strictEqual(judgement.offset, offset);
      assert.isAtMost(judgement.end, SIZE);
      const range = `bytes ${offset}-${judgement.end - 1}`;
      assert.include([`${range}/1000`, `${range}/*`], headers["content-range"]);
    }
    assert.isAbove(bodies, 10);
  });
});
