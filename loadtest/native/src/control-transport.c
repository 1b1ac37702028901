// Operations on transports.
#include "control.h"
#include "transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PROFILES "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

// Where an object of `ip` and `port` points to.
static bool read_address(const struct json *object, union address *out) {
  const char *ip = json_string(object, "ip");
  double port = json_number(object, "port", 0);
  return ip && port >= 1 && port <= 65535 && address_parse(out, ip, (uint16_t)port);
}

static const char *read_profiles(const struct json *list, char *out, size_t room) {
  if (!list) {
    snprintf(out, room, "%s", DEFAULT_PROFILES);
    return NULL;
  }
  out[0] = 0;
  for (const struct json *item = list->first; item; item = item->next) {
    const struct srtp_profile *profile = item->type == JSON_STRING ? srtp_profile(item->string) : NULL;
    if (!profile) return "unknown SRTP profile";
    size_t len = strlen(out);
    if ((size_t)snprintf(out + len, room - len, "%s%s", len ? ":" : "", profile->openssl_name) >= room - len)
      return "too many SRTP profiles";
  }
  return out[0] ? NULL : "profiles is empty";
}

static const char *read_far_end(const struct json *request, struct transport *t) {
  const struct json *ice = json_get(request, "ice");
  const char *ufrag = json_string(ice, "ufrag"), *password = json_string(ice, "pwd");
  if (!ufrag || !password || strlen(ufrag) > 256 || strlen(password) > 256) return "ice needs ufrag and pwd";
  snprintf(t->far_ufrag, sizeof t->far_ufrag, "%s", ufrag);
  snprintf(t->far_password, sizeof t->far_password, "%s", password);
  const struct json *list = json_get(request, "candidates");
  for (const struct json *c = list ? list->first : NULL; c && t->candidate_count < MAX_CANDIDATES; c = c->next) {
    union address far;
    if (!read_address(c, &far)) return "a candidate needs a numeric ip and a port";
    // The socket reaches its own address family alone.
    if (far.any.sa_family == t->local.any.sa_family) t->candidates[t->candidate_count++] = far;
  }
  if (t->candidate_count == 0) return "no usable candidate";
  list = json_get(request, "fingerprints");
  for (const struct json *f = list ? list->first : NULL; f && t->fingerprint_count < 4; f = f->next) {
    const char *algorithm = json_string(f, "algorithm"), *value = json_string(f, "value");
    if (!algorithm || !value) return "a fingerprint needs algorithm and value";
    snprintf(t->fingerprints[t->fingerprint_count].algorithm, 16, "%s", algorithm);
    snprintf(t->fingerprints[t->fingerprint_count++].value, 200, "%s", value);
  }
  return t->fingerprint_count == 0 ? "no fingerprint" : NULL;
}

static const char *start_plain(const struct json *request, struct transport *t) {
  const struct json *srtp = json_get(request, "srtp");
  const char *name = json_string(srtp, "profile"), *send = json_string(srtp, "send"),
             *receive = json_string(srtp, "receive");
  const struct srtp_profile *profile = name ? srtp_profile(name) : NULL;
  union address far;
  uint8_t out_key[46], in_key[46];
  if (!profile || !send || !receive) return "srtp needs profile, send and receive";
  int len = profile->key_len + profile->salt_len;
  if (base64_decode(send, out_key, sizeof out_key) != len ||
      base64_decode(receive, in_key, sizeof in_key) != len) {
    return "a key has not the profile's length";
  }
  if (!read_address(json_get(request, "remote"), &far)) return "remote needs a numeric ip and a port";
  return transport_start_plain(t, &far, profile, out_key, in_key) ? NULL : "SRTP could not be set up";
}

static void read_impairment(const struct json *impair, struct transport *t) {
  t->drop_send = json_number(impair, "dropSend", 0);
  t->drop_receive = json_number(impair, "dropReceive", 0);
  t->drop_state = (uint32_t)json_number(impair, "seed", 1) | 1;
}

// The family to bind: that of `bind`, else that of the first candidate or the remote.
static bool read_local(const struct json *request, union address *out) {
  const char *bind = json_string(request, "bind");
  if (bind) return address_parse(out, bind, 0);
  const struct json *list = json_get(request, "candidates"), *remote = json_get(request, "remote");
  const char *ip = json_string(remote ? remote : list ? list->first : NULL, "ip");
  return address_parse(out, ip && strchr(ip, ':') ? "::" : "0.0.0.0", 0);
}

const char *op_add_transport(const struct json *request, struct text *out) {
  const char *error = NULL, *name = new_name(request, &transports, "transport", &error);
  union address local;
  char profiles[256];
  if (!name) return error;
  if (!read_local(request, &local)) return "bind is no numeric IP address";
  if ((error = read_profiles(json_get(request, "profiles"), profiles, sizeof profiles))) return error;
  bool plain = json_get(request, "srtp") != NULL, start = json_bool(request, "start", true);
  bool tcp = json_bool(request, "tcp", false);
  if (tcp && (plain || !start)) return "tcp needs ice, candidates and fingerprints at once";
  struct transport *t = transport_open(name, &local, tcp);
  if (!t) return errno == EMFILE ? "too many sockets: raise the limit of open files" : strerror(errno);
  memcpy(t->profiles, profiles, sizeof profiles);
  t->remb = (uint32_t)json_number(request, "remb", 0);
  t->twcc_id = (uint8_t)json_number(request, "twcc", 0) & 15;
  read_impairment(json_get(request, "impair"), t);
  if (!plain && start && (error = read_far_end(request, t))) {
    transport_close(t);
    return error;
  }
  names_add(&transports, t->name, t);
  watch(t);
  if (plain && (error = start_plain(request, t))) {
    names_remove(&transports, t->name);
    transport_close(t);
    return error;
  }
  if (!plain && start) transport_start(t);
  text_add(out, ",\"ufrag\":\"%s\",\"pwd\":\"%s\",\"port\":%u", t->ufrag, t->password,
           address_port(&t->local));
  return NULL;
}

const char *op_start_transport(const struct json *request, struct text *out) {
  struct transport *t = named_in(request, &transports, "transport");
  (void)out;
  if (!t) return "no such transport";
  if (t->state != T_NEW) return "the transport was started already";
  const char *error = read_far_end(request, t);
  if (!error) transport_start(t);
  return error;
}
