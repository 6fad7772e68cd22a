/*
 * Wi-Fi, as ESP-IDF has it: what the SDK's class leaves out, one call each for src/native/radio.ts.
 *
 * The driver is the SDK's: its class starts it, with the station. Here an access point is put beside the station and
 * taken away again, and one more listener hears why the station was disconnected.
 *
 * Invariants: the listener runs in ESP-IDF's event task and writes one byte, nothing else; it is registered for its event
 * before the SDK's is registered for all, so ESP-IDF calls it first, and XS never hears of an end without its reason.
 * Fault model: a call that fails throws the name of the function and its error.
 */

#include <string.h>

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "esp_event.h"
#include "esp_netif.h"
#include "esp_wifi.h"

#include "strict.h"

enum {
	CLIENTS_MAX = 4,
	BEACON_INTERVAL = 100,
};

static volatile uint8_t gReason;
static esp_netif_t *gAccessPoint;

static void throwOnError(xsMachine *the, const char *call, esp_err_t error)
{
	if (ESP_OK != error)
		xsUnknownError("%s: error 0x%x", call, (unsigned int)error);
}

static void onDisconnected(void *arg, esp_event_base_t base, int32_t id, void *data)
{
	(void)arg;
	(void)base;
	(void)id;
	gReason = ((wifi_event_sta_disconnected_t *)data)->reason;
}

void xs_ferry_radio_watch(xsMachine *the)
{
	esp_err_t error = esp_event_loop_create_default();

	if (ESP_ERR_INVALID_STATE != error)		// there is one already
		throwOnError(the, "esp_event_loop_create_default", error);
	throwOnError(the, "esp_event_handler_register",
		esp_event_handler_register(WIFI_EVENT, WIFI_EVENT_STA_DISCONNECTED, onDisconnected, NULL));
}

void xs_ferry_radio_reason(xsMachine *the)
{
	xsmcSetInteger(xsResult, gReason);
}

void xs_ferry_radio_forgetReason(xsMachine *the)
{
	gReason = 0;
}

void xs_ferry_radio_setNameServer(xsMachine *the)
{
	esp_netif_dns_info_t server = {0};
	char address[16];

	xsmcToStringBuffer(xsArg(1), address, sizeof(address));
	server.ip.type = ESP_IPADDR_TYPE_V4;
	throwOnError(the, "esp_netif_str_to_ip4", esp_netif_str_to_ip4(address, &server.ip.u_addr.ip4));
	throwOnError(the, "esp_netif_set_dns_info",
		esp_netif_set_dns_info(esp_netif_get_handle_from_ifkey("WIFI_STA_DEF"),
			xsmcToInteger(xsArg(0)) ? ESP_NETIF_DNS_BACKUP : ESP_NETIF_DNS_MAIN, &server));
}

void xs_ferry_radio_openAccessPoint(xsMachine *the)
{
	wifi_config_t config = {0};
	char ssid[sizeof(config.ap.ssid) + 1];
	char password[sizeof(config.ap.password) + 1];
	wifi_mode_t mode;

	throwOnError(the, "esp_wifi_get_mode", esp_wifi_get_mode(&mode));
	xsmcToStringBuffer(xsArg(0), ssid, sizeof(ssid));
	xsmcToStringBuffer(xsArg(1), password, sizeof(password));

	config.ap.ssid_len = strlen(ssid);
	memcpy(config.ap.ssid, ssid, config.ap.ssid_len);
	memcpy(config.ap.password, password, strlen(password));
	config.ap.authmode = password[0] ? WIFI_AUTH_WPA2_PSK : WIFI_AUTH_OPEN;
	config.ap.channel = xsmcToInteger(xsArg(2));
	config.ap.max_connection = CLIENTS_MAX;
	config.ap.beacon_interval = BEACON_INTERVAL;

	if (!gAccessPoint)
		gAccessPoint = esp_netif_create_default_wifi_ap();
	throwOnError(the, "esp_wifi_set_mode", esp_wifi_set_mode(WIFI_MODE_APSTA));
	esp_err_t error = esp_wifi_set_config(WIFI_IF_AP, &config);
	if (ESP_OK != error)
		esp_wifi_set_mode(WIFI_MODE_STA);		// an access point of the driver's own making must not stay
	throwOnError(the, "esp_wifi_set_config", error);
}

void xs_ferry_radio_closeAccessPoint(xsMachine *the)
{
	throwOnError(the, "esp_wifi_set_mode", esp_wifi_set_mode(WIFI_MODE_STA));
}
