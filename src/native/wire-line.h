/*
 * What a UART's interrupt does with bytes: the innermost part of the wire. It answers the MCU's pings, so that an answer
 * waits neither for the engine nor for the flash: while a sector is erased, for 45 ms, nothing runs that lies in flash.
 *
 *   RX FIFO --> wireLineTake --> [held] --> [ring] --> wireLineRead           the wire's task
 *                                   | a ping
 *                                   v
 *   TX FIFO <-- wireLineNext <-- [pongs], [frame] <-- wireLineSend            the wire's task
 *
 *   ping  | AA | bc 67 | 01 01 | u16 message id | CRC-8 | BB |     INVOKE of ncp.ping   (src/rpc/protocol.ts)
 *   pong  | AA | 12 a5 | u16 message id | 00 | CRC-8 | BB |        its RESULT
 *
 * Invariants: bytes come out of the ring as they came in, but for pings that were answered; those are gone. One that cut
 * a frame short leaves an empty frame in its place, so that the decoder gives the cut one up. A ping is answered once,
 * between two frames, only while the line is open, and never where there is no room for the answer: then, and where a
 * frame is anything but a ping to the last bit, the decoder and the engine see to it.
 *
 * All of it is inlined, and without tables: the compiler lays tables into flash. Not for two threads at a time.
 */

#ifndef WIRE_LINE_H
#define WIRE_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire-frame.h"

#define WIRE_LINE_INLINE static inline __attribute__((always_inline))

enum {
	/* BEGIN, four bytes as they are, three that may be escaped, END. */
	WIRE_PING_FRAME_BYTES_MAX = 12,
	/* BEGIN, three bytes as they are, three that may be escaped, END. */
	WIRE_PONG_FRAME_BYTES_MAX = 11,
	/* An MCU waits for one answer at a time. More may wait behind a long frame when it gave up on the first ones. */
	WIRE_PONGS_MAX = 4,
};

typedef struct {
	/* Received, and not read. */
	uint8_t *ring;
	uint32_t ringBytes;
	uint32_t head;
	uint32_t used;
	/* What may become a ping, from its BEGIN on; the END is never in here. */
	uint8_t held[WIRE_PING_FRAME_BYTES_MAX - 1];
	uint8_t heldCount;
	uint8_t isInFrame; /* what was put into the ring last */
	uint8_t isOpen;
	uint32_t pingsAnswered;
	/* Answers to be sent, bytes [pongStart, pongEnd). */
	uint8_t pongs[WIRE_PONGS_MAX * WIRE_PONG_FRAME_BYTES_MAX];
	uint8_t pongStart;
	uint8_t pongEnd;
	/* The frame to be sent, or what is left of it. It stays its owner's. */
	uint8_t hasBegun;
	uint32_t frameLeft;
	const uint8_t *frame;
} WireLine;

WIRE_LINE_INLINE void wireLineInit(WireLine *line, uint8_t *ring, uint32_t ringBytes)
{
	memset(line, 0, sizeof(*line));
	line->ring = ring;
	line->ringBytes = ringBytes;
}

/* ---- receiving: the interrupt ------------------------------------------------------------------------------------ */

/* Whether another byte may be taken: it may set all free that is held. */
WIRE_LINE_INLINE int wireLineHasRoom(const WireLine *line)
{
	return line->ringBytes - line->used >= WIRE_PING_FRAME_BYTES_MAX;
}

WIRE_LINE_INLINE void wireLinePut(WireLine *line, uint8_t byte)
{
	uint32_t at = line->head + line->used;
	line->ring[at < line->ringBytes ? at : at - line->ringBytes] = byte;
	line->used++;
	if (WIRE_BEGIN == byte)
		line->isInFrame = 1;
	else if (WIRE_END == byte)
		line->isInFrame = 0;
}

/* What was held is no ping. */
WIRE_LINE_INLINE void wireLineLetGo(WireLine *line)
{
	uint32_t i;

	for (i = 0; i < line->heldCount; i++)
		wireLinePut(line, line->held[i]);
	line->heldCount = 0;
}

/* As wireCrc8(), without its table. */
WIRE_LINE_INLINE uint8_t wireLineCrc8(uint8_t crc, uint8_t byte)
{
	int bit;

	crc ^= byte;
	for (bit = 0; bit < 8; bit++)
		crc = (uint8_t)((crc << 1) ^ ((crc & 0x80) ? 0x07 : 0));
	return crc;
}

WIRE_LINE_INLINE int wireLineNeedsEscape(uint8_t byte)
{
	return (WIRE_BEGIN == byte) || (WIRE_END == byte) || (WIRE_ESCAPE == byte) ||
	       (WIRE_XON == byte) || (WIRE_XOFF == byte);
}

WIRE_LINE_INLINE void wireLineAnswerByte(WireLine *line, uint8_t byte)
{
	if (wireLineNeedsEscape(byte)) {
		line->pongs[line->pongEnd++] = WIRE_ESCAPE;
		byte ^= 0xff;
	}
	line->pongs[line->pongEnd++] = byte;
}

