/** What a session counts: all that it drops, refuses, or hears too late. */

export interface SessionCounters {
  callsServed: number;
  unknownUids: number;
  badArguments: number;
  /** ONEWAYs dropped: unknown, undecodable, or not served. */
  onewaysDropped: number;
  /** Messages with a reserved opcode, or too short for their header. */
  malformed: number;
  timeouts: number;
  lateResults: number;
  /** RESULTs that nobody waits for. */
  strayResults: number;
  /** RESULTs whose payload did not fit the call. */
  badResults: number;
  /** Handlers that threw: a fault inside Ferry, answered with a generic error. */
  handlerFaults: number;
  /** Events that were longer than the MCU is known to have room for, and were not sent. */
  eventsTooLong: number;
  /** Calls and RESULTs likewise: their callers are told. */
  callsTooLong: number;
  resultsTooLong: number;
}

export function makeCounters(): SessionCounters {
  return {
    callsServed: 0,
    unknownUids: 0,
    badArguments: 0,
    onewaysDropped: 0,
    malformed: 0,
    timeouts: 0,
    lateResults: 0,
    strayResults: 0,
    badResults: 0,
    handlerFaults: 0,
    eventsTooLong: 0,
    callsTooLong: 0,
    resultsTooLong: 0,
  };
}
