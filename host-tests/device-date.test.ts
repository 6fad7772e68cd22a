import { assert } from "chai";
import { VirtualClock } from "../host/sim/clock.js";
import {
  DATE_ANSWER_MS,
  DATE_REFRESH_MS,
  DATE_RETRY_MS,
  DATE_SECONDS_MAX,
  DATE_SECONDS_MIN,
  DATE_TRUST_MS,
  DateKeeper,
} from "../src/device/date.js";

describe("The date", () => {
  let clock: VirtualClock;
  let asked: { host: string; answer(message: number, value?: number): void }[];
  let dates: number[];
  let isThereNoNetwork: boolean;
  let closings: number;
  let keeper: DateKeeper;

  beforeEach(() => {
    clock = new VirtualClock();
    asked = [];
    dates = [];
    isThereNoNetwork = false;
    closings = 0;
    const Sntp = class {
      static readonly time = 1;
      static readonly error = -1;
      constructor({ host }: { host: string }, answer: (message: number, value?: number) => void) {
        if (isThereNoNetwork) throw new Error("no network");
        asked.push({ host, answer });
      }
      close() {
        closings++;
      }
    };
    keeper = new DateKeeper({
      Sntp,
      clock,
      host: "time.test",
      readDate: () => dates.at(-1) ?? 0,
      setDate: (seconds) => dates.push(seconds),
    });
  });

  it("is not known, nor asked for, before there is a network", () => {
    clock.advance(DATE_REFRESH_MS);
    assert.isFalse(keeper.known);
    assert.isEmpty(asked);
  });

  it("is set when the server says it", () => {
    keeper.ask();
    assert.equal(asked[0]?.host, "time.test");
    asked[0]?.answer(1, 1_800_000_000);
    assert.deepEqual(dates, [1_800_000_000]);
    assert.isTrue(keeper.known);
  });

  it("is known when others have set the clock, in this life or before the restart, and not when it was never set", () => {
    dates.push(DATE_SECONDS_MIN - 1);
    assert.isFalse(keeper.known);
    dates.push(DATE_SECONDS_MIN);
    assert.isTrue(keeper.known);
  });

  it("is asked for once at a time, however often the network comes back", () => {
    keeper.ask();
    keeper.ask();
    asked[0]?.answer(2); // a retry under way
    keeper.ask();
    assert.lengthOf(asked, 1);
  });

  it("is asked for again when there was no answer", () => {
    keeper.ask();
    asked[0]?.answer(-1);
    clock.advance(DATE_RETRY_MS - 1);
    assert.lengthOf(asked, 1);
    clock.advance(1);
    assert.lengthOf(asked, 2);
    assert.isFalse(keeper.known);
  });

  it("is asked for again when the network was gone", () => {
    isThereNoNetwork = true;
    keeper.ask();
    isThereNoNetwork = false;
    clock.advance(DATE_RETRY_MS);
    assert.lengthOf(asked, 1);
  });

  it("is told to who listens, in milliseconds, each time that a server says it", () => {
    const told: number[] = [];
    keeper.ask();
    asked[0]?.answer(1, 1_800_000_000);
    keeper.listen((unixMs) => told.push(unixMs));
    clock.advance(DATE_REFRESH_MS);
    asked[1]?.answer(1, 1_800_021_600.5);
    assert.deepEqual(told, [1_800_021_600_500]);
  });

  it("is refreshed every six hours, and stays known when that fails", () => {
    keeper.ask();
    asked[0]?.answer(1, 1_800_000_000);
    clock.advance(DATE_REFRESH_MS);
    assert.lengthOf(asked, 2);
    asked[1]?.answer(-1);
    assert.isTrue(keeper.known);
  });

  it("is not asked for once closed", () => {
    keeper.ask();
    asked[0]?.answer(-1);
    keeper.close();
    clock.advance(DATE_REFRESH_MS);
    assert.lengthOf(asked, 1);
  });

  it("is asked for again when the server, or a firewall before it, never says anything", () => {
    keeper.ask();
    clock.advance(DATE_ANSWER_MS + DATE_RETRY_MS);
    assert.lengthOf(asked, 2);
    assert.equal(closings, 1, "the first question is given up");
    asked[0]?.answer(-1);
    asked[1]?.answer(1, 1_800_000_000);
    assert.isTrue(keeper.known);
    clock.advance(DATE_REFRESH_MS - 1);
    assert.lengthOf(asked, 2, "the late word of the first changes nothing");
  });

  it("is asked for again when the server names one that cannot be", () => {
    keeper.ask();
    asked[0]?.answer(1, 946_684_800);
    assert.isFalse(keeper.known);
    clock.advance(DATE_RETRY_MS);
    assert.lengthOf(asked, 2);
  });

  describe("named by the MCU", () => {
    const NOW = 1_800_000_000;

    it("is taken where nobody else has named one, and the server is asked", () => {
      keeper.suggest(NOW, "mcu");
      assert.deepEqual(dates, [NOW]);
      assert.lengthOf(asked, 1);
    });

    it("is never taken when it cannot be", () => {
      for (const seconds of [0, 946_684_800, DATE_SECONDS_MIN - 1, DATE_SECONDS_MAX + 1, 4e9, Number.NaN]) {
        keeper.suggest(seconds, "mcu");
        keeper.suggest(seconds, "cloud");
      }
      assert.isEmpty(dates);
    });

    it("does not count while the server's or the cloud's is fresh, and does when that is old", () => {
      const byServer = () => {
        keeper.ask();
        asked.at(-1)?.answer(1, NOW);
      };
      for (const learn of [() => keeper.suggest(NOW, "cloud"), byServer]) {
        learn();
        keeper.suggest(NOW + 1e7, "mcu");
        assert.equal(dates.at(-1), NOW);
        clock.advance(DATE_TRUST_MS - 1);
        keeper.suggest(NOW + 1e7, "mcu");
        assert.equal(dates.at(-1), NOW);
        clock.advance(1);
        keeper.suggest(NOW + 1e7, "mcu");
        assert.equal(dates.at(-1), NOW + 1e7);
        asked.at(-1)?.answer(-1);
      }
    });

    it("leads to no question when it only trims the clock", () => {
      keeper.suggest(NOW, "mcu");
      asked[0]?.answer(-1);
      keeper.suggest(NOW + 5, "mcu");
      assert.lengthOf(asked, 1);
    });
  });
});
