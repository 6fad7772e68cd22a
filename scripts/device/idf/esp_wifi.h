/* What src/native uses of ESP-IDF 6.0's esp_wifi.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include "esp_event.h"
#include "esp_netif.h"

extern esp_event_base_t const WIFI_EVENT;
#define WIFI_EVENT_STA_DISCONNECTED 5

typedef enum {
	WIFI_MODE_NULL = 0,
	WIFI_MODE_STA,
	WIFI_MODE_AP,
	WIFI_MODE_APSTA,
} wifi_mode_t;

typedef enum {
	WIFI_IF_STA = 0,
	WIFI_IF_AP,
} wifi_interface_t;

typedef enum {
	WIFI_AUTH_OPEN = 0,
	WIFI_AUTH_WEP,
	WIFI_AUTH_WPA_PSK,
	WIFI_AUTH_WPA2_PSK,
} wifi_auth_mode_t;

typedef struct {
	uint8_t ssid[32];
	uint8_t password[64];
	uint8_t ssid_len;
	uint8_t channel;
	wifi_auth_mode_t authmode;
	uint8_t ssid_hidden;
	uint8_t max_connection;
	uint16_t beacon_interval;
} wifi_ap_config_t;

typedef union {
	wifi_ap_config_t ap;
} wifi_config_t;

typedef struct {
	uint8_t ssid[32];
	uint8_t ssid_len;
	uint8_t bssid[6];
	uint8_t reason;
	int8_t rssi;
} wifi_event_sta_disconnected_t;

esp_err_t esp_wifi_get_mode(wifi_mode_t *mode);
esp_err_t esp_wifi_set_mode(wifi_mode_t mode);
esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *config);
esp_netif_t *esp_netif_create_default_wifi_ap(void);
