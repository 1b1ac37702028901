// Streams of a transport, found by SSRC.
#ifndef WATERSHED_STREAM_H
#define WATERSHED_STREAM_H

#include "base.h"

struct sender;
struct receiver;

// What is received under one SSRC, or reported about one of ours.
struct stream {
  uint32_t ssrc;
  bool used;
  // Receiving: the far end's stream; no receiver for one that nobody asked for.
  struct receiver *receiver;
  bool is_rtx;
  // Sending: whom feedback about this SSRC is for.
  struct sender *sender;
  // Receiving: how often the sequence number wrapped, and its highest value.
  bool started;
  uint16_t highest;
  uint32_t roc;
};

// An open-addressing table; entries move when it grows, so pointers to them are not kept.
struct stream_table {
  struct stream *entries;
  uint32_t count, room;
};

struct stream *stream_find(struct stream_table *table, uint32_t ssrc);
// The entry of that SSRC, new if need be.
struct stream *stream_add(struct stream_table *table, uint32_t ssrc);
void stream_free(struct stream_table *table);

#endif
