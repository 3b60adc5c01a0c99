// SPDX-License-Identifier: MIT
/* Which pages of the process were written since the last clearing: clear_refs and pagemap. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent.h"

#define PAGEMAP_SOFT_DIRTY (1ull << 55)
#define BATCH 512u

int soft_dirty_clear(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	int result = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "4", 1) != 1)
		result = -errno;
	close(fd);
	return result;
}

int soft_dirty_read(uint64_t address, uint64_t pages, unsigned char *dirty)
{
	static uint64_t entries[BATCH];
	uint64_t first = address / (uint64_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int result = 0;

	if (fd < 0)
		return -errno;
	for (uint64_t done = 0; done < pages;) {
		uint64_t wanted = pages - done < BATCH ? pages - done : BATCH;
		ssize_t got = pread(fd, entries, wanted * sizeof(entries[0]),
				    (off_t)((first + done) * sizeof(entries[0])));

		if (got < (ssize_t)sizeof(entries[0])) {
			result = got < 0 ? -errno : -EIO;
			break;
		}
		for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++)
			dirty[done + i] = (entries[i] & PAGEMAP_SOFT_DIRTY) != 0;
		done += (uint64_t)got / sizeof(entries[0]);
	}
	close(fd);
	return result;
}
