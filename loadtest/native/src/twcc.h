// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): when each packet of a transport
// arrived, by its transport-wide sequence number.
#ifndef WATERSHED_TWCC_H
#define WATERSHED_TWCC_H

#include "base.h"

// Newest sequence numbers whose arrivals are kept; a power of two.
#define TWCC_WINDOW 2048
// So many to report are reported at once.
#define TWCC_MOST 512

// The arrivals of one transport. Begins as zeros.
struct twcc {
  bool started;
  // The first sequence number that the next report is about, and the one after the newest arrival.
  uint16_t begin, end;
  uint8_t reports;
  // By sequence number; 0 for what did not arrive.
  nanos arrived[TWCC_WINDOW];
};

// The sequence number in a packet's one-byte header extension of this id (RFC 8285 section 4.2), or -1.
int twcc_sequence(const uint8_t *packet, size_t len, uint8_t id);
// Takes note of an arrival. Copies and what is older than the window change nothing.
void twcc_note(struct twcc *twcc, uint16_t seq, nanos at);
// How many sequence numbers are to be reported.
unsigned twcc_due(const struct twcc *twcc);
// Writes the next report, an RTCP packet of at most `room` bytes, which are 64 at least; its length, or 0 where
// nothing is due. What does not fit is due still.
size_t twcc_write(struct twcc *twcc, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t *out, size_t room);

#endif
