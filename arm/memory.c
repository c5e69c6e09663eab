/* memcpy, memset and calloc for the Zero's core, linked in front of zig's C library:
   its own ones move four bytes in four instructions, and calloc clears byte by byte.
   These move 32 bytes in half a dozen. musl's own have that, too, so that a build with
   cross does without this file.

   Linux lets an ARMv6 read and write words at any address, but not several with one
   instruction: hence the two loops. */
#include <stddef.h>
#include <stdint.h>

typedef uint32_t __attribute__((may_alias)) word;
typedef uint32_t __attribute__((may_alias, aligned(1))) loose_word;
typedef struct { word words[8]; } __attribute__((may_alias)) block;

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  unsigned char *target = to;
  const unsigned char *source = from;
  if (length >= sizeof(block)) {
    for (; (uintptr_t)target % 4; length--) *target++ = *source++;
    if ((uintptr_t)source % 4 == 0) {
      for (; length >= sizeof(block); length -= sizeof(block)) {
        *(block *)target = *(const block *)source;
        target += sizeof(block), source += sizeof(block);
      }
    }
    for (; length >= 16; length -= 16, target += 16, source += 16) {
      word a = ((const loose_word *)source)[0], b = ((const loose_word *)source)[1];
      word c = ((const loose_word *)source)[2], d = ((const loose_word *)source)[3];
      ((word *)target)[0] = a, ((word *)target)[1] = b;
      ((word *)target)[2] = c, ((word *)target)[3] = d;
    }
  }
  for (; length >= 4; length -= 4, target += 4, source += 4)
    *(loose_word *)target = *(const loose_word *)source;
  while (length--) *target++ = *source++;
  return to;
}

void *memset(void *to, int value, size_t length) {
  unsigned char *target = to;
  word all = (unsigned char)value * 0x01010101u;
  if (length >= 4) {
    for (; (uintptr_t)target % 4; length--) *target++ = (unsigned char)value;
    for (; length >= sizeof(block); length -= sizeof(block), target += sizeof(block))
      *(block *)target = (block){{all, all, all, all, all, all, all, all}};
    for (; length >= 4; length -= 4, target += 4) *(word *)target = all;
  }
  while (length--) *target++ = (unsigned char)value;
  return to;
}

void *malloc(size_t size);

void *calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  void *memory = malloc(bytes);
  return memory ? memset(memory, 0, bytes) : NULL;
}
