// SPDX-License-Identifier: GPL-2.0
/*
 * Mirrors on the software device: a child agrees, its pages are faulted, mapped, read and written
 * by the engine, and revoked when the child changes its memory.
 */
#include "selftest.h"

static int context, device;

static void reads_and_writes_what_the_process_has(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 16, RW, ANON);
	struct mirror mirror;
	uint64_t entries[16], word;
	int i;

	for (i = 0; i < 16; i++)
		tell(&agent, OP_WRITE, base + i * PAGE, 1000 + i, 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 16));
	CHECK(mirror.dma_page != 0);
	CHECK(!map(&mirror, 0, 16, HMM_SDK_MAP_WRITE, entries));
	CHECK(last_map.changed == 16);
	for (i = 0; i < 16; i++) {
		CHECK(HAS(entries[i], VALID) && HAS(entries[i], WRITE) &&
		      HAS(entries[i], DMA_MAPPED));
		CHECK(PAGE_OF(entries[i]) == mirror.dma_page + i);
		CHECK(!engine_read(device, mirror.dma_page + i, 0, &word, 8) && word == 1000U + i);
		word = 2000 + i;
		CHECK(!engine_write(device, mirror.dma_page + i, 0, &word, 8));
		CHECK(tell(&agent, OP_READ, base + i * PAGE, 0, 0) == 2000 + i);
	}
	/* Mapping again gives the same pages and changes nothing. */
	CHECK(!map(&mirror, 0, 16, 0, entries) && last_map.changed == 0);
	CHECK(!mirror_close(&mirror));
	CHECK_ERRNO(engine_read(device, mirror.dma_page, 0, &word, 8), EFAULT);
	CHECK(last_source == HMM_SDK_SOURCE_NOT_MAPPED);
	agent_stop(&agent);
}

static void revokes_on_munmap(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 8, RW, ANON);
	struct hmm_sdk_commit_check check = { 0 };
	struct mirror mirror;
	uint64_t entries[8], word = 0;
	int i, n, found = 0;

	CHECK(!mirror_create(&mirror, device, agent.space, base, 8));
	CHECK(!map(&mirror, 0, 8, HMM_SDK_MAP_WRITE, entries));
	check.mirror = mirror.id;
	check.pages = 8;
	check.since = last_map.event_seq;
	CHECK(!ioctl(device, HMM_SDK_IOC_COMMIT_CHECK, &check));
	CHECK(!tell(&agent, OP_MUNMAP, base + 2 * PAGE, 3, 0));
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_COMMIT_CHECK, &check), ESTALE);
	check.first = 5;
	check.pages = 3;
	CHECK(!ioctl(device, HMM_SDK_IOC_COMMIT_CHECK, &check));
	CHECK_ERRNO(engine_read(device, mirror.dma_page + 3, 0, &word, 8), EFAULT);
	CHECK(last_source == HMM_SDK_SOURCE_REVOKED);
	CHECK(!engine_read(device, mirror.dma_page + 5, 0, &word, 8));
	CHECK(!engine_read(device, mirror.dma_page + 1, 0, &word, 8));
	/* A new call of the range is refused until the event was dispatched. */
	CHECK_ERRNO(map_once(&mirror, 0, 5, HMM_SDK_MAP_WRITE, entries), ESTALE);
	CHECK(!map(&mirror, 5, 3, HMM_SDK_MAP_WRITE, entries));
	n = take_events(&mirror);
	for (i = 0; i < n; i++)
		if (events[i].type == HMM_SDK_EVENT_INVALIDATE &&
		    events[i].kind == HMM_SDK_KIND_UNMAP) {
			found++;
			CHECK(events[i].first == 2 && events[i].pages == 3 && events[i].count == 3);
		}
	CHECK(found == 1);
	CHECK_ERRNO(map(&mirror, 0, 5, HMM_SDK_MAP_WRITE, entries), EFAULT);
	CHECK(last_map.failed_page == 2 && last_map.reason == HMM_SDK_REASON_HOLE);
	CHECK(!mirror_close(&mirror));
	agent_stop(&agent);
}

