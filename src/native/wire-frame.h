/*
 * Frames in portable C: CRC-8, CRC-32, payload to frame, bytes to payloads. No allocation, no platform, no state but the
 * caller's; every copy is bounded by the sizes below.
 *
 * A frame on the wire (Blynk NCP protocol, "Framing"):
 *
 *   +------+---------------------+-------------------+------+
 *   | BEGIN| escape(payload)     | escape(CRC-8)     | END  |
 *   | 0xAA | 1..1536 bytes raw   | of the raw payload| 0xBB |
 *   +------+---------------------+-------------------+------+
 *
 * A byte of {11, 13, AA, BB, CC} travels as ESCAPE (0xCC) and its complement. So a raw AA or BB is always a delimiter.
 *
 * Fault model: lost, flipped and inserted bytes anywhere, text between frames, frames cut short or without end. After
 * any of it the next good frame is found. Same semantics and counters as src/frame/decoder.ts, byte for byte.
 */

#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_PAYLOAD_BYTES_MAX 1536
/* The frame of a payload of so many bytes is at most so long: each byte of payload and CRC escaped. */
#define WIRE_FRAME_BYTES(length) (2 * ((length) + 1) + 2)
#define WIRE_FRAME_BYTES_MAX WIRE_FRAME_BYTES(WIRE_PAYLOAD_BYTES_MAX)

enum {
	WIRE_BEGIN = 0xaa,
	WIRE_END = 0xbb,
	WIRE_ESCAPE = 0xcc,
	WIRE_XON = 0x11,
	WIRE_XOFF = 0x13,
};

/* Check of "123456789": f4. Begin with 0. */
uint8_t wireCrc8(uint8_t crc, const uint8_t *bytes, size_t count);

/* zlib's; check of "123456789": cbf43926. Begin with 0, go on with what was returned. */
uint32_t wireCrc32(uint32_t crc, const uint8_t *bytes, size_t count);

/*
 * Writes the frame of the payload and returns its length. Returns 0, and writes nothing, for a payload that is empty or
 * too long, or where the capacity is less than WIRE_FRAME_BYTES(length).
 */
size_t wireEncode(const uint8_t *payload, size_t length, uint8_t *out, size_t capacity);

typedef struct {
	uint32_t frames;         /* good ones */
	uint32_t noiseBytes;     /* outside of frames */
	uint32_t crcErrors;
	uint32_t escapeErrors;   /* an escape that no encoder writes */
	uint32_t oversizeFrames;
	uint32_t restarts;       /* frames that a new BEGIN cut short */
	uint32_t emptyFrames;    /* CRC only, or nothing */
} WireDecoderCounters;

typedef struct {
	WireDecoderCounters counters;
	uint32_t length;                             /* bytes in the buffer: payload, then CRC */
	uint8_t state;
	uint8_t crc;
	uint8_t isTooLong;
	uint8_t isNoisy;                             /* set by what was no good; cleared by who has taken notice */
	uint8_t bytes[WIRE_PAYLOAD_BYTES_MAX + 1];
} WireDecoder;

void wireDecoderInit(WireDecoder *decoder);

/* Forgets a frame under way: for a change of baud. */
void wireDecoderReset(WireDecoder *decoder);

/*
 * Takes bytes up to the end of the next good frame, or all of them; returns how many. A payload of `*payloadLength`
 * bytes then stands at the beginning of decoder->bytes, until the next call; 0 when there is none.
 */
size_t wireDecode(WireDecoder *decoder, const uint8_t *bytes, size_t count, size_t *payloadLength);

#endif
