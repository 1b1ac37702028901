// Writes transport-wide feedback for arrivals that are told on stdin, for tests: a line "SEQUENCE MICROSECONDS" is
// an arrival, and a line "report" prints each report that is due, in hexadecimal.
#include "twcc.h"

#include <stdio.h>
#include <string.h>

int main(void) {
  static struct twcc twcc;
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    unsigned seq;
    unsigned long long us;
    if (strcmp(line, "report\n") != 0) {
      if (sscanf(line, "%u %llu", &seq, &us) == 2) twcc_note(&twcc, (uint16_t)seq, us * US);
      continue;
    }
    uint8_t packet[MAX_DATAGRAM];
    size_t len;
    while ((len = twcc_write(&twcc, 1, 2, packet, sizeof packet)) > 0) {
      for (size_t i = 0; i < len; i++) printf("%02x", packet[i]);
      printf("\n");
    }
  }
  return 0;
}
