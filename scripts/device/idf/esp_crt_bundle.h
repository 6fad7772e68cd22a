/* What src/native uses of ESP-IDF 6.0's esp_crt_bundle.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

typedef int esp_err_t;

esp_err_t esp_crt_bundle_attach(void *conf);
