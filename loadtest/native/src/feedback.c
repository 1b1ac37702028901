#include "feedback.h"

#include "twcc.h"

#include <string.h>

enum { SR = 200, RR = 201, SDES = 202, RTPFB = 205, PSFB = 206 };

#define NACK_EVERY (100 * MS)
#define NACK_CHECK (20 * MS)
#define NACK_TRIES 10
#define BLOCKS_MAX 31
#define ARRIVALS_EVERY (100 * MS)
// Seconds from 1900 (NTP) to 1970.
#define NTP_EPOCH 2208988800ull
// What a receiver without streams of its own calls itself, as browsers do.
#define OWN_SSRC 1

static void request_key_frame_of(struct transport *t, uint32_t ssrc) {
  struct stream *stream = stream_find(&t->outgoing, ssrc);
  if (!stream || !stream->sender) return;
  stream->sender->key_requests++;
  stream->sender->wants_key = true;
}

static void take_nack(struct transport *t, const uint8_t *packet, size_t len) {
  struct stream *stream = stream_find(&t->outgoing, get32(packet + 8));
  if (!stream || !stream->sender) return;
  for (size_t at = 12; at + 4 <= len; at += 4) {
    uint16_t first = get16(packet + at), more = get16(packet + at + 2);
    sender_retransmit(stream->sender, first);
    for (unsigned bit = 0; bit < 16; bit++) {
      if (more >> bit & 1) sender_retransmit(stream->sender, (uint16_t)(first + bit + 1));
    }
  }
  wire_flush(t->fd);
}

static void take_sender_report(struct transport *t, const uint8_t *packet, size_t len, nanos at) {
  struct stream *stream = stream_find(&t->incoming, get32(packet + 4));
  if (len < 28 || !stream || !stream->receiver || stream->is_rtx) return;
  stream->receiver->last_sr = get32(packet + 10);
  stream->receiver->last_sr_at = at;
}

void feedback_take(struct transport *t, const uint8_t *packet, size_t len, nanos at) {
  for (size_t start = 0; start + 8 <= len;) {
    const uint8_t *p = packet + start;
    size_t size = 4 + 4 * (size_t)get16(p + 2);
    unsigned format = p[0] & 31;
    if (start + size > len) return;
    if (p[1] == SR) take_sender_report(t, p, size, at);
    else if (p[1] == RTPFB && format == 1 && size >= 12) take_nack(t, p, size);
    else if (p[1] == PSFB && format == 1 && size >= 12) request_key_frame_of(t, get32(p + 8));
    else if (p[1] == PSFB && format == 4) {
      // FIR (RFC 5104 section 4.3.1) names its streams in its entries.
      for (size_t entry = 12; entry + 8 <= size; entry += 8) request_key_frame_of(t, get32(p + entry));
    }
    start += size;
  }
}

static size_t begin(uint8_t *out, unsigned count, uint8_t type, size_t words, uint32_t ssrc) {
  out[0] = (uint8_t)(0x80 | count);
  out[1] = type;
  put16(out + 2, (uint32_t)words);
  put32(out + 4, ssrc);
  return 4 + words * 4;
}

void feedback_sender_report(struct sender *s, nanos now) {
  uint8_t packet[28 + 96 + SRTP_ROOM] = {0};
  nanos wall = clock_ns(CLOCK_REALTIME);
  size_t len = begin(packet, 0, SR, 6, s->ssrc);
  put32(packet + 8, (uint32_t)(wall / SEC + NTP_EPOCH));
  put32(packet + 12, (uint32_t)(((wall % SEC) << 32) / SEC));
  put32(packet + 16, s->first_timestamp + (uint32_t)((now > s->began ? now - s->began : 0) * s->clock_rate / SEC));
  put32(packet + 20, (uint32_t)s->packets);
  put32(packet + 24, (uint32_t)s->bytes);
  size_t name = strlen(s->cname), words = 1 + (2 + name + 1 + 3) / 4;
  begin(packet + len, 1, SDES, words, s->ssrc);
  packet[len + 8] = 1;
  packet[len + 9] = (uint8_t)name;
  memcpy(packet + len + 10, s->cname, name);
  transport_send_rtcp(s->transport, packet, len + 4 + words * 4);
}

void feedback_request_key_frame(struct receiver *r) {
  uint8_t packet[12 + SRTP_ROOM];
  size_t len = begin(packet, 1, PSFB, 2, OWN_SSRC);
  put32(packet + 8, r->ssrc);
  transport_send_rtcp(r->transport, packet, len);
}

