/*
 * Feeds the portable C of src/native with what no line should deliver, and holds it to its promises. To be compiled with
 * AddressSanitizer and UBSan: every buffer that the C gets is of exactly the size it is told.
 *
 *     fuzz CORPUS SEED FIRST COUNT
 *
 * CORPUS is a file of recorded frames, each after its length (u16, little-endian). Input number i depends on SEED and i
 * alone, so a failure, which names both, comes again with `fuzz CORPUS SEED i 1`.
 *
 * An input is a stream for the decoder (recorded frames, whole, mutated and mixed with garbage), the same for a line with
 * a decoder behind it, or a life of a whole wire: an engine and a port that do what they are allowed to, in any order.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/native/wire-core.h"
#include "../../src/native/wire-line.h"

#if defined(FERRY_SANITIZED)
#include <sanitizer/common_interface_defs.h>
#endif

enum {
	STREAM_BYTES_MAX = 8192,
	PIECE_BYTES_MAX = 300,
	MUTATIONS_MAX = 4,
	LIFE_STEPS_MAX = 60,
	FAILED = 1,
	MISUSED = 2,
};

typedef struct {
	const uint8_t *bytes;
	size_t length;
} Frame;

static Frame *gFrames;
static size_t gFrameCount;
static uint64_t gSeed;
static uint64_t gInput;
static uint64_t gState;
static uint64_t gPayloads;

static void printInput(void)
{
	fprintf(stderr, "fuzz: seed %llu, input %llu\n", (unsigned long long)gSeed, (unsigned long long)gInput);
}

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "fuzz: line %d: not true: %s\n", __LINE__, #condition); \
			printInput(); \
			exit(FAILED); \
		} \
	} while (0)

/* ---- chance: xorshift64* ----------------------------------------------------------------------------------------- */

static uint32_t nextRandom(void)
{
	gState ^= gState >> 12;
	gState ^= gState << 25;
	gState ^= gState >> 27;
	return (uint32_t)((gState * 0x2545f4914f6cdd1dULL) >> 32);
}

static void seedRandom(uint64_t seed, uint64_t input)
{
	gState = (seed + 1) * 0x9e3779b97f4a7c15ULL ^ (input + 1) * 0xd1342543de82ef95ULL;
	if (0 == gState)
		gState = 1;
	nextRandom();
	nextRandom();
}

static uint32_t below(uint32_t limit)
{
	return nextRandom() % limit;
}

static int oneIn(uint32_t count)
{
	return 0 == below(count);
}

