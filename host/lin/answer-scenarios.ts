/** Answers that a client of the chip must survive. */

const LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: ";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

export const GOOD_ANSWER: readonly string[] = Object.freeze([`${LENGTH}4\r\n\r\nabcd`]);

/** What the server sends, piece by piece, and what comes of it: the last callback but for its reason. */
export interface OddAnswer {
  readonly title: string;
  readonly pieces: readonly string[];
  readonly ends: "done" | "lost";
  /** The SDK's own client, without Ferry's around it, restarts the chip. */
  readonly restartsSdk: boolean;
}

export const ODD_ANSWERS: readonly OddAnswer[] = Object.freeze([
  { title: "a good answer", pieces: GOOD_ANSWER, ends: "done", restartsSdk: false },
  { title: "surplus bytes at once", pieces: [`${LENGTH}4\r\n\r\nabcd and more`], ends: "lost", restartsSdk: false },
  { title: "surplus bytes later", pieces: [...GOOD_ANSWER, "and more"], ends: "lost", restartsSdk: true },
  { title: "bytes after an empty body", pieces: [`${LENGTH}0\r\n\r\n`, "more"], ends: "lost", restartsSdk: true },
  {
    title: "a trailer by itself",
    pieces: [`${CHUNKED}4\r\nabcd\r\n`, "0\r\nX: y\r\n\r\n"],
    ends: "done",
    restartsSdk: true,
  },
  {
    title: "a trailer behind a chunk",
    pieces: [`${CHUNKED}4\r\nabcd\r\n0\r\nX: y\r\n\r\n`],
    ends: "done",
    restartsSdk: true,
  },
  { title: "no HTTP", pieces: ["nonsense\r\nand more\r\n"], ends: "lost", restartsSdk: true },
]);
