// SPDX-License-Identifier: GPL-2.0
/*
 * MIGRATE: one call with a plan, an outcome for every page. Chunk by chunk, each inside one VMA,
 * with the copy between setup and finalize.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "pool.h"

#if HS_HAS_MEMORY

struct hs_migration {
	struct hs_mirror *mirror;
	struct hs_pool *pool;
	bool to_memory;
	/* Huge pages are split. */
	bool single;
	u32 first;
	u32 pages;
	u8 *declined;
	u8 *outcomes;
	/* Results. */
	u32 done;
	u32 moved;
	/* Of one chunk. */
	unsigned long src[HS_MIGRATE_CHUNK];
	unsigned long dst[HS_MIGRATE_CHUNK];
	unsigned long before[HS_MIGRATE_CHUNK];
	unsigned long other[HS_MIGRATE_CHUNK];
	bool seen;
	DECLARE_BITMAP(foreign, HS_MIGRATE_CHUNK);
	/* A block of device memory for the huge page that seems to be there; or NULL. */
	struct page *block;
	/* Other pools of device memory. */
	void *others[HS_MAX_POOLS];
	unsigned int nr_others;
};

/* A snapshot in which the pages of @owner are visible. False: the pages were changing hands. */
static bool hs_migration_snapshot(struct hs_migration *migration, struct migrate_vma *args,
				  void *owner, unsigned long *pfns)
{
	struct hs_mirror *mirror = migration->mirror;
	struct hmm_range range = {
		.notifier = &mirror->notifier,
		.notifier_seq = READ_ONCE(mirror->notifier.invalidate_seq),
		.start = args->start,
		.end = args->end,
		.hmm_pfns = pfns,
		.dev_private_owner = owner,
	};

	memset(pfns, 0, HS_MIGRATE_CHUNK * sizeof(*pfns));
	if (!hs_compat_range_fault_locked(&range))
		return true;
	memset(pfns, 0, HS_MIGRATE_CHUNK * sizeof(*pfns));
	return false;
}

/*
 * What was there just before, to explain the pages that were not collected. Only to explain: it may
 * have changed since.
 */
static void hs_migration_look(struct hs_migration *migration, struct migrate_vma *args)
{
	u32 count = (args->end - args->start) >> PAGE_SHIFT;
	unsigned int i;
	u32 page;

	migration->seen = hs_migration_snapshot(migration, args, migration->pool,
						migration->before);
	bitmap_zero(migration->foreign, HS_MIGRATE_CHUNK);
	for (i = 0; migration->seen && i < migration->nr_others; i++) {
		migration->seen = hs_migration_snapshot(migration, args, migration->others[i],
							migration->other);
		for (page = 0; page < count; page++)
			if (!(migration->before[page] & HMM_PFN_VALID) &&
			    migration->other[page] & HMM_PFN_VALID)
				__set_bit(page, migration->foreign);
	}
}

static u8 hs_migration_why_not(struct hs_migration *migration, struct migrate_vma *args, u32 index)
{
	unsigned long pfn = migration->before[index];
	struct page *page;
	bool device;

	if (test_bit(index, migration->foreign))
		return HMM_SDK_OUTCOME_FOREIGN_DEVICE;
	if (!(pfn & HMM_PFN_VALID))
		return migration->seen ? HMM_SDK_OUTCOME_NOT_PRESENT : HMM_SDK_OUTCOME_BUSY;
	page = hmm_pfn_to_page(pfn);
	device = hs_pool_has(migration->pool, page);
	if (!device && is_zone_device_page(page))
		return HMM_SDK_OUTCOME_FOREIGN_DEVICE;
	if (device == migration->to_memory)
		return HMM_SDK_OUTCOME_ALREADY_THERE;
	/* Anonymous memory has no other pages: one that is not is freed by now, as another took it. */
	if (!device && !vma_is_anonymous(args->vma) && !PageAnon(page))
		return HMM_SDK_OUTCOME_NOT_ANONYMOUS;
	return HMM_SDK_OUTCOME_BUSY;
}

