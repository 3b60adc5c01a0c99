/* SPDX-License-Identifier: MIT */
/*
 * The prebuilt addon runs on glibc 2.28 and later, as Node 20 itself. These functions moved into
 * libc with new versions (2.34 and so on); asking for the old version finds them in either place.
 * build.mjs checks the result.
 */
#ifndef HMM_GLIBC_BASELINE_H
#define HMM_GLIBC_BASELINE_H

#if defined(__x86_64__) && defined(__GLIBC__)
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");
#endif

#endif
