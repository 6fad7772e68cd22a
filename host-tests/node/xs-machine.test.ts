import { assert } from "chai";
import { bundleForXs } from "../../host/xs/bundle.js";
import { runOnXs, XsError, XsMachine } from "../../host/xs/machine.js";

const LOOP = "let sum = 0; for (let i = 0; i < 1000; i++) sum += i;";

/** Guest code that calls the host without a bundle around it. */
const CALL_HOST = `
  globalThis.callHost = (text) =>
    new TextDecoder().decode(issueCommand(new TextEncoder().encode(text).buffer));
`;

async function failureOf(action: Promise<unknown>): Promise<XsError> {
  try {
    await action;
  } catch (error) {
    assert.instanceOf(error, XsError);
    return error;
  }
  return assert.fail("it went well");
}

describe("An XS machine on this computer", () => {
  const machines: XsMachine[] = [];

  async function startMachine(onCommand?: (text: string) => string | Promise<string>): Promise<XsMachine> {
    const machine = await XsMachine.start(onCommand ? { onCommand } : {});
    machines.push(machine);
    return machine;
  }

  afterEach(() => {
    for (const machine of machines.splice(0)) machine.close();
  });

  it("is XS: bare, and with the device's language", async () => {
    const said: string[] = [];
    const machine = await startMachine((text) => {
      said.push(text);
      return "";
    });
    await machine.evaluate(CALL_HOST);
    await machine.evaluate("callHost([typeof setTimeout, typeof Buffer, typeof Compartment].join())");
    assert.deepEqual(said, ["undefined,undefined,function"]);
  });

  it("charges the same steps for the same script, and more for more work", async () => {
    const [first, again] = [await runOnXs(LOOP), await runOnXs(LOOP)];
    const longer = await runOnXs(LOOP.replace("1000", "2000"));
    assert.equal(first.compute, again.compute);
    assert.isAbove(longer.compute, first.compute * 1.9);
    assert.isAbove(first.allocate, 0);
    assert.isAbove(first.currentHeapCount, 0);
  });

  it("keeps its globals from script to script and meters each alone", async () => {
    const machine = await startMachine((text) => text);
    await machine.evaluate(`${CALL_HOST} globalThis.work = (n) => { let sum = 0; while (n-- > 0) sum += n; };`);
    const small = await machine.evaluate("work(100)");
    const large = await machine.evaluate("work(10000)");
    assert.isAbove(large.compute, small.compute * 50);
  });

  it("runs promises to their end before a script counts as done", async () => {
    const said: string[] = [];
    const machine = await startMachine((text) => {
      said.push(text);
      return "";
    });
    await machine.evaluate(`${CALL_HOST} (async () => { await null; await null; callHost("done"); })();`);
    assert.deepEqual(said, ["done"]);
  });

  it("hands texts to the host and waits for the answers, also slow ones, at no cost in steps", async () => {
    const said: string[] = [];
    const machine = await startMachine(async (text) => {
      said.push(text);
      await new Promise((resolve) => setTimeout(resolve, text === "slow" ? 20 : 0));
      return `${text} ✓`;
    });
    await machine.evaluate(CALL_HOST);
    const quick = await machine.evaluate('callHost(callHost("fast"))');
    const slow = await machine.evaluate('callHost(callHost("slow"))');
    assert.deepEqual(said, ["fast", "fast ✓", "slow", "slow ✓"]);
    assert.equal(quick.compute, slow.compute);
  });

  it("tells of an uncaught exception and lives on", async () => {
    const machine = await startMachine();
    const error = await failureOf(machine.evaluate('throw new RangeError("too far")'));
    assert.include(error.message, "RangeError: too far");
    assert.isFalse(error.fatal);
    assert.isAbove((await machine.evaluate(LOOP)).compute, 0);
  });

  it("says what killed the engine, now and later", async () => {
    const machine = await startMachine();
    const recursion = "const dig = (n) => dig(n + 1) + 1; try { dig(0) } catch {}";
    for (const source of [recursion, LOOP]) {
      const error = await failureOf(machine.evaluate(source));
      assert.include(error.message, "stack overflow");
      assert.isTrue(error.fatal);
    }
  });

  it("says when the engine ran out of memory", async () => {
    const machine = await startMachine();
    const error = await failureOf(machine.evaluate("try { new ArrayBuffer(0x7fff_ffff) } catch {}"));
    assert.include(error.message, "not enough memory");
    assert.isTrue(error.fatal);
  });

  it("ends when the host's answer fails", async () => {
    const machine = await startMachine(() => {
      throw new Error("no such peer");
    });
    const error = await failureOf(machine.evaluate(`${CALL_HOST} callHost("x")`));
    assert.include(error.message, "no such peer");
  });

  it("can be closed in the middle of an endless script, twice, and is of no use afterwards", async () => {
    const machine = await startMachine(() => "");
    const running = failureOf(machine.evaluate("for (;;);"));
    machine.close();
    machine.close();
    assert.include((await running).message, "closed");
    assert.include((await failureOf(machine.evaluate(LOOP))).message, "closed");
  });

  it("takes one script at a time", async () => {
    const machine = await startMachine();
    const first = machine.evaluate(LOOP);
    let objection = "";
    await machine.evaluate(LOOP).catch((error: Error) => {
      objection = error.message;
    });
    assert.include(objection, "a script is running");
    assert.isAbove((await first).compute, 0);
  });
});

describe("A bundle for XS", () => {
  it("holds a TypeScript program with its imports, packages and JSON", async () => {
    const text = `
      import { crc32 } from "./src/base/crc.js";
      import { callHost } from "./host/xs/guest/call-host.js";
      import vectors from "./host-tests/vectors/blynk-rpc.json";
      const check: number = crc32(new Uint8Array([0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39]));
      callHost(check.toString(16) + " " + vectors[0]?.method);
    `;
    const said: string[] = [];
    const { source } = await bundleForXs({ text, directory: "." });
    await runOnXs(source, {
      onCommand: (heard) => {
        said.push(heard);
        return "";
      },
    });
    assert.deepEqual(said, ["cbf43926 ping"]);
  });

  it("leads from an engine's stack trace back to the source", async () => {
    const { source, mapStack } = await bundleForXs({ path: "host/xs/guest/globals.ts" });
    const line = source.split("\n").findIndex((text) => text.includes("dispatchEvent")) + 1;
    const stack = `Error: x\n at dispatchEvent (#1:${line})\n at eval ()\n at (#0:1)`;
    assert.match(
      mapStack(stack, 1),
      /at dispatchEvent \(host\/xs\/guest\/globals\.ts:\d+\)\n at eval \(\)\n at \(#0:1\)/,
    );
  });
});
