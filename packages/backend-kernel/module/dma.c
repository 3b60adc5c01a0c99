// SPDX-License-Identifier: GPL-2.0
/*
 * Streaming mappings of buffers, and the DMA mask.
 */
#include <linux/slab.h>
#include <linux/swiotlb.h>

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

/* Failures are told by an errno, not in the log. */
unsigned long hs_map_attrs(u32 flags)
{
	unsigned long attrs = DMA_ATTR_NO_WARN;

	if (flags & HMM_SDK_ATTR_WEAK_ORDERING)
		attrs |= DMA_ATTR_WEAK_ORDERING;
	if (flags & HMM_SDK_ATTR_SKIP_CPU_SYNC)
		attrs |= DMA_ATTR_SKIP_CPU_SYNC;
#ifdef DMA_ATTR_DEBUGGING_IGNORE_CACHELINES
	if (flags & HMM_SDK_ATTR_IGNORE_CACHELINES)
		attrs |= DMA_ATTR_DEBUGGING_IGNORE_CACHELINES;
#endif
#ifdef DMA_ATTR_REQUIRE_COHERENT
	if (flags & HMM_SDK_ATTR_REQUIRE_COHERENT)
		attrs |= DMA_ATTR_REQUIRE_COHERENT;
#endif
	return attrs;
}

u64 hs_max_mapping_bytes(struct hs_device *device)
{
	if (!device->dma_dev)
		return HS_MAX_BUFFER_BYTES;
	return min_t(u64, HS_MAX_BUFFER_BYTES, dma_max_mapping_size(device->dma_dev));
}

/* What a mapping that the DMA layer did not make lacked. */
int hs_map_error(struct hs_device *device, int error, u32 *reason)
{
	if (error == -EREMOTEIO) {
		*reason = HMM_SDK_REASON_PEER_ROUTE;
		return error;
	}
	if (device->capabilities & HMM_SDK_DEV_BOUNCE) {
		*reason = HMM_SDK_REASON_BOUNCE_FULL;
		return -ENOMEM;
	}
	if (device->capabilities & HMM_SDK_DEV_TRANSLATING) {
		*reason = HMM_SDK_REASON_NO_IOVA_SPACE;
		return -ENOMEM;
	}
	*reason = HMM_SDK_REASON_MASK;
	return error == -ENOMEM ? -ENOMEM : -EIO;
}

/* The last address that the device drives without a translation. */
static u64 hs_dma_limit(struct hs_device *device)
{
	return min_not_zero(dma_get_mask(device->dma_dev), device->dma_dev->bus_dma_limit);
}

/* Whether the DMA layer would copy the bytes. */
static bool hs_would_bounce(struct hs_device *device, struct hs_buffer *buffer, u64 offset,
			    u64 bytes)
{
	u64 last = virt_to_phys(buffer->address) + offset + bytes - 1;
	bool bounces = device->capabilities & HMM_SDK_DEV_BOUNCE;

	if (!device->dma_dev || buffer->peer)
		return false;
	if (device->capabilities & HMM_SDK_DEV_TRANSLATING)
		return bounces && (offset | bytes) & ~PAGE_MASK;
	return bounces || last > hs_dma_limit(device);
}

/* Whether the device reaches the bounce buffers, which the kernel takes for granted. */
static bool hs_reaches_bounce(struct hs_device *device, u64 limit)
{
#ifdef CONFIG_SWIOTLB
	struct io_tlb_mem *mem = device->dma_dev->dma_io_tlb_mem;

	return mem && mem->nslabs && mem->defpool.end - 1 <= limit;
#else
	return false;
#endif
}

/* What the DMA layer would warn about is refused: neither the bytes nor a copy can be reached. */
int hs_check_reach(struct hs_device *device, struct hs_buffer *buffer, u64 offset, u64 bytes,
		   u32 *reason)
{
	if (buffer->peer && device->capabilities & HMM_SDK_DEV_BOUNCE) {
		*reason = HMM_SDK_REASON_BOUNCE;
		return -EOPNOTSUPP;
	}
	if (buffer->peer) {
		if (buffer->translated ||
		    buffer->dma + offset + bytes - 1 <= hs_dma_limit(device))
			return 0;
	} else if (!device->dma_dev || device->capabilities & HMM_SDK_DEV_TRANSLATING ||
		   !hs_would_bounce(device, buffer, offset, bytes) ||
		   hs_reaches_bounce(device, hs_dma_limit(device))) {
		return 0;
	}
	*reason = HMM_SDK_REASON_MASK;
	return -EIO;
}

int hs_require_coherent(struct hs_device *device, struct hs_buffer *buffer, u64 offset, u64 bytes,
			u32 *reason)
{
	if (!(device->capabilities & HMM_SDK_DEV_CACHE_COHERENT))
		*reason = HMM_SDK_REASON_NOT_COHERENT;
	else if (hs_would_bounce(device, buffer, offset, bytes))
		*reason = HMM_SDK_REASON_BOUNCE;
	else
		return 0;
	return -EOPNOTSUPP;
}

static void hs_mapping_undo(struct hs_device *device, struct hs_mapping *mapping)
{
	if (device->dma_dev)
		dma_unmap_single_attrs(device->dma_dev, mapping->dma, mapping->bytes,
				       hs_direction(mapping->direction), mapping->attrs);
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
		mapping->dma = (mapping->target.dma_page << PAGE_SHIFT) + start;
		if (ret != -EIO)
			return ret;
		*reason = HMM_SDK_REASON_NO_IOVA_SPACE;
		return -ENOMEM;
	}
	if (mapping->bytes > hs_max_mapping_bytes(device))
		return -EINVAL;
	mapping->dma = dma_map_single_attrs(device->dma_dev,
					    mapping->buffer->address + mapping->offset,
					    mapping->bytes, hs_direction(mapping->direction),
					    mapping->attrs);
	if (dma_mapping_error(device->dma_dev, mapping->dma))
		return hs_map_error(device, -EIO, reason);
	/* A copy does not lie in its page as the original does. */
	pages = DIV_ROUND_UP((mapping->dma & ~PAGE_MASK) + mapping->bytes, PAGE_SIZE);
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
	if (buffer->coherent || buffer->peer || !map->bytes || map->offset > buffer->bytes ||
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
	mapping->attrs = hs_map_attrs(map->flags);
	ret = hs_check_reach(device, buffer, map->offset, map->bytes, &map->reason);
	if (ret)
		return ret;
	if (map->flags & HMM_SDK_ATTR_REQUIRE_COHERENT) {
		ret = hs_require_coherent(device, buffer, map->offset, map->bytes, &map->reason);
		if (ret)
			return ret;
	}
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
	if (map->flags & ~HS_MAP_ATTRIBUTES || map->pad || !hs_direction_ok(map->direction))
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

/* Under device->lock. Whether any mapping is in the page. */
bool hs_mappings_cover(struct hs_device *device, u64 dma_page)
{
	struct hs_mapping *mapping;
	unsigned long id;

	xa_for_each(&device->mappings, id, mapping)
		if (hs_covers(mapping->dma, mapping->bytes, dma_page))
			return true;
	return false;
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
	else if (device->capabilities & HMM_SDK_DEV_BOUNCE &&
		 !(device->capabilities & HMM_SDK_DEV_TRANSLATING) &&
		 !hs_reaches_bounce(device, DMA_BIT_MASK(mask->bits)))
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
