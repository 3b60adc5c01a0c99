// SPDX-License-Identifier: MIT
/*
 * Memory that calls may use: allocated here, or mapped from a descriptor. JavaScript sees it as an
 * ArrayBuffer and names it by number. A call that runs on a thread holds a reference of its own, so
 * the memory outlives a buffer that is collected, and an environment that ends, during the call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "addon.h"

#define MOST_MEMORIES 65536u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct memory *memories[MOST_MEMORIES]; /* by number; 0 is never used */
static uint32_t search_from = 1;

void memory_put(struct memory *memory)
{
	bool last;

	pthread_mutex_lock(&lock);
	last = --memory->references == 0;
	pthread_mutex_unlock(&lock);
	if (last) {
		munmap(memory->bytes, memory->length);
		free(memory);
	}
}

struct memory *memory_use(uint32_t id, uint32_t offset, size_t length)
{
	struct memory *memory = NULL;

	if (id >= MOST_MEMORIES)
		return NULL;
	pthread_mutex_lock(&lock);
	memory = memories[id];
	if (memory != NULL && offset <= memory->length && length <= memory->length - offset)
		memory->references++;
	else
		memory = NULL;
	pthread_mutex_unlock(&lock);
	return memory;
}

/* With two references: the number's, and the buffer's. 0 if all numbers are taken. */
static uint32_t number(struct memory *memory)
{
	uint32_t id = 0;

	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < MOST_MEMORIES; i++) {
		uint32_t candidate = (search_from + i) % MOST_MEMORIES;

		if (candidate != 0 && memories[candidate] == NULL) {
			id = candidate;
			memories[id] = memory;
			memory->id = id;
			memory->references = 2;
			search_from = id + 1;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	return id;
}

static void forget(uint32_t id, struct memory *memory)
{
	bool known;

	pthread_mutex_lock(&lock);
	known = memories[id] == memory;
	if (known)
		memories[id] = NULL;
	pthread_mutex_unlock(&lock);
	if (known)
		memory_put(memory);
}

static void collected(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)data;
	struct memory *memory = hint;

	forget(memory->id, memory);
	memory_put(memory);
}

/* { id, buffer } of freshly mapped memory, which is unmapped if that fails. */
static napi_value hand_out(napi_env env, void *bytes, size_t length)
{
	struct memory *memory = malloc(sizeof(*memory));
	napi_value result, buffer;
	uint32_t id;

	if (memory == NULL) {
		munmap(bytes, length);
		return value_number(env, -ENOMEM);
	}
	memory->bytes = bytes;
	memory->length = length;
	id = number(memory);
	if (id == 0) {
		munmap(bytes, length);
		free(memory);
		return value_number(env, -ENFILE);
	}
	if (napi_create_external_arraybuffer(env, bytes, length, collected, memory, &buffer) !=
	    napi_ok) {
		forget(id, memory);
		memory_put(memory);
		return value_number(env, -ENOMEM);
	}
	if (napi_create_object(env, &result) != napi_ok ||
	    napi_set_named_property(env, result, "id", value_number(env, id)) != napi_ok ||
	    napi_set_named_property(env, result, "buffer", buffer) != napi_ok)
		return NULL;
	return result;
}

/* allocate(bytes): zeroed, page aligned. */
napi_value memory_allocate(napi_env env, napi_callback_info info)
{
	double bytes;
	void *mapped;

	if (!value_arguments(env, info, 1, &bytes) || bytes < 1)
		return value_number(env, -EINVAL);
	mapped = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (mapped == MAP_FAILED)
		return value_number(env, -errno);
	/* A process that Node starts must not share these pages copy-on-write. */
	madvise(mapped, (size_t)bytes, MADV_DONTFORK);
	return hand_out(env, mapped, (size_t)bytes);
}

/* map(fd, offset, bytes, writable): MAP_SHARED. Writing to what is not writable kills Node. */
napi_value memory_map(napi_env env, napi_callback_info info)
{
	double numbers[4];
	void *mapped;

	if (!value_arguments(env, info, 4, numbers) || numbers[2] < 1)
		return value_number(env, -EINVAL);
	mapped = mmap(NULL, (size_t)numbers[2], numbers[3] != 0 ? PROT_READ | PROT_WRITE : PROT_READ,
		      MAP_SHARED, (int)numbers[0], (off_t)numbers[1]);
	if (mapped == MAP_FAILED)
		return value_number(env, -errno);
	return hand_out(env, mapped, (size_t)numbers[2]);
}

/* address(id): where the kernel finds it. */
napi_value memory_address(napi_env env, napi_callback_info info)
{
	double id;
	struct memory *memory;
	napi_value address;

	if (!value_arguments(env, info, 1, &id))
		return value_number(env, -EINVAL);
	memory = memory_use((uint32_t)id, 0, 0);
	if (memory == NULL)
		return value_number(env, -ENOENT);
	address = value_number(env, (double)(uintptr_t)memory->bytes);
	memory_put(memory);
	return address;
}

/* release(id, buffer): detaches the buffer, so that JavaScript cannot touch it any more. */
napi_value memory_release(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	size_t given = 2;
	uint32_t id;
	struct memory *memory;

	if (napi_get_cb_info(env, info, &given, values, NULL, NULL) != napi_ok || given < 2 ||
	    napi_get_value_uint32(env, values[0], &id) != napi_ok)
		return value_number(env, -EINVAL);
	memory = memory_use(id, 0, 0);
	if (memory == NULL)
		return value_number(env, -ENOENT);
	if (napi_detach_arraybuffer(env, values[1]) != napi_ok) {
		memory_put(memory);
		return value_number(env, -EINVAL);
	}
	forget(id, memory);
	memory_put(memory);
	return value_number(env, 0);
}
