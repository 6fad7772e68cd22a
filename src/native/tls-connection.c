/* See tls-connection.h. */

#include "tls-connection.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine-post.h"

#if defined(ESP_PLATFORM)
#include "esp_pthread.h"
#endif

#include "strict.h"

enum {
	/* How late the thread may see that the engine writes or closes, while it waits for the network. */
	LOOK_MS = 20,
	/* A handshake was seen to use 7 KiB on a 64-bit PC; the rest is for interrupts and ESP-IDF's bundle. */
	STACK_BYTES = 10240,
	/* Below the engine's task (4): on a chip with one core, computing fills the gaps that the engine leaves. */
	PRIORITY = 3,
};

typedef struct {
	uint8_t *bytes;
	size_t size;
	size_t start;
	size_t count;
} Ring;

struct TlsConnection {
	pthread_mutex_t lock;
	pthread_cond_t moved; /* the engine has read, written or closed */
	/* Under the lock. */
	void *owner; /* NULL: closed */
	uint8_t references; /* the owner's, the thread's, the messages' */
	uint8_t isPosted;   /* a message is under way that will take the news */
	uint8_t hasArrived; /* news: see TlsNews */
	uint8_t hasRoom;
	uint8_t hasFailed;
	uint8_t isEndTold;
	Ring in;
	Ring out;
	/* The thread's. */
	TlsSession *session;
	size_t offered; /* of `out` to the session, which wants the same again */
	TlsProblem problem;
	char detail[TLS_DETAIL_BYTES];
	/* Constant. */
	TlsOptions options;
	void *machine;
	void (*deliver)(void *machine, void *connection);
	uint8_t inBytes[TLS_IN_BYTES];
	uint8_t outBytes[TLS_OUT_BYTES];
	char texts[]; /* what the options name */
};

static void lock(TlsConnection *connection)
{
	pthread_mutex_lock(&connection->lock);
}

static void unlock(TlsConnection *connection)
{
	pthread_mutex_unlock(&connection->lock);
}

/* The last one frees it. */
static void release(TlsConnection *connection)
{
	int isLast;

	lock(connection);
	isLast = 0 == --connection->references;
	unlock(connection);
	if (!isLast)
		return;
	pthread_mutex_destroy(&connection->lock);
	pthread_cond_destroy(&connection->moved);
	free(connection);
}

/* ---- rings: what is free, or full, stays so for the side that has looked ------------------------------------------- */

static uint8_t *freePart(const Ring *ring, size_t *length)
{
	size_t end = ring->start + ring->count;

	if (end < ring->size) {
		*length = ring->size - end;
		return ring->bytes + end;
	}
	*length = ring->size - ring->count;
	return ring->bytes + (end - ring->size);
}

static uint8_t *fullPart(const Ring *ring, size_t *length)
{
	size_t untilEnd = ring->size - ring->start;

	*length = ring->count < untilEnd ? ring->count : untilEnd;
	return ring->bytes + ring->start;
}

static void drop(Ring *ring, size_t count)
{
	ring->count -= count;
	ring->start = (ring->start + count) % ring->size;
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static int isClosed(TlsConnection *connection)
{
	return NULL == tlsConnectionOwner(connection);
}

static int hasNews(const TlsConnection *connection)
{
	return connection->hasArrived || connection->hasRoom
		|| (connection->hasFailed && !connection->isEndTold && (0 == connection->in.count));
}

/* Has the owner told, when there is something to tell and no message under way. */
static void tell(TlsConnection *connection)
{
	int mustPost;

	lock(connection);
	mustPost = connection->owner && !connection->isPosted && hasNews(connection);
	if (mustPost) {
		connection->isPosted = 1;
		connection->references++;
	}
	unlock(connection);
	if (mustPost && !enginePost(connection->machine, connection->deliver, connection)) {
		lock(connection);
		connection->isPosted = 0; /* so it is tried again */
		unlock(connection);
		release(connection);
	}
}

/* Until the engine has moved something, or a moment. */
static void awaitEngine(TlsConnection *connection)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	lock(connection);
	if (connection->owner)
		pthread_cond_timedwait(&connection->moved, &connection->lock, &until);
	unlock(connection);
}

