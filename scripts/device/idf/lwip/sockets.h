/* What src/native uses of ESP-IDF 6.0's lwip/sockets.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/select.h>
#include <sys/socket.h>

/* The SDK's include path finds lwIP's own header, which has no other names (LWIP_COMPAT_SOCKETS is 0). */
int lwip_close(int socket);
int lwip_connect(int socket, const struct sockaddr *name, socklen_t length);
int lwip_fcntl(int socket, int command, int value);
int lwip_getsockopt(int socket, int level, int option, void *value, socklen_t *length);
int lwip_inet_pton(int family, const char *text, void *address);
ssize_t lwip_recv(int socket, void *bytes, size_t length, int flags);
ssize_t lwip_send(int socket, const void *bytes, size_t length, int flags);
int lwip_setsockopt(int socket, int level, int option, const void *value, socklen_t length);
int lwip_socket(int domain, int type, int protocol);
int lwip_select(int count, fd_set *readable, fd_set *writable, fd_set *exceptional, struct timeval *limit);
