/**
 * The outside world as Ferry sees it: types only, and only the members that Ferry uses.
 *
 * They are the ECMA-419 shapes of the Moddable SDK's modules (8.2.3), each with a remark on how the real one
 * behaves on the ESP32. Classes arrive as option records, `{ io: Class, ...options }`, as ECMA-419 consumers take
 * them. `host/sim` implements the same shapes; the contract suites in `host-tests/ports` hold every implementation
 * to the remarks made here. The pins of the button and the LED are in panel/ports.ts, Wi-Fi is in network/ports.ts.
 */

/** An ECMA-419 style injection: the class, and the options its constructor gets besides Ferry's own. */
export type Io<C> = { readonly io: C } & Readonly<Record<string, unknown>>;

export type TimerHandle = unknown;

/** Monotonic time and timers. On the device: `Time.ticks` and the SDK's `Timer`. */
export interface Clock {
  /** Milliseconds since some fixed moment, never going back; fractions allowed. */
  now(): number;
  /** Calls back once, never earlier than `delayMs` from now, and never from inside `set`. */
  set(callback: () => void, delayMs: number): TimerHandle;
  /** Forgets the timer. `undefined` and handles that have fired are fine. */
  clear(handle: TimerHandle | undefined): void;
}

// ---- embedded:io/serial -------------------------------------------------------------------------------------

/**
 * On the ESP32 this is the bare UART: 128-byte hardware FIFOs either way, no flow control, 8N1 and a fixed baud
 * (another baud means close and construct again, which empties the FIFOs). Received bytes beyond the FIFO are lost
 * without a word.
 */
export interface Serial {
  /** Reads what is there, at most `buffer.byteLength`; returns the count, or `undefined` when nothing is there. */
  read(buffer: Uint8Array): number | undefined;
  /** Takes all or nothing: throws "output full" when longer than the free part of the transmit FIFO. */
  write(buffer: Uint8Array): void;
  /** Final and idempotent. Bytes still in the FIFOs are lost. */
  close(): void;
}

export interface SerialOptions {
  baud: number;
  /** Bytes are waiting. Comes again only after a read or when more arrive. */
  onReadable(count: number): void;
  /** The transmit FIFO is nearly empty (below 10 bytes): `count` bytes are free. Comes once after each filling. */
  onWritable(count: number): void;
}

export type SerialClass = new (options: SerialOptions & Record<string, unknown>) => Serial;

// ---- embedded:storage/files (LittleFS) ----------------------------------------------------------------------

/** Positions are explicit. Written bytes are durable only after flush() or close(). */
export interface File {
  /** Returns the count read, less than asked only at the end of the file. */
  read(buffer: Uint8Array, position: number): number;
  /** Throws when the file system is full. The buffer must be in RAM (the SDK refuses read-only memory). */
  write(buffer: Uint8Array, position: number): void;
  /** Throws when the commit failed: the only call that does. */
  flush(): void;
  status(): { size: number };
  /**
   * Flushes, then ends the use of this object. Swallows errors: flush first where it matters. A leaked file is closed
   * by the collector, at an unknown moment.
   */
  close(): void;
}

