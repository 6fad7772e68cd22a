/** The button and the light, led to the MCU's events and the lifecycle: a room of ncp.ts. */

import { Panel } from "../panel/panel.js";
import type { Clock } from "../ports.js";
import { EVENT_BY_GESTURE } from "./mcu-words.js";
import type { NcpNews, PanelPorts } from "./options.js";

export interface PanelNeeds {
  tellEvent(event: number): void;
  /** The button was held for a reset. */
  onResetConfig(): void;
  onNews(news: NcpNews): void;
}

export function makePanel(clock: Clock, ports: PanelPorts, needs: PanelNeeds): Panel {
  return new Panel({
    ...ports,
    clock,
    onGesture: (gesture) => {
      needs.tellEvent(EVENT_BY_GESTURE[gesture]);
      needs.onNews({ kind: "gesture", gesture });
    },
    onResetConfig: () => needs.onResetConfig(),
    onRefused: (detail) => needs.onNews({ kind: "fault", detail }),
  });
}
