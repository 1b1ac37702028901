// Operations on shapes, senders and receivers.
#include "control.h"
#include "feedback.h"
#include "payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAMES 100000
#define MAX_PACKETS 1000
#define MAX_HEAD 65536
#define DEFAULT_HISTORY 512

// A payload in base64, as it is to be sent.
static const char *read_literal(const struct json *text, struct frame *frame) {
  uint8_t data[MAX_PAYLOAD];
  int len = base64_decode(text->string, data, sizeof data);
  // Shorter ones have no room for the descriptor that is written over.
  if (len < 5) return "a payload is no base64 of 5 to 1400 bytes";
  struct literal *literal = &frame->literals[frame->count];
  literal->data = make(1, (size_t)len);
  memcpy(literal->data, data, (size_t)len);
  literal->stamp_at = stamp_place(data, (size_t)len);
  frame->sizes[frame->count++] = (uint16_t)len;
  return NULL;
}

static const char *read_sizes(const struct json *list, struct frame *frame) {
  size_t count = json_count(list);
  if (!list || list->type != JSON_ARRAY || count > MAX_PACKETS) return "a frame needs a list of packet sizes";
  frame->sizes = make(count, sizeof *frame->sizes);
  if (count > 0 && list->first->type == JSON_STRING) frame->literals = make(count, sizeof *frame->literals);
  for (const struct json *size = list->first; size; size = size->next) {
    if (frame->literals && size->type == JSON_STRING) {
      const char *error = read_literal(size, frame);
      if (error) return error;
      continue;
    }
    if (size->type != JSON_NUMBER || size->number < MIN_PAYLOAD || size->number > MAX_PAYLOAD)
      return "a packet size is not within 32 and 1400";
    frame->sizes[frame->count++] = (uint16_t)size->number;
  }
  return NULL;
}

static const char *read_head(const struct json *request, const char *key, uint8_t **out, size_t *len) {
  const char *text = json_string(request, key);
  if (!text) return NULL;
  *out = make(1, MAX_HEAD);
  int got = base64_decode(text, *out, MAX_HEAD);
  if (got < 0) return "a head is no base64 of at most 64 KiB";
  *len = (size_t)got;
  return NULL;
}

static const char *read_shape(const struct json *request, struct shape *shape) {
  const struct json *frames = json_get(request, "frames"), *key = json_get(request, "keyFrame");
  size_t count = json_count(frames);
  nanos total = 0;
  if (count == 0 || count > MAX_FRAMES) return "frames is empty or too long";
  shape->frames = make(count, sizeof *shape->frames);
  for (const struct json *f = frames->first; f; f = f->next) {
    struct frame *frame = &shape->frames[shape->count++];
    if (json_count(f) != 2 || f->first->type != JSON_NUMBER || f->first->number < 0 || f->first->number > 1e9)
      return "a frame is [microseconds, [sizes]]";
    frame->gap = (nanos)(f->first->number * 1000);
    total += frame->gap;
    const char *error = read_sizes(f->first->next, frame);
    if (error) return error;
  }
  for (unsigned i = 0; i < shape->count; i++) {
    bool literal = shape->frames[i].literals != NULL;
    if (i == 0) shape->recorded = literal;
    else if (literal != shape->recorded) return "frames are either all recorded or all made up";
  }
  // Or a sender would never let go of the loop.
  if (total / count < 20 * US) return "frames follow one another too closely";
  const char *error = key ? read_sizes(key, &shape->key_frame) : NULL;
  if (!error) error = read_head(request, "keyHead", &shape->key_head, &shape->key_head_len);
  if (!error) error = read_head(request, "deltaHead", &shape->delta_head, &shape->delta_head_len);
  return error;
}

const char *op_shape(const struct json *request, struct text *out) {
  const char *name = json_string(request, "shape");
  (void)out;
  if (!name || !*name || strlen(name) > NAME_MAX_LEN) return "a name of 1 to 63 bytes is missing";
  struct shape *shape = make(1, sizeof *shape);
  snprintf(shape->name, sizeof shape->name, "%s", name);
  shape_use(shape);
  const char *error = read_shape(request, shape);
  if (error) {
    shape_release(shape);
    return error;
  }
  // A new one under an old name: senders that have the old one keep it.
  struct shape *old = names_find(&shapes, name);
  names_remove(&shapes, name);
  if (old) shape_release(old);
  names_add(&shapes, shape->name, shape);
  return NULL;
}

static bool read_codec(const struct json *request, enum codec *out) {
  static const char *const names[] = {"none", "opus", "vp8", "vp9"};
  const char *name = json_string(request, "codec");
  for (unsigned i = 0; name && i < 4; i++) {
    if (strcmp(names[i], name) != 0) continue;
    *out = (enum codec)i;
    return true;
  }
  return false;
}

static const char *read_extensions(const struct json *list, struct sender *s) {
  uint8_t bytes[sizeof s->extensions];
  size_t len = 0;
  for (const struct json *e = list ? list->first : NULL; e; e = e->next) {
    uint8_t data[16];
    const char *text = json_string(e, "data");
    double id = json_number(e, "id", 0);
    int size = text ? base64_decode(text, data, sizeof data) : 0;
    if (id < 1 || id > 14 || size < 1) return "an extension needs an id from 1 to 14 and 1 to 16 bytes";
    if (len + 1 + (size_t)size > 64) return "the extensions are longer than 64 bytes";
    bytes[len++] = (uint8_t)((unsigned)id << 4 | (unsigned)(size - 1));
    memcpy(bytes + len, data, (size_t)size);
    len += (size_t)size;
  }
  memcpy(s->extensions, bytes, len);
  s->extensions_len = len;
  return NULL;
}

