// The reference that forwarding cores are measured against: recv, decrypt, encrypt for each subscriber, sendto.
// No ICE, no DTLS, no RTCP, no bookkeeping: what is left is what any SFU has to do for each packet, one system
// call each. Keys and addresses come over stdin, one line each, and "ok" is answered:
//
//   profile NAME                                   an SRTP profile, first
//   publisher IP PORT KEY                          base64 of master key and salt that the publisher sends with
//   subscriber IP PORT KEY                         … that the subscriber receives with
//   route PUBLISHER SSRC SUBSCRIBER SSRC           by number, in order of appearance, from 0
//
// `forwarder IP` listens there; the first line on stdout is its UDP port. It ends with its stdin. `forwarder IP batched`
// keeps what it makes of the packets that are there and sends it together: one sendmmsg, in which what is for one
// subscriber and of one size, but for a shorter last one, is a message that the kernel cuts (UDP GSO). It assumes that
// the kernel can, and drops what the socket has no room for.
#include "json.h"
#include "srtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS 4096
#define BUFFER (4 << 20)
#define BATCH 1024
#define BATCH_BYTES (BATCH * 1280)
// What the kernel takes for one message.
#define MAX_SEGMENTS 64
#define MAX_MESSAGE 65000

struct leg {
  unsigned subscriber;
  uint32_t ssrc;
};

struct stream {
  uint32_t ssrc, roc;
  uint16_t highest;
  bool started;
  struct leg *legs;
  unsigned leg_count;
};

struct peer {
  struct sockaddr_in address;
  struct srtp srtp;
  struct stream *streams;
  unsigned stream_count;
  // What is due to it, in order.
  struct datagram *first, *last;
};

struct datagram {
  uint8_t *bytes;
  int size;
  struct datagram *next;
};

static struct peer publishers[PEERS], subscribers[PEERS];
static unsigned publisher_count, subscriber_count;
// Publishers by source port: they all live on one address.
static struct peer *by_port[65536];
static const struct srtp_profile *profile;

static bool batched;
static uint8_t batch_bytes[BATCH_BYTES];
static struct datagram batch[BATCH];
static size_t batch_used;
static unsigned batch_count, due_count;
static struct peer *due[BATCH];

static bool add_peer(struct peer *peers, unsigned *count, const char *ip, unsigned port, const char *key,
                     bool encrypt) {
  uint8_t bytes[46];
  if (*count == PEERS || !profile || port > 65535) return false;
  struct peer *peer = &peers[*count];
  peer->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, ip, &peer->address.sin_addr) != 1 ||
      base64_decode(key, bytes, sizeof bytes) != profile->key_len + profile->salt_len ||
      !srtp_open(&peer->srtp, profile, bytes, encrypt)) {
    return false;
  }
  if (!encrypt) by_port[port] = peer;
  (*count)++;
  return true;
}

static struct stream *stream_of(struct peer *peer, uint32_t ssrc, bool add) {
  for (unsigned i = 0; i < peer->stream_count; i++) {
    if (peer->streams[i].ssrc == ssrc) return &peer->streams[i];
  }
  if (!add) return NULL;
  peer->streams = realloc(peer->streams, (peer->stream_count + 1) * sizeof *peer->streams);
  if (!peer->streams) die("out of memory");
  struct stream *stream = &peer->streams[peer->stream_count++];
  *stream = (struct stream){.ssrc = ssrc};
  return stream;
}

static bool add_route(unsigned from, uint32_t ssrc, unsigned to, uint32_t to_ssrc) {
  if (from >= publisher_count || to >= subscriber_count) return false;
  struct stream *stream = stream_of(&publishers[from], ssrc, true);
  stream->legs = realloc(stream->legs, (stream->leg_count + 1) * sizeof *stream->legs);
  if (!stream->legs) die("out of memory");
  stream->legs[stream->leg_count++] = (struct leg){to, to_ssrc};
  return true;
}

static bool command(char *line) {
  char ip[64], key[128];
  unsigned port, from, to;
  unsigned long ssrc, to_ssrc;
  if (sscanf(line, "profile %63s", ip) == 1) return (profile = srtp_profile(ip)) != NULL;
  if (sscanf(line, "publisher %63s %u %127s", ip, &port, key) == 3)
    return add_peer(publishers, &publisher_count, ip, port, key, false);
  if (sscanf(line, "subscriber %63s %u %127s", ip, &port, key) == 3)
    return add_peer(subscribers, &subscriber_count, ip, port, key, true);
  if (sscanf(line, "route %u %lu %u %lu", &from, &ssrc, &to, &to_ssrc) == 4)
    return add_route(from, (uint32_t)ssrc, to, (uint32_t)to_ssrc);
  return false;
}

