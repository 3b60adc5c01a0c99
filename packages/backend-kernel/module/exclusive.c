// SPDX-License-Identifier: GPL-2.0
/*
 * EXCLUSIVE: the CPU's entry becomes a marker, the device's link the only one that can write. The
 * first touch by the CPU takes the page back, and the invalidation that this raises revokes the
 * link.
 *
 * Asking again for a page that is exclusive would take it away from ourselves. So pages that are
 * held are left alone, and the state before is taken inside our own invalidation: any other one
 * from there on drops the grant of that page, for a bounded number of rounds.
 */
#include <linux/rmap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hmm_sdk.h"

#if HS_HAS_EXCLUSIVE

struct hs_grant {
	struct hs_mirror *mirror;
	u32 first;
	u32 pages;
	u64 *entries;
	struct hmm_sdk_map *map;
	/* Serials of this call, to take back what it changed. */
	u32 *serials;
};

/*
 * The page is locked and its entry replaced. Our own invalidation was the last one that the mirror
 * counted, unless somebody came in between.
 */
static int hs_grant_link(struct hs_grant *grant, u32 index, struct page *page, u32 *reason)
{
	struct hs_mirror *mirror = grant->mirror;
	unsigned long pfn = page_to_pfn(page) | HMM_PFN_VALID | HMM_PFN_WRITE;
	u32 changed, failed;
	int ret;

	mutex_lock(&mirror->lock);
	if (mirror->closing) {
		ret = -EBADF;
	} else if (mirror->released) {
		ret = -ESRCH;
	} else if (mirror->grant_page != index || mirror->grant_lost) {
		ret = -EAGAIN;
	} else {
		ret = hs_link_pages(mirror, index, 1, &pfn, true, HS_PAGE_EXCLUSIVE, &changed,
				    &failed, reason);
		grant->serials[index - grant->first] = mirror->serial;
	}
	mirror->grant_page = U32_MAX;
	mutex_unlock(&mirror->lock);
	return ret;
}

/* One page. -EAGAIN: it was taken back at once. */
static int hs_grant_page(struct hs_grant *grant, u32 index, u32 *reason)
{
	struct hs_mirror *mirror = grant->mirror;
	struct mm_struct *mm = mirror->space->mm;
	unsigned long address = (mirror->start_page + index) << PAGE_SHIFT;
	struct folio *folio;
	struct page *page;
	int ret;

	/* Waits for invalidations that run, which would only drop the grant. */
	mmu_interval_read_begin(&mirror->notifier);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	mutex_lock(&mirror->lock);
	mirror->grant_page = index;
	mirror->grant_lost = true;
	mutex_unlock(&mirror->lock);
	page = hs_fails(HS_STEP_EXCLUSIVE) ? ERR_PTR(-EBUSY) :
	       make_device_exclusive(mm, address, mirror->device, &folio);
	if (IS_ERR(page)) {
		ret = PTR_ERR(page);
		*reason = ret == -EOPNOTSUPP ? HMM_SDK_REASON_NOT_ANONYMOUS :
					       HMM_SDK_REASON_FAULT;
		/* The kernel's own "try again". */
		if (ret == -EAGAIN || ret == -EBUSY)
			ret = -EAGAIN;
	} else {
		ret = hs_grant_link(grant, index, page, reason);
		folio_unlock(folio);
		folio_put(folio);
	}
	mmap_read_unlock(mm);
	return ret;
}

/* All that are not held. Counts those that were lost. */
static int hs_grant_round(struct hs_grant *grant, u32 *reason)
{
	struct hs_mirror *mirror = grant->mirror;
	bool held;
	u32 i;
	int ret;

	for (i = 0; i < grant->pages; i++) {
		if (signal_pending(current))
			return -EINTR;
		mutex_lock(&mirror->lock);
		held = hs_page_held(mirror, grant->first + i);
		mutex_unlock(&mirror->lock);
		if (held)
			continue;
		ret = hs_grant_page(grant, grant->first + i, reason);
		if (ret && ret != -EAGAIN) {
			grant->map->failed_page = i;
			return ret;
		}
	}
	return 0;
}

