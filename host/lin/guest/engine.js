/** The natives of host/lin/main.c, under the specifier "engine". */
export const ask = native("engine_ask");
export const exit = native("engine_exit");
export const pass = native("engine_pass");
export const now = native("engine_now");
export const longestTurn = native("engine_longestTurn");
export const measure = native("engine_measure");
export const line = native("engine_line");
