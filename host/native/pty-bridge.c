/*
 * A serial port that is none: a pseudo-terminal for some program's serial code on one side, stdin and stdout on the
 * other. Ferry's emulator starts it, for Node has neither pseudo-terminals nor termios.
 *
 *   stdin    bytes for the program that has the terminal open, as they are; its end ends the bridge
 *   stdout   records: | u8 kind | u16 length, little-endian | that many bytes |
 *              'P'  path of the terminal: the first record, once
 *              'C'  u8: whether a program has it open (0, 1)
 *              'B'  u32: the baud that the program has set, before the first bytes sent at it
 *              'D'  bytes from the program
 *              'L'  u32: bytes for the program that were lost, because it does not read
 *
 * Invariants: programs may come and go as often as they like, and find the terminal as the first one did, raw and
 * empty; what comes for nobody is dropped, as a UART drops what nobody hears. A terminal does not tell of a new baud:
 * it is looked at before bytes are passed on, and every few milliseconds.
 *
 * Exit codes: 0 when stdin has ended, 1 with a line on stderr when the bridge cannot work.
 */

#define _GNU_SOURCE   /* posix_openpt and friends, on Linux */
#define _DARWIN_C_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
	/* Not <termios.h>: glibc hides rates that are no B constants there, and the two headers exclude each other. */
	#include <asm/termbits.h>
	#include <sys/inotify.h>
#else
	#include <termios.h>
#endif

enum {
	BYTES_MAX = 4096,
	RECORD_HEAD_BYTES = 3,
	LOOK_MS = 5,
	DOUBT_MS = 100,
	DOUBTS = 2
};

typedef struct {
	int master;
	int slave;      /* Linux: the bridge's own; elsewhere -1 */
	int watch;      /* Linux: inotify; elsewhere -1 */
	int programs;   /* that have the terminal open; where nobody counts: 0 or 1 */
	int doubts;     /* Linux: so often the master is still to be asked who is there */
	int64_t askMs;  /* Linux: when */
	uint32_t baud;  /* as reported last; 0 before */
} Bridge;

static void fail(const char *what)
{
	fprintf(stderr, "pty-bridge: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static void writeAll(const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t written = write(STDOUT_FILENO, bytes, count);
		if ((written < 0) && (EINTR != errno))
			exit(0);   /* nobody listens any more */
		if (written > 0) {
			bytes += written;
			count -= (size_t)written;
		}
	}
}

static void report(char kind, const void *bytes, size_t count)
{
	uint8_t record[RECORD_HEAD_BYTES + BYTES_MAX];

	record[0] = (uint8_t)kind;
	record[1] = (uint8_t)count;
	record[2] = (uint8_t)(count >> 8);
	memcpy(record + RECORD_HEAD_BYTES, bytes, count);
	writeAll(record, RECORD_HEAD_BYTES + count);
}

static void reportNumber(char kind, uint32_t number)
{
	uint8_t bytes[] = { (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16), (uint8_t)(number >> 24) };
	report(kind, bytes, sizeof bytes);
}

/* ---- the terminal ------------------------------------------------------------------------------------------------ */

#ifdef __linux__

static uint32_t baudOf(int terminal)
{
	struct termios2 settings;
	return ioctl(terminal, TCGETS2, &settings) ? 0 : settings.c_ospeed;
}

