// Reading one JSON value (RFC 8259) into a tree, and writing JSON to a growing text.
#ifndef WATERSHED_JSON_H
#define WATERSHED_JSON_H

#include "base.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
  enum json_type type;
  double number;       // also 0 or 1 of a boolean
  const char *string;  // ends with NUL
  const char *key;     // within an object
  struct json *first;  // of an array or object
  struct json *next;   // sibling
};

// The text is changed in place and must outlive the tree. NULL where it is no JSON; free with json_free.
struct json *json_parse(char *text);
void json_free(void);

// NULL where there is no such member, or `object` is none. A member that is null counts as none.
const struct json *json_get(const struct json *object, const char *key);
const char *json_string(const struct json *object, const char *key);
double json_number(const struct json *object, const char *key, double otherwise);
bool json_bool(const struct json *object, const char *key, bool otherwise);
size_t json_count(const struct json *array);
// Decodes base64 into `out`; the number of bytes, or -1 where it is none or does not fit.
int base64_decode(const char *text, uint8_t *out, size_t room);

// Text under way.
struct text {
  char *data;
  size_t len, room;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A JSON string with its quotes.
void text_string(struct text *text, const char *value);

#endif
