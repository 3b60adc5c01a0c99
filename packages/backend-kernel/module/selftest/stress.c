// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: threads that map, use the engine, migrate, take exclusive access, unmap and
 * reopen mirrors, while the process changes its memory under them. The engine writes to page i
 * words that name page i only, so the process sees at once when a stale translation is used.
 *
 *   stress [seconds] [device memory pages]
 */
#include <pthread.h>

#include "selftest.h"

#define PAGES 128
#define MARK 0xd15ea5e000000000ULL

static int context, device;
static struct mirror mirror;
static pthread_rwlock_t mirror_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct agent agent;
static long base;
static volatile int stop;
static long counts[8];

static uint64_t random_of(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The process: changes its memory, and looks at what is in it. */
static void *churn(void *argument)
{
	uint64_t state = (uintptr_t)argument * 0x9e3779b97f4a7c15ULL + 1;
	char *start = (char *)base;

	for (;;) {
		uint64_t page = random_of(&state) % PAGES;
		uint64_t pages = 1 + random_of(&state) % 16;
		volatile uint64_t *word = (uint64_t *)(start + page * PAGE);
		uint64_t value;
		pid_t pid;

		if (page + pages > PAGES)
			pages = PAGES - page;
		switch (random_of(&state) % 12) {
		case 0:
			mmap(start + page * PAGE, pages * PAGE, RW, ANON | MAP_FIXED, -1, 0);
			break;
		case 1:
			madvise(start + page * PAGE, pages * PAGE, MADV_DONTNEED);
			break;
		case 2:
			madvise(start + page * PAGE, pages * PAGE, MADV_PAGEOUT);
			break;
		case 3:
			madvise(start + page * PAGE, pages * PAGE, MADV_FREE);
			break;
		case 4:
			/* Never without reading, so that nothing here dies of it. */
			mprotect(start + page * PAGE, pages * PAGE, PROT_READ);
			mprotect(start + page * PAGE, pages * PAGE, RW);
			break;
		case 5:
			if (random_of(&state) % 8)
				break;
			pid = fork();
			if (!pid) {
				usleep(random_of(&state) % 3000);
				_exit(0);
			}
			waitpid(pid, NULL, 0);
			break;
		default:
			value = *word;
			if (value && value != (MARK | page)) {
				printf("FAIL page %llu holds %llx\n", (unsigned long long)page,
				       (unsigned long long)value);
				fflush(stdout);
				_exit(3);
			}
			break;
		}
	}
	return NULL;
}

static pid_t start_churn(void)
{
	struct hmm_sdk_space_bind bind = { 0 };
	struct { long base; uint32_t space; } hello;
	int pipes[2], i;
	pid_t pid;

	if (pipe(pipes))
		exit(2);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(device);
		base = (long)mmap(NULL, PAGES * PAGE, RW, ANON, -1, 0);
		if (ioctl(context, HMM_SDK_IOC_SPACE_BIND, &bind))
			_exit(2);
		hello.base = base;
		hello.space = bind.space;
		if (write(pipes[1], &hello, sizeof(hello)) != sizeof(hello))
			_exit(2);
		for (i = 1; i < 3; i++)
			pthread_create(&thread, NULL, churn, (void *)(uintptr_t)i);
		churn((void *)3);
	}
	if (read(pipes[0], &hello, sizeof(hello)) != sizeof(hello))
		exit(2);
	close(pipes[0]);
	close(pipes[1]);
	base = hello.base;
	agent.space = hello.space;
	return pid;
}

static int try_map(struct mirror *of, unsigned long request, uint32_t first, uint32_t pages,
		   uint32_t flags, uint64_t *entries, uint32_t *serial)
{
	struct hmm_sdk_map map = { .mirror = of->id, .flags = flags, .first = first,
				   .pages = pages, .entries = (uintptr_t)entries,
				   .seen = UINT64_MAX };
	int ret = ioctl(device, request, &map);

	*serial = map.serial;
	return ret;
}

