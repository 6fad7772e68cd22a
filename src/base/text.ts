/**
 * What texts are made of. The device does without regular expressions: XS leaves its engine for them out of a firmware
 * that has none, which saves 24 KiB of flash; and it miscounts bounded repetitions inside of optional groups.
 */

/** What trim() takes off. */
export const SPACES =
  "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff";

/** Judges one unit of UTF-16, as charCodeAt gives it. */
type IsPart = (code: number) => boolean;

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

export function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isHexDigit(code: number): boolean {
  const lower = code | 0x20;
  return isDigit(code) || (lower >= 0x61 && lower <= 0x66);
}

/** Where the run of such characters ends that begins at `start`. */
export function runEnd(text: string, start: number, isPart: IsPart): number {
  let end = start;
  while (end < text.length && isPart(text.charCodeAt(end))) end++;
  return end;
}

/** From 1 to `digitsMax` decimal digits, and nothing else. */
export function isDecimal(text: string, digitsMax: number): boolean {
  return isFilled(text, digitsMax) && runEnd(text, 0, isDigit) === text.length;
}

/** The same, without leading zeros. */
export function isNumeral(text: string, digitsMax: number): boolean {
  return isDecimal(text, digitsMax) && (text.length === 1 || text.charCodeAt(0) !== 0x30);
}

/** From 1 to `digitsMax` hexadecimal digits of either case, and nothing else. */
export function isHexadecimal(text: string, digitsMax: number): boolean {
  return isFilled(text, digitsMax) && runEnd(text, 0, isHexDigit) === text.length;
}

/** From 1 to `lengthMax` letters and digits of ASCII and of these signs, and nothing else. */
export function isPlain(text: string, signs: string, lengthMax: number): boolean {
  if (!isFilled(text, lengthMax)) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isDigit(code) && !isLetter(code) && !hasCode(signs, code)) return false;
  }
  return true;
}

function isFilled(text: string, lengthMax: number): boolean {
  return text.length >= 1 && text.length <= lengthMax;
}

function hasCode(text: string, code: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) === code) return true;
  return false;
}

/** Where the first of these characters stands, or the length of the text. */
export function firstOf(text: string, characters: string, start = 0): number {
  for (let i = start; i < text.length; i++) if (hasCode(characters, text.charCodeAt(i))) return i;
  return text.length;
}

/** What stands before the first such sign and behind it; without the sign, all and nothing. */
export function cutAt(text: string, sign: string): readonly [before: string, behind: string | undefined] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + sign.length)];
}

/** Whether the text begins like `shape`, in which "#" stands for any digit. */
export function beginsLike(text: string, shape: string): boolean {
  if (text.length < shape.length) return false;
  for (let i = 0; i < shape.length; i++) {
    const wanted = shape.charCodeAt(i);
    const code = text.charCodeAt(i);
    if (wanted === 0x23 ? !isDigit(code) : code !== wanted) return false;
  }
  return true;
}

/** Whether the text begins so, whatever the case of its letters. @param lower in lower case */
export function beginsAnyCase(text: string, lower: string): boolean {
  return text.slice(0, lower.length).toLowerCase() === lower;
}
