/* See tls-session.h. */

#include "tls-session.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(ESP_PLATFORM)
#include "lwip/sockets.h"
#include "esp_crt_bundle.h"
/* lwIP's own, whatever sdkconfig leaves of ESP-IDF's file descriptors: these are sockets. */
#define close lwip_close
#define connect lwip_connect
#define fcntl lwip_fcntl
#define getsockopt lwip_getsockopt
#define inet_pton lwip_inet_pton
#define recv lwip_recv
#define select lwip_select
#define send lwip_send
#define setsockopt lwip_setsockopt
#define socket lwip_socket
#else
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include "mbedtls/net_sockets.h"
#include "mbedtls/ssl.h"
#include "mbedtls/version.h"
#include "mbedtls/x509_crt.h"
#include "psa/crypto.h"
#if MBEDTLS_VERSION_MAJOR < 4
#include "mbedtls/psa_util.h"
#endif

#include "strict.h"
#if MBEDTLS_VERSION_MAJOR < 3
#define MBEDTLS_PRIVATE(member) member
#endif

#if !defined(MBEDTLS_HAVE_TIME_DATE)
#error "mbedTLS would believe certificates that have expired: sdkconfig needs CONFIG_MBEDTLS_HAVE_TIME_DATE=y"
#endif

typedef int (*Verify)(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);

struct TlsSession {
	const TlsOptions *options;
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config config;
	mbedtls_x509_crt authority;
	Verify verifyByBundle; /* or NULL */
	int socket;
	uint8_t isSetUp;
	uint8_t isReached;
	uint8_t isUp;
	uint8_t isSelfSigned; /* the server's certificate */
	uint8_t hasFailed;
	int socketError; /* errno of the socket's last call */
	TlsProblem problem;
	char detail[TLS_DETAIL_BYTES];
};

static pthread_mutex_t gMbedtls = PTHREAD_MUTEX_INITIALIZER;

/* The first reason counts. */
__attribute__((format(printf, 3, 4)))
static TlsStep fail(TlsSession *session, TlsProblem problem, const char *format, ...)
{
	va_list arguments;

	if (session->hasFailed)
		return TLS_FAILED;
	session->hasFailed = 1;
	session->problem = problem;
	va_start(arguments, format);
	vsnprintf(session->detail, sizeof(session->detail), format, arguments);
	va_end(arguments);
	return TLS_FAILED;
}

/* ---- the socket -------------------------------------------------------------------------------------------------- */

static int mustWait(int error)
{
	return (EAGAIN == error) || (EWOULDBLOCK == error) || (EINTR == error);
}

static int sendSome(void *context, const unsigned char *bytes, size_t length)
{
	TlsSession *session = context;
	ssize_t done = send(session->socket, bytes, length, MSG_NOSIGNAL);

	if (done >= 0)
		return (int)done;
	session->socketError = errno;
	return mustWait(errno) ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_NET_SEND_FAILED;
}

static int receiveSome(void *context, unsigned char *bytes, size_t room)
{
	TlsSession *session = context;
	ssize_t done = recv(session->socket, bytes, room, 0);

	if (done >= 0)
		return (int)done;
	session->socketError = errno;
	return mustWait(errno) ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_NET_RECV_FAILED;
}

static TlsStep callServer(TlsSession *session)
{
	const TlsOptions *options = session->options;
	struct sockaddr_in to;
	int isOn = 1;

	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_port = htons(options->port);
	if (1 != inet_pton(AF_INET, options->address, &to.sin_addr))
		return fail(session, TLS_CONNECTION, "%s is no IPv4 address", options->address);
	session->socket = socket(AF_INET, SOCK_STREAM, 0);
	if ((session->socket < 0) || fcntl(session->socket, F_SETFL, O_NONBLOCK))
		return fail(session, TLS_CONNECTION, "no socket: %s", strerror(errno));
	setsockopt(session->socket, IPPROTO_TCP, TCP_NODELAY, &isOn, sizeof(isOn));
	if (connect(session->socket, (struct sockaddr *)&to, sizeof(to)) && (EINPROGRESS != errno))
		return fail(session, TLS_CONNECTION, "cannot reach %s: %s", session->options->host, strerror(errno));
	return TLS_WANTS_WRITE;
}

