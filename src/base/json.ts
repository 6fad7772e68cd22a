/** JSON from storage or from the network: anything at all may stand there. */

/**
 * Objects and arrays inside each other. Engines parse each level on their stack, and XS restarts the chip when that is
 * full; nothing that Ferry reads or writes is half as deep.
 */
export const JSON_DEPTH_MAX = 8;

/** `undefined` for text that is not JSON, or deeper than JSON_DEPTH_MAX. */
export function parseJson(text: string): unknown {
  if (depthOf(text) > JSON_DEPTH_MAX) return undefined;
  try {
    return JSON.parse(text);
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
