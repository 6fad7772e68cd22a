/*
 * The native wire's binding to XS: an object with a WireCore and a port, shared by two threads under the port's lock.
 *
 *   engine's thread   wire.ts --> xs_ferry_wire_* --> core --> port
 *                     wire.ts <-- deliver <-- enginePost <--.
 *   port's thread                      core <-- serve <-- port
 *
 * Nothing is posted with the lock held, and nothing from the engine's thread (its queue may be full, and only it empties
 * it): there the port's thread is woken instead. At most one message is under way. No allocation but at construction.
 *
 * Fault model: arguments are checked before the lock is taken, since a throw would keep it; a message that cannot be
 * posted is posted later; the object outlives a message that is under way when it is closed.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include <stdlib.h>
#include <string.h>

#include "engine-post.h"
#include "wire-core.h"
#include "wire-platform.h"

#include "strict.h"

enum {
	/* Told to the engine besides the events of the core: all has left the UART. */
	DRAINED = 8,
	/* Payloads and news handed over before the engine gets to other things. */
	NEWS_PER_TURN = 8,
	/* While it is waited for that all has left the UART, or for room in the engine's queue. */
	POLL_MS = 1,
	/* The engine is asked for a sign of life when it gave none for so long; WIRE_ALIVE_MS is a few of these. */
	HEARTBEAT_MS = 1000,
	RECEIVE_RING_BYTES = 4096,
};

typedef struct {
	/* Under the lock, while the port is open. */
	WireCore core;
	uint8_t isPosted;
	uint8_t isDraining;
	uint8_t hasDrained;
	uint8_t isStalled; /* bytes wait in the UART for room in the inbox */
	uint32_t handedOver; /* of the frame on its way: bytes that the port has and had not sent when last asked */
	uint32_t pingsHeard; /* of those that the port has answered */
	/* The engine's. */
	uint8_t delivering; /* calls of deliver() that still need this object */
	WirePort *port;     /* NULL when closed */
	xsMachine *the;
	xsSlot obj;
	xsSlot *onPayload;
	xsSlot *onNews;
	xsSlot *payload;
} Wire;

static void deliver(void *machine, void *refcon);

void xs_ferry_wire_destructor(void *data);

static void markWire(xsMachine *the, void *data, xsMarkRoot markRoot)
{
	Wire *wire = data;

	if (!wire)
		return;
	(*markRoot)(the, wire->onPayload);
	(*markRoot)(the, wire->onNews);
	(*markRoot)(the, wire->payload);
}

static const xsHostHooks gWireHooks = {
	xs_ferry_wire_destructor,
	markWire,
	NULL
};

/* ---- either thread, with the lock held --------------------------------------------------------------------------- */

static int hasPending(const Wire *wire)
{
	size_t count;
	wirePending(&wire->core, &count);
	return count > 0;
}

/* Notes what the port has sent, and gives it the next frame when that was all. */
static void handOver(Wire *wire)
{
	uint32_t unsent = (uint32_t)wirePortUnsent(wire->port);
	size_t count;
	const uint8_t *bytes;

	wireSent(&wire->core, wire->handedOver - unsent);
	wire->handedOver = unsent;
	if (unsent)
		return;
	bytes = wirePending(&wire->core, &count);
	if (count)
		wirePortSend(wire->port, bytes, count);
	wire->handedOver = (uint32_t)count;
}

static void letPingsBeAnswered(Wire *wire, uint32_t nowMs)
{
	wirePortAnswerPings(wire->port, wireAnswersPings(&wire->core, nowMs));
}

/* ---- the port's thread ------------------------------------------------------------------------------------------- */

static size_t receivable(void *context)
{
	Wire *wire = context;
	size_t count;

	wirePortLock(wire->port);
	count = wireReceivable(&wire->core);
	wire->isStalled = 0 == count;
	wirePortUnlock(wire->port);
	return count;
}

static int engineIsToHear(const Wire *wire, uint32_t nowMs)
{
	return wireHasNews(&wire->core) || wire->hasDrained || (nowMs - wire->core.seenMs >= HEARTBEAT_MS);
}

static void hearPings(Wire *wire)
{
	uint32_t answered = wirePortCounters(wire->port).pingsAnswered;

	if (answered != wire->pingsHeard)
		wireHearPings(&wire->core);
	wire->pingsHeard = answered;
}

