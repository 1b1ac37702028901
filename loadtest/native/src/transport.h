// A participant's transport: a UDP or TCP socket, ICE with consent, DTLS, SRTP; what its senders and receivers use.
#ifndef WATERSHED_TRANSPORT_H
#define WATERSHED_TRANSPORT_H

#include "dtls.h"
#include "stream.h"
#include "wire.h"

#define NAME_MAX_LEN 63
#define MAX_CANDIDATES 8
#define CHECKS_KEPT 16

enum transport_state { T_NEW, T_CHECKING, T_HANDSHAKE, T_CONNECTED, T_DISCONNECTED, T_FAILED, T_CLOSED };

struct transport {
  char name[NAME_MAX_LEN + 1];
  enum transport_state state;
  int fd;
  union address local;
  char profiles[256];

  char ufrag[9], password[25];
  char far_ufrag[257], far_password[257];
  union address candidates[MAX_CANDIDATES];
  unsigned candidate_count, candidate;
  uint8_t tie_breaker[8], transaction[8];
  uint32_t checks;
  nanos check_sent[CHECKS_KEPT];
  nanos started, connected_at, consent_at, rtt;
  struct timer check_timer;

  struct dtls dtls;
  struct {
    char algorithm[16], value[200];
  } fingerprints[4];
  unsigned fingerprint_count;
  struct timer dtls_timer;

  const struct srtp_profile *profile;
  struct srtp out, in;

  struct stream_table incoming, outgoing;
  struct receiver *receivers;
  struct sender *senders;
  struct timer report_timer, nack_timer, twcc_timer;

  uint32_t remb;
  uint8_t twcc_id;
  uint16_t twcc_sequence;
  struct twcc *twcc;

  double drop_send, drop_receive;
  uint32_t drop_state;

  uint64_t consents, unknown, auth_failures, rtcp_received, rtcp_sent, nacks_sent, dropped;
};

// `local` with port 0. NULL with errno. Credentials are made; nothing is sent yet.
struct transport *transport_open(const char *name, const union address *local, bool tcp);
// Begins with connectivity checks; the far end's credentials, candidates and fingerprints are set.
void transport_start(struct transport *transport);
// Connected at once, with keys known beforehand (master key and salt).
bool transport_start_plain(struct transport *transport, const union address *far,
                           const struct srtp_profile *profile, const uint8_t *out_key, const uint8_t *in_key);
void transport_close(struct transport *transport);
// What the socket has.
void transport_readable(struct transport *transport);
const char *transport_state_name(enum transport_state state);

static inline bool transport_is_up(const struct transport *transport) {
  return transport->state == T_CONNECTED || transport->state == T_DISCONNECTED;
}

// Encrypts a compound packet of up to MAX_DATAGRAM - SRTP_ROOM bytes in place, which has that room, and sends it.
void transport_send_rtcp(struct transport *transport, uint8_t *packet, size_t len);
// Whether this packet is to be lost on purpose.
bool transport_drops(struct transport *transport, double share);

// Implemented by the program around it: tells the controller of a new state. `reason` may be NULL.
void on_transport_state(struct transport *transport, const char *reason);

#endif
