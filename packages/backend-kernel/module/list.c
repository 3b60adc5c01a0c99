// SPDX-License-Identifier: GPL-2.0
/*
 * Lists: parts of several buffers, mapped at once. The parts are cut into pieces within the limits of
 * segments; a PCI device gets them by dma_map_sgtable(), the software device in one run of DMA pages
 * that is laid out as the kernel's IOMMU layer does it.
 */
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hmm_sdk.h"

#define HS_LEAST_SEGMENT 512
#define HS_MOST_ALIGN_MASK 0xffff

/* As the kernel does it for PCI devices. */
void hs_limits_reset(struct hs_device *device)
{
	device->limits = (struct hs_limits){
		.max_bytes = SZ_64K,
		.boundary_mask = U32_MAX,
	};
}

void hs_limits_apply(struct hs_device *device)
{
	dma_set_max_seg_size(device->dma_dev, device->limits.max_bytes);
	dma_set_seg_boundary(device->dma_dev, device->limits.boundary_mask);
	dma_set_min_align_mask(device->dma_dev, device->limits.min_align_mask);
}

static bool hs_is_mask(u64 mask)
{
	return !(mask & (mask + 1));
}

int hs_segment_limits(void *owner, void *argument)
{
	struct hmm_sdk_segment_limits *limits = argument;
	struct hs_device *device = owner;
	int ret = 0;

	if (limits->flags & ~HMM_SDK_SEGMENT_LIMITS_SET || limits->pad)
		return -EINVAL;
	mutex_lock(&device->lock);
	if (!limits->flags) {
		limits->max_bytes = device->limits.max_bytes;
		limits->boundary_mask = device->limits.boundary_mask;
		limits->min_align_mask = device->limits.min_align_mask;
	} else if (limits->max_bytes < HS_LEAST_SEGMENT || limits->boundary_mask > U32_MAX ||
		   limits->boundary_mask < HS_LEAST_SEGMENT - 1 ||
		   !hs_is_mask(limits->boundary_mask) || !hs_is_mask(limits->min_align_mask) ||
		   limits->min_align_mask > HS_MOST_ALIGN_MASK) {
		ret = -EINVAL;
	} else if (device->nr_mappings) {
		ret = -EBUSY;
	} else {
		device->limits.max_bytes = limits->max_bytes;
		device->limits.boundary_mask = limits->boundary_mask;
		device->limits.min_align_mask = limits->min_align_mask;
		if (device->dma_dev)
			hs_limits_apply(device);
	}
	mutex_unlock(&device->lock);
	return ret;
}

/* How long the piece is that begins at @at of a part. */
static u64 hs_piece_bytes(struct hs_device *device, struct hs_buffer *buffer, u64 at, u64 left)
{
	u64 block = device->limits.boundary_mask + 1;
	u64 most = min_t(u64, device->limits.max_bytes, hs_max_mapping_bytes(device));
	u64 address = at & ~PAGE_MASK;

	/* Without a translation memory is where it is; with one only the place in its page stays. */
	if (!(device->capabilities & HMM_SDK_DEV_TRANSLATING))
		address = virt_to_phys(buffer->address) + at;
	/* A cut at the end of a page lets an IOMMU join what follows. */
	if (most >= PAGE_SIZE)
		most = (most & PAGE_MASK) - (at & ~PAGE_MASK);
	return min3(left, most, block - (address & (block - 1)));
}

/* Counts the pieces of all parts, and writes them down where @pieces is given. */
static int hs_list_cut(struct hs_device *device, const struct hmm_sdk_dma_list_part *parts,
		       u32 nr_parts, struct hs_piece *pieces)
{
	u32 count = 0;
	u32 i;

	for (i = 0; i < nr_parts; i++) {
		struct hs_buffer *buffer = xa_load(&device->buffers, parts[i].buffer);
		u64 at = parts[i].offset;
		u64 end;

		if (!buffer)
			return -EBADF;
		if (parts[i].pad || buffer->coherent || !parts[i].bytes || at > buffer->bytes ||
		    parts[i].bytes > buffer->bytes - at)
			return -EINVAL;
		for (end = at + parts[i].bytes; at < end;) {
			u64 bytes = hs_piece_bytes(device, buffer, at, end - at);

			if (count == HMM_SDK_MAX_LIST_SEGMENTS)
				return -ENOSPC;
			if (pieces)
				pieces[count] = (struct hs_piece){
					.buffer = buffer,
					.offset = at,
					.bytes = bytes,
				};
			count++;
			at += bytes;
		}
	}
	return count;
}

