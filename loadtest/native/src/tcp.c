#include "tcp.h"

#include "wire.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER 65536

struct tcp {
  int fd;
  uint8_t in[BUFFER], out[BUFFER];
  size_t received, waiting;
};

static struct tcp **sockets;
static int room;

int tcp_open(const struct sockaddr *address, socklen_t len) {
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0) return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  if (bind(fd, address, len) < 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  if (fd >= room) {
    sockets = realloc(sockets, (size_t)(fd + 64) * sizeof *sockets);
    if (!sockets) die("memory");
    memset(sockets + room, 0, (size_t)(fd + 64 - room) * sizeof *sockets);
    room = fd + 64;
  }
  sockets[fd] = make(1, sizeof **sockets);
  sockets[fd]->fd = fd;
  return fd;
}

struct tcp *tcp_of(int fd) { return fd < room ? sockets[fd] : NULL; }

void tcp_close(int fd) {
  if (!tcp_of(fd)) return;
  free(sockets[fd]);
  sockets[fd] = NULL;
}

static void write_waiting(struct tcp *tcp) {
  if (tcp->waiting == 0) return;
  wire_counts.send_calls++;
  ssize_t done = send(tcp->fd, tcp->out, tcp->waiting, 0);
  if (done <= 0) return;
  tcp->waiting -= (size_t)done;
  memmove(tcp->out, tcp->out + done, tcp->waiting);
}

bool tcp_send(struct tcp *tcp, const struct iovec *packets, unsigned count) {
  size_t bytes = 0;
  for (unsigned i = 0; i < count; i++) bytes += 2 + packets[i].iov_len;
  if (tcp->waiting + bytes > sizeof tcp->out) {
    write_waiting(tcp);
    if (tcp->waiting + bytes > sizeof tcp->out) return false;
  }
  for (unsigned i = 0; i < count; i++) {
    uint8_t *at = tcp->out + tcp->waiting;
    put16(at, (uint32_t)packets[i].iov_len);
    memcpy(at + 2, packets[i].iov_base, packets[i].iov_len);
    tcp->waiting += 2 + packets[i].iov_len;
  }
  write_waiting(tcp);
  return true;
}

unsigned tcp_receive(struct tcp *tcp, void (*take)(void *arg, uint8_t *data, size_t len, nanos at), void *arg) {
  union {
    char bytes[CMSG_SPACE(sizeof(struct timespec))];
    struct cmsghdr align;
  } control;
  struct iovec part = {tcp->in + tcp->received, sizeof tcp->in - tcp->received};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  write_waiting(tcp);
  ssize_t got = recvmsg(tcp->fd, &message, MSG_DONTWAIT);
  if (got <= 0) {
    // The far end is gone: epoll would tell of it again and again.
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) wire_unwatch(tcp->fd);
    return 0;
  }
  tcp->received += (size_t)got;
  nanos at = wire_stamp(&message, now_ns());
  unsigned count = 0;
  size_t done = 0;
  while (tcp->received - done >= 2) {
    size_t len = get16(tcp->in + done);
    if (tcp->received - done < 2 + len) break;
    if (len > 0 && len <= MAX_DATAGRAM) {
      // As whoever takes a datagram may count on.
      static uint8_t packet[MAX_DATAGRAM + 1];
      memcpy(packet, tcp->in + done + 2, len);
      take(arg, packet, len, at);
      count++;
    }
    done += 2 + len;
  }
  tcp->received -= done;
  memmove(tcp->in, tcp->in + done, tcp->received);
  return count;
}
