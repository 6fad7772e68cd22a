/** The demo's rooms: what it draws on a terminal, its arguments, and its world when the server misbehaves. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "chai";
import { BadInput } from "../../host/cli/arguments.js";
import type { DemoEvent } from "../../host/cli/demo/events.js";
import { runOnNode } from "../../host/cli/demo/on-node.js";
import { parseOptions } from "../../host/cli/demo/options.js";
import { prepare } from "../../host/cli/demo/preparation.js";
import { Progress } from "../../host/cli/demo/progress.js";
import { Screen } from "../../host/cli/demo/screen.js";
import { summarize } from "../../host/cli/demo/summary.js";
import type { FileServerBehavior } from "../../host/peers/file-response.js";
import { makeFirmware } from "../../host/peers/firmware.js";

/** A terminal that shows what its lines look like in the end. */
class Terminal {
  readonly isTTY = true;
  readonly columns = 80;
  readonly lines = [""];
  /** The longest that the line with the cursor ever was. */
  longest = 0;

  write(text: string): void {
    for (const [index, line] of text.split("\n").entries()) {
      const [first = "", ...redrawn] = line.split("\r\u001b[2K");
      const before = index === 0 ? (this.lines.pop() ?? "") : "";
      this.lines.push(redrawn.at(-1) ?? before + first);
      this.longest = Math.max(this.longest, this.lines.at(-1)?.length ?? 0);
    }
  }
}

class Paper {
  text = "";

  write(text: string): void {
    this.text += text;
  }
}

describe("The demo's screen", () => {
  it("keeps the live line below what is printed, on a terminal", () => {
    const terminal = new Terminal();
    const screen = new Screen(terminal);
    screen.draw("10 %");
    screen.print("one\ntwo");
    screen.draw("20 %");
    assert.deepEqual(terminal.lines, ["one", "two", "20 %"]);
    screen.settle();
    screen.print("three");
    assert.deepEqual(terminal.lines, ["one", "two", "20 %", "three", ""]);
  });

  it("never lets a live line wrap, which could not be erased", () => {
    const terminal = new Terminal();
    new Screen(terminal).draw("x".repeat(100));
    assert.strictEqual(terminal.longest, 79);
  });

  it("prints plain lines and draws nothing where there is no terminal", () => {
    const paper = new Paper();
    const screen = new Screen(paper);
    screen.draw("10 %");
    screen.print("one");
    screen.settle();
    assert.strictEqual(paper.text, "one\n");
  });
});

describe("The demo's progress", () => {
  it("is one bar for each leg, on a terminal", () => {
    const terminal = new Terminal();
    const progress = new Progress(new Screen(terminal), () => assert.fail("a line"));
    for (const bytes of [25, 50, 100, 100]) progress.update("fetched", bytes, 100);
    for (const bytes of [1, 50]) progress.update("ferried", bytes, 100);
    assert.deepEqual(terminal.lines, [
      "fetched [################################] 100 %  100 of 100 bytes",
      "ferried [################................]  50 %  50 of 100 bytes",
    ]);
  });

  it("begins a new bar when it was interrupted, and when a leg starts over", () => {
    const terminal = new Terminal();
    const progress = new Progress(new Screen(terminal), () => assert.fail("a line"));
    progress.update("fetched", 60, 100);
    progress.interrupt();
    progress.update("fetched", 80, 100);
    progress.update("fetched", 100, 100);
    progress.update("fetched", 20, 100);
    assert.deepEqual(
      terminal.lines.map((line) => /(\d+) %/.exec(line)?.[1]),
      ["60", "100", "20"],
    );
  });

  it("is a line each tenth of the way where there is no terminal", () => {
    const lines: string[] = [];
    const progress = new Progress(new Screen(new Paper()), (line) => lines.push(line));
    for (let bytes = 1; bytes <= 1000; bytes++) progress.update("ferried", bytes, 1000);
    assert.lengthOf(lines, 10);
    assert.strictEqual(lines[0], "ferried  10 %  100 of 1000 bytes");
    assert.strictEqual(lines[9], "ferried 100 %  1000 of 1000 bytes");
  });
});

