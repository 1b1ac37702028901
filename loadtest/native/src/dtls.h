// The DTLS client's end of a transport (RFC 5764): OpenSSL reads and writes whole datagrams.
#ifndef WATERSHED_DTLS_H
#define WATERSHED_DTLS_H

#include "srtp.h"

#include <openssl/ssl.h>

struct dtls {
  SSL *ssl;
  // The datagram that OpenSSL reads next.
  const uint8_t *input;
  size_t input_len;
  // Sends one datagram.
  void (*send)(void *arg, const uint8_t *data, size_t len);
  void *arg;
};

// A new certificate for this process (P-256).
void dtls_init(void);
// Its SHA-256, in hex pairs with colons: 95 characters.
const char *dtls_fingerprint(void);

// `profiles`: OpenSSL's names in order of preference, joined by colons. False where one is unknown.
bool dtls_open(struct dtls *dtls, const char *profiles, void (*send)(void *, const uint8_t *, size_t),
               void *arg);
void dtls_close(struct dtls *dtls);

enum dtls_result { DTLS_WAIT, DTLS_DONE, DTLS_FAILED, DTLS_CLOSED };

// Goes on with the handshake; `data` is the datagram that came, if any. Afterwards it takes what comes later.
enum dtls_result dtls_step(struct dtls *dtls, const uint8_t *data, size_t len);
// When a flight is to be sent again, in ns from now, or NEVER. Sends it when it is due.
nanos dtls_timeout(struct dtls *dtls);
void dtls_retransmit(struct dtls *dtls);
// Whether the far end's certificate has that digest ("sha-256", hex with colons).
bool dtls_peer_is(struct dtls *dtls, const char *algorithm, const char *value);
// Opens SRTP for both directions with the keys that were agreed on. False where no profile was.
bool dtls_keys(struct dtls *dtls, struct srtp *out, struct srtp *in);

#endif
