/*
 * The portable C of src/native for Node: each function once, under its own name. What each is for says wire-core.h.
 *
 * Node-API only, so one build serves every release of Node. A wire or a decoder is an external value that the collector
 * frees. Every buffer that comes in is a Uint8Array, and its length is checked against what is to be written into it.
 */

#define NAPI_VERSION 8
#include <node_api.h>

#include <stdlib.h>
#include <string.h>

#include "../../src/native/wire-core.h"
#include "../../src/native/wire-line.h"

enum {
	ARGUMENTS_MAX = 4,
	RING_BYTES = 4096,
};

typedef struct {
	WireLine line;
	uint8_t ring[RING_BYTES];
} Line;

typedef struct {
	uint8_t *bytes;
	size_t length;
} Bytes;

/* Arguments of the call under way; an absent one is undefined. */
typedef struct {
	napi_env env;
	napi_value values[ARGUMENTS_MAX];
} Call;

static Call readCall(napi_env env, napi_callback_info info)
{
	Call call = { env, { NULL } };
	size_t count = ARGUMENTS_MAX;
	napi_get_cb_info(env, info, &count, call.values, NULL, NULL);
	return call;
}

static napi_value numberOf(const Call *call, double value)
{
	napi_value result = NULL;
	napi_create_double(call->env, value, &result);
	return result;
}

static uint32_t uintAt(const Call *call, int index)
{
	uint32_t value = 0;
	napi_get_value_uint32(call->env, call->values[index], &value);
	return value;
}

/* What is no Uint8Array is empty. */
static Bytes bytesAt(const Call *call, int index)
{
	Bytes result = { NULL, 0 };
	napi_typedarray_type type;
	void *data = NULL;
	size_t length = 0;

	if ((napi_ok == napi_get_typedarray_info(call->env, call->values[index], &type, &length, &data, NULL, NULL)) &&
	    (napi_uint8_array == type)) {
		result.bytes = data;
		result.length = length;
	}
	return result;
}

/* The first `count` bytes of a buffer, or all of a shorter one. */
static Bytes bytesUpTo(const Call *call, int index, size_t count)
{
	Bytes bytes = bytesAt(call, index);
	if (bytes.length > count)
		bytes.length = count;
	return bytes;
}

static void *thingAt(const Call *call, int index)
{
	void *thing = NULL;
	if (napi_ok != napi_get_value_external(call->env, call->values[index], &thing))
		abort(); /* only this folder calls, and always with what it was given */
	return thing;
}

static void freeThing(napi_env env, void *thing, void *hint)
{
	(void)env;
	(void)hint;
	free(thing);
}

static napi_value makeThing(const Call *call, void *thing)
{
	napi_value result = NULL;
	napi_create_external(call->env, thing, freeThing, NULL, &result);
	return result;
}

static void *allocate(size_t size)
{
	void *thing = malloc(size);
	if (!thing)
		abort();
	return thing;
}

/* Copies counters, 32-bit numbers all, into a Uint8Array that is a view of a Uint32Array. */
static napi_value copyCounters(const Call *call, int index, const void *counters, size_t size)
{
	Bytes out = bytesAt(call, index);
	if (out.length >= size)
		memcpy(out.bytes, counters, size);
	return NULL;
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

/* (crc, bytes): number */
static napi_value crc8(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Bytes bytes = bytesAt(&call, 1);
	return numberOf(&call, wireCrc8((uint8_t)uintAt(&call, 0), bytes.bytes, bytes.length));
}

/* (crc, bytes): number */
static napi_value crc32(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Bytes bytes = bytesAt(&call, 1);
	return numberOf(&call, wireCrc32(uintAt(&call, 0), bytes.bytes, bytes.length));
}

/* (payload, length, out, position): number of bytes written, 0 when there was no way */
static napi_value encode(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Bytes payload = bytesUpTo(&call, 0, uintAt(&call, 1));
	Bytes out = bytesAt(&call, 2);
	size_t position = uintAt(&call, 3);
	if (position > out.length)
		return numberOf(&call, 0);
	return numberOf(&call, (double)wireEncode(payload.bytes, payload.length, out.bytes + position, out.length - position));
}

static napi_value makeDecoder(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	WireDecoder *decoder = allocate(sizeof(WireDecoder));
	wireDecoderInit(decoder);
	return makeThing(&call, decoder);
}

static napi_value resetDecoder(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	wireDecoderReset(thingAt(&call, 0));
	return NULL;
}

/* (decoder, bytes, payload): bytes used; when a payload was found it and its length (u16) are in the last argument */
static napi_value decode(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	WireDecoder *decoder = thingAt(&call, 0);
	Bytes bytes = bytesAt(&call, 1);
	Bytes payload = bytesAt(&call, 2);
	size_t length = 0;
	size_t used = wireDecode(decoder, bytes.bytes, bytes.length, &length);

	if (payload.length < 2 + WIRE_PAYLOAD_BYTES_MAX)
		abort();
	payload.bytes[0] = (uint8_t)length;
	payload.bytes[1] = (uint8_t)(length >> 8);
	memcpy(payload.bytes + 2, decoder->bytes, length);
	return numberOf(&call, (double)used);
}

/* (decoder): whether something was no good since the last call */
static napi_value takeNoise(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	WireDecoder *decoder = thingAt(&call, 0);
	double isNoisy = decoder->isNoisy;
	decoder->isNoisy = 0;
	return numberOf(&call, isNoisy);
}

static napi_value decoderCounters(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	WireDecoder *decoder = thingAt(&call, 0);
	return copyCounters(&call, 1, &decoder->counters, sizeof(decoder->counters));
}

/* ---- the wire ---------------------------------------------------------------------------------------------------- */

/* (nowMs) */
static napi_value makeWire(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	WireCore *wire = allocate(sizeof(WireCore));
	wireInit(wire, uintAt(&call, 0));
	return makeThing(&call, wire);
}

static napi_value isIdle(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, wireIsIdle(thingAt(&call, 0)));
}

