#include "histogram.h"

#include <string.h>

static double upper_end(unsigned index) {
  if (index < HISTOGRAM_STEPS) return index + 1;
  unsigned shift = index / HISTOGRAM_STEPS - 1;
  return (double)((uint64_t)(HISTOGRAM_STEPS + index % HISTOGRAM_STEPS + 1) << shift);
}

double histogram_quantile(const struct histogram *h, double share) {
  if (h->count == 0) return 0;
  double max = (double)h->max_ns / 1000;
  uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += h->buckets[i];
    if (seen > wanted) return upper_end(i) < max ? upper_end(i) : max;
  }
  return max;
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
  if (from->count == 0) return;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) into->buckets[i] += from->buckets[i];
  into->count += from->count;
  into->sum_ns += from->sum_ns;
  if (from->max_ns > into->max_ns) into->max_ns = from->max_ns;
}

void histogram_clear(struct histogram *h) { memset(h, 0, sizeof *h); }
