/*
 * What this build of Ferry is: Blynk's firmware tag, compiled into the image.
 *
 *   "blnkinf\0"  "ncp\0" version "\0"  "fw-type\0" type "\0"  "build\0" date " " time "\0"  "\0"
 *
 * By it a Ferry that is offered this image knows whose it is, and which version: the app descriptor of ESP-IDF says
 * neither, for the Moddable SDK builds every app as project xs_esp32. Version and type are in manifest.json (defines,
 * ferry); a product that includes it may have others. SOURCE_DATE_EPOCH makes the date, and so the build, repeatable.
 *
 * Invariants: the tag has characters that Blynk's tool accepts only, and no empty value; it is referred to, so no linker
 * drops it.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"
#include "mc.defines.h"

#include "strict.h"

#define TAG_MARKER "blnkinf\0"
#define TAG_VERSION TAG_MARKER "ncp\0"
#define TAG_TYPE TAG_VERSION MODDEF_FERRY_VERSION "\0" "fw-type\0"

/* A literal ends with one NUL more, which ends the tag. */
static const char tag[] __attribute__((used)) = TAG_TYPE MODDEF_FERRY_TYPE "\0" "build\0" __DATE__ " " __TIME__ "\0";

_Static_assert(sizeof(MODDEF_FERRY_VERSION) > 1, "manifest.json, defines, ferry: the version is empty");
_Static_assert(sizeof(MODDEF_FERRY_TYPE) > 1, "manifest.json, defines, ferry: the type is empty");

void xs_ferry_version(xsMachine *the)
{
	xsmcSetStringX(xsResult, (char *)tag + sizeof(TAG_VERSION) - 1);
}

void xs_ferry_type(xsMachine *the)
{
	xsmcSetStringX(xsResult, (char *)tag + sizeof(TAG_TYPE) - 1);
}
