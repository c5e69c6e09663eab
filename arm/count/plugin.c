/* A QEMU plugin that counts guest instructions by ranges of addresses, and system
   calls by number.

   Arguments: map=FILE with lines "first-address behind-last-address", hexadecimal,
   ascending; and control=FD, a socket. For each byte that arrives there the counts are
   written back: lines "range COUNT" in the map's order, "rest COUNT", "call NUMBER
   COUNT" and "end". Built against version 1 of the plugin interface (QEMU 4.2 to 8.2),
   whose few functions are declared here: Debian 12 has no package with its header. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define ADD_U64 0

struct tb;
struct insn;
typedef void tb_translated(uint64_t id, struct tb *tb);
typedef void system_call(uint64_t id, unsigned cpu, int64_t number, uint64_t, uint64_t,
                         uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_translated *callback);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, system_call *callback);
size_t qemu_plugin_tb_n_insns(const struct tb *tb);
struct insn *qemu_plugin_tb_get_insn(const struct tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct insn *insn);
void qemu_plugin_register_vcpu_tb_exec_inline(struct tb *tb, int operation, void *counter,
                                              uint64_t amount);
EXPORT int qemu_plugin_version = 1;

#define CALLS 512
static struct range { uint64_t first, behind, count; } *ranges;
static size_t range_count;
static uint64_t rest;
static uint64_t calls[CALLS];

static uint64_t *counter_of(uint64_t address) {
  size_t low = 0, high = range_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (address < ranges[middle].first) high = middle;
    else if (address >= ranges[middle].behind) low = middle + 1;
    else return &ranges[middle].count;
  }
  return &rest;
}

/* One addition per block and range, not per instruction: the load must keep real time. */
static void on_translated(uint64_t id, struct tb *tb) {
  size_t total = qemu_plugin_tb_n_insns(tb), run = 0;
  uint64_t *current = NULL;
  (void)id;
  for (size_t i = 0; i <= total; i++) {
    uint64_t *next = NULL;
    if (i < total) next = counter_of(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, i)));
    if (next != current) {
      if (current) qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, current, run);
      current = next;
      run = 0;
    }
    run++;
  }
}

static void on_call(uint64_t id, unsigned cpu, int64_t number, uint64_t a, uint64_t b,
                    uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  (void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
  if (number >= 0 && number < CALLS) calls[number]++;
}

static void report(FILE *to) {
  for (size_t i = 0; i < range_count; i++) fprintf(to, "range %" PRIu64 "\n", ranges[i].count);
  fprintf(to, "rest %" PRIu64 "\n", rest);
  for (int i = 0; i < CALLS; i++)
    if (calls[i]) fprintf(to, "call %d %" PRIu64 "\n", i, calls[i]);
  fprintf(to, "end\n");
  fflush(to);
}

static void *serve(void *argument) {
  int control = *(int *)argument;
  FILE *to = fdopen(control, "w");
  char byte;
  while (to && read(control, &byte, 1) == 1) report(to);
  return NULL;
}

static int read_map(const char *path) {
  FILE *map = fopen(path, "r");
  struct range range = {0};
  size_t room = 0;
  if (!map) return perror(path), -1;
  while (fscanf(map, "%" SCNx64 " %" SCNx64, &range.first, &range.behind) == 2) {
    if (range_count == room) {
      room = room ? 2 * room : 4096;
      ranges = realloc(ranges, room * sizeof *ranges);
      if (!ranges) abort();
    }
    ranges[range_count++] = range;
  }
  return fclose(map);
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
  static int control = -1;
  pthread_t thread;
  sigset_t all, before;
  (void)info;
  for (int i = 0; i < argc; i++) {
    if (!strncmp(argv[i], "map=", 4) && read_map(argv[i] + 4)) return -1;
    if (!strncmp(argv[i], "control=", 8)) control = atoi(argv[i] + 8);
  }
  if (control < 0 || !ranges) return fprintf(stderr, "plugin: map or control missing\n"), -1;
  /* The guest's signals are not for this thread. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread, NULL, serve, &control);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
  qemu_plugin_register_vcpu_syscall_cb(id, on_call);
  return failed;
}
