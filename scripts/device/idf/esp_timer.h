/* What src/native uses of ESP-IDF 6.0's esp_timer.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include <stdint.h>

int64_t esp_timer_get_time(void);
