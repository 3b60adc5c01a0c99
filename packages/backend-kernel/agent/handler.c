// SPDX-License-Identifier: MIT
/*
 * Serves the userfaults of one process: tells of each touch that waits, and does what it is told about
 * it. It is a process of its own, since the one that waits cannot serve itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent.h"

static unsigned char input[AGENT_MAX_PAYLOAD];
static unsigned char stage[AGENT_STAGE] __attribute__((aligned(4096)));
static uint32_t self;

static void tell(void)
{
	struct uffd_msg message;

	while (read(HANDLER_FD, &message, sizeof(message)) == sizeof(message)) {
		uint64_t flags = message.arg.pagefault.flags;
		struct userfault fault = {
			.address = message.arg.pagefault.address,
			.flags = (flags & UFFD_PAGEFAULT_FLAG_WRITE ? USERFAULT_WRITE : 0) |
				 (flags & UFFD_PAGEFAULT_FLAG_WP ? USERFAULT_WRITE_PROTECT : 0),
		};

		if (message.event == UFFD_EVENT_PAGEFAULT)
			channel_reply(self, 0, OP_USERFAULT, &fault, sizeof(fault));
	}
}

static int do_stage(size_t length)
{
	struct stage_request request;

	if (length < sizeof(request))
		return -EINVAL;
	memcpy(&request, input, sizeof(request));
	length -= sizeof(request);
	if (request.offset > AGENT_STAGE || length > AGENT_STAGE - request.offset)
		return -EINVAL;
	memcpy(stage + request.offset, input + sizeof(request), length);
	return 0;
}

/* One UFFDIO_COPY or UFFDIO_ZEROPAGE: the bytes it filled, or -errno. */
static int64_t fill_once(int32_t op, uint64_t to, uint64_t offset, uint64_t length, uint32_t mode)
{
	if (op == OP_UFFD_COPY) {
		struct uffdio_copy copy = {
			.dst = to,
			.src = (uint64_t)(uintptr_t)(stage + offset),
			.len = length,
			.mode = mode,
		};

		if (ioctl(HANDLER_FD, UFFDIO_COPY, &copy) == 0)
			return (int64_t)length;
		return errno == EAGAIN && copy.copy > 0 ? copy.copy : -errno;
	} else {
		struct uffdio_zeropage zero = { .range = { .start = to, .len = length } };

		if (ioctl(HANDLER_FD, UFFDIO_ZEROPAGE, &zero) == 0)
			return (int64_t)length;
		return errno == EAGAIN && zero.zeropage > 0 ? zero.zeropage : -errno;
	}
}

/* Filling may end in the middle, and goes on there; what fails says how far it came. */
static int fill(int32_t op, uint32_t request, const struct range_request *range)
{
	struct fill_reply reply = { 0 };
	uint32_t mode = range->value ? UFFDIO_COPY_MODE_WP : 0;

	if (range->length == 0 || (op == OP_UFFD_COPY && range->length > AGENT_STAGE))
		return -EINVAL;
	while (reply.done < range->length) {
		int64_t got = fill_once(op, range->address + reply.done, reply.done,
					range->length - reply.done, mode);

		if (got == -EAGAIN)
			continue; /* mappings of the process change just now */
		if (got < 0) {
			reply.error = (int32_t)got;
			break;
		}
		reply.done += (uint64_t)got;
	}
	channel_reply(self, request, 0, &reply, sizeof(reply));
	return 1;
}

static int protect(const struct range_request *range)
{
	struct uffdio_writeprotect request = {
		.range = { .start = range->address, .len = range->length },
		.mode = range->value ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	while (ioctl(HANDLER_FD, UFFDIO_WRITEPROTECT, &request) != 0) {
		if (errno != EAGAIN)
			return -errno;
	}
	return 0;
}

static int wake(const struct range_request *range)
{
	struct uffdio_range request = { .start = range->address, .len = range->length };

	return ioctl(HANDLER_FD, UFFDIO_WAKE, &request) == 0 ? 0 : -errno;
}

static int tell_pid(uint32_t request)
{
	uint32_t pid = (uint32_t)getpid();

	channel_reply(self, request, 0, &pid, sizeof(pid));
	return 1;
}

static int execute(const struct frame *frame, size_t length)
{
	struct range_request range;

	if (frame->code == OP_EXIT)
		_exit(0);
	if (frame->code == OP_UFFD_PID)
		return tell_pid(frame->request);
	if (frame->code == OP_UFFD_STAGE)
		return do_stage(length);
	if (length != sizeof(range))
		return -EINVAL;
	memcpy(&range, input, sizeof(range));
	if (!in_window(range.address, range.length))
		return -EINVAL;
	switch (frame->code) {
	case OP_UFFD_COPY:
	case OP_UFFD_ZEROPAGE:
		return fill(frame->code, frame->request, &range);
	case OP_UFFD_WRITEPROTECT:
		return protect(&range);
	case OP_UFFD_WAKE:
		return wake(&range);
	default:
		return -ENOTTY;
	}
}

static void obey(void)
{
	struct frame frame;
	ssize_t length = channel_receive(&frame, input);
	int code;

	if (length < 0)
		_exit(0);
	code = execute(&frame, (size_t)length);
	if (code <= 0)
		channel_reply(self, frame.request, code, NULL, 0);
}

_Noreturn void handler_start(uint32_t process)
{
	struct pollfd polled[2] = {
		{ .fd = CHANNEL_FD, .events = POLLIN },
		{ .fd = HANDLER_FD, .events = POLLIN },
	};

	self = process;
	prctl(PR_SET_NAME, "userfaults", 0, 0, 0);
	/* The process borrows HANDLER_FD to move its pages (pidfd_getfd). */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	for (;;) {
		if (poll(polled, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			_exit(1);
		}
		if (polled[1].revents & POLLIN)
			tell();
		if (polled[1].revents & (POLLERR | POLLHUP | POLLNVAL))
			polled[1].fd = -1; /* nothing comes any more */
		if (polled[0].revents != 0)
			obey();
	}
}
