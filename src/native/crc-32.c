/* CRC-32 for src/native/crc-32.ts. Any number is a seed; no bytes leave it as it is. */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "wire-frame.h"

#include "strict.h"

void xs_ferry_crc32(xsMachine *the)
{
	void *bytes;
	xsUnsignedValue length;

	xsmcGetBufferReadable(xsArg(0), &bytes, &length);
	xsmcSetInteger(xsResult, (int32_t)wireCrc32(xsmcToUnsigned(xsArg(1)), bytes, length));
}
