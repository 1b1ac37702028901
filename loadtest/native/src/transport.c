#include "transport.h"

#include "feedback.h"
#include "receiver.h"
#include "sender.h"
#include "stun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A host candidate's (RFC 8445 section 5.1.2.1).
#define PRIORITY 0x7e7f1eff
#define CHECK_FIRST (50 * MS)
#define CHECK_MOST (500 * MS)
#define CHECKS_PER_CANDIDATE 4
#define CONSENT_EVERY (5 * SEC)
#define CONSENT_LOST (5 * SEC)
// RFC 7675 section 5.1.
#define CONSENT_EXPIRES (30 * SEC)
#define CONNECT_WITHIN (15 * SEC)

const char *transport_state_name(enum transport_state state) {
  static const char *const names[] = {"new",          "checking", "handshake", "connected",
                                      "disconnected", "failed",   "closed"};
  return names[state];
}

static void enter(struct transport *t, enum transport_state state, const char *reason) {
  if (t->state == state) return;
  t->state = state;
  if (state == T_CONNECTED && t->connected_at == 0) t->connected_at = now_ns();
  if (state == T_FAILED || state == T_CLOSED) {
    timer_cancel(&t->check_timer);
    timer_cancel(&t->dtls_timer);
    timer_cancel(&t->report_timer);
    timer_cancel(&t->nack_timer);
    timer_cancel(&t->twcc_timer);
  }
  if (state != T_CHECKING && state != T_HANDSHAKE) on_transport_state(t, reason);
  if (state == T_CONNECTED) {
    for (struct sender *s = t->senders; s; s = s->next) sender_wake(s);
  }
}

static void send_check(struct transport *t, nanos now) {
  char username[520];
  uint8_t transaction[12], message[STUN_MAX * 3];
  snprintf(username, sizeof username, "%s:%s", t->far_ufrag, t->ufrag);
  memcpy(transaction, t->transaction, 8);
  put32(transaction + 8, t->checks);
  t->check_sent[t->checks++ % CHECKS_KEPT] = now;
  size_t len = stun_write_request(&(struct stun_request){transaction, username, t->far_password, PRIORITY,
                                                         t->tie_breaker},
                                  message);
  wire_send(t->fd, message, len);
}

static void use_candidate(struct transport *t) {
  const union address *far = &t->candidates[t->candidate];
  // A connected socket takes datagrams from there alone, and need not look up the way for each it sends.
  if (connect(t->fd, &far->any, address_len(far)) < 0 && errno != EINPROGRESS) wire_counts.send_errors++;
}

static void on_check_timer(void *arg, nanos now) {
  struct transport *t = arg;
  if (t->state == T_CHECKING || t->state == T_HANDSHAKE) {
    if (now - t->started > CONNECT_WITHIN) {
      enter(t, T_FAILED, t->state == T_CHECKING ? "no answer to connectivity checks" : "no DTLS handshake");
      return;
    }
    if (t->state == T_CHECKING && t->checks > 0 && t->checks % CHECKS_PER_CANDIDATE == 0) {
      t->candidate = (t->candidate + 1) % t->candidate_count;
      use_candidate(t);
    }
    send_check(t, now);
    nanos wait = CHECK_FIRST << (t->checks < 5 ? t->checks : 5);
    timer_set(&t->check_timer, now + (wait < CHECK_MOST ? wait : CHECK_MOST));
    return;
  }
  if (now - t->consent_at > CONSENT_EXPIRES) {
    enter(t, T_FAILED, "consent expired");
    return;
  }
  bool lost = now - t->consent_at > CONSENT_EVERY + CONSENT_LOST;
  if (lost) enter(t, T_DISCONNECTED, NULL);
  send_check(t, now);
  // 0.8 to 1.2 of the interval (RFC 7675 section 5.1); while it is missed, each second.
  timer_set(&t->check_timer, now + (lost ? SEC : CONSENT_EVERY * (800 + random32() % 400) / 1000));
}

static void send_dtls(void *arg, const uint8_t *data, size_t len) {
  struct transport *t = arg;
  wire_send(t->fd, data, len);
}