export interface FileStatus {
  /** Absent where nothing is there. */
  size?: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

/** A mount that fails makes the SDK format the partition silently: an empty root is a normal start. */
export interface Directory {
  /** "r" default, "r+" needs the file, "w" and "w+" create or truncate. Throws where there is no such file. */
  openFile(options: { path: string; mode?: "r" | "r+" | "w" | "w+" }): File;
  openDirectory(options: { path: string }): Directory;
  /** Parents must exist; an existing directory is left as it is. */
  createDirectory(path: string): void;
  /** Files and empty directories. Returns false where nothing was there. */
  delete(path: string): boolean;
  /** Atomic, replaces an existing file. */
  move(from: string, to: string): void;
  /** Never throws: where nothing is there, the status is neither of a file nor of a directory. */
  status(path: string): FileStatus;
  /** Names of the entries, without "." and "..". */
  scan(path?: string): Iterator<string>;
  close(): void;
}

// ---- embedded:storage/flash ---------------------------------------------------------------------------------

/** A raw partition. Writing only clears bits: it needs erased flash. Everything is synchronous and durable at once. */
export interface FlashPartition {
  read(buffer: Uint8Array, offset: number): number;
  write(buffer: Uint8Array, offset: number): void;
  /** Erases blocks [first, end). About 45 ms a block on a real chip. */
  eraseBlock(first: number, end: number): void;
  status(): { size: number; blockLength: number; blocks: number };
  close(): void;
}

export interface Flash extends Iterable<string> {
  /** `path` is a data partition's label, or "running" or "nextota". */
  open(options: { path: string; mode?: "r" | "r+" }): FlashPartition;
}

// ---- embedded:storage/key-value (NVS) -----------------------------------------------------------------------

/** Each write and delete is durable and atomic when it returns. Names of domains and keys: at most 15 characters. */
export interface KeyValueDomain {
  /** `undefined` when the key is not there. */
  read(key: string): ArrayBuffer | undefined;
  write(key: string, value: Uint8Array | ArrayBuffer): void;
  delete(key: string): void;
  close(): void;
}

export interface KeyValue {
  open(options: { path: string; mode?: "r" | "r+"; format?: "buffer" }): KeyValueDomain;
}

// ---- app slots (esp_ota_ops.h) --------------------------------------------------------------------------------

/** What the boot loader keeps of a slot (esp_ota_img_states_t); "undefined" also where it keeps nothing. */
export type SlotState = "undefined" | "new" | "pending-verify" | "valid" | "invalid" | "aborted";

/** What the boot loader thinks of the app slots: thin native calls, for the SDK has none. */
export interface Slots {
  /**
   * Label of the slot that flash path "nextota" opens (esp_ota_get_next_update_partition). `undefined` when that is
   * none, or, on a chip with a single slot, the running one.
   */
  passiveLabel(): string | undefined;
  /**
   * Whether nothing in the passive slot is needed any more: the running app is the one that boots next
   * (esp_ota_get_boot_partition), and it is confirmed (esp_ota_get_state_partition of the running one says VALID, or
   * UNDEFINED where the boot loader does no rollback). May change while Ferry runs, so ask before each erase.
   */
  passiveIsFree(): boolean;
  /**
   * State of the slot that runs (esp_ota_get_state_partition). An app flashed over the wire is "valid": the boot loader
   * notes that at its first boot. "undefined" where it has no record: a factory app, a record that a power cut tore, a
   * boot loader that does no rollback. "pending-verify" is the one chance of a new app: unless it is marked valid, the
   * next reset goes back to the other slot.
   */
  runningState(): SlotState;
  /**
   * Confirms the running app (esp_ota_mark_app_valid_cancel_rollback): one sector erased and written, unless it is
   * valid already; a power cut in between boots the app before. Only for "pending-verify": what it confirms is the slot
   * that boots next, which is another one after the boot loader has fallen back from a damaged image. Throws where no
   * slot is selected, or the flash fails.
   */
  markValid(): void;
  /**
   * Marks the running app invalid and restarts into the other slot (esp_ota_mark_app_invalid_rollback_and_reboot).
   * Returns never, or throws when there is no app to go back to: also when only its record is lost, though a plain
   * restart goes back to it then.
   */
  rollBackAndRestart(): void;
}

// ---- embedded:update ----------------------------------------------------------------------------------------

/** Writes the passive app slot, in order, erasing as it goes. */
export interface Update {
  write(buffer: Uint8Array): void;
  /** Validates the image and makes it the one to boot. The object is finished either way. */
  complete(): void;
  /** Before complete(): abandons the update. */
  close(): void;
}

export interface Updater {
  /**
   * Throws for the running slot, and while the running app is "pending-verify". The boot loader's record of the other
   * slot is dropped at once, and the running app's is the only one until complete(): no rollback into half an image.
   */
  open(options: { partition: FlashPartition; mode?: "a" }): Update;
}

// ---- embedded:network/http/client ---------------------------------------------------------------------------

/**
 * One connection to one host; requests queue on it. No timeouts, no redirects, no ranges: those are Ferry's.
 * After an error the client is dead. Bytes beyond the announced length make the SDK's client throw where nobody can
 * catch it, which restarts the chip: close() in the very callback that reads the last byte.
 */
export interface HttpClient {
  request(options: HttpRequestOptions): HttpRequest;
  close(): void;
}

export interface HttpRequest {
  /**
   * Reads up to `buffer.byteLength` of what has arrived and returns the count. May be called outside onReadable, but
   * never for more than was announced there; unread bytes stay in the connection and hold the sender back.
   */
  read(buffer: Uint8Array): number | undefined;
}

export interface HttpRequestOptions {
  method?: string;
  path: string;
  headers?: Map<string, string>;
  /** Names (lower case) of the response headers wanted; others are dropped. */
  headersMask?: readonly string[];
  onHeaders(status: number, headers: ReadonlyMap<string, string>): void;
  /** `count` bytes in all are waiting (not: have newly arrived). Comes again only when more arrive. */
  onReadable(count: number): void;
  /**
   * `null` when the whole body has been read. An Error, mostly without a message, when the connection died: also the
   * regular end of a body without a length. Bytes not read until then may be lost (over TLS they are).
   */
  onDone(error: Error | null): void;
}

export interface HttpClientOptions {
  host: string;
  port?: number;
  /** The connection or the name look-up failed. The argument is an Error, a host's name, or nothing at all. */
  onError?(cause?: unknown): void;
}

export type HttpClientClass = new (options: HttpClientOptions & Record<string, unknown>) => HttpClient;

// ---- embedded:io/socket/tcp, and TLS over mbedTLS -------------------------------------------------------------

/**
 * A connection to a host by name: the SDK's TCP socket, or Ferry's own TLS one (native/tls.ts), after the name has been
 * looked up. A TLS handshake computes for a second on the chip, in a thread of its own.
 */
export interface Socket {
  /** Returns the count, or `undefined` when nothing is there. */
  read(buffer: Uint8Array): number | undefined;
  /** Takes all or throws "would block"; returns how many bytes more would be taken now. */
  write(buffer: Uint8Array): number;
  /** Final and idempotent: nothing is called back any more. What was written may still be lost. */
  close(): void;
}

/** Why there is no connection, or no longer one. `closed`: by the other side, without an error. */
export type SocketProblem = "name" | "connection" | "certificate" | "closed";

export interface SocketOptions {
  host: string;
  port: number;
  /** `count` bytes in all are waiting. Comes again only when more arrive. */
  onReadable(count: number): void;
  /** The first call says that the connection stands; `count` bytes may be written. */
  onWritable(count: number): void;
  /** Once, and the socket is dead. `detail` is for people. */
  onError(problem: SocketProblem, detail: string): void;
}

export type SocketClass = new (options: SocketOptions & Record<string, unknown>) => Socket;

/** For native/tls.ts, which looks no name up. */
export interface TlsConnectionOptions extends SocketOptions {
  /** Of the host, which the certificate must name: IPv4, as text. */
  address: string;
  /** Who is believed: a certificate in DER, or any number in PEM; in memory or in flash. Copied. */
  authority: object | undefined;
  /** Believes ESP-IDF's certificate bundle besides. */
  trustsBundle: boolean;
}

/** Throws where there is no memory for it; everything else is told by onError. */
export type TlsConnectionClass = new (options: TlsConnectionOptions) => Socket;

// ---- MQTT -----------------------------------------------------------------------------------------------------

/**
 * One connection to one broker, MQTT 3.1.1 with a clean session, over TCP or TLS; after an error the client is dead.
 * Ferry's own, over a socket (cloud/mqtt/client.ts says why not the SDK's); on Node also npm's.
 */
export interface MqttClient {
  /** QoS 0. False when there is no room now, or no session; nothing was taken then. The bytes are copied. */
  publish(topic: string, payload: Uint8Array): boolean;
  /** Final and idempotent: nothing is called back any more. */
  close(): void;
}

/** Why there is no session: as for sockets; or the broker refused the user, or something else. */
export type MqttProblem = SocketProblem | "credentials" | "refused";

export interface MqttOptions {
  host: string;
  port: number;
  id: string;
  user: string;
  password: string;
  keepAliveMs: number;
  /** Subscribed, QoS 1, before onReady. */
  topics: readonly string[];
  /** Longer payloads are dropped, counted by onDropped. */
  payloadBytesMax: number;
  /** The session stands and what was asked for is subscribed. */
  onReady(): void;
  /**
   * Valid during the call. May come before onReady: some clouds send devices elsewhere as soon as they are in.
   * `isKept`: it was published before the subscription, at some time, and the broker tells every newcomer.
   */
  onMessage(topic: string, payload: Uint8Array, isKept: boolean): void;
  onDropped(topic: string, length: number): void;
  /** Once, and the client is dead. `detail` is for people. */
  onError(problem: MqttProblem, detail: string): void;
}

export type MqttClientClass = new (options: MqttOptions & Record<string, unknown>) => MqttClient;

// ---- crypt --------------------------------------------------------------------------------------------------

/** A running digest: native C on the device, so cheap per byte. */
export interface Digest {
  write(bytes: Uint8Array): void;
  /** Returns the digest and ends the use of this object. */
  close(): ArrayBuffer;
}

export type DigestClass = new (algorithm: "MD5" | "SHA256") => Digest;

/**
 * Whether an ECDSA signature on the curve P-256 is that of the digest. The public key is an uncompressed point
 * (65 bytes: 04, x, y), the signature r and s (64 bytes, big-endian). Holds the engine for some tenths of a second on
 * the device. Never throws: what cannot be read is no signature.
 */
export type VerifyP256 = (publicKey: Uint8Array, sha256: Uint8Array, signature: Uint8Array) => boolean;

// ---- the chip -----------------------------------------------------------------------------------------------

/**
 * Why the chip began anew. An ESP32 takes its reset pin for power ("power"); others know it ("pin"). "software" is also
 * what an exception that nobody catches, or memory that runs out, makes of XS: it ends in esp_restart().
 */
export type ResetReason = "power" | "pin" | "software" | "crash" | "watchdog" | "brownout" | "unknown";

export interface System {
  /** Restarts the chip: does not return to any running code of Ferry's. */
  restart(): void;
  /** Of the last reset, for as long as this life lasts. Absent where nobody knows. */
  resetReason?(): ResetReason;
}