/* (wire, payload, length): WireStatus */
static napi_value sendFrame(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Bytes payload = bytesUpTo(&call, 1, uintAt(&call, 2));
	return numberOf(&call, wireSend(thingAt(&call, 0), payload.bytes, payload.length));
}

/* (wire, payload, length, cue): WireStatus */
static napi_value prepareFrame(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Bytes payload = bytesUpTo(&call, 1, uintAt(&call, 2));
	Bytes cue = bytesAt(&call, 3);
	return numberOf(&call, wirePrepare(thingAt(&call, 0), payload.bytes, payload.length, cue.bytes, cue.length));
}

/* (wire): WireStatus */
static napi_value sendPrepared(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, wireSendPrepared(thingAt(&call, 0)));
}

static napi_value dropCue(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, wireDropCue(thingAt(&call, 0)));
}

/* (wire, isHeld) */
static napi_value hold(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	wireHold(thingAt(&call, 0), (int)uintAt(&call, 1));
	return NULL;
}

static napi_value restart(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	wireRestart(thingAt(&call, 0));
	return NULL;
}

/* (wire, payload, nowMs): length */
static napi_value take(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Bytes payload = bytesAt(&call, 1);
	if (payload.length < WIRE_PAYLOAD_BYTES_MAX)
		abort();
	return numberOf(&call, (double)wireTake(thingAt(&call, 0), payload.bytes, uintAt(&call, 2)));
}

static napi_value takeEvents(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, wireTakeEvents(thingAt(&call, 0)));
}

static napi_value hasNews(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, wireHasNews(thingAt(&call, 0)));
}

/* (wire, out): how many of the bytes to be sent next are in `out` now; they still count as not sent */
static napi_value pending(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Bytes out = bytesAt(&call, 1);
	size_t count = 0;
	const uint8_t *bytes = wirePending(thingAt(&call, 0), &count);
	if (count > out.length)
		count = out.length;
	memcpy(out.bytes, bytes, count);
	return numberOf(&call, (double)count);
}

/* (wire): how many bytes are to be sent */
static napi_value pendingCount(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	size_t count = 0;
	wirePending(thingAt(&call, 0), &count);
	return numberOf(&call, (double)count);
}

/* (wire, count) */
static napi_value sent(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	wireSent(thingAt(&call, 0), uintAt(&call, 1));
	return NULL;
}

static napi_value receivable(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, (double)wireReceivable(thingAt(&call, 0)));
}

/* (wire, bytes, count) */
static napi_value receive(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Bytes bytes = bytesUpTo(&call, 1, uintAt(&call, 2));
	wireReceive(thingAt(&call, 0), bytes.bytes, bytes.length);
	return NULL;
}

/* (wire, nowMs): whether pings may be answered for the engine */
static napi_value answersPings(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, wireAnswersPings(thingAt(&call, 0), uintAt(&call, 1)));
}

static napi_value hearPings(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	wireHearPings(thingAt(&call, 0));
	return NULL;
}

/* (wire, nowMs) */
static napi_value see(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	wireSee(thingAt(&call, 0), uintAt(&call, 1));
	return NULL;
}

