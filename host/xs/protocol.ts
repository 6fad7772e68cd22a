/**
 * What XsMachine and its worker process say to each other over Node's IPC channel. Requests are answered in order,
 * and a `command` stands between an `evaluate` and its answer.
 */

import type { XsMeter } from "./machine.js";

export type ToWorker =
  | { readonly kind: "evaluate"; readonly source: string }
  /** Answers a command. */
  | { readonly kind: "reply"; readonly text: string };

export type FromWorker =
  | { readonly kind: "started" }
  | { readonly kind: "command"; readonly text: string }
  | { readonly kind: "evaluated"; readonly meter: XsMeter }
  /** The script threw; the machine lives on. */
  | { readonly kind: "threw"; readonly message: string }
  /** The engine ended by itself: out of memory, stack overflow and the like. */
  | { readonly kind: "died"; readonly message: string };
