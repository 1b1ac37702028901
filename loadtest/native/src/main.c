// The generator's loop: timers, sockets, and the controller's requests, in one thread.
#include "control.h"
#include "transport.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS 256
#define LINE_MAX_BYTES (8 << 20)

static int poller;

void watch(struct transport *transport) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = transport};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, transport->fd, &event) < 0) die("epoll");
}

void wire_unwatch(int fd) { epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL); }

// Carries out the lines that are there. False at the end of input or of the program.
static bool read_requests(void) {
  static char *buffer;
  static size_t used, room;
  if (room - used < 65536) {
    room += 1 << 20;
    buffer = realloc(buffer, room);
    if (!buffer || room > LINE_MAX_BYTES) die("a request is too long");
  }
  ssize_t got = read(STDIN_FILENO, buffer + used, room - used - 1);
  if (got <= 0) return got < 0 && errno == EINTR;
  used += (size_t)got;
  char *start = buffer, *end;
  bool goes_on = true;
  while (goes_on && (end = memchr(start, '\n', used - (size_t)(start - buffer)))) {
    *end = 0;
    goes_on = control_line(start);
    start = end + 1;
  }
  used -= (size_t)(start - buffer);
  memmove(buffer, start, used);
  return goes_on;
}

// Waits for sockets until the next timer. With a tick, packets do not wake this program: it looks for them at
// each tick, so that the far end does not pay for waking it, as it would not pay for waking another machine.
static int wait_for_events(struct epoll_event *events, nanos tick) {
  nanos now = now_ns(), next = timers_next(), left = next > now ? next - now : 0;
  if (tick == 0) {
    struct timespec wait = {(time_t)(left / SEC), (long)(left % SEC)};
    return epoll_pwait2(poller, events, EVENTS, next == NEVER ? NULL : &wait, NULL);
  }
  nanos pause = left < tick ? left : tick;
  struct timespec wait = {(time_t)(pause / SEC), (long)(pause % SEC)};
  if (pause > 0) clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
  return epoll_wait(poller, events, EVENTS, 0);
}

static nanos read_tick(int argc, char **argv) {
  if (argc == 1) return 0;
  if (argc == 3 && strcmp(argv[1], "--tick-us") == 0) return (nanos)strtoul(argv[2], NULL, 10) * US;
  fprintf(stderr, "usage: generator [--tick-us MICROSECONDS]; see loadtest/native/README.md\n");
  exit(2);
}

int main(int argc, char **argv) {
  static struct epoll_event events[EVENTS];
  nanos tick = read_tick(argc, argv);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // Frames leave when they are due, not up to 50 µs later.
  prctl(PR_SET_TIMERSLACK, 1);
  signal(SIGPIPE, SIG_IGN);
  dtls_init();
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &input) < 0) die("epoll");
  control_ready();
  for (bool goes_on = true; goes_on;) {
    control_flush();
    int count = wait_for_events(events, tick);
    timers_run(now_ns());
    bool asked = false;
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr) transport_readable(events[i].data.ptr);
      else asked = true;
      // A long round of reading must not make frames late.
      if (i % 16 == 15) timers_run(now_ns());
    }
    // Last, since a request may close a transport that an event names.
    if (asked) goes_on = read_requests();
  }
  control_end();
  control_flush();
  return 0;
}
