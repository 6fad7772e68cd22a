/** What the suites' guest (guest/main.ts and what it starts) asks its host, as JSON, besides the SuiteEvents. */

/** What the guest is there for: the first answer it gets. */
export type GuestPlan =
  /** The contract suites; `grep` is a regular expression that full test names must match. */
  | { readonly program: "suites"; readonly grep: string }
  /** One request, and what comes of it. */
  | { readonly program: "request"; readonly request: RequestPlan };

export interface RequestPlan {
  /** Ferry's client, or the SDK's with nothing around it. */
  readonly client: "ferry" | "bare";
  readonly port: number;
  /** PEM or DER, in hexadecimal; plain HTTP without. */
  readonly authority?: string;
  /** Ends with the request, but not before. */
  readonly atLeastMs: number;
  readonly atMostMs: number;
}

export interface RequestReport {
  /** Callbacks in order: "200", "read 4", "done", "failed", "lost: (reason)". */
  readonly log: readonly string[];
  /** The longest turn of the event loop. */
  readonly longestTurnUs: number;
  /** From the request to the first header, or to the end. */
  readonly answeredMs: number;
  /** Most chunk bytes and slots in use between two turns; not collected. */
  readonly heap: { readonly slots: number; readonly chunkBytes: number };
}

export interface ServerFacts {
  readonly port: number;
  /** Nobody listens there. */
  readonly noPort: number;
  /** DER in hexadecimal. */
  readonly authority: string;
}

/** Asked by the fixtures. Times and places are the host's: it answers when what is under way has arrived. */
export type FixtureRequest =
  | { readonly kind: "plan" }
  /** Answered with ServerFacts. */
  | { readonly kind: "server"; readonly secure: boolean }
  /** Answered with all that the server has received in this test, as a JSON string. */
  | { readonly kind: "received" }
  | { readonly kind: "reply"; readonly text: string }
  | { readonly kind: "hangUp" }
  /** Answered with a text that changes with every byte that moves. */
  | { readonly kind: "movement" }
  /** Over the serial line. */
  | { readonly kind: "send"; readonly bytes: readonly number[] }
  /** Answered with what came over the serial line in this test, as a JSON array. */
  | { readonly kind: "heard" }
  /** The serial line has a new test. */
  | { readonly kind: "quiet" }
  | { readonly kind: "report"; readonly report: RequestReport };
