// SPDX-License-Identifier: MIT
/*
 * Pins pages for long (FOLL_LONGTERM), in the one way that every program has: as buffers that are
 * registered with io_uring.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent.h"

/* Bytes of one registered buffer. */
#define MOST (1ull << 30)
#define BUFFERS 16u

static struct {
	uint32_t pin; /* 0: free */
	int fd;
} pins[AGENT_MAX_PINS];

static int find(uint32_t pin)
{
	for (unsigned int i = 0; i < AGENT_MAX_PINS; i++) {
		if (pins[i].pin == pin)
			return (int)i;
	}
	return -1;
}

int pin_pages(const struct range_request *request)
{
	struct iovec buffers[BUFFERS];
	struct io_uring_params params = { 0 };
	unsigned int count = 0;
	int slot = find(0), fd;

	if (request->value == 0 || !in_window(request->address, request->length) ||
	    request->length > MOST * BUFFERS)
		return -EINVAL;
	if (find(request->value) >= 0)
		return -EEXIST;
	if (slot < 0)
		return -ENOSPC;
	for (uint64_t done = 0; done < request->length; count++) {
		uint64_t length = request->length - done < MOST ? request->length - done : MOST;

		buffers[count].iov_base = (void *)(uintptr_t)(request->address + done);
		buffers[count].iov_len = length;
		done += length;
	}
	fd = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, buffers, count) != 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	pins[slot].pin = request->value;
	pins[slot].fd = fd;
	return 0;
}

int unpin_pages(const struct range_request *request)
{
	int slot = request->value == 0 ? -1 : find(request->value), result = 0;

	if (slot < 0)
		return -EBADF;
	/* Closing alone would unpin some time later. */
	if (syscall(SYS_io_uring_register, pins[slot].fd, IORING_UNREGISTER_BUFFERS, NULL, 0) != 0)
		result = -errno;
	close(pins[slot].fd);
	pins[slot].pin = 0;
	return result;
}

void pins_forget(void)
{
	for (unsigned int i = 0; i < AGENT_MAX_PINS; i++) {
		if (pins[i].pin != 0)
			close(pins[i].fd);
		pins[i].pin = 0;
	}
}
