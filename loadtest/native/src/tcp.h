// Packets over TCP connections, framed by RFC 4571: each behind its length. A socket is one of these, or a UDP one.
#ifndef WATERSHED_TCP_H
#define WATERSHED_TCP_H

#include "base.h"

#include <sys/socket.h>
#include <sys/uio.h>

struct tcp;

// A non-blocking TCP socket bound to any port of the address. -1 with errno.
int tcp_open(const struct sockaddr *address, socklen_t len);
// NULL where the socket is no TCP one.
struct tcp *tcp_of(int fd);
void tcp_close(int fd);
// Writes the packets in one call, so far as there is room; the rest goes before what is sent next, or with
// tcp_receive(). False where there is too much of that: then none of them is sent.
bool tcp_send(struct tcp *tcp, const struct iovec *packets, unsigned count);
// Takes the packets that are whole, at most one buffer's. `at` is when the kernel received the last of their bytes.
unsigned tcp_receive(struct tcp *tcp, void (*take)(void *arg, uint8_t *data, size_t len, nanos at), void *arg);

#endif
