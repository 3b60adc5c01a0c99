// SPDX-License-Identifier: GPL-2.0
/*
 * The engine of the software device: moves bytes by DMA page, under the lock that revocation takes,
 * a few pages at a time through a bounce buffer. It keeps no page, so what is revoked is out of
 * reach when the revocation returns.
 */
#include <linux/highmem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hmm_sdk.h"

struct hs_access {
	struct hs_device *device;
	u32 access;
	/* Byte position in DMA space. */
	u64 page;
	u32 offset;
	/* Of the fault. */
	u32 source;
};

struct hs_found {
	struct page *page;
	bool device;
};

static int hs_access_fault(struct hs_access *access, u32 source)
{
	access->source = source;
	return -EFAULT;
}

static bool hs_direction_allows(u32 direction, u32 access)
{
	if (access == HMM_SDK_ACCESS_READ)
		return direction != HMM_SDK_FROM_DEVICE;
	return direction != HMM_SDK_TO_DEVICE;
}

/* Under mirror->lock. */
static int hs_find_in_mirror(struct hs_access *access, struct hs_mirror *mirror, u64 index,
			     struct page **page)
{
	u64 state = mirror->table[index].state;

	if (!(state & HS_PAGE_LINKED))
		return hs_access_fault(access, HMM_SDK_SOURCE_REVOKED);
	if (access->access != HMM_SDK_ACCESS_READ && !(state & HS_PAGE_WRITE))
		return hs_access_fault(access, HMM_SDK_SOURCE_PERMISSION);
	if (access->access == HMM_SDK_ACCESS_ATOMIC && !(state & HS_PAGE_EXCLUSIVE))
		return -EPERM;
	*page = pfn_to_page(state & HS_PAGE_PFN_MASK);
	if (state & HS_PAGE_DEVICE)
		*page = hs_pool_backing(*page);
	return 0;
}

static struct page *hs_buffer_page(struct hs_buffer *buffer, u64 index)
{
	return virt_to_page(buffer->address + (index << PAGE_SHIFT));
}

/* Under device->lock. Bounds are those of the mapping, which need not end with a page. */
static int hs_find_in_buffer(struct hs_access *access, struct hs_target *target, u64 index,
			     u32 offset, u32 bytes, struct page **page)
{
	struct hs_mapping *mapping;
	struct hs_window *window;
	struct hs_list *list;
	struct hs_buffer *buffer;
	u64 start;

	if (access->access == HMM_SDK_ACCESS_ATOMIC)
		return -EPERM;
	switch (target->type) {
	case HS_TARGET_COHERENT:
		buffer = container_of(target, struct hs_buffer, target);
		*page = hs_buffer_page(buffer, index);
		return 0;
	case HS_TARGET_MAPPING:
		mapping = container_of(target, struct hs_mapping, target);
		start = (mapping->offset & PAGE_MASK) + (index << PAGE_SHIFT) + offset;
		if (start < mapping->offset ||
		    start + bytes > mapping->offset + mapping->bytes)
			return hs_access_fault(access, HMM_SDK_SOURCE_NOT_MAPPED);
		if (!hs_direction_allows(mapping->direction, access->access))
			return hs_access_fault(access, HMM_SDK_SOURCE_PERMISSION);
		*page = hs_buffer_page(mapping->buffer, start >> PAGE_SHIFT);
		return 0;
	case HS_TARGET_LIST:
		list = container_of(target, struct hs_list, target);
		*page = hs_list_find(list, index, offset, bytes);
		if (!*page)
			return hs_access_fault(access, HMM_SDK_SOURCE_NOT_MAPPED);
		if (!hs_direction_allows(list->direction, access->access))
			return hs_access_fault(access, HMM_SDK_SOURCE_PERMISSION);
		return 0;
	case HS_TARGET_WINDOW:
		window = container_of(target, struct hs_window, target);
		if (!window->links[index].buffer)
			return hs_access_fault(access, HMM_SDK_SOURCE_NOT_MAPPED);
		if (!hs_direction_allows(window->links[index].direction, access->access))
			return hs_access_fault(access, HMM_SDK_SOURCE_PERMISSION);
		*page = hs_buffer_page(window->links[index].buffer, window->links[index].page);
		return 0;
	default:
		return hs_access_fault(access, HMM_SDK_SOURCE_NOT_MAPPED);
	}
}

