/* See engine-post.h: over the SDK's messages on the ESP32, and over XS's jobs for workers on a PC. */

#include "engine-post.h"

#if defined(ESP_PLATFORM)

#include "xsmc.h"
#include "xsHost.h"

#include <string.h>

#include "builtinCommon.h"

#include "strict.h"

/* A message carries a pointer's size of content without an allocation (xsHost.c), besides its refcon. */
typedef struct {
	void (*deliver)(void *machine, void *refcon);
} Message;

static void onMessage(void *machine, void *refcon, uint8_t *message, uint16_t length)
{
	Message content;

	if (length != sizeof(content))
		return;
	memcpy(&content, message, sizeof(content));
	(*content.deliver)(machine, refcon);
}

/*
 * Waits where the machine's queue is full, until the machine takes a message (MODDEF_TASK_QUEUEWAIT). Each sender of
 * Ferry's has at most one message under way, so that takes many others and an engine in a long step.
 */
int enginePost(void *machine, void (*deliver)(void *machine, void *refcon), void *refcon)
{
	Message content = { deliver };
	return 0 == modMessagePostToMachine((xsMachine *)machine, (uint8_t *)&content, sizeof(content), onMessage, refcon);
}

#else

#include <stdlib.h>

/* The job's callback gets the job, which is freed afterwards. */
typedef struct Job {
	struct Job *next;
	void (*callback)(void *machine, void *job);
	void (*deliver)(void *machine, void *refcon);
	void *refcon;
} Job;

extern void fxQueueWorkerJob(void *machine, void *job);

static void runJob(void *machine, void *context)
{
	Job *job = context;
	(*job->deliver)(machine, job->refcon);
}

int enginePost(void *machine, void (*deliver)(void *machine, void *refcon), void *refcon)
{
	Job *job = calloc(1, sizeof(Job));

	if (!job)
		return 0;
	job->callback = runJob;
	job->deliver = deliver;
	job->refcon = refcon;
	fxQueueWorkerJob(machine, job);
	return 1;
}

#endif
