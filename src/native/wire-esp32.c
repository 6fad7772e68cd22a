/*
 * The wire's port on the ESP32: its UART, an interrupt of Ferry's own, and a FreeRTOS task. See wire-platform.h.
 *
 *   RX pin -> FIFO -> interrupt -> line's ring -> task -> serve()       kilobytes: a flash erase, a TLS step
 *   TX pin <- FIFO <- interrupt <- the owner's frame, or a pong         nothing is copied in between
 *
 * ESP-IDF (v6.0) sets up port, pins and rate; its UART driver, whose interrupt knows no pings, is not installed, as it is
 * not for the SDK's own serial port. The interrupt and all that it calls lie in RAM, and touch nothing that lies in flash:
 * it goes on while flash is erased or written, though the task itself waits then.
 *
 * Fault model: bytes lost in the FIFO are counted; a ring that is full holds the FIFO back, and RTS, where it is wired,
 * the MCU. A task cannot be joined in FreeRTOS: it says when it has ended.
 */

#include "wire-platform.h"

#if defined(ESP_PLATFORM)

#include "xsmc.h"
#include "xsHost.h"

#include <stdlib.h>

#include "builtinCommon.h"
#include "driver/uart.h"
#include "esp_attr.h"
#include "esp_heap_caps.h"
#include "esp_intr_alloc.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "hal/uart_ll.h"
#include "soc/interrupts.h"

#include "wire-line.h"

#include "strict.h"

enum {
	/* The receive interrupt comes when so many bytes wait, or the line was silent for so many bytes' time. */
	RX_FULL_BYTES = 96,
	RX_IDLE_SYMBOLS = 2,
	RTS_FULL_BYTES = 112,
	/* The transmit interrupt comes when fewer bytes are left: 160 us of them at 2 Mbaud. */
	TX_EMPTY_BYTES = 32,
	RECEIVED_BYTES = 256,
	TASK_STACK_BYTES = 3072,
	/* Above the engine's task (4), below those of Wi-Fi and lwIP (18 and more). */
	TASK_PRIORITY = 10,
	RECEIVE_INTERRUPTS = UART_INTR_RXFIFO_FULL | UART_INTR_RXFIFO_TOUT,
	FAULT_INTERRUPTS = UART_INTR_RXFIFO_OVF | UART_INTR_FRAM_ERR | UART_INTR_BRK_DET,
};

/* In internal RAM. */
struct WirePort {
	WirePortOwner owner;
	uart_port_t uart;
	uart_dev_t *registers;
	intr_handle_t interrupt;
	int pins[4]; /* transmit, receive, RTS, CTS */
	TaskHandle_t task;
	SemaphoreHandle_t lock;
	SemaphoreHandle_t ended;
	int isClosing; /* under the lock */
	portMUX_TYPE mux; /* from here on under it: the task's, the engine's, and the interrupt's */
	WireLine line;
	uint32_t overruns;
	uint32_t framingErrors;
	uint8_t *ring;
};

/* ---- the interrupt ----------------------------------------------------------------------------------------------- */

/*
 * What the ring has no room for stays in the FIFO, and the interrupt off, until the task has read something. It is
 * cleared first: what comes while the FIFO is emptied raises it again, and does not wait there for the next byte.
 */
WIRE_LINE_INLINE void receive(WirePort *port)
{
	uint32_t waiting;

	uart_ll_clr_intsts_mask(port->registers, RECEIVE_INTERRUPTS);
	waiting = uart_ll_get_rxfifo_len(port->registers);
	while (waiting && wireLineHasRoom(&port->line)) {
		uint8_t byte;
		uart_ll_read_rxfifo(port->registers, &byte, 1);
		wireLineTake(&port->line, byte);
		waiting--;
	}
	if (waiting)
		uart_ll_disable_intr_mask(port->registers, RECEIVE_INTERRUPTS);
}

/* The interrupt stays on as long as there is more to come. */
WIRE_LINE_INLINE void transmit(WirePort *port)
{
	uint32_t room = uart_ll_get_txfifo_len(port->registers);

	while (room && wireLineHasNext(&port->line)) {
		uint8_t byte = wireLineNext(&port->line);
		uart_ll_write_txfifo(port->registers, &byte, 1);
		room--;
	}
	if (wireLineHasNext(&port->line))
		uart_ll_ena_intr_mask(port->registers, UART_INTR_TXFIFO_EMPTY);
	else
		uart_ll_disable_intr_mask(port->registers, UART_INTR_TXFIFO_EMPTY);
	uart_ll_clr_intsts_mask(port->registers, UART_INTR_TXFIFO_EMPTY);
}