static int hs_copy_page(struct hs_access *access, struct page *page, u32 offset, void *bounce,
			u32 bytes)
{
	void *mapped = kmap_local_page(page);
	u8 probe;
	int ret;

	if (access->access == HMM_SDK_ACCESS_READ) {
		ret = copy_from_kernel_nofault(bounce, mapped + offset, bytes);
	} else {
		/* Memory without a kernel mapping must not be written either. */
		ret = copy_from_kernel_nofault(&probe, mapped + offset, 1);
		if (!ret)
			memcpy(mapped + offset, bounce, bytes);
	}
	kunmap_local(mapped);
	if (ret)
		return hs_access_fault(access, HMM_SDK_SOURCE_POISON);
	if (access->access != HMM_SDK_ACCESS_READ)
		flush_dcache_page(page);
	return 0;
}

/* Up to HS_ENGINE_PAGES pages of one target. Returns the bytes moved, or the fault of the first. */
static int hs_copy_target(struct hs_access *access, struct hs_target *target,
			  struct hs_mirror *mirror, void *bounce, u32 bytes)
{
	u64 index = access->page - target->dma_page;
	u32 offset = access->offset;
	u32 done = 0;
	u32 pages;
	int ret = 0;

	for (pages = 0; pages < HS_ENGINE_PAGES && done < bytes && index < target->pages; pages++) {
		u32 now = min_t(u32, bytes - done, PAGE_SIZE - offset);
		struct page *page = NULL;

		if (mirror)
			ret = hs_find_in_mirror(access, mirror, index, &page);
		else
			ret = hs_find_in_buffer(access, target, index, offset, now, &page);
		if (!ret)
			ret = hs_copy_page(access, page, offset, bounce + done, now);
		if (ret)
			break;
		done += now;
		offset = 0;
		index++;
	}
	return done ? done : ret;
}

/* One hold of one lock. */
static int hs_copy_step(struct hs_access *access, void *bounce, u32 bytes)
{
	struct hs_device *device = access->device;
	struct hs_mirror *mirror = NULL;
	struct hs_target *target;
	int ret;

	mutex_lock(&device->lock);
	target = hs_target_find(device, access->page);
	if (target && target->type == HS_TARGET_MIRROR) {
		mirror = container_of(target, struct hs_mirror, target);
		kref_get(&mirror->ref);
	} else {
		ret = target ? hs_copy_target(access, target, NULL, bounce, bytes) :
			       hs_access_fault(access, HMM_SDK_SOURCE_NOT_MAPPED);
	}
	mutex_unlock(&device->lock);
	if (!mirror)
		return ret;
	mutex_lock(&mirror->lock);
	if (mirror->closing)
		ret = hs_access_fault(access, HMM_SDK_SOURCE_REVOKED);
	else
		ret = hs_copy_target(access, &mirror->target, mirror, bounce, bytes);
	mutex_unlock(&mirror->lock);
	hs_mirror_put(mirror);
	return ret;
}

static void hs_access_report(struct hs_access *access, int error)
{
	if (error == -EFAULT)
		hs_event_device_fault(access->device,
				      (access->page << PAGE_SHIFT) + access->offset,
				      access->access, access->source);
}

/* The position of a request. -EINVAL where it would wrap. */
static int hs_access_start(struct hs_access *access, u64 dma_page, u64 offset, u64 bytes)
{
	if (dma_page > ULONG_MAX >> PAGE_SHIFT || offset > 1ULL << 50)
		return -EINVAL;
	access->page = dma_page + (offset >> PAGE_SHIFT);
	access->offset = offset & ~PAGE_MASK;
	if (access->page + (bytes >> PAGE_SHIFT) + 1 > ULONG_MAX >> PAGE_SHIFT)
		return -EINVAL;
	return 0;
}

static void hs_access_advance(struct hs_access *access, u32 bytes)
{
	u64 offset = (u64)access->offset + bytes;

	access->page += offset >> PAGE_SHIFT;
	access->offset = offset & ~PAGE_MASK;
}

