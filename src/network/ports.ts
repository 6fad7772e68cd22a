/**
 * Wi-Fi as Ferry sees it: types only, and only the members that Ferry uses. See ports.ts, of which this is a part.
 *
 * What the Moddable SDK (8.2.3) does not tell or cannot do comes from native/radio.c, and is marked so.
 */

// ---- native/radio.c ------------------------------------------------------------------------------------------------

/** What the SDK's class does not tell or cannot do: thin native calls. device/wifi.ts makes the classes below of both. */
export interface Radio {
  /** Listens to the driver from now on. Before the SDK's class is constructed, which would hear of an end first. */
  watch(): void;
  /** See Wifi.reason. */
  readonly reason: number;
  forgetReason(): void;
  /** "192.168.4.1"; the first (0) or the second (1) that names are asked of. While the station has an address. */
  setNameServer(index: number, address: string): void;
  /** Throws what the driver says: that it has not been started, that it cannot. */
  openAccessPoint(ssid: string, password: string, channel: number): void;
  closeAccessPoint(): void;
}

// ---- embedded:network/interface/wifi --------------------------------------------------------------------------------

/** What a scan found: one access point. */
export interface WifiFound {
  readonly SSID: string;
  /** "0a:1b:2c:3d:4e:5f" */
  readonly BSSID: string;
  /** dBm */
  readonly RSSI: number;
  readonly channel: number;
  /** "none", "wep", "wpa2_psk" and the like. */
  readonly security: string;
}

/** All "192.168.4.2". The name servers are not the SDK's: a fixed address of its making has none. */
export type WifiAddress = Readonly<{ address: string; mask: string; gateway: string; nameServers: readonly string[] }>;

/**
 * The chip's station. Any number of objects share it, and each hears of what it does for the others. The driver never
 * joins again by itself after a loss, and waits for an address for ever.
 */
export interface Wifi {
  /** 200 idle, 300 joining, 400 associated, 500 with addresses: IPv4, and IPv6's local one. Their loss is not told. */
  readonly connection: number;
  readonly address: string | undefined;
  /** The station's own. */
  readonly MAC: string | undefined;
  /** These four are of the access point: `undefined` unless associated. */
  readonly SSID: string | undefined;
  readonly BSSID: string | undefined;
  readonly RSSI: number | undefined;
  readonly channel: number | undefined;
  /**
   * Why the last attempt or association ended (wifi_err_reason_t: IEEE 802.11's, Espressif's own from 200); 0 from
   * connect() on. The SDK keeps it to itself: native/radio.c listens to the same event.
   */
  readonly reason: number;
  /**
   * Joins the strongest access point of the name; a scan of 2 to 3 s comes first, beginning with `channel` (to 13).
   * Throws while anybody is joining or scanning; leave the network joined before.
   */
  connect(options: { SSID: string; password?: string; channel?: number }): void;
  /** No change is told. The driver ends it later, and by then takes an attempt begun meanwhile for ended: pause. */
  disconnect(): void;
  /** Throws while anybody is scanning or joining. Hidden networks are not found. */
  scan(options: { channel?: number; onFound(found: WifiFound): void; onComplete(): void }): void;
  /** For the connections to come; `false` is DHCP. */
  configure(options: { static: WifiAddress | false }): void;
  /** Ends a scan of its own. Leaves the network joined. */
  close(): void;
}

export type WifiClass = new (
  options: { onChanged(property: "connection" | "address"): void } & Record<string, unknown>,
) => Wifi;

/**
 * The chip's access point, 192.168.4.1 with DHCP, beside the station. There is one radio: when the station joins, the
 * access point goes to its channel, and stays there. By native/radio.c: the SDK's own, in its older module "wifi", starts
 * the driver a second time and takes it away from the station.
 */
export interface AccessPoint {
  /** Final and idempotent. */
  close(): void;
}

export interface AccessPointOptions {
  ssid: string;
  /** At least 8 characters; open without. */
  password?: string;
  /** 1 to 13. */
  channel: number;
}

/** Throws while there is one already, and for what the radio cannot do. */
export type AccessPointClass = new (options: AccessPointOptions & Record<string, unknown>) => AccessPoint;
