// SRTP and SRTCP (RFC 3711, RFC 7714) over OpenSSL's ciphers: keys are set up once per direction, a packet
// costs one change of the initialisation vector.
#ifndef WATERSHED_SRTP_H
#define WATERSHED_SRTP_H

#include "base.h"

#include <openssl/evp.h>

struct srtp_profile {
  const char *name;          // as mediasoup and IANA name it
  const char *openssl_name;  // for SSL_set_tlsext_use_srtp
  uint16_t key_len, salt_len;
  uint16_t rtp_tag, rtcp_tag;  // bytes
  bool aead;
};

// NULL for a name that is unknown.
const struct srtp_profile *srtp_profile(const char *name);
const struct srtp_profile *srtp_profile_of_openssl(const char *openssl_name);

// The most that protection adds, to RTP or RTCP.
#define SRTP_ROOM 20

// One direction of one session.
struct srtp {
  const struct srtp_profile *profile;
  EVP_CIPHER_CTX *rtp, *rtcp;
  EVP_MAC_CTX *rtp_mac, *rtcp_mac;
  uint8_t rtp_salt[14], rtcp_salt[14];
  uint32_t rtcp_index;
};

// `key`: master key followed by master salt. False where OpenSSL refuses.
bool srtp_open(struct srtp *srtp, const struct srtp_profile *profile, const uint8_t *key, bool encrypt);
void srtp_close(struct srtp *srtp);

// Length of an RTP header with its CSRCs and extension, or -1 where the packet is none.
int rtp_header_len(const uint8_t *packet, size_t len);

// From `in` to `out` (they may be the same); `roc` counts the wraps of the sequence number. The new length, or
// -1. `out` has room for SRTP_ROOM more.
int srtp_protect(struct srtp *srtp, const uint8_t *in, int len, uint8_t *out, uint32_t roc);
// In place.
int srtp_unprotect(struct srtp *srtp, uint8_t *packet, int len, uint32_t roc);
int srtp_protect_rtcp(struct srtp *srtp, uint8_t *packet, int len);
int srtp_unprotect_rtcp(struct srtp *srtp, uint8_t *packet, int len);

// Which wrap a received sequence number most likely belongs to (RFC 3711 section 3.3.1). None comes before the first:
// a worker that begins its probation stream anew may leap ahead by more than half of all numbers.
static inline uint32_t srtp_guess_roc(uint32_t roc, uint16_t highest, uint16_t seq) {
  if (highest < 0x8000) return roc > 0 && seq > highest && seq - highest > 0x8000 ? roc - 1 : roc;
  return highest - 0x8000 > seq ? roc + 1 : roc;
}

#endif
