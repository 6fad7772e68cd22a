/** The adapter over the SDK's Wi-Fi class; what it has in common with the simulated one is in ports/contracts/wifi.ts. */

import { assert } from "chai";
import { makeWifiClasses, type SdkWifi } from "../src/device/wifi.js";
import type { Radio, WifiClass } from "../src/network/ports.js";

const FIXED = Object.freeze({ address: "10.0.0.9", mask: "255.255.255.0", gateway: "10.0.0.1" });

/** The SDK's class and the native calls: what is asked of them, and what a test makes happen. */
class Chip {
  readonly log: string[] = [];
  connection = 200;
  onChanged: (property: "connection" | "address") => void = () => {};
  openFails = false;

  readonly radio: Radio = {
    watch: () => this.log.push("watch"),
    reason: 15,
    forgetReason: () => this.log.push("forget reason"),
    setNameServer: (index, address) => this.log.push(`name server ${index} ${address}`),
    openAccessPoint: (ssid, password, channel) => {
      if (this.openFails) throw new Error("esp_wifi_set_mode: error 0x3001");
      this.log.push(`open ${ssid} ${password === "" ? "without" : "with"} password on ${channel}`);
    },
    closeAccessPoint: () => this.log.push("close access point"),
  };

  makeClass() {
    const chip = this;
    return class implements SdkWifi {
      readonly address = "10.0.0.9";
      readonly MAC = "24:0a:c4:00:00:01";
      readonly SSID = "home";
      readonly BSSID = "02:00:00:00:00:01";
      readonly RSSI = -50;
      readonly channel = 6;

      constructor(options: { onChanged(property: "connection" | "address"): void }) {
        chip.log.push("start");
        chip.onChanged = (property) => options.onChanged(property);
      }

      get connection() {
        return chip.connection;
      }

      connect(options: object) {
        chip.log.push(`connect ${JSON.stringify(options)}`);
      }

      disconnect() {
        chip.log.push("disconnect");
      }

      scan() {
        chip.log.push("scan");
      }

      configure(options: object) {
        chip.log.push(`configure ${JSON.stringify(options)}`);
      }

      close() {
        chip.log.push("close");
      }
    };
  }

  become(connection: number): void {
    this.connection = connection;
    this.onChanged("connection");
  }
}

describe("The device's Wi-Fi", () => {
  let chip: Chip;
  let classes: ReturnType<typeof makeWifiClasses>;
  let changes: string[];

  function open(Class: WifiClass = classes.Wifi) {
    return new Class({
      onChanged: (property) => {
        changes.push(property);
        chip.log.push(`tell ${property}`);
      },
    });
  }

  beforeEach(() => {
    chip = new Chip();
    changes = [];
    classes = makeWifiClasses({ Wifi: chip.makeClass(), radio: chip.radio });
  });

  it("watches the driver before it is started", () => {
    assert.deepEqual(chip.log, ["watch"]);
    open();
    assert.deepEqual(chip.log, ["watch", "start"]);
  });

  it("hands on what is asked and told", () => {
    const wifi = open();
    assert.deepEqual(
      [wifi.connection, wifi.address, wifi.MAC, wifi.SSID, wifi.BSSID, wifi.RSSI, wifi.channel, wifi.reason],
      [200, "10.0.0.9", "24:0a:c4:00:00:01", "home", "02:00:00:00:00:01", -50, 6, 15],
    );
    chip.become(400);
    assert.equal(wifi.connection, 400);
    chip.onChanged("address");
    assert.deepEqual(changes, ["connection", "address"]);
    wifi.scan({ onFound: () => {}, onComplete: () => {} });
    wifi.disconnect();
    wifi.close();
    assert.deepEqual(chip.log.slice(-3), ["scan", "disconnect", "close"]);
  });

  it("forgets the reason of the last end before it joins", () => {
    open().connect({ SSID: "home", password: "12345678", channel: 6 });
    assert.deepEqual(chip.log.slice(-2), [
      "forget reason",
      'connect {"SSID":"home","password":"12345678","channel":6}',
    ]);
  });

  it("gives a fixed address its name servers when it is up, before it tells", () => {
    const wifi = open();
    wifi.configure({ static: { ...FIXED, nameServers: ["9.9.9.9", "1.1.1.1"] } });
    assert.equal(chip.log.pop(), `configure {"static":${JSON.stringify(FIXED)}}`);
    chip.become(400);
    assert.equal(chip.log.pop(), "tell connection");
    chip.become(500);
    assert.deepEqual(chip.log.slice(-3), ["name server 0 9.9.9.9", "name server 1 1.1.1.1", "tell connection"]);
  });

  it("leaves the name servers to DHCP otherwise, also after a fixed address", () => {
    const wifi = open();
    wifi.configure({ static: { ...FIXED, nameServers: ["9.9.9.9"] } });
    wifi.configure({ static: false });
    chip.become(500);
    assert.deepEqual(chip.log.slice(-2), ['configure {"static":false}', "tell connection"]);
  });

  it("starts the driver for an access point, and lets go of the station at once", () => {
    new classes.AccessPoint({ ssid: "Ferry", channel: 6 });
    assert.deepEqual(chip.log, ["watch", "start", "close", "open Ferry without password on 6"]);
  });

  it("opens an access point with a password, and closes it once", () => {
    const accessPoint = new classes.AccessPoint({ ssid: "Ferry", password: "12345678", channel: 1 });
    assert.equal(chip.log.at(-1), "open Ferry with password on 1");
    accessPoint.close();
    accessPoint.close();
    assert.equal(chip.log.filter((line) => line === "close access point").length, 1);
  });

  it("asks the driver for no access point that there cannot be, and takes the extremes", () => {
    const open = (options: object) => () => new classes.AccessPoint({ ssid: "Ferry", channel: 6, ...options });
    const impossible = [
      { channel: 0 },
      { channel: 14 },
      { ssid: "" },
      { ssid: "s".repeat(33) },
      { password: "1234567" },
    ];
    for (const options of impossible) assert.throws(open(options), RangeError);
    assert.deepEqual(chip.log, ["watch"]);
    open({ ssid: "s".repeat(32), channel: 13 })().close();
    open({ channel: 1 })();
    assert.throws(open({ channel: 1 }), "in use");
    assert.equal(chip.log.at(-1), "open Ferry without password on 1");
  });

  it("has room for another access point when the driver has refused one", () => {
    chip.openFails = true;
    assert.throws(() => new classes.AccessPoint({ ssid: "Ferry", channel: 6 }), "0x3001");
    chip.openFails = false;
    new classes.AccessPoint({ ssid: "Ferry", channel: 6 });
    assert.equal(chip.log.at(-1), "open Ferry without password on 6");
  });
});
