// SPDX-License-Identifier: MIT
/*
 * Breakpoints in the files of the process, as perf(1) puts them there: into its own mappings only, and nobody ever runs
 * what is there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

static struct {
	uint32_t uprobe; /* 0: free */
	int fd;
} uprobes[AGENT_MAX_UPROBES];

static int find(uint32_t uprobe)
{
	for (unsigned int i = 0; i < AGENT_MAX_UPROBES; i++) {
		if (uprobes[i].uprobe == uprobe)
			return (int)i;
	}
	return -1;
}

int uprobe_register(uint32_t uprobe, uint32_t file, uint64_t offset)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .config2 = offset };
	int64_t type = setting_read("/sys/bus/event_source/devices/uprobe/type");
	int slot = find(0), fd = file_fd(file);
	char path[32];

	if (type < 0 || fd < 0)
		return type < 0 ? (int)type : fd;
	if (uprobe == 0)
		return -EINVAL;
	if (find(uprobe) >= 0)
		return -EEXIST;
	if (slot < 0)
		return -ENOSPC;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	attr.type = (uint32_t)type;
	attr.config1 = (uintptr_t)path;
	fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	uprobes[slot].uprobe = uprobe;
	uprobes[slot].fd = fd;
	return 0;
}

int uprobe_unregister(uint32_t uprobe)
{
	int slot = uprobe == 0 ? -1 : find(uprobe);

	if (slot < 0)
		return -ENOENT;
	uprobes[slot].uprobe = 0;
	return close(uprobes[slot].fd) == 0 ? 0 : -errno;
}

void uprobes_forget(void)
{
	for (unsigned int i = 0; i < AGENT_MAX_UPROBES; i++) {
		if (uprobes[i].uprobe == 0)
			continue;
		uprobes[i].uprobe = 0;
		close(uprobes[i].fd);
	}
}
