/*
 * The wire's port on the ESP32: ESP-IDF's UART driver (v6.0) and a FreeRTOS task. See wire-platform.h.
 *
 *   RX pin -> FIFO -> interrupt -> driver's ring -> task -> serve()          kilobytes: a flash erase, a TLS step
 *   TX pin <- FIFO <- interrupt <- driver's ring <- uart_write_bytes()       one frame, written whole
 *
 * The driver's interrupt runs from IRAM where sdkconfig says CONFIG_UART_ISR_IN_IRAM: then nothing is lost while flash
 * is erased or written, although the task itself waits then. A frame is only written when the one before has left the
 * ring, so uart_write_bytes() never waits, and what the wire calls idle is true.
 *
 * Fault model: bytes lost in the FIFO are counted; a ring that is full holds the FIFO back, and RTS, where it is wired,
 * the MCU. A task cannot be joined in FreeRTOS: it says when it has ended.
 */

#include "wire-platform.h"

#if defined(ESP_PLATFORM)

#include "xsPlatform.h"
#include "xsmc.h"
#include "xsHost.h"

#include <stdlib.h>

#include "builtinCommon.h"
#include "driver/uart.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

enum {
	/* Room for the longest frame in the pieces that the driver makes of it, wherever the ring wraps around. */
	TRANSMIT_RING_BYTES = 5120,
	FIFO_BYTES = 128,
	BITS_PER_BYTE = 10,
	/* The receive interrupt comes when so many bytes wait, or the line was silent for so many bytes' time. */
	RX_FULL_BYTES = 96,
	RX_IDLE_SYMBOLS = 2,
	RTS_FULL_BYTES = 112,
	EVENTS = 20,
	RECEIVED_BYTES = 256,
	TASK_STACK_BYTES = 3072,
	/* Above the engine's task (4), below those of Wi-Fi and lwIP (18 and more). */
	TASK_PRIORITY = 10,
};

/* An event that the driver never sends: it only ends the task's wait. */
#define WAKE UART_EVENT_MAX

struct WirePort {
	WirePortOwner owner;
	uart_port_t uart;
	int pins[4]; /* transmit, receive, RTS, CTS */
	uint32_t baud;
	QueueHandle_t events;
	SemaphoreHandle_t lock;
	SemaphoreHandle_t ended;
	int isInstalled;
	int isRunning;
	int isClosing;      /* under the lock */
	int64_t sentUntilUs; /* when the last bit of what was written has left, as far as its length tells */
	WirePortCounters counters; /* the task's */
};

/* ---- the task ---------------------------------------------------------------------------------------------------- */

static TickType_t ticksOf(uint32_t ms)
{
	TickType_t ticks = pdMS_TO_TICKS(ms);
	return (ms && !ticks) ? 1 : ticks;
}

static void note(WirePort *port, uart_event_type_t type)
{
	if (UART_FIFO_OVF == type)
		port->counters.overruns++;
	else if ((UART_FRAME_ERR == type) || (UART_BREAK == type))
		port->counters.framingErrors++;
}

/* Gives the owner what has arrived, as far as it has room; it is called once at least. */
static uint32_t serveAll(WirePort *port)
{
	uint8_t bytes[RECEIVED_BYTES];
	uint32_t waitMs;
	int count;

	do {
		size_t room = port->owner.receivable(port->owner.context);
		count = room ? uart_read_bytes(port->uart, bytes, room < sizeof(bytes) ? room : sizeof(bytes), 0) : 0;
		waitMs = port->owner.serve(port->owner.context, bytes, count > 0 ? (size_t)count : 0);
	} while (count > 0);
	return waitMs;
}

static void run(void *context)
{
	WirePort *port = context;
	uint32_t waitMs = 0;

	for (;;) {
		uart_event_t event;
		int isClosing;

		if (xQueueReceive(port->events, &event, ticksOf(waitMs)))
			note(port, event.type);
		wirePortLock(port);
		isClosing = port->isClosing;
		wirePortUnlock(port);
		if (isClosing)
			break;
		waitMs = serveAll(port);
	}
	xSemaphoreGive(port->ended);
	vTaskDelete(NULL);
}

/* ---- birth and death --------------------------------------------------------------------------------------------- */

static void freePins(WirePort *port)
{
	size_t i;

	for (i = 0; i < sizeof(port->pins) / sizeof(port->pins[0]); i++) {
		if (port->pins[i] >= 0)
			builtinFreePin(port->pins[i]);
	}
}

/* The SDK keeps a record of the pins in use. All or none. */
static int usePins(WirePort *port, const WirePortOptions *options)
{
	const int wanted[4] = { options->transmitPin, options->receivePin, options->rtsPin, options->ctsPin };
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (wanted[i] < 0)
			continue;
		if (!builtinIsPinFree(wanted[i]))
			return 0;
		builtinUsePin(wanted[i]);
		port->pins[i] = wanted[i];
	}
	return 1;
}

static uart_hw_flowcontrol_t flowControlOf(const WirePortOptions *options)
{
	int flow = UART_HW_FLOWCTRL_DISABLE;
	if (options->rtsPin >= 0)
		flow |= UART_HW_FLOWCTRL_RTS;
	if (options->ctsPin >= 0)
		flow |= UART_HW_FLOWCTRL_CTS;
	return (uart_hw_flowcontrol_t)flow;
}

