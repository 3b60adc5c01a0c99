// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers: memory of the module that a driver fills, maps and links. Contiguous, so that a mapping
 * is one run of DMA pages on any device. Tables and use counts are under device->lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hmm_sdk.h"

static int hs_buffer_charge(struct hs_device *device, struct hs_buffer *buffer, u32 *reason)
{
	int ret;

	/* The limit is that of the process that opened the device; others may not spend it. */
	if (!device->account_mm || current->mm != device->account_mm)
		return -EPERM;
	ret = account_locked_vm(device->account_mm, buffer->nr_pages, true);
	if (ret)
		*reason = HMM_SDK_REASON_MEMLOCK;
	else
		buffer->charged = buffer->nr_pages;
	return ret;
}

void hs_buffer_release(struct hs_device *device, struct hs_buffer *buffer)
{
	size_t bytes = (size_t)buffer->nr_pages << PAGE_SHIFT;

	if (!buffer->address)
		;
	else if (buffer->peer)
		hs_pci_drop_peer(buffer->peer);
	else if (buffer->coherent && device->dma_dev)
		dma_free_attrs(device->dma_dev, bytes, buffer->address, buffer->dma,
			       buffer->attrs);
	else
		free_pages_exact(buffer->address, bytes);
	if (buffer->charged)
		account_locked_vm(device->account_mm, buffer->charged, false);
	kfree(buffer);
}

/* Without a translation: memory that the device reaches, where there is some. */
static gfp_t hs_buffer_zone(struct hs_device *device)
{
	if (!device->dma_dev || device->capabilities & HMM_SDK_DEV_TRANSLATING ||
	    device->mask_bits > 32)
		return 0;
	return device->mask_bits < 32 ? GFP_DMA : GFP_DMA32;
}

static int hs_buffer_fill(struct hs_device *device, struct hs_buffer *buffer)
{
	size_t bytes = (size_t)buffer->nr_pages << PAGE_SHIFT;

	if (hs_fails(HS_STEP_BUFFER))
		return -ENOMEM;
	if (buffer->coherent && device->dma_dev)
		buffer->address = dma_alloc_attrs(device->dma_dev, bytes, &buffer->dma,
						  GFP_KERNEL_ACCOUNT | __GFP_NOWARN,
						  buffer->attrs);
	else
		buffer->address = alloc_pages_exact(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO |
							   __GFP_NOWARN | hs_buffer_zone(device));
	return buffer->address ? 0 : -ENOMEM;
}

/* Under device->lock. */
static int hs_buffer_place(struct hs_device *device, struct hs_buffer *buffer)
{
	int ret;

	if (!buffer->coherent)
		return 0;
	buffer->target.type = HS_TARGET_COHERENT;
	if (!device->dma_dev) {
		ret = hs_target_place(device, &buffer->target, buffer->nr_pages);
		return ret == -EIO ? -ENOMEM : ret;
	}
	ret = hs_target_insert(device, &buffer->target, buffer->dma >> PAGE_SHIFT,
			       buffer->nr_pages);
	/* Without a translation other things may lie in the same page: it is found by none. */
	return ret == -EEXIST ? 0 : ret;
}

/* From here on others may free it. */
int hs_buffer_publish(struct hs_device *device, struct hs_buffer *buffer, u32 *id, u64 *dma_page,
		      u32 *reason)
{
	int ret;

	mutex_lock(&device->lock);
	if (device->nr_buffers >= HS_MAX_BUFFERS) {
		*reason = HMM_SDK_REASON_LIMIT;
		ret = -ENOSPC;
	} else {
		ret = hs_buffer_place(device, buffer);
	}
	if (!ret) {
		buffer->id = hs_next_id(device);
		ret = hs_fails(HS_STEP_ALLOC) ? -ENOMEM :
		      xa_insert(&device->buffers, buffer->id, buffer, GFP_KERNEL_ACCOUNT);
		if (ret)
			hs_target_remove(device, &buffer->target);
		else
			device->nr_buffers++;
		*id = buffer->id;
		*dma_page = device->dma_dev ? buffer->dma >> PAGE_SHIFT : buffer->target.dma_page;
	}
	mutex_unlock(&device->lock);
	return ret;
}

static unsigned long hs_alloc_attrs(u32 flags)
{
	unsigned long attrs = DMA_ATTR_NO_WARN;

	if (flags & HMM_SDK_ATTR_WEAK_ORDERING)
		attrs |= DMA_ATTR_WEAK_ORDERING;
	if (flags & HMM_SDK_ATTR_WRITE_COMBINE)
		attrs |= DMA_ATTR_WRITE_COMBINE;
	if (flags & HMM_SDK_ATTR_FORCE_CONTIGUOUS)
		attrs |= DMA_ATTR_FORCE_CONTIGUOUS;
	return attrs;
}

