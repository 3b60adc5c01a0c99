// SPDX-License-Identifier: MIT
/* What one ioctl costs from C: nanoseconds, for ioctl-cost.mjs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

int main(int argc, char **argv)
{
	long runs = argc > 1 ? atol(argv[1]) : 1000000;
	int fd = open("/dev/null", O_RDWR), value;
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long i = 0; i < runs; i++)
		ioctl(fd, FIONREAD, &value);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.1f\n",
	       ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
		       (double)runs);
	return 0;
}
