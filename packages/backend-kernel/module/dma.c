// SPDX-License-Identifier: GPL-2.0
/*
 * Streaming mappings of buffers, and the DMA mask.
 */
#include <linux/slab.h>

#include "hmm_sdk.h"

#define HS_LEAST_MASK_BITS 26

bool hs_direction_ok(u32 direction)
{
	return direction <= HMM_SDK_FROM_DEVICE;
}

enum dma_data_direction hs_direction(u32 direction)
{
	switch (direction) {
	case HMM_SDK_TO_DEVICE:
		return DMA_TO_DEVICE;
	case HMM_SDK_FROM_DEVICE:
		return DMA_FROM_DEVICE;
	default:
		return DMA_BIDIRECTIONAL;
	}
}

static void hs_mapping_undo(struct hs_device *device, struct hs_mapping *mapping)
{
	if (device->dma_dev)
		dma_unmap_single(device->dma_dev, mapping->dma, mapping->bytes,
				 hs_direction(mapping->direction));
}

/* Under device->lock. */
static int hs_mapping_place(struct hs_device *device, struct hs_mapping *mapping, u32 *reason)
{
	u64 start = mapping->offset & ~PAGE_MASK;
	u64 pages = DIV_ROUND_UP(start + mapping->bytes, PAGE_SIZE);
	int ret;

	mapping->target.type = HS_TARGET_MAPPING;
	if (hs_fails(HS_STEP_MAP)) {
		*reason = HMM_SDK_REASON_MASK;
		return -EIO;
	}
	if (!device->dma_dev) {
		ret = hs_target_place(device, &mapping->target, pages);
		if (ret == -EIO)
			*reason = HMM_SDK_REASON_MASK;
		mapping->dma = (mapping->target.dma_page << PAGE_SHIFT) + start;
		return ret;
	}
	mapping->dma = dma_map_single(device->dma_dev, mapping->buffer->address + mapping->offset,
				      mapping->bytes, hs_direction(mapping->direction));
	if (dma_mapping_error(device->dma_dev, mapping->dma)) {
		*reason = HMM_SDK_REASON_MASK;
		return -EIO;
	}
	/* Only to be found by its DMA page; without a translation that may be taken. */
	hs_target_insert(device, &mapping->target, mapping->dma >> PAGE_SHIFT, pages);
	return 0;
}

static int hs_mapping_make(struct hs_device *device, struct hmm_sdk_dma_map *map,
			   struct hs_mapping *mapping)
{
	struct hs_buffer *buffer = xa_load(&device->buffers, map->buffer);
	int ret;

	if (!buffer)
		return -EBADF;
	if (buffer->coherent || !map->bytes || map->offset > buffer->bytes ||
	    map->bytes > buffer->bytes - map->offset)
		return -EINVAL;
	if (device->nr_mappings >= HS_MAX_BUFFERS) {
		map->reason = HMM_SDK_REASON_LIMIT;
		return -ENOSPC;
	}
	mapping->buffer = buffer;
	mapping->direction = map->direction;
	mapping->offset = map->offset;
	mapping->bytes = map->bytes;
	ret = hs_mapping_place(device, mapping, &map->reason);
	if (ret)
		return ret;
	mapping->id = hs_next_id(device);
	ret = hs_fails(HS_STEP_ALLOC) ? -ENOMEM :
	      xa_insert(&device->mappings, mapping->id, mapping, GFP_KERNEL_ACCOUNT);
	if (ret) {
		hs_target_remove(device, &mapping->target);
		hs_mapping_undo(device, mapping);
		return ret;
	}
	buffer->users++;
	device->nr_mappings++;
	map->mapping = mapping->id;
	map->dma_page = mapping->dma >> PAGE_SHIFT;
	map->dma_offset = mapping->dma & ~PAGE_MASK;
	map->revocable = !!(device->capabilities & HMM_SDK_DEV_STRICT);
	return 0;
}