WIRE_LINE_INLINE void noteFaults(WirePort *port, uint32_t causes)
{
	if (causes & UART_INTR_RXFIFO_OVF) {
		port->overruns++;
		uart_ll_rxfifo_rst(port->registers);
	}
	if (causes & (UART_INTR_FRAM_ERR | UART_INTR_BRK_DET))
		port->framingErrors++;
	uart_ll_clr_intsts_mask(port->registers, FAULT_INTERRUPTS);
}

/* The task is told of what has arrived, and when the frame has left for the FIFO. */
static void IRAM_ATTR onInterrupt(void *context)
{
	WirePort *port = context;
	BaseType_t mustYield = pdFALSE;
	uint32_t unsent;
	uint32_t causes;
	int mustTell = 0;

	portENTER_CRITICAL_ISR(&port->mux);
	unsent = port->line.frameLeft;
	while (0 != (causes = uart_ll_get_intsts_mask(port->registers))) {
		if (causes & RECEIVE_INTERRUPTS)
			receive(port);
		if (causes & FAULT_INTERRUPTS)
			noteFaults(port, causes);
		transmit(port); /* a ping may have come */
		mustTell |= (causes & RECEIVE_INTERRUPTS) || (unsent && (0 == port->line.frameLeft));
	}
	portEXIT_CRITICAL_ISR(&port->mux);
	if (mustTell)
		vTaskNotifyGiveFromISR(port->task, &mustYield);
	if (mustYield)
		portYIELD_FROM_ISR();
}

/* ---- the task ---------------------------------------------------------------------------------------------------- */

/* Where something was read there is room again for what is in the FIFO. */
static size_t readLine(WirePort *port, uint8_t *bytes, size_t count)
{
	portENTER_CRITICAL(&port->mux);
	count = wireLineRead(&port->line, bytes, count);
	if (count) {
		uart_ll_ena_intr_mask(port->registers, RECEIVE_INTERRUPTS);
		receive(port);
		transmit(port);
	}
	portEXIT_CRITICAL(&port->mux);
	return count;
}

/* Gives the owner what has arrived, as far as it has room; it is called once at least. */
static uint32_t serveAll(WirePort *port)
{
	uint8_t bytes[RECEIVED_BYTES];
	uint32_t waitMs;
	size_t count;

	do {
		size_t room = port->owner.receivable(port->owner.context);
		count = room ? readLine(port, bytes, room < sizeof(bytes) ? room : sizeof(bytes)) : 0;
		waitMs = port->owner.serve(port->owner.context, bytes, count);
	} while (count > 0);
	return waitMs;
}

static TickType_t ticksOf(uint32_t ms)
{
	TickType_t ticks = pdMS_TO_TICKS(ms);
	return (ms && !ticks) ? 1 : ticks;
}