static uint32_t serve(void *context, const uint8_t *bytes, size_t count)
{
	Wire *wire = context;
	uint32_t nowMs = wireNowMs();
	uint32_t dueMs = HEARTBEAT_MS;
	int mustPost;

	wirePortLock(wire->port);
	wireReceive(&wire->core, bytes, count);
	hearPings(wire);
	handOver(wire);
	if (wire->isDraining && !hasPending(wire) && wirePortHasDrained(wire->port)) {
		wire->isDraining = 0;
		wire->hasDrained = 1;
	}
	if (wire->isDraining)
		dueMs = POLL_MS;
	letPingsBeAnswered(wire, nowMs);
	mustPost = !wire->isPosted && engineIsToHear(wire, nowMs);
	wire->isPosted |= mustPost;
	wirePortUnlock(wire->port);

	if (mustPost && !enginePost(wire->the, deliver, wire)) {
		wirePortLock(wire->port);
		wire->isPosted = 0;
		wirePortUnlock(wire->port);
		dueMs = POLL_MS;
	}
	return dueMs;
}

/* Of a closed wire. */
static void freeUnlessNeeded(Wire *wire)
{
	if (!wire->isPosted && !wire->delivering)
		free(wire);
}

/* ---- the engine's thread: news ----------------------------------------------------------------------------------- */

/* Hands over one payload, or all else there is to tell. 0 when there was nothing, or the wire is closed. */
static int tellNext(xsMachine *the, Wire *wire)
{
	void *bytes;
	xsUnsignedValue capacity;
	size_t length;
	unsigned events = 0;

	xsVar(0) = xsReference(wire->payload);
	xsmcGetBufferWritable(xsVar(0), &bytes, &capacity); /* again each time: the collector may move it */
	wirePortLock(wire->port);
	length = wireTake(&wire->core, bytes, wireNowMs());
	if (0 == length) {
		events = wireTakeEvents(&wire->core) | (wire->hasDrained ? DRAINED : 0);
		wire->hasDrained = 0;
	}
	wirePortUnlock(wire->port);

	if (length) {
		xsmcSetInteger(xsVar(1), (xsIntegerValue)length);
		xsCallFunction2(xsReference(wire->onPayload), wire->obj, xsVar(0), xsVar(1));
	}
	else if (events) {
		xsmcSetInteger(xsVar(1), (xsIntegerValue)events);
		xsCallFunction1(xsReference(wire->onNews), wire->obj, xsVar(1));
	}
	return length || events;
}

static void deliver(void *machine, void *refcon)
{
	xsMachine *the = machine;
	Wire *wire = refcon;
	volatile int left = NEWS_PER_TURN; /* xsBeginHost is a setjmp */
	int mustWake;

	if (!wire->port) { /* closed meanwhile, and there is one thread */
		wire->isPosted = 0;
		freeUnlessNeeded(wire);
		return;
	}
	wirePortLock(wire->port);
	wire->isPosted = 0;
	wireSee(&wire->core, wireNowMs());
	letPingsBeAnswered(wire, wireNowMs());
	wirePortUnlock(wire->port);

	wire->delivering++;
	xsBeginHost(the);
		xsmcVars(2);
		while (left && wire->port && tellNext(the, wire))
			left--;
	xsEndHost(the);
	wire->delivering--;

	if (wire->port) {
		wirePortLock(wire->port);
		mustWake = (0 == left) || wire->isStalled;
		wirePortUnlock(wire->port);
		if (mustWake)
			wirePortWake(wire->port);
	}
	else
		freeUnlessNeeded(wire);
}

/* ---- the engine's thread: calls ---------------------------------------------------------------------------------- */

/* NULL when it is closed. */
static Wire *wireOf(xsMachine *the)
{
	return xsmcGetHostData(xsThis);
}

/* An argument that holds at least as many bytes as another one says. */
static const uint8_t *payloadOf(xsMachine *the, size_t *length)
{
	void *bytes;
	xsUnsignedValue capacity;
	xsIntegerValue count = xsmcToInteger(xsArg(1));

	xsmcGetBufferReadable(xsArg(0), &bytes, &capacity);
	if ((count < 0) || ((xsUnsignedValue)count > capacity))
		xsRangeError("wire: the payload is shorter than its length");
	*length = (size_t)count;
	return bytes;
}

static Wire *beginCall(xsMachine *the)
{
	Wire *wire = wireOf(the);
	if (wire) {
		wirePortLock(wire->port);
		wireSee(&wire->core, wireNowMs());
	}
	return wire;
}

