/* What src/native uses of ESP-IDF 6.0's esp_pthread.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef int esp_err_t;

typedef struct {
	size_t stack_size;
	size_t prio;
	bool inherit_cfg;
	const char *thread_name;
	int pin_to_core;
} esp_pthread_cfg_t;

esp_pthread_cfg_t esp_pthread_get_default_config(void);
esp_err_t esp_pthread_set_cfg(const esp_pthread_cfg_t *cfg);
