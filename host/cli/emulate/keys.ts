/** Keys that are pressed on a terminal, one at a time and unechoed; or letters from a pipe. */

const CTRL_C = "\x03";
const CTRL_D = "\x04";

export interface KeyStream {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  off(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  resume(): unknown;
  pause(): unknown;
  unref?(): unknown;
}

/** Calls back for each key; Ctrl-C and Ctrl-D are "q". Returns how to give the terminal back. */
export function listenForKeys(stream: KeyStream, onKey: (key: string) => void): () => void {
  const onData = (bytes: Uint8Array) => {
    for (const key of Buffer.from(bytes).toString("latin1")) onKey(key === CTRL_C || key === CTRL_D ? "q" : key);
  };
  if (stream.isTTY) stream.setRawMode?.(true);
  stream.on("data", onData);
  stream.resume();
  return () => {
    stream.off("data", onData);
    stream.pause();
    if (stream.isTTY) stream.setRawMode?.(false);
    stream.unref?.();
  };
}
