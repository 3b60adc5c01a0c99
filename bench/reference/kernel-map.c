// SPDX-License-Identifier: GPL-2.0
/*
 * The reference of the rows kernel-batch and kernel-call: what MAP costs from C. Reads lines
 * `present|fault PAGES ROUNDS`, answers each with the median nanoseconds of one call. What is mapped is
 * unmapped after each call, and with `fault` taken from the process before it, outside of the time.
 */
#include "../../packages/backend-kernel/module/selftest/selftest.h"

#define PAGES 512
#define NOHUGEPAGE 15
#define DONTNEED 4
#define MOST_ROUNDS 10000

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int compare(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

	return (a > b) - (a < b);
}

int main(void)
{
	static uint64_t entries[PAGES];
	static int64_t times[MOST_ROUNDS];
	int context = context_open();
	struct agent agent = agent_start(context);
	int device = soft_open(context, 0);
	long address = tell(&agent, OP_MMAP, PAGES, RW, ANON);
	struct mirror mirror;
	char kind[8];
	int pages, rounds, i;

	tell(&agent, OP_MADVISE, address, PAGES, NOHUGEPAGE);
	for (i = 0; i < PAGES; i++)
		tell(&agent, OP_WRITE, address + i * PAGE, i + 1, 0);
	if (device < 0 || mirror_create(&mirror, device, agent.space, address, PAGES))
		return 2;
	while (scanf("%7s %d %d", kind, &pages, &rounds) == 3) {
		int fault = !strcmp(kind, "fault");
		uint32_t flags = HMM_SDK_MAP_WRITE | (fault ? 0 : HMM_SDK_NOWAIT);
		int64_t begin;

		if (rounds < 1 || rounds > MOST_ROUNDS)
			return 2;
		for (i = 0; i < rounds; i++) {
			if (fault)
				tell(&agent, OP_MADVISE, address, pages, DONTNEED);
			take_events(&mirror);
			begin = now();
			if (map(&mirror, 0, pages, flags, entries))
				return 2;
			times[i] = now() - begin;
			if (unmap(&mirror, 0, pages) != pages)
				return 2;
		}
		qsort(times, rounds, sizeof(*times), compare);
		printf("%lld\n", (long long)times[rounds / 2]);
		fflush(stdout);
	}
	return 0;
}
