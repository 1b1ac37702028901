#include "stream.h"

#include <stdlib.h>

static uint32_t slot_of(const struct stream_table *table, uint32_t ssrc) {
  uint32_t slot = ssrc * 2654435769u >> 7;
  for (;; slot++) {
    slot &= table->room - 1;
    if (!table->entries[slot].used || table->entries[slot].ssrc == ssrc) return slot;
  }
}

struct stream *stream_find(struct stream_table *table, uint32_t ssrc) {
  if (table->room == 0) return NULL;
  struct stream *found = &table->entries[slot_of(table, ssrc)];
  return found->used ? found : NULL;
}

struct stream *stream_add(struct stream_table *table, uint32_t ssrc) {
  if (table->count * 2 >= table->room) {
    struct stream_table grown = {.room = table->room ? table->room * 2 : 8};
    grown.entries = make(grown.room, sizeof *grown.entries);
    for (uint32_t i = 0; i < table->room; i++) {
      if (table->entries[i].used) grown.entries[slot_of(&grown, table->entries[i].ssrc)] = table->entries[i];
    }
    grown.count = table->count;
    free(table->entries);
    *table = grown;
  }
  struct stream *entry = &table->entries[slot_of(table, ssrc)];
  if (!entry->used) {
    table->count++;
    entry->used = true;
    entry->ssrc = ssrc;
  }
  return entry;
}

void stream_free(struct stream_table *table) {
  free(table->entries);
  *table = (struct stream_table){0};
}
