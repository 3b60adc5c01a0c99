// SPDX-License-Identifier: MIT
/*
 * System calls on the address space of a process.
 *
 * Mappings without an address are placed by the agent, not by the kernel: upwards through the
 * arena, never twice at the same place, each followed by an unmapped page. So the same commands
 * give the same addresses in every run, and an access beyond a mapping faults.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/mman.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent.h"

#define HUGE_PAGE (2ull << 20)
#define GIGANTIC_PAGE (1ull << 30)
#define PLACEMENTS 4096

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

static uint64_t next_address = ARENA_START;

uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

void memory_init(void)
{
	uint64_t page = page_size();
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;

	/* The arena's ends: nothing grows into it or out of it unnoticed. */
	mmap(pointer(ARENA_START - page), page, PROT_NONE, flags, -1, 0);
	mmap(pointer(ARENA_END), page, PROT_NONE, flags, -1, 0);
}

/*
 * A free place for `length` bytes, aligned for huge pages if one fits, and for gigantic ones if it is
 * a number of those; 0 if the arena is used up.
 */
static uint64_t place(uint64_t length)
{
	uint64_t align = length % GIGANTIC_PAGE == 0 ? GIGANTIC_PAGE :
			 length >= HUGE_PAGE	     ? HUGE_PAGE :
						       page_size();
	uint64_t start = (next_address + align - 1) & ~(align - 1);

	if (start >= ARENA_END || length > ARENA_END - start)
		return 0;
	next_address = start + length + page_size();
	return start;
}

static uint64_t whole_pages(uint64_t length)
{
	return (length + page_size() - 1) & ~(page_size() - 1);
}

static int map_at(uint64_t at, const struct mmap_request *request, int flags, int fd)
{
	void *mapped = mmap(pointer(at), request->length, (int)request->protection, flags, fd,
			    (off_t)request->file_offset);

	if (mapped == MAP_FAILED)
		return -errno;
	if (mapped != pointer(at)) { /* a kernel without MAP_FIXED_NOREPLACE */
		munmap(mapped, request->length);
		return -EEXIST;
	}
	return 0;
}

int memory_mmap(const struct mmap_request *request, int fd, uint64_t *address)
{
	int flags = request->flags & MMAP_SHARED ? MAP_SHARED : MAP_PRIVATE;

	if (request->length == 0 || request->protection & ~(PROT_READ | PROT_WRITE | PROT_EXEC) ||
	    request->flags & ~(MMAP_SHARED | MMAP_FIXED | MMAP_POPULATE | MMAP_DRIVER |
			     MMAP_GROWS_DOWN) ||
	    request->huge > MAP_HUGE_MASK)
		return -EINVAL;
	if (request->flags & MMAP_DRIVER) {
		if (fd >= 0 || !options.bind)
			return -EINVAL;
		fd = CONTEXT_FD;
	}
	if (fd < 0)
		flags |= MAP_ANONYMOUS;
	if (request->huge != 0)
		flags |= MAP_HUGETLB | (int)(request->huge << MAP_HUGE_SHIFT);
	if (request->flags & MMAP_GROWS_DOWN)
		flags |= MAP_GROWSDOWN;
	if (request->flags & MMAP_POPULATE)
		flags |= MAP_POPULATE;
	if (request->flags & MMAP_FIXED) {
		if (!in_window(request->address, request->length))
			return -EINVAL;
		*address = request->address;
		return map_at(request->address, request, flags | MAP_FIXED, fd);
	}
	for (int i = 0; i < PLACEMENTS; i++) {
		uint64_t at = place(whole_pages(request->length));
		int result;

		if (at == 0)
			return -ENOMEM;
		result = map_at(at, request, flags | MAP_FIXED_NOREPLACE, fd);
		if (result != -EEXIST) {
			*address = at;
			return result;
		}
	}
	return -ENOMEM;
}

int memory_munmap(const struct range_request *request)
{
	if (!in_window(request->address, request->length))
		return -EINVAL;
	return munmap(pointer(request->address), request->length) == 0 ? 0 : -errno;
}

int memory_mprotect(const struct range_request *request)
{
	if (!in_window(request->address, request->length))
		return -EINVAL;
	return mprotect(pointer(request->address), request->length, (int)request->value) == 0 ?
		       0 :
		       -errno;
}