static void *drive(void *argument)
{
	uint64_t state = (uintptr_t)argument * 0x2545f4914f6cdd1dULL + 1;
	uint64_t entries[PAGES];
	uint8_t outcomes[PAGES];

	while (!stop) {
		uint32_t first = random_of(&state) % PAGES;
		uint32_t pages = 1 + random_of(&state) % 32;
		int kind = random_of(&state) % 16, ret = -1, old;
		uint64_t word = MARK | first;
		struct hmm_sdk_migrate migrate = { 0 };
		struct hmm_sdk_read_events read = { 0 };
		struct hmm_sdk_evict evict = { 0 };
		struct hmm_sdk_engine_add add = { 0 };
		struct hmm_sdk_event batch[16];
		uint32_t serial;

		if (first + pages > PAGES)
			pages = PAGES - first;
		if (kind == 15 && random_of(&state) % 32 == 0) {
			pthread_rwlock_wrlock(&mirror_lock);
			mirror_close(&mirror);
			ret = mirror_create(&mirror, device, agent.space, base, PAGES);
			pthread_rwlock_unlock(&mirror_lock);
			/* The process is gone: so are we. */
			if (ret)
				break;
			continue;
		}
		pthread_rwlock_rdlock(&mirror_lock);
		switch (kind) {
		case 0: case 1: case 2:
			ret = try_map(&mirror, HMM_SDK_IOC_MAP, first, pages, HMM_SDK_MAP_WRITE,
				      entries, &serial);
			if (!ret && random_of(&state) % 4 == 0)
				undo(&mirror, first, pages, serial);
			break;
		case 3:
			ret = try_map(&mirror, HMM_SDK_IOC_MAP, first, pages, 0, entries, &serial);
			break;
		case 4:
			ret = try_map(&mirror, HMM_SDK_IOC_MAP, first, pages,
				      HMM_SDK_NOWAIT | HMM_SDK_MAP_WRITE, entries, &serial);
			break;
		case 5: case 6: case 7: case 8:
			ret = engine_write(device, mirror.dma_page + first, 0, &word, 8);
			break;
		case 9:
			ret = engine_read(device, mirror.dma_page + first, 0, &word, 8);
			break;
		case 10:
			ret = unmap(&mirror, first, pages) < 0;
			break;
		case 11:
			migrate.mirror = mirror.id;
			migrate.target = random_of(&state) & 1;
			migrate.first = first;
			migrate.pages = pages;
			migrate.outcomes = (uintptr_t)outcomes;
			ret = ioctl(device, HMM_SDK_IOC_MIGRATE, &migrate);
			break;
		case 12:
			ret = try_map(&mirror, HMM_SDK_IOC_EXCLUSIVE, first,
				      pages < 4 ? pages : 4, 0, entries, &serial);
			/* Words 1 of a page are for sums. */
			add.dma_page = mirror.dma_page + first;
			add.offset = 8;
			add.delta = 1;
			if (!ret)
				old = ioctl(device, HMM_SDK_IOC_ENGINE_FETCH_ADD, &add);
			(void)old;
			break;
		case 13:
			if (random_of(&state) % 16 == 0)
				ret = ioctl(device, HMM_SDK_IOC_EVICT, &evict);
			break;
		case 14:
			read.events = (uintptr_t)batch;
			read.max = 16;
			read.seen = random_of(&state) & 1 ? UINT64_MAX : 0;
			ret = ioctl(device, HMM_SDK_IOC_READ_EVENTS, &read);
			break;
		}
		pthread_rwlock_unlock(&mirror_lock);
		if (!ret)
			__sync_fetch_and_add(&counts[kind / 2], 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10;
	uint32_t memory = argc > 2 ? atoi(argv[2]) : 64;
	pthread_t threads[4];
	int i, status = 0, failed = 0;
	pid_t pid;

	context = context_open();
	device = soft_open(context, memory);
	/* A kernel without device memory. */
	if (device < 0)
		device = soft_open(context, 0);
	pid = start_churn();
	if (mirror_create(&mirror, device, agent.space, base, PAGES)) {
		perror("mirror_create");
		waitpid(pid, &status, 0);
		printf("FAIL the process ended with %x\n", status);
		return 1;
	}
	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, drive, (void *)(uintptr_t)(i + 1));
	for (i = 0; i < seconds * 10 && !failed; i++) {
		usleep(100000);
		failed = waitpid(pid, &status, WNOHANG) == pid;
	}
	/* The process dies under way. */
	kill(pid, SIGKILL);
	usleep(200000);
	stop = 1;
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	if (!failed)
		waitpid(pid, &status, 0);
	printf("# map %ld/%ld/%ld engine %ld/%ld unmap+migrate %ld exclusive+evict %ld events %ld\n",
	       counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6],
	       counts[7]);
	if (failed)
		printf("FAIL the process ended with %x\n", status);
	else
		printf("ok   stress\n");
	return failed;
}
