// SPDX-License-Identifier: GPL-2.0
/*
 * Device-private memory and exclusive access, on the software device.
 */
#include "selftest.h"

static int context;

static struct hmm_sdk_migrate last_migrate;

static int migrate(struct mirror *mirror, uint32_t target, uint32_t first, uint32_t pages,
		   uint8_t *declined, uint8_t *outcomes)
{
	last_migrate = (struct hmm_sdk_migrate){ .mirror = mirror->id, .target = target,
						 .first = first, .pages = pages,
						 .declined = (uintptr_t)declined,
						 .outcomes = (uintptr_t)outcomes };
	return ioctl(mirror->device, HMM_SDK_IOC_MIGRATE, &last_migrate);
}

static uint32_t memory_free(int device)
{
	struct hmm_sdk_device_info info = { 0 };

	CHECK(!ioctl(device, HMM_SDK_IOC_DEVICE_INFO, &info));
	return info.memory_free;
}

static int exclusive(struct mirror *mirror, uint32_t first, uint32_t pages, uint64_t *entries)
{
	int ret;

	while ((ret = map_with(mirror, HMM_SDK_IOC_EXCLUSIVE, first, pages, 0, entries)) &&
	       errno == ESTALE)
		take_events(mirror);
	return ret;
}

static int fetch_add(int device, uint64_t page, uint64_t offset, int delta, int *old)
{
	struct hmm_sdk_engine_add add = { .dma_page = page, .offset = offset, .delta = delta };
	int ret = ioctl(device, HMM_SDK_IOC_ENGINE_FETCH_ADD, &add);

	*old = add.old;
	return ret;
}

static void migrates_both_ways(void)
{
	int device = soft_open(context, 64);
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 16, RW, ANON);
	struct mirror mirror;
	uint8_t outcomes[16], declined[2] = { 1 << 3, 0 };
	uint64_t entries[16], word;
	int i;

	for (i = 0; i < 8; i++)
		tell(&agent, OP_WRITE, base + i * PAGE, 100 + i, 0);
	tell(&agent, OP_READ, base + 8 * PAGE, 0, 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 16));
	CHECK(!map(&mirror, 0, 4, HMM_SDK_MAP_WRITE, entries));
	CHECK(!migrate(&mirror, HMM_SDK_TO_MEMORY, 0, 10, declined, outcomes));
	CHECK(last_migrate.done == 10 && last_migrate.moved == 9);
	for (i = 0; i < 10; i++)
		CHECK(outcomes[i] == (i == 3 ? HMM_SDK_OUTCOME_DECLINED :
				      i < 8 ? HMM_SDK_OUTCOME_MIGRATED :
					      HMM_SDK_OUTCOME_POPULATED));
	CHECK(memory_free(device) == 64 - 9);
	/* The old links are gone, whoever caused it. */
	CHECK_ERRNO(engine_read(device, mirror.dma_page, 0, &word, 8), EFAULT);
	CHECK(!map(&mirror, 0, 10, HMM_SDK_MAP_WRITE, entries));
	for (i = 0; i < 10; i++) {
		CHECK(HAS(entries[i], DEVICE) == (i != 3));
		CHECK(!engine_read(device, mirror.dma_page + i, 0, &word, 8));
		CHECK(word == (i < 8 ? 100U + i : 0));
	}
	word = 777;
	CHECK(!engine_write(device, mirror.dma_page + 1, 0, &word, 8));
	/* The CPU brings back what it touches. */
	CHECK(tell(&agent, OP_READ, base + PAGE, 0, 0) == 777);
	CHECK(memory_free(device) == 64 - 8);
	CHECK_ERRNO(engine_read(device, mirror.dma_page + 1, 0, &word, 8), EFAULT);
	take_events(&mirror);
	CHECK(!migrate(&mirror, HMM_SDK_TO_MEMORY, 0, 16, NULL, outcomes));
	CHECK(outcomes[0] == HMM_SDK_OUTCOME_ALREADY_THERE);
	CHECK(outcomes[1] == HMM_SDK_OUTCOME_MIGRATED && outcomes[3] == HMM_SDK_OUTCOME_MIGRATED);
	CHECK(outcomes[12] == HMM_SDK_OUTCOME_POPULATED);
	CHECK(!migrate(&mirror, HMM_SDK_TO_SYSTEM, 0, 16, NULL, outcomes));
	for (i = 0; i < 16; i++)
		CHECK(outcomes[i] == HMM_SDK_OUTCOME_MIGRATED);
	CHECK(memory_free(device) == 64);
	CHECK(!migrate(&mirror, HMM_SDK_TO_SYSTEM, 0, 16, NULL, outcomes));
	CHECK(outcomes[0] == HMM_SDK_OUTCOME_ALREADY_THERE);
	CHECK(tell(&agent, OP_READ, base, 0, 0) == 100);
	/* Holes, and memory that is not anonymous. */
	CHECK(!tell(&agent, OP_MUNMAP, base + 14 * PAGE, 1, 0));
	CHECK_ERRNO(migrate(&mirror, HMM_SDK_TO_MEMORY, 12, 4, NULL, outcomes), EINVAL);
	CHECK(last_migrate.done == 2);
	agent_stop(&agent);
	close(device);
}

