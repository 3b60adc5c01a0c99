// SPDX-License-Identifier: MIT
/*
 * ioctl, on the calling thread or on a thread of the addon.
 *
 * A call that may take a page fault may sleep as long as whoever serves the fault likes. It gets a
 * thread of its own, so it never holds up libuv's pool (files, DNS) nor another call, and a signal
 * ends it: the thread is a user thread, where the kernel's waits are killable.
 *
 * To cancel, the thread is sent a signal whose handler does nothing, again and again until the call
 * is over: one sent between the check and the system call would be lost. A signal that comes too
 * late hits the next call of the thread, which is simply repeated: the ioctls are restartable.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon.h"

#define MOST_THREADS 64
#define MOST_QUEUED 4096

struct call {
	struct call *next;
	struct environment *environment;
	struct memory *memory;
	void *argument;
	uint32_t id;
	uint32_t request;
	int fd;
	pid_t thread; /* 0: not running yet */
	bool cancelled;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued_one = PTHREAD_COND_INITIALIZER;
static struct call *queue, **queue_end = &queue;
static struct call *running;
static unsigned int threads, idle, queued;
static int interrupt_signal;

static void interrupted(int signal_number)
{
	(void)signal_number;
}

/* The highest real-time signal that the program does not use. Called once, under the lock. */
static int choose_signal(void)
{
	struct sigaction action = { .sa_handler = interrupted }, before;

	sigemptyset(&action.sa_mask);
	for (int number = SIGRTMAX - 1; number > SIGRTMIN; number--) {
		if (sigaction(number, NULL, &before) != 0 || before.sa_handler != SIG_DFL)
			continue;
		if (sigaction(number, &action, NULL) == 0)
			return number;
	}
	return -EBUSY;
}

static int size_of(uint32_t request)
{
	return (int)_IOC_SIZE(request);
}

static int32_t perform(int fd, uint32_t request, void *argument)
{
	int result = ioctl(fd, (unsigned long)request, argument);

	return result < 0 ? -errno : result;
}

static void unlink_running(struct call *call)
{
	for (struct call **link = &running; *link != NULL; link = &(*link)->next) {
		if (*link == call) {
			*link = call->next;
			return;
		}
	}
}

static void finish(struct call *call, int32_t result)
{
	environment_report_done(call->environment, call->id, result);
	environment_put(call->environment);
	memory_put(call->memory);
	free(call);
}

static void run(struct call *call)
{
	bool again;
	int32_t result;

	do {
		result = perform(call->fd, call->request, call->argument);
		pthread_mutex_lock(&lock);
		again = result == -EINTR && !call->cancelled;
		if (!again)
			unlink_running(call);
		pthread_mutex_unlock(&lock);
	} while (again);
	finish(call, result);
}

static void *work(void *nothing)
{
	sigset_t set;
	pid_t self = (pid_t)syscall(SYS_gettid);

	(void)nothing;
	sigemptyset(&set);
	sigaddset(&set, interrupt_signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	pthread_mutex_lock(&lock);
	for (;;) {
		struct call *call;

		while (queue == NULL) {
			idle++;
			pthread_cond_wait(&queued_one, &lock);
			idle--;
		}
		call = queue;
		queue = call->next;
		if (queue == NULL)
			queue_end = &queue;
		queued--;
		call->thread = self;
		call->next = running;
		running = call;
		pthread_mutex_unlock(&lock);
		run(call);
		pthread_mutex_lock(&lock);
	}
	return NULL;
}

/* Under the lock. The thread starts with every signal blocked: Node's are handled by Node's threads. */
static int start_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	int error;

	if (interrupt_signal == 0) {
		error = choose_signal();
		if (error < 0)
			return error;
		interrupt_signal = error;
	}
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attributes, work, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (error == 0)
		threads++;
	return -error;
}

static int enqueue(struct call *call)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	if (queued >= MOST_QUEUED) {
		error = -EAGAIN;
	} else if (idle <= queued && threads < MOST_THREADS) {
		error = start_thread();
		if (threads > 0)
			error = 0; /* the others will come to it */
	}
	if (error == 0) {
		*queue_end = call;
		queue_end = &call->next;
		queued++;
		pthread_cond_signal(&queued_one);
	}
	pthread_mutex_unlock(&lock);
	return error;
}

/* ioctl(fd, request, memory, offset): 0 or positive, or -errno. */
napi_value call_ioctl(napi_env env, napi_callback_info info)
{
	double numbers[4];
	struct memory *memory;
	int32_t result;

	if (!value_arguments(env, info, 4, numbers))
		return value_number(env, -EINVAL);
	memory = memory_use((uint32_t)numbers[2], (uint32_t)numbers[3],
			    (size_t)size_of((uint32_t)numbers[1]));
	if (memory == NULL)
		return value_number(env, -EFAULT);
	result = perform((int)numbers[0], (uint32_t)numbers[1],
			 memory->bytes + (uint32_t)numbers[3]);
	memory_put(memory);
	return value_number(env, result);
}

/* What a function of `prepare` does; the arguments of the call are looked up once. */
struct prepared {
	struct memory *memory;
	void *argument;
	uint32_t request;
	int fd;
};