/* What has begun leaves, and whatever that changes is told to the engine by way of the port's thread. */
static void endCall(Wire *wire)
{
	int mustWake;

	handOver(wire);
	letPingsBeAnswered(wire, wireNowMs());
	mustWake = wire->isDraining || (wireHasNews(&wire->core) && !wire->isPosted && !wire->delivering);
	wirePortUnlock(wire->port);
	if (mustWake)
		wirePortWake(wire->port);
}

static void throwUnlessSent(xsMachine *the, WireStatus status)
{
	if (WIRE_BUSY == status)
		xsUnknownError("wire: a frame is on its way, or the wire is closed");
	if (WIRE_SIZE == status)
		xsRangeError("wire: no frame can be made of so many bytes, or of its cue");
}

void xs_ferry_wire_send(xsMachine *the)
{
	size_t length;
	const uint8_t *payload = payloadOf(the, &length);
	Wire *wire = beginCall(the);
	WireStatus status = WIRE_BUSY;

	if (wire) {
		status = wireSend(&wire->core, payload, length);
		endCall(wire);
	}
	throwUnlessSent(the, status);
}

void xs_ferry_wire_prepare(xsMachine *the)
{
	size_t length;
	const uint8_t *payload = payloadOf(the, &length);
	void *cue = NULL;
	xsUnsignedValue cueLength = 0;
	Wire *wire;
	WireStatus status = WIRE_OK;

	if ((xsmcArgc > 2) && (xsUndefinedType != xsmcTypeOf(xsArg(2))))
		xsmcGetBufferReadable(xsArg(2), &cue, &cueLength);
	wire = beginCall(the);
	if (wire) {
		status = wirePrepare(&wire->core, payload, length, cue, cueLength);
		wirePortUnlock(wire->port);
	}
	throwUnlessSent(the, status);
}

void xs_ferry_wire_sendPrepared(xsMachine *the)
{
	Wire *wire = beginCall(the);
	WireStatus status = WIRE_BUSY;

	if (wire) {
		status = wireSendPrepared(&wire->core);
		endCall(wire);
	}
	xsmcSetBoolean(xsResult, WIRE_OK == status);
}

void xs_ferry_wire_dropCue(xsMachine *the)
{
	Wire *wire = beginCall(the);
	int isInTime = 1;

	if (wire) {
		isInTime = wireDropCue(&wire->core);
		wirePortUnlock(wire->port);
	}
	xsmcSetBoolean(xsResult, isInTime);
}

void xs_ferry_wire_get_idle(xsMachine *the)
{
	Wire *wire = beginCall(the);
	int isIdle = 0;

	if (wire) {
		isIdle = wireIsIdle(&wire->core);
		wirePortUnlock(wire->port);
	}
	xsmcSetBoolean(xsResult, isIdle);
}

/* (isHeld): begins to wait until all has left, or lets frames leave again */
void xs_ferry_wire_hold(xsMachine *the)
{
	int isHeld = xsmcToBoolean(xsArg(0));
	Wire *wire = beginCall(the);

	if (!wire)
		return;
	wireHold(&wire->core, isHeld);
	wire->isDraining = (uint8_t)isHeld;
	endCall(wire);
}

/* (baud): whether the UART can; what was half sent or half received is given up */
void xs_ferry_wire_switchBaud(xsMachine *the)
{
	xsIntegerValue baud = xsmcToInteger(xsArg(0));
	Wire *wire = beginCall(the);
	int isDone = 0;

	if (wire) {
		isDone = (baud > 0) && wirePortSetBaud(wire->port, (uint32_t)baud);
		wireRestart(&wire->core);
		wire->handedOver = 0;
		endCall(wire);
	}
	xsmcSetBoolean(xsResult, isDone);
}

/* (counters: ArrayBuffer of 32-bit numbers): those of the decoder, of the wire and of the port, as they are declared */
void xs_ferry_wire_readCounters(xsMachine *the)
{
	void *out;
	xsUnsignedValue capacity;
	Wire *wire;

	xsmcGetBufferWritable(xsArg(0), &out, &capacity);
	if (capacity < sizeof(WireDecoderCounters) + sizeof(WireCounters) + sizeof(WirePortCounters))
		xsRangeError("wire: there are more counters");
	wire = beginCall(the);
	if (wire) {
		WirePortCounters port = wirePortCounters(wire->port);
		uint8_t *at = out;
		memcpy(at, &wire->core.decoder.counters, sizeof(WireDecoderCounters));
		memcpy(at + sizeof(WireDecoderCounters), &wire->core.counters, sizeof(WireCounters));
		memcpy(at + sizeof(WireDecoderCounters) + sizeof(WireCounters), &port, sizeof(port));
		wirePortUnlock(wire->port);
	}
}