static void plan_retransmission(struct transport *t) {
  nanos left = dtls_timeout(&t->dtls);
  if (left == NEVER) timer_cancel(&t->dtls_timer);
  else timer_set(&t->dtls_timer, now_ns() + left);
}

static void on_dtls_timer(void *arg, nanos now) {
  struct transport *t = arg;
  (void)now;
  dtls_retransmit(&t->dtls);
  plan_retransmission(t);
}

static void begin_media(struct transport *t) {
  timer_set(&t->report_timer, now_ns() + SEC * (500 + random32() % 500) / 1000);
  enter(t, T_CONNECTED, NULL);
}

static void step_dtls(struct transport *t, const uint8_t *data, size_t len) {
  if (!t->dtls.ssl) return;
  switch (dtls_step(&t->dtls, data, len)) {
    case DTLS_FAILED:
      enter(t, T_FAILED, "the DTLS handshake failed");
      return;
    case DTLS_CLOSED:
      enter(t, T_CLOSED, "closed by the far end");
      return;
    case DTLS_WAIT:
      plan_retransmission(t);
      return;
    case DTLS_DONE:
      break;
  }
  plan_retransmission(t);
  if (t->state != T_HANDSHAKE) return;
  bool known = false;
  for (unsigned i = 0; i < t->fingerprint_count; i++) {
    known = known || dtls_peer_is(&t->dtls, t->fingerprints[i].algorithm, t->fingerprints[i].value);
  }
  if (!known) enter(t, T_FAILED, "the far end's certificate is not the one that was signalled");
  else if (!dtls_keys(&t->dtls, &t->out, &t->in)) enter(t, T_FAILED, "no SRTP profile was agreed on");
  else {
    t->profile = t->out.profile;
    begin_media(t);
  }
}

static void take_stun(struct transport *t, const uint8_t *data, size_t len) {
  nanos now = now_ns();
  if (stun_check(data, len, t->password) == STUN_REQUEST) {
    uint8_t message[STUN_MAX];
    wire_send(t->fd, message, stun_write_response(data + 8, &t->candidates[t->candidate], t->password, message));
    return;
  }
  if (stun_check(data, len, t->far_password) != STUN_RESPONSE) return;
  uint32_t check = get32(data + 16);
  if (memcmp(data + 8, t->transaction, 8) != 0 || t->checks - check - 1 >= CHECKS_KEPT) return;
  t->rtt = now - t->check_sent[check % CHECKS_KEPT];
  t->consent_at = now;
  t->consents++;
  if (t->state == T_DISCONNECTED) enter(t, T_CONNECTED, NULL);
  if (t->state != T_CHECKING) return;
  t->state = T_HANDSHAKE;
  step_dtls(t, NULL, 0);
}

static void take_rtp(struct transport *t, uint8_t *data, size_t len, nanos at) {
  if (transport_drops(t, t->drop_receive)) return;
  uint32_t ssrc = get32(data + 8);
  uint16_t seq = get16(data + 2);
  struct stream *stream = stream_add(&t->incoming, ssrc);
  uint32_t roc = stream->started ? srtp_guess_roc(stream->roc, stream->highest, seq) : 0;
  int clear = srtp_unprotect(&t->in, data, (int)len, roc);
  if (clear < 0) {
    t->auth_failures++;
    return;
  }
  if (!stream->started || roc > stream->roc || (roc == stream->roc && seq > stream->highest)) {
    stream->started = true;
    stream->roc = roc;
    stream->highest = seq;
  }
  if (t->twcc_id) feedback_note_arrival(t, data, (size_t)clear, at);
  if (!stream->receiver) t->unknown++;
  else receiver_take(stream->receiver, stream->is_rtx, data, (size_t)clear, at);
}