int hs_dma_map(void *owner, void *argument)
{
	struct hmm_sdk_dma_map *map = argument;
	struct hs_device *device = owner;
	struct hs_mapping *mapping;
	int ret;

	map->reason = HMM_SDK_REASON_NONE;
	if (map->flags || map->pad || !hs_direction_ok(map->direction))
		return -EINVAL;
	if (!(device->capabilities & HMM_SDK_DEV_STREAMING))
		return -EOPNOTSUPP;
	mapping = hs_fails(HS_STEP_ALLOC) ? NULL : kzalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return -ENOMEM;
	mutex_lock(&device->lock);
	ret = hs_mapping_make(device, map, mapping);
	mutex_unlock(&device->lock);
	if (ret)
		kfree(mapping);
	return ret;
}

/* Under device->lock; the mapping is out of the table. */
static void hs_mapping_free(struct hs_device *device, struct hs_mapping *mapping)
{
	hs_target_remove(device, &mapping->target);
	hs_mapping_undo(device, mapping);
	mapping->buffer->users--;
	device->nr_mappings--;
	kfree(mapping);
}

int hs_dma_unmap(void *owner, void *argument)
{
	struct hmm_sdk_dma_unmap *unmap = argument;
	struct hs_device *device = owner;
	struct hs_mapping *mapping;

	if (unmap->flags)
		return -EINVAL;
	mutex_lock(&device->lock);
	mapping = xa_erase(&device->mappings, unmap->mapping);
	if (mapping)
		hs_mapping_free(device, mapping);
	mutex_unlock(&device->lock);
	return mapping ? 0 : -EBADF;
}

void hs_mappings_free(struct hs_device *device)
{
	struct hs_mapping *mapping;
	unsigned long id;

	mutex_lock(&device->lock);
	xa_for_each(&device->mappings, id, mapping) {
		xa_erase(&device->mappings, id);
		hs_mapping_free(device, mapping);
	}
	mutex_unlock(&device->lock);
}

/* Under device->lock. The DMA layer complains about a sync against the direction. */
static int hs_mapping_sync(struct hs_device *device, struct hs_mapping *mapping,
			   const struct hmm_sdk_dma_sync *sync)
{
	enum dma_data_direction direction = hs_direction(mapping->direction);
	dma_addr_t address = mapping->dma + sync->offset;

	if (!sync->bytes || sync->offset > mapping->bytes ||
	    sync->bytes > mapping->bytes - sync->offset)
		return -EINVAL;
	if (sync->target == HMM_SDK_SYNC_CPU ? direction == DMA_TO_DEVICE :
					       direction == DMA_FROM_DEVICE)
		return -EINVAL;
	if (!device->dma_dev)
		return 0;
	if (sync->target == HMM_SDK_SYNC_CPU)
		dma_sync_single_for_cpu(device->dma_dev, address, sync->bytes, direction);
	else
		dma_sync_single_for_device(device->dma_dev, address, sync->bytes, direction);
	return 0;
}

int hs_dma_sync(void *owner, void *argument)
{
	struct hmm_sdk_dma_sync *sync = argument;
	struct hs_device *device = owner;
	struct hs_mapping *mapping;
	int ret;

	if (sync->target > HMM_SDK_SYNC_DEVICE)
		return -EINVAL;
	mutex_lock(&device->lock);
	mapping = xa_load(&device->mappings, sync->mapping);
	ret = mapping ? hs_mapping_sync(device, mapping, sync) : -EBADF;
	mutex_unlock(&device->lock);
	return ret;
}

int hs_set_mask(void *owner, void *argument)
{
	struct hmm_sdk_set_mask *mask = argument;
	struct hs_device *device = owner;
	int ret = 0;

	if (mask->flags || !mask->bits || mask->bits > 64)
		return -EINVAL;
	mutex_lock(&device->lock);
	if (!mtree_empty(&device->targets) || device->nr_mappings || device->nr_mirrors)
		ret = -EBUSY;
	else if (mask->bits < HS_LEAST_MASK_BITS)
		ret = -EIO;
	else if (device->dma_dev)
		ret = dma_set_mask_and_coherent(device->dma_dev, DMA_BIT_MASK(mask->bits));
	else if (mask->bits < 64 && device->next_dma_page >= 1ULL << (mask->bits - PAGE_SHIFT))
		ret = -EIO;
	if (!ret) {
		device->mask_bits = mask->bits;
		if (device->pci)
			hs_pci_describe(device);
	}
	mutex_unlock(&device->lock);
	return ret;
}
