/* Compares arm/memory.c with the obvious loops, for every alignment and many lengths.
   Built and run by scripts/test-arm. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 400, LONGEST = 300, EDGE = 8 };
static unsigned char source[ROOM], target[ROOM], expected[ROOM];

static void fail(const char *what, size_t to, size_t from, size_t length) {
  printf("%s is wrong: to +%zu, from +%zu, %zu bytes\n", what, to, from, length);
  exit(1);
}

static void fresh(void) {
  for (size_t i = 0; i < ROOM; i++) {
    source[i] = (unsigned char)(i * 37 + 11);
    target[i] = expected[i] = (unsigned char)(i * 91 + 5);
  }
}

static int differs(void) {
  for (size_t i = 0; i < ROOM; i++)
    if (target[i] != expected[i]) return 1;
  return 0;
}

static void copy(size_t to, size_t from, size_t length) {
  fresh();
  for (size_t i = 0; i < length; i++) expected[to + i] = source[from + i];
  if (memcpy(target + to, source + from, length) != target + to || differs())
    fail("memcpy", to, from, length);
}

static void set(size_t to, size_t length) {
  fresh();
  for (size_t i = 0; i < length; i++) expected[to + i] = 0xa5;
  if (memset(target + to, 0x12a5, length) != target + to || differs())
    fail("memset", to, 0, length);
}

static void clear(size_t length) {
  unsigned char *used = malloc(length);
  if (used) memset(used, 0xff, length);
  free(used);
  unsigned char *memory = calloc(length, 3);
  if (length && !memory) fail("calloc", 0, 0, length);
  for (size_t i = 0; i < 3 * length; i++)
    if (memory[i]) fail("calloc", 0, 0, length);
  free(memory);
}

int main(void) {
  volatile size_t huge = SIZE_MAX / 2;
  for (size_t length = 0; length <= LONGEST; length++) {
    for (size_t to = 0; to < EDGE; to++) {
      for (size_t from = 0; from < EDGE; from++) copy(to, from, length);
      set(to, length);
    }
    clear(length);
  }
  if (calloc(huge, 3)) fail("calloc", 0, 0, huge);
  puts("memcpy, memset and calloc: ok");
  return 0;
}