/* Half of the time one that means something to a decoder. */
static uint8_t anyByte(void)
{
	static const uint8_t telling[] = { 0x11, 0x13, 0xaa, 0xbb, 0xcc, 0xee, 0xec, 0x55, 0x44, 0x33 };
	return oneIn(2) ? telling[below(sizeof(telling))] : (uint8_t)nextRandom();
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static size_t copyFrame(uint8_t *out, size_t room)
{
	const Frame *frame = &gFrames[below((uint32_t)gFrameCount)];
	size_t length = frame->length < room ? frame->length : room;
	memcpy(out, frame->bytes, length);
	return length;
}

/* Changes one byte, takes out a run, doubles a run, or cuts the rest off. Returns the new length. */
static size_t mutate(uint8_t *bytes, size_t length, size_t room)
{
	size_t at = below((uint32_t)length);
	size_t run = 1 + below(oneIn(4) ? 40 : 2);

	if (run > length - at)
		run = length - at;
	switch (below(5)) {
		case 0:
			bytes[at] ^= (uint8_t)(1u << below(8));
			return length;
		case 1:
			bytes[at] = anyByte();
			return length;
		case 2:
			memmove(bytes + at, bytes + at + run, length - at - run);
			return length - run;
		case 3:
			if (length + run > room)
				return length;
			memmove(bytes + at + run, bytes + at, length - at);
			return length + run;
		default:
			return at;
	}
}

/* A frame about as long as the longest, or longer, and hardly anything in it that ends it early. */
static size_t makeLongFrame(uint8_t *out)
{
	size_t length = WIRE_PAYLOAD_BYTES_MAX - 4 + below(oneIn(2) ? 10 : 1000);
	size_t i;

	out[0] = 0xaa;
	for (i = 1; i < length; i++)
		out[i] = oneIn(500) ? anyByte() : 0x42;
	out[length++] = 0xbb;
	return length;
}

static size_t makeStream(uint8_t *out)
{
	size_t length = oneIn(20) ? makeLongFrame(out) : 0;
	uint32_t parts = 1 + below(4);

	while (parts--) {
		size_t garbage = oneIn(3) ? below(oneIn(50) ? 2000 : 20) : 0;
		size_t begin;
		uint32_t mutations = oneIn(3) ? 0 : below(MUTATIONS_MAX);

		if (length + garbage + WIRE_FRAME_BYTES_MAX > STREAM_BYTES_MAX)
			break;
		while (garbage--)
			out[length++] = anyByte();
		begin = length;
		length += copyFrame(out + length, STREAM_BYTES_MAX - length);
		while (mutations-- && (length > begin))
			length = begin + mutate(out + begin, length - begin, STREAM_BYTES_MAX - begin);
	}
	return length;
}

/* A copy of its own: one byte too far is seen. */
static uint8_t *copyOf(const uint8_t *bytes, size_t count)
{
	uint8_t *copy = malloc(count ? count : 1);
	CHECK(copy);
	memcpy(copy, bytes, count);
	return copy;
}

/* What was found must come back from what it is encoded to. */
static void checkPayload(const uint8_t *payload, size_t length)
{
	size_t capacity = WIRE_FRAME_BYTES(length);
	uint8_t *frame = malloc(capacity);
	WireDecoder *decoder = malloc(sizeof(WireDecoder));
	size_t end, used, found;

	CHECK(frame && decoder && (length >= 1) && (length <= WIRE_PAYLOAD_BYTES_MAX));
	end = wireEncode(payload, length, frame, capacity);
	CHECK((end > length) && (end <= capacity));
	CHECK(0 == wireEncode(payload, length, frame, capacity - 1));
	wireDecoderInit(decoder);
	used = wireDecode(decoder, frame, end, &found);
	CHECK((used == end) && (found == length) && !memcmp(decoder->bytes, payload, length));
	free(decoder);
	free(frame);
	gPayloads++;
}

static uint32_t sumOf(const WireDecoderCounters *counters)
{
	return counters->crcErrors + counters->escapeErrors + counters->oversizeFrames + counters->restarts +
	       counters->emptyFrames + counters->frames;
}

static void fuzzDecoder(void)
{
	static uint8_t stream[STREAM_BYTES_MAX];
	size_t length = makeStream(stream);
	WireDecoder *decoder = malloc(sizeof(WireDecoder));
	size_t at = 0;

	CHECK(decoder);
	wireDecoderInit(decoder);
	while (at < length) {
		size_t count = 1 + below(PIECE_BYTES_MAX);
		uint8_t *piece;
		size_t done = 0;

		if (count > length - at)
			count = length - at;
		piece = copyOf(stream + at, count);
		while (done < count) {
			size_t found;
			uint32_t before = decoder->counters.frames;
			size_t used = wireDecode(decoder, piece + done, count - done, &found);

			CHECK((used > 0) && (used <= count - done));
			CHECK((found > 0) == (decoder->counters.frames == before + 1));
			CHECK(decoder->length <= sizeof(decoder->bytes));
			if (found)
				checkPayload(decoder->bytes, found);
			done += used;
		}
		free(piece);
		if (oneIn(200))
			wireDecoderReset(decoder);
		at += count;
	}
	CHECK(sumOf(&decoder->counters) + decoder->counters.noiseBytes <= length);
	free(decoder);
}

/* ---- a line ------------------------------------------------------------------------------------------------------ */

static size_t makePing(uint8_t *out)
{
	const uint8_t ping[6] = { 0xbc, 0x67, 0x01, 0x01, anyByte(), anyByte() };
	return wireEncode(ping, sizeof(ping), out, WIRE_FRAME_BYTES(sizeof(ping)));
}

static size_t makeStreamOfPings(uint8_t *out)
{
	size_t length = 0;
	uint32_t parts = 1 + below(60);

	while (parts--) {
		size_t begin = length;
		length += oneIn(4) ? copyFrame(out + length, 200) : makePing(out + length);
		if (oneIn(3))
			length = begin + mutate(out + begin, length - begin, WIRE_FRAME_BYTES_MAX);
	}
	return length;
}

static void decodeAll(WireDecoder *decoder, const uint8_t *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		size_t found;
		done += wireDecode(decoder, bytes + done, count - done, &found);
	}
}

