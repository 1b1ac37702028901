// RTCP: reports, and feedback about lost packets and key frames, in both directions.
#ifndef WATERSHED_FEEDBACK_H
#define WATERSHED_FEEDBACK_H

#include "receiver.h"
#include "sender.h"

// A decrypted compound packet.
void feedback_take(struct transport *transport, const uint8_t *packet, size_t len, nanos at);
// Sender report and source description (RFC 3550 section 6.4.1).
void feedback_sender_report(struct sender *sender, nanos now);
// Picture loss indication (RFC 4585 section 6.3.1).
void feedback_request_key_frame(struct receiver *receiver);

// Timers of a transport; `arg` is one. Receiver reports for all its receivers, and REMB if asked for.
void feedback_report(void *arg, nanos now);
// Generic NACKs for what its receivers miss (RFC 4585 section 6.2.1).
void feedback_nack(void *arg, nanos now);

// Takes note of a decrypted packet's arrival where it has a transport-wide sequence number.
void feedback_note_arrival(struct transport *transport, const uint8_t *packet, size_t len, nanos at);
// The timer that reports such arrivals; `arg` is a transport.
void feedback_arrivals(void *arg, nanos now);

#endif