static void keeps_read_only_read_only(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 4, RW, ANON);
	struct mirror mirror;
	uint64_t entries[4], word = 7;

	tell(&agent, OP_READ, base, 0, 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 4));
	CHECK(!map(&mirror, 0, 4, 0, entries));
	CHECK(!HAS(entries[0], WRITE));
	CHECK_ERRNO(engine_write(device, mirror.dma_page, 0, &word, 8), EFAULT);
	CHECK(last_source == HMM_SDK_SOURCE_PERMISSION);
	CHECK(tell(&agent, OP_READ, base, 0, 0) == 0);
	take_events(&mirror);
	CHECK(!map(&mirror, 0, 1, HMM_SDK_MAP_WRITE, entries));
	CHECK(HAS(entries[0], WRITE) && PAGE_OF(entries[0]) == mirror.dma_page);
	CHECK(!engine_write(device, mirror.dma_page, 0, &word, 8));
	CHECK(tell(&agent, OP_READ, base, 0, 0) == 7);
	take_events(&mirror);
	/* Undo of an upgrade leaves the page mapped for reading. */
	tell(&agent, OP_WRITE, base + PAGE, 5, 0);
	take_events(&mirror);
	CHECK(!map(&mirror, 1, 1, 0, entries));
	CHECK(!map(&mirror, 1, 1, HMM_SDK_MAP_WRITE, entries) && last_map.changed == 1);
	CHECK(!engine_write(device, mirror.dma_page + 1, 0, &word, 8));
	CHECK(undo(&mirror, 1, 1, last_map.serial) == 1);
	CHECK(!engine_read(device, mirror.dma_page + 1, 0, &word, 8));
	CHECK_ERRNO(engine_write(device, mirror.dma_page + 1, 0, &word, 8), EFAULT);
	CHECK(unmap(&mirror, 0, 4) > 0);
	CHECK(!mirror_close(&mirror));
	agent_stop(&agent);
}

/* What a later call was given too is not the first one's to take back. */
static void undoes_only_its_own(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 4, RW, ANON);
	struct mirror mirror;
	uint64_t entries[4], word = 1;
	uint32_t serial;

	CHECK(!mirror_create(&mirror, device, agent.space, base, 4));
	CHECK(!map(&mirror, 0, 3, HMM_SDK_MAP_WRITE, entries));
	serial = last_map.serial;
	take_events(&mirror);
	CHECK(!map(&mirror, 1, 1, 0, entries) && last_map.changed == 0);
	CHECK(!map(&mirror, 1, 3, 0, entries) && last_map.changed == 1);
	CHECK(undo(&mirror, 0, 3, serial) == 1);
	CHECK_ERRNO(engine_read(device, mirror.dma_page, 0, &word, 8), EFAULT);
	CHECK(!engine_read(device, mirror.dma_page + 1, 0, &word, 8));
	CHECK(!engine_read(device, mirror.dma_page + 2, 0, &word, 8));
	CHECK(undo(&mirror, 0, 4, last_map.serial) == 1);
	CHECK_ERRNO(engine_read(device, mirror.dma_page + 3, 0, &word, 8), EFAULT);
	CHECK_ERRNO(undo(&mirror, 0, 4, 0), EINVAL);
	CHECK(!mirror_close(&mirror));
	agent_stop(&agent);
}

