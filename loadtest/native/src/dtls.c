#include "dtls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

static SSL_CTX *context;
static BIO_METHOD *method;
static char fingerprint[96];

static void hex(const uint8_t *bytes, unsigned len, char *out) {
  for (unsigned i = 0; i < len; i++) sprintf(out + i * 3, "%02X%s", bytes[i], i + 1 < len ? ":" : "");
}

// One datagram at a time: a memory BIO would run records of several datagrams together.
static int bio_write(BIO *bio, const char *data, int len) {
  struct dtls *dtls = BIO_get_data(bio);
  dtls->send(dtls->arg, (const uint8_t *)data, (size_t)len);
  return len;
}

static int bio_read(BIO *bio, char *out, int room) {
  struct dtls *dtls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (dtls->input_len == 0 || (size_t)room < dtls->input_len) {
    dtls->input_len = 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  int len = (int)dtls->input_len;
  memcpy(out, dtls->input, dtls->input_len);
  dtls->input_len = 0;
  return len;
}

static long bio_ctrl(BIO *bio, int command, long value, void *arg) {
  (void)bio, (void)value, (void)arg;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

// The certificate is compared with the signalled fingerprint afterwards; nobody signed it.
static int accept_any(int ok, X509_STORE_CTX *store) {
  (void)ok, (void)store;
  return 1;
}

static unsigned retransmit_after(SSL *ssl, unsigned us) {
  (void)ssl;
  // OpenSSL begins at a second; on a fast path a lost flight should not cost that much.
  return us == 0 ? 200000 : us < 3000000 ? us * 2 : us;
}

void dtls_init(void) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  if (!key || !certificate) die("no certificate could be made");
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)(random32() >> 1));
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * 86400);
  X509_set_pubkey(certificate, key);
  X509_NAME *name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"participant", -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  context = SSL_CTX_new(DTLS_client_method());
  if (!X509_sign(certificate, key, EVP_sha256()) || !context ||
      !SSL_CTX_use_certificate(context, certificate) || !SSL_CTX_use_PrivateKey(context, key)) {
    die("no certificate could be made");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned len;
  X509_digest(certificate, EVP_sha256(), digest, &len);
  hex(digest, len, fingerprint);
  X509_free(certificate);
  EVP_PKEY_free(key);
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_ctrl(method, bio_ctrl);
}

const char *dtls_fingerprint(void) { return fingerprint; }

bool dtls_open(struct dtls *dtls, const char *profiles, void (*send)(void *, const uint8_t *, size_t),
               void *arg) {
  memset(dtls, 0, sizeof *dtls);
  dtls->send = send;
  dtls->arg = arg;
  dtls->ssl = SSL_new(context);
  BIO *bio = BIO_new(method);
  if (!dtls->ssl || !bio) die("no DTLS session could be made");
  BIO_set_data(bio, dtls);
  BIO_set_init(bio, 1);
  SSL_set_bio(dtls->ssl, bio, bio);
  SSL_set_options(dtls->ssl, SSL_OP_NO_QUERY_MTU);
  DTLS_set_link_mtu(dtls->ssl, 1200);
  DTLS_set_timer_cb(dtls->ssl, retransmit_after);
  SSL_set_connect_state(dtls->ssl);
  // Zero is success here, unlike nearly everywhere else in OpenSSL.
  if (SSL_set_tlsext_use_srtp(dtls->ssl, profiles) == 0) return true;
  ERR_clear_error();
  dtls_close(dtls);
  return false;
}

void dtls_close(struct dtls *dtls) {
  if (!dtls->ssl) return;
  if (SSL_is_init_finished(dtls->ssl)) SSL_shutdown(dtls->ssl);
  SSL_free(dtls->ssl);
  ERR_clear_error();
  dtls->ssl = NULL;
}

enum dtls_result dtls_step(struct dtls *dtls, const uint8_t *data, size_t len) {
  dtls->input = data;
  dtls->input_len = len;
  uint8_t ignored[MAX_DATAGRAM];
  int result = SSL_is_init_finished(dtls->ssl) ? SSL_read(dtls->ssl, ignored, sizeof ignored)
                                               : SSL_do_handshake(dtls->ssl);
  int why = result > 0 ? SSL_ERROR_NONE : SSL_get_error(dtls->ssl, result);
  ERR_clear_error();
  if (why == SSL_ERROR_ZERO_RETURN) return DTLS_CLOSED;
  if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return DTLS_FAILED;
  return SSL_is_init_finished(dtls->ssl) ? DTLS_DONE : DTLS_WAIT;
}

nanos dtls_timeout(struct dtls *dtls) {
  struct timeval left;
  if (!DTLSv1_get_timeout(dtls->ssl, &left)) return NEVER;
  return (nanos)left.tv_sec * SEC + (nanos)left.tv_usec * US;
}

void dtls_retransmit(struct dtls *dtls) {
  DTLSv1_handle_timeout(dtls->ssl);
  ERR_clear_error();
}

bool dtls_peer_is(struct dtls *dtls, const char *algorithm, const char *value) {
  char name[16] = "", text[EVP_MAX_MD_SIZE * 3];
  // "sha-256" is OpenSSL's "sha256".
  for (size_t i = 0; *algorithm && i + 1 < sizeof name; algorithm++) {
    if (*algorithm != '-') name[i++] = *algorithm;
  }
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  const EVP_MD *md = EVP_get_digestbyname(name);
  X509 *peer = SSL_get1_peer_certificate(dtls->ssl);
  bool known = md && peer && X509_digest(peer, md, digest, &len);
  X509_free(peer);
  if (!known) return false;
  hex(digest, len, text);
  return strcasecmp(text, value) == 0;
}

bool dtls_keys(struct dtls *dtls, struct srtp *out, struct srtp *in) {
  SRTP_PROTECTION_PROFILE *agreed = SSL_get_selected_srtp_profile(dtls->ssl);
  const struct srtp_profile *profile = agreed ? srtp_profile_of_openssl(agreed->name) : NULL;
  static const char label[] = "EXTRACTOR-dtls_srtp";
  uint8_t material[2 * (32 + 14)], client[46], server[46];
  if (!profile) return false;
  size_t key = profile->key_len, salt = profile->salt_len;
  if (!SSL_export_keying_material(dtls->ssl, material, 2 * (key + salt), label, sizeof label - 1, NULL, 0, 0)) {
    return false;
  }
  // RFC 5764 section 4.2: both keys, then both salts, the client's first.
  memcpy(client, material, key);
  memcpy(server, material + key, key);
  memcpy(client + key, material + 2 * key, salt);
  memcpy(server + key, material + 2 * key + salt, salt);
  if (!srtp_open(out, profile, client, true)) return false;
  if (srtp_open(in, profile, server, false)) return true;
  srtp_close(out);
  return false;
}
