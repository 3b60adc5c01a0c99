// SPDX-License-Identifier: GPL-2.0
/*
 * The edu device behind an IOMMU: registers, interrupts, coherent and streaming memory, windows,
 * and mirrors that its DMA engine reads and writes until they are revoked.
 */
#include <sys/resource.h>

#include "selftest.h"

static int context, device;
static struct hmm_sdk_device_info info;

static int pci_open(uint32_t *reason)
{
	struct hmm_sdk_device_open open = { .kind = HMM_SDK_DEVICE_PCI, .vendor = 0x1234,
					    .device = 0x11e8 };
	int ret = ioctl(context, HMM_SDK_IOC_DEVICE_OPEN, &open);
	int error = errno;

	*reason = open.reason;
	errno = error;
	return ret ? -1 : open.fd;
}

static int reg_write(uint64_t offset, uint32_t width, uint64_t value)
{
	struct hmm_sdk_register reg = { .width = width, .offset = offset, .value = value };

	return ioctl(device, HMM_SDK_IOC_REG_WRITE, &reg);
}

static int reg_read(uint64_t offset, uint32_t width, uint64_t *value)
{
	struct hmm_sdk_register reg = { .width = width, .offset = offset };
	int ret = ioctl(device, HMM_SDK_IOC_REG_READ, &reg);

	*value = reg.value;
	return ret;
}

/* Waits for an interrupt event, up to two seconds. */
static int interrupt(void)
{
	struct mirror all = { .device = device };
	struct pollfd fd = { .fd = device, .events = POLLIN };
	int i, n, count = 0, tries;

	for (tries = 0; tries < 20 && !count; tries++) {
		if (poll(&fd, 1, 100) != 1)
			continue;
		n = take_events(&all);
		for (i = 0; i < n; i++)
			if (events[i].type == HMM_SDK_EVENT_INTERRUPT)
				count += events[i].count;
	}
	return count;
}

static int deliver(int enable)
{
	struct hmm_sdk_irq irq = { .enable = enable };

	return ioctl(device, HMM_SDK_IOC_IRQ_LISTEN, &irq);
}

/* One transfer between DMA address and edu's buffer. 0: it ended with an interrupt. */
static int transfer(uint64_t address, uint32_t bytes, int to_ram)
{
	uint64_t status;

	CHECK(!reg_write(0x80, 8, to_ram ? 0x40000 : address));
	CHECK(!reg_write(0x88, 8, to_ram ? address : 0x40000));
	CHECK(!reg_write(0x90, 8, bytes));
	if (reg_write(0x98, 8, 1 | (to_ram ? 2 : 0) | 4))
		return -1;
	do {
		usleep(10000);
		reg_read(0x98, 8, &status);
	} while (status & 1);
	if (interrupt() < 1)
		return -2;
	reg_read(0x24, 4, &status);
	reg_write(0x64, 4, status);
	return 0;
}

static void mark(const char *text)
{
	int log = open("/dev/kmsg", O_WRONLY);

	if (log >= 0) {
		if (write(log, text, strlen(text)) < 0)
			perror("kmsg");
		close(log);
	}
}

static void describes_itself(void)
{
	CHECK(!ioctl(device, HMM_SDK_IOC_DEVICE_INFO, &info));
	printf("# domain %u reason %u capabilities %llx vectors %u bar0 %llu mask %u\n",
	       info.domain, info.mirror_reason, (unsigned long long)info.capabilities,
	       info.vectors, (unsigned long long)info.bars[0], info.mask_bits);
	CHECK(info.kind == HMM_SDK_DEVICE_PCI && info.vendor == 0x1234 && info.device == 0x11e8);
	CHECK(info.capabilities & HMM_SDK_DEV_REGISTERS);
}

static void opens_once(void)
{
	uint32_t reason = 0;

	CHECK_ERRNO(pci_open(&reason), EBUSY);
	CHECK(reason == HMM_SDK_REASON_IN_USE);
}

static void checks_registers(void)
{
	struct hmm_sdk_register reg = { .width = 4 };
	uint64_t value;

	CHECK(!reg_read(0, 4, &value) && value == 0x010000ed);
	CHECK(!reg_write(4, 4, 0x12345678) && !reg_read(4, 4, &value) &&
	      value == (uint32_t)~0x12345678);
	reg.offset = 2;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_REG_READ, &reg), EINVAL);
	reg.offset = info.bars[0];
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_REG_READ, &reg), EINVAL);
	reg.offset = info.bars[0] - 4;
	reg.width = 8;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_REG_READ, &reg), EINVAL);
	reg.offset = 0;
	reg.width = 2;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_REG_READ, &reg), EINVAL);
	reg.width = 4;
	reg.bar = 1;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_REG_READ, &reg), EINVAL);
	CHECK_ERRNO(reg_write(4, 4, 1ULL << 32), EINVAL);
	/* A transfer that leaves the device's buffer would end the machine. */
	CHECK(!reg_write(0x80, 8, 0x1000) && !reg_write(0x88, 8, 0x40001) &&
	      !reg_write(0x90, 8, 4096));
	CHECK_ERRNO(reg_write(0x98, 8, 1), EINVAL);
	CHECK_ERRNO(reg_write(0x98, 4, 1), EINVAL);
	CHECK(!reg_write(0x88, 8, 0x40000) && !reg_write(0x90, 8, 4096));
	CHECK_ERRNO(reg_write(0x98, 8, 1), EINVAL);
}