/* Whether all are held at one instant; then the answer. */
static int hs_grant_check(struct hs_grant *grant)
{
	struct hs_mirror *mirror = grant->mirror;
	u32 serial, i;
	int ret = 0;

	mutex_lock(&mirror->lock);
	for (i = 0; i < grant->pages && !ret; i++)
		if (!hs_page_held(mirror, grant->first + i))
			ret = -EAGAIN;
	if (mirror->closing)
		ret = -EBADF;
	serial = hs_next_serial(mirror);
	for (i = 0; i < grant->pages && !ret; i++) {
		struct hs_page *page = &mirror->table[grant->first + i];

		/* One name for all that this call changed. */
		if (grant->serials[i] && page->serial == grant->serials[i]) {
			page->serial = serial;
			grant->map->changed++;
		}
		hs_share_page(mirror, grant->first + i);
		grant->entries[i] = hs_map_entry(mirror, grant->first + i, true);
	}
	grant->map->serial = serial;
	grant->map->sequence = mirror->sequence;
	grant->map->event_seq = hs_events_last(mirror->device);
	mutex_unlock(&mirror->lock);
	return ret;
}

/* Takes back what the call changed; the CPU's entries come back with its next touch. */
static void hs_grant_undo(struct hs_grant *grant)
{
	struct hs_mirror *mirror = grant->mirror;
	u32 i;

	mutex_lock(&mirror->lock);
	for (i = 0; i < grant->pages && !mirror->closing; i++)
		if (grant->serials[i])
			hs_undo_pages(mirror, grant->first + i, 1, grant->serials[i]);
	mutex_unlock(&mirror->lock);
}

static int hs_grant_rounds(struct hs_grant *grant, u64 deadline)
{
	struct mm_struct *mm = grant->mirror->space->mm;
	struct hmm_sdk_map *map = grant->map;
	int ret = 0;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	for (;;) {
		ret = hs_grant_round(grant, &map->reason);
		if (!ret)
			ret = hs_grant_check(grant);
		if (ret != -EAGAIN)
			break;
		if (++map->retries >= HS_EXCLUSIVE_ROUNDS || ktime_get_ns() >= deadline) {
			map->reason = HMM_SDK_REASON_CONTENDED;
			ret = -EBUSY;
			break;
		}
	}
	mmput_async(mm);
	return ret;
}

static int hs_grant_do(struct hs_grant *grant, u64 deadline)
{
	struct hs_mirror *mirror = grant->mirror;
	int ret;

	/* The kernel knows no page that fails before the first one is asked for. */
	if (hs_events_newer(mirror, grant->first, grant->pages, grant->map->seen))
		return -ESTALE;
	if (mutex_lock_interruptible(&mirror->grant_lock))
		return -EINTR;
	WRITE_ONCE(mirror->own_task, current);
	ret = hs_grant_rounds(grant, deadline);
	WRITE_ONCE(mirror->own_task, NULL);
	if (ret)
		hs_grant_undo(grant);
	mutex_unlock(&mirror->grant_lock);
	return ret;
}

int hs_exclusive(void *owner, void *argument)
{
	struct hmm_sdk_map *map = argument;
	struct hs_device *device = owner;
	struct hs_grant grant = { .map = map };
	int ret = -EINVAL;

	map->failed_page = U32_MAX;
	map->reason = HMM_SDK_REASON_NONE;
	map->retries = 0;
	map->changed = 0;
	map->event_seq = hs_events_last(device);
	if (map->flags || map->pad)
		return -EINVAL;
	if (!(device->capabilities & HMM_SDK_DEV_EXCLUSIVE))
		return -EOPNOTSUPP;
	grant.mirror = hs_mirror_get(device, map->mirror);
	if (!grant.mirror)
		return -EBADF;
	if (!hs_mirror_range_ok(grant.mirror, map->first, map->pages, HS_MAX_EXCLUSIVE_PAGES))
		goto out;
	hs_events_acknowledge(device, map->seen);
	grant.first = map->first;
	grant.pages = map->pages;
	grant.entries = kvcalloc(grant.pages, sizeof(*grant.entries), GFP_KERNEL_ACCOUNT);
	grant.serials = kvcalloc(grant.pages, sizeof(*grant.serials), GFP_KERNEL_ACCOUNT);
	ret = -ENOMEM;
	if (grant.entries && grant.serials && !hs_fails(HS_STEP_ALLOC))
		ret = hs_grant_do(&grant, hs_deadline(map->deadline));
	if (!ret && (hs_fails(HS_STEP_ANSWER) ||
		     copy_to_user(u64_to_user_ptr(map->entries), grant.entries,
				  grant.pages * sizeof(*grant.entries)))) {
		mutex_lock(&grant.mirror->lock);
		hs_undo_pages(grant.mirror, grant.first, grant.pages, map->serial);
		mutex_unlock(&grant.mirror->lock);
		ret = -EFAULT;
	}
out:
	kvfree(grant.entries);
	kvfree(grant.serials);
	hs_mirror_put(grant.mirror);
	return ret;
}

#else

int hs_exclusive(void *owner, void *argument)
{
	return -EOPNOTSUPP;
}

#endif
