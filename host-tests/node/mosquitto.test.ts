/** The MQTT cloud against the broker that most people run, where it is installed (Debian: apt-get install mosquitto). */

import { assert } from "chai";
import { findMosquitto, Mosquitto } from "../../host/node/mosquitto.js";
import { describeWithBroker, TOKEN, USER } from "./broker-suite.js";

const program = findMosquitto();

if (program === undefined) {
  describe("The MQTT cloud, with mosquitto", () => {
    it("is not tried: mosquitto is not installed on this computer, see mqtt-broker.test.ts for the embedded broker", () => {
      assert.isUndefined(findMosquitto());
    });
  });
} else {
  describeWithBroker("mosquitto", (identity) =>
    Mosquitto.start(program, { user: USER, password: TOKEN, ...(identity ? { identity } : {}) }),
  );
}