/* What has become of the stream: a decoder behind the line, one that hears the stream itself, and one at the far end. */
typedef struct {
	WireLine line;
	uint8_t *ring;
	WireDecoder behind, alone, far;
	uint32_t framesSent;
} LineLife;

static void readLine(LineLife *life, size_t count)
{
	uint8_t *bytes = malloc(count ? count : 1);
	CHECK(bytes);
	decodeAll(&life->behind, bytes, wireLineRead(&life->line, bytes, count));
	free(bytes);
}

static void transmitLine(LineLife *life, uint32_t count)
{
	while (count-- && wireLineHasNext(&life->line)) {
		uint8_t byte = wireLineNext(&life->line);
		decodeAll(&life->far, &byte, 1);
	}
}

static void stepLine(LineLife *life, const uint8_t *frame, size_t frameLength)
{
	switch (below(5)) {
		case 0:
			life->line.isOpen = (uint8_t)below(2);
			break;
		case 1:
			if (0 == life->line.frameLeft) {
				wireLineSend(&life->line, frame, frameLength);
				life->framesSent++;
			}
			break;
		case 2:
			transmitLine(life, below(40));
			break;
		default:
			readLine(life, below(80));
	}
}

static void fuzzLine(void)
{
	static uint8_t stream[STREAM_BYTES_MAX + 60 * WIRE_FRAME_BYTES_MAX];
	size_t length = oneIn(2) ? makeStream(stream) : makeStreamOfPings(stream);
	uint32_t ringBytes = WIRE_PING_FRAME_BYTES_MAX + below(oneIn(2) ? 30 : 600);
	LineLife *life = calloc(1, sizeof(LineLife));
	uint8_t frame[WIRE_FRAME_BYTES(40)];
	size_t at = 0, frameLength;

	CHECK(life && (life->ring = malloc(ringBytes)));
	wireLineInit(&life->line, life->ring, ringBytes);
	frameLength = wireEncode(stream, 1 + below(40), frame, sizeof(frame)); /* of whatever stands there */
	while (at < length) {
		uint32_t count = 1 + below(20);

		while (count-- && (at < length) && wireLineHasRoom(&life->line)) {
			decodeAll(&life->alone, stream + at, 1);
			wireLineTake(&life->line, stream[at++]);
			CHECK(life->line.used <= ringBytes);
			CHECK(life->line.pongEnd <= sizeof(life->line.pongs));
		}
		stepLine(life, frame, frameLength);
	}
	life->line.isOpen = 0;
	readLine(life, ringBytes);
	decodeAll(&life->alone, (const uint8_t *)"\xbb", 1); /* what is held comes out */
	wireLineTake(&life->line, 0xbb);
	readLine(life, ringBytes);
	transmitLine(life, sizeof(life->line.pongs) + sizeof(frame));
	CHECK(life->behind.counters.frames + life->line.pingsAnswered == life->alone.counters.frames);
	CHECK(life->behind.counters.crcErrors == life->alone.counters.crcErrors);
	CHECK(life->behind.counters.escapeErrors == life->alone.counters.escapeErrors);
	CHECK(life->behind.counters.oversizeFrames == life->alone.counters.oversizeFrames);
	CHECK(life->behind.counters.noiseBytes == life->alone.counters.noiseBytes);
	CHECK(life->behind.counters.restarts == life->alone.counters.restarts);
	CHECK(life->far.counters.frames == life->framesSent + life->line.pingsAnswered);
	CHECK(sumOf(&life->far.counters) == life->far.counters.frames);
	CHECK(0 == life->far.counters.noiseBytes);
	gPayloads += life->far.counters.frames;
	free(life->ring);
	free(life);
}

/* ---- a wire's life ----------------------------------------------------------------------------------------------- */

