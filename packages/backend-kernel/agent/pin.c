// SPDX-License-Identifier: MIT
/*
 * Pins pages in the two ways that every program has: for long (FOLL_LONGTERM) as buffers that are registered
 * with io_uring, for a while in a pipe that nobody reads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
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
	int writer; /* of a pipe, whose other end is fd; -1 without */
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
	pins[slot].writer = -1;
	return 0;
}

int pin_pages_short(const struct range_request *request)
{
	struct iovec pages = { (void *)(uintptr_t)request->address, request->length };
	int slot = find(0), ends[2];
	ssize_t taken;

	if (request->value == 0 || !in_window(request->address, request->length) ||
	    request->length > AGENT_SHORT_PAGES * page_size())
		return -EINVAL;
	if (find(request->value) >= 0)
		return -EEXIST;
	if (slot < 0)
		return -ENOSPC;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	taken = vmsplice(ends[1], &pages, 1, SPLICE_F_NONBLOCK);
	if (taken != (ssize_t)request->length) {
		int error = taken < 0 ? errno : EFAULT;

		close(ends[0]);
		close(ends[1]);
		return -error;
	}
	pins[slot].pin = request->value;
	pins[slot].fd = ends[0];
	pins[slot].writer = ends[1];
	return 0;
}

static void close_pin(int slot)
{
	close(pins[slot].fd);
	if (pins[slot].writer >= 0)
		close(pins[slot].writer);
	pins[slot].pin = 0;
}

int unpin_pages(const struct range_request *request)
{
	int slot = request->value == 0 ? -1 : find(request->value), result = 0;

	if (slot < 0)
		return -EBADF;
	/* Closing alone would unpin some time later. */
	if (pins[slot].writer < 0 &&
	    syscall(SYS_io_uring_register, pins[slot].fd, IORING_UNREGISTER_BUFFERS, NULL, 0) != 0)
		result = -errno;
	close_pin(slot);
	return result;
}

void pins_forget(void)
{
	for (unsigned int i = 0; i < AGENT_MAX_PINS; i++) {
		if (pins[i].pin != 0)
			close_pin((int)i);
	}
}