/* Where the pieces lie in the run of the software device, as in iommu_dma_map_sg(). */
static u64 hs_list_layout(struct hs_list *list, u64 boundary_mask)
{
	u64 used = 0;
	u32 i;

	for (i = 0; i < list->nr_pieces; i++) {
		struct hs_piece *piece = &list->pieces[i];
		u64 room = PAGE_ALIGN((piece->offset & ~PAGE_MASK) + piece->bytes);
		u64 pad = (boundary_mask - used + 1) & boundary_mask;

		if (pad < room - 1)
			used += pad;
		piece->page = used >> PAGE_SHIFT;
		used += room;
	}
	return used >> PAGE_SHIFT;
}

/* Joins neighbours that fill their pages, as in __finalise_sg(). */
static void hs_list_join(struct hs_device *device, struct hs_list *list)
{
	struct hs_list_segment *last = NULL;
	u64 end = 0;
	u32 i;

	for (i = 0; i < list->nr_pieces; i++) {
		struct hs_piece *piece = &list->pieces[i];
		u64 in_page = piece->offset & ~PAGE_MASK;
		u64 start = ((list->target.dma_page + piece->page) << PAGE_SHIFT) + in_page;

		if (last && start == end && !in_page && start & device->limits.boundary_mask &&
		    device->limits.max_bytes - last->bytes >= piece->bytes) {
			last->bytes += piece->bytes;
		} else {
			last = &list->segments[list->nr_segments++];
			last->dma = start;
			last->bytes = piece->bytes;
		}
		end = start + piece->bytes;
	}
}

static int hs_list_map_soft(struct hs_device *device, struct hs_list *list, u32 *reason)
{
	int ret;

	list->target.type = HS_TARGET_LIST;
	ret = hs_target_place(device, &list->target,
			      hs_list_layout(list, device->limits.boundary_mask));
	if (ret) {
		*reason = HMM_SDK_REASON_NO_IOVA_SPACE;
		return ret == -EIO ? -ENOMEM : ret;
	}
	hs_list_join(device, list);
	return 0;
}

static int hs_list_map_device(struct hs_device *device, struct hs_list *list, u32 *reason)
{
	struct scatterlist *sg;
	int ret, i;

	ret = sg_alloc_table(&list->table, list->nr_pieces, GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_sg(&list->table, sg, i)
		sg_set_buf(sg, list->pieces[i].buffer->address + list->pieces[i].offset,
			   list->pieces[i].bytes);
	ret = dma_map_sgtable(device->dma_dev, &list->table, hs_direction(list->direction),
			      list->attrs);
	if (ret) {
		sg_free_table(&list->table);
		return hs_map_error(device, ret, reason);
	}
	for_each_sgtable_dma_sg(&list->table, sg, i) {
		struct hs_list_segment *segment = &list->segments[list->nr_segments++];
		u64 first = sg_dma_address(sg) >> PAGE_SHIFT;
		u64 last = (sg_dma_address(sg) + sg_dma_len(sg) - 1) >> PAGE_SHIFT;

		segment->dma = sg_dma_address(sg);
		segment->bytes = sg_dma_len(sg);
		list->by_bus |= sg_dma_is_bus_address(sg);
		segment->target.type = HS_TARGET_SEGMENT;
		/* Only to be found by its DMA page; without a translation that may be taken. */
		hs_target_insert(device, &segment->target, first, last - first + 1);
	}
	return 0;
}

static void hs_list_undo(struct hs_device *device, struct hs_list *list)
{
	u32 i;

	if (!device->dma_dev) {
		hs_target_remove(device, &list->target);
		return;
	}
	for (i = 0; i < list->nr_segments; i++)
		hs_target_remove(device, &list->segments[i].target);
	dma_unmap_sgtable(device->dma_dev, &list->table, hs_direction(list->direction),
			  list->attrs);
	sg_free_table(&list->table);
}

static void hs_list_release(struct hs_list *list)
{
	kvfree(list->pieces);
	kvfree(list->segments);
	kfree(list);
}

static int hs_list_check(struct hs_device *device, struct hs_list *list, bool coherent,
			 u32 *reason)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < list->nr_pieces && !ret; i++) {
		struct hs_piece *piece = &list->pieces[i];

		ret = hs_check_reach(device, piece->buffer, piece->offset, piece->bytes, reason);
		if (!ret && coherent)
			ret = hs_require_coherent(device, piece->buffer, piece->offset,
						  piece->bytes, reason);
	}
	return ret;
}

