// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that this machine keeps for device-coherent pages, if it keeps any: a region that the
 * kernel was told to leave alone (memmap=SIZE$START on its command line), and this module to use.
 */
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/range.h>

#include "pool.h"

#if HS_HAS_MEMORY

static char *coherent;
module_param(coherent, charp, 0400);
MODULE_PARM_DESC(coherent,
		 "SIZE@START of reserved memory for device-coherent pages, such as 64M@5632M");

static struct range hs_region;
/* Parts of the region, and how many have a pool. */
static unsigned int hs_parts, hs_taken;

/* Whether the firmware, or who booted the kernel, keeps all of it for others. */
static bool hs_region_reserved(u64 start, u64 bytes)
{
	return region_intersects(start, bytes, IORESOURCE_MEM, IORES_DESC_RESERVED) ==
		       REGION_INTERSECTS ||
	       region_intersects(start, bytes, IORESOURCE_MEM, IORES_DESC_SOFT_RESERVED) ==
		       REGION_INTERSECTS;
}

int __init hs_coherent_init(void)
{
	u64 start, bytes;
	char *at;

	if (!coherent)
		return 0;
	bytes = memparse(coherent, &at);
	if (*at != '@')
		goto invalid;
	start = memparse(at + 1, &at);
	if (*at)
		goto invalid;
	/* What can be hot-added: whole subsections. A part is a multiple of one. */
	hs_parts = min_t(u64, bytes / HS_PART_BYTES, HS_MAX_PARTS);
	if (!hs_parts || !IS_ALIGNED(start, HS_PART_BYTES))
		goto invalid;
	bytes = hs_parts * HS_PART_BYTES;
	if (!hs_region_reserved(start, bytes)) {
		pr_err("coherent=%s: this memory is not reserved, see memmap= of the kernel\n",
		       coherent);
		return -EBUSY;
	}
	hs_region.start = start;
	hs_region.end = start + bytes - 1;
	return 0;
invalid:
	pr_err("coherent=%s: not SIZE@START, both multiples of %lu MiB\n", coherent,
	       HS_PART_BYTES >> 20);
	return -EINVAL;
}

bool hs_coherent_there(void)
{
	return hs_parts;
}

/* Under hs_pools_lock. A part is given out once: its pool lives as long as the module. */
int hs_coherent_take(struct range *range)
{
	if (!hs_parts)
		return -EOPNOTSUPP;
	if (hs_taken == hs_parts)
		return -ENOSPC;
	range->start = hs_region.start + hs_taken * HS_PART_BYTES;
	range->end = range->start + HS_PART_BYTES - 1;
	hs_taken++;
	return 0;
}

/* The last one that was taken is not needed after all. */
void hs_coherent_give_back(void)
{
	hs_taken--;
}

#else

int __init hs_coherent_init(void)
{
	return 0;
}

bool hs_coherent_there(void)
{
	return false;
}

#endif
