// The operation that reads the figures.
#include "control.h"
#include "receiver.h"
#include "sender.h"

#include <string.h>
#include <sys/resource.h>

struct report {
  struct text *out;
  bool first, reset;
  struct {
    uint64_t senders, sent, sent_bytes, retransmitted, frames, key_frames, received, received_bytes, missing,
        duplicates, reordered, recovered, stamped, stamp_missing, unknown, auth_failures;
  } sum;
  struct histogram *latency;
};

static void add_count(struct text *out, const char *name, uint64_t value) {
  text_add(out, "\"%s\":%llu,", name, (unsigned long long)value);
}

static void add_us(struct text *out, const char *name, nanos since, nanos at) {
  if (at == 0) text_add(out, "\"%s\":null,", name);
  else text_add(out, "\"%s\":%.1f,", name, (double)(at - since) / 1000);
}

static void add_histogram(struct text *out, const char *name, const struct histogram *h) {
  text_add(out,
           "\"%s\":{\"count\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,"
           "\"max\":%.1f}",
           name, (unsigned long long)h->count, h->count ? (double)h->sum_ns / 1000 / (double)h->count : 0,
           histogram_quantile(h, 0.5), histogram_quantile(h, 0.9), histogram_quantile(h, 0.99),
           histogram_quantile(h, 0.999), (double)h->max_ns / 1000);
}

static void begin_member(struct report *report, const char *name) {
  text_add(report->out, "%s", report->first ? "" : ",");
  report->first = false;
  text_string(report->out, name);
  text_add(report->out, ":{");
}

static void sum_sender(void *object, void *arg) {
  struct sender *s = object;
  struct report *r = arg;
  r->sum.sent += s->packets;
  r->sum.sent_bytes += s->bytes;
  r->sum.retransmitted += s->retransmitted;
  r->sum.frames += s->frames;
  r->sum.key_frames += s->key_frames;
}

static void sum_receiver(void *object, void *arg) {
  struct receiver *from = object;
  struct report *r = arg;
  r->sum.received += from->unique;
  r->sum.received_bytes += from->bytes;
  r->sum.missing += receiver_missing(from);
  r->sum.duplicates += from->duplicates;
  r->sum.reordered += from->reordered;
  r->sum.recovered += from->recovered;
  r->sum.stamped += from->stamped;
  r->sum.stamp_missing += receiver_stamps_missing(from);
  histogram_merge(r->latency, &from->latency);
}

static void sum_transport(void *object, void *arg) {
  struct transport *t = object;
  struct report *r = arg;
  r->sum.unknown += t->unknown;
  r->sum.auth_failures += t->auth_failures;
}

static void detail_sender(void *object, void *arg) {
  struct sender *s = object;
  struct report *report = arg;
  struct text *out = report->out;
  begin_member(report, s->name);
  add_count(out, "packets", s->packets);
  add_count(out, "bytes", s->bytes);
  add_count(out, "frames", s->frames);
  add_count(out, "keyFrames", s->key_frames);
  add_count(out, "keyFrameRequests", s->key_requests);
  add_count(out, "nacked", s->nacked);
  add_count(out, "retransmitted", s->retransmitted);
  text_add(out, "\"stream\":%u}", s->stamp_stream);
}

static void detail_receiver(void *object, void *arg) {
  struct receiver *r = object;
  struct report *report = arg;
  struct text *out = report->out;
  begin_member(report, r->name);
  add_count(out, "packets", r->unique);
  add_count(out, "bytes", r->bytes);
  add_count(out, "missing", receiver_missing(r));
  add_count(out, "duplicates", r->duplicates);
  add_count(out, "reordered", r->reordered);
  add_count(out, "recovered", r->recovered);
  add_count(out, "stamped", r->stamped);
  add_count(out, "stampMissing", receiver_stamps_missing(r));
  if (r->now.used) add_count(out, "stream", r->now.stream);
  else text_add(out, "\"stream\":null,");
  add_count(out, "switches", r->switches);
  add_count(out, "frames", r->frames);
  add_count(out, "keyFrames", r->key_frames);
  add_count(out, "keyFrameBytes", r->key_frame_bytes);
  add_count(out, "freezes", r->freezes);
  text_add(out, "\"longestGapUs\":%.1f,", (double)r->longest_gap / 1000);
  add_us(out, "firstPacketUs", r->opened_at, r->first_packet_at);
  add_us(out, "firstKeyFrameUs", r->opened_at, r->first_key_at);
  text_add(out, "\"jitter\":{\"last\":%.1f,\"max\":%.1f},", r->jitter / 1000, r->jitter_max / 1000);
  add_histogram(out, "latency", &r->latency);
  text_add(out, "}");
}

static void detail_transport(void *object, void *arg) {
  struct transport *t = object;
  struct report *report = arg;
  struct text *out = report->out;
  begin_member(report, t->name);
  text_add(out, "\"state\":\"%s\",", transport_state_name(t->state));
  text_add(out, "\"rttUs\":%.1f,", (double)t->rtt / 1000);
  add_count(out, "consents", t->consents);
  add_count(out, "unknown", t->unknown);
  add_count(out, "authFailures", t->auth_failures);
  add_count(out, "rtcpReceived", t->rtcp_received);
  add_count(out, "rtcpSent", t->rtcp_sent);
  add_count(out, "nacksSent", t->nacks_sent);
  text_add(out, "\"dropped\":%llu}", (unsigned long long)t->dropped);
}

