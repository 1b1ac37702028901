#include "twcc.h"

#include <string.h>

// Units of the format: of differences, and of the time that they begin from.
#define TICK (250 * US)
#define REFERENCE (64 * MS)
#define HEADER 20
#define SYMBOLS_PER_CHUNK 7
// What one more symbol may need: a chunk, a difference of two bytes, and padding.
#define SYMBOL_ROOM 8

int twcc_sequence(const uint8_t *packet, size_t len, uint8_t id) {
  size_t at = 12 + 4 * (size_t)(packet[0] & 15);
  if (!(packet[0] & 0x10) || at + 4 > len || get16(packet + at) != 0xbede) return -1;
  size_t end = at + 4 + 4 * (size_t)get16(packet + at + 2);
  if (end > len) return -1;
  for (at += 4; at < end;) {
    if (packet[at] == 0) {
      at++;
      continue;
    }
    size_t size = (packet[at] & 15) + 1u;
    if (packet[at] >> 4 == id) return size == 2 && at + 3 <= end ? get16(packet + at + 1) : -1;
    at += 1 + size;
  }
  return -1;
}

static nanos *arrival(struct twcc *twcc, uint16_t seq) { return &twcc->arrived[seq % TWCC_WINDOW]; }

void twcc_note(struct twcc *twcc, uint16_t seq, nanos at) {
  int ahead = (int16_t)(seq - twcc->end);
  if (!twcc->started || ahead >= TWCC_WINDOW) {
    // The first one, or the far end began anew: nothing can be said of what is between.
    memset(twcc->arrived, 0, sizeof twcc->arrived);
    twcc->started = true;
    twcc->begin = twcc->end = seq;
    ahead = 0;
  }
  if (ahead >= 0) {
    for (uint16_t missing = twcc->end; missing != seq; missing++) *arrival(twcc, missing) = 0;
    twcc->end = (uint16_t)(seq + 1);
  } else if (-ahead > TWCC_WINDOW || *arrival(twcc, seq) != 0) {
    return;
  }
  *arrival(twcc, seq) = at;
  // One that comes late is reported after all, and what follows it once more.
  if ((int16_t)(seq - twcc->begin) < 0) twcc->begin = seq;
  if (twcc_due(twcc) > TWCC_WINDOW) twcc->begin = (uint16_t)(twcc->end - TWCC_WINDOW);
}

unsigned twcc_due(const struct twcc *twcc) { return (uint16_t)(twcc->end - twcc->begin); }

size_t twcc_write(struct twcc *twcc, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t *out, size_t room) {
  uint8_t differences[TWCC_WINDOW * 2];
  uint16_t seq = twcc->begin;
  while (seq != twcc->end && *arrival(twcc, seq) == 0) seq++;
  if (seq == twcc->end) return 0;
  nanos reference = *arrival(twcc, seq) / REFERENCE * REFERENCE, last = reference;
  size_t at = HEADER, differences_len = 0;
  unsigned symbols = 0, chunk = 0;
  for (seq = twcc->begin; seq != twcc->end && at + differences_len + SYMBOL_ROOM <= room; seq++) {
    unsigned symbol = 0;
    if (*arrival(twcc, seq) != 0) {
      int64_t ticks = ((int64_t)*arrival(twcc, seq) - (int64_t)last) / (int64_t)TICK;
      // Too long a pause for two bytes: the next report begins from a time of its own.
      if (ticks < INT16_MIN || ticks > INT16_MAX) break;
      symbol = ticks >= 0 && ticks <= UINT8_MAX ? 1 : 2;
      if (symbol == 2) differences[differences_len++] = (uint8_t)(ticks >> 8);
      differences[differences_len++] = (uint8_t)ticks;
      last += (nanos)(ticks * (int64_t)TICK);
    }
    // A status vector chunk of symbols of two bits.
    chunk |= symbol << (2 * (SYMBOLS_PER_CHUNK - 1 - symbols % SYMBOLS_PER_CHUNK));
    if (++symbols % SYMBOLS_PER_CHUNK != 0) continue;
    put16(out + at, 0xc000 | chunk);
    at += 2;
    chunk = 0;
  }
  if (symbols % SYMBOLS_PER_CHUNK != 0) {
    put16(out + at, 0xc000 | chunk);
    at += 2;
  }
  memcpy(out + at, differences, differences_len);
  at += differences_len;
  size_t padding = (4 - at % 4) % 4;
  memset(out + at, 0, padding);
  at += padding;
  if (padding > 0) out[at - 1] = (uint8_t)padding;
  out[0] = (uint8_t)(0x80 | (padding > 0 ? 0x20 : 0) | 15);
  out[1] = 205;
  put16(out + 2, (uint32_t)(at / 4 - 1));
  put32(out + 4, sender_ssrc);
  put32(out + 8, media_ssrc);
  put16(out + 12, twcc->begin);
  put16(out + 14, symbols);
  put32(out + 16, (uint32_t)(reference / REFERENCE) << 8 | twcc->reports++);
  twcc->begin = seq;
  return at;
}
