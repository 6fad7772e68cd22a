/*
 * The program around the XS machine on a PC: Moddable's platform x-cli-lin brings none of its own.
 *
 * It loads the module "main" and then serves GLib's main loop, as a chip serves its event queue. The host program
 * (host/lin/machine.ts) sits at file descriptor 3, a socket. It is asked with frames of a 32-bit length, in this
 * computer's byte order, and so many bytes; each is answered with one of the same form while the machine waits.
 * Descriptor 4, where there is one, is the far end of a serial line, reached through a pseudo-terminal (engine_line).
 *
 * Fault model: the host program gone is the end, quietly. What the engine gives up on (memory, stack, an exception
 * that nobody caught) ends the process with EXIT_ABORT and a line on stderr: on the chip it is a restart.
 */

#define _GNU_SOURCE
#include "xsAll.h"
#include "mc.xs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

enum {
	HOST_FD = 3,
	LINE_FD = 4,
	EXIT_ABORT = 70,
	RELAY_BYTES = 4096,
	STACK_PAINT = 0x5a,
};

static gint64 gTurnStarted;
static gint64 gTurnLongest;

void fxAbort(xsMachine* the, int status)
{
	fflush(stdout);
	fprintf(stderr, "XS abort: %s\n", fxAbortString(status));
	if ((XS_UNHANDLED_EXCEPTION_EXIT == status) && the) {
		mxPush(mxException);
		mxGetID(mxID(_stack));
		fprintf(stderr, "%s\n", fxToString(the, the->stack));
	}
	_exit(EXIT_ABORT);
}

/* ---- the host program ------------------------------------------------------------------------------------------ */

static void transfer(void* bytes, size_t count, int isRead)
{
	char* at = bytes;
	while (count > 0) {
		ssize_t done = isRead ? read(HOST_FD, at, count) : write(HOST_FD, at, count);
		if ((done < 0) && (EINTR == errno))
			continue;
		if (done <= 0)
			_exit(0);
		at += done;
		count -= (size_t)done;
	}
}

/* (request: ArrayBuffer) -> ArrayBuffer */
void engine_ask(xsMachine* the)
{
	uint32_t count = (uint32_t)xsGetArrayBufferLength(xsArg(0));
	char* request = malloc(count ? count : 1);
	if (!request)
		xsUnknownError("no memory");
	xsGetArrayBufferData(xsArg(0), 0, request, count);
	transfer(&count, sizeof(count), 0);
	transfer(request, count, 0);
	free(request);
	transfer(&count, sizeof(count), 1);
	xsResult = xsArrayBuffer(NULL, count);
	if (count)
		transfer(xsToArrayBuffer(xsResult), count, 1);
}