static void reset_receiver(void *object, void *arg) {
  struct receiver *r = object;
  (void)arg;
  histogram_clear(&r->latency);
  r->jitter_max = r->jitter;
  r->longest_gap = 0;
}

// A receiver as an array, for programs that read all of them often.
static void flow_receiver(void *object, void *arg) {
  struct receiver *r = object;
  struct report *report = arg;
  struct text *out = report->out;
  text_add(out, "%s", report->first ? "" : ",");
  report->first = false;
  text_string(out, r->name);
  text_add(out, ":[%llu,%llu,%llu,%llu,%llu,%llu,", (unsigned long long)r->unique,
           (unsigned long long)r->bytes, (unsigned long long)receiver_missing(r),
           (unsigned long long)r->frames, (unsigned long long)r->key_frames, (unsigned long long)r->freezes);
  if (r->first_packet_at == 0) text_add(out, "null,");
  else text_add(out, "%.1f,", (double)(r->first_packet_at - r->opened_at) / 1000);
  text_add(out, "%.1f,[", r->jitter / 1000);
  bool first = true;
  for (unsigned i = 0; report->reset && i < HISTOGRAM_BUCKETS; i++) {
    if (r->latency.buckets[i] == 0) continue;
    text_add(out, "%s[%u,%u]", first ? "" : ",", i, r->latency.buckets[i]);
    first = false;
  }
  text_add(out, "]]");
  if (report->reset) histogram_clear(&r->latency);
}

// What receivers that closed since the last reading had come to, so that their last packets are counted too.
static struct text closed;
#define MOST_CLOSED (4u << 20)

void stats_keep_receiver(struct receiver *r) {
  struct report report = {.out = &closed, .reset = true, .first = closed.len == 0};
  // Nobody reads.
  if (closed.len < MOST_CLOSED) flow_receiver(r, &report);
}

static void add_totals(struct report *r) {
  struct text *out = r->out;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  text_add(out, ",\"totals\":{");
  add_count(out, "transports", transports.count);
  add_count(out, "senders", senders.count);
  add_count(out, "receivers", receivers.count);
  add_count(out, "sent", r->sum.sent);
  add_count(out, "sentBytes", r->sum.sent_bytes);
  add_count(out, "frames", r->sum.frames);
  add_count(out, "keyFrames", r->sum.key_frames);
  add_count(out, "retransmitted", r->sum.retransmitted);
  add_count(out, "received", r->sum.received);
  add_count(out, "receivedBytes", r->sum.received_bytes);
  add_count(out, "missing", r->sum.missing);
  add_count(out, "duplicates", r->sum.duplicates);
  add_count(out, "reordered", r->sum.reordered);
  add_count(out, "recovered", r->sum.recovered);
  add_count(out, "stamped", r->sum.stamped);
  add_count(out, "stampMissing", r->sum.stamp_missing);
  add_count(out, "unknown", r->sum.unknown);
  add_count(out, "authFailures", r->sum.auth_failures);
  add_count(out, "datagramsSent", wire_counts.sent);
  add_count(out, "datagramsReceived", wire_counts.received);
  add_count(out, "sendCalls", wire_counts.send_calls);
  add_count(out, "receiveCalls", wire_counts.receive_calls);
  add_count(out, "sendErrors", wire_counts.send_errors);
  add_count(out, "cpuUserUs", (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec);
  add_count(out, "cpuSystemUs", (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec);
  add_count(out, "nowNs", now_ns());
  add_histogram(out, "latency", r->latency);
  text_add(out, ",");
  add_histogram(out, "lateness", &lateness);
  text_add(out, "}");
}

static void add_detail(struct report *r, const char *name, struct names *names,
                       void (*detail)(void *, void *)) {
  text_add(r->out, ",\"%s\":{", name);
  r->first = true;
  names_each(names, detail, r);
  text_add(r->out, "}");
}

const char *op_stats(const struct json *request, struct text *out) {
  static struct histogram latency;
  struct report report = {.out = out, .latency = &latency};
  histogram_clear(&latency);
  names_each(&senders, sum_sender, &report);
  names_each(&receivers, sum_receiver, &report);
  names_each(&transports, sum_transport, &report);
  add_totals(&report);
  if (json_bool(request, "detail", false)) {
    add_detail(&report, "senders", &senders, detail_sender);
    add_detail(&report, "receivers", &receivers, detail_receiver);
    add_detail(&report, "transports", &transports, detail_transport);
  }
  if (json_bool(request, "reset", false)) {
    names_each(&receivers, reset_receiver, NULL);
    histogram_clear(&lateness);
  }
  return NULL;
}

const char *op_flows(const struct json *request, struct text *out) {
  struct report report = {.out = out, .reset = json_bool(request, "reset", false)};
  names_each(&senders, sum_sender, &report);
  text_add(out, ",\"sent\":%llu,\"sentBytes\":%llu,\"lateness\":%.1f,\"flows\":{",
           (unsigned long long)report.sum.sent, (unsigned long long)report.sum.sent_bytes,
           histogram_quantile(&lateness, 0.99));
  report.first = true;
  names_each(&receivers, flow_receiver, &report);
  if (report.reset) {
    if (closed.len > 0) text_add(out, "%s%s", report.first ? "" : ",", closed.data);
    closed.len = 0;
    histogram_clear(&lateness);
  }
  text_add(out, "}");
  return NULL;
}
