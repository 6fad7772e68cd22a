/*
 * The wire's port on a PC: a terminal device, a serial port's or a pseudo-terminal's, and a POSIX thread, which is the
 * interrupt as well. See wire-platform.h. It exists so that wire-xs.c runs where it can be watched.
 *
 * Fault model: a device that goes away is silent from then on.
 */

#include "wire-platform.h"

#if !defined(ESP_PLATFORM)

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "wire-line.h"

enum {
	RECEIVED_BYTES = 256,
	RING_BYTES = 4096,
	/* Between the line and the device, as a UART has one. */
	FIFO_BYTES = 128,
};

struct WirePort {
	WirePortOwner owner;
	pthread_mutex_t lock;
	pthread_t thread;
	int isRunning;
	int device;
	int isClosing; /* from here on under the lock */
	WireLine line;
	uint8_t ring[RING_BYTES];
	uint8_t fifo[FIFO_BYTES]; /* bytes [fifoStart, fifoEnd) are to be written */
	size_t fifoStart;
	size_t fifoEnd;
	int wake[2]; /* a pipe: a byte in it ends the thread's wait */
};

/* A constant of termios.h, or -1 where there is none for this rate. */
static long speedOf(uint32_t baud)
{
#if defined(__APPLE__)
	return (long)baud;
#else
	static const struct { uint32_t baud; long speed; } speeds[] = {
		{ 1200, B1200 }, { 2400, B2400 }, { 4800, B4800 }, { 9600, B9600 }, { 19200, B19200 }, { 38400, B38400 },
		{ 57600, B57600 }, { 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 }, { 500000, B500000 },
		{ 921600, B921600 }, { 1000000, B1000000 }, { 1500000, B1500000 }, { 2000000, B2000000 },
		{ 3000000, B3000000 },
	};
	size_t i;

	for (i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		if (speeds[i].baud == baud)
			return speeds[i].speed;
	}
	return -1;
#endif
}

static int setSpeed(int device, uint32_t baud)
{
	struct termios settings;
	long speed = speedOf(baud);

	if ((speed < 0) || tcgetattr(device, &settings))
		return 0;
	cfmakeraw(&settings);
	settings.c_cflag |= CLOCAL | CREAD;
	return !cfsetspeed(&settings, (speed_t)speed) && !tcsetattr(device, TCSANOW, &settings);
}

