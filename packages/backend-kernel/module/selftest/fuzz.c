// SPDX-License-Identifier: GPL-2.0
/*
 * Random requests with random bytes on both kinds of descriptor, half of them near what is valid.
 * Whatever they answer, the kernel must stay whole.
 *
 *   fuzz [rounds] [seed]
 */
#include "selftest.h"

static uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static const unsigned long requests[] = {
	HMM_SDK_IOC_GET_INFO, HMM_SDK_IOC_SPACE_BIND, HMM_SDK_IOC_SPACE_CLOSE,
	HMM_SDK_IOC_SPACE_EVENTS, HMM_SDK_IOC_DEVICE_OPEN, HMM_SDK_IOC_DEVICE_INFO,
	HMM_SDK_IOC_SET_MASK, HMM_SDK_IOC_BUFFER_ALLOC, HMM_SDK_IOC_COHERENT_ALLOC,
	HMM_SDK_IOC_BUFFER_FREE, HMM_SDK_IOC_BUFFER_READ, HMM_SDK_IOC_BUFFER_WRITE,
	HMM_SDK_IOC_DMA_MAP, HMM_SDK_IOC_DMA_UNMAP, HMM_SDK_IOC_DMA_SYNC,
	HMM_SDK_IOC_WINDOW_OPEN, HMM_SDK_IOC_WINDOW_LINK, HMM_SDK_IOC_WINDOW_SYNC,
	HMM_SDK_IOC_WINDOW_UNLINK, HMM_SDK_IOC_WINDOW_CLOSE, HMM_SDK_IOC_REG_READ,
	HMM_SDK_IOC_REG_WRITE, HMM_SDK_IOC_IRQ_LISTEN, HMM_SDK_IOC_IRQ_UNMASK,
	HMM_SDK_IOC_MIRROR_CREATE, HMM_SDK_IOC_MIRROR_CLOSE, HMM_SDK_IOC_READ_BEGIN,
	HMM_SDK_IOC_READ_RETRY, HMM_SDK_IOC_FAULT, HMM_SDK_IOC_MAP, HMM_SDK_IOC_COMMIT_CHECK,
	HMM_SDK_IOC_UNDO, HMM_SDK_IOC_UNMAP, HMM_SDK_IOC_EXCLUSIVE, HMM_SDK_IOC_MIGRATE,
	HMM_SDK_IOC_EVICT, HMM_SDK_IOC_SET_CPU_FAULT_PAGES, HMM_SDK_IOC_ENGINE_READ,
	HMM_SDK_IOC_ENGINE_WRITE, HMM_SDK_IOC_ENGINE_FETCH_ADD, HMM_SDK_IOC_REVOCATIONS,
	HMM_SDK_IOC_COUNTERS, HMM_SDK_IOC_READ_EVENTS,
};

#define NR_REQUESTS (sizeof(requests) / sizeof(requests[0]))

static uint64_t arena;
static uint64_t dma_page;
static uint32_t space;

/* A field as a caller might fill it. Pointers lead into the arena, or nowhere. */
static uint32_t small(void)
{
	switch (next() % 16) {
	case 0:
		return next();
	case 1:
		return 1U << next() % 32;
	case 2:
	case 3:
		return space;
	case 4:
	case 5:
	case 6:
		return next() % 24;
	case 7:
	case 8:
		return 1;
	default:
		return 0;
	}
}

static uint64_t wide(void)
{
	switch (next() % 8) {
	case 0:
		return next();
	case 1:
		return arena + next() % (64 * PAGE);
	case 2:
	case 3:
		return arena;
	case 4:
		return arena / PAGE + next() % 64;
	case 5:
		return dma_page + next() % 64;
	default:
		return small();
	}
}

static void fill(uint8_t *argument, size_t bytes)
{
	size_t i;

	if (next() % 8 == 0) {
		for (i = 0; i < bytes; i++)
			argument[i] = next();
		return;
	}
	for (i = 0; i + 8 <= bytes; i += 8) {
		uint64_t value = next() & 1 ? wide() : (uint64_t)small() << 32 | small();

		/* Reserved fields stay zero now and then, as they must. */
		if (next() % 4 == 0)
			continue;
		memcpy(argument + i, &value, 8);
	}
}

static int soft_reopen(int context)
{
	struct hmm_sdk_mirror_create create = { .space = space, .start_page = arena / PAGE,
						.pages = 64 };
	int device = soft_open(context, next() % 4 ? 32 : 0);

	if (device < 0)
		device = soft_open(context, 0);
	if (device >= 0 && !ioctl(device, HMM_SDK_IOC_MIRROR_CREATE, &create))
		dma_page = create.dma_page;
	return device;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 10000, i, done = 0;
	struct hmm_sdk_space_bind bind = { 0 };
	int context, device;

	state = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x9e3779b97f4a7c15ULL;
	context = context_open();
	arena = (uint64_t)mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);
	ioctl(context, HMM_SDK_IOC_SPACE_BIND, &bind);
	space = bind.space;
	device = soft_reopen(context);
	for (i = 0; i < rounds; i++) {
		uint64_t argument[64] = { 0 };
		unsigned long request = requests[next() % NR_REQUESTS];
		int fd = _IOC_NR(request) < 0x10 ? context : device;

		if (next() % 64 == 0)
			request ^= 1UL << next() % 32;
		if (next() % 64 == 0)
			fd = fd == context ? device : context;
		fill((uint8_t *)argument, _IOC_SIZE(request) < 512 ? _IOC_SIZE(request) : 512);
		/* Not so much device memory, and no device that ends the machine. */
		if (request == HMM_SDK_IOC_DEVICE_OPEN) {
			struct hmm_sdk_device_open *open = (void *)argument;

			open->kind = HMM_SDK_DEVICE_SOFT;
		}
		if (!ioctl(fd, request, argument)) {
			done++;
			if (request == HMM_SDK_IOC_DEVICE_OPEN) {
				struct hmm_sdk_device_open *open = (void *)argument;

				close(open->fd);
			}
			if (request == HMM_SDK_IOC_SPACE_CLOSE) {
				memset(&bind, 0, sizeof(bind));
				ioctl(context, HMM_SDK_IOC_SPACE_BIND, &bind);
				space = bind.space;
			}
		}
		if (next() % 16 == 0)
			*(volatile char *)(arena + next() % (64 * PAGE)) = 1;
		if (next() % 64 == 0)
			madvise((void *)arena, 64 * PAGE, MADV_DONTNEED);
		if (next() % 512 == 0) {
			close(device);
			device = soft_reopen(context);
		}
	}
	printf("%ld requests, %ld succeeded\n", rounds, done);
	return 0;
}
