// SPDX-License-Identifier: GPL-2.0
/*
 * Device memory: pools of device-private or device-coherent pages (page.c).
 *
 * A pool belongs to the module, not to the driver that uses it: a page that
 * could not be brought back when the driver went is still served when the CPU touches it, and the
 * next driver that takes the pool has that much less.
 */
#include <linux/delay.h>
#include <linux/ioport.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pool.h"

#if HS_HAS_MEMORY

/* What can be hot-added: whole sections. */
#define HS_POOL_BYTES ((u64)HS_MAX_MEMORY_PAGES << PAGE_SHIFT)
#define HS_EVICT_ROUNDS 20

static DEFINE_MUTEX(hs_pools_lock);
static LIST_HEAD(hs_pools);
/* Of device-private ones; for others see coherent.c. */
static unsigned int hs_nr_pools;

void *hs_pool_owner(struct hs_pool *pool)
{
	return pool;
}

/* The owners of the device-private pages of all other pools, HS_MAX_POOLS at most. */
unsigned int hs_pool_others(struct hs_pool *pool, void **owners)
{
	unsigned int count = 0;
	struct hs_pool *other;

	mutex_lock(&hs_pools_lock);
	list_for_each_entry(other, &hs_pools, link)
		if (other != pool && !hs_pool_is_coherent(other))
			owners[count++] = other;
	mutex_unlock(&hs_pools_lock);
	return count;
}

static void hs_pool_count(struct hs_pool *pool, u32 pages, bool cpu_fault)
{
	unsigned long irq;

	spin_lock_irqsave(&pool->lock, irq);
	if (pool->device) {
		atomic64_add(pages, &pool->device->counters.migrated_to_system);
		if (cpu_fault)
			hs_event_cpu_fault(pool->device, pages);
	}
	spin_unlock_irqrestore(&pool->lock, irq);
}

/*
 * The window that comes back with a touched page: aligned, inside the VMA, and inside the page
 * table, whose lock the migration takes. A block that is mapped as one comes back whole. Of one
 * that is not any more, only the touched page: the step splits it, and the next touch finds pages.
 */
static void hs_pool_window(struct hs_pool *pool, struct vm_fault *vmf, struct migrate_vma *args)
{
	unsigned long bytes = PAGE_SIZE;
	unsigned long irq;

	if (folio_test_large(page_folio(vmf->page))) {
		if (!vmf->pte) {
			bytes = PAGE_SIZE << HS_BLOCK_ORDER;
			args->flags |= MIGRATE_VMA_SELECT_COMPOUND;
		}
	} else {
		spin_lock_irqsave(&pool->lock, irq);
		if (pool->device)
			bytes = (unsigned long)READ_ONCE(pool->device->cpu_fault_pages)
				<< PAGE_SHIFT;
		spin_unlock_irqrestore(&pool->lock, irq);
	}
	args->start = max(ALIGN_DOWN(vmf->address, bytes), vmf->vma->vm_start);
	args->end = min(ALIGN_DOWN(vmf->address, bytes) + bytes, vmf->vma->vm_end);
}

/* Copies what was collected. @fault_page: the one for which every effort is made. */
static bool hs_pool_fill(const unsigned long *src, unsigned long *dst, unsigned long count,
			 struct page *fault_page)
{
	bool filled = true;
	unsigned long i;