static void delivers_interrupts(void)
{
	uint64_t status, value;

	CHECK(!deliver(1));
	CHECK(!reg_write(0x60, 4, 0x55));
	CHECK(interrupt() >= 1);
	CHECK(!reg_read(0x24, 4, &status) && status == 0x55);
	CHECK(!reg_write(0x64, 4, status));
	CHECK(!reg_write(0x20, 4, 0x80) && !reg_write(8, 4, 5));
	CHECK(interrupt() >= 1);
	CHECK(!reg_read(8, 4, &value) && value == 120);
	reg_read(0x24, 4, &status);
	reg_write(0x64, 4, status);
	CHECK(!deliver(0));
	CHECK(!reg_write(0x60, 4, 1));
	CHECK(!reg_write(0x64, 4, 1));
	CHECK(!deliver(1));
}

static void moves_own_memory(void)
{
	struct hmm_sdk_buffer_alloc coherent = { .bytes = PAGE };
	struct hmm_sdk_buffer_alloc alloc = { .bytes = PAGE };
	struct hmm_sdk_window_open window = { .pages = 4 };
	struct hmm_sdk_window_link link = { 0 };
	struct hmm_sdk_window_range range = { 0 };
	struct hmm_sdk_window_close close = { 0 };
	struct hmm_sdk_buffer_copy copy = { 0 };
	struct hmm_sdk_buffer_free free = { 0 };
	struct hmm_sdk_dma_map dma = { 0 };
	struct hmm_sdk_dma_sync sync = { 0 };
	struct hmm_sdk_dma_unmap undo = { 0 };
	char text[] = "through the device and back", back[sizeof(text)] = "";

	CHECK(!ioctl(device, HMM_SDK_IOC_COHERENT_ALLOC, &coherent));
	CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_ALLOC, &alloc));
	copy.buffer = coherent.buffer;
	copy.length = sizeof(text);
	copy.data = (uintptr_t)text;
	CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_WRITE, &copy));
	CHECK(!transfer(coherent.dma_page * PAGE, sizeof(text), 0));
	dma.buffer = alloc.buffer;
	dma.bytes = PAGE;
	dma.direction = HMM_SDK_FROM_DEVICE;
	CHECK(!ioctl(device, HMM_SDK_IOC_DMA_MAP, &dma));
	CHECK(!transfer(dma.dma_page * PAGE + dma.dma_offset, sizeof(text), 1));
	sync.mapping = dma.mapping;
	sync.bytes = PAGE;
	sync.target = HMM_SDK_SYNC_CPU;
	CHECK(!ioctl(device, HMM_SDK_IOC_DMA_SYNC, &sync));
	sync.target = HMM_SDK_SYNC_DEVICE;
	CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_DMA_SYNC, &sync), EINVAL);
	copy.buffer = alloc.buffer;
	copy.data = (uintptr_t)back;
	CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_READ, &copy));
	CHECK(!strcmp(text, back));
	undo.mapping = dma.mapping;
	CHECK(!ioctl(device, HMM_SDK_IOC_DMA_UNMAP, &undo));

	if (info.capabilities & HMM_SDK_DEV_WINDOW) {
		CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_OPEN, &window));
		link.window = window.window;
		link.buffer = alloc.buffer;
		link.at = 3;
		link.pages = 1;
		CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_LINK, &link));
		range.window = window.window;
		range.at = 3;
		range.pages = 1;
		CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_SYNC, &range));
		memset(back, 0, sizeof(back));
		CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_WRITE, &copy));
		CHECK(!transfer((window.dma_page + 3) * PAGE, sizeof(text), 1));
		CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_READ, &copy));
		CHECK(!strcmp(text, back));
		CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_UNLINK, &range));
		CHECK_ERRNO(ioctl(device, HMM_SDK_IOC_WINDOW_UNLINK, &range), EINVAL);
		close.window = window.window;
		CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_LINK, &link));
		CHECK(!ioctl(device, HMM_SDK_IOC_WINDOW_CLOSE, &close));
	}
	free.buffer = alloc.buffer;
	CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_FREE, &free));
	free.buffer = coherent.buffer;
	CHECK(!ioctl(device, HMM_SDK_IOC_BUFFER_FREE, &free));
}

