// SPDX-License-Identifier: MIT
/*
 * Consent: the process itself, and nobody for it, gives its memory to the context that it
 * inherited. The module mirrors the address space of whoever calls this.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "agent.h"
#include "hmm_sdk_uapi.h"

int bind_space(uint32_t *space)
{
	struct hmm_sdk_space_bind bind = { 0 };

	*space = 0;
	if (!options.bind)
		return 0;
	while (ioctl(CONTEXT_FD, HMM_SDK_IOC_SPACE_BIND, &bind) != 0) {
		if (errno != EINTR)
			return -errno;
	}
	*space = bind.space;
	return 0;
}
