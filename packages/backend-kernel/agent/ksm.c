// SPDX-License-Identifier: MIT
/*
 * Lets ksmd merge pages of the process, and stops it again. The first scan notes what a page contains, the
 * second believes it if it is the same, and merges; one may be under way already.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "agent.h"

#define KSM "/sys/kernel/mm/ksm/"
#define SCANS 4
#define LIMIT_S 60u

static struct setting settings[] = {
	{ .path = KSM "pages_to_scan", .wanted = "1000000" },
	{ .path = KSM "sleep_millisecs", .wanted = "1" },
	/* Pages that stayed alone are looked at each time (Linux 6.7). */
	{ .path = KSM "smart_scan", .wanted = "0", .optional = true },
	{ .path = KSM "run", .wanted = "1" }, /* the last: everything else is set then */
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int wait_for_scans(void)
{
	int64_t first = setting_read(KSM "full_scans"), now = first;
	struct timespec deadline = deadline_in(LIMIT_S);

	while (now >= 0 && now < first + SCANS) {
		if (!wait_a_moment(&deadline))
			return -EBUSY;
		now = setting_read(KSM "full_scans");
	}
	return now < 0 ? (int)now : 0;
}

/* ksmd sleeps while no process has given it anything: a page of the agent itself will do. */
static void *give_a_page(void)
{
	void *page = mmap(NULL, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED)
		madvise(page, page_size(), MADV_MERGEABLE);
	return page;
}

int ksm_merge(const struct range_request *request)
{
	unsigned int changed = 0;
	int result = 0;
	void *page;

	if (!in_window(request->address, request->length))
		return -EINVAL;
	if (madvise((void *)(uintptr_t)request->address, request->length, MADV_MERGEABLE) != 0)
		return -errno;
	page = give_a_page();
	while (result == 0 && changed < SETTINGS)
		result = setting_change(&settings[changed++]);
	if (result == 0)
		result = wait_for_scans();
	while (changed > 0)
		setting_restore(&settings[--changed]);
	if (page != MAP_FAILED)
		munmap(page, page_size());
	return result;
}
