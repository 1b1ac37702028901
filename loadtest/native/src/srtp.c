#include "srtp.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

static const struct srtp_profile profiles[] = {
    {"AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM", 32, 12, 16, 16, true},
    {"AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM", 16, 12, 16, 16, true},
    {"AES_CM_128_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80", 16, 14, 10, 10, false},
    {"AES_CM_128_HMAC_SHA1_32", "SRTP_AES128_CM_SHA1_32", 16, 14, 4, 10, false},
};
#define PROFILES (sizeof profiles / sizeof *profiles)

const struct srtp_profile *srtp_profile(const char *name) {
  for (size_t i = 0; i < PROFILES; i++) {
    if (strcmp(profiles[i].name, name) == 0) return &profiles[i];
  }
  return NULL;
}

const struct srtp_profile *srtp_profile_of_openssl(const char *openssl_name) {
  for (size_t i = 0; i < PROFILES; i++) {
    if (strcmp(profiles[i].openssl_name, openssl_name) == 0) return &profiles[i];
  }
  return NULL;
}

// RFC 3711 section 4.3: the session keys are the key stream of AES in counter mode under the master key. RFC
// 7714 section 11: a master salt of 96 bits is followed by 16 zero bits.
static bool derive(const struct srtp_profile *profile, const uint8_t *key, uint8_t label, uint8_t *out,
                   int len) {
  uint8_t iv[16] = {0};
  memcpy(iv, key + profile->key_len, profile->salt_len);
  iv[7] ^= label;
  memset(out, 0, (size_t)len);
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  int done;
  bool ok = ctx &&
            EVP_EncryptInit_ex(ctx, profile->key_len == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(), NULL, key,
                               iv) &&
            EVP_EncryptUpdate(ctx, out, &done, out, len);
  EVP_CIPHER_CTX_free(ctx);
  return ok;
}

static EVP_MAC_CTX *open_mac(const uint8_t *key) {
  static EVP_MAC *hmac;
  if (!hmac) hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  char digest[] = "SHA1";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                         OSSL_PARAM_construct_end()};
  EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
  if (ctx && !EVP_MAC_init(ctx, key, 20, params)) {
    EVP_MAC_CTX_free(ctx);
    return NULL;
  }
  return ctx;
}

// One of the two halves: labels 0 to 2 are RTP's, 3 to 5 RTCP's.
static bool open_half(const struct srtp_profile *profile, const uint8_t *key, uint8_t label, bool encrypt,
                      EVP_CIPHER_CTX **cipher, EVP_MAC_CTX **mac, uint8_t *salt) {
  uint8_t session_key[32], auth[20];
  if (!derive(profile, key, label, session_key, profile->key_len)) return false;
  if (!derive(profile, key, (uint8_t)(label + 2), salt, profile->salt_len)) return false;
  const EVP_CIPHER *type = !profile->aead            ? EVP_aes_128_ctr()
                           : profile->key_len == 32 ? EVP_aes_256_gcm()
                                                    : EVP_aes_128_gcm();
  *cipher = EVP_CIPHER_CTX_new();
  if (!*cipher || !EVP_CipherInit_ex(*cipher, type, NULL, session_key, NULL, encrypt)) return false;
  if (profile->aead) return true;
  return derive(profile, key, (uint8_t)(label + 1), auth, sizeof auth) && (*mac = open_mac(auth)) != NULL;
}

bool srtp_open(struct srtp *srtp, const struct srtp_profile *profile, const uint8_t *key, bool encrypt) {
  memset(srtp, 0, sizeof *srtp);
  srtp->profile = profile;
  if (open_half(profile, key, 0, encrypt, &srtp->rtp, &srtp->rtp_mac, srtp->rtp_salt) &&
      open_half(profile, key, 3, encrypt, &srtp->rtcp, &srtp->rtcp_mac, srtp->rtcp_salt)) {
    return true;
  }
  srtp_close(srtp);
  return false;
}

void srtp_close(struct srtp *srtp) {
  EVP_CIPHER_CTX_free(srtp->rtp);
  EVP_CIPHER_CTX_free(srtp->rtcp);
  EVP_MAC_CTX_free(srtp->rtp_mac);
  EVP_MAC_CTX_free(srtp->rtcp_mac);
  memset(srtp, 0, sizeof *srtp);
}