static void faults_as_the_kernel_does(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 8, RW, ANON);
	struct hmm_sdk_fault fault;
	struct mirror mirror;
	uint64_t entries[8] = { 0 };

	tell(&agent, OP_WRITE, base, 1, 0);
	tell(&agent, OP_READ, base + PAGE, 0, 0);
	tell(&agent, OP_MPROTECT, base + 2 * PAGE, 1, PROT_READ);
	tell(&agent, OP_MPROTECT, base + 3 * PAGE, 1, PROT_NONE);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 8));
	fault = (struct hmm_sdk_fault){ .mirror = mirror.id, .pages = 8,
					.entries = (uintptr_t)entries };
	CHECK(!ioctl(device, HMM_SDK_IOC_FAULT, &fault));
	CHECK(HAS(entries[0], VALID) && HAS(entries[0], WRITE));
	CHECK(HAS(entries[1], VALID) && !HAS(entries[1], WRITE));
	CHECK(!HAS(entries[2], VALID) && !HAS(entries[2], ERROR));
	CHECK(HAS(entries[3], ERROR));
	CHECK(!HAS(entries[4], VALID));
	fault.default_flags = HMM_SDK_ENTRY_VALID | HMM_SDK_ENTRY_WRITE;
	fault.pages = 3;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_FAULT, &fault), EPERM);
	CHECK(fault.failed_page == 2 && fault.reason == HMM_SDK_REASON_READ_ONLY);
	take_events(&mirror);
	fault.seen = mirror.seen;
	fault.default_flags = HMM_SDK_ENTRY_VALID;
	fault.pages = 8;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_FAULT, &fault), EFAULT);
	CHECK(fault.failed_page == 3 && fault.reason == HMM_SDK_REASON_HOLE);
	/* Per-page requests: page 4 for writing, the others as they are. */
	memset(entries, 0, sizeof(entries));
	entries[4] = (uint64_t)(HMM_SDK_ENTRY_VALID | HMM_SDK_ENTRY_WRITE) << 32;
	fault.default_flags = 0;
	fault.mask = HMM_SDK_ENTRY_VALID | HMM_SDK_ENTRY_WRITE;
	CHECK(!ioctl(device, HMM_SDK_IOC_FAULT, &fault));
	CHECK(HAS(entries[4], VALID) && HAS(entries[4], WRITE) && HAS(entries[3], ERROR));
	/* Without waiting: what is there, or EAGAIN. */
	tell(&agent, OP_MPROTECT, base + 3 * PAGE, 1, RW);
	CHECK(!tell(&agent, OP_MADVISE, base + 7 * PAGE, 1, MADV_DONTNEED));
	take_events(&mirror);
	CHECK(!map(&mirror, 0, 1, 0, entries));
	CHECK(!map(&mirror, 0, 1, HMM_SDK_NOWAIT, entries));
	CHECK_ERRNO(map_once(&mirror, 7, 1, HMM_SDK_NOWAIT, entries), EAGAIN);
	/* Only what is present. */
	CHECK(!map(&mirror, 0, 8, HMM_SDK_MAP_PRESENT, entries));
	CHECK(HAS(entries[0], DMA_MAPPED) && !HAS(entries[7], VALID));
	CHECK(!mirror_close(&mirror));
	agent_stop(&agent);
}

static void tells_release_once(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 4, RW, ANON);
	struct hmm_sdk_space_events spaces = { .max = 8 };
	struct pollfd poll_device = { .fd = device, .events = POLLIN };
	struct pollfd poll_context = { .fd = context, .events = POLLIN };
	struct order order = { OP_EXIT, 0, 0, 0 };
	struct mirror mirror;
	uint64_t entries[4];
	uint32_t ids[8];
	int i, n, released = 0, release = 0;

	spaces.spaces = (uintptr_t)ids;
	while (ioctl(context, HMM_SDK_IOC_SPACE_EVENTS, &spaces) == 0 && spaces.count)
		;
	CHECK(!mirror_create(&mirror, device, agent.space, base, 4));
	CHECK(!map(&mirror, 0, 4, HMM_SDK_MAP_WRITE, entries));
	CHECK(write(agent.socket, &order, sizeof(order)) > 0);
	CHECK(poll(&poll_context, 1, 5000) == 1);
	CHECK(poll(&poll_device, 1, 5000) == 1);
	while ((n = take_events(&mirror)) > 0)
		for (i = 0; i < n; i++) {
			released += events[i].type == HMM_SDK_EVENT_RELEASED;
			if (events[i].type == HMM_SDK_EVENT_INVALIDATE &&
			    events[i].kind == HMM_SDK_KIND_RELEASE) {
				release++;
				CHECK(!released && events[i].count == 4);
			}
		}
	CHECK(released == 1 && release == 1);
	CHECK(!ioctl(context, HMM_SDK_IOC_SPACE_EVENTS, &spaces));
	CHECK(spaces.count == 1 && ids[0] == agent.space);
	CHECK(!ioctl(context, HMM_SDK_IOC_SPACE_EVENTS, &spaces) && !spaces.count);
	CHECK_ERRNO(map(&mirror, 0, 4, 0, entries), ESRCH);
	CHECK(!mirror_close(&mirror));
	CHECK_ERRNO(mirror_create(&mirror, device, agent.space, base, 4), ESRCH);
	agent_stop(&agent);
}

