#include "names.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS (sizeof((struct names *)0)->buckets / sizeof(struct named *))

static size_t bucket_of(const char *name) {
  uint32_t hash = 2166136261u;
  for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
  return hash % BUCKETS;
}

void *names_find(const struct names *names, const char *name) {
  for (struct named *n = names->buckets[bucket_of(name)]; n; n = n->next) {
    if (strcmp(n->name, name) == 0) return n->object;
  }
  return NULL;
}

void names_add(struct names *names, const char *name, void *object) {
  struct named *n = make(1, sizeof *n), **bucket = &names->buckets[bucket_of(name)];
  *n = (struct named){*bucket, name, object};
  *bucket = n;
  names->count++;
}

void names_remove(struct names *names, const char *name) {
  for (struct named **at = &names->buckets[bucket_of(name)]; *at; at = &(*at)->next) {
    struct named *n = *at;
    if (strcmp(n->name, name) != 0) continue;
    *at = n->next;
    free(n);
    names->count--;
    return;
  }
}

void names_each(struct names *names, void (*call)(void *object, void *arg), void *arg) {
  for (size_t i = 0; i < BUCKETS; i++) {
    for (struct named *n = names->buckets[i], *next; n; n = next) {
      next = n->next;
      call(n->object, arg);
    }
  }
}
