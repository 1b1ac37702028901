#include "json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The nodes of the last tree, given back all at once.
static struct json *nodes[32];
static unsigned blocks, used;
#define BLOCK(i) ((size_t)64 << (i))
#define MAX_DEPTH 16

static struct json *node(enum json_type type) {
  if (blocks == 0 || used == BLOCK(blocks - 1)) {
    if (blocks == 32) die("too large a request");
    nodes[blocks] = make(BLOCK(blocks), sizeof(struct json));
    blocks++;
    used = 0;
  }
  struct json *made = &nodes[blocks - 1][used++];
  memset(made, 0, sizeof *made);
  made->type = type;
  return made;
}

void json_free(void) {
  while (blocks > 0) free(nodes[--blocks]);
  used = 0;
}

static char *skip(char *p) {
  while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') p++;
  return p;
}

// Unescapes in place; returns the end of the source, or NULL.
static char *read_string(char *p, const char **out) {
  char *to = p;
  *out = p;
  while (*p != '"') {
    unsigned char c = (unsigned char)*p++;
    if (c < 0x20) return NULL;
    if (c != '\\') {
      *to++ = (char)c;
      continue;
    }
    static const char from[] = "\"\\/bfnrt", become[] = "\"\\/\b\f\n\r\t";
    const char *at = *p ? strchr(from, *p) : NULL;
    if (at) {
      *to++ = become[at - from];
      p++;
    } else if (*p == 'u') {
      unsigned code;
      if (sscanf(p + 1, "%4x", &code) != 1 || code == 0) return NULL;
      // Names and addresses are ASCII; the rest is kept as a mark that it was something else.
      *to++ = code < 0x80 ? (char)code : '?';
      p += 5;
    } else {
      return NULL;
    }
  }
  *to = 0;
  return p + 1;
}

static char *read_value(char *p, struct json **out, int depth);

static char *read_list(char *p, struct json *parent, char end, int depth) {
  struct json **tail = &parent->first;
  p = skip(p);
  if (*p == end) return p + 1;
  for (;;) {
    const char *key = NULL;
    p = skip(p);
    if (parent->type == JSON_OBJECT) {
      if (*p != '"' || !(p = read_string(p + 1, &key))) return NULL;
      p = skip(p);
      if (*p++ != ':') return NULL;
    }
    struct json *value;
    if (!(p = read_value(p, &value, depth + 1))) return NULL;
    value->key = key;
    *tail = value;
    tail = &value->next;
    p = skip(p);
    if (*p == end) return p + 1;
    if (*p++ != ',') return NULL;
  }
}

static char *read_word(char *p, const char *word) {
  size_t len = strlen(word);
  return strncmp(p, word, len) == 0 ? p + len : NULL;
}

static char *read_value(char *p, struct json **out, int depth) {
  p = skip(p);
  if (depth > MAX_DEPTH) return NULL;
  switch (*p) {
    case '{':
      return read_list(p + 1, *out = node(JSON_OBJECT), '}', depth);
    case '[':
      return read_list(p + 1, *out = node(JSON_ARRAY), ']', depth);
    case '"':
      *out = node(JSON_STRING);
      return read_string(p + 1, &(*out)->string);
    case 't':
      (*out = node(JSON_BOOL))->number = 1;
      return read_word(p, "true");
    case 'f':
      *out = node(JSON_BOOL);
      return read_word(p, "false");
    case 'n':
      *out = node(JSON_NULL);
      return read_word(p, "null");
    default: {
      if (*p != '-' && (*p < '0' || *p > '9')) return NULL;
      char *end;
      (*out = node(JSON_NUMBER))->number = strtod(p, &end);
      return end;
    }
  }
}

struct json *json_parse(char *text) {
  struct json *value;
  char *end = read_value(text, &value, 0);
  return end && *skip(end) == 0 ? value : NULL;
}

const struct json *json_get(const struct json *object, const char *key) {
  if (!object || object->type != JSON_OBJECT) return NULL;
  for (const struct json *m = object->first; m; m = m->next) {
    if (strcmp(m->key, key) == 0) return m->type == JSON_NULL ? NULL : m;
  }
  return NULL;
}

const char *json_string(const struct json *object, const char *key) {
  const struct json *m = json_get(object, key);
  return m && m->type == JSON_STRING ? m->string : NULL;
}

double json_number(const struct json *object, const char *key, double otherwise) {
  const struct json *m = json_get(object, key);
  return m && m->type == JSON_NUMBER ? m->number : otherwise;
}

bool json_bool(const struct json *object, const char *key, bool otherwise) {
  const struct json *m = json_get(object, key);
  return m && m->type == JSON_BOOL ? m->number != 0 : otherwise;
}

size_t json_count(const struct json *array) {
  size_t count = 0;
  if (array && array->type == JSON_ARRAY) {
    for (const struct json *m = array->first; m; m = m->next) count++;
  }
  return count;
}

int base64_decode(const char *text, uint8_t *out, size_t room) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t bits = 0;
  unsigned held = 0;
  size_t len = 0;
  for (; *text && *text != '='; text++) {
    const char *at = strchr(alphabet, *text);
    if (!at) return -1;
    bits = bits << 6 | (uint32_t)(at - alphabet);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    if (len == room) return -1;
    out[len++] = (uint8_t)(bits >> held);
  }
  return (int)len;
}

static void reserve(struct text *text, size_t more) {
  if (text->len + more < text->room) return;
  while (text->len + more >= text->room) text->room = text->room ? text->room * 2 : 4096;
  text->data = realloc(text->data, text->room);
  if (!text->data) die("out of memory");
}

void text_add(struct text *text, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int need = vsnprintf(NULL, 0, format, args);
  va_end(args);
  reserve(text, (size_t)need + 1);
  va_start(args, format);
  vsnprintf(text->data + text->len, (size_t)need + 1, format, args);
  va_end(args);
  text->len += (size_t)need;
}

void text_string(struct text *text, const char *value) {
  text_add(text, "\"");
  for (; *value; value++) {
    if (*value == '"' || *value == '\\') text_add(text, "\\%c", *value);
    else if ((unsigned char)*value < 0x20) text_add(text, "\\u%04x", (unsigned)*value);
    else text_add(text, "%c", *value);
  }
  text_add(text, "\"");
}
