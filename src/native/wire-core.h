/*
 * The wire in portable C: what stands between a UART and the engine. Like src/frame/wire.ts, and with an inbox, for
 * bytes arrive while the engine is busy. No allocation, no platform, no clock: time comes as an argument, in
 * milliseconds that may wrap.
 *
 *   engine   wireSend, wirePrepare --> [current][prepared] --> wirePending, wireSent       UART
 *            wireTake <---------- [inbox] <--- decoder <------ wireReceive
 *
 * Invariants: one frame is on its way at a time and is never mixed with another; the lead-in precedes the first frame
 * after boot and after a change of baud; payloads are handed over in order, once.
 *
 * A prepared frame leaves by itself at its cue, though never while another is half sent or the wire is held. Pings are
 * answered before they come here (wire-line.h), while wireAnswersPings() says so; the engine only hears that there were some.
 *
 * Not for two threads at a time: wire-xs.c holds a lock around each call.
 */

#ifndef WIRE_CORE_H
#define WIRE_CORE_H

#include "wire-frame.h"

/* Payloads that the engine has not taken yet, each with two bytes before it: two of the longest, or many short ones. */
#define WIRE_INBOX_BYTES 4096
#define WIRE_CUE_BYTES_MAX 8
/* 00 BB, closes half a frame in which the MCU's parser may be stuck: see src/frame/layout.ts. */
#define WIRE_LEAD_IN_BYTES 2
/* An engine that was not seen for so long may have died: then no answer goes out in its name. */
#define WIRE_ALIVE_MS 5000

typedef enum {
	WIRE_OK,
	WIRE_BUSY,  /* another frame is on its way, or the wire is held */
	WIRE_SIZE,  /* no frame can be made of so many bytes */
} WireStatus;

/* What the engine is to be told, besides payloads. */
enum {
	WIRE_NOISE = 1, /* bytes or frames arrived that were no good */
	WIRE_IDLE = 2,  /* the last frame has been handed over: the next may come */
	WIRE_HEARD = 4, /* pings arrived, and were answered */
};

typedef struct {
	uint32_t framesSent;
	uint32_t framesCued;    /* of these: prepared frames that left at their cue */
	uint32_t bytesSent;
	uint32_t bytesReceived;
	uint32_t baudChanges;
	uint32_t inboxDrops;    /* payloads that found no room; none while the port heeds wireReceivable() */
} WireCounters;

typedef struct {
	uint32_t end;
	uint8_t bytes[WIRE_LEAD_IN_BYTES + WIRE_FRAME_BYTES_MAX]; /* the lead-in, then the frame */
} WireFrame;

typedef struct {
	WireCounters counters;
	WireDecoder decoder;
	WireFrame frames[2];
	uint8_t current;         /* the frame on its way, or sent last; the other one is the prepared one */
	uint8_t needsLeadIn;
	uint8_t isHeld;
	uint8_t events;
	uint8_t preparedHasLeft; /* at its cue, and nobody has asked for it yet */
	uint8_t cueLength;       /* 0 when there is none */
	uint8_t cue[WIRE_CUE_BYTES_MAX];
	uint32_t position;       /* next byte of the current frame to hand over; at its end when nothing is on its way */
	uint32_t seenMs;         /* the engine's last sign of life */
	uint32_t inboxHead;
	uint32_t inboxUsed;
	uint8_t inbox[WIRE_INBOX_BYTES];
} WireCore;

void wireInit(WireCore *wire, uint32_t nowMs);

/* ---- for the engine ---- */

int wireIsIdle(const WireCore *wire);
WireStatus wireSend(WireCore *wire, const uint8_t *payload, size_t length);
/* Encodes a frame beside the one on its way. At a payload equal to the cue it leaves by itself; no cue: length 0. */
WireStatus wirePrepare(WireCore *wire, const uint8_t *payload, size_t length, const uint8_t *cue, size_t cueLength);
/* WIRE_OK also when the cue has sent it already. No cue counts any more. */
WireStatus wireSendPrepared(WireCore *wire);
/* No cue counts any more. 0: too late, the prepared frame has left. */
int wireDropCue(WireCore *wire);
/* Nothing more leaves, until the hold ends: for waiting until all has left. */
void wireHold(WireCore *wire, int isHeld);
/* For a change of baud: frames half sent or half received are given up. */
void wireRestart(WireCore *wire);
/* Moves the oldest payload into `payload`, of WIRE_PAYLOAD_BYTES_MAX bytes. Returns its length, 0 when there is none. */
size_t wireTake(WireCore *wire, uint8_t *payload, uint32_t nowMs);
/* WIRE_NOISE, WIRE_IDLE and WIRE_HEARD, each told once. To be asked after the payloads. */
unsigned wireTakeEvents(WireCore *wire);
/* Whether wireTake() or wireTakeEvents() have something. */
int wireHasNews(const WireCore *wire);
/* The engine lives. */
void wireSee(WireCore *wire, uint32_t nowMs);

/* ---- for the port ---- */

/* What is to be handed over next, and how much: 0 when nothing is. */
const uint8_t *wirePending(const WireCore *wire, size_t *count);
/* So many of these bytes have been handed over. */
void wireSent(WireCore *wire, size_t count);
/* So many bytes may be received without any payload being lost. */
size_t wireReceivable(const WireCore *wire);
void wireReceive(WireCore *wire, const uint8_t *bytes, size_t count);
/* Whether pings may be answered in the engine's name: it lives, the wire is not held, and no lead-in is due. */
int wireAnswersPings(const WireCore *wire, uint32_t nowMs);
/* Some were. */
void wireHearPings(WireCore *wire);

#endif