/* Under device->lock. */
static int hs_list_make(struct hs_device *device, struct hmm_sdk_dma_list_map *map,
			const struct hmm_sdk_dma_list_part *parts, struct hs_list *list)
{
	int count = hs_list_cut(device, parts, map->nr_parts, NULL);
	int ret;
	u32 i;

	if (count == -ENOSPC || count > (int)map->max_segments ||
	    (count > 0 && device->nr_mappings >= HS_MAX_BUFFERS)) {
		map->reason = HMM_SDK_REASON_LIMIT;
		return -ENOSPC;
	}
	if (count < 0)
		return count;
	if (hs_fails(HS_STEP_ALLOC))
		return -ENOMEM;
	list->pieces = kvcalloc(count, sizeof(*list->pieces), GFP_KERNEL_ACCOUNT);
	list->segments = kvcalloc(count, sizeof(*list->segments), GFP_KERNEL_ACCOUNT);
	if (!list->pieces || !list->segments)
		return -ENOMEM;
	list->nr_pieces = count;
	hs_list_cut(device, parts, map->nr_parts, list->pieces);
	ret = hs_list_check(device, list, map->flags & HMM_SDK_ATTR_REQUIRE_COHERENT,
			    &map->reason);
	if (ret)
		return ret;
	if (hs_fails(HS_STEP_MAP)) {
		map->reason = HMM_SDK_REASON_MASK;
		return -EIO;
	}
	if (device->dma_dev)
		ret = hs_list_map_device(device, list, &map->reason);
	else
		ret = hs_list_map_soft(device, list, &map->reason);
	if (ret)
		return ret;
	list->id = hs_next_id(device);
	ret = xa_insert(&device->lists, list->id, list, GFP_KERNEL_ACCOUNT);
	if (ret) {
		hs_list_undo(device, list);
		return ret;
	}
	for (i = 0; i < list->nr_pieces; i++)
		list->pieces[i].buffer->users++;
	device->nr_mappings++;
	return 0;
}

/* Under device->lock; the list is out of the table. */
static void hs_list_free(struct hs_device *device, struct hs_list *list)
{
	u32 i;

	hs_list_undo(device, list);
	for (i = 0; i < list->nr_pieces; i++)
		list->pieces[i].buffer->users--;
	device->nr_mappings--;
	hs_list_release(list);
}

static bool hs_list_unmap(struct hs_device *device, u32 id)
{
	struct hs_list *list;

	mutex_lock(&device->lock);
	list = xa_erase(&device->lists, id);
	if (list)
		hs_list_free(device, list);
	mutex_unlock(&device->lock);
	return list;
}

/* The segments, in the words of the interface. Under device->lock. */
static struct hmm_sdk_dma_segment *hs_list_tell(struct hs_list *list)
{
	struct hmm_sdk_dma_segment *told;
	u32 i;

	told = kvcalloc(list->nr_segments, sizeof(*told), GFP_KERNEL_ACCOUNT);
	for (i = 0; told && i < list->nr_segments; i++) {
		told[i].dma_page = list->segments[i].dma >> PAGE_SHIFT;
		told[i].dma_offset = list->segments[i].dma & ~PAGE_MASK;
		told[i].bytes = list->segments[i].bytes;
	}
	return told;
}

