// SPDX-License-Identifier: MIT
/*
 * Memory files (memfd) of a process, by numbers that the caller chooses. A fork inherits both the
 * table and the descriptors, so a child maps the files of its parent by the same numbers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

static struct {
	uint32_t file; /* 0: free */
	int fd;
} files[AGENT_MAX_FILES];

static int find(uint32_t file)
{
	for (unsigned int i = 0; i < AGENT_MAX_FILES; i++) {
		if (files[i].file == file)
			return (int)i;
	}
	return -1;
}

int file_fd(uint32_t file)
{
	int slot = file == 0 ? -1 : find(file);

	return slot < 0 ? -EBADF : files[slot].fd;
}

/* What one entry of a page directory maps, of the smallest pages there are. */
#define BLOCK (2u << 20)

/*
 * A file in the folder that the variable names, of zeros that are written in parts, so that no page of it is a
 * hole; after it was allocated block by block, so that one of a file system that was made for it (mkfs.ext4 -E
 * stride=512,stripe_width=512) can be mapped as one.
 */
static int create_in(const char *variable, uint64_t length, uint64_t most)
{
	static const unsigned char zeros[65536];
	const char *folder = getenv(variable);
	int fd = open(folder == NULL ? "" : folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	for (uint64_t done = 0; fd >= 0 && done < length;) {
		uint64_t block = length - done < BLOCK ? length - done : BLOCK;
		uint64_t part = length - done < most ? length - done : most;
		ssize_t written;

		/* Where it cannot be had in one piece, writing allocates it. */
		if (done % BLOCK == 0)
			(void)!fallocate(fd, 0, (off_t)done, (off_t)block);
		written = pwrite(fd, zeros, part, (off_t)done);
		if (written <= 0) {
			int error = written < 0 ? errno : EIO;

			close(fd);
			errno = error;
			return -1;
		}
		done += (uint64_t)written;
	}
	if (fd >= 0)
		fsync(fd);
	return fd;
}

static int create_dax(uint64_t length)
{
	return create_in("HMM_SDK_DAX_FOLDER", length, 65536);
}

/* Page by page, so that the page cache has pages: a folio is written back as a whole. */
static int create_on_disk(uint64_t length)
{
	return create_in("HMM_SDK_DISK_FOLDER", length, page_size());
}

int file_create(uint32_t file, uint64_t length, uint32_t huge)
{
	unsigned int flags = MFD_CLOEXEC;
	int slot, fd;

	if (file == 0 || length > LLONG_MAX || (huge > MFD_HUGE_MASK && huge != FILE_DAX && huge != FILE_DISK))
		return -EINVAL;
	if (huge != 0 && huge != FILE_DAX && huge != FILE_DISK)
		flags |= MFD_HUGETLB | (huge << MFD_HUGE_SHIFT);
	if (find(file) >= 0)
		return -EEXIST;
	slot = find(0);
	if (slot < 0)
		return -ENOSPC;
	fd = huge == FILE_DAX  ? create_dax(length) :
	     huge == FILE_DISK ? create_on_disk(length) :
				 memfd_create("hmm-agent", flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)length) != 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	files[slot].file = file;
	files[slot].fd = fd;
	return 0;
}

int file_sync(uint32_t file)
{
	int fd = file_fd(file);

	if (fd < 0)
		return fd;
	return fsync(fd) == 0 ? 0 : -errno;
}

/* Whether all of the bytes are inside the file. */
static int inside(int fd, uint64_t offset, uint64_t length)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return -errno;
	return offset > LLONG_MAX || length > (uint64_t)LLONG_MAX - offset ||
			       offset + length > (uint64_t)status.st_size ?
		       -EINVAL :
		       0;
}

int file_read(uint32_t file, uint64_t offset, void *bytes, uint64_t length)
{
	int fd = file_fd(file), code = fd < 0 ? fd : inside(fd, offset, length);

	for (uint64_t done = 0; code == 0 && done < length;) {
		ssize_t part = pread(fd, (char *)bytes + done, length - done,
				     (off_t)(offset + done));

		if (part <= 0)
			code = part < 0 ? -errno : -EINVAL;
		else
			done += (uint64_t)part;
	}
	return code;
}

int file_write(uint32_t file, uint64_t offset, const void *bytes, uint64_t length)
{
	int fd = file_fd(file), code = fd < 0 ? fd : inside(fd, offset, length);

	for (uint64_t done = 0; code == 0 && done < length;) {
		ssize_t part = pwrite(fd, (const char *)bytes + done, length - done,
				      (off_t)(offset + done));

		if (part <= 0)
			code = part < 0 ? -errno : -EIO;
		else
			done += (uint64_t)part;
	}
	return code;
}

int file_truncate(uint32_t file, uint64_t length)
{
	int fd = file_fd(file);

	if (fd < 0)
		return fd;
	if (length > LLONG_MAX)
		return -EINVAL;
	return ftruncate(fd, (off_t)length) == 0 ? 0 : -errno;
}

int file_punch(uint32_t file, uint64_t offset, uint64_t length)
{
	int fd = file_fd(file);

	if (fd < 0)
		return fd;
	if (offset > LLONG_MAX || length > (uint64_t)LLONG_MAX - offset)
		return -EINVAL;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)length) != 0)
		return -errno;
	return 0;
}

int file_close(uint32_t file)
{
	int slot = file == 0 ? -1 : find(file);

	if (slot < 0)
		return -EBADF;
	close(files[slot].fd);
	files[slot].file = 0;
	return 0;
}
