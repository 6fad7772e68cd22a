/*
 * The wire's port on a PC: a terminal device, a serial port's or a pseudo-terminal's, and a POSIX thread.
 * See wire-platform.h. It exists so that wire-xs.c runs where it can be watched.
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

enum {
	RECEIVED_BYTES = 256,
};

struct WirePort {
	WirePortOwner owner;
	pthread_mutex_t lock;
	pthread_t thread;
	int isRunning;
	int isClosing; /* under the lock */
	int device;
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

/* Waits for bytes that there is room for, or for a wake-up. Returns how many bytes were read; -1 when the device is gone. */
static ssize_t await(WirePort *port, uint32_t waitMs, int isGone, uint8_t *bytes)
{
	size_t room = port->owner.receivable(port->owner.context);
	struct pollfd fds[2] = { { port->wake[0], POLLIN, 0 }, { isGone || (0 == room) ? -1 : port->device, POLLIN, 0 } };
	ssize_t count;

	poll(fds, 2, (int)waitMs);
	if (fds[0].revents) {
		while (read(port->wake[0], bytes, RECEIVED_BYTES) > 0)
			;
	}
	if (!fds[1].revents)
		return 0;
	count = read(port->device, bytes, room < RECEIVED_BYTES ? room : RECEIVED_BYTES);
	if (count > 0)
		return count;
	return (count < 0) && ((EAGAIN == errno) || (EINTR == errno)) ? 0 : -1;
}

static void *run(void *context)
{
	WirePort *port = context;
	uint32_t waitMs = 0;
	int isGone = 0;

	for (;;) {
		uint8_t bytes[RECEIVED_BYTES];
		ssize_t count = await(port, waitMs, isGone, bytes);
		int isClosing;

		wirePortLock(port);
		isClosing = port->isClosing;
		wirePortUnlock(port);
		if (isClosing)
			return NULL;
		isGone |= count < 0;
		waitMs = port->owner.serve(port->owner.context, bytes, count > 0 ? (size_t)count : 0);
	}
}

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

size_t wirePortWrite(WirePort *port, const uint8_t *bytes, size_t count)
{
	ssize_t done = write(port->device, bytes, count);
	return done > 0 ? (size_t)done : 0;
}

int wirePortHasDrained(WirePort *port)
{
	int unsent = 0;
	return (0 != ioctl(port->device, TIOCOUTQ, &unsent)) || (0 == unsent);
}

int wirePortSetBaud(WirePort *port, uint32_t baud)
{
	if (!setSpeed(port->device, baud))
		return 0;
	tcflush(port->device, TCIFLUSH);
	return 1;
}

WirePortCounters wirePortCounters(const WirePort *port)
{
	WirePortCounters none = { 0, 0 };
	(void)port;
	return none;
}

uint32_t wireNowMs(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_sec * 1000u + (uint32_t)(now.tv_nsec / 1000000);
}

#endif