static TlsStep reach(TlsConnection *connection)
{
	TlsStep step;

	for (;;) {
		step = tlsConnect(connection->session);
		if ((TLS_DONE == step) || (TLS_FAILED == step) || isClosed(connection))
			break;
		tlsAwait(connection->session, TLS_WANTS_READ == step, TLS_WANTS_WRITE == step, LOOK_MS);
	}
	lock(connection);
	connection->hasRoom = TLS_DONE == step;
	unlock(connection);
	return step;
}

/* TLS_WANTS_WRITE also when `in` is full. */
static TlsStep receive(TlsConnection *connection)
{
	TlsStep step;
	uint8_t *bytes;
	size_t room, count;

	lock(connection);
	bytes = freePart(&connection->in, &room);
	unlock(connection);
	if (0 == room)
		return TLS_WANTS_WRITE;
	step = tlsRead(connection->session, bytes, room, &count);
	lock(connection);
	connection->in.count += count;
	connection->hasArrived |= count > 0;
	unlock(connection);
	return step;
}

/* TLS_WANTS_READ also when there is nothing to send. */
static TlsStep transmit(TlsConnection *connection)
{
	TlsStep step;
	const uint8_t *bytes;
	size_t length, count;

	lock(connection);
	bytes = fullPart(&connection->out, &length);
	unlock(connection);
	if (connection->offered)
		length = connection->offered;
	if (0 == length)
		return TLS_WANTS_READ;
	step = tlsWrite(connection->session, bytes, length, &count);
	connection->offered = TLS_DONE == step ? 0 : length;
	lock(connection);
	drop(&connection->out, count);
	connection->hasRoom |= (count > 0) && (0 == connection->out.count);
	unlock(connection);
	return step;
}

static void serve(TlsConnection *connection)
{
	while (!isClosed(connection)) {
		TlsStep sending = transmit(connection);
		TlsStep receiving = receive(connection);

		if ((TLS_FAILED == sending) || (TLS_FAILED == receiving))
			return;
		tell(connection);
		if ((TLS_DONE == sending) || (TLS_DONE == receiving))
			continue;
		if (TLS_WANTS_READ == receiving)
			tlsAwait(connection->session, 1, TLS_WANTS_WRITE == sending, LOOK_MS);
		else
			awaitEngine(connection); /* `in` is full */
	}
}

/* All memory of mbedTLS goes before the end is told: the next connection may need it. */
static void end(TlsConnection *connection)
{
	connection->problem = tlsProblemOf(connection->session, connection->detail);
	tlsClose(connection->session);
	lock(connection);
	connection->hasFailed = 1;
	unlock(connection);
	while (!isClosed(connection)) {
		tell(connection);
		awaitEngine(connection);
	}
}

static void *run(void *context)
{
	TlsConnection *connection = context;

	if (TLS_DONE == reach(connection)) {
		serve(connection);
		if (isClosed(connection))
			transmit(connection); /* the last words, as far as that goes without waiting */
	}
	end(connection);
	release(connection);
	return NULL;
}

static int startThread(TlsConnection *connection)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

#if defined(ESP_PLATFORM)
	esp_pthread_cfg_t task = esp_pthread_get_default_config();
	task.prio = PRIORITY;
	task.stack_size = STACK_BYTES;
	task.thread_name = "tls";
	if (esp_pthread_set_cfg(&task))
		return 0;
#endif
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attributes, run, connection);
	pthread_attr_destroy(&attributes);
	return 0 == error;
}

/* ---- birth and death --------------------------------------------------------------------------------------------- */

static char *copyText(char **at, const void *text, size_t length)
{
	char *copy = *at;

	memcpy(copy, text, length);
	copy[length] = 0;
	*at += length + 1;
	return copy;
}

