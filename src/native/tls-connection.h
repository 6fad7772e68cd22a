/*
 * A TLS connection with a thread of its own, so that its computing never holds up the engine.
 *
 *   engine's thread     tlsConnectionRead() <-- in  <-- thread <-- session <-- socket
 *                      tlsConnectionWrite() --> out --> thread --> session --> socket
 *
 * Two rings of a fixed size under one lock, which is held for the time of a copy. A full `in` leaves the rest to TCP,
 * which holds the server back. The owner is called on its machine's thread when there is news, at most one message at a
 * time. Closing does not wait: the thread, which may be in the middle of a computation, cleans up when it is through.
 *
 * Fault model: as that of a session. The end is told when all that has arrived was read.
 */

#ifndef TLS_CONNECTION_H
#define TLS_CONNECTION_H

#include "tls-session.h"

typedef struct TlsConnection TlsConnection;

enum {
	TLS_IN_BYTES = 4096,
	TLS_OUT_BYTES = 2048,
};

typedef struct {
	size_t writable; /* how much is taken now, when there is news of that; the first says that the connection stands */
	size_t readable; /* how much waits, when more has arrived */
	int hasEnded;
	TlsProblem problem;
	char detail[TLS_DETAIL_BYTES];
} TlsNews;

/*
 * NULL, and why in `*problem`, when there is no connection to be had. Everything in the options is copied.
 * deliver(machine, connection) calls tlsConnectionOwner() first, and tlsConnectionRelease() last.
 */
TlsConnection *tlsConnectionStart(const TlsOptions *options, void *owner, void *machine,
	void (*deliver)(void *machine, void *connection), const char **problem);
/* NULL when it is closed. */
void *tlsConnectionOwner(TlsConnection *connection);
/* The message is through. */
void tlsConnectionRelease(TlsConnection *connection);
/* All there is to tell. Another message comes when there is more. */
void tlsConnectionTakeNews(TlsConnection *connection, TlsNews *news);

/* Returns how many bytes there were. */
size_t tlsConnectionRead(TlsConnection *connection, uint8_t *bytes, size_t room);
/* All or nothing: 0 when there is no room for all. `*room`: how much more is taken now. */
int tlsConnectionWrite(TlsConnection *connection, const uint8_t *bytes, size_t length, size_t *room);
/* For the owner, who is not called any more and may be gone. */
void tlsConnectionClose(TlsConnection *connection);

#endif
