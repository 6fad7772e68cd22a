/**
 * How Ferry answers the calls of the MCU: tables of plain functions, each over the domain that knows the answer. A table is
 * a constant of its module, so on the device all of them lie in flash; a session holds one pair a table.
 */

import type { Args, NcpCallName, Results } from "./catalogue.js";
import type { Decoded } from "./codec.js";

/** Answers at once. */
export type Answer<N extends NcpCallName, Domain> = (domain: Domain, args: Args<N>) => Results<N>;

/**
 * Answers when it can. `reply` counts once; after the MCU has restarted it does nothing. Binary and text arguments are
 * only valid until the function returns.
 */
export interface LaterAnswer<N extends NcpCallName, Domain> {
  readonly later: (domain: Domain, args: Args<N>, reply: (results: Results<N>) => void) => void;
}

export type CallTable<Domain, N extends NcpCallName = NcpCallName> = {
  readonly [K in N]: Answer<K, Domain> | LaterAnswer<K, Domain>;
};

/** Types the table of a domain: `deepFreeze(callsOf<Domain>()({ ... }))` is a table whose names the compiler knows. */
export function callsOf<Domain>() {
  return <N extends NcpCallName>(table: CallTable<Domain, N>): CallTable<Domain, N> => table;
}

/** An answer and the domain that it takes, whatever that is: add() has matched them. */
export type AnswerNow = (domain: unknown, args: Decoded) => Decoded;
export type AnswerLater = (domain: unknown, args: Decoded, reply: (results: Decoded) => void) => void;

export interface ServedTable {
  readonly answers: Readonly<Partial<Record<NcpCallName, AnswerNow | { readonly later: AnswerLater }>>>;
  readonly domain: unknown;
}

/** The tables that a session serves. */
export class ServedTables {
  readonly #tables: ServedTable[] = [];

  /** Where two tables have a call, the later one counts. */
  add<Domain, N extends NcpCallName>(answers: CallTable<Domain, N>, domain: Domain): void {
    this.#tables.unshift({ answers, domain } as unknown as ServedTable);
  }

  /** The one that has the call: they are few, and those added last are asked first. */
  find(name: NcpCallName | undefined): ServedTable | undefined {
    if (!name) return undefined;
    for (let i = 0; i < this.#tables.length; i++) {
      const table = this.#tables[i] as ServedTable; // by index: the engine takes longer with an iterator
      if (table.answers[name]) return table;
    }
    return undefined;
  }
}