/* Whether the server has been reached. */
static TlsStep awaitServer(TlsSession *session)
{
	struct timeval now = { 0, 0 };
	int error = 0;
	socklen_t length = sizeof(error);
	fd_set writable;

	FD_ZERO(&writable);
	FD_SET(session->socket, &writable);
	if (select(session->socket + 1, NULL, &writable, NULL, &now) <= 0)
		return TLS_WANTS_WRITE;
	if (getsockopt(session->socket, SOL_SOCKET, SO_ERROR, &error, &length))
		error = errno;
	if (error)
		return fail(session, TLS_CONNECTION, "cannot reach %s: %s", session->options->host, strerror(error));
	return TLS_DONE;
}

void tlsAwait(TlsSession *session, int isToRead, int isToWrite, uint32_t waitMs)
{
	struct timeval limit = { (time_t)(waitMs / 1000), (suseconds_t)(waitMs % 1000) * 1000 };
	fd_set readable, writable;

	FD_ZERO(&readable);
	FD_ZERO(&writable);
	if (isToRead)
		FD_SET(session->socket, &readable);
	if (isToWrite)
		FD_SET(session->socket, &writable);
	select(session->socket + 1, &readable, &writable, NULL, &limit);
}

/* ---- certificates ------------------------------------------------------------------------------------------------ */

/* Called for each certificate of the chain. What has a flag in the end is not believed. */
static int verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
	TlsSession *session = context;
	const mbedtls_x509_buf *issuer = &certificate->issuer_raw, *subject = &certificate->subject_raw;

	if (0 == depth)
		session->isSelfSigned = (issuer->len == subject->len) && !memcmp(issuer->p, subject->p, issuer->len);
	/* Clears the flags where the bundle vouches. Its errors leave them, and would hide what else is wrong. */
	if (session->verifyByBundle)
		(*session->verifyByBundle)(NULL, certificate, depth, flags);
	return 0;
}

static TlsStep failByCertificate(TlsSession *session, uint32_t flags)
{
	static const struct { uint32_t flags; const char *what; } faults[] = {
		{ MBEDTLS_X509_BADCERT_EXPIRED, "has expired" },
		{ MBEDTLS_X509_BADCERT_FUTURE, "is not valid yet" },
		{ MBEDTLS_X509_BADCERT_CN_MISMATCH, "is for another host" },
		{ MBEDTLS_X509_BADCERT_NOT_TRUSTED, "is from an authority that is not trusted here" },
		{ MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY, "is too weak" },
		{ MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "is not meant for a server" },
	};
	char list[TLS_DETAIL_BYTES] = "";
	size_t i, length = 0;

	for (i = 0; (i < sizeof(faults) / sizeof(faults[0])) && (length < sizeof(list)); i++) {
		const char *what = faults[i].what;
		if (!(flags & faults[i].flags))
			continue;
		if ((MBEDTLS_X509_BADCERT_NOT_TRUSTED == faults[i].flags) && session->isSelfSigned)
			what = "is self-signed, and not trusted here";
		length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s", length ? ", " : "", what);
	}
	if (0 == length)
		snprintf(list, sizeof(list), "is refused (%08x)", (unsigned)flags);
	return fail(session, TLS_CERTIFICATE, "the certificate of %s %s", session->options->host, list);
}

/* ---- mbedTLS ----------------------------------------------------------------------------------------------------- */

