// SPDX-License-Identifier: MIT
/* The two file calls that Node does not have. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "addon.h"

/* eventfd(): a descriptor, or -errno. */
napi_value file_eventfd(napi_env env, napi_callback_info info)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)info;
	return value_number(env, fd < 0 ? -errno : fd);
}

/* read(fd, memory, offset, bytes): how many, or -errno; no exception for an empty descriptor. */
napi_value file_read(napi_env env, napi_callback_info info)
{
	double numbers[4];
	struct memory *memory;
	ssize_t got;

	if (!value_arguments(env, info, 4, numbers))
		return value_number(env, -EINVAL);
	memory = memory_use((uint32_t)numbers[1], (uint32_t)numbers[2], (size_t)numbers[3]);
	if (memory == NULL)
		return value_number(env, -EFAULT);
	got = read((int)numbers[0], memory->bytes + (uint32_t)numbers[2], (size_t)numbers[3]);
	if (got < 0)
		got = -errno;
	memory_put(memory);
	return value_number(env, (double)got);
}
