// SPDX-License-Identifier: GPL-2.0
/*
 * Which DMA pages belong to what. Under device->lock.
 */
#include "hmm_sdk.h"

/* Where the software device starts, and what it leaves free between two targets. */
#define HS_SOFT_FIRST 0x1000
#define HS_SOFT_GUARD 16

int hs_target_insert(struct hs_device *device, struct hs_target *target, u64 dma_page, u64 pages)
{
	int ret = mtree_insert_range(&device->targets, dma_page, dma_page + pages - 1, target,
				     GFP_KERNEL_ACCOUNT);

	if (ret)
		return ret;
	target->dma_page = dma_page;
	target->pages = pages;
	return 0;
}

/* What is free again, now that the mask leaves nothing that never was in use. */
static int hs_target_place_again(struct hs_device *device, struct hs_target *target, u64 pages,
				 u64 align, u64 last)
{
	MA_STATE(mas, &device->targets, 0, 0);
	u64 page = ALIGN(HS_SOFT_FIRST, align);
	int ret = -EBUSY;

	mas_lock(&mas);
	while (page <= last && last - page >= pages - 1) {
		mas_set(&mas, 0);
		ret = mas_empty_area(&mas, page, last, pages);
		if (ret || mas.index == page)
			break;
		page = ALIGN(mas.index, align);
		ret = -EBUSY;
	}
	mas_unlock(&mas);
	return ret ? -EIO : hs_target_insert(device, target, page, pages);
}

/*
 * Gives the target DMA pages of the software device, aligned to their number: such that nothing had
 * before, as long as there are any, so that an access to what is gone never meets something else.
 * -EIO when the mask leaves none.
 */
int hs_target_place(struct hs_device *device, struct hs_target *target, u64 pages)
{
	u64 align = roundup_pow_of_two(pages);
	u64 page = ALIGN(max_t(u64, device->next_dma_page, HS_SOFT_FIRST), align);
	/* The entry layout has 51 bits for a page. */
	u32 bits = min_t(u32, device->mask_bits - min_t(u32, device->mask_bits, PAGE_SHIFT), 50);
	int ret;

	if (page + pages > 1ULL << bits)
		return hs_target_place_again(device, target, pages, align, (1ULL << bits) - 1);
	ret = hs_target_insert(device, target, page, pages);
	if (!ret)
		device->next_dma_page = page + pages + HS_SOFT_GUARD;
	return ret;
}

void hs_target_remove(struct hs_device *device, struct hs_target *target)
{
	if (target->pages)
		mtree_erase(&device->targets, target->dma_page);
	target->pages = 0;
}

struct hs_target *hs_target_find(struct hs_device *device, u64 dma_page)
{
	if (dma_page > ULONG_MAX >> PAGE_SHIFT)
		return NULL;
	return mtree_load(&device->targets, dma_page);
}

static bool hs_target_sum(struct hs_target *target, u64 dma_page, u64 *count)
{
	u64 index = dma_page - target->dma_page;
	struct hs_mirror *mirror;
	struct hs_window *window;
	bool mapped;

	switch (target->type) {
	case HS_TARGET_MIRROR:
		mirror = container_of(target, struct hs_mirror, target);
		mutex_lock(&mirror->lock);
		mapped = mirror->table[index].state & HS_PAGE_LINKED;
		*count += mirror->table[index].revocations;
		mutex_unlock(&mirror->lock);
		return mapped;
	case HS_TARGET_WINDOW:
		window = container_of(target, struct hs_window, target);
		return window->links[index].buffer;
	default:
		return true;
	}
}

/* Without a translation several things may lie in one page, of which one is found. */
static bool hs_shared_page(struct hs_device *device, u64 dma_page)
{
	return device->dma_dev && !(device->capabilities & HMM_SDK_DEV_TRANSLATING) &&
	       (hs_mappings_cover(device, dma_page) || hs_lists_cover(device, dma_page));
}

int hs_revocations(void *owner, void *argument)
{
	struct hmm_sdk_revocations *revocations = argument;
	struct hs_device *device = owner;
	struct hs_target *target;
	u32 i;

	revocations->count = 0;
	revocations->mapped = 1;
	if (!revocations->pages || revocations->pages > HS_MAX_MAP_PAGES)
		return -EINVAL;
	mutex_lock(&device->lock);
	for (i = 0; i < revocations->pages; i++) {
		target = hs_target_find(device, revocations->dma_page + i);
		if (!target && hs_shared_page(device, revocations->dma_page + i))
			continue;
		if (!target || !hs_target_sum(target, revocations->dma_page + i,
					      &revocations->count))
			revocations->mapped = 0;
	}
	mutex_unlock(&device->lock);
	return 0;
}
