// STUN messages of ICE (RFC 8489, RFC 8445): binding requests and responses with short-term credentials.
#ifndef WATERSHED_STUN_H
#define WATERSHED_STUN_H

#include "base.h"

#define STUN_REQUEST 0x0001
#define STUN_RESPONSE 0x0101
#define STUN_MAX 256

struct stun_request {
  const uint8_t *transaction;  // 12 bytes
  const char *username;        // far ufrag, colon, own ufrag
  const char *password;        // of the far end
  uint32_t priority;
  const uint8_t *tie_breaker;  // 8 bytes
};

// A check that nominates its pair. The length; `out` has STUN_MAX bytes.
size_t stun_write_request(const struct stun_request *request, uint8_t *out);
// The answer to a check from an IPv4 or IPv6 address (struct sockaddr), under this end's password.
size_t stun_write_response(const uint8_t *transaction, const void *address, const char *password,
                           uint8_t *out);
// The message's type, or -1 where it is no STUN, or its integrity does not hold under the password. An error
// response has no integrity and is -1 too: a check that fails is a check without answer.
int stun_check(const uint8_t *packet, size_t len, const char *password);

#endif
