// SPDX-License-Identifier: MIT
/*
 * Descriptors that become readable: one epoll thread for all of them, in all environments.
 *
 * Node cannot poll a character device. Each descriptor is watched one-shot: after a report it is
 * silent until JavaScript has drained it and says `rearm`, so nothing spins and nothing is queued
 * twice. The thread also repeats the signals of cancelled calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "addon.h"

#define MOST_WATCHES 1024u
#define REPEAT_MS 2

struct watch {
	struct environment *environment; /* NULL: free */
	uint32_t generation;
	uint32_t id;
	int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watch watches[MOST_WATCHES];
static int epoll_fd = -1, poke_fd = -1;

static const uint64_t POKE = ~0ull;

static uint64_t key_of(uint32_t slot)
{
	return ((uint64_t)watches[slot].generation << 32) | slot;
}

static void report(uint64_t key)
{
	uint32_t slot = (uint32_t)key;

	pthread_mutex_lock(&lock);
	if (slot < MOST_WATCHES && watches[slot].environment != NULL && key_of(slot) == key)
		environment_report_ready(watches[slot].environment, watches[slot].id);
	pthread_mutex_unlock(&lock);
}

static void *work(void *nothing)
{
	bool repeat = false;

	(void)nothing;
	for (;;) {
		struct epoll_event events[32];
		int count = epoll_wait(epoll_fd, events, 32, repeat ? REPEAT_MS : -1);

		for (int i = 0; i < count; i++) {
			uint64_t drained;

			if (events[i].data.u64 != POKE)
				report(events[i].data.u64);
			else if (read(poke_fd, &drained, sizeof(drained)) < 0)
				continue;
		}
		repeat = calls_interrupt();
	}
	return NULL;
}

void watch_poke(void)
{
	uint64_t one = 1;

	/* It can only fail when it is full, that is, poked already. */
	if (write(poke_fd, &one, sizeof(one)) < 0)
		return;
}

static int start(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = POKE };
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	int error;

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	poke_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (epoll_fd < 0 || poke_fd < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, poke_fd, &event) != 0)
		return -errno;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attributes, work, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -error;
}

int watch_start(void)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	if (epoll_fd < 0) {
		error = start();
		if (error < 0 && epoll_fd >= 0) {
			close(epoll_fd);
			epoll_fd = -1;
		}
	}
	pthread_mutex_unlock(&lock);
	return error;
}

static int arm(int operation, uint32_t slot)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLONESHOT,
		.data.u64 = key_of(slot),
	};

	return epoll_ctl(epoll_fd, operation, watches[slot].fd, &event) == 0 ? 0 : -errno;
}

static int find(struct environment *environment, uint32_t id)
{
	for (uint32_t slot = 0; slot < MOST_WATCHES; slot++) {
		if (watches[slot].environment == environment && watches[slot].id == id)
			return (int)slot;
	}
	return -ENOENT;
}

static int add(struct environment *environment, uint32_t id, int fd)
{
	int error;

	if (find(environment, id) >= 0)
		return -EEXIST;
	for (uint32_t slot = 0; slot < MOST_WATCHES; slot++) {
		if (watches[slot].environment != NULL)
			continue;
		watches[slot].fd = fd;
		watches[slot].id = id;
		watches[slot].generation++;
		error = arm(EPOLL_CTL_ADD, slot);
		if (error < 0)
			return error;
		watches[slot].environment = environment;
		environment_get(environment);
		return 0;
	}
	return -ENFILE;
}

static struct environment *drop(uint32_t slot)
{
	struct environment *environment = watches[slot].environment;

	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, watches[slot].fd, NULL);
	watches[slot].environment = NULL;
	return environment;
}

void watches_drop_all(struct environment *environment)
{
	pthread_mutex_lock(&lock);
	for (uint32_t slot = 0; slot < MOST_WATCHES; slot++) {
		if (watches[slot].environment == environment)
			environment_put(drop(slot));
	}
	pthread_mutex_unlock(&lock);
}

/* watch(id, fd): onReady(id) once when it is readable, or closed at the other end. */
napi_value watch_add(napi_env env, napi_callback_info info)
{
	struct environment *environment = environment_of(env);
	double numbers[2];
	int error;

	if (environment == NULL || !value_arguments(env, info, 2, numbers))
		return value_number(env, -EINVAL);
	pthread_mutex_lock(&lock);
	error = add(environment, (uint32_t)numbers[0], (int)numbers[1]);
	pthread_mutex_unlock(&lock);
	return value_number(env, error);
}

/* rearm(id): after it was drained. */
napi_value watch_rearm(napi_env env, napi_callback_info info)
{
	struct environment *environment = environment_of(env);
	double id;
	int slot;

	if (environment == NULL || !value_arguments(env, info, 1, &id))
		return value_number(env, -EINVAL);
	pthread_mutex_lock(&lock);
	slot = find(environment, (uint32_t)id);
	if (slot >= 0)
		slot = arm(EPOLL_CTL_MOD, (uint32_t)slot);
	pthread_mutex_unlock(&lock);
	return value_number(env, slot);
}

/* unwatch(id): before the descriptor is closed. A report that is on its way still comes. */
napi_value watch_remove(napi_env env, napi_callback_info info)
{
	struct environment *environment = environment_of(env);
	double id;
	int slot;

	if (environment == NULL || !value_arguments(env, info, 1, &id))
		return value_number(env, -EINVAL);
	pthread_mutex_lock(&lock);
	slot = find(environment, (uint32_t)id);
	if (slot >= 0) {
		environment_put(drop((uint32_t)slot));
		slot = 0;
	}
	pthread_mutex_unlock(&lock);
	return value_number(env, slot);
}

/* keepAlive(0 or 1): whether the event loop stays alive for the watches of this environment. */
napi_value watch_keep_alive(napi_env env, napi_callback_info info)
{
	struct environment *environment = environment_of(env);
	double keep;

	if (environment == NULL || !value_arguments(env, info, 1, &keep))
		return value_number(env, -EINVAL);
	if (keep != 0)
		napi_ref_threadsafe_function(env, environment->ready);
	else
		napi_unref_threadsafe_function(env, environment->ready);
	return value_number(env, 0);
}
