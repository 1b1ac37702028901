// The control protocol (../README.md): requests in, answers and events out.
#ifndef WATERSHED_CONTROL_H
#define WATERSHED_CONTROL_H

#include "json.h"
#include "names.h"

extern struct names transports, senders, receivers, shapes;

// Carries out one request line, which is changed. False when the program is to end.
bool control_line(char *line);
// The first line.
void control_ready(void);
// Closes everything.
void control_end(void);
// Writes lines that wait.
void control_flush(void);

// Implemented by the main loop: watches a transport's socket.
struct transport;
void watch(struct transport *transport);

// Operations, in files of their own: each adds its results to `out` and returns NULL, or what is wrong.
const char *op_add_transport(const struct json *request, struct text *out);
const char *op_start_transport(const struct json *request, struct text *out);
const char *op_shape(const struct json *request, struct text *out);
const char *op_add_sender(const struct json *request, struct text *out);
const char *op_set_sender(const struct json *request, struct text *out);
const char *op_remove_sender(const struct json *request, struct text *out);
const char *op_add_receiver(const struct json *request, struct text *out);
const char *op_stats(const struct json *request, struct text *out);
const char *op_flows(const struct json *request, struct text *out);

// Keeps what a receiver that closes has come to for the next reading of flows.
struct receiver;
void stats_keep_receiver(struct receiver *receiver);

// The object that the request names under `key`, or NULL.
void *named_in(const struct json *request, const struct names *names, const char *key);
// A new name that the request gives under `key`, or NULL with `*error` set.
const char *new_name(const struct json *request, const struct names *names, const char *key,
                     const char **error);

#endif