int hs_dma_list_map(void *owner, void *argument)
{
	struct hmm_sdk_dma_list_map *map = argument;
	struct hmm_sdk_dma_segment *told = NULL;
	struct hmm_sdk_dma_list_part *parts;
	struct hs_device *device = owner;
	struct hs_list *list;
	int ret;

	map->reason = HMM_SDK_REASON_NONE;
	if (map->flags & ~HS_MAP_ATTRIBUTES || !hs_direction_ok(map->direction) ||
	    !map->nr_parts || map->nr_parts > HMM_SDK_MAX_LIST_PARTS || !map->max_segments ||
	    map->max_segments > HMM_SDK_MAX_LIST_SEGMENTS)
		return -EINVAL;
	parts = vmemdup_user(u64_to_user_ptr(map->parts), map->nr_parts * sizeof(*parts));
	if (IS_ERR(parts))
		return PTR_ERR(parts);
	list = hs_fails(HS_STEP_ALLOC) ? NULL : kzalloc(sizeof(*list), GFP_KERNEL_ACCOUNT);
	if (!list) {
		kvfree(parts);
		return -ENOMEM;
	}
	list->direction = map->direction;
	list->attrs = hs_map_attrs(map->flags);
	mutex_lock(&device->lock);
	ret = hs_list_make(device, map, parts, list);
	if (ret) {
		hs_list_release(list);
	} else {
		map->list = list->id;
		map->nr_segments = list->nr_segments;
		map->revocable = device->capabilities & HMM_SDK_DEV_STRICT && !list->by_bus;
		told = hs_list_tell(list);
	}
	mutex_unlock(&device->lock);
	kvfree(parts);
	if (ret)
		return ret;
	ret = told ? 0 : -ENOMEM;
	if (told && copy_to_user(u64_to_user_ptr(map->segments), told,
				 map->nr_segments * sizeof(*told)))
		ret = -EFAULT;
	kvfree(told);
	if (ret)
		hs_list_unmap(device, map->list);
	return ret;
}

int hs_dma_list_unmap(void *owner, void *argument)
{
	struct hmm_sdk_dma_list_unmap *unmap = argument;

	if (unmap->flags)
		return -EINVAL;
	return hs_list_unmap(owner, unmap->list) ? 0 : -EBADF;
}

int hs_dma_list_sync(void *owner, void *argument)
{
	struct hmm_sdk_dma_list_sync *sync = argument;
	struct hs_device *device = owner;
	struct hs_list *list;
	int ret = 0;

	if (sync->target > HMM_SDK_SYNC_DEVICE)
		return -EINVAL;
	mutex_lock(&device->lock);
	list = xa_load(&device->lists, sync->list);
	if (!list)
		ret = -EBADF;
	else if (list->direction == (sync->target == HMM_SDK_SYNC_CPU ? HMM_SDK_TO_DEVICE :
									HMM_SDK_FROM_DEVICE))
		ret = -EINVAL;
	else if (device->dma_dev && sync->target == HMM_SDK_SYNC_CPU)
		dma_sync_sgtable_for_cpu(device->dma_dev, &list->table,
					 hs_direction(list->direction));
	else if (device->dma_dev)
		dma_sync_sgtable_for_device(device->dma_dev, &list->table,
					    hs_direction(list->direction));
	mutex_unlock(&device->lock);
	return ret;
}

/* Under device->lock. The byte of a buffer that the software device sees, or NULL. */
struct page *hs_list_find(struct hs_list *list, u64 index, u32 offset, u32 bytes)
{
	u32 low = 0, high = list->nr_pieces;
	struct hs_piece *piece;
	u64 at, in_page;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (list->pieces[middle].page <= index)
			low = middle;
		else
			high = middle;
	}
	piece = &list->pieces[low];
	in_page = piece->offset & ~PAGE_MASK;
	at = ((index - piece->page) << PAGE_SHIFT) + offset;
	if (at < in_page || at + bytes > in_page + piece->bytes)
		return NULL;
	return virt_to_page(piece->buffer->address + (piece->offset - in_page) + at);
}

/* Under device->lock. Whether a segment of any list is in the page. */
bool hs_lists_cover(struct hs_device *device, u64 dma_page)
{
	struct hs_list *list;
	unsigned long id;
	u32 i;

	xa_for_each(&device->lists, id, list)
		for (i = 0; i < list->nr_segments; i++)
			if (hs_covers(list->segments[i].dma, list->segments[i].bytes, dma_page))
				return true;
	return false;
}

void hs_lists_free(struct hs_device *device)
{
	struct hs_list *list;
	unsigned long id;

	mutex_lock(&device->lock);
	xa_for_each(&device->lists, id, list) {
		xa_erase(&device->lists, id);
		hs_list_free(device, list);
	}
	mutex_unlock(&device->lock);
}
