#include "stun.h"

#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define COOKIE 0x2112a442
#define FINGERPRINT_XOR 0x5354554e

enum {
  USERNAME = 0x0006,
  MESSAGE_INTEGRITY = 0x0008,
  XOR_MAPPED_ADDRESS = 0x0020,
  PRIORITY = 0x0024,
  USE_CANDIDATE = 0x0025,
  FINGERPRINT = 0x8028,
  ICE_CONTROLLING = 0x802a,
};

static uint32_t crc32(const uint8_t *p, size_t len) {
  uint32_t crc = 0xffffffff;
  while (len-- > 0) {
    crc ^= *p++;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc;
}

static size_t begin(uint8_t *out, uint16_t type, const uint8_t *transaction) {
  put16(out, type);
  put16(out + 2, 0);
  put32(out + 4, COOKIE);
  memcpy(out + 8, transaction, 12);
  return 20;
}

static size_t attribute(uint8_t *out, size_t at, uint16_t type, const void *value, size_t len) {
  put16(out + at, type);
  put16(out + at + 2, (uint32_t)len);
  memset(out + at + 4, 0, (len + 3) & ~(size_t)3);
  if (len) memcpy(out + at + 4, value, len);
  return at + 4 + ((len + 3) & ~(size_t)3);
}

static void integrity(const uint8_t *packet, size_t len, const char *password, uint8_t out[20]) {
  unsigned got = 0;
  HMAC(EVP_sha1(), password, (int)strlen(password), packet, len, out, &got);
}

// The length field counts up to the end of the attribute that is being made (RFC 8489 section 14.5).
static size_t finish(uint8_t *out, size_t at, const char *password) {
  uint8_t mac[20], word[4];
  put16(out + 2, (uint32_t)(at - 20 + 24));
  integrity(out, at, password, mac);
  at = attribute(out, at, MESSAGE_INTEGRITY, mac, sizeof mac);
  put16(out + 2, (uint32_t)(at - 20 + 8));
  put32(word, crc32(out, at) ^ FINGERPRINT_XOR);
  return attribute(out, at, FINGERPRINT, word, sizeof word);
}

size_t stun_write_request(const struct stun_request *request, uint8_t *out) {
  uint8_t word[4];
  size_t at = begin(out, STUN_REQUEST, request->transaction);
  put32(word, request->priority);
  at = attribute(out, at, USERNAME, request->username, strlen(request->username));
  at = attribute(out, at, PRIORITY, word, sizeof word);
  at = attribute(out, at, ICE_CONTROLLING, request->tie_breaker, 8);
  at = attribute(out, at, USE_CANDIDATE, NULL, 0);
  return finish(out, at, request->password);
}

size_t stun_write_response(const uint8_t *transaction, const void *address, const char *password,
                           uint8_t *out) {
  const struct sockaddr *any = address;
  uint8_t value[20] = {0}, mask[16];
  size_t len;
  put32(mask, COOKIE);
  memcpy(mask + 4, transaction, 12);
  if (any->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = address;
    value[1] = 2;
    memcpy(value + 2, &in6->sin6_port, 2);
    memcpy(value + 4, &in6->sin6_addr, 16);
    len = 20;
  } else {
    const struct sockaddr_in *in4 = address;
    value[1] = 1;
    memcpy(value + 2, &in4->sin_port, 2);
    memcpy(value + 4, &in4->sin_addr, 4);
    len = 8;
  }
  for (size_t i = 0; i < 2; i++) value[2 + i] ^= mask[i];
  for (size_t i = 4; i < len; i++) value[i] ^= mask[i - 4];
  size_t at = begin(out, STUN_RESPONSE, transaction);
  at = attribute(out, at, XOR_MAPPED_ADDRESS, value, len);
  return finish(out, at, password);
}

int stun_check(const uint8_t *packet, size_t len, const char *password) {
  if (len < 20 || len > MAX_DATAGRAM || get32(packet + 4) != COOKIE || 20 + (size_t)get16(packet + 2) != len) {
    return -1;
  }
  for (size_t at = 20; at + 4 <= len;) {
    size_t size = get16(packet + at + 2);
    if (at + 4 + size > len) return -1;
    if (get16(packet + at) == MESSAGE_INTEGRITY && size == 20) {
      uint8_t copy[MAX_DATAGRAM], mac[20];
      memcpy(copy, packet, at);
      put16(copy + 2, (uint32_t)(at - 20 + 24));
      integrity(copy, at, password, mac);
      return memcmp(mac, packet + at + 4, 20) == 0 ? get16(packet) : -1;
    }
    at += 4 + ((size + 3) & ~(size_t)3);
  }
  return -1;
}
