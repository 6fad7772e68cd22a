/* What src/native uses of FreeRTOS: declarations alone, for a compiler that has none. */

#pragma once

#include "freertos/FreeRTOS.h"

typedef struct tskTaskControlBlock *TaskHandle_t;

BaseType_t xTaskCreate(void (*task)(void *), const char *name, uint32_t stack_bytes, void *parameters,
	UBaseType_t priority, TaskHandle_t *created);
void vTaskDelete(TaskHandle_t task);