static bool hs_migration_declined(struct hs_migration *migration, u32 index)
{
	return migration->declined && migration->declined[index >> 3] & BIT(index & 7);
}

/* A locked page (or block) with the data, as dst entry; or 0 with the outcome. */
static unsigned long hs_migration_copy(struct hs_migration *migration, unsigned long src,
				       unsigned int order, u8 *outcome)
{
	struct page *from = migrate_pfn_to_page(src);
	struct page *to = NULL;

	/* Device memory takes anonymous pages only; file pages are collected all the same. */
	if (from && migration->to_memory && !PageAnon(from)) {
		*outcome = HMM_SDK_OUTCOME_NOT_ANONYMOUS;
		return 0;
	}
	/* Not of a block, which must then have one to go to. */
	if (!order && hs_fails(HS_STEP_MIGRATE)) {
		*outcome = HMM_SDK_OUTCOME_NO_MEMORY;
		return 0;
	}
	if (!migration->to_memory) {
		to = hs_pool_copy_out(from, order, GFP_HIGHUSER_MOVABLE);
	} else if (order) {
		swap(to, migration->block);
	} else {
		to = hs_pool_alloc(migration->pool, 0);
	}
	if (!to) {
		*outcome = HMM_SDK_OUTCOME_NO_MEMORY;
		return 0;
	}
	if (migration->to_memory)
		hs_pool_copy_in(to, from, order);
	/* Between setup and pages a hole is told from a page by VALID; after, no more. */
	*outcome = from ? HMM_SDK_OUTCOME_MIGRATED : HMM_SDK_OUTCOME_POPULATED;
	return hs_migrate_dst(to, order, src);
}

/*
 * A hole the size of a block, and no block to fill it: its pages are filled one by one, as many as
 * there are. The kernel wants all of them otherwise.
 */
static void hs_migration_tear_hole(struct migrate_vma *args, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		args->src[i] = MIGRATE_PFN_MIGRATE;
}

/* Decides on a block that was collected whole, which is all of the step. False: none was. */
static bool hs_migration_plan_block(struct hs_migration *migration, struct migrate_vma *args,
				    u32 at, u32 count)
{
	u8 *outcomes = migration->outcomes + at;
	unsigned long src = args->src[0];

	if (!(src & MIGRATE_PFN_COMPOUND) || !(src & MIGRATE_PFN_MIGRATE))
		return false;
	if (!migrate_pfn_to_page(src)) {
		if (!migration->to_memory)
			return false;
		if (!migration->block)
			migration->block = hs_pool_alloc(migration->pool, HS_BLOCK_ORDER);
		if (!migration->block) {
			hs_migration_tear_hole(args, count);
			return false;
		}
	}
	args->dst[0] = hs_migration_copy(migration, src, HS_BLOCK_ORDER, outcomes);
	memset(outcomes + 1, outcomes[0], count - 1);
	return true;
}

/* Decides on each collected page, and says why the others were not collected. */
static void hs_migration_plan(struct hs_migration *migration, struct migrate_vma *args, u32 at)
{
	u32 count = (args->end - args->start) >> PAGE_SHIFT;
	u32 i;

	if (hs_migration_plan_block(migration, args, at, count))
		return;
	for (i = 0; i < count; i++) {
		unsigned long src = args->src[i];
		u8 *outcome = &migration->outcomes[at + i];

		if (!(src & MIGRATE_PFN_MIGRATE))
			*outcome = hs_migration_why_not(migration, args, i);
		else if (!migrate_pfn_to_page(src) && !migration->to_memory)
			*outcome = HMM_SDK_OUTCOME_NOT_PRESENT;
		else if (hs_migration_declined(migration, at + i))
			*outcome = HMM_SDK_OUTCOME_DECLINED;
		else
			args->dst[i] = hs_migration_copy(migration, src, 0, outcome);
	}
}

