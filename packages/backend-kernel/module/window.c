// SPDX-License-Identifier: GPL-2.0
/*
 * IOVA windows: a run of DMA pages that the driver links buffer pages into. What is linked is kept
 * page by page, so that whatever the kernel would warn about is refused before it is called.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "hmm_sdk.h"

static int hs_window_reserve(struct hs_device *device, struct hs_window *window, u32 *reason)
{
	int ret;

	window->target.type = HS_TARGET_WINDOW;
	*reason = HMM_SDK_REASON_NO_IOVA_SPACE;
	if (hs_fails(HS_STEP_IOVA))
		return -ENOMEM;
	if (!device->dma_dev) {
		ret = hs_target_place(device, &window->target, window->pages);
		return ret == -EIO ? -ENOMEM : ret;
	}
#if HS_HAS_IOVA
	if (!dma_iova_try_alloc(device->dma_dev, &window->iova, 0,
				(size_t)window->pages << PAGE_SHIFT))
		return -ENOMEM;
	ret = hs_target_insert(device, &window->target, window->iova.addr >> PAGE_SHIFT,
			       window->pages);
	if (ret)
		dma_iova_free(device->dma_dev, &window->iova);
	return ret;
#else
	return -EOPNOTSUPP;
#endif
}

static void hs_window_unreserve(struct hs_device *device, struct hs_window *window)
{
	hs_target_remove(device, &window->target);
#if HS_HAS_IOVA
	if (device->dma_dev)
		dma_iova_free(device->dma_dev, &window->iova);
#endif
}

static int hs_link_iova(struct hs_device *device, struct hs_window *window, u32 at)
{
#if HS_HAS_IOVA
	struct hs_link *link = &window->links[at];

	if (device->dma_dev)
		return dma_iova_link(device->dma_dev, &window->iova,
				     virt_to_phys(link->buffer->address) + PFN_PHYS(link->page),
				     (size_t)at << PAGE_SHIFT, PAGE_SIZE,
				     hs_direction(link->direction), 0);
#endif
	return 0;
}

/* Under device->lock; the page is linked. */
static void hs_window_drop(struct hs_device *device, struct hs_window *window, u32 at)
{
	struct hs_link *link = &window->links[at];

#if HS_HAS_IOVA
	if (device->dma_dev)
		dma_iova_unlink(device->dma_dev, &window->iova, (size_t)at << PAGE_SHIFT,
				PAGE_SIZE, hs_direction(link->direction), 0);
#endif
	link->buffer->users--;
	link->buffer = NULL;
	window->linked--;
}

int hs_window_open(void *owner, void *argument)
{
	struct hmm_sdk_window_open *open = argument;
	struct hs_device *device = owner;
	struct hs_window *window;
	int ret;

	open->reason = HMM_SDK_REASON_NONE;
	if (open->flags || !open->pages || open->pages > HS_MAX_WINDOW_PAGES)
		return -EINVAL;
	if (!(device->capabilities & HMM_SDK_DEV_WINDOW)) {
		open->reason = HS_HAS_IOVA ? HMM_SDK_REASON_NOT_TRANSLATING :
					     HMM_SDK_REASON_NO_IOVA_API;
		return -EOPNOTSUPP;
	}
	window = hs_fails(HS_STEP_ALLOC) ? NULL : kzalloc(sizeof(*window), GFP_KERNEL_ACCOUNT);
	if (!window)
		return -ENOMEM;
	window->pages = open->pages;
	window->links = hs_fails(HS_STEP_ALLOC) ? NULL :
			kvcalloc(window->pages, sizeof(*window->links), GFP_KERNEL_ACCOUNT);
	if (!window->links) {
		kfree(window);
		return -ENOMEM;
	}
	mutex_lock(&device->lock);
	ret = -ENOSPC;
	open->reason = HMM_SDK_REASON_LIMIT;
	if (device->nr_windows < HS_MAX_WINDOWS)
		ret = hs_window_reserve(device, window, &open->reason);
	if (!ret) {
		window->id = hs_next_id(device);
		ret = hs_fails(HS_STEP_ALLOC) ? -ENOMEM :
		      xa_insert(&device->windows, window->id, window, GFP_KERNEL_ACCOUNT);
		if (ret)
			hs_window_unreserve(device, window);
	}
	if (!ret) {
		device->nr_windows++;
		open->window = window->id;
		open->dma_page = window->target.dma_page;
		open->reason = HMM_SDK_REASON_NONE;
	}
	mutex_unlock(&device->lock);
	if (ret) {
		kvfree(window->links);
		kfree(window);
	}
	return ret;
}