/* (wire, decoder's counters, wire's counters) */
static napi_value wireCounters(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	WireCore *wire = thingAt(&call, 0);
	copyCounters(&call, 1, &wire->decoder.counters, sizeof(wire->decoder.counters));
	return copyCounters(&call, 2, &wire->counters, sizeof(wire->counters));
}

/* ---- the line ---------------------------------------------------------------------------------------------------- */

static napi_value makeLine(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Line *line = allocate(sizeof(Line));
	wireLineInit(&line->line, line->ring, sizeof(line->ring));
	return makeThing(&call, line);
}

/* (line, bytes, count): how many of the bytes found room */
static napi_value lineTake(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Line *line = thingAt(&call, 0);
	Bytes bytes = bytesUpTo(&call, 1, uintAt(&call, 2));
	size_t taken = 0;

	while ((taken < bytes.length) && wireLineHasRoom(&line->line))
		wireLineTake(&line->line, bytes.bytes[taken++]);
	return numberOf(&call, (double)taken);
}

/* (line): whether it has room for another byte */
static napi_value lineHasRoom(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, wireLineHasRoom(thingAt(&call, 0)));
}

/* (line, out): how many of the bytes to be sent next are in `out` now, and are sent */
static napi_value lineNext(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Line *line = thingAt(&call, 0);
	Bytes out = bytesAt(&call, 1);
	size_t count = 0;

	while ((count < out.length) && wireLineHasNext(&line->line))
		out.bytes[count++] = wireLineNext(&line->line);
	return numberOf(&call, (double)count);
}

/* (line, out): how many received bytes are in `out` now, and nowhere else */
static napi_value lineRead(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Line *line = thingAt(&call, 0);
	Bytes out = bytesAt(&call, 1);
	return numberOf(&call, (double)wireLineRead(&line->line, out.bytes, out.length));
}

/* (line, wire): sends what the wire has to send, which stays the wire's; returns how much that is */
static napi_value lineSend(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Line *line = thingAt(&call, 0);
	size_t count = 0;
	const uint8_t *bytes = wirePending(thingAt(&call, 1), &count);
	wireLineSend(&line->line, bytes, count);
	return numberOf(&call, (double)count);
}

/* (line): how much of this is not sent */
static napi_value lineUnsent(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Line *line = thingAt(&call, 0);
	return numberOf(&call, line->line.frameLeft);
}

/* (line): whether there is anything to be sent */
static napi_value lineHasNext(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	return numberOf(&call, wireLineHasNext(thingAt(&call, 0)));
}

/* (line, isOpen) */
static napi_value lineOpen(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Line *line = thingAt(&call, 0);
	line->line.isOpen = (uint8_t)uintAt(&call, 1);
	return NULL;
}

static napi_value lineReset(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	wireLineReset(thingAt(&call, 0));
	return NULL;
}

/* (line): how many pings it has answered */
static napi_value linePings(napi_env env, napi_callback_info info)
{
	Call call = readCall(env, info);
	Line *line = thingAt(&call, 0);
	return numberOf(&call, line->line.pingsAnswered);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define FUNCTION(name) { #name, NULL, name, NULL, NULL, NULL, napi_enumerable, NULL }

NAPI_MODULE_INIT()
{
	const napi_property_descriptor functions[] = {
		FUNCTION(crc8), FUNCTION(crc32), FUNCTION(encode), FUNCTION(makeDecoder), FUNCTION(resetDecoder),
		FUNCTION(decode), FUNCTION(takeNoise), FUNCTION(decoderCounters), FUNCTION(makeWire), FUNCTION(isIdle),
		FUNCTION(sendFrame), FUNCTION(prepareFrame), FUNCTION(sendPrepared), FUNCTION(dropCue), FUNCTION(hold),
		FUNCTION(restart), FUNCTION(take), FUNCTION(takeEvents), FUNCTION(hasNews), FUNCTION(pending), FUNCTION(pendingCount),
		FUNCTION(sent), FUNCTION(receivable), FUNCTION(receive), FUNCTION(see),
		FUNCTION(answersPings), FUNCTION(hearPings), FUNCTION(wireCounters), FUNCTION(makeLine), FUNCTION(lineTake),
		FUNCTION(lineHasRoom), FUNCTION(lineNext), FUNCTION(lineRead), FUNCTION(lineSend), FUNCTION(lineUnsent),
		FUNCTION(lineHasNext), FUNCTION(lineOpen), FUNCTION(lineReset), FUNCTION(linePings),
	};
	napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions);
	return exports;
}
