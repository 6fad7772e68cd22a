/**
 * The order of versions, as semver.org has it, for as many numbers as there are.
 *
 *   [v] number {. number} [- word {. word}] [+ anything]
 *
 * Missing numbers count as 0. A version with words behind a hyphen is older than the one without; words that are
 * numbers compare as numbers and are older than others, those compare letter by letter; what follows a plus does not
 * count. Anything else has no order: it is neither newer nor older.
 */

import { cutAt, isDecimal, isPlain } from "../base/text.js";

const NUMBERS_MAX = 8;
const DIGITS_MAX = 9;

interface Version {
  readonly numbers: readonly number[];
  readonly words: readonly string[];
}

/** Negative when `a` is older than `b`, positive when it is newer, 0 when neither; `undefined` without an order. */
export function compareVersions(a: string, b: string): number | undefined {
  const left = parse(a);
  const right = parse(b);
  if (!left || !right) return undefined;
  for (let i = 0; i < Math.max(left.numbers.length, right.numbers.length); i++) {
    const difference = (left.numbers[i] ?? 0) - (right.numbers[i] ?? 0);
    if (difference !== 0) return difference;
  }
  if (left.words.length === 0 || right.words.length === 0) return right.words.length - left.words.length;
  return compareWords(left.words, right.words);
}

function compareWords(left: readonly string[], right: readonly string[]): number {
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [a, b] = [left[i] as string, right[i] as string];
    if (a === b) continue;
    const [numberA, numberB] = [parseNumber(a), parseNumber(b)];
    if (numberA !== undefined && numberB !== undefined) {
      if (numberA !== numberB) return numberA - numberB;
    } else if (numberA !== undefined) return -1;
    else if (numberB !== undefined) return 1;
    else return a < b ? -1 : 1;
  }
  return left.length - right.length;
}

function parse(text: string): Version | undefined {
  const [core, suffix] = cutAt(cutAt(text, "+")[0], "-");
  const numbers = core.split(".");
  const words = suffix?.split(".") ?? [];
  if (numbers[0]?.startsWith("v")) numbers[0] = numbers[0].slice(1);
  const values = numbers.map(parseNumber);
  if (values.length > NUMBERS_MAX || values.includes(undefined) || !words.every(isWord)) return undefined;
  return { numbers: values as number[], words };
}

function parseNumber(text: string): number | undefined {
  return isDecimal(text, DIGITS_MAX) ? Number(text) : undefined;
}

function isWord(text: string): boolean {
  return isPlain(text, "-", text.length);
}
