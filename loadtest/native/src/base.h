// What every file of the generator uses: the clock, bounded failure, byte order, timers.
#ifndef WATERSHED_BASE_H
#define WATERSHED_BASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

// Nanoseconds of CLOCK_MONOTONIC.
typedef uint64_t nanos;

#define US 1000ull
#define MS 1000000ull
#define SEC 1000000000ull
#define NEVER UINT64_MAX

// The largest datagram that is made or taken.
#define MAX_DATAGRAM 1500

static inline nanos clock_ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (nanos)t.tv_sec * SEC + (nanos)t.tv_nsec;
}

static inline nanos now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static inline uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t get32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t get64(const uint8_t *p) { return (uint64_t)get32(p) << 32 | get32(p + 4); }
static inline void put16(uint8_t *p, uint32_t v) {
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}
static inline void put32(uint8_t *p, uint32_t v) {
  put16(p, v >> 16);
  put16(p + 2, v);
}
static inline void put64(uint8_t *p, uint64_t v) {
  put32(p, (uint32_t)(v >> 32));
  put32(p + 4, (uint32_t)v);
}

// Says why on stderr and ends the program: for what cannot be gone on from (no memory, no epoll).
_Noreturn void die(const char *what);
// calloc that never returns NULL.
void *make(size_t count, size_t size);
uint32_t random32(void);
void random_bytes(uint8_t *out, size_t len);

// A timer belongs to the object that embeds it; `slot` is kept by timers.c and 0 while it is not set.
struct timer {
  nanos at;
  void (*fire)(void *arg, nanos now);
  void *arg;
  size_t slot;
};

// Sets, or sets anew.
void timer_set(struct timer *timer, nanos at);
// Idempotent.
void timer_cancel(struct timer *timer);
// When the next one is due, or NEVER.
nanos timers_next(void);
// Fires what is due. A timer may set itself or others anew.
void timers_run(nanos now);

#endif
