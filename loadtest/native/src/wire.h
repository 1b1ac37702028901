// Sockets: batches out by sendmmsg with UDP GSO, batches in by recvmmsg; or, over TCP (tcp.h), out by one write.
#ifndef WATERSHED_WIRE_H
#define WATERSHED_WIRE_H

#include "base.h"

#include <netinet/in.h>

union address {
  struct sockaddr any;
  struct sockaddr_in in4;
  struct sockaddr_in6 in6;
};

// False where the text is no numeric IP address.
bool address_parse(union address *address, const char *ip, uint16_t port);
socklen_t address_len(const union address *address);
uint16_t address_port(const union address *address);

// A non-blocking UDP socket with large buffers and receive stamps, bound to any port of `address`, or a TCP one. -1
// with errno.
int wire_open(const union address *address, bool tcp);
void wire_close(int fd);

#define WIRE_BATCH 64

// Room for the next datagram of the batch under way (MAX_DATAGRAM bytes).
uint8_t *wire_next(void);
// The datagram in that room is whole. Sends the batch when it is full.
void wire_push(int fd, int len);
// Sends what is in the batch, in order: runs of equal size (the last may be shorter) as one GSO message each.
void wire_flush(int fd);
// One datagram, at once.
void wire_send(int fd, const uint8_t *data, size_t len);

struct wire_counts {
  uint64_t send_calls, receive_calls, sent, received, send_errors;
};
extern struct wire_counts wire_counts;

// When the kernel received a message, in CLOCK_MONOTONIC; `now` where it does not say so.
nanos wire_stamp(struct msghdr *message, nanos now);
// Implemented by the program around it: nothing comes from this socket any more.
void wire_unwatch(int fd);
// Takes up to WIRE_BATCH datagrams. `at` is when the kernel received it, in CLOCK_MONOTONIC.
void wire_receive(int fd, void (*take)(void *arg, uint8_t *data, size_t len, nanos at), void *arg);

#endif
