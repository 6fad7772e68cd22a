/* What began this life: one call of ESP-IDF's (esp_system.h), for src/native/reset-reason.ts. */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "esp_system.h"

#include "strict.h"

void xs_ferry_resetReason(xsMachine *the)
{
	xsmcSetInteger(xsResult, (xsIntegerValue)esp_reset_reason());
}