static void hs_migration_result(struct hs_migration *migration, struct migrate_vma *args, u32 at)
{
	u32 count = (args->end - args->start) >> PAGE_SHIFT;
	u32 i, pages;

	for (i = 0; i < count; i += pages) {
		pages = args->dst[i] & MIGRATE_PFN_COMPOUND ? count : 1;
		if (!args->dst[i])
			continue;
		if (args->src[i] & MIGRATE_PFN_MIGRATE)
			migration->moved += pages;
		else
			memset(migration->outcomes + at + i, HMM_SDK_OUTCOME_LOST_RACE, pages);
	}
}

/*
 * Whether the step is to move a huge page whole. What is there is looked up before, since a huge
 * page that was collected whole cannot be taken apart if another process has it too: it must then
 * have a block to go to.
 */
static bool hs_migration_whole(struct hs_migration *migration, struct migrate_vma *args, u32 at)
{
	u32 count = (args->end - args->start) >> PAGE_SHIFT;
	unsigned long pfn = migration->before[0];
	u32 i;

	if (!HS_BLOCK_ORDER || hs_pool_is_coherent(migration->pool) || migration->single ||
	    count != 1 << HS_BLOCK_ORDER || !IS_ALIGNED(args->start, PAGE_SIZE << HS_BLOCK_ORDER))
		return false;
	for (i = 0; i < count; i++)
		if (hs_migration_declined(migration, at + i))
			return false;
	if (!(pfn & HMM_PFN_VALID))
		return migration->to_memory;
	if (hmm_pfn_to_map_order(pfn) < HS_BLOCK_ORDER)
		return false;
	if (is_device_private_page(hmm_pfn_to_page(pfn)))
		return !migration->to_memory;
	if (!migration->to_memory)
		return false;
	migration->block = hs_pool_alloc(migration->pool, HS_BLOCK_ORDER);
	return migration->block;
}

static void hs_migration_drop_block(struct hs_migration *migration)
{
	if (migration->block)
		hs_pool_put_unused(migration->block);
	migration->block = NULL;
}

/* Under the mmap lock. */
static int hs_migration_chunk(struct hs_migration *migration, struct mm_struct *mm)
{
	u32 at = migration->done;
	unsigned long start = (migration->mirror->start_page + migration->first + at)
			      << PAGE_SHIFT;
	/* Steps end where huge pages do. */
	u32 room = HS_MIGRATE_CHUNK - (start >> PAGE_SHIFT) % HS_MIGRATE_CHUNK;
	u32 count = min_t(u32, migration->pages - at, room);
	struct migrate_vma args = {
		.src = migration->src,
		.dst = migration->dst,
		.pgmap_owner = migration->pool,
		.flags = migration->to_memory ? MIGRATE_VMA_SELECT_SYSTEM :
						hs_pool_select(migration->pool),
	};

	args.vma = vma_lookup(mm, start);
	if (!args.vma)
		return -EINVAL;
	args.start = start;
	args.end = min(start + ((unsigned long)count << PAGE_SHIFT), args.vma->vm_end);
	memset(migration->dst, 0, sizeof(migration->dst));
	hs_migration_look(migration, &args);
	if (hs_migration_whole(migration, &args, at))
		args.flags |= MIGRATE_VMA_SELECT_COMPOUND;
	if (!migration->to_memory)
		vma_start_write(args.vma);
	if (migrate_vma_setup(&args)) {
		hs_migration_drop_block(migration);
		return -EINVAL;
	}
	/* It may have been cut short; the arrays still describe what was asked. */
	hs_migration_plan(migration, &args, at);
	migrate_vma_pages(&args);
	hs_migration_result(migration, &args, at);
	if (migration->to_memory && args.dst[0] & MIGRATE_PFN_COMPOUND &&
	    args.src[0] & MIGRATE_PFN_MIGRATE)
		hs_pool_own_block(migrate_pfn_to_page(args.dst[0]), mm);
	migrate_vma_finalize(&args);
	hs_migration_drop_block(migration);
	migration->done += (args.end - args.start) >> PAGE_SHIFT;
	return 0;
}

