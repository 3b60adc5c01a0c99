// SPDX-License-Identifier: MIT
/* The addon's state in one Node environment, and its two ways into the event loop. */
#include <errno.h>
#include <stdlib.h>

#include "addon.h"

struct environment *environment_of(napi_env env)
{
	void *data = NULL;

	napi_get_instance_data(env, &data);
	return data;
}

void environment_get(struct environment *environment)
{
	pthread_mutex_lock(&environment->lock);
	environment->references++;
	pthread_mutex_unlock(&environment->lock);
}

void environment_put(struct environment *environment)
{
	bool last;

	pthread_mutex_lock(&environment->lock);
	last = --environment->references == 0;
	pthread_mutex_unlock(&environment->lock);
	if (last) {
		pthread_mutex_destroy(&environment->lock);
		free(environment);
	}
}

/* Both numbers travel in the pointer itself: a report allocates nothing. */
static void *pack(uint32_t id, int32_t result)
{
	return (void *)(((uintptr_t)id << 32) | (uint32_t)result);
}

static void report(struct environment *environment, napi_threadsafe_function *to, void *packed)
{
	pthread_mutex_lock(&environment->lock);
	if (!environment->closing)
		napi_call_threadsafe_function(*to, packed, napi_tsfn_nonblocking);
	pthread_mutex_unlock(&environment->lock);
}

void environment_report_done(struct environment *environment, uint32_t id, int32_t result)
{
	report(environment, &environment->done, pack(id, result));
}

void environment_report_ready(struct environment *environment, uint32_t id)
{
	report(environment, &environment->ready, pack(id, 0));
}

void environment_call_started(napi_env env, struct environment *environment)
{
	if (environment->running++ == 0)
		napi_ref_threadsafe_function(env, environment->done);
}

static void call_javascript(napi_env env, napi_value function, void *packed)
{
	napi_value receiver, arguments[2];

	if (napi_get_undefined(env, &receiver) != napi_ok)
		return;
	arguments[0] = value_number(env, (double)(uint32_t)((uintptr_t)packed >> 32));
	arguments[1] = value_number(env, (double)(int32_t)(uint32_t)(uintptr_t)packed);
	napi_call_function(env, receiver, function, 2, arguments, NULL);
}

static void on_done(napi_env env, napi_value function, void *context, void *packed)
{
	struct environment *environment = context;

	if (env == NULL)
		return;
	if (--environment->running == 0)
		napi_unref_threadsafe_function(env, environment->done);
	call_javascript(env, function, packed);
}

static void on_ready(napi_env env, napi_value function, void *context, void *packed)
{
	(void)context;
	if (env != NULL)
		call_javascript(env, function, packed);
}

static void ending(void *data)
{
	struct environment *environment = data;

	pthread_mutex_lock(&environment->lock);
	environment->closing = true;
	pthread_mutex_unlock(&environment->lock);
	calls_cancel_all(environment);
	watches_drop_all(environment);
	napi_release_threadsafe_function(environment->done, napi_tsfn_abort);
	napi_release_threadsafe_function(environment->ready, napi_tsfn_abort);
	environment_put(environment);
}

static napi_status create(napi_env env, napi_value function, struct environment *environment,
			  napi_threadsafe_function_call_js call, napi_threadsafe_function *made)
{
	napi_value name;
	napi_status status = napi_create_string_utf8(env, "hmm-sdk", NAPI_AUTO_LENGTH, &name);

	if (status == napi_ok)
		status = napi_create_threadsafe_function(env, function, NULL, name, 0, 1, NULL, NULL,
							 environment, call, made);
	/* Neither keeps Node alive by itself. */
	if (status == napi_ok)
		status = napi_unref_threadsafe_function(env, *made);
	return status;
}

/* attach(onDone, onReady): once for an environment, before anything else. */
static napi_value attach(napi_env env, napi_callback_info info)
{
	napi_value functions[2];
	size_t given = 2;
	struct environment *environment;

	if (environment_of(env) != NULL)
		return value_number(env, -EBUSY);
	if (napi_get_cb_info(env, info, &given, functions, NULL, NULL) != napi_ok || given < 2)
		return value_number(env, -EINVAL);
	environment = calloc(1, sizeof(*environment));
	if (environment == NULL)
		return value_number(env, -ENOMEM);
	pthread_mutex_init(&environment->lock, NULL);
	environment->references = 1;
	if (create(env, functions[0], environment, on_done, &environment->done) != napi_ok ||
	    create(env, functions[1], environment, on_ready, &environment->ready) != napi_ok ||
	    napi_set_instance_data(env, environment, NULL, NULL) != napi_ok ||
	    /* After the functions were made, hence run before they are taken down. */
	    napi_add_env_cleanup_hook(env, ending, environment) != napi_ok)
		return value_number(env, -ENOMEM);
	return value_number(env, watch_start());
}

static const struct {
	const char *name;
	napi_callback function;
} exported[] = {
	{ "attach", attach },
	{ "allocate", memory_allocate },
	{ "map", memory_map },
	{ "address", memory_address },
	{ "release", memory_release },
	{ "ioctl", call_ioctl },
	{ "prepare", call_prepare },
	{ "ioctlAsync", call_ioctl_async },
	{ "cancel", call_cancel },
	{ "watch", watch_add },
	{ "rearm", watch_rearm },
	{ "unwatch", watch_remove },
	{ "keepAlive", watch_keep_alive },
	{ "eventfd", file_eventfd },
	{ "read", file_read },
};

NAPI_MODULE_INIT()
{
	for (size_t i = 0; i < sizeof(exported) / sizeof(exported[0]); i++) {
		napi_value function;

		if (napi_create_function(env, exported[i].name, NAPI_AUTO_LENGTH,
					 exported[i].function, NULL, &function) != napi_ok ||
		    napi_set_named_property(env, exports, exported[i].name, function) != napi_ok)
			return NULL;
	}
	return exports;
}
