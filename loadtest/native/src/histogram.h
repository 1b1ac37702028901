// A distribution of durations with a fixed relative error, so that it costs the same however long it runs.
#ifndef WATERSHED_HISTOGRAM_H
#define WATERSHED_HISTOGRAM_H

#include "base.h"

// 32 buckets for each doubling, from 1 µs to about 2000 s.
#define HISTOGRAM_STEPS 32
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 27)

struct histogram {
  uint64_t count, sum_ns, max_ns;
  uint32_t buckets[HISTOGRAM_BUCKETS];
};

static inline void histogram_add(struct histogram *h, nanos value) {
  uint64_t us = value / US;
  unsigned index;
  if (us < HISTOGRAM_STEPS) {
    index = (unsigned)us;
  } else {
    unsigned shift = 63u - (unsigned)__builtin_clzll(us) - 5u;
    index = (shift + 1) * HISTOGRAM_STEPS + (unsigned)((us >> shift) - HISTOGRAM_STEPS);
    if (index >= HISTOGRAM_BUCKETS) index = HISTOGRAM_BUCKETS - 1;
  }
  h->buckets[index]++;
  h->count++;
  h->sum_ns += value;
  if (value > h->max_ns) h->max_ns = value;
}

// The µs below which that share of the values lies (the bucket's upper end, at most the maximum).
double histogram_quantile(const struct histogram *h, double share);
void histogram_merge(struct histogram *into, const struct histogram *from);
void histogram_clear(struct histogram *h);

#endif
