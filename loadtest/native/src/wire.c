#include "wire.h"

#include "tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

// Bytes of one GSO message: an IPv4 datagram's limit with its headers taken off.
#define GSO_BYTES 65000
#define SOCKET_BUFFER (4 << 20)

struct wire_counts wire_counts;

bool address_parse(union address *address, const char *ip, uint16_t port) {
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, ip, &address->in4.sin_addr) == 1) {
    address->in4.sin_family = AF_INET;
    address->in4.sin_port = htons(port);
    return true;
  }
  if (inet_pton(AF_INET6, ip, &address->in6.sin6_addr) == 1) {
    address->in6.sin6_family = AF_INET6;
    address->in6.sin6_port = htons(port);
    return true;
  }
  return false;
}

socklen_t address_len(const union address *address) {
  return address->any.sa_family == AF_INET6 ? sizeof address->in6 : sizeof address->in4;
}

uint16_t address_port(const union address *address) {
  return ntohs(address->any.sa_family == AF_INET6 ? address->in6.sin6_port : address->in4.sin_port);
}

int wire_open(const union address *address, bool tcp) {
  if (tcp) return tcp_open(&address->any, address_len(address));
  int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int size = SOCKET_BUFFER, on = 1;
  // Beyond the system's limit where that is allowed.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  if (bind(fd, &address->any, address_len(address)) < 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

void wire_close(int fd) {
  tcp_close(fd);
  close(fd);
}

static uint8_t out_data[WIRE_BATCH][MAX_DATAGRAM];
static struct iovec out_parts[WIRE_BATCH];
static unsigned out_count;
static bool no_gso;

uint8_t *wire_next(void) { return out_data[out_count]; }

void wire_push(int fd, int len) {
  if (len < 0) return;
  out_parts[out_count].iov_base = out_data[out_count];
  out_parts[out_count].iov_len = (size_t)len;
  if (++out_count == WIRE_BATCH) wire_flush(fd);
}

// Datagrams from `first` that one GSO message can hold.
static unsigned run_length(unsigned first) {
  size_t size = out_parts[first].iov_len, bytes = size;
  unsigned at = first + 1;
  if (no_gso) return 1;
  for (; at < out_count && bytes + size <= GSO_BYTES; at++) {
    if (out_parts[at].iov_len > size) break;
    bytes += out_parts[at].iov_len;
    if (out_parts[at].iov_len < size) {
      at++;
      break;
    }
  }
  return at - first;
}

void wire_flush(int fd) {
  static struct mmsghdr messages[WIRE_BATCH];
  static union {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
  } controls[WIRE_BATCH];
  unsigned count = 0;
  struct tcp *tcp = tcp_of(fd);
  if (tcp && out_count > 0) {
    if (tcp_send(tcp, out_parts, out_count)) wire_counts.sent += out_count;
    else wire_counts.send_errors += out_count;
    out_count = 0;
  }
  for (unsigned at = 0; at < out_count;) {
    unsigned run = run_length(at);
    struct msghdr *message = &messages[count].msg_hdr;
    memset(message, 0, sizeof *message);
    message->msg_iov = &out_parts[at];
    message->msg_iovlen = run;
    if (run > 1) {
      message->msg_control = controls[count].bytes;
      message->msg_controllen = sizeof controls[count].bytes;
      struct cmsghdr *control = CMSG_FIRSTHDR(message);
      control->cmsg_level = SOL_UDP;
      control->cmsg_type = UDP_SEGMENT;
      control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
      uint16_t size = (uint16_t)out_parts[at].iov_len;
      memcpy(CMSG_DATA(control), &size, sizeof size);
    }
    count++;
    at += run;
  }
  for (unsigned sent = 0; sent < count;) {
    wire_counts.send_calls++;
    int done = sendmmsg(fd, messages + sent, count - sent, 0);
    if (done > 0) {
      for (int i = 0; i < done; i++) wire_counts.sent += messages[sent + (unsigned)i].msg_hdr.msg_iovlen;
      sent += (unsigned)done;
      continue;
    }
    if (errno == EINTR) continue;
    if ((errno == EIO || errno == EINVAL) && !no_gso && messages[sent].msg_hdr.msg_iovlen > 1) {
      // This kernel or device has no UDP GSO: the same again without, from where it stopped.
      no_gso = true;
      unsigned first = (unsigned)(messages[sent].msg_hdr.msg_iov - out_parts);
      memmove(out_parts, out_parts + first, (out_count - first) * sizeof *out_parts);
      out_count -= first;
      wire_flush(fd);
      return;
    }
    // A full buffer, or the far end is gone: what UDP does anyway.
    wire_counts.send_errors += messages[sent].msg_hdr.msg_iovlen;
    sent++;
  }
  out_count = 0;
}

void wire_send(int fd, const uint8_t *data, size_t len) {
  struct tcp *tcp = tcp_of(fd);
  bool sent = false;
  if (tcp) {
    sent = tcp_send(tcp, &(struct iovec){(uint8_t *)(uintptr_t)data, len}, 1);
  } else {
    wire_counts.send_calls++;
    sent = send(fd, data, len, 0) >= 0;
  }
  if (sent) wire_counts.sent++;
  else wire_counts.send_errors++;
}

static nanos stamp_of(struct msghdr *message, nanos offset, nanos otherwise) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS) continue;
    struct timespec t;
    memcpy(&t, CMSG_DATA(c), sizeof t);
    return (nanos)t.tv_sec * SEC + (nanos)t.tv_nsec - offset;
  }
  return otherwise;
}

nanos wire_stamp(struct msghdr *message, nanos now) {
  return stamp_of(message, clock_ns(CLOCK_REALTIME) - now, now);
}

void wire_receive(int fd, void (*take)(void *arg, uint8_t *data, size_t len, nanos at), void *arg) {
  static uint8_t data[WIRE_BATCH][MAX_DATAGRAM + 1];
  static struct mmsghdr messages[WIRE_BATCH];
  static struct iovec parts[WIRE_BATCH];
  static union {
    char bytes[CMSG_SPACE(sizeof(struct timespec))];
    struct cmsghdr align;
  } controls[WIRE_BATCH];
  static bool prepared;
  for (unsigned i = 0; i < WIRE_BATCH && !prepared; i++) {
    parts[i].iov_base = data[i];
    parts[i].iov_len = sizeof data[i];
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = controls[i].bytes;
    messages[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
  }
  prepared = true;
  wire_counts.receive_calls++;
  struct tcp *tcp = tcp_of(fd);
  if (tcp) {
    wire_counts.received += tcp_receive(tcp, take, arg);
    return;
  }
  int count = recvmmsg(fd, messages, WIRE_BATCH, MSG_DONTWAIT, NULL);
  if (count <= 0) return;
  wire_counts.received += (uint64_t)count;
  nanos now = now_ns();
  // The kernel stamps with the wall clock, which may be set at any time: compared anew for each batch.
  nanos offset = clock_ns(CLOCK_REALTIME) - now;
  for (int i = 0; i < count; i++) {
    size_t len = messages[i].msg_len;
    nanos at = stamp_of(&messages[i].msg_hdr, offset, now);
    // The kernel left what it used of it.
    messages[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
    if (len > 0 && len <= MAX_DATAGRAM) take(arg, data[i], len, at);
  }
}
