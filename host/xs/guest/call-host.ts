/** Guest code: the way out of the engine, to XsMachineOptions.onCommand. */

/** The engine's own door: synchronous, bytes both ways. */
declare const issueCommand: (request: ArrayBuffer) => ArrayBuffer;

/** Hands a text to the host and returns its answer; the engine stands still meanwhile. */
export function callHost(text: string): string {
  return new TextDecoder().decode(issueCommand(new TextEncoder().encode(text).buffer));
}
