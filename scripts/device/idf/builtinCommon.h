/*
 * What src/native uses of the SDK's own C for the ESP32 (modules/io/common/builtinCommon.h, xs/platforms/esp/xsHost.h),
 * which needs ESP-IDF: declarations alone, for a compiler that has none.
 */

#pragma once

#include <stdint.h>

#include "xsmc.h"

typedef void (*modMessageDeliver)(void *the, void *refcon, uint8_t *message, uint16_t messageLength);

int modMessagePostToMachine(xsMachine *the, uint8_t *message, uint16_t messageLength, modMessageDeliver callback,
	void *refcon);

uint8_t builtinIsPinFree(uint32_t pin);
uint8_t builtinUsePin(uint32_t pin);
void builtinFreePin(uint32_t pin);