static TlsStep failByError(TlsSession *session, int error)
{
	const char *host = session->options->host;

	switch (error) {
		case MBEDTLS_ERR_NET_SEND_FAILED:
		case MBEDTLS_ERR_NET_RECV_FAILED:
			return fail(session, TLS_CONNECTION, "lost %s: %s", host, strerror(session->socketError));
		case MBEDTLS_ERR_SSL_CONN_EOF:
			return fail(session, TLS_CONNECTION, "%s hung up %s", host,
				session->isUp ? "without ending TLS" : "in the middle of the TLS handshake");
		case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
			return fail(session, TLS_CLOSED, "%s closed the connection", host);
		case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
			return fail(session, TLS_CONNECTION, "%s refuses TLS as Ferry speaks it", host);
		case MBEDTLS_ERR_SSL_ALLOC_FAILED:
			return fail(session, TLS_CONNECTION, "no memory for TLS");
#if MBEDTLS_VERSION_MAJOR < 3
		case MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION:
#else
		case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
#endif
			return fail(session, TLS_CONNECTION, "%s speaks no TLS from version 1.2 on", host);
		default:
			if ((error >= MBEDTLS_ERR_X509_FATAL_ERROR) && (error <= MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE))
				return fail(session, TLS_CERTIFICATE, "the certificate of %s makes no sense: mbedTLS says -0x%04x", host,
					(unsigned)-error);
			return fail(session, TLS_CONNECTION, "no TLS with %s: mbedTLS says -0x%04x", host, (unsigned)-error);
	}
}

/* What a call of mbedTLS has returned, other than success. */
static TlsStep stepOf(TlsSession *session, int result)
{
	uint32_t flags;

	if (MBEDTLS_ERR_SSL_WANT_READ == result)
		return TLS_WANTS_READ;
	if (MBEDTLS_ERR_SSL_WANT_WRITE == result)
		return TLS_WANTS_WRITE;
	flags = session->isUp ? 0 : mbedtls_ssl_get_verify_result(&session->ssl);
	if (flags && (UINT32_MAX != flags)) /* all bits: nothing was verified so far */
		return failByCertificate(session, flags);
	return failByError(session, result);
}

