#include "receiver.h"

#include "payload.h"

#include <stdlib.h>
#include <string.h>

// How long to wait before a gap is taken for loss and not for reordering.
#define NACK_AFTER (10 * MS)
#define FREEZE (500 * MS)

static bool bit(const uint64_t *bits, uint64_t at) { return bits[at / 64] >> (at % 64) & 1; }
static void set_bit(uint64_t *bits, uint64_t at) { bits[at / 64] |= 1ull << (at % 64); }
static void clear_bit(uint64_t *bits, uint64_t at) { bits[at / 64] &= ~(1ull << (at % 64)); }

void receiver_open(struct receiver *r, struct transport *t) {
  r->transport = t;
  r->next = t->receivers;
  t->receivers = r;
  r->opened_at = now_ns();
  stream_add(&t->incoming, r->ssrc)->receiver = r;
  if (r->rtx_ssrc == 0) return;
  struct stream *rtx = stream_add(&t->incoming, r->rtx_ssrc);
  rtx->receiver = r;
  rtx->is_rtx = true;
}

static void forget(struct receiver *r, uint32_t ssrc) {
  struct stream *stream = stream_find(&r->transport->incoming, ssrc);
  if (stream && stream->receiver == r) stream->receiver = NULL;
}

void receiver_close(struct receiver *r) {
  struct receiver **at = &r->transport->receivers;
  while (*at != r) at = &(*at)->next;
  *at = r->next;
  forget(r, r->ssrc);
  forget(r, r->rtx_ssrc);
  on_receiver_closed(r);
  free(r);
}

static void note_missing(struct receiver *r, uint64_t from, uint64_t to, nanos now) {
  if (!r->nack) return;
  for (uint64_t i = from; i < to && r->missing_count < MISSING_KEPT; i++) {
    r->missing[r->missing_count++] = (struct missing){i, now + NACK_AFTER, 0};
  }
  struct timer *timer = &r->transport->nack_timer;
  if (r->missing_count > 0 && !timer->slot) timer_set(timer, now + NACK_AFTER);
}

// Whether it was asked for at least once.
static bool was_missing(struct receiver *r, uint64_t index) {
  for (unsigned i = 0; i < r->missing_count; i++) {
    if (r->missing[i].index != index) continue;
    bool asked = r->missing[i].tries > 0;
    r->missing[i] = r->missing[--r->missing_count];
    return asked;
  }
  return false;
}

enum place { FRESH, RECOVERED, LATE, COPY };

static enum place place_of(struct receiver *r, bool is_rtx, uint16_t seq, nanos now) {
  if (!r->started) {
    r->started = true;
    r->first = r->highest = 0x10000u + seq;
    r->unique = 1;
    r->first_packet_at = now;
    set_bit(r->bits, r->first % WINDOW);
    return FRESH;
  }
  uint64_t index = r->highest + (uint64_t)(int64_t)(int16_t)(seq - (uint16_t)r->highest);
  if (index > r->highest) {
    for (uint64_t i = r->highest + 1; i < index && i <= r->highest + WINDOW; i++) clear_bit(r->bits, i % WINDOW);
    note_missing(r, r->highest + 1, index, now);
    r->highest = index;
    r->unique++;
    set_bit(r->bits, index % WINDOW);
    return is_rtx ? RECOVERED : FRESH;
  }
  if (index < r->first || r->highest - index >= WINDOW || bit(r->bits, index % WINDOW)) return COPY;
  set_bit(r->bits, index % WINDOW);
  r->unique++;
  return was_missing(r, index) || is_rtx ? RECOVERED : LATE;
}

uint64_t receiver_missing(const struct receiver *r) {
  return r->started ? r->highest - r->first + 1 - r->unique : 0;
}

static uint64_t stamps_missing(const struct stamps_seen *seen) {
  return seen->used ? (uint64_t)(seen->highest - seen->first) + 1 - seen->unique : 0;
}

uint64_t receiver_stamps_missing(const struct receiver *r) {
  return r->stamp_missing + stamps_missing(&r->now) + stamps_missing(&r->before);
}

