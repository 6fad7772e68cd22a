/*
 * A TLS client on one TCP connection: mbedTLS (2.28 to 4) over a BSD socket that never waits.
 *
 * Who is believed: a server whose certificate leads, signature by signature and through authorities only, to the given
 * authority or to one of the platform's own; which names the host; and which the date of time() lies in. Anything else
 * ends the handshake, before a byte is sent or handed out. TLS 1.2 at least.
 *
 * Calls of one session must not overlap. Those of different ones may: mbedTLS, which keeps random numbers and keys in
 * one place for all, is entered one at a time. A step of a handshake may compute for a second on a chip.
 *
 * Fault model: whatever the network or the server does ends in TLS_FAILED, with a reason that does not change any more.
 */

#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include <stddef.h>
#include <stdint.h>

typedef struct TlsSession TlsSession;

typedef struct {
	const char *host;
	const char *address; /* of the host: IPv4, as text */
	uint16_t port;
	/* Certificates, one in DER or any number in PEM, with a NUL behind them that does not count; or NULL. */
	const uint8_t *authority;
	size_t authorityBytes;
	/* Believes the platform's authorities too: ESP-IDF's bundle; a PC has none here. */
	int trustsBundle;
} TlsOptions;

typedef enum {
	TLS_DONE,
	/* Nothing can be done before the socket is readable, or writable. */
	TLS_WANTS_READ,
	TLS_WANTS_WRITE,
	TLS_FAILED,
} TlsStep;

/* As SocketProblem in ports.ts. */
typedef enum {
	TLS_CONNECTION,
	TLS_CERTIFICATE,
	TLS_CLOSED,
} TlsProblem;

enum { TLS_DETAIL_BYTES = 192 };

/* NULL without memory. The options must outlive the session. */
TlsSession *tlsOpen(const TlsOptions *options);
/* Again and again, until TLS_DONE: the connection stands. */
TlsStep tlsConnect(TlsSession *session);
/* TLS_DONE: `*count` bytes, one at least, were read. */
TlsStep tlsRead(TlsSession *session, uint8_t *bytes, size_t room, size_t *count);
/* TLS_DONE: `*count` bytes were taken. Otherwise the same bytes, and as many, must be offered again. */
TlsStep tlsWrite(TlsSession *session, const uint8_t *bytes, size_t length, size_t *count);
/* Waits for the socket, but not longer than `waitMs`. */
void tlsAwait(TlsSession *session, int isToRead, int isToWrite, uint32_t waitMs);
/* Of a session that failed. `detail` has room for TLS_DETAIL_BYTES. */
TlsProblem tlsProblemOf(const TlsSession *session, char *detail);
/* Says good-bye where the connection stands, without waiting. */
void tlsClose(TlsSession *session);

#endif