/* ---- birth and death --------------------------------------------------------------------------------------------- */

static int integerOption(xsMachine *the, xsIdentifier id, int otherwise)
{
	xsmcGet(xsVar(0), xsArg(0), id);
	return xsUndefinedType == xsmcTypeOf(xsVar(0)) ? otherwise : (int)xsmcToInteger(xsVar(0));
}

static xsSlot *referenceOption(xsMachine *the, xsIdentifier id)
{
	xsmcGet(xsVar(0), xsArg(0), id);
	if (xsReferenceType != xsmcTypeOf(xsVar(0)))
		xsUnknownError("wire: an option is missing");
	return xsmcToReference(xsVar(0));
}

static void readOptions(xsMachine *the, WirePortOptions *options, char *device, size_t deviceBytes)
{
	options->baud = (uint32_t)integerOption(the, xsID_baud, 0);
	options->uart = integerOption(the, xsID_port, 0);
	options->transmitPin = integerOption(the, xsID_transmit, WIRE_NO_PIN);
	options->receivePin = integerOption(the, xsID_receive, WIRE_NO_PIN);
	options->rtsPin = integerOption(the, xsID_rts, WIRE_NO_PIN);
	options->ctsPin = integerOption(the, xsID_cts, WIRE_NO_PIN);
	options->receiveRingBytes = (uint32_t)integerOption(the, xsID_receiveRingBytes, RECEIVE_RING_BYTES);
	options->device = NULL;
	xsmcGet(xsVar(0), xsArg(0), xsID_device);
	if (xsUndefinedType != xsmcTypeOf(xsVar(0))) {
		xsmcToStringBuffer(xsVar(0), device, deviceBytes);
		options->device = device;
	}
}

/* (options): see wire.ts; `payload` is a buffer of WIRE_PAYLOAD_BYTES_MAX bytes at least */
void xs_ferry_wire_constructor(xsMachine *the)
{
	WirePortOptions options;
	WirePortOwner owner = { NULL, receivable, serve };
	const char *problem = "no thread";
	char device[128];
	xsSlot *onPayload, *onNews, *payload;
	void *bytes;
	xsUnsignedValue capacity;
	Wire *wire;

	xsmcVars(1);
	readOptions(the, &options, device, sizeof(device));
	onPayload = referenceOption(the, xsID_onPayload);
	onNews = referenceOption(the, xsID_onNews);
	payload = referenceOption(the, xsID_payload);
	xsmcGetBufferWritable(xsVar(0), &bytes, &capacity);
	if (capacity < WIRE_PAYLOAD_BYTES_MAX)
		xsRangeError("wire: the payload's buffer is too small");

	wire = wirePortAllocate(sizeof(Wire));
	if (!wire)
		xsUnknownError("wire: no memory");
	wire->the = the;
	wire->obj = xsThis;
	wire->onPayload = onPayload;
	wire->onNews = onNews;
	wire->payload = payload;
	wireInit(&wire->core, wireNowMs());
	owner.context = wire;
	wire->port = wirePortOpen(&options, &owner, &problem);
	if (!wire->port || !wirePortStart(wire->port)) {
		if (wire->port)
			wirePortClose(wire->port);
		free(wire);
		xsUnknownError("wire: %s", problem);
	}
	xsmcSetHostData(xsThis, wire);
	xsSetHostHooks(xsThis, (xsHostHooks *)&gWireHooks);
	xsRemember(wire->obj);
}

void xs_ferry_wire_destructor(void *data)
{
	Wire *wire = data;
	WirePort *port;

	if (!wire || !wire->port)
		return;
	port = wire->port;
	wirePortClose(port); /* from here on there is one thread */
	wire->port = NULL;
	freeUnlessNeeded(wire);
}

void xs_ferry_wire_close(xsMachine *the)
{
	Wire *wire = wireOf(the);

	if (!wire)
		return;
	xsForget(wire->obj);
	xsmcSetHostData(xsThis, NULL);
	xsmcSetHostDestructor(xsThis, NULL);
	xs_ferry_wire_destructor(wire);
}