static int hs_migration_run(struct hs_migration *migration)
{
	struct mm_struct *mm = migration->mirror->space->mm;
	int ret = 0;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	while (!ret && migration->done < migration->pages) {
		/* See hs_pool_evict_block() for why nothing else may happen meanwhile on the way back. */
		if (signal_pending(current) ||
		    (migration->to_memory ? mmap_read_lock_killable(mm) :
					    mmap_write_lock_killable(mm))) {
			ret = -EINTR;
			break;
		}
		ret = hs_migration_chunk(migration, mm);
		if (migration->to_memory)
			mmap_read_unlock(mm);
		else
			mmap_write_unlock(mm);
		cond_resched();
	}
	mmput_async(mm);
	return ret;
}

static int hs_migration_prepare(struct hs_migration *migration,
				const struct hmm_sdk_migrate *request)
{
	u32 bytes = DIV_ROUND_UP(request->pages, 8);

	migration->outcomes = kvzalloc(request->pages, GFP_KERNEL_ACCOUNT);
	if (!migration->outcomes)
		return -ENOMEM;
	if (!request->declined)
		return 0;
	migration->declined = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!migration->declined)
		return -ENOMEM;
	if (copy_from_user(migration->declined, u64_to_user_ptr(request->declined), bytes))
		return -EFAULT;
	return 0;
}

static int hs_migration_do(struct hs_migration *migration)
{
	struct hs_mirror *mirror = migration->mirror;
	struct hs_counters *counters = &mirror->device->counters;
	int ret;

	if (mutex_lock_interruptible(&mirror->grant_lock))
		return -EINTR;
	ret = hs_migration_run(migration);
	mutex_unlock(&mirror->grant_lock);
	atomic64_add(migration->moved, migration->to_memory ? &counters->migrated_to_device :
							      &counters->migrated_to_system);
	return ret;
}

int hs_migrate(void *owner, void *argument)
{
	struct hmm_sdk_migrate *request = argument;
	struct hs_device *device = owner;
	struct hs_migration *migration;
	int ret = -EINVAL;

	request->event_seq = hs_events_last(device);
	if (request->target & ~(HMM_SDK_TO_SYSTEM | HMM_SDK_TO_SINGLE))
		return -EINVAL;
	if (!device->pool)
		return -EOPNOTSUPP;
	migration = kvzalloc(sizeof(*migration), GFP_KERNEL_ACCOUNT);
	if (!migration)
		return -ENOMEM;
	migration->mirror = hs_mirror_get(device, request->mirror);
	if (!migration->mirror) {
		kvfree(migration);
		return -EBADF;
	}
	if (!hs_mirror_range_ok(migration->mirror, request->first, request->pages,
				HS_MAX_MIGRATE_PAGES) ||
	    request->done > request->pages)
		goto out;
	migration->pool = device->pool;
	migration->nr_others = hs_pool_others(device->pool, migration->others);
	migration->to_memory = !(request->target & HMM_SDK_TO_SYSTEM);
	migration->single = request->target & HMM_SDK_TO_SINGLE;
	migration->first = request->first;
	migration->pages = request->pages;
	/* Where a call that a signal ended goes on. */
	migration->done = request->done;
	ret = hs_migration_prepare(migration, request);
	if (!ret)
		ret = hs_migration_do(migration);
	if (migration->outcomes && migration->done > request->done &&
	    copy_to_user(u64_to_user_ptr(request->outcomes + request->done),
			 migration->outcomes + request->done, migration->done - request->done))
		ret = -EFAULT;
	request->moved += migration->moved;
	request->done = migration->done;
	request->event_seq = hs_events_last(device);
out:
	hs_mirror_put(migration->mirror);
	kvfree(migration->declined);
	kvfree(migration->outcomes);
	kvfree(migration);
	return ret;
}

#else

int hs_migrate(void *owner, void *argument)
{
	return -EOPNOTSUPP;
}

#endif
