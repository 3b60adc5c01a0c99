// SPDX-License-Identifier: MIT
/*
 * A userfaultfd of the process that opens it: somebody else serves faults of a part of its memory. Only moving
 * pages is done by the process itself, with the descriptor of who serves it, borrowed for that time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13) /* Linux 6.4 */
#endif

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15) /* Linux 6.7 */
#endif

#ifndef UFFDIO_MOVE /* Linux 6.8 */
struct uffdio_move {
	uint64_t dst, src, len, mode;
	int64_t move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)
#endif

#define FEATURES                                                                             \
	(UFFD_FEATURE_MISSING_HUGETLBFS | UFFD_FEATURE_MISSING_SHMEM |                       \
	 UFFD_FEATURE_EXACT_ADDRESS)
/* A kernel may be without markers in page tables (CONFIG_PTE_MARKER_UFFD_WP). */
#define WRITE_PROTECT_FEATURES                                                               \
	(UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM |                  \
	 UFFD_FEATURE_WP_UNPOPULATED)

static int setup(int fd, const struct userfaultfd_request *request)
{
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURES };
	struct uffdio_register range = {
		.range = { .start = request->address, .len = request->length },
	};

	if (request->modes & USERFAULTFD_MISSING)
		range.mode |= UFFDIO_REGISTER_MODE_MISSING;
	if (request->modes & USERFAULTFD_WRITE_PROTECT) {
		range.mode |= UFFDIO_REGISTER_MODE_WP;
		api.features |= WRITE_PROTECT_FEATURES;
		if (request->modes & USERFAULTFD_ASYNC)
			api.features |= UFFD_FEATURE_WP_ASYNC;
	}
	if (ioctl(fd, UFFDIO_API, &api) != 0 || ioctl(fd, UFFDIO_REGISTER, &range) != 0)
		return -errno;
	return 0;
}

int userfaultfd_open(const struct userfaultfd_request *request)
{
	int fd, result;

	if (!in_window(request->address, request->length) || request->modes == 0 ||
	    request->modes & ~(USERFAULTFD_MISSING | USERFAULTFD_WRITE_PROTECT | USERFAULTFD_ASYNC))
		return -EINVAL;
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	result = setup(fd, request);
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

static int borrow(uint32_t handler)
{
	int pidfd = (int)syscall(SYS_pidfd_open, handler, 0), fd;

	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, HANDLER_FD, 0);
	if (fd < 0)
		fd = -errno;
	close(pidfd);
	return fd;
}

/* Moving may end in the middle, and goes on there. */
int userfaultfd_move(const struct move_request *request, struct fill_reply *reply)
{
	int fd;

	if (!in_window(request->to, request->length) || !in_window(request->from, request->length) ||
	    request->length == 0)
		return -EINVAL;
	fd = borrow(request->handler);
	if (fd < 0)
		return fd;
	while (reply->done < request->length && reply->error == 0) {
		struct uffdio_move move = {
			.dst = request->to + reply->done,
			.src = request->from + reply->done,
			.len = request->length - reply->done,
		};

		if (ioctl(fd, UFFDIO_MOVE, &move) == 0)
			reply->done = request->length;
		else if (errno != EAGAIN)
			reply->error = -errno;
		else if (move.move > 0)
			reply->done += (uint64_t)move.move;
	}
	close(fd);
	return 0;
}
