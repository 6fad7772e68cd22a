/** JSON from storage or from the network: anything at all may stand there. */

/**
 * Objects and arrays inside each other. Engines parse each level on their stack, and XS restarts the chip when that is
 * full; nothing that Ferry reads or writes is half as deep.
 */
export const JSON_DEPTH_MAX = 8;

/**
 * `undefined` for text that is not JSON, or deeper than JSON_DEPTH_MAX.
 *
 * `names`: for text from outside, the only properties that anybody will read. XS leaves out all others, and must: it never
 * forgets a name that it has met as a property's, and restarts the chip when its table of names is full. Other engines
 * take no notice of an array there.
 */
export function parseJson(text: string, names?: readonly string[]): unknown {
  if (depthOf(text) > JSON_DEPTH_MAX) return undefined;
  try {
    return JSON.parse(text, names as Parameters<typeof JSON.parse>[1]);
  } catch {
    return undefined;
  }
}

/** How deep brackets stand in each other, outside strings. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  let isEscaped = false;
  for (const letter of text) {
    if (isEscaped) isEscaped = false;
    else if (letter === '"') isInString = !isInString;
    else if (isInString) isEscaped = letter === "\\";
    else if (letter === "[" || letter === "{") deepest = Math.max(deepest, ++depth);
    else if (letter === "]" || letter === "}") depth--;
  }
  return deepest;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