WIRE_LINE_INLINE void wireLineAnswer(WireLine *line, uint8_t idLow, uint8_t idHigh)
{
	uint8_t crc = wireLineCrc8(wireLineCrc8(wireLineCrc8(wireLineCrc8(wireLineCrc8(0, 0x12), 0xa5), idLow), idHigh), 0x00);

	line->pongs[line->pongEnd++] = WIRE_BEGIN;
	line->pongs[line->pongEnd++] = 0x12;
	line->pongs[line->pongEnd++] = 0xa5;
	wireLineAnswerByte(line, idLow);
	wireLineAnswerByte(line, idHigh);
	line->pongs[line->pongEnd++] = 0x00;
	wireLineAnswerByte(line, crc);
	line->pongs[line->pongEnd++] = WIRE_END;
	line->pingsAnswered++;
}

/* The bytes behind the call's number: message id and CRC, three when their escapes are undone. */
WIRE_LINE_INLINE int wireLineHoldsPing(const WireLine *line, uint8_t *tail)
{
	uint8_t crc = wireLineCrc8(wireLineCrc8(wireLineCrc8(wireLineCrc8(0, 0xbc), 0x67), 0x01), 0x01);
	uint32_t count = 0;
	uint32_t i;

	for (i = 5; i < line->heldCount; i++) {
		uint8_t byte = line->held[i];
		int isEscaped = WIRE_ESCAPE == byte;

		if (isEscaped) {
			if (++i == line->heldCount)
				return 0;
			byte = line->held[i] ^ 0xff;
		}
		if ((isEscaped != wireLineNeedsEscape(byte)) || (3 == count))
			return 0;
		crc = wireLineCrc8(crc, byte);
		tail[count++] = byte;
	}
	return (3 == count) && (0 == crc);
}

/* At an END. Returns 0 when it is none of the line's business. */
WIRE_LINE_INLINE int wireLineAnswerPing(WireLine *line)
{
	uint8_t tail[3];

	if (line->pongStart == line->pongEnd)
		line->pongStart = line->pongEnd = 0;
	if (!line->isOpen || (line->pongEnd > sizeof(line->pongs) - WIRE_PONG_FRAME_BYTES_MAX) || !wireLineHoldsPing(line, tail))
		return 0;
	wireLineAnswer(line, tail[0], tail[1]);
	line->heldCount = 0;
	if (line->isInFrame) {
		wireLinePut(line, WIRE_BEGIN);
		wireLinePut(line, WIRE_END);
	}
	return 1;
}

/* The bytes of a ping that are always the same, by their place. */
WIRE_LINE_INLINE int wireLineMayGoOn(uint32_t at, uint8_t byte)
{
	return (at > 4) || (byte == ((1 == at) ? 0xbc : (2 == at) ? 0x67 : 0x01));
}

/* Only with room for it. */
WIRE_LINE_INLINE void wireLineTake(WireLine *line, uint8_t byte)
{
	if (WIRE_BEGIN == byte) {
		wireLineLetGo(line);
		line->held[line->heldCount++] = byte;
		return;
	}
	if (line->heldCount) {
		if ((WIRE_END == byte) && wireLineAnswerPing(line))
			return;
		if ((WIRE_END != byte) && (line->heldCount < sizeof(line->held)) && wireLineMayGoOn(line->heldCount, byte)) {
			line->held[line->heldCount++] = byte;
			return;
		}
		wireLineLetGo(line);
	}
	wireLinePut(line, byte);
}

/* ---- sending: the interrupt -------------------------------------------------------------------------------------- */

/* Whether there is something to be sent. */
WIRE_LINE_INLINE int wireLineHasNext(const WireLine *line)
{
	return (line->frameLeft > 0) || (line->pongStart < line->pongEnd);
}

/* The next byte to be sent: of a frame that has begun to its end, and of pongs before frames. Only when there is one. */
WIRE_LINE_INLINE uint8_t wireLineNext(WireLine *line)
{
	if (!line->hasBegun && (line->pongStart < line->pongEnd))
		return line->pongs[line->pongStart++];
	line->hasBegun = --line->frameLeft > 0;
	return *line->frame++;
}

/* ---- the wire's task --------------------------------------------------------------------------------------------- */

/* Returns how many bytes it moved. */
WIRE_LINE_INLINE size_t wireLineRead(WireLine *line, uint8_t *bytes, size_t count)
{
	size_t first = line->ringBytes - line->head;

	if (count > line->used)
		count = line->used;
	if (first > count)
		first = count;
	memcpy(bytes, line->ring + line->head, first);
	memcpy(bytes + first, line->ring, count - first);
	line->head = (uint32_t)((count < line->ringBytes - line->head) ? line->head + count : count - first);
	line->used -= (uint32_t)count;
	return count;
}

/* The bytes must stay as they are until all of them are gone. Only when those before are. */
WIRE_LINE_INLINE void wireLineSend(WireLine *line, const uint8_t *bytes, size_t count)
{
	line->frame = bytes;
	line->frameLeft = (uint32_t)count;
}

/* For a change of baud: forgets all that was not read or not sent. */
WIRE_LINE_INLINE void wireLineReset(WireLine *line)
{
	line->head = line->used = 0;
	line->heldCount = 0;
	line->isInFrame = 0;
	line->pongStart = line->pongEnd = 0;
	line->frameLeft = 0;
	line->hasBegun = 0;
}

#endif