static int hs_buffer_make(struct hs_device *device, struct hmm_sdk_buffer_alloc *alloc,
			  bool coherent)
{
	struct hs_buffer *buffer;
	u64 dma_page;
	u32 id;
	int ret;

	alloc->buffer = 0;
	alloc->dma_page = 0;
	alloc->reason = HMM_SDK_REASON_NONE;
	if (alloc->flags & ~(coherent ? HS_ALLOC_ATTRIBUTES : 0) || alloc->pad || !alloc->bytes ||
	    alloc->bytes > HS_MAX_BUFFER_BYTES)
		return -EINVAL;
	buffer = hs_fails(HS_STEP_ALLOC) ? NULL : kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return -ENOMEM;
	buffer->bytes = alloc->bytes;
	buffer->nr_pages = DIV_ROUND_UP(alloc->bytes, PAGE_SIZE);
	buffer->coherent = coherent;
	buffer->attrs = hs_alloc_attrs(alloc->flags);
	ret = hs_buffer_charge(device, buffer, &alloc->reason);
	if (!ret)
		ret = hs_buffer_fill(device, buffer);
	if (!ret)
		ret = hs_buffer_publish(device, buffer, &id, &dma_page, &alloc->reason);
	if (ret) {
		hs_buffer_release(device, buffer);
		return ret;
	}
	alloc->buffer = id;
	alloc->dma_page = coherent ? dma_page : 0;
	return 0;
}

int hs_buffer_alloc(void *owner, void *argument)
{
	return hs_buffer_make(owner, argument, false);
}

int hs_coherent_alloc(void *owner, void *argument)
{
	struct hs_device *device = owner;

	if (!(device->capabilities & HMM_SDK_DEV_COHERENT_ALLOC))
		return -EOPNOTSUPP;
	return hs_buffer_make(owner, argument, true);
}

int hs_buffer_free(void *owner, void *argument)
{
	struct hmm_sdk_buffer_free *free = argument;
	struct hs_device *device = owner;
	struct hs_buffer *buffer;
	int ret = 0;

	if (free->flags)
		return -EINVAL;
	mutex_lock(&device->lock);
	buffer = xa_load(&device->buffers, free->buffer);
	if (!buffer) {
		ret = -EBADF;
	} else if (buffer->users) {
		ret = -EBUSY;
	} else {
		xa_erase(&device->buffers, free->buffer);
		hs_target_remove(device, &buffer->target);
		device->nr_buffers--;
	}
	mutex_unlock(&device->lock);
	if (!ret)
		hs_buffer_release(device, buffer);
	return ret;
}

/* Keeps the buffer for a copy from or to user memory, which may take its time. */
static struct hs_buffer *hs_buffer_hold(struct hs_device *device, struct hmm_sdk_buffer_copy *copy)
{
	struct hs_buffer *buffer;

	if (copy->flags)
		return ERR_PTR(-EINVAL);
	mutex_lock(&device->lock);
	buffer = xa_load(&device->buffers, copy->buffer);
	if (!buffer)
		buffer = ERR_PTR(-EBADF);
	else if (buffer->peer && !hs_peer_is_own(device, buffer->peer))
		buffer = ERR_PTR(-EINVAL);
	else if (copy->offset > buffer->bytes || copy->length > buffer->bytes - copy->offset)
		buffer = ERR_PTR(-EINVAL);
	else
		buffer->users++;
	mutex_unlock(&device->lock);
	return buffer;
}

static void hs_buffer_drop(struct hs_device *device, struct hs_buffer *buffer)
{
	mutex_lock(&device->lock);
	buffer->users--;
	mutex_unlock(&device->lock);
}

int hs_buffer_read(void *owner, void *argument)
{
	struct hmm_sdk_buffer_copy *copy = argument;
	struct hs_buffer *buffer = hs_buffer_hold(owner, copy);
	int ret = 0;

	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	if (copy_to_user(u64_to_user_ptr(copy->data), buffer->address + copy->offset,
			 copy->length))
		ret = -EFAULT;
	hs_buffer_drop(owner, buffer);
	return ret;
}

int hs_buffer_write(void *owner, void *argument)
{
	struct hmm_sdk_buffer_copy *copy = argument;
	struct hs_buffer *buffer = hs_buffer_hold(owner, copy);
	int ret = 0;

	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	if (copy_from_user(buffer->address + copy->offset, u64_to_user_ptr(copy->data),
			   copy->length))
		ret = -EFAULT;
	hs_buffer_drop(owner, buffer);
	return ret;
}

/* At release: no call runs, and nothing is mapped or linked any more. */
void hs_buffers_free(struct hs_device *device)
{
	struct hs_buffer *buffer;
	unsigned long id;

	xa_for_each(&device->buffers, id, buffer) {
		xa_erase(&device->buffers, id);
		hs_target_remove(device, &buffer->target);
		hs_buffer_release(device, buffer);
	}
}