static const char *install(WirePort *port, const WirePortOptions *options)
{
	uart_config_t config = {
		.baud_rate = (int)options->baud,
		.data_bits = UART_DATA_8_BITS,
		.parity = UART_PARITY_DISABLE,
		.stop_bits = UART_STOP_BITS_1,
		.flow_ctrl = flowControlOf(options),
		.rx_flow_ctrl_thresh = RTS_FULL_BYTES,
		.source_clk = UART_SCLK_DEFAULT,
	};

	if ((options->uart < 0) || (options->uart >= UART_NUM_MAX))
		return "there is no such port";
	port->uart = (uart_port_t)options->uart;
	if (uart_is_driver_installed(port->uart))
		return "the port is in use";
	if (!usePins(port, options))
		return "a pin is in use";
	/* Interrupt flags: the driver sets what CONFIG_UART_ISR_IN_IRAM asks for. */
	if (uart_driver_install(port->uart, (int)options->receiveRingBytes, TRANSMIT_RING_BYTES, EVENTS, &port->events, 0))
		return "the driver cannot be installed";
	port->isInstalled = 1;
	if (uart_param_config(port->uart, &config))
		return "the port cannot have this baud";
	if (uart_set_pin(port->uart, options->transmitPin, options->receivePin, options->rtsPin, options->ctsPin))
		return "the pins do not fit the port";
	if (uart_set_rx_full_threshold(port->uart, RX_FULL_BYTES) || uart_set_rx_timeout(port->uart, RX_IDLE_SYMBOLS))
		return "the driver cannot be configured";
	return NULL;
}

WirePort *wirePortOpen(const WirePortOptions *options, const WirePortOwner *owner, const char **problem)
{
	WirePort *port = calloc(1, sizeof(WirePort));

	*problem = "no memory";
	if (!port)
		return NULL;
	port->owner = *owner;
	port->baud = options->baud;
	port->pins[0] = port->pins[1] = port->pins[2] = port->pins[3] = WIRE_NO_PIN;
	port->lock = xSemaphoreCreateMutex();
	port->ended = xSemaphoreCreateBinary();
	if (port->lock && port->ended) {
		*problem = install(port, options);
		if (!*problem)
			return port;
	}
	wirePortClose(port);
	return NULL;
}

int wirePortStart(WirePort *port)
{
	port->isRunning = pdPASS == xTaskCreate(run, "wire", TASK_STACK_BYTES, port, TASK_PRIORITY, NULL);
	return port->isRunning;
}

void wirePortClose(WirePort *port)
{
	if (port->isRunning) {
		wirePortLock(port);
		port->isClosing = 1;
		wirePortUnlock(port);
		wirePortWake(port);
		xSemaphoreTake(port->ended, portMAX_DELAY);
	}
	if (port->isInstalled)
		uart_driver_delete(port->uart);
	freePins(port);
	if (port->lock)
		vSemaphoreDelete(port->lock);
	if (port->ended)
		vSemaphoreDelete(port->ended);
	free(port);
}

/* ---- for the owner ----------------------------------------------------------------------------------------------- */

void wirePortLock(WirePort *port)
{
	xSemaphoreTake(port->lock, portMAX_DELAY);
}

void wirePortUnlock(WirePort *port)
{
	xSemaphoreGive(port->lock);
}

/* With a full queue the task does not wait anyway. */
void wirePortWake(WirePort *port)
{
	uart_event_t event = { .type = WAKE };
	xQueueSend(port->events, &event, 0);
}

/*
 * Whether the frame before has left the driver's ring: by its length the FIFO is all that can be left of it, and the
 * driver agrees, which counts where CTS has stopped the line.
 */
static int hasRoom(const WirePort *port, int64_t nowUs)
{
	int64_t fifoUs = (int64_t)FIFO_BYTES * BITS_PER_BYTE * 1000000 / port->baud;
	size_t free = 0;

	if (nowUs + fifoUs < port->sentUntilUs)
		return 0;
	return (ESP_OK == uart_get_tx_buffer_free_size(port->uart, &free)) && (free >= TRANSMIT_RING_BYTES);
}

size_t wirePortWrite(WirePort *port, const uint8_t *bytes, size_t count)
{
	int64_t nowUs = esp_timer_get_time();
	int written;

	if (!hasRoom(port, nowUs))
		return 0;
	written = uart_write_bytes(port->uart, bytes, count);
	if (written <= 0)
		return 0;
	if (port->sentUntilUs < nowUs)
		port->sentUntilUs = nowUs;
	port->sentUntilUs += (int64_t)written * BITS_PER_BYTE * 1000000 / port->baud;
	return (size_t)written;
}

/* The time alone would not know of CTS; the driver alone may see the FIFO empty before the ring's next bytes come. */
int wirePortHasDrained(WirePort *port)
{
	return (esp_timer_get_time() >= port->sentUntilUs) && (ESP_OK == uart_wait_tx_done(port->uart, 0));
}

int wirePortSetBaud(WirePort *port, uint32_t baud)
{
	if (uart_set_baudrate(port->uart, baud))
		return 0;
	port->baud = baud;
	uart_flush_input(port->uart);
	return 1;
}

WirePortCounters wirePortCounters(const WirePort *port)
{
	return port->counters;
}

uint32_t wireNowMs(void)
{
	return (uint32_t)(esp_timer_get_time() / 1000);
}

#endif
