/* What src/native uses of ESP-IDF 6.0's lwip/sockets.h: declarations alone, for a compiler that has no ESP-IDF. */

#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/select.h>
#include <sys/socket.h>

int lwip_close(int socket);
int lwip_fcntl(int socket, int command, int value);
int lwip_select(int count, fd_set *readable, fd_set *writable, fd_set *exceptional, struct timeval *limit);
