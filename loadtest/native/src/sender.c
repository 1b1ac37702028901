#include "sender.h"

#include "feedback.h"
#include "payload.h"

#include <stdlib.h>
#include <string.h>

// The first few reports follow one another closely, so that a far end can soon tell simulcast streams' clocks.
#define FIRST_REPORTS 4
#define FIRST_REPORT_AFTER (10 * MS)
#define FIRST_REPORTS_EVERY (200 * MS)
// After a longer stop (a suspended machine) missed frames are not made up for.
#define MOST_BEHIND SEC

struct histogram lateness;

static void free_frame(struct frame *frame) {
  for (unsigned i = 0; frame->literals && i < frame->count; i++) free(frame->literals[i].data);
  free(frame->literals);
  free(frame->sizes);
}

void shape_use(struct shape *shape) { shape->users++; }

void shape_release(struct shape *shape) {
  if (--shape->users > 0) return;
  for (unsigned i = 0; i < shape->count; i++) free_frame(&shape->frames[i]);
  free_frame(&shape->key_frame);
  free(shape->frames);
  free(shape->key_head);
  free(shape->delta_head);
  free(shape);
}

// A packet's place until `history` newer ones were sent.
static struct kept *keep(struct sender *s) {
  struct kept *kept = &s->kept[s->index % s->history];
  if (!kept->data) kept->data = make(1, MAX_DATAGRAM);
  kept->seq = (uint16_t)s->index;
  return kept;
}

static size_t write_header(struct sender *s, uint8_t *p, bool marker, uint32_t timestamp) {
  p[0] = 0x80;
  p[1] = (uint8_t)(s->pt | (marker ? 0x80 : 0));
  put16(p + 2, (uint32_t)(s->index & 0xffff));
  put32(p + 4, timestamp);
  put32(p + 8, s->ssrc);
  size_t twcc = s->transport->twcc_id ? 3 : 0, len = s->extensions_len + twcc;
  if (len == 0) return 12;
  // One-byte header extensions (RFC 8285 section 4.2).
  size_t words = (len + 3) / 4;
  p[0] |= 0x10;
  put16(p + 12, 0xbede);
  put16(p + 14, (uint32_t)words);
  memset(p + 16, 0, words * 4);
  // First, so that whoever sends the packet again finds it there.
  if (twcc) {
    p[16] = (uint8_t)(s->transport->twcc_id << 4 | 1);
    put16(p + 17, s->transport->twcc_sequence++);
  }
  memcpy(p + 16 + twcc, s->extensions, s->extensions_len);
  return 16 + words * 4;
}

static void send_packet(struct sender *s, const struct payload *payload, bool marker, uint32_t timestamp) {
  struct transport *t = s->transport;
  struct kept *kept = keep(s);
  size_t header = write_header(s, kept->data, marker, timestamp);
  payload_write(s, payload, kept->data + header);
  kept->len = (uint16_t)(header + payload->size);
  if (!transport_drops(t, t->drop_send)) {
    wire_push(t->fd, srtp_protect(&t->out, kept->data, kept->len, wire_next(), (uint32_t)(s->index >> 16)));
  }
  s->index++;
  s->packets++;
  s->bytes += payload->size;
}

static void send_frame(struct sender *s, nanos due) {
  const struct shape *shape = s->shape;
  if (shape->recorded && s->wants_key) s->frame = 0;
  const struct frame *frame = &shape->frames[s->frame];
  bool video = s->codec == CODEC_VP8 || s->codec == CODEC_VP9 || shape->recorded;
  bool key = shape->recorded ? s->frame == 0 : s->wants_key && video && frame->count > 0;
  if (key && shape->key_frame.count > 0) frame = &shape->key_frame;
  uint32_t timestamp = s->first_timestamp + (uint32_t)((due - s->began) * s->clock_rate / SEC);
  if (frame->count == 0) {
    s->was_silent = true;
    return;
  }
  payload_begin_frame(s, key, frame->literals);
  for (unsigned i = 0; i < frame->count; i++) {
    struct payload payload = {.size = frame->sizes[i],
                              .index = i,
                              .count = frame->count,
                              .key = key,
                              .literal = frame->literals ? &frame->literals[i] : NULL};
    send_packet(s, &payload, video ? i + 1 == frame->count : s->was_silent, timestamp);
  }
  wire_flush(s->transport->fd);
  s->last_timestamp = timestamp;
  s->frames++;
  s->was_silent = false;
  if (!key) return;
  s->key_frames++;
  s->wants_key = false;
}

