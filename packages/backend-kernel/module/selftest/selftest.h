/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the self-tests share: a child process that agrees to be mirrored and does what it is told,
 * and short forms of the requests.
 */
#ifndef HMM_SDK_SELFTEST_H
#define HMM_SDK_SELFTEST_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../uapi/hmm_sdk_uapi.h"

#define PAGE 4096UL

static int failures, checks;
static const char *current_test = "";

#define CHECK(what)                                                                        \
	do {                                                                               \
		checks++;                                                                  \
		if (!(what)) {                                                             \
			failures++;                                                        \
			printf("FAIL %s: %s:%d: %s (errno %d %s)\n", current_test,         \
			       __FILE__, __LINE__, #what, errno, strerror(errno));         \
			fflush(stdout);                                                    \
		}                                                                          \
	} while (0)

#define CHECK_ERRNO(call, expected)                                                        \
	do {                                                                               \
		long result_ = (call);                                                     \
		int error_ = result_ < 0 ? errno : 0;                                      \
		checks++;                                                                  \
		if (error_ != (expected)) {                                                \
			failures++;                                                        \
			printf("FAIL %s: %s:%d: %s: errno %d (%s), not %d\n", current_test, \
			       __FILE__, __LINE__, #call, error_, strerror(error_),        \
			       (int)(expected));                                           \
			fflush(stdout);                                                    \
		}                                                                          \
	} while (0)

enum op { OP_BIND, OP_MMAP, OP_MUNMAP, OP_MPROTECT, OP_WRITE, OP_READ, OP_MADVISE, OP_EXIT,
	  OP_FORK_TOUCH, OP_ADD, OP_SECRET };

struct order {
	long op, a, b, c;
};

struct answer {
	long result;
	long error;
};

struct agent {
	pid_t pid;
	int socket;
	uint32_t space;
};

static long agent_do(int context, const struct order *order)
{
	struct hmm_sdk_space_bind bind = { 0 };
	long old;
	pid_t pid;

	switch (order->op) {
	case OP_BIND:
		return ioctl(context, HMM_SDK_IOC_SPACE_BIND, &bind) ? -1 : (long)bind.space;
	case OP_MMAP:
		return (long)mmap(NULL, order->a * PAGE, order->b, order->c, -1, 0);
	case OP_MUNMAP:
		return munmap((void *)order->a, order->b * PAGE);
	case OP_MPROTECT:
		return mprotect((void *)order->a, order->b * PAGE, order->c);
	case OP_MADVISE:
		return madvise((void *)order->a, order->b * PAGE, order->c);
	case OP_WRITE:
		*(volatile uint64_t *)order->a = order->b;
		return 0;
	case OP_READ:
		return *(volatile uint64_t *)order->a;
	case OP_ADD:
		old = __atomic_fetch_add((int *)order->a, order->b, __ATOMIC_SEQ_CST);
		return old;
	case OP_SECRET: {
		int fd = syscall(447, 0);

		if (fd < 0 || ftruncate(fd, order->a * PAGE))
			return -1;
		return (long)mmap(NULL, order->a * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				  0);
	}
	case OP_FORK_TOUCH:
		pid = fork();
		if (!pid) {
			volatile uint64_t *word = (void *)order->a;

			/* Stays until killed, so that the pages stay shared. */
			(void)*word;
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		usleep(100000);
		return pid;
	default:
		errno = EINVAL;
		return -1;
	}
}

static void agent_main(int context, int socket)
{
	struct order order;
	struct answer answer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(socket, &order, sizeof(order)) == sizeof(order)) {
		if (order.op == OP_EXIT)
			_exit(order.a);
		errno = 0;
		answer.result = agent_do(context, &order);
		answer.error = errno;
		if (write(socket, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

__attribute__((unused)) static long tell(struct agent *agent, long op, long a, long b, long c)
{
	struct order order = { op, a, b, c };
	struct answer answer = { -1, EPIPE };

	if (write(agent->socket, &order, sizeof(order)) != sizeof(order))
		return -1;
	if (read(agent->socket, &answer, sizeof(answer)) != sizeof(answer))
		answer.result = -1;
	errno = answer.error;
	return answer.result;
}

__attribute__((unused)) static struct agent agent_start(int context)
{
	struct agent agent;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		exit(2);
	fflush(stdout);
	agent.pid = fork();
	if (!agent.pid) {
		close(pair[0]);
		agent_main(context, pair[1]);
	}
	close(pair[1]);
	agent.socket = pair[0];
	agent.space = tell(&agent, OP_BIND, 0, 0, 0);
	CHECK((int)agent.space > 0);
	return agent;
}

__attribute__((unused)) static void agent_stop(struct agent *agent)
{
	kill(agent->pid, SIGKILL);
	waitpid(agent->pid, NULL, 0);
	close(agent->socket);
}

__attribute__((unused)) static int context_open(void)
{
	struct hmm_sdk_info info = { .abi = HMM_SDK_ABI_VERSION };
	int context = open("/dev/hmm_sdk", O_RDWR);

	if (context < 0 || ioctl(context, HMM_SDK_IOC_GET_INFO, &info)) {
		perror("/dev/hmm_sdk");
		exit(2);
	}
	return context;
}

__attribute__((unused)) static int soft_open(int context, uint32_t memory_pages)
{
	struct hmm_sdk_device_open open = { .kind = HMM_SDK_DEVICE_SOFT,
					    .memory_pages = memory_pages };

	if (ioctl(context, HMM_SDK_IOC_DEVICE_OPEN, &open)) {
		int error = errno;

		printf("DEVICE_OPEN: %s, reason %u\n", strerror(error), open.reason);
		errno = error;
		return -1;
	}
	return open.fd;
}

struct mirror {
	int device;
	uint32_t id;
	uint32_t slot;
	uint64_t dma_page;
	uint64_t seen;
	uint32_t reason;
};

__attribute__((unused)) static int mirror_create(struct mirror *mirror, int device, uint32_t space,
						 long address, uint64_t pages)
{
	struct hmm_sdk_mirror_create create = { .space = space, .start_page = address / PAGE,
						.pages = pages };
	int ret = ioctl(device, HMM_SDK_IOC_MIRROR_CREATE, &create);

	mirror->device = device;
	mirror->id = create.mirror;
	mirror->slot = create.slot;
	mirror->dma_page = create.dma_page;
	mirror->seen = create.event_seq;
	mirror->reason = create.reason;
	return ret;
}

__attribute__((unused)) static int mirror_close(struct mirror *mirror)
{
	struct hmm_sdk_mirror_close close = { .mirror = mirror->id };

	return ioctl(mirror->device, HMM_SDK_IOC_MIRROR_CLOSE, &close);
}

static struct hmm_sdk_map last_map;

__attribute__((unused)) static int map_with(struct mirror *mirror, unsigned long request,
					    uint32_t first, uint32_t pages, uint32_t flags,
					    uint64_t *entries)
{
	int ret;

	last_map = (struct hmm_sdk_map){ .mirror = mirror->id, .flags = flags, .first = first,
					 .pages = pages, .entries = (uintptr_t)entries,
					 .seen = mirror->seen };
	ret = ioctl(mirror->device, request, &last_map);
	return ret;
}

__attribute__((unused)) static int unmap(struct mirror *mirror, uint32_t first, uint32_t pages)
{
	struct hmm_sdk_unmap unmap = { .mirror = mirror->id, .first = first, .pages = pages };

	return ioctl(mirror->device, HMM_SDK_IOC_UNMAP, &unmap) ? -1 : (int)unmap.unmapped;
}

__attribute__((unused)) static int undo(struct mirror *mirror, uint32_t first, uint32_t pages,
					uint32_t serial)
{
	struct hmm_sdk_unmap unmap = { .mirror = mirror->id, .first = first, .pages = pages,
				       .serial = serial };

	return ioctl(mirror->device, HMM_SDK_IOC_UNDO, &unmap) ? -1 : (int)unmap.unmapped;
}

/* Reads all events, and counts them as dispatched. Returns how many; keeps the last batch. */
static struct hmm_sdk_event events[HMM_SDK_SHARED_MIRRORS];

__attribute__((unused)) static int take_events(struct mirror *mirror)
{
	struct hmm_sdk_read_events read = { .events = (uintptr_t)events, .max = 64,
					    .seen = mirror->seen };
	uint32_t i;

	if (ioctl(mirror->device, HMM_SDK_IOC_READ_EVENTS, &read))
		return -1;
	for (i = 0; i < read.count; i++)
		if (events[i].sequence > mirror->seen)
			mirror->seen = events[i].sequence;
	return read.count;
}

__attribute__((unused)) static int map_once(struct mirror *mirror, uint32_t first,
					    uint32_t pages, uint32_t flags, uint64_t *entries)
{
	return map_with(mirror, HMM_SDK_IOC_MAP, first, pages, flags, entries);
}

/* As user space does: events that are news are dispatched, then the call is made again. */
__attribute__((unused)) static int map(struct mirror *mirror, uint32_t first, uint32_t pages,
				       uint32_t flags, uint64_t *entries)
{
	int ret;

	while ((ret = map_once(mirror, first, pages, flags, entries)) && errno == ESTALE)
		take_events(mirror);
	return ret;
}

static uint32_t last_source;

__attribute__((unused)) static int engine(int device, unsigned long request, uint64_t dma_page,
					  uint64_t offset, void *data, uint32_t length)
{
	struct hmm_sdk_engine_copy copy = { .dma_page = dma_page, .offset = offset,
					    .length = length, .data = (uintptr_t)data };
	int ret = ioctl(device, request, &copy);

	last_source = copy.source;
	return ret;
}

#define engine_read(device, page, offset, data, length)                                    \
	engine(device, HMM_SDK_IOC_ENGINE_READ, page, offset, data, length)
#define engine_write(device, page, offset, data, length)                                   \
	engine(device, HMM_SDK_IOC_ENGINE_WRITE, page, offset, data, length)

__attribute__((unused)) static struct hmm_sdk_counters counters(int device)
{
	struct hmm_sdk_counters counters = { 0 };

	CHECK(!ioctl(device, HMM_SDK_IOC_COUNTERS, &counters));
	return counters;
}

#define HAS(entry, flag) (!!((uint32_t)((entry) >> 32) & HMM_SDK_ENTRY_##flag))
#define PAGE_OF(entry) ((entry) & 0x7ffffffffffffULL)

#define RUN(test)                                                                          \
	do {                                                                               \
		int before_ = failures;                                                    \
		current_test = #test;                                                      \
		test();                                                                    \
		printf("%s %s\n", failures == before_ ? "ok  " : "FAIL", #test);           \
		fflush(stdout);                                                            \
	} while (0)

#define DONE()                                                                             \
	(printf("%d checks, %d failures\n", checks, failures), failures ? 1 : 0)

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

#endif /* HMM_SDK_SELFTEST_H */
