/*
 * What the wire needs of a platform: a UART with a thread of its own. Two have it: wire-esp32.c, over ESP-IDF's UART
 * driver, and wire-posix.c, over a terminal device on a PC. The way to the engine's thread is in engine-post.h.
 *
 * The port's thread calls serve() with the bytes that arrive and, when asked to, without any. It holds no lock then;
 * the owner takes the port's own. All functions below are safe with the lock held.
 */

#ifndef WIRE_PLATFORM_H
#define WIRE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

enum { WIRE_NO_PIN = -1 };

typedef struct {
	uint32_t baud;
	/* ESP32 only */
	int uart;
	int transmitPin;
	int receivePin;
	int rtsPin; /* WIRE_NO_PIN: no flow control that way */
	int ctsPin;
	uint32_t receiveRingBytes;
	/* PC only */
	const char *device;
} WirePortOptions;

typedef struct {
	void *context;
	/* How many bytes serve() may be given next. What there is no room for stays in the UART. */
	size_t (*receivable)(void *context);
	/* Takes so many bytes. Returns after how many milliseconds, at the latest, it wants to be called again. */
	uint32_t (*serve)(void *context, const uint8_t *bytes, size_t count);
} WirePortOwner;

typedef struct {
	uint32_t overruns;      /* times that received bytes were lost, because nobody fetched them */
	uint32_t framingErrors; /* bytes without a stop bit: another baud, or a break */
} WirePortCounters;

typedef struct WirePort WirePort;

/* Takes the UART. NULL, and why in `*problem`, when that cannot be. */
WirePort *wirePortOpen(const WirePortOptions *options, const WirePortOwner *owner, const char **problem);
/* Starts the thread. 0 when there is none to be had. */
int wirePortStart(WirePort *port);
/* Ends the thread and gives the UART back, at once: what is not sent is lost. Not with the lock held. */
void wirePortClose(WirePort *port);

void wirePortLock(WirePort *port);
void wirePortUnlock(WirePort *port);
/* Has serve() called soon. */
void wirePortWake(WirePort *port);

/* Hands over what the UART takes without waiting; returns how much. What it took leaves without a gap. */
size_t wirePortWrite(WirePort *port, const uint8_t *bytes, size_t count);
/* Whether the last bit of all that was handed over has left. */
int wirePortHasDrained(WirePort *port);
/* Drops what was received and not fetched. 0 when the UART cannot make this rate. */
int wirePortSetBaud(WirePort *port, uint32_t baud);
WirePortCounters wirePortCounters(const WirePort *port);

/* Milliseconds since some moment; wraps. */
uint32_t wireNowMs(void);

#endif
