// SPDX-License-Identifier: MIT
/* PAGEMAP_SCAN: which pages were written since they were write-protected, and protects them again. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent.h"

#ifndef PAGEMAP_SCAN /* Linux 6.7 */
struct page_region {
	uint64_t start, end, categories;
};
struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#define PM_SCAN_WP_MATCHING 1
#define PAGE_IS_WRITTEN 2
#endif

#define REGIONS 512u

/* One call ends early when there are more regions than fit; the next goes on there. */
int pagemap_scan(uint64_t address, uint64_t pages, unsigned char *written)
{
	static struct page_region regions[REGIONS];
	uint64_t page = page_size(), end = address + pages * page;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), result = 0;

	if (fd < 0)
		return -errno;
	memset(written, 0, pages);
	for (uint64_t at = address; at < end && result == 0;) {
		struct pm_scan_arg scan = {
			.size = sizeof(scan),
			.flags = PM_SCAN_WP_MATCHING,
			.start = at,
			.end = end,
			.vec = (uintptr_t)regions,
			.vec_len = REGIONS,
			.category_mask = PAGE_IS_WRITTEN,
			.return_mask = PAGE_IS_WRITTEN,
		};
		int found = ioctl(fd, PAGEMAP_SCAN, &scan);

		if (found < 0)
			result = -errno;
		for (int i = 0; i < found; i++)
			memset(written + (regions[i].start - address) / page, 1,
			       (regions[i].end - regions[i].start) / page);
		if (result == 0 && scan.walk_end <= at)
			result = -EIO;
		at = scan.walk_end;
	}
	close(fd);
	return result;
}