static uint32_t read_ssrc(const struct json *object, const char *key) {
  double value = json_number(object, key, 0);
  return value >= 1 && value <= 4294967295.0 ? (uint32_t)value : 0;
}

static unsigned read_layers(const struct json *request, const char *key) {
  double value = json_number(request, key, 1);
  return value < 1 ? 1 : value > 3 ? 3 : (unsigned)value;
}

static const char *read_sender(const struct json *request, struct sender *s) {
  const struct json *rtx = json_get(request, "rtx");
  const char *cname = json_string(request, "cname");
  s->ssrc = read_ssrc(request, "ssrc");
  s->pt = (uint8_t)json_number(request, "pt", 255);
  s->rtx_ssrc = read_ssrc(rtx, "ssrc");
  s->rtx_pt = (uint8_t)json_number(rtx, "pt", 0) & 127;
  s->clock_rate = (uint32_t)json_number(request, "clockRate", 0);
  if (s->ssrc == 0 || s->pt > 127 || s->clock_rate == 0) return "ssrc, pt and clockRate are needed";
  if (!read_codec(request, &s->codec)) return "codec is none, opus, vp8 or vp9";
  s->stamp_stream = (uint32_t)json_number(request, "stream", s->ssrc);
  s->temporal_layers = read_layers(request, "temporalLayers");
  s->spatial_layers = read_layers(request, "spatialLayers");
  double history = json_number(request, "history", DEFAULT_HISTORY);
  s->history = history < 16 ? 16 : history > 8192 ? 8192 : (unsigned)history;
  double sequence = json_number(request, "sequence", -1), phase = json_number(request, "phase", -1);
  s->index = sequence < 0 ? random32() & 0x7fff : (uint64_t)sequence & 0xffff;
  s->phase = phase < 0 ? NEVER : (nanos)(phase * 1000);
  s->active = json_bool(request, "active", true);
  snprintf(s->cname, sizeof s->cname, "%s", cname ? cname : "participant");
  return read_extensions(json_get(request, "extensions"), s);
}

const char *op_add_sender(const struct json *request, struct text *out) {
  const char *error = NULL, *name = new_name(request, &senders, "sender", &error);
  struct transport *t = named_in(request, &transports, "transport");
  struct shape *shape = named_in(request, &shapes, "shape");
  (void)out;
  if (!name) return error;
  if (!t) return "no such transport";
  if (!shape) return "no such shape";
  struct sender *s = make(1, sizeof *s);
  if ((error = read_sender(request, s))) {
    free(s);
    return error;
  }
  snprintf(s->name, sizeof s->name, "%s", name);
  sender_set_shape(s, shape);
  names_add(&senders, s->name, s);
  sender_open(s, t);
  return NULL;
}

const char *op_set_sender(const struct json *request, struct text *out) {
  struct sender *s = named_in(request, &senders, "sender");
  const struct json *extensions = json_get(request, "extensions");
  (void)out;
  if (!s) return "no such sender";
  if (json_get(request, "shape")) {
    struct shape *shape = named_in(request, &shapes, "shape");
    if (!shape) return "no such shape";
    sender_set_shape(s, shape);
  }
  double frame = json_number(request, "frame", -1);
  if (frame >= 0 && frame < 1e9) s->frame = (unsigned)frame % s->shape->count;
  const char *error = extensions ? read_extensions(extensions, s) : NULL;
  if (!error && json_get(request, "active")) sender_set_active(s, json_bool(request, "active", true));
  return error;
}

const char *op_remove_sender(const struct json *request, struct text *out) {
  struct sender *s = named_in(request, &senders, "sender");
  if (!s) return "no such sender";
  text_add(out, ",\"sequence\":%u", (unsigned)((s->index - 1) & 0xffff));
  sender_close(s);
  return NULL;
}

const char *op_add_receiver(const struct json *request, struct text *out) {
  const char *error = NULL, *name = new_name(request, &receivers, "receiver", &error);
  struct transport *t = named_in(request, &transports, "transport");
  uint32_t ssrc = read_ssrc(request, "ssrc");
  enum codec codec = CODEC_NONE;
  (void)out;
  if (!name) return error;
  if (!t) return "no such transport";
  if (ssrc == 0) return "ssrc is needed";
  if (json_get(request, "codec") && !read_codec(request, &codec)) return "codec is none, opus, vp8 or vp9";
  struct receiver *r = make(1, sizeof *r);
  snprintf(r->name, sizeof r->name, "%s", name);
  r->ssrc = ssrc;
  r->rtx_ssrc = read_ssrc(json_get(request, "rtx"), "ssrc");
  r->clock_rate = (uint32_t)json_number(request, "clockRate", 0);
  r->codec = codec;
  r->nack = json_bool(request, "nack", false);
  if (json_get(request, "twcc")) t->twcc_id = (uint8_t)json_number(request, "twcc", 0) & 15;
  names_add(&receivers, r->name, r);
  receiver_open(r, t);
  return NULL;
}
