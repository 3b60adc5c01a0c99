// SPDX-License-Identifier: GPL-2.0
/*
 * A mirror: an interval notifier, the table of what is linked for DMA, and the invalidate callback
 * that unlinks it.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "hmm_sdk.h"

static const u32 hs_kinds[] = {
	[MMU_NOTIFY_UNMAP] = HMM_SDK_KIND_UNMAP,
	[MMU_NOTIFY_CLEAR] = HMM_SDK_KIND_CLEAR,
	[MMU_NOTIFY_PROTECTION_VMA] = HMM_SDK_KIND_PROTECTION_VMA,
	[MMU_NOTIFY_PROTECTION_PAGE] = HMM_SDK_KIND_PROTECTION_PAGE,
	[MMU_NOTIFY_SOFT_DIRTY] = HMM_SDK_KIND_SOFT_DIRTY,
	[MMU_NOTIFY_RELEASE] = HMM_SDK_KIND_RELEASE,
	[MMU_NOTIFY_MIGRATE] = HMM_SDK_KIND_MIGRATE,
	[MMU_NOTIFY_EXCLUSIVE] = HMM_SDK_KIND_EXCLUSIVE,
};

/* The owner of a range means something for these two events only. */
static bool hs_mirror_is_own(struct hs_mirror *mirror, const struct mmu_notifier_range *range)
{
	struct hs_device *device = mirror->device;

	if (range->event == MMU_NOTIFY_MIGRATE)
		return device->pool && range->owner == hs_device_owner(device);
	return range->event == MMU_NOTIFY_EXCLUSIVE && range->owner == device;
}

/*
 * Every event unlinks, whoever caused it. It allocates nothing and waits for nothing but the lock,
 * under which nobody sleeps for memory.
 */
static bool hs_mirror_invalidate(struct mmu_interval_notifier *notifier,
				 const struct mmu_notifier_range *range, unsigned long cur_seq)
{
	struct hs_mirror *mirror = container_of(notifier, struct hs_mirror, notifier);
	bool blockable = mmu_notifier_range_blockable(range);
	u64 first = range->start >> PAGE_SHIFT;
	u64 last = (range->end - 1) >> PAGE_SHIFT;
	u32 flags = 0;
	bool nested;
	u32 count;

	if (blockable)
		mutex_lock(&mirror->lock);
	else if (!mutex_trylock(&mirror->lock))
		return false;
	/* The same number as before: another invalidation of the mirror may still be running. */
	nested = READ_ONCE(notifier->invalidate_seq) == cur_seq;
	mmu_interval_set_seq(notifier, cur_seq);
	first = max(first, mirror->start_page) - mirror->start_page;
	last = min(last, mirror->start_page + mirror->pages - 1) - mirror->start_page;
	if (hs_mirror_is_own(mirror, range))
		flags |= HMM_SDK_EVENT_SELF;
	if (!blockable)
		flags |= HMM_SDK_EVENT_NONBLOCKABLE;
	count = hs_unlink_pages(mirror, first, last);
	/*
	 * A grant begins with its own invalidation. Any other one that comes after it, or that was
	 * there before and may remove the entry only now, drops it.
	 */
	if (mirror->grant_page >= first && mirror->grant_page <= last)
		mirror->grant_lost = nested || !(flags & HMM_SDK_EVENT_SELF &&
						 range->event == MMU_NOTIFY_EXCLUSIVE &&
						 mirror->own_task == current);
	mirror->sequence++;
	if (!mirror->closing) {
		hs_event_invalidate(mirror, hs_kinds[range->event], first, last - first + 1, flags,
				    count);
		if (range->event == MMU_NOTIFY_RELEASE && !mirror->released)
			hs_event_released(mirror);
	}
	if (range->event == MMU_NOTIFY_RELEASE)
		mirror->released = true;
	/* After the event: who sees that the sequence moved finds the event that moved it. */
	hs_events_publish(mirror);
	mutex_unlock(&mirror->lock);
	return true;
}

static const struct mmu_interval_notifier_ops hs_mirror_ops = {
	.invalidate = hs_mirror_invalidate,
};

struct hs_mirror *hs_mirror_get(struct hs_device *device, u32 id)
{
	struct hs_mirror *mirror;