WirePort *wirePortOpen(const WirePortOptions *options, const WirePortOwner *owner, const char **problem)
{
	WirePort *port = calloc(1, sizeof(WirePort));

	*problem = "no memory";
	if (!port)
		return NULL;
	port->owner = *owner;
	wireLineInit(&port->line, port->ring, sizeof(port->ring));
	pthread_mutex_init(&port->lock, NULL);
	port->device = port->wake[0] = port->wake[1] = -1;
	if (options->device)
		port->device = open(options->device, O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (port->device < 0)
		*problem = "the device cannot be opened";
	else if (!setSpeed(port->device, options->baud))
		*problem = "the device cannot have this baud";
	else if (pipe(port->wake) || fcntl(port->wake[0], F_SETFL, O_NONBLOCK) || fcntl(port->wake[1], F_SETFL, O_NONBLOCK))
		*problem = "no pipe";
	else {
		*problem = NULL;
		return port;
	}
	wirePortClose(port);
	return NULL;
}

/* ---- the thread as the interrupt --------------------------------------------------------------------------------- */

static int hasOutput(const WirePort *port)
{
	return (port->fifoStart < port->fifoEnd) || wireLineHasNext(&port->line);
}

/* Writes what the device takes without waiting. */
static void pump(WirePort *port)
{
	while (hasOutput(port)) {
		ssize_t count;

		if (port->fifoStart == port->fifoEnd) {
			port->fifoStart = port->fifoEnd = 0;
			while ((port->fifoEnd < FIFO_BYTES) && wireLineHasNext(&port->line))
				port->fifo[port->fifoEnd++] = wireLineNext(&port->line);
		}
		count = write(port->device, port->fifo + port->fifoStart, port->fifoEnd - port->fifoStart);
		if (count <= 0)
			return;
		port->fifoStart += (size_t)count;
	}
}

/* Whether as many bytes as are read at a time find room, whatever sets free what is held. */
static int hasRoom(const WirePort *port)
{
	return port->line.ringBytes - port->line.used >= RECEIVED_BYTES + WIRE_PING_FRAME_BYTES_MAX;
}

/* Waits until there is something to do. Returns how many bytes were read; -1 when the device is gone. */
static ssize_t await(WirePort *port, uint32_t waitMs, int isGone, uint8_t *bytes)
{
	struct pollfd fds[2] = { { port->wake[0], POLLIN, 0 }, { -1, 0, 0 } };
	ssize_t count;

	wirePortLock(port);
	fds[1].events = (short)((hasRoom(port) ? POLLIN : 0) | (hasOutput(port) ? POLLOUT : 0));
	wirePortUnlock(port);
	fds[1].fd = isGone || !fds[1].events ? -1 : port->device;
	poll(fds, 2, (int)waitMs);
	if (fds[0].revents) {
		while (read(port->wake[0], bytes, RECEIVED_BYTES) > 0)
			;
	}
	if (!(fds[1].revents & ~POLLOUT))
		return 0;
	count = read(port->device, bytes, RECEIVED_BYTES);
	if (count > 0)
		return count;
	return (count < 0) && ((EAGAIN == errno) || (EINTR == errno)) ? 0 : -1;
}

/* ---- the thread as the task -------------------------------------------------------------------------------------- */

/* Gives the owner what has arrived, as far as it has room; it is called once at least. */
static uint32_t serveAll(WirePort *port, uint8_t *bytes)
{
	uint32_t waitMs;
	size_t count;

	do {
		size_t room = port->owner.receivable(port->owner.context);
		wirePortLock(port);
		count = wireLineRead(&port->line, bytes, room < RECEIVED_BYTES ? room : RECEIVED_BYTES);
		wirePortUnlock(port);
		waitMs = port->owner.serve(port->owner.context, bytes, count);
	} while (count > 0);
	return waitMs;
}

static void *run(void *context)
{
	WirePort *port = context;
	uint32_t waitMs = 0;
	int isGone = 0;

	for (;;) {
		uint8_t bytes[RECEIVED_BYTES];
		ssize_t count = await(port, waitMs, isGone, bytes);
		ssize_t i;
		int isClosing;

		wirePortLock(port);
		isClosing = port->isClosing;
		for (i = 0; i < count; i++)
			wireLineTake(&port->line, bytes[i]);
		pump(port);
		wirePortUnlock(port);
		if (isClosing)
			return NULL;
		isGone |= count < 0;
		waitMs = serveAll(port, bytes);
	}
}

/* ------------------------------------------------------------------------------------------------------------------ */

int wirePortStart(WirePort *port)
{
	port->isRunning = 0 == pthread_create(&port->thread, NULL, run, port);
	return port->isRunning;
}

void wirePortClose(WirePort *port)
{
	if (port->isRunning) {
		wirePortLock(port);
		port->isClosing = 1;
		wirePortUnlock(port);
		wirePortWake(port);
		pthread_join(port->thread, NULL);
	}
	if (port->device >= 0)
		close(port->device);
	if (port->wake[0] >= 0) {
		close(port->wake[0]);
		close(port->wake[1]);
	}
	pthread_mutex_destroy(&port->lock);
	free(port);
}

void wirePortLock(WirePort *port)
{
	pthread_mutex_lock(&port->lock);
}

void wirePortUnlock(WirePort *port)
{
	pthread_mutex_unlock(&port->lock);
}

/* A full pipe wakes as well. */
void wirePortWake(WirePort *port)
{
	ssize_t ignored = write(port->wake[1], "", 1);
	(void)ignored;
}

void *wirePortAllocate(size_t bytes)
{
	return calloc(1, bytes);
}

void wirePortSend(WirePort *port, const uint8_t *bytes, size_t count)
{
	wireLineSend(&port->line, bytes, count);
	pump(port);
	wirePortWake(port); /* to be told what was taken, or to wait for room */
}

size_t wirePortUnsent(WirePort *port)
{
	return port->line.frameLeft;
}

int wirePortHasDrained(WirePort *port)
{
	int unsent = 0;
	return !hasOutput(port) && ((0 != ioctl(port->device, TIOCOUTQ, &unsent)) || (0 == unsent));
}

void wirePortAnswerPings(WirePort *port, int mayAnswer)
{
	port->line.isOpen = mayAnswer ? 1 : 0;
}

int wirePortSetBaud(WirePort *port, uint32_t baud)
{
	wireLineReset(&port->line);
	port->fifoStart = port->fifoEnd = 0;
	if (!setSpeed(port->device, baud))
		return 0;
	tcflush(port->device, TCIFLUSH);
	return 1;
}

WirePortCounters wirePortCounters(WirePort *port)
{
	WirePortCounters counters = { port->line.pingsAnswered, 0, 0 };
	return counters;
}

uint32_t wireNowMs(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_sec * 1000u + (uint32_t)(now.tv_nsec / 1000000);
}

#endif
