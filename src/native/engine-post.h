/* From any thread to the engine's. */

#ifndef ENGINE_POST_H
#define ENGINE_POST_H

/* Calls deliver(machine, refcon) on the machine's own thread, later. 0 when that cannot be now. Not with a lock held. */
int enginePost(void *machine, void (*deliver)(void *machine, void *refcon), void *refcon);

#endif