	mutex_lock(&device->lock);
	mirror = xa_load(&device->mirrors, id);
	if (mirror)
		kref_get(&mirror->ref);
	mutex_unlock(&device->lock);
	return mirror;
}

/* Nobody uses the mirror any more, so nobody can wait on the notifier while it goes. */
static void hs_mirror_free(struct kref *ref)
{
	struct hs_mirror *mirror = container_of(ref, struct hs_mirror, ref);
	struct completion *closer = mirror->closer;

	if (mirror->notifier.mm)
		mmu_interval_notifier_remove(&mirror->notifier);
#if HS_HAS_IOVA
	if (mirror->has_window)
		dma_iova_free(mirror->device->dma_dev, &mirror->iova);
#endif
	hs_space_put(mirror->space);
	kvfree(mirror->table);
	kfree(mirror);
	if (closer)
		complete(closer);
}

void hs_mirror_put(struct hs_mirror *mirror)
{
	kref_put(&mirror->ref, hs_mirror_free);
}

bool hs_mirror_range_ok(struct hs_mirror *mirror, u32 first, u32 pages, u32 max)
{
	return pages && pages <= max && first < mirror->pages && pages <= mirror->pages - first;
}

/* Inserts the notifier. The address space must have a user while that happens. */
static int hs_mirror_watch(struct hs_mirror *mirror)
{
	struct mm_struct *mm = mirror->space->mm;
	int ret;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	ret = hs_fails(HS_STEP_NOTIFIER) ? -ENOMEM :
	      mmu_interval_notifier_insert(&mirror->notifier, mm,
					   mirror->start_page << PAGE_SHIFT,
					   (unsigned long)mirror->pages << PAGE_SHIFT,
					   &hs_mirror_ops);
	if (ret)
		mirror->notifier.mm = NULL;
	else
		mirror->stable_seq = mmu_interval_read_begin(&mirror->notifier);
	mmput_async(mm);
	return ret;
}

/* Under device->lock: a run of DMA pages, one for each page of the mirror. */
static int hs_mirror_place(struct hs_mirror *mirror, u32 *reason)
{
	struct hs_device *device = mirror->device;
	int ret;

	mirror->target.type = HS_TARGET_MIRROR;
	if (!(device->capabilities & HMM_SDK_DEV_MIRROR))
		return 0;
	if (hs_fails(HS_STEP_IOVA)) {
		*reason = HMM_SDK_REASON_NO_IOVA_SPACE;
		return -ENOSPC;
	}
	if (!device->dma_dev) {
		ret = hs_target_place(device, &mirror->target, mirror->pages);
		if (ret == -EIO) {
			*reason = HMM_SDK_REASON_NO_IOVA_SPACE;
			ret = -ENOSPC;
		}
		return ret;
	}
#if HS_HAS_IOVA
	if (!dma_iova_try_alloc(device->dma_dev, &mirror->iova, 0,
				(size_t)mirror->pages << PAGE_SHIFT)) {
		*reason = HMM_SDK_REASON_NO_IOVA_SPACE;
		return -ENOSPC;
	}
	mirror->has_window = true;
	return hs_target_insert(device, &mirror->target, mirror->iova.addr >> PAGE_SHIFT,
				mirror->pages);
#else
	return -EOPNOTSUPP;
#endif
}

/* Under device->lock. */
static int hs_mirror_publish(struct hs_mirror *mirror, u32 *reason)
{
	struct hs_device *device = mirror->device;
	unsigned long slot;
	int ret;

	if (device->nr_mirrors >= HS_MAX_MIRRORS ||
	    device->mirror_pages + mirror->pages > 4ULL * HS_MAX_MIRROR_PAGES) {
		*reason = HMM_SDK_REASON_LIMIT;
		return -ENOSPC;
	}
	ret = hs_mirror_place(mirror, reason);
	if (ret)
		return ret;
	slot = find_first_zero_bit(device->slots, HS_MAX_MIRRORS);
	mirror->id = hs_next_id(device);
	mirror->slot = slot;
	ret = hs_fails(HS_STEP_ALLOC) ? -ENOMEM :
	      xa_insert(&device->mirrors, mirror->id, mirror, GFP_KERNEL_ACCOUNT);
	if (ret) {
		hs_target_remove(device, &mirror->target);
		return ret;
	}
	__set_bit(slot, device->slots);
	device->nr_mirrors++;
	device->mirror_pages += mirror->pages;
	mutex_lock(&mirror->lock);
	hs_events_publish(mirror);
	mutex_unlock(&mirror->lock);
	return 0;
}

