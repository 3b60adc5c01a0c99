// SPDX-License-Identifier: MIT
/* Settings of the kernel in files (sysfs, procfs): read, changed for a while, put back. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

/* What is there is a number at its beginning; -errno without one. */
int64_t setting_read(const char *path)
{
	char text[32] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	return got < 0 ? -errno : strtoll(text, NULL, 10);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int result = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		result = -errno;
	close(fd);
	return result;
}

int setting_change(struct setting *setting)
{
	int fd = open(setting->path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	setting->before[0] = '\0';
	if (fd < 0)
		return setting->optional && errno == ENOENT ? 0 : -errno;
	got = read(fd, setting->before, sizeof(setting->before) - 1);
	close(fd);
	if (got <= 0)
		return got < 0 ? -errno : -EIO;
	setting->before[got] = '\0';
	return write_text(setting->path, setting->wanted);
}

void setting_restore(const struct setting *setting)
{
	if (setting->before[0] != '\0')
		write_text(setting->path, setting->before);
}

/* Waits a millisecond; false when `deadline` has passed. */
bool wait_a_moment(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > deadline->tv_sec ||
	    (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec))
		return false;
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return true;
}

struct timespec deadline_in(unsigned int seconds)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += seconds;
	return deadline;
}
