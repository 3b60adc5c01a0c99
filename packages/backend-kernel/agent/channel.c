// SPDX-License-Identifier: MIT
/* The socket of a process: one frame is one message. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent.h"

static void send_all(struct msghdr *message)
{
	while (sendmsg(CHANNEL_FD, message, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			_exit(1); /* the supervisor is gone */
	}
}

void channel_reply(uint32_t process, uint32_t request, int32_t code, const void *payload,
		   size_t length)
{
	struct frame frame = {
		.length = (uint32_t)length,
		.process = process,
		.request = request,
		.code = code,
	};
	struct iovec parts[2] = {
		{ .iov_base = &frame, .iov_len = sizeof(frame) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = length },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = length == 0 ? 1 : 2 };

	send_all(&message);
}

ssize_t channel_receive(struct frame *frame, void *payload)
{
	struct iovec parts[2] = {
		{ .iov_base = frame, .iov_len = sizeof(*frame) },
		{ .iov_base = payload, .iov_len = AGENT_MAX_PAYLOAD },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t received;

	do {
		received = recvmsg(CHANNEL_FD, &message, MSG_CMSG_CLOEXEC);
	} while (received < 0 && errno == EINTR);
	if (received < (ssize_t)sizeof(*frame) || message.msg_flags & MSG_TRUNC)
		return -1;
	received -= (ssize_t)sizeof(*frame);
	return received == (ssize_t)frame->length ? received : -1;
}

int channel_adopt(int32_t code, uint32_t process, pid_t pid, int fd)
{
	int32_t number = pid;
	struct frame frame = { .length = sizeof(number), .process = process, .code = code };
	struct iovec parts[2] = {
		{ .iov_base = &frame, .iov_len = sizeof(frame) },
		{ .iov_base = &number, .iov_len = sizeof(number) },
	};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	send_all(&message);
	return 0;
}