static void counts_cpu_faults(void)
{
	int device = soft_open(context, 64);
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 64, RW, ANON);
	struct hmm_sdk_cpu_fault_pages policy = { .pages = 8 };
	struct mirror mirror;
	uint8_t outcomes[64];
	int i, n, pages = 0;

	base = (base + 16 * PAGE - 1) & ~(16 * PAGE - 1);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 32));
	CHECK(!ioctl(device, HMM_SDK_IOC_SET_CPU_FAULT_PAGES, &policy));
	policy.pages = 3;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_SET_CPU_FAULT_PAGES, &policy), EINVAL);
	CHECK(!migrate(&mirror, HMM_SDK_TO_MEMORY, 0, 32, NULL, outcomes));
	CHECK(last_migrate.moved == 32);
	while (take_events(&mirror) > 0)
		;
	CHECK(tell(&agent, OP_READ, base + 9 * PAGE, 0, 0) == 0);
	CHECK(memory_free(device) == 64 - 24);
	while ((n = take_events(&mirror)) > 0)
		for (i = 0; i < n; i++)
			if (events[i].type == HMM_SDK_EVENT_CPU_FAULT)
				pages += events[i].count;
	CHECK(pages == 8);
	agent_stop(&agent);
	close(device);
}

static void runs_out_of_device_memory(void)
{
	int device = soft_open(context, 4);
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 8, RW, ANON);
	struct hmm_sdk_evict evict = { 0 };
	struct mirror mirror;
	uint8_t outcomes[8];
	int i, none = 0;

	for (i = 0; i < 8; i++)
		tell(&agent, OP_WRITE, base + i * PAGE, i + 1, 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 8));
	CHECK(!migrate(&mirror, HMM_SDK_TO_MEMORY, 0, 8, NULL, outcomes));
	for (i = 0; i < 8; i++)
		none += outcomes[i] == HMM_SDK_OUTCOME_NO_MEMORY;
	CHECK(none == 4 && last_migrate.moved == 4);
	CHECK(!ioctl(device, HMM_SDK_IOC_EVICT, &evict) && evict.moved == 4 && !evict.left);
	for (i = 0; i < 8; i++)
		CHECK(tell(&agent, OP_READ, base + i * PAGE, 0, 0) == i + 1);
	agent_stop(&agent);
	close(device);
}

static void leaves_the_memory_of_the_process_whole(void)
{
	int device = soft_open(context, 1024);
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 1024, RW, ANON);
	struct mirror mirror;
	static uint8_t outcomes[1024];
	int i;

	for (i = 0; i < 1024; i++)
		tell(&agent, OP_WRITE, base + i * PAGE, i * 3, 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 1024));
	CHECK(!migrate(&mirror, HMM_SDK_TO_MEMORY, 0, 1024, NULL, outcomes));
	printf("# moved %u of 1024\n", last_migrate.moved);
	/* The driver goes; the pages come back by themselves. */
	close(device);
	for (i = 0; i < 1024; i++)
		CHECK(tell(&agent, OP_READ, base + i * PAGE, 0, 0) == i * 3);
	agent_stop(&agent);
}

static void frees_the_pages_of_a_dead_process(void)
{
	int device = soft_open(context, 64);
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 32, RW, ANON);
	struct mirror mirror;
	uint8_t outcomes[32];

	CHECK(!mirror_create(&mirror, device, agent.space, base, 32));
	CHECK(!migrate(&mirror, HMM_SDK_TO_MEMORY, 0, 32, NULL, outcomes));
	CHECK(memory_free(device) == 32);
	agent_stop(&agent);
	CHECK(memory_free(device) == 64);
	close(device);
}

static void copies_shared_device_pages_on_write(void)
{
	int device = soft_open(context, 64);
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 2, RW, ANON);
	struct mirror mirror;
	uint8_t outcomes[2];
	uint64_t entries[2], word = 5;
	long child;

	tell(&agent, OP_WRITE, base, 11, 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 2));
	CHECK(!migrate(&mirror, HMM_SDK_TO_MEMORY, 0, 1, NULL, outcomes));
	child = tell(&agent, OP_FORK_TOUCH, base + PAGE, 0, 0);
	take_events(&mirror);
	CHECK(!map(&mirror, 0, 1, HMM_SDK_MAP_WRITE, entries));
	CHECK(HAS(entries[0], WRITE));
	CHECK(!engine_write(device, mirror.dma_page, 0, &word, 8));
	CHECK(tell(&agent, OP_READ, base, 0, 0) == 5);
	kill(child, SIGKILL);
	agent_stop(&agent);
	close(device);
}