static void mirrors_a_process(void)
{
	struct agent agent = agent_start(context);
	long base = tell(&agent, OP_MMAP, 8, RW, ANON);
	struct hmm_sdk_revocations before = { 0 }, after;
	struct mirror mirror;
	uint64_t entries[8];

	tell(&agent, OP_WRITE, base, 0x1122334455667788, 0);
	tell(&agent, OP_READ, base + 2 * PAGE, 0, 0);
	if (!(info.capabilities & HMM_SDK_DEV_MIRROR)) {
		CHECK(!mirror_create(&mirror, device, agent.space, base, 8));
		CHECK_ERRNO(map(&mirror, 0, 1, 0, entries), EOPNOTSUPP);
		CHECK(last_map.reason == info.mirror_reason);
		agent_stop(&agent);
		return;
	}
	CHECK(!mirror_create(&mirror, device, agent.space, base, 8));
	CHECK(mirror.dma_page != 0);
	CHECK(!map(&mirror, 0, 1, 0, entries));
	CHECK(!map(&mirror, 1, 1, HMM_SDK_MAP_WRITE, entries + 1));
	CHECK(!map(&mirror, 2, 1, 0, entries + 2));
	CHECK(!transfer(PAGE_OF(entries[0]) * PAGE, 2048, 0));
	CHECK(!transfer(PAGE_OF(entries[1]) * PAGE, 2048, 1));
	CHECK(tell(&agent, OP_READ, base + PAGE, 0, 0) == 0x1122334455667788);

	/* A write through a read mapping faults; the zero page stays zero. */
	mark("hmm-sdk: expect-dmar begin read-only\n");
	transfer(PAGE_OF(entries[2]) * PAGE, 8, 1);
	usleep(300000);
	mark("hmm-sdk: expect-dmar end read-only\n");
	CHECK(tell(&agent, OP_READ, base + 2 * PAGE, 0, 0) == 0);
	CHECK(tell(&agent, OP_READ, base + 3 * PAGE, 0, 0) == 0);

	/* An upgrade keeps the DMA page, and then the write goes through. */
	CHECK(!map(&mirror, 2, 1, HMM_SDK_MAP_WRITE, entries + 2));
	CHECK(PAGE_OF(entries[2]) == mirror.dma_page + 2);
	CHECK(!transfer(PAGE_OF(entries[2]) * PAGE, 8, 1));
	CHECK(tell(&agent, OP_READ, base + 2 * PAGE, 0, 0) == 0x1122334455667788);

	/* After munmap an access faults. */
	before.dma_page = mirror.dma_page;
	before.pages = 1;
	after = before;
	CHECK(!ioctl(device, HMM_SDK_IOC_REVOCATIONS, &before) && before.mapped == 1);
	CHECK(!tell(&agent, OP_MUNMAP, base, 1, 0));
	CHECK(!ioctl(device, HMM_SDK_IOC_REVOCATIONS, &after) && after.mapped == 0);
	CHECK(after.count == before.count + 1);
	mark("hmm-sdk: expect-dmar begin revoked\n");
	transfer(mirror.dma_page * PAGE, 8, 0);
	usleep(300000);
	mark("hmm-sdk: expect-dmar end revoked\n");
	CHECK(unmap(&mirror, 0, 8) >= 1);
	CHECK(!mirror_close(&mirror));
	agent_stop(&agent);
}

/* The driver dies in the middle of a transfer; the device must be free again, and nothing hurt. */
static void survives_a_kill_during_a_transfer(void)
{
	int pipes[2];
	uint32_t reason;
	pid_t driver;
	char byte;
	int tries;

	close(device);
	CHECK(!pipe(pipes));
	fflush(stdout);
	driver = fork();
	if (!driver) {
		struct mirror mirror;
		struct agent agent;
		uint64_t entries[2];
		long base;

		close(context);
		context = context_open();
		device = pci_open(&reason);
		if (device < 0)
			_exit(1);
		agent = agent_start(context);
		base = tell(&agent, OP_MMAP, 2, RW, ANON);
		if ((info.capabilities & HMM_SDK_DEV_MIRROR) &&
		    !mirror_create(&mirror, device, agent.space, base, 2) &&
		    !map(&mirror, 0, 2, HMM_SDK_MAP_WRITE, entries)) {
			reg_write(0x80, 8, 0x40000);
			reg_write(0x88, 8, mirror.dma_page * PAGE);
			reg_write(0x90, 8, 2048);
			reg_write(0x98, 8, 3);
		}
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(pipes[1]);
	CHECK(read(pipes[0], &byte, 1) == 1);
	kill(driver, SIGKILL);
	waitpid(driver, NULL, 0);
	close(pipes[0]);
	for (tries = 0; tries < 20 && (device = pci_open(&reason)) < 0; tries++)
		usleep(100000);
	CHECK(device >= 0);
	usleep(300000);
}

int main(void)
{
	uint32_t reason = 0;

	context = context_open();
	device = pci_open(&reason);
	if (device < 0) {
		printf("FAIL open: %s, reason %u\n", strerror(errno), reason);
		return 1;
	}
	RUN(describes_itself);
	RUN(opens_once);
	RUN(checks_registers);
	RUN(delivers_interrupts);
	RUN(moves_own_memory);
	RUN(mirrors_a_process);
	RUN(survives_a_kill_during_a_transfer);
	return DONE();
}