int hs_mirror_create(void *owner, void *argument)
{
	struct hmm_sdk_mirror_create *create = argument;
	struct hs_device *device = owner;
	struct hs_mirror *mirror;
	int ret;

	create->reason = HMM_SDK_REASON_NONE;
	if (create->flags || create->pad || !create->pages ||
	    create->start_page >= TASK_SIZE_MAX >> PAGE_SHIFT ||
	    create->pages > (TASK_SIZE_MAX >> PAGE_SHIFT) - create->start_page)
		return -EINVAL;
	if (create->pages > device->max_mirror_pages) {
		create->reason = HMM_SDK_REASON_LIMIT;
		return -ENOSPC;
	}
	mirror = hs_fails(HS_STEP_ALLOC) ? NULL : kzalloc(sizeof(*mirror), GFP_KERNEL_ACCOUNT);
	if (!mirror)
		return -ENOMEM;
	kref_init(&mirror->ref);
	mutex_init(&mirror->lock);
	mutex_init(&mirror->grant_lock);
	hs_hull_init(&mirror->hull);
	mirror->device = device;
	mirror->start_page = create->start_page;
	mirror->pages = create->pages;
	mirror->sequence = 1;
	mirror->grant_page = U32_MAX;
	/* Nothing is said about it before it has an id. */
	mirror->closing = true;
	mirror->space = hs_space_find(device->context, create->space);
	if (!mirror->space) {
		kfree(mirror);
		return -EBADF;
	}
	mirror->table = hs_fails(HS_STEP_ALLOC) ? NULL :
			kvcalloc(mirror->pages, sizeof(*mirror->table), GFP_KERNEL_ACCOUNT);
	ret = mirror->table ? hs_mirror_watch(mirror) : -ENOMEM;
	if (ret)
		goto err;
	mutex_lock(&device->lock);
	ret = hs_mirror_publish(mirror, &create->reason);
	mutex_unlock(&device->lock);
	if (ret)
		goto err;
	create->mirror = mirror->id;
	create->slot = mirror->slot;
	create->dma_page = mirror->target.dma_page;
	mutex_lock(&mirror->lock);
	mirror->closing = false;
	create->sequence = mirror->sequence;
	create->event_seq = hs_events_last(device);
	if (mirror->released)
		hs_event_released(mirror);
	mutex_unlock(&mirror->lock);
	return 0;
err:
	hs_mirror_put(mirror);
	return ret;
}

/* The mirror is out of the table. Revokes at once; returns when nobody uses it any more. */
static void hs_mirror_end(struct hs_mirror *mirror, u32 *unmapped)
{
	DECLARE_COMPLETION_ONSTACK(gone);
	u32 count;

	mutex_lock(&mirror->lock);
	mirror->closing = true;
	mirror->closer = &gone;
	count = hs_unlink_pages(mirror, 0, mirror->pages - 1);
	mutex_unlock(&mirror->lock);
	hs_events_forget(mirror);
	hs_mirror_put(mirror);
	wait_for_completion(&gone);
	if (unmapped)
		*unmapped = count;
}

int hs_mirror_shut(struct hs_device *device, u32 id, u32 *unmapped)
{
	struct hs_mirror *mirror;
	u32 pages, slot;

	mutex_lock(&device->lock);
	mirror = xa_erase(&device->mirrors, id);
	if (mirror)
		hs_target_remove(device, &mirror->target);
	mutex_unlock(&device->lock);
	if (!mirror)
		return -EBADF;
	pages = mirror->pages;
	slot = mirror->slot;
	hs_mirror_end(mirror, unmapped);
	mutex_lock(&device->lock);
	__clear_bit(slot, device->slots);
	device->nr_mirrors--;
	device->mirror_pages -= pages;
	mutex_unlock(&device->lock);
	return 0;
}