static void write_block(struct receiver *r, uint8_t *out, nanos now) {
  uint64_t expected = r->highest - r->first + 1;
  uint64_t newly = expected - r->reported_expected, got = r->unique - r->reported_unique;
  uint64_t lost = newly > got ? newly - got : 0, all = receiver_missing(r);
  r->reported_expected = expected;
  r->reported_unique = r->unique;
  put32(out, r->ssrc);
  put32(out + 4, (uint32_t)(all < 0x7fffff ? all : 0x7fffff));
  out[4] = newly ? (uint8_t)(lost * 255 / newly) : 0;
  put32(out + 8, (uint32_t)(r->highest - 0x10000));
  put32(out + 12, (uint32_t)(r->jitter * r->clock_rate / 1e9));
  put32(out + 16, r->last_sr);
  put32(out + 20, r->last_sr_at ? (uint32_t)(((now - r->last_sr_at) << 16) / SEC) : 0);
}

static size_t write_remb(struct transport *t, uint8_t *out) {
  unsigned exponent = 0, count = 0;
  uint32_t mantissa = t->remb;
  for (; mantissa > 0x3ffff; mantissa >>= 1) exponent++;
  for (struct receiver *r = t->receivers; r && count < 200; r = r->next) put32(out + 20 + 4 * count++, r->ssrc);
  size_t len = begin(out, 15, PSFB, 4 + count, OWN_SSRC);
  put32(out + 8, 0);
  memcpy(out + 12, "REMB", 4);
  put32(out + 16, count << 24 | exponent << 18 | mantissa);
  return len;
}

void feedback_report(void *arg, nanos now) {
  struct transport *t = arg;
  uint8_t packet[MAX_DATAGRAM];
  struct receiver *r = t->receivers;
  while (r) {
    unsigned count = 0;
    for (; r && count < BLOCKS_MAX; r = r->next) {
      if (r->started) write_block(r, packet + 8 + 24 * count++, now);
    }
    if (count > 0) transport_send_rtcp(t, packet, begin(packet, count, RR, 1 + 6 * count, OWN_SSRC));
  }
  if (t->remb && t->receivers) transport_send_rtcp(t, packet, write_remb(t, packet));
  timer_set(&t->report_timer, now + SEC * (900 + random32() % 200) / 1000);
}

static bool send_nack(struct receiver *r, nanos now) {
  uint8_t packet[12 + 4 * MISSING_KEPT + SRTP_ROOM];
  unsigned items = 0;
  uint64_t newest = r->highest;
  for (unsigned i = 0; i < r->missing_count;) {
    struct missing *m = &r->missing[i];
    // Given up, or so old that it could not be told from a copy.
    if (m->tries >= NACK_TRIES || newest - m->index >= WINDOW) {
      *m = r->missing[--r->missing_count];
      continue;
    }
    if (m->next <= now) {
      put16(packet + 12 + 4 * items, (uint32_t)(m->index & 0xffff));
      put16(packet + 14 + 4 * items, 0);
      items++;
      m->tries++;
      m->next = now + NACK_EVERY;
    }
    i++;
  }
  if (items > 0) {
    begin(packet, 1, RTPFB, 2 + items, OWN_SSRC);
    put32(packet + 8, r->ssrc);
    transport_send_rtcp(r->transport, packet, 12 + 4 * items);
    r->transport->nacks_sent++;
  }
  return r->missing_count > 0;
}

void feedback_nack(void *arg, nanos now) {
  struct transport *t = arg;
  bool more = false;
  for (struct receiver *r = t->receivers; r; r = r->next) more = send_nack(r, now) || more;
  if (more) timer_set(&t->nack_timer, now + NACK_CHECK);
}

void feedback_note_arrival(struct transport *t, const uint8_t *packet, size_t len, nanos at) {
  int seq = twcc_sequence(packet, len, t->twcc_id);
  if (seq < 0) return;
  if (!t->twcc) t->twcc = make(1, sizeof *t->twcc);
  twcc_note(t->twcc, (uint16_t)seq, at);
  if (twcc_due(t->twcc) >= TWCC_MOST) feedback_arrivals(t, at);
  else if (!t->twcc_timer.slot) timer_set(&t->twcc_timer, at + ARRIVALS_EVERY);
}

void feedback_arrivals(void *arg, nanos now) {
  struct transport *t = arg;
  uint8_t packet[MAX_DATAGRAM];
  uint32_t media_ssrc = t->receivers ? t->receivers->ssrc : 0;
  size_t len;
  (void)now;
  while ((len = twcc_write(t->twcc, OWN_SSRC, media_ssrc, packet, sizeof packet - SRTP_ROOM)) > 0)
    transport_send_rtcp(t, packet, len);
}
