// Receivers: what came of one stream, counted and timed.
#ifndef WATERSHED_RECEIVER_H
#define WATERSHED_RECEIVER_H

#include "histogram.h"
#include "sender.h"

// Sequence numbers that are told apart from copies and late arrivals.
#define WINDOW 8192
#define STAMP_WINDOW 1024
#define MISSING_KEPT 128

// The stamps of one stream as they came.
struct stamps_seen {
  bool used;
  uint32_t stream, first, highest;
  uint64_t unique;
  uint64_t bits[STAMP_WINDOW / 64];
};

struct receiver {
  char name[NAME_MAX_LEN + 1];
  struct transport *transport;
  struct receiver *next;
  uint32_t ssrc, rtx_ssrc, clock_rate;
  enum codec codec;
  bool nack;

  bool started;
  // Sequence numbers with the wraps counted, from 65536 so that what came before the first has one too.
  uint64_t first, highest, unique;
  uint64_t bits[WINDOW / 64];
  struct missing {
    uint64_t index;
    nanos next;
    unsigned tries;
  } missing[MISSING_KEPT];
  unsigned missing_count;

  // The stream whose stamps come now, and the one before, of which some may still arrive.
  struct stamps_seen now, before;
  uint64_t stamp_missing;

  nanos opened_at, first_packet_at, first_key_at, last_frame_at, longest_gap;
  uint64_t bytes, duplicates, reordered, recovered, stamped, switches, frames, key_frames, key_frame_bytes,
      freezes;
  bool in_key_frame;
  struct histogram latency;
  // RFC 3550 section 6.4.1, in ns, and for receiver reports.
  double jitter, jitter_max;
  int64_t transit;
  uint32_t last_sr;
  nanos last_sr_at;
  uint64_t reported_expected, reported_unique;
};

// The fields that the controller chose are set.
void receiver_open(struct receiver *receiver, struct transport *transport);
void receiver_close(struct receiver *receiver);
// A decrypted packet, which may be changed.
void receiver_take(struct receiver *receiver, bool is_rtx, uint8_t *packet, size_t len, nanos at);
uint64_t receiver_missing(const struct receiver *receiver);
uint64_t receiver_stamps_missing(const struct receiver *receiver);

// Implemented by the program around it: nobody may name it any more.
void on_receiver_closed(struct receiver *receiver);

#endif
