/* SPDX-License-Identifier: MIT */
/* What the parts of the addon know of each other. */
#ifndef HMM_ADDON_H
#define HMM_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>

#include "glibc-baseline.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The addon inside one Node environment (main thread or worker). Threads of the addon live as long
 * as the process and may report to an environment that ends: `lock` guards `closing` and the two
 * queues, and the structure is freed with its last reference.
 */
struct environment {
	pthread_mutex_t lock;
	unsigned int references;
	bool closing;
	napi_threadsafe_function done;	/* (id, result): a call has ended */
	napi_threadsafe_function ready; /* (id, 0): a watched descriptor is readable */
	unsigned int running;		/* calls not reported yet; main thread only */
};

struct environment *environment_of(napi_env env);
void environment_get(struct environment *environment);
void environment_put(struct environment *environment);
/* Reports from any thread; nothing happens when the environment is ending. */
void environment_report_done(struct environment *environment, uint32_t id, int32_t result);
void environment_report_ready(struct environment *environment, uint32_t id);
/* Main thread: a call was started, so that Node stays alive until its report. */
void environment_call_started(napi_env env, struct environment *environment);

/* memory.c: memory that the kernel may use while JavaScript runs, by number. */
struct memory {
	unsigned char *bytes;
	size_t length;
	unsigned int references;
	uint32_t id;
};
void memory_put(struct memory *memory);
/* A reference to memory `id` if `length` bytes from `offset` lie in it, else NULL. */
struct memory *memory_use(uint32_t id, uint32_t offset, size_t length);

/* call.c: ioctls on threads of the addon. */
void calls_cancel_all(struct environment *environment);

/* watch.c */
void watches_drop_all(struct environment *environment);
/* Starts the poll thread once: 0 or -errno. */
int watch_start(void);
/* Wakes it to interrupt the calls that were cancelled. */
void watch_poke(void);

/* Interrupts again what was cancelled and still runs; whether there is any left. */
bool calls_interrupt(void);

/* What each file exports. */
napi_value memory_allocate(napi_env env, napi_callback_info info);
napi_value memory_map(napi_env env, napi_callback_info info);
napi_value memory_address(napi_env env, napi_callback_info info);
napi_value memory_release(napi_env env, napi_callback_info info);
napi_value call_ioctl(napi_env env, napi_callback_info info);
napi_value call_prepare(napi_env env, napi_callback_info info);
napi_value call_ioctl_async(napi_env env, napi_callback_info info);
napi_value call_cancel(napi_env env, napi_callback_info info);
napi_value watch_add(napi_env env, napi_callback_info info);
napi_value watch_rearm(napi_env env, napi_callback_info info);
napi_value watch_remove(napi_env env, napi_callback_info info);
napi_value watch_keep_alive(napi_env env, napi_callback_info info);
napi_value file_eventfd(napi_env env, napi_callback_info info);
napi_value file_read(napi_env env, napi_callback_info info);

/* value.c */
napi_value value_number(napi_env env, double number);
/* Reads `count` numbers of the arguments; false if one is missing or is not a number. */
bool value_arguments(napi_env env, napi_callback_info info, size_t count, double *numbers);

#endif
