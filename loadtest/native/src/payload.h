// What is in a packet: the codec's payload descriptor, a frame's bytes, and the stamp at the end.
#ifndef WATERSHED_PAYLOAD_H
#define WATERSHED_PAYLOAD_H

#include "sender.h"

struct payload {
  size_t size;
  // Which of the frame's packets.
  unsigned index, count;
  bool key;
  // Of a recorded frame.
  const struct literal *literal;
};

// Once for each frame, before its packets.
void payload_begin_frame(struct sender *sender, bool key, const struct literal *literals);
void payload_write(struct sender *sender, const struct payload *payload, uint8_t *out);

struct stamp {
  uint32_t stream, count;
  nanos sent_at;
};

// Where a payload's stamp is: at its end, or before the superframe index that a VP9 frame ends with; else -1.
int stamp_place(const uint8_t *payload, size_t len);
// False for a payload of anybody else.
bool stamp_read(const uint8_t *payload, size_t len, struct stamp *stamp);
// Whether a frame that can be decoded on its own begins in this payload.
bool payload_begins_key_frame(enum codec codec, const uint8_t *payload, size_t len);

#endif