static void take(void *arg, uint8_t *data, size_t len, nanos at) {
  struct transport *t = arg;
  // RFC 7983: told apart by the first byte.
  if (data[0] < 4) {
    take_stun(t, data, len);
  } else if (data[0] >= 20 && data[0] < 64) {
    step_dtls(t, data, len);
  } else if (data[0] >= 128 && data[0] < 192 && transport_is_up(t) && len >= 12) {
    if (data[1] < 192 || data[1] > 223) {
      take_rtp(t, data, len, at);
      return;
    }
    int clear = srtp_unprotect_rtcp(&t->in, data, (int)len);
    if (clear < 0) t->auth_failures++;
    else {
      t->rtcp_received++;
      feedback_take(t, data, (size_t)clear, at);
    }
  }
}

void transport_readable(struct transport *transport) { wire_receive(transport->fd, take, transport); }

static void random_text(char *out, size_t len) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  random_bytes((uint8_t *)out, len);
  for (size_t i = 0; i < len; i++) out[i] = alphabet[(uint8_t)out[i] % 64];
  out[len] = 0;
}

struct transport *transport_open(const char *name, const union address *local, bool tcp) {
  int fd = wire_open(local, tcp);
  if (fd < 0) return NULL;
  struct transport *t = make(1, sizeof *t);
  snprintf(t->name, sizeof t->name, "%s", name);
  t->fd = fd;
  socklen_t len = sizeof t->local;
  getsockname(fd, &t->local.any, &len);
  random_text(t->ufrag, 8);
  random_text(t->password, 24);
  random_bytes(t->tie_breaker, sizeof t->tie_breaker);
  random_bytes(t->transaction, sizeof t->transaction);
  t->check_timer = (struct timer){.fire = on_check_timer, .arg = t};
  t->dtls_timer = (struct timer){.fire = on_dtls_timer, .arg = t};
  t->report_timer = (struct timer){.fire = feedback_report, .arg = t};
  t->nack_timer = (struct timer){.fire = feedback_nack, .arg = t};
  t->twcc_timer = (struct timer){.fire = feedback_arrivals, .arg = t};
  return t;
}

void transport_start(struct transport *t) {
  t->started = now_ns();
  t->state = T_CHECKING;
  if (!dtls_open(&t->dtls, t->profiles, send_dtls, t)) {
    enter(t, T_FAILED, "unknown SRTP profile");
    return;
  }
  use_candidate(t);
  on_check_timer(t, t->started);
}

bool transport_start_plain(struct transport *t, const union address *far, const struct srtp_profile *profile,
                           const uint8_t *out_key, const uint8_t *in_key) {
  t->candidates[0] = *far;
  t->candidate_count = 1;
  t->started = t->consent_at = now_ns();
  if (!srtp_open(&t->out, profile, out_key, true) || !srtp_open(&t->in, profile, in_key, false)) return false;
  t->profile = profile;
  use_candidate(t);
  begin_media(t);
  return true;
}

void transport_close(struct transport *t) {
  while (t->senders) sender_close(t->senders);
  while (t->receivers) receiver_close(t->receivers);
  timer_cancel(&t->check_timer);
  timer_cancel(&t->dtls_timer);
  timer_cancel(&t->report_timer);
  timer_cancel(&t->nack_timer);
  timer_cancel(&t->twcc_timer);
  dtls_close(&t->dtls);
  srtp_close(&t->out);
  srtp_close(&t->in);
  stream_free(&t->incoming);
  stream_free(&t->outgoing);
  wire_close(t->fd);
  free(t->twcc);
  free(t);
}

void transport_send_rtcp(struct transport *t, uint8_t *packet, size_t len) {
  int whole = transport_is_up(t) ? srtp_protect_rtcp(&t->out, packet, (int)len) : -1;
  if (whole < 0) return;
  wire_send(t->fd, packet, (size_t)whole);
  t->rtcp_sent++;
}

bool transport_drops(struct transport *t, double share) {
  if (share <= 0) return false;
  // xorshift32: the same losses for the same seed.
  t->drop_state ^= t->drop_state << 13;
  t->drop_state ^= t->drop_state >> 17;
  t->drop_state ^= t->drop_state << 5;
  if (t->drop_state >= share * 4294967296.0) return false;
  t->dropped++;
  return true;
}
