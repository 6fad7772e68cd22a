/* What src/native uses of ESP-IDF 6.0's driver/uart.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include "esp_partition.h" /* esp_err_t */
#include "hal/uart_types.h"

typedef struct {
	int baud_rate;
	uart_word_length_t data_bits;
	uart_parity_t parity;
	uart_stop_bits_t stop_bits;
	uart_hw_flowcontrol_t flow_ctrl;
	uint8_t rx_flow_ctrl_thresh;
	uart_sclk_t source_clk;
} uart_config_t;

_Bool uart_is_driver_installed(uart_port_t port);
esp_err_t uart_param_config(uart_port_t port, const uart_config_t *config);
esp_err_t uart_set_pin(uart_port_t port, int tx, int rx, int rts, int cts);
esp_err_t uart_set_baudrate(uart_port_t port, uint32_t baudrate);
esp_err_t uart_set_rx_timeout(uart_port_t port, const uint8_t symbols);
