// SPDX-License-Identifier: MIT
/* Nothing of the agent outlives Node: processes die with the supervisor, it dies with Node. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

void die_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* It may have died before the call. */
	if (parent != 0 && getppid() != parent)
		_exit(1);
}

void close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned int)first, ~0u, 0) == 0)
		return;
#endif
	for (int fd = first, last = (int)sysconf(_SC_OPEN_MAX); fd < last; fd++)
		close(fd);
}
