/**
 * Guest code: the part of mocha's interface that portable suites use, for an engine that cannot load mocha itself.
 * describe() collects, runSuites() runs, and the host is told of each step (SuiteEvent), so that it knows which test
 * was running when the engine dies. Tests and hooks are synchronous: device and simulator know no promises.
 */

import { callHost } from "./call-host.js";

export type SuiteEvent =
  | { readonly kind: "started"; readonly name: string }
  | { readonly kind: "passed" }
  /** `name` is a test's full name, or a hook's. */
  | { readonly kind: "failed"; readonly name: string; readonly message: string; readonly stack: string }
  | { readonly kind: "finished" };

type Body = () => unknown;

interface Test {
  readonly title: string;
  readonly body: Body;
}

class Suite {
  readonly title: string;
  readonly parent: Suite | undefined;
  readonly children: (Suite | Test)[] = [];
  readonly before: Body[] = [];
  readonly after: Body[] = [];
  readonly beforeEach: Body[] = [];
  readonly afterEach: Body[] = [];

  constructor(title: string, parent?: Suite) {
    this.title = title;
    this.parent = parent;
  }

  nameOf(title: string): string {
    const own = this.title === "" ? title : `${this.title} ${title}`;
    return this.parent ? this.parent.nameOf(own) : own;
  }

  /** From the outermost suite to this one. */
  path(): Suite[] {
    return this.parent ? [...this.parent.path(), this] : [this];
  }
}

const root = new Suite("");
let current = root;

function describeSuite(title: string, body: () => void): void {
  const suite = new Suite(title, current);
  current.children.push(suite);
  current = suite;
  try {
    body();
  } finally {
    current = suite.parent ?? root;
  }
}

Object.assign(globalThis, {
  describe: describeSuite,
  it: (title: string, body: Body) => current.children.push({ title, body }),
  before: (body: Body) => current.before.push(body),
  after: (body: Body) => current.after.push(body),
  beforeEach: (body: Body) => current.beforeEach.push(body),
  afterEach: (body: Body) => current.afterEach.push(body),
});

function tell(event: SuiteEvent): void {
  callHost(JSON.stringify(event));
}

function call(body: Body): void {
  const result = body.length > 0 ? undefined : body();
  if (body.length > 0 || result instanceof Promise) {
    throw new Error("an asynchronous test or hook: portable suites are synchronous, move it to host-tests/node");
  }
}

/** Whether it went well; tells of a failure. */
function attempt(name: string, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(`thrown: ${String(error)}`);
    tell({ kind: "failed", name, message, stack: stack ?? "" });
    return false;
  }
}

function runTest(suite: Suite, test: Test): void {
  const name = suite.nameOf(test.title);
  const path = suite.path();
  tell({ kind: "started", name });
  let passed = attempt(name, () => {
    for (const each of path) each.beforeEach.forEach(call);
    call(test.body);
  });
  for (const each of path.reverse()) {
    for (const hook of each.afterEach) {
      passed = attempt(`${name} (its "afterEach" hook)`, () => call(hook)) && passed;
    }
  }
  if (passed) tell({ kind: "passed" });
}

function hasSelected(suite: Suite, pattern: RegExp): boolean {
  return suite.children.some((child) =>
    child instanceof Suite ? hasSelected(child, pattern) : pattern.test(suite.nameOf(child.title)),
  );
}

function runSuite(suite: Suite, pattern: RegExp): void {
  if (!hasSelected(suite, pattern)) return;
  if (attempt(suite.nameOf('"before" hook'), () => suite.before.forEach(call))) {
    for (const child of suite.children) {
      if (child instanceof Suite) runSuite(child, pattern);
      else if (pattern.test(suite.nameOf(child.title))) runTest(suite, child);
    }
  }
  attempt(suite.nameOf('"after" hook'), () => suite.after.forEach(call));
}

/** Runs what describe() has collected: the tests whose full name matches. */
export function runSuites(pattern: RegExp): void {
  runSuite(root, pattern);
  tell({ kind: "finished" });
}