static TlsConnection *make(const TlsOptions *options)
{
	size_t host = strlen(options->host), address = strlen(options->address);
	TlsConnection *connection = calloc(1, sizeof(TlsConnection) + host + address + options->authorityBytes + 3);
	char *at;

	if (!connection)
		return NULL;
	at = connection->texts;
	connection->options = *options;
	connection->options.host = copyText(&at, options->host, host);
	connection->options.address = copyText(&at, options->address, address);
	if (options->authority)
		connection->options.authority = (uint8_t *)copyText(&at, options->authority, options->authorityBytes);
	connection->in.bytes = connection->inBytes;
	connection->in.size = TLS_IN_BYTES;
	connection->out.bytes = connection->outBytes;
	connection->out.size = TLS_OUT_BYTES;
	return connection;
}

TlsConnection *tlsConnectionStart(const TlsOptions *options, void *owner, void *machine,
	void (*deliver)(void *machine, void *connection), const char **problem)
{
	TlsConnection *connection = make(options);

	*problem = "no memory for TLS";
	if (!connection)
		return NULL;
	connection->session = tlsOpen(&connection->options);
	if (!connection->session) {
		free(connection);
		return NULL;
	}
	connection->owner = owner;
	connection->machine = machine;
	connection->deliver = deliver;
	connection->references = 2;
	pthread_mutex_init(&connection->lock, NULL);
	pthread_cond_init(&connection->moved, NULL);
	if (startThread(connection))
		return connection;
	*problem = "no thread for TLS";
	tlsClose(connection->session);
	connection->references = 1;
	release(connection);
	return NULL;
}

void tlsConnectionClose(TlsConnection *connection)
{
	lock(connection);
	connection->owner = NULL;
	pthread_cond_signal(&connection->moved);
	unlock(connection);
	release(connection);
}

/* ---- the engine's thread ----------------------------------------------------------------------------------------- */

void *tlsConnectionOwner(TlsConnection *connection)
{
	void *owner;

	lock(connection);
	owner = connection->owner;
	unlock(connection);
	return owner;
}

void tlsConnectionRelease(TlsConnection *connection)
{
	release(connection);
}

void tlsConnectionTakeNews(TlsConnection *connection, TlsNews *news)
{
	lock(connection);
	news->writable = connection->hasRoom ? connection->out.size - connection->out.count : 0;
	news->readable = connection->hasArrived ? connection->in.count : 0;
	news->hasEnded = connection->hasFailed && !connection->isEndTold && (0 == connection->in.count);
	if (news->hasEnded) {
		news->problem = connection->problem;
		memcpy(news->detail, connection->detail, sizeof(news->detail));
	}
	connection->isEndTold |= (uint8_t)news->hasEnded;
	connection->isPosted = connection->hasRoom = connection->hasArrived = 0;
	unlock(connection);
}

size_t tlsConnectionRead(TlsConnection *connection, uint8_t *bytes, size_t room)
{
	size_t done = 0;

	lock(connection);
	while ((done < room) && connection->in.count) {
		size_t length;
		const uint8_t *part = fullPart(&connection->in, &length);
		if (length > room - done)
			length = room - done;
		memcpy(bytes + done, part, length);
		drop(&connection->in, length);
		done += length;
	}
	pthread_cond_signal(&connection->moved);
	unlock(connection);
	return done;
}

int tlsConnectionWrite(TlsConnection *connection, const uint8_t *bytes, size_t length, size_t *room)
{
	int isTaken;
	size_t done = 0;

	lock(connection);
	isTaken = length <= connection->out.size - connection->out.count;
	while (isTaken && (done < length)) {
		size_t part;
		uint8_t *into = freePart(&connection->out, &part);
		if (part > length - done)
			part = length - done;
		memcpy(into, bytes + done, part);
		connection->out.count += part;
		done += part;
	}
	*room = connection->out.size - connection->out.count;
	pthread_cond_signal(&connection->moved);
	unlock(connection);
	return isTaken;
}