int hs_mirror_close(void *owner, void *argument)
{
	struct hmm_sdk_mirror_close *close = argument;

	close->unmapped = 0;
	if (close->flags || close->pad)
		return -EINVAL;
	return hs_mirror_shut(owner, close->mirror, &close->unmapped);
}

int hs_read_begin(void *owner, void *argument)
{
	struct hmm_sdk_read_begin *begin = argument;
	struct hs_device *device = owner;
	struct hs_mirror *mirror;
	unsigned long seq;
	int ret = -EINTR;

	if (begin->flags & ~HMM_SDK_NOWAIT)
		return -EINVAL;
	mirror = hs_mirror_get(device, begin->mirror);
	if (!mirror)
		return -EBADF;
	while (!signal_pending(current)) {
		if (begin->flags & HMM_SDK_NOWAIT) {
			seq = READ_ONCE(mirror->stable_seq);
			ret = -EAGAIN;
			if (!mutex_trylock(&mirror->lock))
				break;
		} else {
			seq = mmu_interval_read_begin(&mirror->notifier);
			mutex_lock(&mirror->lock);
		}
		if (mirror->closing) {
			ret = -EBADF;
		} else if (mirror->released) {
			ret = -ESRCH;
		} else if (!mmu_interval_read_retry(&mirror->notifier, seq)) {
			WRITE_ONCE(mirror->stable_seq, seq);
			begin->sequence = mirror->sequence;
			begin->event_seq = hs_events_last(device);
			ret = 0;
		}
		mutex_unlock(&mirror->lock);
		if (ret != -EINTR)
			break;
	}
	hs_mirror_put(mirror);
	return ret;
}

int hs_read_retry(void *owner, void *argument)
{
	struct hmm_sdk_read_retry *retry = argument;
	struct hs_device *device = owner;
	struct hs_mirror *mirror = hs_mirror_get(device, retry->mirror);

	if (!mirror)
		return -EBADF;
	mutex_lock(&mirror->lock);
	retry->retry = mirror->sequence != retry->sequence;
	retry->event_seq = hs_events_last(device);
	mutex_unlock(&mirror->lock);
	hs_mirror_put(mirror);
	return 0;
}

int hs_commit_check(void *owner, void *argument)
{
	struct hmm_sdk_commit_check *check = argument;
	struct hs_device *device = owner;
	struct hs_mirror *mirror;
	int ret = 0;

	if (check->flags)
		return -EINVAL;
	mirror = hs_mirror_get(device, check->mirror);
	if (!mirror)
		return -EBADF;
	if (!hs_mirror_range_ok(mirror, check->first, check->pages, mirror->pages)) {
		ret = -EINVAL;
	} else {
		mutex_lock(&mirror->lock);
		check->event_seq = hs_events_last(device);
		if (mirror->closing)
			ret = -EBADF;
		else if (hs_events_newer(mirror, check->first, check->pages, check->since))
			ret = -ESTALE;
		mutex_unlock(&mirror->lock);
	}
	hs_mirror_put(mirror);
	return ret;
}

static int hs_unmap_or_undo(struct hs_device *device, struct hmm_sdk_unmap *unmap, bool undo)
{
	struct hs_mirror *mirror;
	int ret = 0;

	unmap->unmapped = 0;
	if (unmap->pad || undo != !!unmap->serial)
		return -EINVAL;
	mirror = hs_mirror_get(device, unmap->mirror);
	if (!mirror)
		return -EBADF;
	if (!hs_mirror_range_ok(mirror, unmap->first, unmap->pages, mirror->pages)) {
		ret = -EINVAL;
	} else {
		mutex_lock(&mirror->lock);
		if (mirror->closing)
			ret = -EBADF;
		else if (undo)
			unmap->unmapped = hs_undo_pages(mirror, unmap->first, unmap->pages,
							unmap->serial);
		else
			unmap->unmapped = hs_unlink_pages(mirror, unmap->first,
							  unmap->first + unmap->pages - 1);
		unmap->event_seq = hs_events_last(device);
		mutex_unlock(&mirror->lock);
	}
	hs_mirror_put(mirror);
	return ret;
}

int hs_unmap(void *owner, void *argument)
{
	return hs_unmap_or_undo(owner, argument, false);
}

int hs_undo(void *owner, void *argument)
{
	return hs_unmap_or_undo(owner, argument, true);
}