static void coalesces_without_losing_anything(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 64, RW, ANON);
	struct mirror mirror;
	uint64_t entries[64];
	int i, n, hulls = 0, total = 0;

	CHECK(!mirror_create(&mirror, device, agent.space, base, 64));
	for (i = 0; i < 1500; i++)
		tell(&agent, OP_MPROTECT, base + (10 + i % 20) * PAGE, 1, i / 20 & 1 ? RW : PROT_READ);
	CHECK_ERRNO(map_once(&mirror, 10, 20, 0, entries), ESTALE);
	while ((n = take_events(&mirror)) > 0)
		for (i = 0; i < n; i++, total++)
			if (events[i].flags & HMM_SDK_EVENT_COALESCED) {
				hulls++;
				CHECK(events[i].first >= 10 &&
				      events[i].first + events[i].pages <= 30);
			}
	CHECK(hulls == 1);
	CHECK(!map(&mirror, 40, 20, 0, entries));
	CHECK(!map(&mirror, 10, 20, 0, entries));
	CHECK(!mirror_close(&mirror));
	agent_stop(&agent);
}

static void shares_a_page_that_is_read_only(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 4, RW, ANON);
	struct hmm_sdk_read_begin begin = { 0 };
	struct hmm_sdk_read_retry retry = { 0 };
	struct mirror mirror;
	uint64_t entries[4];
	char *shared;

	CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, device, 0) == MAP_FAILED);
	shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, 0);
	CHECK(shared != MAP_FAILED);
	CHECK(mprotect(shared, PAGE, RW) < 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 4));
	CHECK(!map(&mirror, 0, 4, HMM_SDK_MAP_WRITE, entries));
	take_events(&mirror);
	begin.mirror = mirror.id;
	CHECK(!ioctl(device, HMM_SDK_IOC_READ_BEGIN, &begin));
	CHECK(*(uint64_t *)(shared + HMM_SDK_SHARED_MIRRORS + 8 * mirror.slot) == begin.sequence);
	begin.flags = HMM_SDK_NOWAIT;
	CHECK(!ioctl(device, HMM_SDK_IOC_READ_BEGIN, &begin));
	CHECK(*(uint32_t *)(shared + HMM_SDK_SHARED_UNREAD) == 0);
	CHECK(!tell(&agent, OP_MADVISE, base, 1, MADV_DONTNEED));
	CHECK(*(uint32_t *)(shared + HMM_SDK_SHARED_UNREAD) == 1);
	CHECK(*(uint64_t *)(shared + HMM_SDK_SHARED_MIRRORS + 8 * mirror.slot) != begin.sequence);
	retry.mirror = mirror.id;
	retry.sequence = begin.sequence;
	CHECK(!ioctl(device, HMM_SDK_IOC_READ_RETRY, &retry) && retry.retry == 1);
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_READ_BEGIN, &begin), EAGAIN);
	CHECK(!mirror_close(&mirror));
	munmap(shared, PAGE);
	agent_stop(&agent);
}

static void refuses_secret_memory(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_SECRET, 2, 0, 0);
	struct mirror mirror;
	uint64_t entries[2];

	if (base == -1) {
		printf("# no memfd_secret: %s\n", strerror(errno));
	} else {
		tell(&agent, OP_WRITE, base, 42, 0);
		CHECK(!mirror_create(&mirror, device, agent.space, base, 2));
		CHECK_ERRNO(map(&mirror, 0, 2, 0, entries), EOPNOTSUPP);
		CHECK(last_map.reason == HMM_SDK_REASON_SECRET);
		CHECK(!mirror_close(&mirror));
	}
	agent_stop(&agent);
}