static void run(void *context)
{
	WirePort *port = context;
	int isClosing;

	do {
		ulTaskNotifyTake(pdTRUE, ticksOf(serveAll(port)));
		wirePortLock(port);
		isClosing = port->isClosing;
		wirePortUnlock(port);
	} while (!isClosing);
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

static const char *setUp(WirePort *port, const WirePortOptions *options)
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
	port->registers = UART_LL_GET_HW(port->uart);
	if (uart_is_driver_installed(port->uart))
		return "the port is in use";
	if (!usePins(port, options))
		return "a pin is in use";
	if (uart_param_config(port->uart, &config))
		return "the port cannot have this baud";
	if (uart_set_pin(port->uart, options->transmitPin, options->receivePin, options->rtsPin, options->ctsPin))
		return "the pins do not fit the port";
	port->ring = heap_caps_malloc(options->receiveRingBytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
	if (!port->ring)
		return "no memory";
	wireLineInit(&port->line, port->ring, options->receiveRingBytes);
	return NULL;
}

static int enableInterrupt(WirePort *port)
{
	const int source = ETS_UART0_INTR_SOURCE + (int)port->uart; /* one after the other, on every chip */
	uart_dev_t *registers = port->registers;

	uart_ll_disable_intr_mask(registers, UART_LL_INTR_MASK);
	uart_ll_clr_intsts_mask(registers, UART_LL_INTR_MASK);
	uart_ll_set_rxfifo_full_thr(registers, RX_FULL_BYTES);
	uart_ll_set_txfifo_empty_thr(registers, TX_EMPTY_BYTES);
	if (uart_set_rx_timeout(port->uart, RX_IDLE_SYMBOLS))
		return 0;
	if (esp_intr_alloc(source, ESP_INTR_FLAG_IRAM, onInterrupt, port, &port->interrupt))
		return 0;
	uart_ll_ena_intr_mask(registers, RECEIVE_INTERRUPTS | FAULT_INTERRUPTS);
	return 1;
}

WirePort *wirePortOpen(const WirePortOptions *options, const WirePortOwner *owner, const char **problem)
{
	WirePort *port = wirePortAllocate(sizeof(WirePort));

	*problem = "no memory";
	if (!port)
		return NULL;
	port->owner = *owner;
	port->pins[0] = port->pins[1] = port->pins[2] = port->pins[3] = WIRE_NO_PIN;
	portMUX_INITIALIZE(&port->mux);
	port->lock = xSemaphoreCreateMutex();
	port->ended = xSemaphoreCreateBinary();
	if (port->lock && port->ended) {
		*problem = setUp(port, options);
		if (!*problem)
			return port;
	}
	wirePortClose(port);
	return NULL;
}

/* The task first: the interrupt tells it what comes. */
int wirePortStart(WirePort *port)
{
	if (pdPASS != xTaskCreate(run, "wire", TASK_STACK_BYTES, port, TASK_PRIORITY, &port->task)) {
		port->task = NULL;
		return 0;
	}
	return enableInterrupt(port);
}

void wirePortClose(WirePort *port)
{
	if (port->interrupt) {
		uart_ll_disable_intr_mask(port->registers, UART_LL_INTR_MASK);
		esp_intr_free(port->interrupt);
	}
	if (port->task) {
		wirePortLock(port);
		port->isClosing = 1;
		wirePortUnlock(port);
		wirePortWake(port);
		xSemaphoreTake(port->ended, portMAX_DELAY);
	}
	freePins(port);
	if (port->lock)
		vSemaphoreDelete(port->lock);
	if (port->ended)
		vSemaphoreDelete(port->ended);
	free(port->ring);
	free(port);
}

/* ---- for the owner ----------------------------------------------------------------------------------------------- */

void *wirePortAllocate(size_t bytes)
{
	return heap_caps_calloc(1, bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
}

void wirePortLock(WirePort *port)
{
	xSemaphoreTake(port->lock, portMAX_DELAY);
}

void wirePortUnlock(WirePort *port)
{
	xSemaphoreGive(port->lock);
}

void wirePortWake(WirePort *port)
{
	xTaskNotifyGive(port->task);
}

/* The first bytes go into the FIFO at once, and the interrupt fetches the others. A frame shorter than that is gone then. */
void wirePortSend(WirePort *port, const uint8_t *bytes, size_t count)
{
	int isGone;

	portENTER_CRITICAL(&port->mux);
	wireLineSend(&port->line, bytes, count);
	transmit(port);
	isGone = 0 == port->line.frameLeft;
	portEXIT_CRITICAL(&port->mux);
	if (isGone)
		wirePortWake(port);
}

/* Under the mux: the interrupt may be about to fetch the last byte, on the other core. */
size_t wirePortUnsent(WirePort *port)
{
	size_t unsent;

	portENTER_CRITICAL(&port->mux);
	unsent = port->line.frameLeft;
	portEXIT_CRITICAL(&port->mux);
	return unsent;
}

int wirePortHasDrained(WirePort *port)
{
	int hasDrained;

	portENTER_CRITICAL(&port->mux);
	hasDrained = !wireLineHasNext(&port->line) && uart_ll_is_tx_idle(port->registers);
	portEXIT_CRITICAL(&port->mux);
	return hasDrained;
}

void wirePortAnswerPings(WirePort *port, int mayAnswer)
{
	port->line.isOpen = mayAnswer ? 1 : 0;
}

int wirePortSetBaud(WirePort *port, uint32_t baud)
{
	int isDone;

	portENTER_CRITICAL(&port->mux);
	wireLineReset(&port->line);
	portEXIT_CRITICAL(&port->mux);
	isDone = ESP_OK == uart_set_baudrate(port->uart, baud);
	portENTER_CRITICAL(&port->mux);
	uart_ll_rxfifo_rst(port->registers);
	wireLineReset(&port->line);
	uart_ll_ena_intr_mask(port->registers, RECEIVE_INTERRUPTS); /* a full ring had it off, and nobody reads an empty one */
	portEXIT_CRITICAL(&port->mux);
	return isDone;
}

WirePortCounters wirePortCounters(WirePort *port)
{
	WirePortCounters counters = { port->line.pingsAnswered, port->overruns, port->framingErrors };
	return counters;
}

uint32_t wireNowMs(void)
{
	return (uint32_t)(esp_timer_get_time() / 1000);
}

#endif