static void flush(int fd) {
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  static union {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr aligned;
  } controls[BATCH];
  unsigned count = 0, part = 0;
  for (unsigned i = 0; i < due_count; i++) {
    struct datagram *next = due[i]->first;
    while (next) {
      int size = next->size, last = size, total = 0;
      struct msghdr *header = &messages[count].msg_hdr;
      *header = (struct msghdr){
          .msg_name = &due[i]->address, .msg_namelen = sizeof due[i]->address, .msg_iov = &parts[part]};
      do {
        parts[part++] = (struct iovec){next->bytes, (size_t)next->size};
        header->msg_iovlen++;
        last = next->size;
        total += last;
        next = next->next;
      } while (next && last == size && next->size <= size && header->msg_iovlen < MAX_SEGMENTS &&
               total + next->size <= MAX_MESSAGE);
      if (header->msg_iovlen > 1) {
        header->msg_control = &controls[count];
        header->msg_controllen = sizeof controls[count].bytes;
        struct cmsghdr *control = CMSG_FIRSTHDR(header);
        *control = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(uint16_t)), .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT};
        memcpy(CMSG_DATA(control), &(uint16_t){(uint16_t)size}, sizeof(uint16_t));
      }
      count++;
    }
    due[i]->first = due[i]->last = NULL;
  }
  for (unsigned sent = 0; sent < count;) {
    int more = sendmmsg(fd, messages + sent, count - sent, 0);
    // What cannot be sent is passed over.
    sent += more > 0 ? (unsigned)more : errno == EINTR ? 0 : 1;
  }
  batch_used = batch_count = due_count = 0;
}

static void keep(struct peer *to, uint8_t *bytes, int size) {
  struct datagram *datagram = &batch[batch_count++];
  *datagram = (struct datagram){.bytes = bytes, .size = size};
  batch_used += (size_t)size;
  if (to->last) {
    to->last->next = datagram;
  } else {
    to->first = datagram;
    due[due_count++] = to;
  }
  to->last = datagram;
}

static void forward(int fd, struct peer *from, uint8_t *packet, int len) {
  if (len < 12 || (packet[1] >= 192 && packet[1] <= 223)) return;
  struct stream *stream = stream_of(from, get32(packet + 8), true);
  uint16_t seq = get16(packet + 2);
  uint32_t roc = stream->started ? srtp_guess_roc(stream->roc, stream->highest, seq) : 0;
  len = srtp_unprotect(&from->srtp, packet, len, roc);
  if (len < 0) return;
  if (!stream->started || roc > stream->roc || (roc == stream->roc && seq > stream->highest)) {
    stream->started = true;
    stream->roc = roc;
    stream->highest = seq;
  }
  uint8_t alone[1600];
  for (unsigned i = 0; i < stream->leg_count; i++) {
    struct peer *to = &subscribers[stream->legs[i].subscriber];
    if (batched && (batch_count == BATCH || batch_used + sizeof alone > BATCH_BYTES)) flush(fd);
    uint8_t *out = batched ? batch_bytes + batch_used : alone;
    put32(packet + 8, stream->legs[i].ssrc);
    int size = srtp_protect(&to->srtp, packet, len, out, roc);
    if (size > 0 && batched) keep(to, out, size);
    else if (size > 0) sendto(fd, out, (size_t)size, 0, (struct sockaddr *)&to->address, sizeof to->address);
  }
}

static void receive(int fd) {
  uint8_t packet[1600];
  struct sockaddr_in from;
  for (;;) {
    socklen_t size = sizeof from;
    ssize_t len = recvfrom(fd, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (len < 0 && errno != EINTR) return;
    struct peer *peer = len > 0 ? by_port[ntohs(from.sin_port)] : NULL;
    if (peer) forward(fd, peer, packet, (int)len);
  }
}

int main(int argc, char **argv) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0), size = BUFFER;
  struct sockaddr_in local = {.sin_family = AF_INET};
  socklen_t len = sizeof local;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  batched = argc == 3 && strcmp(argv[2], "batched") == 0;
  if ((argc != 2 && !batched) || inet_pton(AF_INET, argv[1], &local.sin_addr) != 1) {
    fprintf(stderr, "usage: forwarder IP [batched]\n");
    return 2;
  }
  if (fd < 0 || bind(fd, (struct sockaddr *)&local, len) < 0 ||
      getsockname(fd, (struct sockaddr *)&local, &len) < 0) {
    die("socket");
  }
  setvbuf(stdin, NULL, _IONBF, 0);
  printf("%u\n", ntohs(local.sin_port));
  fflush(stdout);
  struct pollfd polled[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  for (;;) {
    if (poll(polled, 2, -1) < 0 && errno != EINTR) die("poll");
    receive(fd);
    if (batched) flush(fd);
    if (!polled[1].revents) continue;
    char line[512];
    if (!fgets(line, sizeof line, stdin)) return 0;
    printf("%s\n", command(line) ? "ok" : "error");
    fflush(stdout);
  }
}