int memory_mlock(const struct range_request *request)
{
	if (!in_window(request->address, request->length) || request->value > 1)
		return -EINVAL;
	if (request->value == 1)
		return mlock(pointer(request->address), request->length) == 0 ? 0 : -errno;
	return munlock(pointer(request->address), request->length) == 0 ? 0 : -errno;
}

static int remap(const struct mremap_request *request, int flags, uint64_t target,
		 uint64_t *address)
{
	void *moved = mremap(pointer(request->address), request->length, request->new_length,
			     flags, pointer(target));

	if (moved == MAP_FAILED)
		return -errno;
	*address = (uint64_t)(uintptr_t)moved;
	return 0;
}

/* A free place, taken by a mapping without access that MREMAP_FIXED replaces. */
static uint64_t reserve(uint64_t length)
{
	struct mmap_request request = { .length = length, .protection = PROT_NONE };
	uint64_t address;

	return memory_mmap(&request, -1, &address) == 0 ? address : 0;
}

int memory_mremap(const struct mremap_request *request, uint64_t *address)
{
	int flags = 0, result;
	uint64_t end, target;

	if (!in_window(request->address, request->length) || request->padding != 0 ||
	    request->new_length > WINDOW_END - WINDOW_START)
		return -EINVAL;
	if (request->flags & MREMAP_REQUEST_MAY_MOVE)
		flags |= MREMAP_MAYMOVE;
	if (request->flags & MREMAP_REQUEST_DONT_UNMAP)
		flags |= MREMAP_DONTUNMAP;
	if (request->flags & MREMAP_REQUEST_FIXED) {
		if (!in_window(request->target, request->new_length))
			return -EINVAL;
		return remap(request, flags | MREMAP_FIXED, request->target, address);
	}
	if ((flags & MREMAP_DONTUNMAP) == 0) {
		/* In place if that works; the kernel would choose a place outside the arena. */
		result = remap(request, 0, 0, address);
		if (result == 0) {
			end = *address + whole_pages(request->new_length) + page_size();
			if (end > next_address && *address >= ARENA_START && end <= ARENA_END)
				next_address = end;
			return 0;
		}
		if (result != -ENOMEM || (flags & MREMAP_MAYMOVE) == 0)
			return result;
	} else if ((flags & MREMAP_MAYMOVE) == 0) {
		return remap(request, flags, 0, address);
	}
	target = reserve(whole_pages(request->new_length));
	if (target == 0)
		return -ENOMEM;
	result = remap(request, flags | MREMAP_FIXED, target, address);
	if (result != 0)
		munmap(pointer(target), request->new_length);
	return result;
}

static const int advices[] = {
	MADV_DONTNEED, MADV_FREE,   MADV_REMOVE,   MADV_COLD,	  MADV_PAGEOUT, MADV_WILLNEED,
	MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE, MADV_DONTFORK, MADV_DOFORK,
	MADV_GUARD_INSTALL, MADV_GUARD_REMOVE, MADV_HWPOISON, MADV_SOFT_OFFLINE,
	MADV_DONTNEED_LOCKED,
};

/*
 * A page that was touched a moment ago waits in a list of the processor that touched it, and cannot be
 * reclaimed, nor taken by MADV_FREE, until that processor has emptied its list; what MADV_FREE took waits in
 * another one. The kernel empties the lists of the processor that asks for advice of this kind; so every
 * processor asks, for nothing.
 */
static void empty_lists(void)
{
	cpu_set_t all, one;
	void *nothing;
	int cpu;

	if (sched_getaffinity(0, sizeof(all), &all) != 0 || CPU_COUNT(&all) == 1)
		return;
	nothing = mmap(NULL, page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nothing == MAP_FAILED)
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) == 0)
			madvise(nothing, page_size(), MADV_COLD);
	}
	sched_setaffinity(0, sizeof(all), &all);
	munmap(nothing, page_size());
}

int memory_madvise(const struct range_request *request)
{
	if (!in_window(request->address, request->length) ||
	    request->value >= sizeof(advices) / sizeof(advices[0]))
		return -EINVAL;
	if (advices[request->value] == MADV_PAGEOUT || advices[request->value] == MADV_FREE)
		empty_lists();
	return access_madvise(request->address, request->length, advices[request->value]);
}
