/*
 * The app slots, as ESP-IDF keeps them (esp_ota_ops.h): one call each for src/native/slots.ts.
 *
 * Invariants: nothing is kept here, so an answer is as fresh as otadata itself; strings given to XS are constants, or
 * labels in the partition table that ESP-IDF holds for ever.
 * Fault model: a call that fails throws the name of its error; a read that finds no record answers "undefined".
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "app_update/include/esp_ota_ops.h"
#include "esp_partition.h"

#include "strict.h"

static void throwOnError(xsMachine *the, const char *call, esp_err_t error)
{
	if (ESP_OK != error)
		xsUnknownError("%s: error 0x%x", call, (unsigned int)error);
}

void xs_ferry_slots_passiveLabel(xsMachine *the)
{
	const esp_partition_t *passive = esp_ota_get_next_update_partition(NULL);
	if (passive && (passive != esp_ota_get_running_partition()))
		xsmcSetString(xsResult, (char *)passive->label);
}

void xs_ferry_slots_runningBootsNext(xsMachine *the)
{
	const esp_partition_t *boot = esp_ota_get_boot_partition();
	xsmcSetBoolean(xsResult, boot && (boot == esp_ota_get_running_partition()));
}

void xs_ferry_slots_runningState(xsMachine *the)
{
	esp_ota_img_states_t state;
	const char *name = "undefined";

	// Fails where otadata has no record of the slot: after flashing over the wire, or in a factory app.
	if (ESP_OK == esp_ota_get_state_partition(esp_ota_get_running_partition(), &state)) {
		switch (state) {
			case ESP_OTA_IMG_NEW: name = "new"; break;
			case ESP_OTA_IMG_PENDING_VERIFY: name = "pending-verify"; break;
			case ESP_OTA_IMG_VALID: name = "valid"; break;
			case ESP_OTA_IMG_INVALID: name = "invalid"; break;
			case ESP_OTA_IMG_ABORTED: name = "aborted"; break;
			case ESP_OTA_IMG_UNDEFINED: break;
		}
	}
	xsmcSetStringX(xsResult, (char *)name);
}

void xs_ferry_slots_markValid(xsMachine *the)
{
	throwOnError(the, "esp_ota_mark_app_valid_cancel_rollback", esp_ota_mark_app_valid_cancel_rollback());
}

void xs_ferry_slots_rollBackAndRestart(xsMachine *the)
{
	throwOnError(the, "esp_ota_mark_app_invalid_rollback_and_reboot", esp_ota_mark_app_invalid_rollback_and_reboot());
}
