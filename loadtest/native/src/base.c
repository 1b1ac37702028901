#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void die(const char *what) {
  perror(what);
  exit(1);
}

void *make(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size ? size : 1);
  if (!p) die("out of memory");
  return p;
}

void random_bytes(uint8_t *out, size_t len) {
  while (len > 0) {
    ssize_t got = getrandom(out, len < 256 ? len : 256, 0);
    if (got < 0) die("getrandom");
    out += got;
    len -= (size_t)got;
  }
}

uint32_t random32(void) {
  uint8_t b[4];
  random_bytes(b, sizeof b);
  return get32(b);
}

// A binary heap from slot 1.
static struct timer **heap;
static size_t used, room;

static void place(struct timer *timer, size_t slot) {
  heap[slot] = timer;
  timer->slot = slot;
}

static void rise(struct timer *timer, size_t slot) {
  while (slot > 1 && heap[slot / 2]->at > timer->at) {
    place(heap[slot / 2], slot);
    slot /= 2;
  }
  place(timer, slot);
}

static void sink(struct timer *timer, size_t slot) {
  for (;;) {
    size_t child = slot * 2;
    if (child > used) break;
    if (child < used && heap[child + 1]->at < heap[child]->at) child++;
    if (heap[child]->at >= timer->at) break;
    place(heap[child], slot);
    slot = child;
  }
  place(timer, slot);
}

void timer_cancel(struct timer *timer) {
  size_t slot = timer->slot;
  if (slot == 0) return;
  timer->slot = 0;
  struct timer *last = heap[used--];
  if (last == timer) return;
  if (slot > 1 && heap[slot / 2]->at > last->at) rise(last, slot);
  else sink(last, slot);
}

void timer_set(struct timer *timer, nanos at) {
  timer_cancel(timer);
  timer->at = at;
  if (used + 1 >= room) {
    room = room ? room * 2 : 64;
    heap = realloc(heap, room * sizeof *heap);
    if (!heap) die("out of memory");
  }
  rise(timer, ++used);
}

nanos timers_next(void) { return used ? heap[1]->at : NEVER; }

void timers_run(nanos now) {
  while (used && heap[1]->at <= now) {
    struct timer *timer = heap[1];
    timer_cancel(timer);
    timer->fire(timer->arg, now);
  }
}