typedef struct {
	WireCore *wire;
	WireDecoder *far; /* hears what the wire sends */
	uint32_t nowMs;
	uint8_t cue[WIRE_CUE_BYTES_MAX];
	size_t cueLength;
	uint32_t cuts; /* frames cut short by a change of baud */
} Life;

static size_t makePayload(uint8_t *payload)
{
	size_t length = oneIn(20) ? below(WIRE_PAYLOAD_BYTES_MAX + 3) : below(40);
	size_t i;

	for (i = 0; i < length; i++)
		payload[i] = anyByte();
	if ((length >= 6) && oneIn(3)) {
		static const uint8_t ping[] = { 0xbc, 0x67, 0x01, 0x01 };
		memcpy(payload, ping, sizeof(ping));
		return oneIn(4) ? length : 6;
	}
	return length;
}

static void receiveFrame(Life *life, const uint8_t *payload, size_t length)
{
	uint8_t frame[WIRE_FRAME_BYTES_MAX];
	size_t count = wireEncode(payload, length, frame, sizeof(frame));
	uint8_t *copy = copyOf(frame, count);
	wireReceive(life->wire, copy, count);
	free(copy);
}

static void transmit(Life *life)
{
	size_t count, done = 0;
	const uint8_t *bytes = wirePending(life->wire, &count);
	uint8_t *copy;

	if (count && oneIn(2))
		count = 1 + below((uint32_t)count);
	copy = copyOf(bytes, count);
	while (done < count) {
		size_t found;
		done += wireDecode(life->far, copy + done, count - done, &found);
	}
	free(copy);
	wireSent(life->wire, count);
	if (oneIn(20)) { /* more than there was to send */
		wirePending(life->wire, &count);
		wireSent(life->wire, count + 1 + below(1000));
	}
}

/* The entries of the inbox fill it exactly. */
static void checkInbox(const WireCore *wire)
{
	uint32_t offset = 0;

	CHECK(wire->inboxUsed <= WIRE_INBOX_BYTES);
	while (offset < wire->inboxUsed) {
		uint32_t low = wire->inbox[(wire->inboxHead + offset) % WIRE_INBOX_BYTES];
		uint32_t high = wire->inbox[(wire->inboxHead + offset + 1) % WIRE_INBOX_BYTES];
		uint32_t length = low | (high << 8);
		CHECK((length >= 1) && (length <= WIRE_PAYLOAD_BYTES_MAX));
		offset += 2 + length;
	}
	CHECK(offset == wire->inboxUsed);
}

static void stepEngine(Life *life)
{
	static uint8_t bytes[WIRE_PAYLOAD_BYTES_MAX + 3];
	size_t length = makePayload(bytes);
	int isIdle = wireIsIdle(life->wire);
	uint8_t *payload = copyOf(bytes, length);

	switch (below(7)) {
		case 0: {
			WireStatus status = wireSend(life->wire, payload, length);
			CHECK((WIRE_BUSY == status) == !isIdle);
			break;
		}
		case 1: {
			uint8_t *cue;
			life->cueLength = below(WIRE_CUE_BYTES_MAX + 2);
			cue = copyOf(bytes, life->cueLength < length ? life->cueLength : (life->cueLength = length));
			if (WIRE_OK != wirePrepare(life->wire, payload, length, cue, life->cueLength))
				life->cueLength = 0;
			memcpy(life->cue, cue, life->cueLength);
			free(cue);
			break;
		}
		case 2:
			if (WIRE_OK == wireSendPrepared(life->wire))
				life->cueLength = 0;
			break;
		case 3:
			wireDropCue(life->wire);
			break;
		case 4: {
			uint8_t *taken = malloc(WIRE_PAYLOAD_BYTES_MAX);
			CHECK(taken && (wireTake(life->wire, taken, life->nowMs) <= WIRE_PAYLOAD_BYTES_MAX));
			free(taken);
			wireTakeEvents(life->wire);
			break;
		}
		case 5:
			wireHold(life->wire, oneIn(3));
			break;
		default:
			wireSee(life->wire, life->nowMs);
	}
	free(payload);
}

