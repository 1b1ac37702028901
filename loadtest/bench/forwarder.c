// The reference that forwarding cores are measured against: recv, decrypt, encrypt for each subscriber, sendto.
// No ICE, no DTLS, no RTCP, no bookkeeping: what is left is what any SFU has to do for each packet, one system
// call each. Keys and addresses come over stdin, one line each, and "ok" is answered:
//
//   profile NAME                                   an SRTP profile, first
//   publisher IP PORT KEY                          base64 of master key and salt that the publisher sends with
//   subscriber IP PORT KEY                         … that the subscriber receives with
//   route PUBLISHER SSRC SUBSCRIBER SSRC           by number, in order of appearance, from 0
//
// `forwarder IP` listens there; the first line on stdout is its UDP port. It ends with its stdin.
#include "json.h"
#include "srtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS 4096
#define BUFFER (4 << 20)

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
};

static struct peer publishers[PEERS], subscribers[PEERS];
static unsigned publisher_count, subscriber_count;
// Publishers by source port: they all live on one address.
static struct peer *by_port[65536];
static const struct srtp_profile *profile;

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
  uint8_t out[1600];
  for (unsigned i = 0; i < stream->leg_count; i++) {
    struct peer *to = &subscribers[stream->legs[i].subscriber];
    put32(packet + 8, stream->legs[i].ssrc);
    int size = srtp_protect(&to->srtp, packet, len, out, roc);
    if (size > 0) sendto(fd, out, (size_t)size, 0, (struct sockaddr *)&to->address, sizeof to->address);
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
  if (argc != 2 || inet_pton(AF_INET, argv[1], &local.sin_addr) != 1) {
    fprintf(stderr, "usage: forwarder IP\n");
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
    if (!polled[1].revents) continue;
    char line[512];
    if (!fgets(line, sizeof line, stdin)) return 0;
    printf("%s\n", command(line) ? "ok" : "error");
    fflush(stdout);
  }
}