static napi_value run_prepared(napi_env env, napi_callback_info info)
{
	struct prepared *prepared;
	void *data = NULL;
	napi_value result = NULL;

	if (napi_get_cb_info(env, info, NULL, NULL, NULL, &data) != napi_ok || data == NULL)
		return value_number(env, -EINVAL);
	prepared = data;
	napi_create_int32(env, perform(prepared->fd, prepared->request, prepared->argument),
			  &result);
	return result;
}

static void drop_prepared(napi_env env, void *data, void *hint)
{
	struct prepared *prepared = data;

	(void)env;
	(void)hint;
	memory_put(prepared->memory);
	free(prepared);
}

/*
 * prepare(fd, request, memory, offset): a function without arguments that does that ioctl on this
 * thread; or -errno. Not to be called once the descriptor is closed: its number may be somebody
 * else's then.
 */
napi_value call_prepare(napi_env env, napi_callback_info info)
{
	struct prepared *prepared;
	napi_value function;
	double numbers[4];

	if (!value_arguments(env, info, 4, numbers))
		return value_number(env, -EINVAL);
	prepared = malloc(sizeof(*prepared));
	if (prepared == NULL)
		return value_number(env, -ENOMEM);
	prepared->fd = (int)numbers[0];
	prepared->request = (uint32_t)numbers[1];
	prepared->memory = memory_use((uint32_t)numbers[2], (uint32_t)numbers[3],
				      (size_t)size_of(prepared->request));
	if (prepared->memory == NULL) {
		free(prepared);
		return value_number(env, -EFAULT);
	}
	prepared->argument = prepared->memory->bytes + (uint32_t)numbers[3];
	if (napi_create_function(env, "ioctl", NAPI_AUTO_LENGTH, run_prepared, prepared,
				 &function) == napi_ok &&
	    napi_add_finalizer(env, function, prepared, drop_prepared, NULL, NULL) == napi_ok)
		return function;
	drop_prepared(env, prepared, NULL);
	return value_number(env, -ENOMEM);
}

/* ioctlAsync(id, fd, request, memory, offset): 0 if it was started, then onDone(id, result). */
napi_value call_ioctl_async(napi_env env, napi_callback_info info)
{
	struct environment *environment = environment_of(env);
	double numbers[5];
	struct call *call;
	int error;

	if (environment == NULL || !value_arguments(env, info, 5, numbers))
		return value_number(env, -EINVAL);
	call = calloc(1, sizeof(*call));
	if (call == NULL)
		return value_number(env, -ENOMEM);
	call->id = (uint32_t)numbers[0];
	call->fd = (int)numbers[1];
	call->request = (uint32_t)numbers[2];
	call->memory = memory_use((uint32_t)numbers[3], (uint32_t)numbers[4],
				  (size_t)size_of(call->request));
	if (call->memory == NULL) {
		free(call);
		return value_number(env, -EFAULT);
	}
	call->argument = call->memory->bytes + (uint32_t)numbers[4];
	call->environment = environment;
	environment_get(environment);
	environment_call_started(env, environment);
	error = enqueue(call);
	if (error < 0)
		finish(call, error); /* reported as any other result */
	return value_number(env, 0);
}

/* Under the lock: takes calls that have not started off the queue; marks those that run. */
static struct call *cancel(struct environment *environment, const uint32_t *id)
{
	struct call *taken = NULL;

	for (struct call **link = &queue; *link != NULL;) {
		struct call *call = *link;

		if (call->environment != environment || (id != NULL && call->id != *id)) {
			link = &call->next;
			continue;
		}
		*link = call->next;
		queued--;
		call->next = taken;
		taken = call;
	}
	queue_end = &queue;
	while (*queue_end != NULL)
		queue_end = &(*queue_end)->next;
	for (struct call *call = running; call != NULL; call = call->next) {
		if (call->environment == environment && (id == NULL || call->id == *id))
			call->cancelled = true;
	}
	return taken;
}

static void cancel_and_finish(struct environment *environment, const uint32_t *id)
{
	struct call *taken;

	pthread_mutex_lock(&lock);
	taken = cancel(environment, id);
	pthread_mutex_unlock(&lock);
	while (taken != NULL) {
		struct call *call = taken;

		taken = call->next;
		finish(call, -EINTR);
	}
	watch_poke();
}

void calls_cancel_all(struct environment *environment)
{
	cancel_and_finish(environment, NULL);
}

/* cancel(id): the call ends with -EINTR unless it ends otherwise first; onDone comes in any case. */
napi_value call_cancel(napi_env env, napi_callback_info info)
{
	struct environment *environment = environment_of(env);
	double number;
	uint32_t id;

	if (environment == NULL || !value_arguments(env, info, 1, &number))
		return value_number(env, -EINVAL);
	id = (uint32_t)number;
	cancel_and_finish(environment, &id);
	return value_number(env, 0);
}

bool calls_interrupt(void)
{
	bool any = false;

	pthread_mutex_lock(&lock);
	for (struct call *call = running; call != NULL; call = call->next) {
		if (call->cancelled) {
			any = true;
			syscall(SYS_tgkill, getpid(), call->thread, interrupt_signal);
		}
	}
	pthread_mutex_unlock(&lock);
	return any;
}
