// Objects by the names that the controller gave them.
#ifndef WATERSHED_NAMES_H
#define WATERSHED_NAMES_H

#include "base.h"

struct names {
  struct named {
    struct named *next;
    const char *name;  // within the object
    void *object;
  } * buckets[1024];
  size_t count;
};

void *names_find(const struct names *names, const char *name);
void names_add(struct names *names, const char *name, void *object);
void names_remove(struct names *names, const char *name);
// Calls for each, in no order; the object may be removed meanwhile.
void names_each(struct names *names, void (*call)(void *object, void *arg), void *arg);

#endif
