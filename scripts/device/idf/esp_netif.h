/* What src/native uses of ESP-IDF 6.0's esp_netif.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include "esp_event.h"

typedef struct esp_netif_obj esp_netif_t;
typedef struct {
	uint32_t addr;
} esp_ip4_addr_t;

#define ESP_IPADDR_TYPE_V4 0U

typedef struct {
	union {
		esp_ip4_addr_t ip4;
	} u_addr;
	uint8_t type;
} esp_ip_addr_t;

typedef struct {
	esp_ip_addr_t ip;
} esp_netif_dns_info_t;

typedef enum {
	ESP_NETIF_DNS_MAIN = 0,
	ESP_NETIF_DNS_BACKUP,
} esp_netif_dns_type_t;

esp_netif_t *esp_netif_get_handle_from_ifkey(const char *key);
esp_err_t esp_netif_str_to_ip4(const char *text, esp_ip4_addr_t *address);
esp_err_t esp_netif_set_dns_info(esp_netif_t *netif, esp_netif_dns_type_t type, esp_netif_dns_info_t *dns);
