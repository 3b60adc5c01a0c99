// SPDX-License-Identifier: MIT
/* Which addresses the commands may name. */
#include <unistd.h>

#include "agent.h"

bool in_window(uint64_t address, uint64_t length)
{
	return address >= WINDOW_START && address < WINDOW_END && length <= WINDOW_END - address;
}

bool is_paged(uint64_t address)
{
	return (address & ((uint64_t)sysconf(_SC_PAGESIZE) - 1)) == 0;
}