int rtp_header_len(const uint8_t *p, size_t len) {
  if (len < 12 || p[0] >> 6 != 2) return -1;
  size_t header = 12 + 4 * (size_t)(p[0] & 15);
  if (p[0] & 0x10) {
    if (header + 4 > len) return -1;
    header += 4 + 4 * (size_t)get16(p + header + 2);
  }
  return header <= len ? (int)header : -1;
}

static void xor32(uint8_t *p, uint32_t v) { put32(p, get32(p) ^ v); }

static void rtp_iv(const struct srtp *srtp, const uint8_t *packet, uint32_t roc, uint8_t iv[16]) {
  memset(iv, 0, 16);
  memcpy(iv, srtp->rtp_salt, srtp->profile->salt_len);
  // RFC 7714 section 8.1; RFC 3711 section 4.1.1.
  uint8_t *at = iv + (srtp->profile->aead ? 2 : 4);
  xor32(at, get32(packet + 8));
  xor32(at + 4, roc);
  at[8] ^= packet[2];
  at[9] ^= packet[3];
}

static void rtcp_iv(const struct srtp *srtp, uint32_t ssrc, uint32_t index, uint8_t iv[16]) {
  memset(iv, 0, 16);
  memcpy(iv, srtp->rtcp_salt, srtp->profile->salt_len);
  // RFC 7714 section 9.1.
  uint8_t *at = iv + (srtp->profile->aead ? 2 : 4);
  xor32(at, ssrc);
  xor32(at + 6, index);
}

static bool mac_of(EVP_MAC_CTX *mac, const uint8_t *data, size_t len, uint32_t tail, bool has_tail,
                   uint8_t out[20]) {
  uint8_t word[4];
  size_t got;
  put32(word, tail);
  return EVP_MAC_init(mac, NULL, 0, NULL) && EVP_MAC_update(mac, data, len) &&
         (!has_tail || EVP_MAC_update(mac, word, 4)) && EVP_MAC_final(mac, out, &got, 20);
}

int srtp_protect(struct srtp *srtp, const uint8_t *in, int len, uint8_t *out, uint32_t roc) {
  int header = rtp_header_len(in, (size_t)len), done;
  uint8_t iv[16];
  if (header < 0) return -1;
  rtp_iv(srtp, in, roc, iv);
  if (in != out) memcpy(out, in, (size_t)header);
  if (!EVP_EncryptInit_ex(srtp->rtp, NULL, NULL, NULL, iv)) return -1;
  if (srtp->profile->aead) {
    if (!EVP_EncryptUpdate(srtp->rtp, NULL, &done, out, header) ||
        !EVP_EncryptUpdate(srtp->rtp, out + header, &done, in + header, len - header) ||
        !EVP_EncryptFinal_ex(srtp->rtp, out + len, &done) ||
        !EVP_CIPHER_CTX_ctrl(srtp->rtp, EVP_CTRL_AEAD_GET_TAG, 16, out + len)) {
      return -1;
    }
    return len + 16;
  }
  uint8_t tag[20];
  if (!EVP_EncryptUpdate(srtp->rtp, out + header, &done, in + header, len - header) ||
      !mac_of(srtp->rtp_mac, out, (size_t)len, roc, true, tag)) {
    return -1;
  }
  memcpy(out + len, tag, srtp->profile->rtp_tag);
  return len + srtp->profile->rtp_tag;
}

int srtp_unprotect(struct srtp *srtp, uint8_t *packet, int len, uint32_t roc) {
  int header = rtp_header_len(packet, (size_t)len), done;
  int body = len - srtp->profile->rtp_tag;
  uint8_t iv[16];
  if (header < 0 || body < header) return -1;
  rtp_iv(srtp, packet, roc, iv);
  if (srtp->profile->aead) {
    if (!EVP_DecryptInit_ex(srtp->rtp, NULL, NULL, NULL, iv) ||
        !EVP_CIPHER_CTX_ctrl(srtp->rtp, EVP_CTRL_AEAD_SET_TAG, 16, packet + body) ||
        !EVP_DecryptUpdate(srtp->rtp, NULL, &done, packet, header) ||
        !EVP_DecryptUpdate(srtp->rtp, packet + header, &done, packet + header, body - header) ||
        EVP_DecryptFinal_ex(srtp->rtp, packet + body, &done) <= 0) {
      return -1;
    }
    return body;
  }
  uint8_t tag[20];
  if (!mac_of(srtp->rtp_mac, packet, (size_t)body, roc, true, tag) ||
      memcmp(tag, packet + body, srtp->profile->rtp_tag) != 0 ||
      !EVP_DecryptInit_ex(srtp->rtp, NULL, NULL, NULL, iv) ||
      !EVP_DecryptUpdate(srtp->rtp, packet + header, &done, packet + header, body - header)) {
    return -1;
  }
  return body;
}

