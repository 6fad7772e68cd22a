/* What src/native uses of ESP-IDF 6.0's esp_heap_caps.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include <stddef.h>
#include <stdint.h>

#define MALLOC_CAP_8BIT (1 << 2)
#define MALLOC_CAP_INTERNAL (1 << 11)

void *heap_caps_malloc(size_t size, uint32_t caps);
void *heap_caps_calloc(size_t count, size_t size, uint32_t caps);