/* Written by the device after MADV_FREE: no longer free, whatever the CPU's dirty bit says. */
static void keeps_what_was_written_to_free_memory(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 4, RW, ANON);
	struct mirror mirror;
	uint64_t entries[4], word = 99;
	int i;

	for (i = 0; i < 4; i++)
		tell(&agent, OP_WRITE, base + i * PAGE, 7, 0);
	CHECK(!mirror_create(&mirror, device, agent.space, base, 4));
	CHECK(!tell(&agent, OP_MADVISE, base, 4, MADV_FREE));
	take_events(&mirror);
	CHECK(!map(&mirror, 0, 2, HMM_SDK_MAP_WRITE, entries));
	CHECK(!engine_write(device, mirror.dma_page, 0, &word, 8));
	CHECK(!engine_write(device, mirror.dma_page + 1, 0, &word, 8));
	CHECK(unmap(&mirror, 1, 1) == 1);
	CHECK(!tell(&agent, OP_MADVISE, base, 4, MADV_PAGEOUT));
	CHECK(tell(&agent, OP_READ, base, 0, 0) == 99);
	CHECK(tell(&agent, OP_READ, base + PAGE, 0, 0) == 99);
	CHECK(!mirror_close(&mirror));
	agent_stop(&agent);
}

/* Without rights a page has a number that says nothing but which pages are the same. */
static void hides_page_frames(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 2, RW, ANON);
	uint64_t frames[2] = { 0 }, hidden[2] = { 0 };
	struct hmm_sdk_fault fault = { .pages = 2, .default_flags = HMM_SDK_ENTRY_VALID };
	struct mirror mirror;

	CHECK(!mirror_create(&mirror, device, agent.space, base, 2));
	fault.mirror = mirror.id;
	fault.entries = (uintptr_t)frames;
	/* Both are the zero page. */
	CHECK(!ioctl(device, HMM_SDK_IOC_FAULT, &fault));
	CHECK(PAGE_OF(frames[0]) == PAGE_OF(frames[1]) && PAGE_OF(frames[0]) < 1ULL << 40);
	CHECK(!seteuid(65534));
	fault.entries = (uintptr_t)hidden;
	CHECK(!ioctl(device, HMM_SDK_IOC_FAULT, &fault));
	CHECK(!seteuid(0));
	CHECK(PAGE_OF(hidden[0]) == PAGE_OF(hidden[1]) && hidden[0] >> 51 == frames[0] >> 51);
	CHECK(PAGE_OF(hidden[0]) != PAGE_OF(frames[0]));
	CHECK(!mirror_close(&mirror));
	agent_stop(&agent);
}

static void maps_and_links_buffers(void)
{
	struct hmm_sdk_buffer_alloc alloc = { .bytes = 3 * PAGE };
	struct hmm_sdk_buffer_copy copy = { 0 };
	struct hmm_sdk_dma_map dma = { 0 };
	struct hmm_sdk_dma_unmap undo = { 0 };
	struct hmm_sdk_window_open window = { .pages = 8 };
	struct hmm_sdk_window_link link = { 0 };
	struct hmm_sdk_window_range range = { 0 };
	struct hmm_sdk_window_close close = { 0 };
	struct hmm_sdk_buffer_free free = { 0 };
	char text[] = "hello, device", back[sizeof(text)] = "";

	CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_ALLOC, &alloc));
	copy.buffer = alloc.buffer;
	copy.offset = 4090;
	copy.length = sizeof(text);
	copy.data = (uintptr_t)text;
	CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_WRITE, &copy));
	dma.buffer = alloc.buffer;
	dma.offset = 4090;
	dma.bytes = sizeof(text);
	dma.direction = HMM_SDK_TO_DEVICE;
	CHECK(!ioctl(device, HMM_SDK_IOC_DMA_MAP, &dma));
	CHECK(dma.dma_offset == 4090 && dma.revocable == 1);
	CHECK(!engine_read(device, dma.dma_page, dma.dma_offset, back, sizeof(back)));
	CHECK(!strcmp(text, back));
	CHECK_ERRNO(engine_write(device, dma.dma_page, dma.dma_offset, back, 1), EFAULT);
	CHECK(last_source == HMM_SDK_SOURCE_PERMISSION);
	CHECK_ERRNO(engine_read(device, dma.dma_page, 0, back, 4), EFAULT);
	free.buffer = alloc.buffer;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_BUFFER_FREE, &free), EBUSY);
	undo.mapping = dma.mapping;
	CHECK(!ioctl(device, HMM_SDK_IOC_DMA_UNMAP, &undo));
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_DMA_UNMAP, &undo), EBADF);
	CHECK_ERRNO(engine_read(device, dma.dma_page, dma.dma_offset, back, 4), EFAULT);

	CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_OPEN, &window));
	link.window = window.window;
	link.buffer = alloc.buffer;
	link.at = 2;
	link.pages = 3;
	CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_LINK, &link));
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_WINDOW_LINK, &link), EADDRINUSE);
	range.window = window.window;
	range.at = 2;
	range.pages = 3;
	CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_SYNC, &range));
	CHECK(!engine_read(device, window.dma_page + 2, 4090, back, sizeof(back)));
	CHECK(!strcmp(text, back));
	range.pages = 4;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_WINDOW_UNLINK, &range), EINVAL);
	range.pages = 1;
	CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_UNLINK, &range));
	CHECK_ERRNO(engine_read(device, window.dma_page + 2, 0, back, 4), EFAULT);
	close.window = window.window;
	CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_CLOSE, &close));
	CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_FREE, &free));
}

