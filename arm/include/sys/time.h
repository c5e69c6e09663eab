/* For bindgen only: what <linux/videodev2.h> takes from the C library.

   On 32-bit ARM `struct v4l2_buffer` has two layouts, with 32-bit and with 64-bit
   time, and VIDIOC_QBUF and VIDIOC_DQBUF a number for each. Which one a program gets
   depends on the C library whose headers it was built with (musl before 1.2: 32 bits).
   This file settles it: 64 bits, which every kernel since 5.6 takes, also one built
   without 32-bit time. src/io/camera/abi.rs asserts the outcome. */
#ifndef MIMAMORI_SYS_TIME_H
#define MIMAMORI_SYS_TIME_H

typedef long long time_t;
typedef long long suseconds_t;

struct timeval {
  time_t tv_sec;
  suseconds_t tv_usec;
};

struct timespec {
  time_t tv_sec;
  long tv_nsec;
};

#endif
