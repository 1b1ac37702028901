// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#include "feedback.h"

#include <stdlib.h>
#include <string.h>

#define EVERY (100 * MS)
#define KEPT 512
#define TICK (250 * US)
#define REFERENCE (64 * MS)

struct twcc {
  unsigned count;
  uint8_t feedback_count;
  struct {
    uint16_t seq;
    nanos at;
  } arrivals[KEPT];
};

// The value of a one-byte header extension, or -1.
static int extension16(const uint8_t *packet, size_t len, uint8_t id) {
  size_t at = 12 + 4 * (size_t)(packet[0] & 15);
  if (!(packet[0] & 0x10) || at + 4 > len || get16(packet + at) != 0xbede) return -1;
  size_t end = at + 4 + 4 * (size_t)get16(packet + at + 2);
  if (end > len) return -1;
  for (at += 4; at < end;) {
    if (packet[at] == 0) {
      at++;
      continue;
    }
    size_t size = (packet[at] & 15) + 1u;
    if (packet[at] >> 4 == id) return size == 2 && at + 3 <= end ? get16(packet + at + 1) : -1;
    at += 1 + size;
  }
  return -1;
}

void twcc_note(struct transport *t, const uint8_t *packet, size_t len, nanos at) {
  int seq = extension16(packet, len, t->twcc_id);
  if (seq < 0) return;
  if (!t->twcc) t->twcc = make(1, sizeof *t->twcc);
  t->twcc->arrivals[t->twcc->count].seq = (uint16_t)seq;
  t->twcc->arrivals[t->twcc->count++].at = at;
  if (t->twcc->count == KEPT) twcc_send(t, at);
  else if (!t->twcc_timer.slot) timer_set(&t->twcc_timer, at + EVERY);
}

static int by_sequence(const void *a, const void *b) {
  const uint16_t *x = a, *y = b;
  return (int16_t)(*x - *y);
}

void twcc_send(void *arg, nanos now) {
  struct transport *t = arg;
  struct twcc *c = t->twcc;
  uint8_t packet[MAX_DATAGRAM] = {0}, deltas[KEPT * 2];
  (void)now;
  if (c->count == 0) return;
  qsort(c->arrivals, c->count, sizeof c->arrivals[0], by_sequence);
  uint16_t base = c->arrivals[0].seq;
  nanos reference = c->arrivals[0].at / REFERENCE * REFERENCE, last = reference;
  unsigned symbols = 0, word = 0, taken = 0;
  size_t at = 20, delta_len = 0;
  // Chunks of seven two-bit symbols, as many as leave room for the deltas; the rest waits for the next one.
  for (unsigned seq = base; taken < c->count && at + delta_len + 8 < MAX_DATAGRAM - SRTP_ROOM; seq++) {
    unsigned symbol = 0;
    if (c->arrivals[taken].seq == (uint16_t)seq) {
      int64_t ticks = ((int64_t)c->arrivals[taken].at - (int64_t)last) / (int64_t)TICK;
      if (ticks < INT16_MIN || ticks > INT16_MAX) break;
      symbol = ticks >= 0 && ticks <= 255 ? 1 : 2;
      if (symbol == 2) deltas[delta_len++] = (uint8_t)(ticks >> 8);
      deltas[delta_len++] = (uint8_t)ticks;
      last += (nanos)(ticks * (int64_t)TICK);
      while (taken < c->count && c->arrivals[taken].seq == (uint16_t)seq) taken++;
    }
    word |= symbol << (12 - 2 * (symbols % 7));
    if (++symbols % 7 == 0) {
      put16(packet + at, 0xc000 | word);
      at += 2;
      word = 0;
    }
  }
  if (symbols % 7) {
    put16(packet + at, 0xc000 | word);
    at += 2;
  }
  memcpy(packet + at, deltas, delta_len);
  at = (at + delta_len + 3) & ~(size_t)3;
  packet[0] = 0x80 | 15;
  packet[1] = 205;
  put16(packet + 2, (uint32_t)(at / 4 - 1));
  put32(packet + 4, 1);
  put32(packet + 8, t->receivers ? t->receivers->ssrc : 0);
  put16(packet + 12, base);
  put16(packet + 14, symbols);
  put32(packet + 16, (uint32_t)(reference / REFERENCE) << 8 | c->feedback_count++);
  transport_send_rtcp(t, packet, at);
  // What did not fit, or came too much later, begins the next report.
  if (taken == 0) taken = 1;
  c->count -= taken;
  memmove(c->arrivals, c->arrivals + taken, c->count * sizeof c->arrivals[0]);
  if (c->count > 0) timer_set(&t->twcc_timer, now_ns() + MS);
}
