import { assert } from "chai";
import { DEFAULT_USER, isTopicPrefix } from "../src/cloud/mqtt/mqtt-cloud.js";
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from "../src/cloud/update-poll.js";
import { DEFAULTS, forDevice, parseConfig } from "../src/device/config.js";

describe("A product's configuration", () => {
  it("need not be there", () => {
    for (const given of [undefined, {}]) assert.deepEqual(parseConfig(given), { config: DEFAULTS, problems: [] });
  });

  it("changes what it names and nothing else", () => {
    const { config, problems } = parseConfig({
      uart: { port: 1, baud: 115_200 },
      wifi: { ssid: "plant", password: "12345678" },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(config, {
      ...DEFAULTS,
      uart: { ...DEFAULTS.uart, port: 1, baud: 115_200 },
      wifi: { ssid: "plant", password: "12345678" },
    });
  });

  it("keeps the default where a value makes no sense, and says so", () => {
    const cases: readonly (readonly [given: unknown, problem: string])[] = [
      [{ uart: { port: 0 } }, "config.ferry.uart.port must be an integer from 1 to 2"],
      [{ uart: { transmit: "17" } }, "config.ferry.uart.transmit must be an integer from 0 to 48"],
      [{ uart: { cts: -2 } }, "config.ferry.uart.cts must be an integer from -1 to 48"],
      [{ uart: { baud: 115_200.5 } }, "config.ferry.uart.baud must be an integer from 1200 to 5000000"],
      [{ uart: null }, "config.ferry.uart must be an object"],
      [{ uart: 2 }, "config.ferry.uart must be an object"],
      [{ wifi: { ssid: "x".repeat(33) } }, "config.ferry.wifi.ssid must be a text of 0 to 32 characters"],
      [{ timeServer: "" }, "config.ferry.timeServer must be a host's name or IPv4 address"],
      [{ timeServer: {} }, "config.ferry.timeServer must be a host's name or IPv4 address"],
      [{ cloud: { host: "https://blynk.example" } }, "config.ferry.cloud.host must be a host's name or IPv4 address"],
      [{ uart: { pins: 5 } }, "config.ferry.uart.pins is not known"],
      [{ takenPins: { "49": "relay" } }, "config.ferry.takenPins must have numbers to 48, and texts of 1 to 40"],
      [{ takenPins: ["relay"] }, "config.ferry.takenPins must have numbers to 48, and texts of 1 to 40"],
      [{ freesConsolePins: 1 }, "config.ferry.freesConsolePins must be true or false"],
      [{ cloud: { transport: "http" } }, "config.ferry.cloud.transport must be one of native, mqtt"],
      [{ cloud: { allowPlain: "no" } }, "config.ferry.cloud.allowPlain must be true or false"],
      [
        { cloud: { pinNames: { V5: "x" } } },
        "config.ferry.cloud.pinNames must have numbers to 65535, and texts of 1 to 64",
      ],
      [
        { cloud: { pinNames: { "5": "" } } },
        "config.ferry.cloud.pinNames must have numbers to 65535, and texts of 1 to 64",
      ],
      [{ cloud: { user: "" } }, "config.ferry.cloud.user must be a text of 1 to 64 characters"],
      [{ cloud: { clientId: 7 } }, "config.ferry.cloud.clientId must be a text of 0 to 64 characters"],
      ...["plant/+/", "plant/#", "$share/x/", "p l/", `${"x".repeat(53)}{mac}`, 7].map(
        (topicPrefix) =>
          [
            { cloud: { topicPrefix } },
            "config.ferry.cloud.topicPrefix must be a text of 0 to 64 of A-Z a-z 0-9 _ . - / and {mac}",
          ] as const,
      ),
      [{ cloud: { batchesGroups: 1 } }, "config.ferry.cloud.batchesGroups must be true or false"],
      [{ poll: { url: 7 } }, "config.ferry.poll.url must be a URL"],
      [
        { poll: { url: "ftp://x.example/a" } },
        'config.ferry.poll.url must be a URL: it is neither http:// nor https://: "ftp://x.example/a"',
      ],
      [{ poll: { intervalMinutes: 0 } }, "config.ferry.poll.intervalMinutes must be an integer from 1 to 10080"],
      [{ poll: { intervalMinutes: 10_081 } }, "config.ferry.poll.intervalMinutes must be an integer from 1 to 10080"],
      [{ report: { vpin: 65_536 } }, "config.ferry.report.vpin must be an integer from -1 to 65535"],
      [{ "uart.port": 1 }, "config.ferry.uart.port is not known"],
      [{ constructor: 1 }, "config.ferry.constructor is not known"],
      ["fast", "config.ferry must be an object"],
    ];
    for (const [given, problem] of cases)
      assert.deepEqual(parseConfig(given), { config: DEFAULTS, problems: [problem] });
  });

  it("lets nobody in when only an authority counts that is not named", () => {
    const { config, problems } = parseConfig({ onlyAuthority: true });
    assert.isTrue(config.onlyAuthority);
    assert.deepEqual(problems, [
      "config.ferry.onlyAuthority needs config.ferry.authority: nobody is believed otherwise",
    ]);
  });

  it("takes all that there is to choose", () => {
    const given = {
      takenPins: { "25": "the relay" },
      cloud: {
        transport: "mqtt" as const,
        host: "broker.example",
        allowPlain: true,
        pinNames: { "5": "temperature" },
        user: "pump-{mac}",
        clientId: "pump",
        topicPrefix: "devices/pump-{mac}/",
        batchesGroups: true,
      },
      poll: { url: "https://updates.example/pump.json", intervalMinutes: 1_440 },
      freesConsolePins: true,
      report: { event: "update", metadata: "update", vpin: 127 },
      authority: "ca.der",
      onlyAuthority: true,
    };
    assert.deepEqual(parseConfig(given), { config: { ...DEFAULTS, ...given }, problems: [] });
  });

  it("takes no image at all, instead of any, where the update key cannot be read", () => {
    for (const updateKey of ["04ab", 5, ["04"], null]) {
      const { config, problems } = parseConfig({ updateKey });
      assert.equal(config.updateKey, "unusable");
      assert.deepEqual(problems, [
        "config.ferry.updateKey must be a public key: 130 hexadecimal digits that begin with 04",
      ]);
    }
    assert.deepEqual(parseConfig({ updateKey: "04".repeat(65) }).config.updateKey, new Uint8Array(65).fill(4));
    assert.equal(parseConfig({ updateKey: "" }).config.updateKey, "none");
  });

  it("has bounds for poll and topics that are those of what takes them", () => {
    const { poll } = parseConfig({ poll: { intervalMinutes: 10_080 } }).config;
    assert.equal(poll.intervalMinutes * 60_000, INTERVAL_MS_MAX);
    assert.equal(60_000, INTERVAL_MS_MIN);
    for (const topicPrefix of ["", "a/b/", "devices/pump-7/", "x".repeat(64), "x".repeat(65), "a#", "+/b/", "ä/"]) {
      const isTaken = parseConfig({ cloud: { topicPrefix } }).problems.length === 0;
      assert.equal(isTaken, isTopicPrefix(topicPrefix), topicPrefix);
    }
    assert.equal(DEFAULTS.cloud.user, DEFAULT_USER);
  });

  it("names each device of a build after its Wi-Fi address where it asks for that", () => {
    assert.equal(
      forDevice("devices/{mac}/", () => "0A:1B:2C:3D:4E:5F"),
      "devices/0a1b2c3d4e5f/",
    );
    assert.equal(
      forDevice("{mac}", () => undefined),
      "000000000000",
    );
    assert.equal(
      forDevice("device", () => assert.fail("the radio was started for nothing")),
      "device",
    );
  });

  it("keeps its sound values beside a bad one", () => {
    const { config } = parseConfig({ uart: { port: 9, receive: 4 } });
    assert.deepEqual(config.uart, { ...DEFAULTS.uart, receive: 4 });
  });
});
