#include "payload.h"

#include <string.h>

// As in loadtest/participant/stamp.ts.
#define STAMP_MAGIC 0x57534844
#define STAMP_BYTES 20

// A key frame's and another frame's first bytes, for streams without heads (RFC 6386 section 9.1): enough for
// SFUs, nothing for decoders.
static const uint8_t vp8_key[] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
static const uint8_t vp8_delta[] = {0x11, 0, 0};

// In descriptors of this form, with a picture id of 15 bits and layers (RFC 9628 section 4.2).
static unsigned vp9_temporal_layer(const uint8_t *payload) { return payload[3] >> 5; }

void payload_begin_frame(struct sender *s, bool key, const struct literal *literals) {
  static const uint8_t patterns[4][4] = {{0}, {0}, {0, 1}, {0, 2, 1, 2}};
  static const uint8_t lengths[4] = {1, 1, 2, 4};
  unsigned layers = s->temporal_layers;
  if (key) s->pattern = 0;
  s->temporal_layer = patterns[layers][s->pattern % lengths[layers]];
  // The first picture of a layer since the one below may be where a receiver takes it up.
  s->layer_sync = key || (s->temporal_layer > 0 && s->pattern % lengths[layers] <= 2);
  if (literals && s->codec == CODEC_VP9) s->temporal_layer = vp9_temporal_layer(literals[0].data);
  s->pattern++;
  s->picture = (s->picture + 1) & 0x7fff;
  if (s->temporal_layer == 0) s->tl0_index++;
  s->head_written = 0;
}

// RFC 7741 section 4.2, with picture id, TL0PICIDX and TID.
static size_t write_vp8(struct sender *s, const struct payload *payload, uint8_t *out) {
  bool unreferenced = s->temporal_layers > 1 && s->temporal_layer + 1 == s->temporal_layers;
  out[0] = (uint8_t)(0x80 | (unreferenced ? 0x20 : 0) | (payload->index == 0 ? 0x10 : 0));
  out[1] = 0xe0;
  put16(out + 2, 0x8000 | s->picture);
  out[4] = s->tl0_index;
  out[5] = (uint8_t)(s->temporal_layer << 6 | (s->layer_sync ? 0x20 : 0));
  return 6;
}

// RFC 9628 section 4.2, non-flexible mode: the frame's packets are shared out among the spatial layers.
static size_t write_vp9(struct sender *s, const struct payload *payload, uint8_t *out) {
  unsigned layers = s->spatial_layers < payload->count ? s->spatial_layers : payload->count;
  unsigned layer = payload->index * layers / payload->count;
  bool first = payload->index == 0 || (payload->index - 1) * layers / payload->count != layer;
  bool last = payload->index + 1 == payload->count || (payload->index + 1) * layers / payload->count != layer;
  out[0] = (uint8_t)(0xa0 | (payload->key ? 0 : 0x40) | (first ? 8 : 0) | (last ? 4 : 0));
  put16(out + 1, 0x8000 | s->picture);
  out[3] = (uint8_t)(s->temporal_layer << 5 | layer << 1 | (layer > 0));
  out[4] = s->tl0_index;
  return 5;
}

static void write_stamp(struct sender *s, uint8_t *stamp) {
  put32(stamp, STAMP_MAGIC);
  put32(stamp + 4, s->stamp_stream);
  put32(stamp + 8, s->stamps++);
  put64(stamp + 12, now_ns());
}

static void write_literal(struct sender *s, const struct payload *payload, uint8_t *out) {
  memcpy(out, payload->literal->data, payload->size);
  if (s->codec == CODEC_VP9) {
    put16(out + 1, 0x8000 | s->picture);
    out[4] = s->tl0_index;
  }
  if (payload->literal->stamp_at >= 0) write_stamp(s, out + payload->literal->stamp_at);
}

void payload_write(struct sender *s, const struct payload *payload, uint8_t *out) {
  if (payload->literal) {
    write_literal(s, payload, out);
    return;
  }
  const struct shape *shape = s->shape;
  const uint8_t *head = payload->key ? shape->key_head : shape->delta_head;
  size_t head_len = payload->key ? shape->key_head_len : shape->delta_head_len, at = 0;
  if (s->codec == CODEC_VP8) {
    at = write_vp8(s, payload, out);
    if (!head) {
      head = payload->key ? vp8_key : vp8_delta;
      head_len = payload->key ? sizeof vp8_key : sizeof vp8_delta;
    }
  } else if (s->codec == CODEC_VP9) {
    at = write_vp9(s, payload, out);
  }
  size_t left = head && s->head_written < head_len ? head_len - s->head_written : 0;
  size_t part = left < payload->size - at ? left : payload->size - at;
  if (part > 0) memcpy(out + at, head + s->head_written, part);
  s->head_written += part;
  // What a decoder reads stays as it is; such a packet has no stamp.
  if (at + part + STAMP_BYTES > payload->size) return;
  write_stamp(s, out + payload->size - STAMP_BYTES);
}

int stamp_place(const uint8_t *payload, size_t len) {
  if (len < STAMP_BYTES) return -1;
  int end = (int)len - STAMP_BYTES;
  if (get32(payload + end) == STAMP_MAGIC) return end;
  // VP9 bitstream specification, annex B.
  unsigned marker = payload[len - 1];
  if ((marker & 0xe0) != 0xc0) return -1;
  int before = end - (int)(2 + ((marker >> 3 & 3) + 1) * ((marker & 7) + 1));
  return before >= 0 && get32(payload + before) == STAMP_MAGIC ? before : -1;
}

bool stamp_read(const uint8_t *payload, size_t len, struct stamp *stamp) {
  int place = stamp_place(payload, len);
  if (place < 0) return false;
  const uint8_t *p = payload + place;
  *stamp = (struct stamp){get32(p + 4), get32(p + 8), get64(p + 12)};
  return true;
}

static bool vp8_begins_key_frame(const uint8_t *p, size_t len) {
  size_t at = 1;
  // Start of partition 0.
  if (len < 2 || (p[0] & 0x17) != 0x10) return false;
  if (p[0] & 0x80) {
    uint8_t has = p[at++];
    if ((has & 0x80) && at < len) at += p[at] & 0x80 ? 2 : 1;
    if (has & 0x40) at++;
    if (has & 0x30) at++;
  }
  return at < len && (p[at] & 1) == 0;
}

static bool vp9_begins_key_frame(const uint8_t *p, size_t len) {
  size_t at = 1;
  if (len < 2 || (p[0] & 0x48) != 0x08) return false;
  if (p[0] & 0x80) at += p[at] & 0x80 ? 2 : 1;
  return !(p[0] & 0x20) || (at < len && (p[at] & 0x0e) == 0);
}

bool payload_begins_key_frame(enum codec codec, const uint8_t *payload, size_t len) {
  if (codec == CODEC_VP8) return vp8_begins_key_frame(payload, len);
  return codec == CODEC_VP9 && vp9_begins_key_frame(payload, len);
}
