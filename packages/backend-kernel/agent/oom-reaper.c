// SPDX-License-Identifier: MIT
/*
 * The OOM reaper takes the memory of a process that was killed, before the process gets to its end
 * (process_mrelease). So that it does not get there, it is frozen first: in a cgroup of the v1 freezer, where a
 * signal does not wake it. Nobody but a guard of its own thaws it: when the supervisor says so, or is gone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define LIMIT_S 30u
/* As oom_reap_task: who holds a lock of a notifier lets go of it soon. */
#define TRIES 10

/* The freezer's hierarchy, mounted nowhere. */
static int hierarchy(void)
{
	static int root = -1;
	int fs;

	if (root >= 0)
		return root;
	fs = (int)syscall(SYS_fsopen, "cgroup", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "freezer", NULL, 0) == 0 &&
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		root = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (root < 0)
		root = -errno;
	close(fs);
	return root;
}

static int write_to(int folder, const char *name, const char *text)
{
	int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);
	int result = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		result = -errno;
	close(fd);
	return result;
}

static bool is_frozen(int folder)
{
	char state[16] = { 0 };
	int fd = openat(folder, "freezer.state", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, state, sizeof(state) - 1) < 0)
		state[0] = '\0';
	close(fd);
	return strncmp(state, "FROZEN", 6) == 0;
}

/* Waits until the other end of `ends` is closed; thaws, and takes the cgroup away when it is empty. */
static _Noreturn void guard(const int ends[2], int root, const char *name)
{
	struct timespec deadline;
	int folder;
	char byte;

	setsid(); /* what ends the supervisor's group does not end this */
	dup2(ends[0], STDIN_FILENO);
	dup2(root, STDOUT_FILENO);
	close_from(STDERR_FILENO + 1);
	while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
		;
	folder = openat(STDOUT_FILENO, name, O_RDONLY | O_DIRECTORY);
	write_to(folder, "freezer.state", "THAWED");
	deadline = deadline_in(LIMIT_S);
	while (unlinkat(STDOUT_FILENO, name, AT_REMOVEDIR) != 0 && errno == EBUSY &&
	       wait_a_moment(&deadline))
		;
	_exit(0);
}

/* Not a child: nobody has to wait for it. */
static int start_guard(int root, const char *name)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		if (fork() == 0)
			guard(ends, root, name);
		_exit(0);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -EAGAIN;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return ends[1];
}

static int freeze(int folder, pid_t pid)
{
	struct timespec deadline = deadline_in(LIMIT_S);
	char text[16];
	int result;

	snprintf(text, sizeof(text), "%d", (int)pid);
	result = write_to(folder, "cgroup.procs", text);
	if (result == 0)
		result = write_to(folder, "freezer.state", "FROZEN");
	while (result == 0 && !is_frozen(folder)) {
		if (!wait_a_moment(&deadline))
			result = -EBUSY;
	}
	return result;
}

static int reap(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), result = -EAGAIN;
	struct timespec deadline = deadline_in(LIMIT_S);

	if (pidfd < 0)
		return -errno;
	if (kill(pid, SIGKILL) != 0)
		result = -errno;
	for (int i = 0; i < TRIES && result == -EAGAIN; i++) {
		if (i > 0 && !wait_a_moment(&deadline))
			break;
		result = syscall(SYS_process_mrelease, pidfd, 0) == 0 ? 0 : -errno;
	}
	close(pidfd);
	return result == -EAGAIN ? 0 : result; /* what had to be left is left, as the reaper does */
}

int oom_reap(pid_t pid, int *thaw)
{
	int root = hierarchy(), folder, result;
	char name[32];

	if (root < 0)
		return root;
	snprintf(name, sizeof(name), "hmm-sdk-%d", (int)pid);
	if (mkdirat(root, name, 0700) != 0)
		return -errno;
	folder = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*thaw = folder < 0 ? -errno : start_guard(root, name);
	if (*thaw < 0) {
		result = *thaw;
		unlinkat(root, name, AT_REMOVEDIR);
	} else {
		result = freeze(folder, pid);
		if (result == 0)
			result = reap(pid);
		if (result != 0) {
			close(*thaw);
			*thaw = -1;
		}
	}
	if (folder >= 0)
		close(folder);
	return result;
}
