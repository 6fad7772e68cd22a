/*
 * What the wire needs of a platform: a UART with a thread of its own. Two have it: wire-esp32.c, over the chip's UART,
 * and wire-posix.c, over a terminal device on a PC. The way to the engine's thread is in engine-post.h.
 *
 * The port's thread calls serve() with the bytes that arrive and, when asked to or when something has been sent, without
 * any. It holds no lock then; the owner takes the port's own. All functions below are safe with the lock held. Bytes
 * pass through a WireLine on their way in and out, so pings are answered by the port, while the owner lets it.
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
	uint32_t pingsAnswered;
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

/* Zeroed memory that an interrupt may read from; NULL when there is none. For free(). */
void *wirePortAllocate(size_t bytes);

/* Sends bytes, which must stay as they are until wirePortUnsent() is 0, and which is only asked for when it is. */
void wirePortSend(WirePort *port, const uint8_t *bytes, size_t count);
/* How much of this the UART has not taken yet. When it has taken all, serve() is called. */
size_t wirePortUnsent(WirePort *port);
/* Whether the last bit of all that was to be sent has left. */
int wirePortHasDrained(WirePort *port);
/* Whether pings are answered from now on, and counted, or received like anything else. */
void wirePortAnswerPings(WirePort *port, int mayAnswer);
/* Drops what was received and not fetched, or is not sent, in any case. 0 when the UART cannot make this rate. */
int wirePortSetBaud(WirePort *port, uint32_t baud);
WirePortCounters wirePortCounters(WirePort *port);

/* Milliseconds since some moment; wraps. */
uint32_t wireNowMs(void);

#endif
