/* What is called must have been declared: the SDK's flags let a missing prototype pass, to fail where it is called. */

#ifndef STRICT_H
#define STRICT_H

#pragma GCC diagnostic error "-Wimplicit-function-declaration"

#endif