/* Whether all pages of the range are linked, or none is. */
static bool hs_window_all(struct hs_window *window, u32 at, u32 pages, bool linked)
{
	u32 i;

	for (i = at; i < at + pages; i++)
		if (!window->links[i].buffer == linked)
			return false;
	return true;
}

static bool hs_window_range_ok(struct hs_window *window, u32 at, u32 pages)
{
	return pages && at < window->pages && pages <= window->pages - at;
}

/* Under device->lock. */
static int hs_window_make_links(struct hs_device *device, struct hs_window *window,
				const struct hmm_sdk_window_link *link, u32 *reason)
{
	struct hs_buffer *buffer = xa_load(&device->buffers, link->buffer);
	u32 i;
	int ret;

	if (!buffer)
		return -EBADF;
	if (buffer->coherent || buffer->peer || !hs_window_range_ok(window, link->at, link->pages) ||
	    link->buffer_page >= buffer->nr_pages ||
	    link->pages > buffer->nr_pages - link->buffer_page)
		return -EINVAL;
	if (!hs_window_all(window, link->at, link->pages, false))
		return -EADDRINUSE;
	for (i = 0; i < link->pages; i++) {
		struct hs_link *page = &window->links[link->at + i];

		page->buffer = buffer;
		page->page = link->buffer_page + i;
		page->direction = link->direction;
		ret = hs_fails(HS_STEP_LINK) ? -ENOMEM :
		      hs_link_iova(device, window, link->at + i);
		if (ret)
			goto undo;
		buffer->users++;
		window->linked++;
	}
	return 0;
undo:
	*reason = HMM_SDK_REASON_LINK;
	window->links[link->at + i].buffer = NULL;
	while (i--)
		hs_window_drop(device, window, link->at + i);
	return ret;
}

int hs_window_link(void *owner, void *argument)
{
	struct hmm_sdk_window_link *link = argument;
	struct hs_device *device = owner;
	struct hs_window *window;
	int ret = -EBADF;

	link->reason = HMM_SDK_REASON_NONE;
	if (link->flags || !hs_direction_ok(link->direction))
		return -EINVAL;
	mutex_lock(&device->lock);
	window = xa_load(&device->windows, link->window);
	if (window)
		ret = hs_window_make_links(device, window, link, &link->reason);
	mutex_unlock(&device->lock);
	return ret;
}

static int hs_window_on_range(struct hs_device *device, const struct hmm_sdk_window_range *range,
			      bool unlink)
{
	struct hs_window *window;
	int ret = 0;
	u32 i;

	if (range->flags)
		return -EINVAL;
	mutex_lock(&device->lock);
	window = xa_load(&device->windows, range->window);
	if (!window) {
		ret = -EBADF;
	} else if (!hs_window_range_ok(window, range->at, range->pages)) {
		ret = -EINVAL;
	} else if (unlink ? !hs_window_all(window, range->at, range->pages, true) :
			    hs_window_all(window, range->at, range->pages, false)) {
		ret = -EINVAL;
	} else if (unlink) {
		for (i = 0; i < range->pages; i++)
			hs_window_drop(device, window, range->at + i);
#if HS_HAS_IOVA
	} else if (device->dma_dev) {
		ret = dma_iova_sync(device->dma_dev, &window->iova,
				    (size_t)range->at << PAGE_SHIFT,
				    (size_t)range->pages << PAGE_SHIFT);
#endif
	}
	mutex_unlock(&device->lock);
	return ret;
}

int hs_window_sync(void *owner, void *argument)
{
	return hs_window_on_range(owner, argument, false);
}

int hs_window_unlink(void *owner, void *argument)
{
	return hs_window_on_range(owner, argument, true);
}

/* Under device->lock; the window is out of the table. */
static void hs_window_free(struct hs_device *device, struct hs_window *window)
{
	u32 i;

	for (i = 0; i < window->pages && window->linked; i++)
		if (window->links[i].buffer)
			hs_window_drop(device, window, i);
	hs_window_unreserve(device, window);
	device->nr_windows--;
	kvfree(window->links);
	kfree(window);
}

int hs_window_close(void *owner, void *argument)
{
	struct hmm_sdk_window_close *close = argument;
	struct hs_device *device = owner;
	struct hs_window *window;

	if (close->flags)
		return -EINVAL;
	mutex_lock(&device->lock);
	window = xa_erase(&device->windows, close->window);
	if (window)
		hs_window_free(device, window);
	mutex_unlock(&device->lock);
	return window ? 0 : -EBADF;
}

void hs_windows_free(struct hs_device *device)
{
	struct hs_window *window;
	unsigned long id;

	mutex_lock(&device->lock);
	xa_for_each(&device->windows, id, window) {
		xa_erase(&device->windows, id);
		hs_window_free(device, window);
	}
	mutex_unlock(&device->lock);
}
