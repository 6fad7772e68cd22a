/* In the place of src/native/tls-xs.c on a computer without mbedTLS: there is no such connection. */

#include "xsmc.h"
#include "xsHost.h"

void xs_ferry_tls_constructor(xsMachine *the)
{
	xsUnknownError("this build has no TLS");
}

void xs_ferry_tls_read(xsMachine *the)
{
	(void)the;
}

void xs_ferry_tls_write(xsMachine *the)
{
	(void)the;
}

void xs_ferry_tls_close(xsMachine *the)
{
	(void)the;
}

void xs_ferry_tls_destructor(void *data)
{
	(void)data;
}
