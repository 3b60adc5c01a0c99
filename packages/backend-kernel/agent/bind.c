// SPDX-License-Identifier: MIT
/*
 * Consent: the process itself, and nobody for it, gives its memory to the context that it
 * inherited. The module mirrors `current->mm` of whoever calls this.
 */
#include <errno.h>

#include "agent.h"

int bind_space(uint32_t *space)
{
	*space = 0;
	if (!options.bind)
		return 0;
	return -ENOTTY;
}