static void begin_stamps(struct stamps_seen *seen, const struct stamp *stamp) {
  memset(seen, 0, sizeof *seen);
  seen->used = true;
  seen->stream = stamp->stream;
  seen->first = seen->highest = stamp->count;
  seen->unique = 1;
  set_bit(seen->bits, stamp->count % STAMP_WINDOW);
}

static void see_stamp(struct stamps_seen *seen, uint32_t count) {
  int32_t ahead = (int32_t)(count - seen->highest);
  if (ahead > 0) {
    for (int32_t i = 1; i < ahead && i <= STAMP_WINDOW; i++)
      clear_bit(seen->bits, (seen->highest + (uint32_t)i) % STAMP_WINDOW);
    seen->highest = count;
  } else if (-ahead >= STAMP_WINDOW || (int32_t)(count - seen->first) < 0 ||
             bit(seen->bits, count % STAMP_WINDOW)) {
    return;
  }
  set_bit(seen->bits, count % STAMP_WINDOW);
  seen->unique++;
}

static void take_stamp(struct receiver *r, const struct stamp *stamp) {
  r->stamped++;
  if (r->now.used && stamp->stream == r->now.stream) {
    see_stamp(&r->now, stamp->count);
  } else if (r->before.used && stamp->stream == r->before.stream &&
             (int32_t)(stamp->count - r->before.highest) <= 0) {
    see_stamp(&r->before, stamp->count);
  } else {
    if (r->now.used) r->switches++;
    r->stamp_missing += stamps_missing(&r->before);
    r->before = r->now;
    begin_stamps(&r->now, stamp);
  }
}

static void take_jitter(struct receiver *r, uint32_t timestamp, nanos at) {
  if (r->clock_rate == 0) return;
  int64_t sent = (int64_t)((double)timestamp * 1e9 / r->clock_rate);
  int64_t transit = (int64_t)at - sent, change = transit - r->transit;
  bool first = r->transit == 0;
  r->transit = transit;
  if (change < 0) change = -change;
  // The first packet, and a timestamp that wrapped or jumped.
  if (first || change > (int64_t)(10 * SEC)) return;
  r->jitter += ((double)change - r->jitter) / 16;
  if (r->jitter > r->jitter_max) r->jitter_max = r->jitter;
}

static void take_frame_end(struct receiver *r, nanos at) {
  r->frames++;
  r->in_key_frame = false;
  if (r->last_frame_at && at > r->last_frame_at) {
    nanos gap = at - r->last_frame_at;
    if (gap > r->longest_gap) r->longest_gap = gap;
    if (gap > FREEZE) r->freezes++;
  }
  r->last_frame_at = at;
}

void receiver_take(struct receiver *r, bool is_rtx, uint8_t *packet, size_t len, nanos at) {
  int header = rtp_header_len(packet, len);
  if (header < 0) return;
  uint8_t *payload = packet + header;
  size_t size = len - (size_t)header;
  if ((packet[0] & 0x20) && size > 0) size = payload[size - 1] <= size ? size - payload[size - 1] : 0;
  uint16_t seq = get16(packet + 2);
  if (is_rtx) {
    // Without a payload it is padding for bandwidth estimation.
    if (size < 2) return;
    seq = get16(payload);
    payload += 2;
    size -= 2;
  }
  enum place place = place_of(r, is_rtx, seq, at);
  if (place == COPY) {
    r->duplicates++;
    return;
  }
  if (place == RECOVERED) r->recovered++;
  if (place == LATE) r->reordered++;
  r->bytes += size;
  if (payload_begins_key_frame(r->codec, payload, size)) {
    r->key_frames++;
    r->in_key_frame = true;
    if (r->first_key_at == 0) r->first_key_at = at;
  }
  if (r->in_key_frame) r->key_frame_bytes += size;
  if ((packet[1] & 0x80) && r->codec != CODEC_OPUS) take_frame_end(r, at);
  if (place == FRESH) take_jitter(r, get32(packet + 4), at);
  struct stamp stamp;
  if (!stamp_read(payload, size, &stamp)) return;
  take_stamp(r, &stamp);
  if (place != RECOVERED && at >= stamp.sent_at) histogram_add(&r->latency, at - stamp.sent_at);
}
