// Senders: one RTP stream each, made of frames of a shape.
#ifndef WATERSHED_SENDER_H
#define WATERSHED_SENDER_H

#include "histogram.h"
#include "transport.h"

#define MIN_PAYLOAD 32
#define MAX_PAYLOAD 1400
#define MAX_EXTENSIONS 8

enum codec { CODEC_NONE, CODEC_OPUS, CODEC_VP8, CODEC_VP9 };

struct frame {
  // Nanoseconds from this frame to the next.
  nanos gap;
  unsigned count;
  uint16_t *sizes;
  // Of a recorded frame; NULL where packets are made up.
  struct literal *literals;
};

// A payload as it is to be sent, and where its stamp goes (-1: nowhere).
struct literal {
  uint8_t *data;
  int stamp_at;
};

// What a stream looks like on the wire; shared by senders, and freed by the last.
struct shape {
  char name[NAME_MAX_LEN + 1];
  unsigned users;
  unsigned count;
  struct frame *frames;
  struct frame key_frame;
  // Its frames are literal, and the first one is the only key frame.
  bool recorded;
  uint8_t *key_head, *delta_head;
  size_t key_head_len, delta_head_len;
};

void shape_use(struct shape *shape);
void shape_release(struct shape *shape);

struct sender {
  char name[NAME_MAX_LEN + 1];
  struct transport *transport;
  struct sender *next;
  struct shape *shape;
  enum codec codec;
  bool active;

  uint32_t ssrc, rtx_ssrc;
  uint8_t pt, rtx_pt;
  uint32_t clock_rate;
  uint32_t stamp_stream;
  char cname[NAME_MAX_LEN + 1];
  uint8_t extensions[256];
  size_t extensions_len;
  unsigned temporal_layers, spatial_layers;

  // Counts packets; its lower half is the sequence number, its upper one how often that wrapped.
  uint64_t index, rtx_index;
  uint32_t first_timestamp, last_timestamp;
  nanos began, next_at, phase;
  unsigned frame, picture;
  bool wants_key, was_silent, layer_sync;
  // Of the frame under way: place in the temporal pattern, its layer, and how much of its head is written.
  unsigned pattern, temporal_layer;
  size_t head_written;
  uint8_t tl0_index;
  uint32_t stamps;
  struct timer frame_timer, report_timer;
  unsigned reports;

  // Packets kept for retransmission, unencrypted.
  unsigned history;
  struct kept {
    uint16_t seq, len;
    uint8_t *data;
  } *kept;

  uint64_t packets, bytes, frames, key_frames, key_requests, nacked, retransmitted;
};

// How late frames left, of all senders.
extern struct histogram lateness;

// The fields that the controller chose are set. It sends as soon as its transport is connected.
void sender_open(struct sender *sender, struct transport *transport);
void sender_close(struct sender *sender);
// Goes on where it may send now; begins with a key frame.
void sender_wake(struct sender *sender);
void sender_set_active(struct sender *sender, bool active);
void sender_set_shape(struct sender *sender, struct shape *shape);
// Puts it into the wire's batch, which the caller flushes.
void sender_retransmit(struct sender *sender, uint16_t seq);

// Implemented by the program around it: nobody may name it any more.
void on_sender_closed(struct sender *sender);

#endif
