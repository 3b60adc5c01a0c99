// SPDX-License-Identifier: GPL-2.0
/*
 * MAP: fault, retry, link, all pages or none, valid at one instant.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hmm_sdk.h"

/* What user space is told of a page. Under the mirror's lock. */
u64 hs_map_entry(struct hs_mirror *mirror, u32 index, bool valid)
{
	u64 state = mirror->table[index].state;
	u32 high = HMM_SDK_ENTRY_VALID | HMM_SDK_ENTRY_DMA_MAPPED;
	u64 order = (state >> HS_PAGE_ORDER_SHIFT) & HMM_SDK_ENTRY_ORDER_MASK;

	if (!valid || !(state & HS_PAGE_LINKED))
		return 0;
	if (state & HS_PAGE_WRITE)
		high |= HMM_SDK_ENTRY_WRITE;
	if (state & HS_PAGE_DEVICE)
		high |= HMM_SDK_ENTRY_DEVICE;
	if (state & HS_PAGE_EXCLUSIVE)
		high |= HMM_SDK_ENTRY_EXCLUSIVE;
	high |= order << HMM_SDK_ENTRY_ORDER_SHIFT;
	return ((u64)high << 32) | (mirror->target.dma_page + index);
}

/*
 * A page of the own device memory that is read-only for the CPU (shared by fork) stays so whatever
 * is asked: bring it to the system, where a write fault gives a copy.
 */
static int hs_map_unshare(struct hs_fault *fault)
{
	struct hs_fault one = *fault;
	unsigned long pfn;
	int ret = 0;
	u32 i;

	for (i = 0; !ret && i < fault->pages; i++) {
		if ((fault->pfns[i] & (HMM_PFN_VALID | HMM_PFN_WRITE)) != HMM_PFN_VALID)
			continue;
		pfn = 0;
		one.first = fault->first + i;
		one.pages = 1;
		one.pfns = &pfn;
		one.held = NULL;
		one.owner = NULL;
		ret = hs_fault_pages(&one);
		if (ret) {
			fault->failed_page = i;
			fault->reason = one.reason;
		} else {
			ret = -EAGAIN;
		}
	}
	return ret;
}

static void hs_map_answer(struct hs_fault *fault, struct hmm_sdk_map *map, u64 *entries,
			  const unsigned long *pfns)
{
	struct hs_mirror *mirror = fault->mirror;
	u32 i;

	for (i = 0; i < fault->pages; i++) {
		bool valid = !pfns || pfns[i] & HMM_PFN_VALID;

		if (valid)
			hs_share_page(mirror, fault->first + i);
		entries[i] = hs_map_entry(mirror, fault->first + i, valid);
	}
	map->serial = mirror->serial;
	map->sequence = mirror->sequence;
}

/*
 * Every page has its link already: a link that is there is valid, since whatever would make it
 * stale takes it away first. Nothing to fault, and so nothing to disturb. Under the mirror's lock.
 */
static bool hs_map_held(struct hs_fault *fault, struct hmm_sdk_map *map, u64 *entries)
{
	struct hs_mirror *mirror = fault->mirror;
	u64 needed = HS_PAGE_LINKED | (map->flags & HMM_SDK_MAP_WRITE ? HS_PAGE_WRITE : 0);
	u32 i;

	if (mirror->closing || mirror->released)
		return false;
	for (i = fault->first; i < fault->first + fault->pages; i++)
		if ((mirror->table[i].state & needed) != needed)
			return false;
	hs_next_serial(mirror);
	map->changed = 0;
	map->event_seq = hs_events_last(mirror->device);
	hs_map_answer(fault, map, entries, NULL);
	return true;
}

/*
 * Notes in @held which pages the device has for itself: for the CPU they are not there, and a fault
 * would take them back. Under the mirror's lock.
 */
static void hs_map_note_held(struct hs_fault *fault, unsigned long *held)
{
	struct hs_mirror *mirror = fault->mirror;
	u32 i;

	fault->held = NULL;
	for (i = 0; i < fault->pages; i++) {
		held[i] = 0;
		if (!hs_page_held(mirror, fault->first + i))
			continue;
		held[i] = (mirror->table[fault->first + i].state & HS_PAGE_PFN_MASK) |
			  HMM_PFN_VALID | HMM_PFN_WRITE;
		fault->held = held;
	}
}

static bool hs_map_still_held(struct hs_fault *fault)
{
	struct hs_mirror *mirror = fault->mirror;
	u32 i;

	for (i = 0; fault->held && i < fault->pages; i++) {
		u64 state = mirror->table[fault->first + i].state;

		if (fault->held[i] && (!hs_page_held(mirror, fault->first + i) ||
				       (state ^ fault->held[i]) & HS_PAGE_PFN_MASK))
			return false;
	}
	return true;
}

/* Under the mirror's lock, after a fault: 0, -EAGAIN to fault again, or the final failure. */
static int hs_map_finish(struct hs_fault *fault, struct hmm_sdk_map *map, u64 *entries)
{
	struct hs_mirror *mirror = fault->mirror;
	int ret;

	if (mirror->closing)
		return -EBADF;
	if (mirror->released)
		return -ESRCH;
	if (mmu_interval_read_retry(&mirror->notifier, fault->notifier_seq))
		return -EAGAIN;
	map->event_seq = hs_events_last(mirror->device);
	if (hs_events_newer(mirror, fault->first, fault->pages, map->seen))
		return -ESTALE;
	if (!hs_map_still_held(fault))
		return -EAGAIN;
	ret = hs_link_pages(mirror, fault->first, fault->pages, fault->pfns,
			    map->flags & HMM_SDK_MAP_WRITE, 0, &map->changed, &fault->failed_page,
			    &fault->reason);
	/* A page that was lost while rolling back has raised an event. */
	map->event_seq = hs_events_last(mirror->device);
	if (!ret)
		hs_map_answer(fault, map, entries, fault->pfns);
	return ret;
}

