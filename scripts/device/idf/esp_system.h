/* What src/native uses of ESP-IDF 6.0's esp_system.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

typedef enum {
	ESP_RST_UNKNOWN,
	ESP_RST_POWERON,
} esp_reset_reason_t;

esp_reset_reason_t esp_reset_reason(void);