describe("The demo's arguments", () => {
  it("are all optional", () => {
    assert.deepEqual(parseOptions([]), {
      file: undefined,
      baud: 460_800,
      chunkBytes: 1024,
      cutAfter: undefined,
      flakySeed: undefined,
      https: false,
      cloud: "native",
      engine: "node",
      out: "ferry-demo",
      json: false,
      help: false,
    });
  });

  it("may come in any order and in both spellings", () => {
    const options = parseOptions(["--baud=9600", "a.bin", "--cut", "3", "--json", "--out", "x=y", "--engine", "xs"]);
    assert.deepInclude(options, { baud: 9600, file: "a.bin", cutAfter: 3, json: true, out: "x=y", engine: "xs" });
  });

  it("take a seed for the flaky network, or have one", () => {
    assert.strictEqual(parseOptions(["--flaky=0"]).flakySeed, 0);
    const options = parseOptions(["--flaky", "a.bin", "--https"]);
    assert.deepInclude(options, { file: "a.bin", https: true });
    assert.isNumber(options.flakySeed);
  });

  it("take a file with a dash in front behind --", () => {
    assert.strictEqual(parseOptions(["--json", "--", "-x.bin"]).file, "-x.bin");
  });

  it("are refused as one printable line", () => {
    for (const bad of ["--\n\x1b[2J", "--no-such-option-with-an-endless-name-that-goes-on-and-on"]) {
      let message = "";
      try {
        parseOptions([bad]);
      } catch (error) {
        assert.instanceOf(error, BadInput);
        message = error.message;
      }
      assert.match(message, /^unknown option [ -~]{2,30}: see --help$/);
    }
  });
});

describe("The demo's world on Node", () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "ferry-demo-"));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  async function play(oddities: Partial<FileServerBehavior>, ...args: string[]) {
    const preparation = prepare(parseOptions(args));
    const events: DemoEvent[] = [];
    const run = await runOnNode(preparation, { onServed() {}, onEvent: (event) => events.push(event) }, oddities);
    const news = events.flatMap((event) => (event.source === "ferry" ? [event.news] : []));
    return { summary: summarize(preparation, run), outcome: run.outcome, news };
  }

  it("ends in the same bytes after a power cut at every single durable operation", async () => {
    const file = join(folder, "cut.bin");
    writeFileSync(file, makeFirmware(70_000, undefined, 3));
    const { outcome } = await play({}, file);
    assert.isAbove(outcome.operations, 10);
    for (let cut = 1; cut <= outcome.operations; cut++) {
      const { summary } = await play({}, file, "--cut", String(cut));
      assert.deepEqual([summary.ok, summary.cuts], [true, 1], `after operation ${cut}`);
    }
  });

  it("resumes over real sockets when the server resets the connection", async () => {
    const { summary, news } = await play({ cutAtByte: { byte: 100_000, times: 2 } });
    assert.isTrue(summary.ok);
    assert.strictEqual(summary.download.requests, 3);
    const offsets = news.flatMap((item) => (item.kind === "request" ? [item.offset] : []));
    assert.lengthOf(offsets, 3);
    assert.isAbove(offsets[1] ?? 0, 0);
    assert.isAbove(offsets[2] ?? 0, offsets[1] ?? 0);
  });

  it("takes a slow server's time for what it is", async () => {
    const { summary, news } = await play({ latencyMs: 200, slowBytesPerSecond: 1_000_000 });
    assert.isTrue(summary.ok);
    assert.strictEqual(summary.download.requests, 1);
    assert.isFalse(news.some((item) => item.kind === "retry"));
  });

  it("reports a server that has another file, and asks no further", async () => {
    const { summary } = await play({ noLength: true, changesContentAfterRequests: 0 });
    assert.isFalse(summary.ok);
    assert.deepInclude(summary.failure, { stage: "verify", cause: "mismatch" });
    assert.strictEqual(summary.mcu.version, "1.0.0");
  });

  it("reports a server that always fails, after all its attempts", async () => {
    const { summary, news } = await play({ statusFor: { status: 503 } });
    assert.isFalse(summary.ok);
    assert.deepInclude(summary.failure, { stage: "download", cause: "request" });
    assert.isAbove(summary.download.requests, 3);
    assert.isTrue(news.some((item) => item.kind === "retry"));
    assert.strictEqual(summary.download.bytes, 0);
  });
});