static void on_frame(void *arg, nanos now) {
  struct sender *s = arg;
  if (!s->active || !transport_is_up(s->transport)) return;
  nanos due = s->next_at;
  histogram_add(&lateness, now - due);
  send_frame(s, due);
  s->next_at += s->shape->frames[s->frame].gap;
  s->frame = (s->frame + 1) % s->shape->count;
  if (now > s->next_at + MOST_BEHIND) s->next_at = now;
  timer_set(&s->frame_timer, s->next_at);
}

static void on_report(void *arg, nanos now) {
  struct sender *s = arg;
  if (!s->active || !transport_is_up(s->transport)) return;
  if (s->packets > 0) {
    feedback_sender_report(s, now);
    s->reports++;
  }
  timer_set(&s->report_timer, now + (s->reports < FIRST_REPORTS ? FIRST_REPORTS_EVERY : SEC));
}

void sender_wake(struct sender *s) {
  if (!s->active || !transport_is_up(s->transport) || s->frame_timer.slot) return;
  nanos now = now_ns();
  nanos gap = s->shape->frames[s->frame].gap;
  s->next_at = now + (s->phase != NEVER ? s->phase : gap * (random32() % 1000) / 1000);
  if (s->began == 0) s->began = s->next_at;
  s->wants_key = true;
  s->was_silent = true;
  s->reports = 0;
  timer_set(&s->frame_timer, s->next_at);
  timer_set(&s->report_timer, s->next_at + FIRST_REPORT_AFTER);
}

void sender_set_active(struct sender *s, bool active) {
  s->active = active;
  if (active) {
    sender_wake(s);
    return;
  }
  timer_cancel(&s->frame_timer);
  timer_cancel(&s->report_timer);
}

void sender_set_shape(struct sender *s, struct shape *shape) {
  shape_use(shape);
  if (s->shape) shape_release(s->shape);
  s->shape = shape;
  s->frame = 0;
}

void sender_open(struct sender *s, struct transport *t) {
  s->transport = t;
  s->next = t->senders;
  t->senders = s;
  s->first_timestamp = random32();
  s->rtx_index = random32() & 0x7fff;
  s->picture = random32() & 0x7fff;
  s->kept = make(s->history, sizeof *s->kept);
  s->frame_timer = (struct timer){.fire = on_frame, .arg = s};
  s->report_timer = (struct timer){.fire = on_report, .arg = s};
  stream_add(&t->outgoing, s->ssrc)->sender = s;
  sender_wake(s);
}

void sender_close(struct sender *s) {
  struct transport *t = s->transport;
  timer_cancel(&s->frame_timer);
  timer_cancel(&s->report_timer);
  struct sender **at = &t->senders;
  while (*at != s) at = &(*at)->next;
  *at = s->next;
  struct stream *stream = stream_find(&t->outgoing, s->ssrc);
  if (stream && stream->sender == s) stream->sender = NULL;
  for (unsigned i = 0; i < s->history; i++) free(s->kept[i].data);
  free(s->kept);
  shape_release(s->shape);
  on_sender_closed(s);
  free(s);
}

// A transport-wide number of its own for a packet that is sent again.
static void count_again(struct transport *t, uint8_t *packet) {
  if (t->twcc_id && (packet[0] & 0x10) && packet[16] == (t->twcc_id << 4 | 1)) put16(packet + 17, t->twcc_sequence++);
}

void sender_retransmit(struct sender *s, uint16_t seq) {
  struct transport *t = s->transport;
  s->nacked++;
  // The index of that number: the newest one before the next packet's.
  uint64_t behind = (uint16_t)(s->index - seq);
  if (behind == 0 || behind > s->history || behind > s->packets) return;
  struct kept *kept = &s->kept[(s->index - behind) % s->history];
  if (kept->seq != seq) return;
  s->retransmitted++;
  if (transport_drops(t, t->drop_send)) return;
  if (s->rtx_ssrc == 0) {
    count_again(t, kept->data);
    wire_push(t->fd,
              srtp_protect(&t->out, kept->data, kept->len, wire_next(), (uint32_t)((s->index - behind) >> 16)));
    return;
  }
  // RFC 4588 section 4: the original sequence number goes before the payload.
  uint8_t packet[MAX_DATAGRAM];
  int header = rtp_header_len(kept->data, kept->len);
  memcpy(packet, kept->data, (size_t)header);
  packet[1] = (uint8_t)((packet[1] & 0x80) | s->rtx_pt);
  put16(packet + 2, (uint32_t)(s->rtx_index & 0xffff));
  put32(packet + 8, s->rtx_ssrc);
  count_again(t, packet);
  put16(packet + header, seq);
  memcpy(packet + header + 2, kept->data + header, (size_t)(kept->len - header));
  wire_push(t->fd, srtp_protect(&t->out, packet, kept->len + 2, wire_next(), (uint32_t)(s->rtx_index >> 16)));
  s->rtx_index++;
}
