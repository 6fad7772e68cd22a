/*
 * A TLS connection's binding to XS, for tls.ts: arguments in, news out. Everything here runs on the engine's thread.
 *
 * Invariants: while the connection is open its object is remembered, so nothing of it is collected; a callback may close
 * it, or read and write, at any time. Nothing is called back from inside a call.
 * Fault model: arguments that make no sense throw; whatever happens to the connection is told by onError.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include <stdlib.h>

#include "tls-connection.h"

#include "strict.h"

typedef struct {
	TlsConnection *connection;
	xsSlot obj;
	xsSlot *onReadable;
	xsSlot *onWritable;
	xsSlot *onError;
} Tls;

void xs_ferry_tls_destructor(void *data);

static void markTls(xsMachine *the, void *data, xsMarkRoot markRoot)
{
	Tls *tls = data;

	if (!tls)
		return;
	(*markRoot)(the, tls->onReadable);
	(*markRoot)(the, tls->onWritable);
	(*markRoot)(the, tls->onError);
}

static const xsHostHooks gTlsHooks = {
	xs_ferry_tls_destructor,
	markTls,
	NULL
};

/* ---- news -------------------------------------------------------------------------------------------------------- */

static const char *nameOf(TlsProblem problem)
{
	switch (problem) {
		case TLS_CERTIFICATE: return "certificate";
		case TLS_CLOSED: return "closed";
		default: return "connection";
	}
}

static void deliver(void *machine, void *refcon)
{
	xsMachine *the = machine;
	TlsConnection *connection = refcon;
	Tls *tls = tlsConnectionOwner(connection);
	TlsNews news;

	if (tls) {
		tlsConnectionTakeNews(connection, &news);
		xsBeginHost(the);
			xsmcVars(2);
			if (news.writable) {
				xsmcSetInteger(xsVar(0), (xsIntegerValue)news.writable);
				xsCallFunction1(xsReference(tls->onWritable), tls->obj, xsVar(0));
			}
			if (news.readable && tlsConnectionOwner(connection)) {
				xsmcSetInteger(xsVar(0), (xsIntegerValue)news.readable);
				xsCallFunction1(xsReference(tls->onReadable), tls->obj, xsVar(0));
			}
			if (news.hasEnded && tlsConnectionOwner(connection)) {
				xsmcSetStringX(xsVar(0), (char *)nameOf(news.problem));
				xsmcSetString(xsVar(1), news.detail);
				xsCallFunction2(xsReference(tls->onError), tls->obj, xsVar(0), xsVar(1));
			}
		xsEndHost(the);
	}
	tlsConnectionRelease(connection);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

/* (buffer: Uint8Array): how many bytes were read; undefined without any */
void xs_ferry_tls_read(xsMachine *the)
{
	Tls *tls = xsmcGetHostData(xsThis);
	void *bytes;
	xsUnsignedValue room;
	size_t count;

	if (!tls)
		return;
	xsmcGetBufferWritable(xsArg(0), &bytes, &room);
	count = tlsConnectionRead(tls->connection, bytes, room);
	if (count)
		xsmcSetInteger(xsResult, (xsIntegerValue)count);
}

/* (bytes: Uint8Array): how many more are taken now */
void xs_ferry_tls_write(xsMachine *the)
{
	Tls *tls = xsmcGetHostData(xsThis);
	void *bytes;
	xsUnsignedValue length;
	size_t room;

	if (!tls)
		xsUnknownError("the socket is not connected");
	xsmcGetBufferReadable(xsArg(0), &bytes, &length);
	if (!tlsConnectionWrite(tls->connection, bytes, length, &room))
		xsUnknownError("would block");
	xsmcSetInteger(xsResult, (xsIntegerValue)room);
}

/* ---- birth and death --------------------------------------------------------------------------------------------- */

static xsSlot *callbackOption(xsMachine *the, xsIdentifier id)
{
	xsmcGet(xsVar(0), xsArg(0), id);
	if (xsReferenceType != xsmcTypeOf(xsVar(0)))
		xsUnknownError("tls: a callback is missing");
	return xsmcToReference(xsVar(0));
}

/* (options): see tls.ts */
void xs_ferry_tls_constructor(xsMachine *the)
{
	TlsOptions options = { 0 };
	char host[256], address[16];
	const char *problem;
	Tls made = { 0 };
	Tls *tls;

	xsmcVars(1);
	made.onReadable = callbackOption(the, xsID_onReadable);
	made.onWritable = callbackOption(the, xsID_onWritable);
	made.onError = callbackOption(the, xsID_onError);
	xsmcGet(xsVar(0), xsArg(0), xsID_host);
	xsmcToStringBuffer(xsVar(0), host, sizeof(host));
	xsmcGet(xsVar(0), xsArg(0), xsID_address);
	xsmcToStringBuffer(xsVar(0), address, sizeof(address));
	xsmcGet(xsVar(0), xsArg(0), xsID_port);
	options.port = (uint16_t)xsmcToInteger(xsVar(0));
	xsmcGet(xsVar(0), xsArg(0), xsID_trustsBundle);
	options.trustsBundle = xsmcTest(xsVar(0));
	options.host = host;
	options.address = address;
	xsmcGet(xsVar(0), xsArg(0), xsID_authority);
	if (xsUndefinedType != xsmcTypeOf(xsVar(0))) {
		void *bytes;
		xsUnsignedValue length;
		xsmcGetBufferReadable(xsVar(0), &bytes, &length); /* no allocation from here on: it might move */
		options.authority = bytes;
		options.authorityBytes = length;
	}

	tls = calloc(1, sizeof(Tls));
	if (!tls)
		xsUnknownError("no memory for TLS");
	*tls = made;
	tls->obj = xsThis;
	tls->connection = tlsConnectionStart(&options, tls, the, deliver, &problem);
	if (!tls->connection) {
		free(tls);
		xsUnknownError("%s", (char *)problem);
	}
	xsmcSetHostData(xsThis, tls);
	xsSetHostHooks(xsThis, (xsHostHooks *)&gTlsHooks);
	xsRemember(tls->obj);
}

void xs_ferry_tls_destructor(void *data)
{
	Tls *tls = data;

	if (!tls)
		return;
	tlsConnectionClose(tls->connection);
	free(tls);
}

void xs_ferry_tls_close(xsMachine *the)
{
	Tls *tls = xsmcGetHostData(xsThis);

	if (!tls)
		return;
	xsForget(tls->obj);
	xsmcSetHostData(xsThis, NULL);
	xsmcSetHostDestructor(xsThis, NULL);
	xs_ferry_tls_destructor(tls);
}