/* (status: number): ends the process */
void engine_exit(xsMachine* the)
{
	exit(xsToInteger(xsArg(0)));
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* Between two polls the machine is at work: one turn. */
static gint pollBetweenTurns(GPollFD* fds, guint count, gint timeoutMs)
{
	gint result;
	gint64 now = g_get_monotonic_time();
	if (gTurnStarted && (now - gTurnStarted > gTurnLongest))
		gTurnLongest = now - gTurnStarted;
	result = g_poll(fds, count, timeoutMs);
	gTurnStarted = g_get_monotonic_time();
	return result;
}

static gboolean onPassed(gpointer isOver)
{
	*(gboolean*)isOver = TRUE;
	return G_SOURCE_REMOVE;
}

/* (durationMs: number): serves the loop for so long, from inside a call. Only for tests. */
void engine_pass(xsMachine* the)
{
	gboolean isOver = FALSE;
	g_timeout_add((guint)xsToInteger(xsArg(0)), onPassed, &isOver);
	while (!isOver)
		g_main_context_iteration(NULL, TRUE);
}

/* () -> microseconds since some moment */
void engine_now(xsMachine* the)
{
	xsResult = xsNumber((double)g_get_monotonic_time());
}

/* () -> microseconds of the longest turn since the last call */
void engine_longestTurn(xsMachine* the)
{
	xsResult = xsNumber((double)gTurnLongest);
	gTurnLongest = 0;
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static void paintStack(xsMachine* the)
{
	c_memset(the->stackBottom, STACK_PAINT, (size_t)((char*)the->stack - (char*)the->stackBottom));
}

static int isPainted(const txSlot* slot)
{
	const unsigned char* byte = (const unsigned char*)slot;
	size_t i;
	for (i = 0; i < sizeof(txSlot); i++) {
		if (byte[i] != STACK_PAINT)
			return 0;
	}
	return 1;
}

/* From the top down: regular expressions use the far end of the stack as scratch memory. */
static double stackSlotsTouched(xsMachine* the)
{
	txSlot* slot = the->stack;
	while ((slot > the->stackBottom) && !isPainted(slot - 1))
		slot--;
	return (double)(the->stackTop - slot);
}

/*
 * (isCollected: boolean, figures: ArrayBuffer of doubles): slots in use and reserved; bytes of chunks in use and
 * reserved; slots of stack ever touched and reserved; keys in use and reserved; bytes of a slot.
 */
void engine_measure(xsMachine* the)
{
	double figures[9];
	if (xsTest(xsArg(0)))
		fxCollectGarbage(the);
	figures[0] = (double)the->currentHeapCount;
	figures[1] = (double)the->maximumHeapCount;
	figures[2] = (double)the->currentChunksSize;
	figures[3] = (double)the->maximumChunksSize;
	figures[4] = stackSlotsTouched(the);
	figures[5] = (double)(the->stackTop - the->stackBottom);
	figures[6] = (double)the->keyIndex;
	figures[7] = (double)the->keyCount;
	figures[8] = (double)sizeof(txSlot);
	xsSetArrayBufferData(xsArg(1), 0, figures, sizeof(figures));
}

/* ---- the serial line ------------------------------------------------------------------------------------------- */

/* Moves what is there; 0 at the end of either side. */
static int relay(int from, int to)
{
	char bytes[RELAY_BYTES];
	ssize_t count = read(from, bytes, sizeof(bytes)), at = 0;
	if (count <= 0)
		return 0;
	while (at < count) {
		ssize_t done = write(to, bytes + at, (size_t)(count - at));
		if (done <= 0)
			return 0;
		at += done;
	}
	return 1;
}

/* The cable: a process of its own, so that bytes move while the machine is busy. */
static void carry(int terminal)
{
	struct pollfd fds[2] = {{terminal, POLLIN, 0}, {LINE_FD, POLLIN, 0}};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (poll(fds, 2, -1) > 0) {
		if ((fds[0].revents & POLLIN) && !relay(terminal, LINE_FD))
			break;
		if (fds[1].revents && !relay(LINE_FD, terminal))
			break;
	}
	_exit(0);
}

/* () -> path of a serial device whose far end is LINE_FD */
void engine_line(xsMachine* the)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct termios raw;
	char path[64];
	if ((terminal < 0) || grantpt(terminal) || unlockpt(terminal) || ptsname_r(terminal, path, sizeof(path)))
		xsUnknownError("no pseudo-terminal");
	/* Raw from the start, and open for good: the line must not hang up between two uses. */
	slave = open(path, O_RDWR | O_NOCTTY);
	if ((slave < 0) || tcgetattr(slave, &raw))
		xsUnknownError("no pseudo-terminal");
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	if (0 == fork())
		carry(terminal);
	close(terminal);
	xsResult = xsString(path);
}

/* ---- */

int main(int argc, char* argv[])
{
	int failed = 0;
	xsMachine* machine = fxPrepareMachine(NULL, xsPreparation(), "ferry", NULL, NULL);
	if (!machine) {
		fprintf(stderr, "ferry: no machine: the engine and its preparation do not fit\n");
		return EXIT_ABORT;
	}
	signal(SIGPIPE, SIG_IGN);
	paintStack(machine);
	g_main_context_set_poll_func(NULL, pollBetweenTurns);
	xsBeginHost(machine);
	{
		xsTry {
			xsAwaitImport("main", XS_IMPORT_NAMESPACE);
		}
		xsCatch {
			fprintf(stderr, "ferry: %s\n", xsToString(xsException));
			failed = 1;
		}
	}
	xsEndHost(machine);
	if (failed)
		return EXIT_ABORT;
	g_main_loop_run(g_main_loop_new(NULL, FALSE));
	return 0;
}