/* The agent outlives the driver and still holds the context, which has ended all the same. */
static void ends_with_the_driver(void)
{
	struct hmm_sdk_space_bind bind = { 0 };
	int go[2], answer[2], error = 0;
	pid_t driver;

	CHECK(!pipe(go) && !pipe(answer));
	fflush(stdout);
	driver = fork();
	if (!driver) {
		int mine, soft;

		close(context);
		close(device);
		mine = context_open();
		soft = soft_open(mine, 0);
		if (!fork()) {
			long base = (long)mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
			char byte;

			/* Devices are not inherited by a process that is executed. */
			close(soft);
			close(go[1]);
			if (ioctl(mine, HMM_SDK_IOC_SPACE_BIND, &bind))
				_exit(1);
			if (write(answer[1], &bind.space, 4) != 4 ||
			    write(answer[1], &base, sizeof(base)) != sizeof(base) ||
			    read(go[0], &byte, 1) != 1)
				_exit(1);
			memset(&bind, 0, sizeof(bind));
			error = ioctl(mine, HMM_SDK_IOC_SPACE_BIND, &bind) ? errno : 0;
			if (write(answer[1], &error, sizeof(error)) < 0)
				_exit(1);
			_exit(0);
		} else {
			struct mirror mirror;
			uint64_t entries[4];
			uint32_t space;
			long base;

			if (read(answer[0], &space, 4) != 4 ||
			    read(answer[0], &base, sizeof(base)) != sizeof(base) ||
			    mirror_create(&mirror, soft, space, base, 4) ||
			    map(&mirror, 0, 4, HMM_SDK_MAP_WRITE, entries) ||
			    write(answer[1], &error, sizeof(error)) != sizeof(error))
				_exit(1);
			pause();
			_exit(0);
		}
	}
	/* The driver has mapped the agent; now it dies. */
	usleep(300000);
	CHECK(read(answer[0], &error, sizeof(error)) == sizeof(error) && error == 0);
	kill(driver, SIGKILL);
	waitpid(driver, NULL, 0);
	CHECK(write(go[1], "x", 1) == 1);
	CHECK(read(answer[0], &error, sizeof(error)) == sizeof(error) && error == ESHUTDOWN);
	close(go[0]);
	close(go[1]);
	close(answer[0]);
	close(answer[1]);
}

int main(void)
{
	context = context_open();
	device = soft_open(context, 0);
	CHECK(device >= 0);
	RUN(reads_and_writes_what_the_process_has);
	RUN(revokes_on_munmap);
	RUN(keeps_read_only_read_only);
	RUN(undoes_only_its_own);
	RUN(faults_as_the_kernel_does);
	RUN(tells_release_once);
	RUN(coalesces_without_losing_anything);
	RUN(shares_a_page_that_is_read_only);
	RUN(refuses_secret_memory);
	RUN(keeps_what_was_written_to_free_memory);
	RUN(hides_page_frames);
	RUN(maps_and_links_buffers);
	RUN(ends_with_the_driver);
	return DONE();
}
