/**
 * Guest code, for suites only: chai makes an EventTarget for its plugins while it loads. A bare engine has none, and
 * Ferry uses no chai plugin, so one that does nothing will do. Imported before everything else.
 */

class SilentEventTarget {
  addEventListener(): void {}
  removeEventListener(): void {}
  dispatchEvent(): boolean {
    return true;
  }
}

class SilentEvent {}

Object.assign(globalThis, { EventTarget: SilentEventTarget, Event: SilentEvent });
