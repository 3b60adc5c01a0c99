// SPDX-License-Identifier: MIT
/*
 * Lets the scheduler scan the process for NUMA balancing, and stops it again. It scans a thread that has used
 * the processor for a while; and takes the rights of private pages on the node where that thread runs only if
 * the address space has another user. So a thread of its own does the work, and the main one waits for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define LIMIT_S 60u
/* One may be under way; the next may leave out mappings that it meets for the first time. */
#define SCANS 3

static struct setting balancing = { .path = "/proc/sys/kernel/numa_balancing", .wanted = "1" };

/* How often the address space was scanned to its end; negative where the kernel does not say. */
static long scans(void)
{
	static const char name[] = "mm->numa_scan_seq";
	char text[8192] = { 0 };
	int fd = open("/proc/thread-self/sched", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	char *line;

	if (fd < 0)
		return -errno;
	while (length < sizeof(text) - 1) {
		ssize_t got = read(fd, text + length, sizeof(text) - 1 - length);

		if (got <= 0)
			break;
		length += (size_t)got;
	}
	close(fd);
	line = strstr(text, name);
	line = line == NULL ? NULL : strchr(line, ':');
	return line == NULL ? -ENOSYS : strtol(line + 1, NULL, 10);
}

/* Reading how far it is, is work as any other. */
static void *work(void *result)
{
	struct timespec deadline = deadline_in(LIMIT_S), now;
	long first = scans(), last = first;

	while (last >= 0 && last < first + SCANS) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > deadline.tv_sec) {
			last = -EBUSY;
			break;
		}
		last = scans();
	}
	*(int *)result = last < 0 ? (int)last : 0;
	return NULL;
}

int numa_scan(void)
{
	pthread_t thread;
	int result = setting_change(&balancing), worked = 0;

	if (result == 0)
		result = -pthread_create(&thread, NULL, work, &worked);
	if (result == 0) {
		pthread_join(thread, NULL);
		result = worked;
	}
	setting_restore(&balancing);
	return result;
}