static void stepPort(Life *life)
{
	static uint8_t bytes[STREAM_BYTES_MAX];
	size_t length;
	uint8_t *copy;

	switch (below(6)) {
		case 0:
			length = makePayload(bytes);
			receiveFrame(life, bytes, length);
			break;
		case 1:
			if (life->cueLength)
				receiveFrame(life, life->cue, life->cueLength);
			break;
		case 2:
			length = makeStream(bytes);
			if (length > wireReceivable(life->wire) && !oneIn(20))
				length = wireReceivable(life->wire);
			copy = copyOf(bytes, length);
			wireReceive(life->wire, copy, length);
			free(copy);
			break;
		case 3:
			life->nowMs += oneIn(10) ? nextRandom() : below(60);
			if (wireAnswersPings(life->wire, life->nowMs))
				wireHearPings(life->wire);
			break;
		case 4:
			if (oneIn(10)) {
				size_t pending;
				wirePending(life->wire, &pending);
				life->cuts += 0 < pending;
				wireRestart(life->wire);
			}
			break;
		default:
			transmit(life);
	}
}

static void fuzzLife(void)
{
	Life life = { malloc(sizeof(WireCore)), malloc(sizeof(WireDecoder)), nextRandom(), { 0 }, 0, 0 };
	uint32_t steps = 1 + below(LIFE_STEPS_MAX);
	const WireDecoderCounters *heard;

	CHECK(life.wire && life.far);
	wireInit(life.wire, life.nowMs);
	wireDecoderInit(life.far);
	while (steps--) {
		if (oneIn(2))
			stepEngine(&life);
		else
			stepPort(&life);
		checkInbox(life.wire);
		CHECK(life.wire->cueLength <= WIRE_CUE_BYTES_MAX);
		CHECK(life.wire->position <= life.wire->frames[life.wire->current].end);
		CHECK(life.wire->counters.framesCued <= life.wire->counters.framesSent);
	}
	/* Frames are never mixed, and a cut one is closed by the lead-in before the next; between frames its zero is noise. */
	heard = &life.far->counters;
	CHECK(heard->noiseBytes <= 1 + life.wire->counters.baudChanges);
	CHECK(heard->crcErrors + heard->escapeErrors + heard->emptyFrames + heard->restarts <= life.cuts);
	CHECK(heard->frames + heard->oversizeFrames <= life.wire->counters.framesSent);
	gPayloads += heard->frames;
	free(life.far);
	free(life.wire);
}

/* ------------------------------------------------------------------------------------------------------------------ */

/* Keeps the whole file: the frames stand in it. */
static void readCorpus(const char *path)
{
	FILE *file = fopen(path, "rb");
	static uint8_t bytes[1 << 20];
	size_t length, at = 0;

	if (!file) {
		fprintf(stderr, "fuzz: cannot open the corpus %s\n", path);
		exit(MISUSED);
	}
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	gFrames = calloc(length / 2 + 1, sizeof(Frame));
	while (gFrames && (at + 2 <= length)) {
		Frame frame = { bytes + at + 2, (size_t)bytes[at] | ((size_t)bytes[at + 1] << 8) };
		at += 2 + frame.length;
		if ((at <= length) && (frame.length <= WIRE_FRAME_BYTES_MAX))
			gFrames[gFrameCount++] = frame;
	}
	if (0 == gFrameCount) {
		fprintf(stderr, "fuzz: the corpus %s has no frames\n", path);
		exit(MISUSED);
	}
}

int main(int argc, char **argv)
{
	uint64_t first, count;

	if (argc != 5) {
		fprintf(stderr, "usage: fuzz CORPUS SEED FIRST COUNT\n");
		return MISUSED;
	}
	readCorpus(argv[1]);
	gSeed = strtoull(argv[2], NULL, 10);
	first = strtoull(argv[3], NULL, 10);
	count = strtoull(argv[4], NULL, 10);
#if defined(FERRY_SANITIZED)
	__sanitizer_set_death_callback(printInput);
#endif
	for (gInput = first; gInput < first + count; gInput++) {
		seedRandom(gSeed, gInput);
		switch (below(3)) {
			case 0:
				fuzzDecoder();
				break;
			case 1:
				fuzzLine();
				break;
			default:
				fuzzLife();
		}
	}
	printf("%llu inputs, %llu payloads\n", (unsigned long long)count, (unsigned long long)gPayloads);
	free(gFrames);
	return 0;
}