#define ENCRYPTED 0x80000000u

int srtp_protect_rtcp(struct srtp *srtp, uint8_t *packet, int len) {
  if (len < 8) return -1;
  uint32_t index = srtp->rtcp_index++ & 0x7fffffff;
  uint8_t iv[16], word[4], tag[20];
  int done;
  put32(word, index | ENCRYPTED);
  rtcp_iv(srtp, get32(packet + 4), index, iv);
  if (!EVP_EncryptInit_ex(srtp->rtcp, NULL, NULL, NULL, iv)) return -1;
  if (srtp->profile->aead) {
    if (!EVP_EncryptUpdate(srtp->rtcp, NULL, &done, packet, 8) ||
        !EVP_EncryptUpdate(srtp->rtcp, NULL, &done, word, 4) ||
        !EVP_EncryptUpdate(srtp->rtcp, packet + 8, &done, packet + 8, len - 8) ||
        !EVP_EncryptFinal_ex(srtp->rtcp, packet + len, &done) ||
        !EVP_CIPHER_CTX_ctrl(srtp->rtcp, EVP_CTRL_AEAD_GET_TAG, 16, packet + len)) {
      return -1;
    }
    memcpy(packet + len + 16, word, 4);
    return len + 20;
  }
  if (!EVP_EncryptUpdate(srtp->rtcp, packet + 8, &done, packet + 8, len - 8)) return -1;
  memcpy(packet + len, word, 4);
  if (!mac_of(srtp->rtcp_mac, packet, (size_t)len + 4, 0, false, tag)) return -1;
  memcpy(packet + len + 4, tag, srtp->profile->rtcp_tag);
  return len + 4 + srtp->profile->rtcp_tag;
}

int srtp_unprotect_rtcp(struct srtp *srtp, uint8_t *packet, int len) {
  int body = len - 4 - srtp->profile->rtcp_tag, done;
  if (body < 8) return -1;
  // The tag is last without AEAD, and the index is last with it.
  uint8_t *word = packet + (srtp->profile->aead ? len - 4 : body), iv[16], tag[20];
  uint32_t index = get32(word);
  if (!(index & ENCRYPTED)) return -1;
  rtcp_iv(srtp, get32(packet + 4), index & 0x7fffffff, iv);
  if (srtp->profile->aead) {
    if (!EVP_DecryptInit_ex(srtp->rtcp, NULL, NULL, NULL, iv) ||
        !EVP_CIPHER_CTX_ctrl(srtp->rtcp, EVP_CTRL_AEAD_SET_TAG, 16, packet + body) ||
        !EVP_DecryptUpdate(srtp->rtcp, NULL, &done, packet, 8) ||
        !EVP_DecryptUpdate(srtp->rtcp, NULL, &done, word, 4) ||
        !EVP_DecryptUpdate(srtp->rtcp, packet + 8, &done, packet + 8, body - 8) ||
        EVP_DecryptFinal_ex(srtp->rtcp, packet + body, &done) <= 0) {
      return -1;
    }
    return body;
  }
  if (!mac_of(srtp->rtcp_mac, packet, (size_t)body + 4, 0, false, tag) ||
      memcmp(tag, packet + body + 4, srtp->profile->rtcp_tag) != 0 ||
      !EVP_DecryptInit_ex(srtp->rtcp, NULL, NULL, NULL, iv) ||
      !EVP_DecryptUpdate(srtp->rtcp, packet + 8, &done, packet + 8, body - 8)) {
    return -1;
  }
  return body;
}
