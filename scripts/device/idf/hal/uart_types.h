/* What src/native uses of ESP-IDF 6.0's hal/uart_types.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

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
