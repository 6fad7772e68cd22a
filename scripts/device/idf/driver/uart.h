/* What src/native uses of ESP-IDF 6.0's driver/uart.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "esp_partition.h" /* esp_err_t */
#include "freertos/queue.h"

typedef enum { UART_NUM_0, UART_NUM_1, UART_NUM_2, UART_NUM_MAX } uart_port_t;
typedef enum { UART_DATA_5_BITS, UART_DATA_6_BITS, UART_DATA_7_BITS, UART_DATA_8_BITS } uart_word_length_t;
typedef enum { UART_PARITY_DISABLE = 0, UART_PARITY_EVEN = 2, UART_PARITY_ODD = 3 } uart_parity_t;
typedef enum { UART_STOP_BITS_1 = 1, UART_STOP_BITS_1_5, UART_STOP_BITS_2 } uart_stop_bits_t;
typedef enum {
	UART_HW_FLOWCTRL_DISABLE,
	UART_HW_FLOWCTRL_RTS,
	UART_HW_FLOWCTRL_CTS,
	UART_HW_FLOWCTRL_CTS_RTS,
} uart_hw_flowcontrol_t;
typedef enum { UART_SCLK_DEFAULT = 4 } uart_sclk_t;
typedef enum {
	UART_DATA,
	UART_BREAK,
	UART_BUFFER_FULL,
	UART_FIFO_OVF,
	UART_FRAME_ERR,
	UART_PARITY_ERR,
	UART_DATA_BREAK,
	UART_PATTERN_DET,
	UART_WAKEUP,
	UART_EVENT_MAX,
} uart_event_type_t;

typedef struct {
	int baud_rate;
	uart_word_length_t data_bits;
	uart_parity_t parity;
	uart_stop_bits_t stop_bits;
	uart_hw_flowcontrol_t flow_ctrl;
	uint8_t rx_flow_ctrl_thresh;
	uart_sclk_t source_clk;
} uart_config_t;

typedef struct {
	uart_event_type_t type;
	size_t size;
	_Bool timeout_flag;
} uart_event_t;

esp_err_t uart_driver_install(uart_port_t port, int rx_buffer_size, int tx_buffer_size, int queue_size,
	QueueHandle_t *queue, int intr_alloc_flags);
esp_err_t uart_driver_delete(uart_port_t port);
_Bool uart_is_driver_installed(uart_port_t port);
esp_err_t uart_param_config(uart_port_t port, const uart_config_t *config);
esp_err_t uart_set_pin(uart_port_t port, int tx, int rx, int rts, int cts);
esp_err_t uart_set_baudrate(uart_port_t port, uint32_t baudrate);
esp_err_t uart_set_rx_full_threshold(uart_port_t port, int threshold);
esp_err_t uart_set_rx_timeout(uart_port_t port, uint8_t symbols);
esp_err_t uart_flush_input(uart_port_t port);
esp_err_t uart_wait_tx_done(uart_port_t port, TickType_t ticks_to_wait);
esp_err_t uart_get_tx_buffer_free_size(uart_port_t port, size_t *size);
int uart_read_bytes(uart_port_t port, void *buffer, uint32_t length, TickType_t ticks_to_wait);
int uart_write_bytes(uart_port_t port, const void *source, size_t size);