static int configure(TlsSession *session)
{
	int error = mbedtls_ssl_config_defaults(&session->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
		MBEDTLS_SSL_PRESET_DEFAULT);

	if (error)
		return error;
	mbedtls_ssl_conf_authmode(&session->config, MBEDTLS_SSL_VERIFY_REQUIRED);
#if MBEDTLS_VERSION_MAJOR < 3
	mbedtls_ssl_conf_min_version(&session->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#else
	mbedtls_ssl_conf_min_tls_version(&session->config, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
#if MBEDTLS_VERSION_MAJOR < 4
	mbedtls_ssl_conf_rng(&session->config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
#endif
	return 0;
}

/* Who is believed. The bundle comes first: it puts a chain of its own, with nobody in it, where the authority goes. */
static TlsStep trust(TlsSession *session)
{
	const TlsOptions *options = session->options;
	const uint8_t *authority = options->authority;
	size_t length = options->authorityBytes;

#if defined(ESP_PLATFORM)
	if (options->trustsBundle) {
		if (esp_crt_bundle_attach(&session->config))
			return fail(session, TLS_CERTIFICATE, "the certificate authorities built in cannot be read");
		session->verifyByBundle = session->config.MBEDTLS_PRIVATE(f_vrfy);
	}
#endif
	if (authority) {
		int isPem = (length > 0) && ('-' == authority[0]);
		if (isPem ? mbedtls_x509_crt_parse(&session->authority, authority, length + 1)
				: mbedtls_x509_crt_parse_der_nocopy(&session->authority, authority, length))
			return fail(session, TLS_CERTIFICATE, "the certificate authority given is damaged: give it as DER or PEM");
		mbedtls_ssl_conf_ca_chain(&session->config, &session->authority, NULL);
	}
	else if (!session->verifyByBundle)
		return fail(session, TLS_CERTIFICATE, "there is no certificate authority to trust");
	mbedtls_ssl_conf_verify(&session->config, verify, session);
	return TLS_DONE;
}

static TlsStep setUp(TlsSession *session)
{
	int error;

	if (psa_crypto_init())
		return fail(session, TLS_CONNECTION, "no random numbers for TLS");
	error = configure(session);
	if (error)
		return failByError(session, error);
	if (TLS_FAILED == trust(session))
		return TLS_FAILED;
	error = mbedtls_ssl_setup(&session->ssl, &session->config);
	if (!error)
		error = mbedtls_ssl_set_hostname(&session->ssl, session->options->host);
	if (error)
		return failByError(session, error);
	mbedtls_ssl_set_bio(&session->ssl, session, sendSome, receiveSome, NULL);
	session->isSetUp = 1;
	return TLS_DONE;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

TlsSession *tlsOpen(const TlsOptions *options)
{
	TlsSession *session = calloc(1, sizeof(TlsSession));

	if (!session)
		return NULL;
	session->options = options;
	session->socket = -1;
	mbedtls_ssl_init(&session->ssl);
	mbedtls_ssl_config_init(&session->config);
	mbedtls_x509_crt_init(&session->authority);
	return session;
}

static TlsStep shakeHands(TlsSession *session)
{
	int result;

	if (!session->isSetUp && (TLS_FAILED == setUp(session)))
		return TLS_FAILED;
	result = mbedtls_ssl_handshake_step(&session->ssl);
	if (result)
		return stepOf(session, result);
	return TLS_DONE;
}

static int isHandshakeOver(const TlsSession *session)
{
#if MBEDTLS_VERSION_MAJOR < 3
	return MBEDTLS_SSL_HANDSHAKE_OVER == session->ssl.MBEDTLS_PRIVATE(state);
#else
	return mbedtls_ssl_is_handshake_over((mbedtls_ssl_context *)&session->ssl);
#endif
}

TlsStep tlsConnect(TlsSession *session)
{
	TlsStep step;

	if (session->hasFailed)
		return TLS_FAILED;
	if (session->socket < 0)
		return callServer(session);
	if (!session->isReached) {
		step = awaitServer(session);
		session->isReached = TLS_DONE == step;
		if (TLS_DONE != step)
			return step;
	}
	do {
		pthread_mutex_lock(&gMbedtls);
		step = shakeHands(session);
		pthread_mutex_unlock(&gMbedtls);
	} while ((TLS_DONE == step) && !isHandshakeOver(session));
	session->isUp = TLS_DONE == step;
	return step;
}

/* TLS 1.3: keys for a later session, which there will not be. They may come at any time, and into writing too. */
static int isTicket(int result)
{
#if defined(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
	return MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET == result;
#else
	(void)result;
	return 0;
#endif
}

TlsStep tlsRead(TlsSession *session, uint8_t *bytes, size_t room, size_t *count)
{
	TlsStep step;
	int result;

	*count = 0;
	if (session->hasFailed)
		return TLS_FAILED;
	pthread_mutex_lock(&gMbedtls);
	do
		result = mbedtls_ssl_read(&session->ssl, bytes, room);
	while (isTicket(result));
	if (result > 0) {
		*count = (size_t)result;
		step = TLS_DONE;
	}
	else
		step = stepOf(session, result ? result : MBEDTLS_ERR_SSL_CONN_EOF);
	pthread_mutex_unlock(&gMbedtls);
	return step;
}

TlsStep tlsWrite(TlsSession *session, const uint8_t *bytes, size_t length, size_t *count)
{
	TlsStep step = TLS_DONE;
	int result;

	*count = 0;
	if (session->hasFailed)
		return TLS_FAILED;
	pthread_mutex_lock(&gMbedtls);
	do
		result = mbedtls_ssl_write(&session->ssl, bytes, length);
	while (isTicket(result));
	if (result >= 0)
		*count = (size_t)result;
	else
		step = stepOf(session, result);
	pthread_mutex_unlock(&gMbedtls);
	return step;
}

TlsProblem tlsProblemOf(const TlsSession *session, char *detail)
{
	memcpy(detail, session->detail, TLS_DETAIL_BYTES);
	return session->problem;
}

void tlsClose(TlsSession *session)
{
	pthread_mutex_lock(&gMbedtls);
	if (session->isUp && !session->hasFailed)
		mbedtls_ssl_close_notify(&session->ssl);
	mbedtls_ssl_free(&session->ssl);
	mbedtls_ssl_config_free(&session->config);
	mbedtls_x509_crt_free(&session->authority);
	pthread_mutex_unlock(&gMbedtls);
	if (session->socket >= 0)
		close(session->socket);
	free(session);
}