/* Only where it is not: between reading and writing the settings a program may have changed them. */
static void makeRaw(int terminal)
{
	struct termios2 settings;

	if (ioctl(terminal, TCGETS2, &settings) || !(settings.c_lflag & (ICANON | ECHO)))
		return;
	settings.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	settings.c_oflag &= ~(tcflag_t)OPOST;
	settings.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	settings.c_cflag = (settings.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	ioctl(terminal, TCSETS2, &settings);
}

#else

static uint32_t baudOf(int terminal)
{
	struct termios settings;
	return tcgetattr(terminal, &settings) ? 0 : (uint32_t)cfgetospeed(&settings);
}

static void makeRaw(int terminal)
{
	struct termios settings;

	if (tcgetattr(terminal, &settings) || !(settings.c_lflag & (ICANON | ECHO)))
		return;
	cfmakeraw(&settings);
	tcsetattr(terminal, TCSANOW, &settings);
}

#endif

static void reportBaud(Bridge *bridge)
{
	uint32_t baud = baudOf(bridge->master);

	if (baud == bridge->baud)
		return;
	bridge->baud = baud;
	reportNumber('B', baud);
}

/* Returns what read() does. */
static ssize_t passOn(Bridge *bridge)
{
	uint8_t bytes[BYTES_MAX];
	ssize_t count = read(bridge->master, bytes, sizeof bytes);

	if (count > 0) {
		reportBaud(bridge);
		report('D', bytes, (size_t)count);
	}
	return count;
}

static void setPrograms(Bridge *bridge, int programs)
{
	uint8_t isOpen = programs > 0;
	int hasChanged = isOpen != (bridge->programs > 0);

	bridge->programs = programs;
	if (!hasChanged)
		return;
	if (isOpen)
		reportBaud(bridge);
	report('C', &isOpen, 1);
}

/* ---- who is there ------------------------------------------------------------------------------------------------ */

#ifdef __linux__

/*
 * The bridge keeps the terminal open itself: its settings then outlast the programs, and so does the way to take back
 * TIOCEXCL, which serial libraries set and Linux keeps until everybody has closed. So hang-ups do not tell who is
 * there. inotify counts; but equal events that nobody has read yet come as one, so a while after each closing the
 * master is asked as well.
 */
static void openTerminal(Bridge *bridge)
{
	const char *path = ptsname(bridge->master);

	bridge->slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if ((bridge->slave < 0) && (EBUSY != errno))
		fail(path);
	if (bridge->slave >= 0)
		makeRaw(bridge->slave);
	bridge->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if ((bridge->watch < 0) || (inotify_add_watch(bridge->watch, path, IN_OPEN | IN_CLOSE) < 0))
		fail("inotify");
}

static int64_t nowMs(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void doubt(Bridge *bridge)
{
	bridge->doubts = DOUBTS;
	bridge->askMs = nowMs() + DOUBT_MS;
}

/*
 * Lets go for a moment: then the master tells whether anybody else is there. Not right after a closing, for a program
 * that opens again and takes TIOCEXCL in that moment locks the bridge out. Whoever comes or goes then is not counted,
 * so the question comes twice.
 */
static int askMaster(Bridge *bridge)
{
	if (bridge->slave >= 0)
		ioctl(bridge->slave, TIOCNXCL);
	close(bridge->watch);
	close(bridge->slave);
	ssize_t count = passOn(bridge);
	int isThere = (count > 0) || ((count < 0) && (EAGAIN == errno));
	openTerminal(bridge);
	bridge->doubts--;
	bridge->askMs = nowMs() + DOUBT_MS;
	return isThere;
}

static int countPrograms(Bridge *bridge)
{
	char events[BYTES_MAX] __attribute__((aligned(8)));
	ssize_t count = read(bridge->watch, events, sizeof events);
	int programs = bridge->programs;

	for (ssize_t at = 0; at < count;) {
		const struct inotify_event *event = (const struct inotify_event *)(events + at);
		programs += (event->mask & IN_OPEN) ? 1 : -1;
		if (!(event->mask & IN_OPEN))
			doubt(bridge);
		at += (ssize_t)(sizeof *event + event->len);
	}
	if ((bridge->doubts > 0) && (nowMs() >= bridge->askMs))
		return askMaster(bridge);
	return programs < 0 ? 0 : programs;
}

static void lookAfterPrograms(Bridge *bridge)
{
	int programs = countPrograms(bridge);

	if ((passOn(bridge) > 0) && (programs == 0) && (bridge->doubts == 0))
		doubt(bridge);
	if ((programs == 0) && (bridge->programs > 0)) {
		while (passOn(bridge) > 0) /* its last bytes */
			;
		ioctl(bridge->slave, TIOCNXCL);
		ioctl(bridge->slave, TCFLSH, TCIFLUSH);
		makeRaw(bridge->slave);
	}
	setPrograms(bridge, programs);
}

#else

/* Each first opening brings the default settings back, and reading the master tells whether anybody is there. */
static void openTerminal(Bridge *bridge)
{
	(void)bridge;
}

static void lookAfterPrograms(Bridge *bridge)
{
	ssize_t count = passOn(bridge);
	int isThere = (count > 0) || ((count < 0) && ((EAGAIN == errno) || (EINTR == errno)));

	if (isThere && (bridge->programs == 0))
		makeRaw(bridge->master);
	if (!isThere && (bridge->programs > 0))
		tcflush(bridge->master, TCOFLUSH);
	setPrograms(bridge, isThere);
}

#endif

/* ---- both ways --------------------------------------------------------------------------------------------------- */

/* Ends the bridge with its stdin. */
static void takeIn(Bridge *bridge)
{
	uint8_t bytes[BYTES_MAX];
	ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);

	if ((count < 0) && ((EINTR == errno) || (EAGAIN == errno)))
		return;
	if (count <= 0)
		exit(0);
	if (bridge->programs == 0)
		return;
	ssize_t written = write(bridge->master, bytes, (size_t)count);
	if (written < count)
		reportNumber('L', (uint32_t)(count - (written < 0 ? 0 : written)));
}

static void serve(Bridge *bridge)
{
	int isWatched = bridge->watch >= 0;
	/* Without a watch, a master that nobody has open would be readable for ever. */
	int isListening = isWatched || (bridge->programs > 0);
	/* With one, nothing has to be looked at while nobody is there for sure. */
	int isQuiet = isWatched && (bridge->programs == 0) && (bridge->doubts == 0);
	struct timeval look = { 0, LOOK_MS * 1000 };
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(STDIN_FILENO, &readable);
	if (isListening)
		FD_SET(bridge->master, &readable);
	if (isWatched)
		FD_SET(bridge->watch, &readable);
	int last = bridge->master > bridge->watch ? bridge->master : bridge->watch;
	if (select(last + 1, &readable, NULL, NULL, isQuiet ? NULL : &look) < 0) {
		if (EINTR == errno)
			return;
		fail("select");
	}
	lookAfterPrograms(bridge);
	if (bridge->programs > 0)
		reportBaud(bridge);
	if (FD_ISSET(STDIN_FILENO, &readable))
		takeIn(bridge);
}

int main(void)
{
	Bridge bridge = { .master = -1, .slave = -1, .watch = -1 };

	/* Ctrl-C reaches the whole group of processes; the emulator may still have something to say. */
	signal(SIGINT, SIG_IGN);
	bridge.master = posix_openpt(O_RDWR | O_NOCTTY);
	if ((bridge.master < 0) || grantpt(bridge.master) || unlockpt(bridge.master))
		fail("no pseudo-terminal is to be had");
	const char *path = ptsname(bridge.master);
	if (!path)
		fail("the pseudo-terminal has no name");
	report('P', path, strlen(path));
	fcntl(bridge.master, F_SETFL, fcntl(bridge.master, F_GETFL) | O_NONBLOCK);
	openTerminal(&bridge);
	for (;;)
		serve(&bridge);
}