	for (i = 0; i < count; i++) {
		struct page *page = migrate_pfn_to_page(src[i]);
		unsigned int order;
		struct page *target;
		gfp_t gfp = GFP_HIGHUSER_MOVABLE;

		if (!page || !(src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		order = src[i] & MIGRATE_PFN_COMPOUND ? folio_order(page_folio(page)) : 0;
		if (order || (fault_page && page != fault_page))
			gfp |= __GFP_NORETRY;
		target = hs_pool_copy_out(page, order, gfp);
		if (target)
			dst[i] = hs_migrate_dst(target, order, src[i]);
		else if (page == fault_page)
			filled = false;
	}
	return filled;
}

/* How many pages a step has moved. */
static u32 hs_pool_moved(const unsigned long *src, const unsigned long *dst, unsigned long count)
{
	unsigned long i;
	u32 moved = 0;

	for (i = 0; i < count; i++)
		if (dst[i] && src[i] & MIGRATE_PFN_MIGRATE)
			moved += dst[i] & MIGRATE_PFN_COMPOUND ? 1 << HS_BLOCK_ORDER : 1;
	return moved;
}

/*
 * The CPU touched a device page, which is locked and held. Whatever fails, fails for the touched
 * page only when there is no memory for it; its neighbours are best effort.
 */
static vm_fault_t hs_pool_to_ram(struct vm_fault *vmf)
{
	struct hs_pool *pool = hs_page_pool(vmf->page);
	unsigned long single[2] = { 0 };
	unsigned long *arrays = NULL;
	struct migrate_vma args = {
		.vma = vmf->vma,
		.pgmap_owner = pool,
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		.fault_page = vmf->page,
	};
	unsigned long count;
	vm_fault_t ret = 0;
	u32 moved;

	hs_pool_window(pool, vmf, &args);
	count = (args.end - args.start) >> PAGE_SHIFT;
	if (count > 1)
		arrays = kvcalloc(2 * count, sizeof(*arrays), GFP_KERNEL | __GFP_NOWARN);
	if (!arrays) {
		/* A block cannot come back by one page. */
		if (args.flags & MIGRATE_VMA_SELECT_COMPOUND)
			return VM_FAULT_OOM;
		arrays = single;
		count = 1;
		args.start = vmf->address & PAGE_MASK;
		args.end = args.start + PAGE_SIZE;
	}
	args.src = arrays;
	args.dst = arrays + count;
	if (migrate_vma_setup(&args)) {
		ret = VM_FAULT_SIGBUS;
		goto out;
	}
	if (!hs_pool_fill(args.src, args.dst, count, vmf->page))
		ret = VM_FAULT_OOM;
	migrate_vma_pages(&args);
	moved = hs_pool_moved(args.src, args.dst, count);
	migrate_vma_finalize(&args);
	/* None moved, and not for lack of memory: the access is simply tried again. */
	hs_pool_count(pool, moved, moved);
out:
	if (arrays != single)
		kvfree(arrays);
	return ret;
}

static const struct dev_pagemap_ops hs_pool_ops = {
	.folio_free = hs_pool_folio_free,
	.migrate_to_ram = hs_pool_to_ram,
};

/* Brings back what @vma has of a block, whose first page has its place at @address. */
static u32 hs_pool_evict_mapping(struct hs_pool *pool, struct vm_area_struct *vma,
				 unsigned long address, unsigned long *src, unsigned long *dst)
{
	struct migrate_vma args = {
		.vma = vma,
		.pgmap_owner = pool,
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE | MIGRATE_VMA_SELECT_COMPOUND,
		.src = src,
		.dst = dst,
		.start = max(address, vma->vm_start),
		.end = min(address + (PAGE_SIZE << HS_BLOCK_ORDER), vma->vm_end),
	};
	unsigned long count = (args.end - args.start) >> PAGE_SHIFT;
	u32 moved;

	memset(dst, 0, HS_MIGRATE_CHUNK * sizeof(*dst));
	vma_start_write(vma);
	if (migrate_vma_setup(&args))
		return 0;
	hs_pool_fill(src, dst, count, NULL);
	migrate_vma_pages(&args);
	moved = hs_pool_moved(src, dst, count);
	migrate_vma_finalize(&args);
	return moved;
}

/*
 * A block that is mapped as one is not brought back behind the back of its process: up to 7.3 the
 * kernel drops one reference and one mapping too many when a process unmaps a block that is just
 * coming back (zap_huge_pmd_folio() takes the migration entry for the block itself). So: through the
 * process, with its locks held for writing. A process that ends frees its blocks anyway. A block
 * that a fork shares is left for when it is touched, unless @shared; and always when the process that
 * moved it has ended and a child has it still.
 */
static u32 hs_pool_evict_block(struct hs_pool *pool, u32 first, bool shared, unsigned long *src,
			       unsigned long *dst)
{
	struct folio *folio = page_folio(pfn_to_page(pool->first_pfn + first));
	struct mm_struct *mm = hs_pool_block_owner(pool, first);
	unsigned long pages = 1UL << HS_BLOCK_ORDER;
	struct vm_area_struct *vma;
	u32 moved = 0;

	if (!mm)
		return 0;
	if (!mmap_write_lock_killable(mm)) {
		/*
		 * Nobody maps, unmaps or moves it in @mm now. Whether others have it whole as well;
		 * not by folio_entire_mapcount(), which insists that nobody splits it meanwhile.
		 */
		bool others = folio_test_large(folio) && atomic_read(&folio->_entire_mapcount) > 0;
		unsigned long index = READ_ONCE(folio->index);
		VMA_ITERATOR(vmi, mm, 0);

		for_each_vma(vmi, vma) {
			unsigned long delta = index - vma->vm_pgoff;

			if (others && !shared)
				break;
			if (!vma->anon_vma || vma->vm_file ||
			    (delta >= vma_pages(vma) && -delta >= pages))
				continue;
			moved += hs_pool_evict_mapping(pool, vma,
						       vma->vm_start + (delta << PAGE_SHIFT),
						       src, dst);
		}
		mmap_write_unlock(mm);
	}
	mmput_async(mm);
	return moved;
}

/* One step of an eviction: those of the pages that can be had now. */
static u32 hs_pool_evict_chunk(struct hs_pool *pool, u32 first, bool shared, unsigned long *src,
			       unsigned long *dst)
{
	struct page *page = pfn_to_page(pool->first_pfn + first);
	u32 moved;

	if (HS_BLOCK_ORDER && page_count(page) && PageHead(page))
		return hs_pool_evict_block(pool, first, shared, src, dst);

	memset(dst, 0, HS_MIGRATE_CHUNK * sizeof(*dst));
	migrate_device_range(src, pool->first_pfn + first, HS_MIGRATE_CHUNK);
	hs_pool_fill(src, dst, HS_MIGRATE_CHUNK, NULL);
	migrate_device_pages(src, dst, HS_MIGRATE_CHUNK);
	moved = hs_pool_moved(src, dst, HS_MIGRATE_CHUNK);
	migrate_device_finalize(src, dst, HS_MIGRATE_CHUNK);
	return moved;
}

static u32 hs_pool_used(struct hs_pool *pool)
{
	unsigned long irq;
	u32 used;

	spin_lock_irqsave(&pool->lock, irq);
	used = pool->used;
	spin_unlock_irqrestore(&pool->lock, irq);
	return used;
}

static bool hs_pool_chunk_used(struct hs_pool *pool, u32 first)
{
	unsigned long irq;
	bool used;

	spin_lock_irqsave(&pool->lock, irq);
	used = find_next_bit(pool->in_use, first + HS_MIGRATE_CHUNK, first) <
	       first + HS_MIGRATE_CHUNK;
	spin_unlock_irqrestore(&pool->lock, irq);
	return used;
}

/*
 * Brings back what can be. @interruptible: ends when a signal is pending. @shared: also blocks that
 * a fork shares.
 */
static u32 hs_pool_evict(struct hs_pool *pool, unsigned int rounds, bool interruptible,
			 bool shared)
{
	unsigned long *arrays;
	u32 moved = 0;
	u32 first;

	arrays = kvmalloc_array(2 * HS_MIGRATE_CHUNK, sizeof(*arrays), GFP_KERNEL | __GFP_NOFAIL);
	for (; rounds && hs_pool_used(pool); rounds--) {
		for (first = 0; first < pool->pages; first += HS_MIGRATE_CHUNK) {
			if (interruptible && signal_pending(current))
				goto out;
			if (hs_pool_chunk_used(pool, first))
				moved += hs_pool_evict_chunk(pool, first, shared, arrays,
							     arrays + HS_MIGRATE_CHUNK);
			cond_resched();
		}
		/* Somebody holds one for a moment: a fault that runs, a walk. */
		if (hs_pool_used(pool))
			usleep_range(500, 2000);
	}
out:
	kvfree(arrays);
	return moved;
}

/* A place in the physical address space where nothing is, and what stands behind its pages. */
static int hs_pool_make_private(struct hs_pool *pool)
{
	struct resource *region;

	pool->backing = kvcalloc(HS_MAX_MEMORY_PAGES, sizeof(*pool->backing), GFP_KERNEL);
	if (!pool->backing)
		return -ENOMEM;
	region = request_free_mem_region(&iomem_resource, HS_POOL_BYTES, KBUILD_MODNAME);
	if (IS_ERR(region)) {
		kvfree(pool->backing);
		return -ENOSPC;
	}
	pool->pagemap.type = MEMORY_DEVICE_PRIVATE;
	pool->pagemap.range.start = region->start;
	pool->pagemap.range.end = region->end;
	return 0;
}

static int hs_pool_make_coherent(struct hs_pool *pool)
{
	pool->pagemap.type = MEMORY_DEVICE_COHERENT;
	return hs_coherent_take(&pool->pagemap.range);
}

/* The pool has no pages any more, or never had. */
static void hs_pool_free(struct hs_pool *pool)
{
	if (!hs_pool_is_coherent(pool))
		release_mem_region(pool->pagemap.range.start, range_len(&pool->pagemap.range));
	kvfree(pool->backing);
	kfree(pool);
}

static struct hs_pool *hs_pool_create(bool coherent)
{
	struct hs_pool *pool;
	void *address;
	int ret;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	ret = coherent ? hs_pool_make_coherent(pool) : hs_pool_make_private(pool);
	if (ret) {
		kfree(pool);
		return ERR_PTR(ret);
	}
	spin_lock_init(&pool->lock);
	pool->pagemap.nr_range = 1;
	pool->pagemap.ops = &hs_pool_ops;
	pool->pagemap.owner = pool;
	address = memremap_pages(&pool->pagemap, numa_node_id());
	if (IS_ERR(address)) {
		if (coherent)
			hs_coherent_give_back();
		hs_pool_free(pool);
		return ERR_CAST(address);
	}
	pool->first_pfn = PHYS_PFN(pool->pagemap.range.start);
	pool->pages = range_len(&pool->pagemap.range) >> PAGE_SHIFT;
	list_add_tail(&pool->link, &hs_pools);
	hs_nr_pools += !coherent;
	return pool;
}

/* Under hs_pools_lock: one that nobody has, empty if possible. */
static struct hs_pool *hs_pool_find(u32 pages, bool coherent)
{
	struct hs_pool *pool, *partly = NULL;

	list_for_each_entry(pool, &hs_pools, link) {
		if (pool->device || hs_pool_is_coherent(pool) != coherent)
			continue;
		if (!hs_pool_used(pool))
			return pool;
		partly = pool;
	}
	if (coherent || hs_nr_pools < HS_MAX_POOLS) {
		pool = hs_pool_create(coherent);
		if (pool != ERR_PTR(-ENOSPC))
			return pool;
	}
	if (partly)
		hs_pool_evict(partly, HS_EVICT_ROUNDS, true, true);
	return partly && hs_pool_used(partly) + pages <= partly->pages ? partly : ERR_PTR(-ENOSPC);
}

int hs_pool_acquire(struct hs_device *device, u32 pages, bool coherent, u32 *reason)
{
	struct hs_pool *pool;
	unsigned long irq;

	if (coherent && !hs_coherent_there()) {
		*reason = HMM_SDK_REASON_NOT_RESERVED;
		return -EOPNOTSUPP;
	}
	if (coherent && pages > HS_PART_BYTES >> PAGE_SHIFT)
		return -ENOSPC;
	mutex_lock(&hs_pools_lock);
	pool = hs_pool_find(pages, coherent);
	if (!IS_ERR(pool)) {
		spin_lock_irqsave(&pool->lock, irq);
		pool->device = device;
		pool->limit = min(pool->used + pages, pool->pages);
		pool->end = pool->used ? pool->pages : round_up(pages, 1 << HS_BLOCK_ORDER);
		spin_unlock_irqrestore(&pool->lock, irq);
		device->pool = pool;
		device->capabilities |= HMM_SDK_DEV_MEMORY;
		if (coherent)
			device->capabilities |= HMM_SDK_DEV_MEMORY_COHERENT;
		else if (HS_BLOCK_ORDER && pages >= 1 << HS_BLOCK_ORDER)
			device->capabilities |= HMM_SDK_DEV_MEMORY_HUGE;
	}
	mutex_unlock(&hs_pools_lock);
	return PTR_ERR_OR_ZERO(pool);
}

/* The driver goes; what cannot come back now is served until it can. */
void hs_pool_release(struct hs_device *device)
{
	struct hs_pool *pool = device->pool;
	unsigned long irq;

	hs_pool_evict(pool, HS_EVICT_ROUNDS, false, false);
	mutex_lock(&hs_pools_lock);
	spin_lock_irqsave(&pool->lock, irq);
	pool->device = NULL;
	pool->limit = 0;
	spin_unlock_irqrestore(&pool->lock, irq);
	mutex_unlock(&hs_pools_lock);
	device->pool = NULL;
}

/* Unload. Nobody has a file open, but processes may still have pages here. */
void hs_pools_free(void)
{
	struct hs_pool *pool, *next;
	u32 used;

	list_for_each_entry_safe(pool, next, &hs_pools, link) {
		while ((used = hs_pool_used(pool))) {
			hs_pool_evict(pool, HS_EVICT_ROUNDS, false, true);
			if (hs_pool_used(pool) == used) {
				pr_info("waiting for %u pages of device memory\n", used);
				msleep(1000);
			}
		}
		memunmap_pages(&pool->pagemap);
		list_del(&pool->link);
		hs_pool_free(pool);
	}
}

void hs_pool_info(struct hs_device *device, struct hmm_sdk_device_info *info)
{
	struct hs_pool *pool = device->pool;
	unsigned long irq;

	if (!pool)
		return;
	spin_lock_irqsave(&pool->lock, irq);
	info->memory_pages = pool->limit;
	info->memory_free = pool->limit - pool->used;
	spin_unlock_irqrestore(&pool->lock, irq);
}

int hs_evict(void *owner, void *argument)
{
	struct hmm_sdk_evict *evict = argument;
	struct hs_device *device = owner;
	u32 moved;

	evict->left = 0;
	if (evict->flags || evict->pad)
		return -EINVAL;
	if (!device->pool)
		return -EOPNOTSUPP;
	moved = hs_pool_evict(device->pool, HS_EVICT_ROUNDS, true, true);
	hs_pool_count(device->pool, moved, false);
	evict->moved += moved;
	evict->left = hs_pool_used(device->pool);
	if (!evict->left)
		return 0;
	return signal_pending(current) ? -EINTR : -EBUSY;
}

int hs_set_cpu_fault_pages(void *owner, void *argument)
{
	struct hmm_sdk_cpu_fault_pages *set = argument;
	struct hs_device *device = owner;

	if (set->flags || !is_power_of_2(set->pages) || set->pages > HS_MIGRATE_CHUNK)
		return -EINVAL;
	if (!device->pool || hs_pool_is_coherent(device->pool))
		return -EOPNOTSUPP;
	WRITE_ONCE(device->cpu_fault_pages, set->pages);
	return 0;
}

#else /* !HS_HAS_MEMORY */

struct hs_pool {
	char none;
};

void *hs_pool_owner(struct hs_pool *pool)
{
	return pool;
}

int hs_pool_acquire(struct hs_device *device, u32 pages, bool coherent, u32 *reason)
{
	return -EOPNOTSUPP;
}

void hs_pool_release(struct hs_device *device)
{
}

void hs_pools_free(void)
{
}

void hs_pool_info(struct hs_device *device, struct hmm_sdk_device_info *info)
{
}

int hs_evict(void *owner, void *argument)
{
	return -EOPNOTSUPP;
}

int hs_set_cpu_fault_pages(void *owner, void *argument)
{
	return -EOPNOTSUPP;
}

#endif
