/* What src/native uses of FreeRTOS: declarations alone, for a compiler that has none. */

#pragma once

#include <stdint.h>

typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;
typedef struct {
	uint32_t owner, count;
} portMUX_TYPE;

#define pdPASS 1
#define pdTRUE 1
#define pdFALSE 0
#define portMAX_DELAY ((TickType_t)0xffffffffUL)
#define pdMS_TO_TICKS(ms) ((TickType_t)(ms))

void stubMux(portMUX_TYPE *mux);
void stubYield(void);
#define portMUX_INITIALIZE(mux) stubMux(mux)
#define portENTER_CRITICAL(mux) stubMux(mux)
#define portEXIT_CRITICAL(mux) stubMux(mux)
#define portENTER_CRITICAL_ISR(mux) stubMux(mux)
#define portEXIT_CRITICAL_ISR(mux) stubMux(mux)
#define portYIELD_FROM_ISR() stubYield()
