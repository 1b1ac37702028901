#include "control.h"

#include "feedback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct names transports, senders, receivers, shapes;
static struct text output;

void control_flush(void) {
  for (size_t at = 0; at < output.len;) {
    ssize_t done = write(STDOUT_FILENO, output.data + at, output.len - at);
    // Nobody listens any more.
    if (done <= 0) exit(0);
    at += (size_t)done;
  }
  output.len = 0;
}

void *named_in(const struct json *request, const struct names *names, const char *key) {
  const char *name = json_string(request, key);
  return name ? names_find(names, name) : NULL;
}

const char *new_name(const struct json *request, const struct names *names, const char *key,
                     const char **error) {
  const char *name = json_string(request, key);
  if (!name || !*name || strlen(name) > NAME_MAX_LEN) *error = "a name of 1 to 63 bytes is missing";
  else if (names_find(names, name)) *error = "the name is taken";
  else return name;
  return NULL;
}

void control_ready(void) {
  text_add(&output,
           "{\"event\":\"ready\",\"version\":1,\"pid\":%d,"
           "\"fingerprint\":{\"algorithm\":\"sha-256\",\"value\":\"%s\"}}\n",
           (int)getpid(), dtls_fingerprint());
}

void on_transport_state(struct transport *t, const char *reason) {
  text_add(&output, "{\"event\":\"state\",\"transport\":");
  text_string(&output, t->name);
  text_add(&output, ",\"state\":\"%s\"", transport_state_name(t->state));
  if (t->profile) text_add(&output, ",\"profile\":\"%s\"", t->profile->name);
  if (t->connected_at) text_add(&output, ",\"ms\":%.3f", (double)(t->connected_at - t->started) / 1e6);
  if (reason) text_add(&output, ",\"reason\":\"%s\"", reason);
  text_add(&output, "}\n");
}

void on_sender_closed(struct sender *sender) { names_remove(&senders, sender->name); }
void on_receiver_closed(struct receiver *receiver) {
  stats_keep_receiver(receiver);
  names_remove(&receivers, receiver->name);
}

static void close_transport(void *transport, void *arg) {
  (void)arg;
  struct transport *t = transport;
  names_remove(&transports, t->name);
  transport_close(t);
}

void control_end(void) { names_each(&transports, close_transport, NULL); }

static const char *op_close_transport(const struct json *request, struct text *out) {
  struct transport *t = named_in(request, &transports, "transport");
  (void)out;
  if (!t) return "no such transport";
  close_transport(t, NULL);
  return NULL;
}

static const char *op_remove_receiver(const struct json *request, struct text *out) {
  struct receiver *r = named_in(request, &receivers, "receiver");
  (void)out;
  if (!r) return "no such receiver";
  receiver_close(r);
  return NULL;
}

static const char *op_request_key_frame(const struct json *request, struct text *out) {
  struct receiver *r = named_in(request, &receivers, "receiver");
  (void)out;
  if (!r) return "no such receiver";
  feedback_request_key_frame(r);
  return NULL;
}

static const struct {
  const char *name;
  const char *(*run)(const struct json *request, struct text *out);
} operations[] = {
    {"addTransport", op_add_transport},
    {"startTransport", op_start_transport},
    {"closeTransport", op_close_transport},
    {"shape", op_shape},
    {"addSender", op_add_sender},
    {"setSender", op_set_sender},
    {"removeSender", op_remove_sender},
    {"addReceiver", op_add_receiver},
    {"removeReceiver", op_remove_receiver},
    {"requestKeyFrame", op_request_key_frame},
    {"stats", op_stats},
    {"flows", op_flows},
};

bool control_line(char *line) {
  struct json *request = json_parse(line);
  const char *name = json_string(request, "op"), *error = "no such operation";
  bool goes_on = !name || strcmp(name, "quit") != 0;
  struct text results = {0};
  if (!request) error = "the line is no JSON object";
  if (!goes_on) error = NULL;
  for (size_t i = 0; name && i < sizeof operations / sizeof *operations; i++) {
    if (strcmp(operations[i].name, name) == 0) error = operations[i].run(request, &results);
  }
  text_add(&output, "{\"id\":%.0f,", json_number(request, "id", 0));
  if (error) {
    text_add(&output, "\"error\":");
    text_string(&output, error);
  } else {
    text_add(&output, "\"ok\":true%s", results.len ? results.data : "");
  }
  text_add(&output, "}\n");
  free(results.data);
  json_free();
  return goes_on;
}
