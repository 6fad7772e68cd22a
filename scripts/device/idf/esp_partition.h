/* What src/native uses of ESP-IDF 6.0's esp_partition.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include <stdint.h>

typedef int esp_err_t;
#define ESP_OK 0

typedef struct {
	uint32_t address;
	uint32_t size;
	char label[17];
} esp_partition_t;