static int hs_map_lock(struct hs_fault *fault)
{
	if (!fault->nowait)
		mutex_lock(&fault->mirror->lock);
	else if (!mutex_trylock(&fault->mirror->lock))
		return -EAGAIN;
	return 0;
}

static int hs_map_rounds(struct hs_fault *fault, struct hmm_sdk_map *map, u64 *entries,
			 unsigned long *held)
{
	struct hs_mirror *mirror = fault->mirror;
	bool done;
	int ret;

	/* What the caller has not dispatched yet may be why the fault would fail. */
	if (hs_events_newer(mirror, fault->first, fault->pages, map->seen))
		return -ESTALE;
	for (;;) {
		if (signal_pending(current))
			return -EINTR;
		ret = hs_map_lock(fault);
		if (ret)
			return ret;
		done = hs_map_held(fault, map, entries);
		hs_map_note_held(fault, held);
		mutex_unlock(&mirror->lock);
		if (done)
			return 0;
		memset(fault->pfns, 0, fault->pages * sizeof(*fault->pfns));
		ret = hs_fault_pages(fault);
		if (!ret && map->flags & HMM_SDK_MAP_WRITE && !(map->flags & HMM_SDK_MAP_PRESENT)) {
			ret = hs_map_unshare(fault);
			if (ret == -EAGAIN && !fault->nowait) {
				map->retries++;
				continue;
			}
		}
		if (!ret)
			ret = hs_map_lock(fault);
		if (ret)
			return ret;
		ret = hs_map_finish(fault, map, entries);
		mutex_unlock(&mirror->lock);
		if (ret != -EAGAIN || fault->nowait)
			return ret;
		map->retries++;
	}
}

/* Without DMA nothing can be mapped: with the reason. */
static int hs_map_allowed(struct hs_device *device, struct hmm_sdk_map *map)
{
	if (device->capabilities & HMM_SDK_DEV_MIRROR)
		return 0;
	map->reason = device->mirror_reason;
	return -EOPNOTSUPP;
}

int hs_map(void *owner, void *argument)
{
	u32 known = HMM_SDK_NOWAIT | HMM_SDK_MAP_WRITE | HMM_SDK_MAP_PRESENT;
	struct hmm_sdk_map *map = argument;
	struct hs_device *device = owner;
	struct hs_fault fault = { 0 };
	unsigned long *held = NULL;
	u64 *entries = NULL;
	int ret;

	map->failed_page = U32_MAX;
	map->reason = HMM_SDK_REASON_NONE;
	map->retries = 0;
	map->event_seq = hs_events_last(device);
	if (map->flags & ~known || map->pad)
		return -EINVAL;
	ret = hs_map_allowed(device, map);
	if (ret)
		return ret;
	fault.mirror = hs_mirror_get(device, map->mirror);
	if (!fault.mirror)
		return -EBADF;
	ret = -EINVAL;
	if (!hs_mirror_range_ok(fault.mirror, map->first, map->pages, HS_MAX_MAP_PAGES))
		goto out;
	hs_events_acknowledge(device, map->seen);
	fault.first = map->first;
	fault.pages = map->pages;
	if (!(map->flags & HMM_SDK_MAP_PRESENT)) {
		fault.default_flags = HMM_PFN_REQ_FAULT;
		if (map->flags & HMM_SDK_MAP_WRITE)
			fault.default_flags |= HMM_PFN_REQ_WRITE;
	}
	fault.nowait = map->flags & HMM_SDK_NOWAIT;
	fault.owner = hs_device_owner(device);
	fault.deadline = hs_deadline(map->deadline);
	fault.failed_page = U32_MAX;
	fault.pfns = kvmalloc_array(fault.pages, sizeof(*fault.pfns), GFP_KERNEL_ACCOUNT);
	entries = kvmalloc_array(fault.pages, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	held = kvmalloc_array(fault.pages, sizeof(*held), GFP_KERNEL_ACCOUNT);
	ret = -ENOMEM;
	if (fault.pfns && entries && held && !hs_fails(HS_STEP_ALLOC))
		ret = hs_map_rounds(&fault, map, entries, held);
	if (!ret && (hs_fails(HS_STEP_ANSWER) ||
		     copy_to_user(u64_to_user_ptr(map->entries), entries,
				  fault.pages * sizeof(*entries)))) {
		/* All or nothing: who does not get the addresses gets no mappings either. */
		mutex_lock(&fault.mirror->lock);
		hs_undo_pages(fault.mirror, fault.first, fault.pages, map->serial);
		mutex_unlock(&fault.mirror->lock);
		ret = -EFAULT;
	}
	map->failed_page = fault.failed_page;
	map->reason = fault.reason;
out:
	kvfree(fault.pfns);
	kvfree(entries);
	kvfree(held);
	hs_mirror_put(fault.mirror);
	return ret;
}