static void tells_a_foreign_device(void)
{
	int mine = soft_open(context, 16), other = soft_open(context, 16);
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 4, RW, ANON);
	struct mirror first, second;
	uint8_t outcomes[4];
	uint64_t entries[4], word;

	tell(&agent, OP_WRITE, base, 21, 0);
	CHECK(!mirror_create(&first, mine, agent.space, base, 4));
	CHECK(!mirror_create(&second, other, agent.space, base, 4));
	CHECK(!migrate(&first, HMM_SDK_TO_MEMORY, 0, 4, NULL, outcomes));
	CHECK(!migrate(&second, HMM_SDK_TO_MEMORY, 0, 4, NULL, outcomes));
	CHECK(last_migrate.moved == 0);
	CHECK(outcomes[0] == HMM_SDK_OUTCOME_FOREIGN_DEVICE);
	/* A fault of the other device brings the page home first. */
	CHECK(!map(&second, 0, 1, 0, entries) && !HAS(entries[0], DEVICE));
	CHECK(!engine_read(other, second.dma_page, 0, &word, 8) && word == 21);
	agent_stop(&agent);
	close(mine);
	close(other);
}

static void grants_exclusive_access(void)
{
	int device = soft_open(context, 0);
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 8, RW, ANON);
	struct mirror mirror;
	uint64_t entries[8], word;
	int i, old;

	tell(&agent, OP_WRITE, base, 40, 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 8));
	CHECK(!map(&mirror, 0, 4, HMM_SDK_MAP_WRITE, entries));
	CHECK_ERRNO(fetch_add(device, mirror.dma_page, 0, 1, &old), EPERM);
	take_events(&mirror);
	CHECK(!exclusive(&mirror, 0, 8, entries));
	CHECK(last_map.changed == 8);
	for (i = 0; i < 8; i++)
		CHECK(HAS(entries[i], EXCLUSIVE) && HAS(entries[i], WRITE) &&
		      PAGE_OF(entries[i]) == mirror.dma_page + i);
	CHECK(!fetch_add(device, mirror.dma_page, 0, 2, &old) && old == 40);
	CHECK(!fetch_add(device, mirror.dma_page, 0, -1, &old) && old == 42);
	/* Held pages stay held. */
	take_events(&mirror);
	CHECK(!exclusive(&mirror, 0, 8, entries) && last_map.changed == 0);
	/* The CPU takes it back by touching it, and sees what the device did. */
	CHECK(tell(&agent, OP_READ, base, 0, 0) == 41);
	CHECK_ERRNO(fetch_add(device, mirror.dma_page, 0, 1, &old), EFAULT);
	CHECK_ERRNO(engine_read(device, mirror.dma_page, 0, &word, 8), EFAULT);
	CHECK(!fetch_add(device, mirror.dma_page + 1, 0, 1, &old) && old == 0);
	take_events(&mirror);
	CHECK(!exclusive(&mirror, 0, 1, entries) && last_map.changed == 1);
	CHECK(undo(&mirror, 0, 1, last_map.serial) == 1);
	CHECK_ERRNO(fetch_add(device, mirror.dma_page, 0, 1, &old), EFAULT);
	CHECK(tell(&agent, OP_ADD, base, 1, 0) == 41);
	CHECK(!tell(&agent, OP_MUNMAP, base + 5 * PAGE, 1, 0));
	take_events(&mirror);
	CHECK_ERRNO(exclusive(&mirror, 4, 4, entries), EFAULT);
	CHECK(last_map.failed_page == 1);
	agent_stop(&agent);
	close(device);
}

int main(void)
{
	struct hmm_sdk_info info = { .abi = HMM_SDK_ABI_VERSION };

	context = context_open();
	CHECK(!ioctl(context, HMM_SDK_IOC_GET_INFO, &info));
	if (info.capabilities & HMM_SDK_CAP_MEMORY) {
		RUN(migrates_both_ways);
		RUN(counts_cpu_faults);
		RUN(runs_out_of_device_memory);
		RUN(leaves_the_memory_of_the_process_whole);
		RUN(frees_the_pages_of_a_dead_process);
		RUN(copies_shared_device_pages_on_write);
		RUN(tells_a_foreign_device);
	} else {
		printf("skip device memory: not on this kernel\n");
	}
	if (info.capabilities & HMM_SDK_CAP_EXCLUSIVE)
		RUN(grants_exclusive_access);
	else
		printf("skip exclusive access: not on this kernel\n");
	return DONE();
}