static int hs_engine_copy(struct hs_device *device, struct hmm_sdk_engine_copy *copy, u32 way)
{
	struct hs_access access = { .device = device, .access = way };
	u32 step = HS_ENGINE_PAGES * PAGE_SIZE;
	void *bounce;
	int ret;

	copy->done = 0;
	copy->source = U32_MAX;
	if (!(device->capabilities & HMM_SDK_DEV_ENGINE))
		return -EOPNOTSUPP;
	if (copy->flags || !copy->length || copy->length > HS_MAX_ENGINE_BYTES)
		return -EINVAL;
	ret = hs_access_start(&access, copy->dma_page, copy->offset, copy->length);
	if (ret)
		return ret;
	if (hs_fails(HS_STEP_TRANSFER))
		return -EIO;
	bounce = hs_fails(HS_STEP_ALLOC) ? NULL :
		 kvmalloc(min(copy->length, step), GFP_KERNEL_ACCOUNT);
	if (!bounce)
		return -ENOMEM;
	while (copy->done < copy->length) {
		u32 now = min(copy->length - copy->done, step);
		void __user *user = u64_to_user_ptr(copy->data + copy->done);

		ret = -EINTR;
		if (fatal_signal_pending(current))
			break;
		ret = -EFAULT;
		if (way == HMM_SDK_ACCESS_WRITE && copy_from_user(bounce, user, now))
			break;
		ret = hs_copy_step(&access, bounce, now);
		if (ret < 0) {
			copy->source = access.source;
			hs_access_report(&access, ret);
			break;
		}
		now = ret;
		ret = -EFAULT;
		if (way == HMM_SDK_ACCESS_READ && copy_to_user(user, bounce, now))
			break;
		hs_access_advance(&access, now);
		copy->done += now;
		ret = 0;
	}
	kvfree(bounce);
	return ret;
}

int hs_engine_read(void *owner, void *argument)
{
	return hs_engine_copy(owner, argument, HMM_SDK_ACCESS_READ);
}

int hs_engine_write(void *owner, void *argument)
{
	return hs_engine_copy(owner, argument, HMM_SDK_ACCESS_WRITE);
}

/* Under mirror->lock, which the revocation of the exclusive grant takes. */
static int hs_fetch_add(struct hs_access *access, struct hs_mirror *mirror, s32 delta, s32 *old)
{
	struct page *page;
	void *mapped;
	int ret;

	if (mirror->closing)
		return hs_access_fault(access, HMM_SDK_SOURCE_REVOKED);
	ret = hs_find_in_mirror(access, mirror, access->page - mirror->target.dma_page, &page);
	if (ret)
		return ret;
	mapped = kmap_local_page(page);
	*old = atomic_fetch_add(delta, (atomic_t *)(mapped + access->offset));
	kunmap_local(mapped);
	return 0;
}

int hs_engine_fetch_add(void *owner, void *argument)
{
	struct hmm_sdk_engine_add *add = argument;
	struct hs_device *device = owner;
	struct hs_access access = { .device = device, .access = HMM_SDK_ACCESS_ATOMIC };
	struct hs_mirror *mirror = NULL;
	struct hs_target *target;
	int ret;

	add->source = U32_MAX;
	if (!(device->capabilities & HMM_SDK_DEV_ATOMICS))
		return -EOPNOTSUPP;
	if (add->flags || add->offset & 3)
		return -EINVAL;
	ret = hs_access_start(&access, add->dma_page, add->offset, 4);
	if (ret)
		return ret;
	if (hs_fails(HS_STEP_TRANSFER))
		return -EIO;
	mutex_lock(&device->lock);
	target = hs_target_find(device, access.page);
	if (!target) {
		ret = hs_access_fault(&access, HMM_SDK_SOURCE_NOT_MAPPED);
	} else if (target->type != HS_TARGET_MIRROR) {
		ret = -EPERM;
	} else {
		mirror = container_of(target, struct hs_mirror, target);
		kref_get(&mirror->ref);
	}
	mutex_unlock(&device->lock);
	if (mirror) {
		mutex_lock(&mirror->lock);
		ret = hs_fetch_add(&access, mirror, add->delta, &add->old);
		mutex_unlock(&mirror->lock);
		hs_mirror_put(mirror);
	}
	if (ret == -EFAULT) {
		add->source = access.source;
		hs_access_report(&access, ret);
	}
	return ret;
}
