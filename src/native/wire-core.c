/*
 * The wire in portable C: see wire-core.h.
 */

#include "wire-core.h"

#include <string.h>

/*
 * An entry of the inbox, which wraps around at any byte:
 *
 *   | u16 length, little-endian | payload |
 */
enum {
	HEADER_BYTES = 2,
};

void wireInit(WireCore *wire, uint32_t nowMs)
{
	memset(wire, 0, sizeof(*wire));
	wireDecoderInit(&wire->decoder);
	wire->frames[0].bytes[1] = wire->frames[1].bytes[1] = WIRE_END;
	wire->needsLeadIn = 1;
	wire->seenMs = nowMs;
}

void wireSee(WireCore *wire, uint32_t nowMs)
{
	wire->seenMs = nowMs;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static WireFrame *currentFrame(WireCore *wire)
{
	return &wire->frames[wire->current];
}

int wireIsIdle(const WireCore *wire)
{
	return (wire->position == wire->frames[wire->current].end) && !wire->isHeld;
}

static WireStatus encode(WireFrame *frame, const uint8_t *payload, size_t length)
{
	size_t count = wireEncode(payload, length, &frame->bytes[WIRE_LEAD_IN_BYTES], sizeof(frame->bytes) - WIRE_LEAD_IN_BYTES);
	if (!count)
		return WIRE_SIZE;
	frame->end = (uint32_t)(WIRE_LEAD_IN_BYTES + count);
	return WIRE_OK;
}

static void begin(WireCore *wire)
{
	wire->position = wire->needsLeadIn ? 0 : WIRE_LEAD_IN_BYTES;
	wire->needsLeadIn = 0;
	wire->counters.framesSent++;
}

static void beginPrepared(WireCore *wire)
{
	wire->current ^= 1;
	begin(wire);
}

WireStatus wireSend(WireCore *wire, const uint8_t *payload, size_t length)
{
	WireStatus status;

	if (!wireIsIdle(wire))
		return WIRE_BUSY;
	status = encode(currentFrame(wire), payload, length);
	if (WIRE_OK == status)
		begin(wire);
	return status;
}

WireStatus wirePrepare(WireCore *wire, const uint8_t *payload, size_t length, const uint8_t *cue, size_t cueLength)
{
	wire->cueLength = 0;
	wire->preparedHasLeft = 0;
	if ((cueLength > sizeof(wire->cue)) || (WIRE_OK != encode(&wire->frames[wire->current ^ 1], payload, length)))
		return WIRE_SIZE;
	if (cueLength)
		memcpy(wire->cue, cue, cueLength);
	wire->cueLength = (uint8_t)cueLength;
	return WIRE_OK;
}

WireStatus wireSendPrepared(WireCore *wire)
{
	wire->cueLength = 0;
	if (wire->preparedHasLeft)
		wire->preparedHasLeft = 0;
	else if (!wireIsIdle(wire))
		return WIRE_BUSY;
	else if (!wire->frames[wire->current ^ 1].end)
		return WIRE_SIZE; /* nothing was ever prepared */
	else
		beginPrepared(wire);
	return WIRE_OK;
}

int wireDropCue(WireCore *wire)
{
	wire->cueLength = 0;
	return !wire->preparedHasLeft;
}

void wireHold(WireCore *wire, int isHeld)
{
	int wasHeld = wire->isHeld;
	wire->isHeld = isHeld ? 1 : 0;
	if (wasHeld && wireIsIdle(wire))
		wire->events |= WIRE_IDLE;
}

void wireRestart(WireCore *wire)
{
	wire->position = currentFrame(wire)->end;
	wire->needsLeadIn = 1;
	wireDecoderReset(&wire->decoder);
	wire->counters.baudChanges++;
}

const uint8_t *wirePending(const WireCore *wire, size_t *count)
{
	const WireFrame *frame = &wire->frames[wire->current];
	*count = frame->end - wire->position;
	return &frame->bytes[wire->position];
}

void wireSent(WireCore *wire, size_t count)
{
	size_t pending;

	wirePending(wire, &pending);
	if ((0 == count) || (count > pending))
		return;
	wire->position += (uint32_t)count;
	wire->counters.bytesSent += (uint32_t)count;
	if (wireIsIdle(wire))
		wire->events |= WIRE_IDLE;
}

/* ---- the inbox --------------------------------------------------------------------------------------------------- */

static uint32_t inboxAt(const WireCore *wire, uint32_t offset)
{
	return (wire->inboxHead + offset) % WIRE_INBOX_BYTES;
}

static void copyIn(WireCore *wire, const uint8_t *bytes, uint32_t count)
{
	uint32_t at = inboxAt(wire, wire->inboxUsed);
	uint32_t first = WIRE_INBOX_BYTES - at;

	if (first > count)
		first = count;
	memcpy(&wire->inbox[at], bytes, first);
	memcpy(wire->inbox, bytes + first, count - first);
	wire->inboxUsed += count;
}

static void copyOut(const WireCore *wire, uint32_t offset, uint8_t *bytes, uint32_t count)
{
	uint32_t at = inboxAt(wire, offset);
	uint32_t first = WIRE_INBOX_BYTES - at;

	if (first > count)
		first = count;
	memcpy(bytes, &wire->inbox[at], first);
	memcpy(bytes + first, wire->inbox, count - first);
}

/* Returns 0 when there is no room. */
static int keep(WireCore *wire, const uint8_t *payload, uint32_t length)
{
	uint8_t header[HEADER_BYTES] = { (uint8_t)length, (uint8_t)(length >> 8) };

	if (HEADER_BYTES + length > WIRE_INBOX_BYTES - wire->inboxUsed) {
		wire->counters.inboxDrops++;
		return 0;
	}
	copyIn(wire, header, HEADER_BYTES);
	copyIn(wire, payload, length);
	return 1;
}

size_t wireTake(WireCore *wire, uint8_t *payload, uint32_t nowMs)
{
	uint8_t header[HEADER_BYTES];
	uint32_t length;

	wireSee(wire, nowMs);
	if (0 == wire->inboxUsed)
		return 0;
	copyOut(wire, 0, header, HEADER_BYTES);
	length = header[0] | ((uint32_t)header[1] << 8);
	copyOut(wire, HEADER_BYTES, payload, length);
	wire->inboxHead = inboxAt(wire, HEADER_BYTES + length);
	wire->inboxUsed -= HEADER_BYTES + length;
	return length;
}

unsigned wireTakeEvents(WireCore *wire)
{
	unsigned events = wire->events;
	wire->events = 0;
	return events;
}

int wireHasNews(const WireCore *wire)
{
	return wire->inboxUsed || wire->events;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* A frame of n bytes makes an entry of fewer than n bytes; one frame may already be in the decoder, but for its END. */
size_t wireReceivable(const WireCore *wire)
{
	uint32_t free = WIRE_INBOX_BYTES - wire->inboxUsed;
	return free > HEADER_BYTES + WIRE_PAYLOAD_BYTES_MAX ? free - (HEADER_BYTES + WIRE_PAYLOAD_BYTES_MAX) : 0;
}

/* Not while the engine has yet to hear that the wire is free: it may have something that ought to go first. */
static void takeCue(WireCore *wire, const uint8_t *payload, size_t length)
{
	if ((length != wire->cueLength) || memcmp(payload, wire->cue, length))
		return;
	if (!wireIsIdle(wire) || (wire->events & WIRE_IDLE))
		return;
	wire->cueLength = 0;
	wire->preparedHasLeft = 1;
	wire->counters.framesCued++;
	beginPrepared(wire);
}

void wireReceive(WireCore *wire, const uint8_t *bytes, size_t count)
{
	wire->counters.bytesReceived += (uint32_t)count;
	while (count) {
		size_t length;
		size_t used = wireDecode(&wire->decoder, bytes, count, &length);

		bytes += used;
		count -= used;
		if (!length)
			continue;
		if (keep(wire, wire->decoder.bytes, (uint32_t)length))
			takeCue(wire, wire->decoder.bytes, length);
	}
	if (wire->decoder.isNoisy) {
		wire->decoder.isNoisy = 0;
		wire->events |= WIRE_NOISE;
	}
}

/* ---- pings ------------------------------------------------------------------------------------------------------- */

int wireAnswersPings(const WireCore *wire, uint32_t nowMs)
{
	return !wire->isHeld && !wire->needsLeadIn && (nowMs - wire->seenMs < WIRE_ALIVE_MS);
}

void wireHearPings(WireCore *wire)
{
	wire->events |= WIRE_HEARD;
}
