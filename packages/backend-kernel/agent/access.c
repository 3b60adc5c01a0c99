// SPDX-License-Identifier: MIT
/*
 * CPU accesses of a process to its own memory. They are ordinary loads and stores, so that they
 * take page faults, break copy-on-write and raise events as any program does. SIGSEGV and SIGBUS
 * inside an access end it with EFAULT; anywhere else they are a bug of the agent and kill it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "agent.h"

static sigjmp_buf escape;
static volatile sig_atomic_t accessing;
static volatile sig_atomic_t breaking;

static void on_fault(int signal_number)
{
	if (accessing) {
		accessing = 0;
		siglongjmp(escape, 1);
	}
	if (!breaking)
		signal(signal_number, SIG_DFL);
}

void access_init(void)
{
	/* SA_NODEFER: the handler leaves by a jump that does not restore the mask. */
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static __attribute__((noinline)) void copy(void *to, const void *from, size_t length)
{
	memcpy(to, from, length);
	__asm__ volatile("" ::: "memory");
}

/*
 * Page by page, so that the pages of the process are touched in the order of their addresses:
 * memcpy() may begin with the last bytes. @place is on the process's side.
 */
static int guarded_copy(unsigned char *to, const unsigned char *from, size_t length, uint64_t place)
{
	size_t page = page_size(), done = 0;

	if (sigsetjmp(escape, 0) != 0)
		return -EFAULT;
	accessing = 1;
	while (done < length) {
		size_t part = page - (place + done) % page;

		if (part > length - done)
			part = length - done;
		copy(to + done, from + done, part);
		done += part;
	}
	accessing = 0;
	return 0;
}

int access_read(uint64_t address, void *to, uint64_t length)
{
	if (!in_window(address, length))
		return -EFAULT;
	return guarded_copy(to, (const void *)(uintptr_t)address, length, address);
}

int access_write(uint64_t address, const void *from, uint64_t length)
{
	if (!in_window(address, length))
		return -EFAULT;
	return guarded_copy((void *)(uintptr_t)address, from, length, address);
}

int access_madvise(uint64_t address, uint64_t length, int advice)
{
	int result;

	breaking = advice == MADV_HWPOISON;
	result = madvise((void *)(uintptr_t)address, length, advice) == 0 ? 0 : -errno;
	breaking = 0;
	return result;
}

int access_fetch_add(uint64_t address, uint32_t delta, uint32_t *before)
{
	if (!in_window(address, sizeof(uint32_t)))
		return -EFAULT;
	if (address % sizeof(uint32_t) != 0)
		return -EINVAL;
	if (sigsetjmp(escape, 0) != 0)
		return -EFAULT;
	accessing = 1;
	*before = __atomic_fetch_add((uint32_t *)(uintptr_t)address, delta, __ATOMIC_SEQ_CST);
	accessing = 0;
	return 0;
}

int access_compare_exchange(uint64_t address, uint32_t expected, uint32_t desired,
			    uint32_t *before)
{
	if (!in_window(address, sizeof(uint32_t)))
		return -EFAULT;
	if (address % sizeof(uint32_t) != 0)
		return -EINVAL;
	if (sigsetjmp(escape, 0) != 0)
		return -EFAULT;
	accessing = 1;
	*before = expected;
	__atomic_compare_exchange_n((uint32_t *)(uintptr_t)address, before, desired, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	accessing = 0;
	return 0;
}
