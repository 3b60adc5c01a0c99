// SPDX-License-Identifier: GPL-2.0
/*
 * The DMA links of a mirror, page by page. All under mirror->lock.
 *
 * The software device translates by the table alone. A PCI device has a window of IOVAs, page i of
 * the mirror at page i of the window; each page is linked by itself, so that each can be revoked
 * by itself. A page is linked for writing only when the driver asked for that and the CPU may.
 */
#include <linux/memremap.h>

#include "hmm_sdk.h"

static struct page *hs_state_page(u64 state)
{
	return pfn_to_page(state & HS_PAGE_PFN_MASK);
}

/* The device may have written it: what the CPU's page tables do not know. */
static void hs_page_dirty(u64 state)
{
	if (state & HS_PAGE_WRITE && !(state & HS_PAGE_DEVICE))
		set_page_dirty(compound_head(hs_state_page(state)));
}

#if HS_HAS_IOVA
static enum dma_data_direction hs_state_direction(u64 state)
{
	return state & HS_PAGE_WRITE ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;
}

static int hs_iova_link(struct hs_mirror *mirror, u32 index, u64 state)
{
	if (!mirror->has_window)
		return 0;
	return dma_iova_link(mirror->device->dma_dev, &mirror->iova,
			     PFN_PHYS(state & HS_PAGE_PFN_MASK), (size_t)index << PAGE_SHIFT,
			     PAGE_SIZE, hs_state_direction(state), DMA_ATTR_REQUIRE_COHERENT);
}

static void hs_iova_unlink(struct hs_mirror *mirror, u32 index, u32 pages, u64 state)
{
	if (mirror->has_window)
		dma_iova_unlink(mirror->device->dma_dev, &mirror->iova,
				(size_t)index << PAGE_SHIFT, (size_t)pages << PAGE_SHIFT,
				hs_state_direction(state), DMA_ATTR_REQUIRE_COHERENT);
}

static int hs_iova_sync(struct hs_mirror *mirror, u32 index, u32 pages)
{
	if (!mirror->has_window)
		return 0;
	return dma_iova_sync(mirror->device->dma_dev, &mirror->iova, (size_t)index << PAGE_SHIFT,
			     (size_t)pages << PAGE_SHIFT);
}
#else
static int hs_iova_link(struct hs_mirror *mirror, u32 index, u64 state)
{
	return 0;
}

static void hs_iova_unlink(struct hs_mirror *mirror, u32 index, u32 pages, u64 state)
{
}

static int hs_iova_sync(struct hs_mirror *mirror, u32 index, u32 pages)
{
	return 0;
}
#endif

static void hs_page_forget(struct hs_mirror *mirror, struct hs_page *page)
{
	hs_page_dirty(page->state);
	page->state = 0;
	page->revocations++;
	mirror->linked--;
	atomic64_inc(&mirror->device->counters.pages_unmapped);
}

/* Unlinks what is linked in [first, last]; the device cannot reach it when this returns. */
u32 hs_unlink_pages(struct hs_mirror *mirror, u32 first, u32 last)
{
	u32 count = 0;
	u32 i, run;

	for (i = first; i <= last && mirror->linked; i++) {
		u64 state = mirror->table[i].state;

		if (!(state & HS_PAGE_LINKED))
			continue;
		/* A run with the same rights is one flush. */
		for (run = 1; i + run <= last; run++) {
			u64 next = mirror->table[i + run].state;

			if (!(next & HS_PAGE_LINKED) ||
			    (next & HS_PAGE_WRITE) != (state & HS_PAGE_WRITE))
				break;
		}
		hs_iova_unlink(mirror, i, run, state);
		count += run;
		for (; run; run--, i++)
			hs_page_forget(mirror, &mirror->table[i]);
		i--;
	}
	return count;
}

/* An upgraded page goes back to read-only. If it cannot be linked again the driver is told. */
static void hs_page_downgrade(struct hs_mirror *mirror, u32 index)
{
	struct hs_page *page = &mirror->table[index];
	u64 state = page->state & ~(HS_PAGE_WRITE | HS_PAGE_UPGRADED | HS_PAGE_EXCLUSIVE);

	hs_iova_unlink(mirror, index, 1, page->state);
	if (hs_iova_link(mirror, index, state)) {
		hs_page_forget(mirror, page);
		mirror->sequence++;
		hs_event_invalidate(mirror, HMM_SDK_KIND_CLEAR, index, 1, 0, 1);
		hs_events_publish(mirror);
		return;
	}
	hs_iova_sync(mirror, index, 1);
	hs_page_dirty(page->state);
	page->state = state;
	page->revocations++;
}

/* The next name of a call. 0 is the name of none. */
u32 hs_next_serial(struct hs_mirror *mirror)
{
	if (!++mirror->serial)
		mirror->serial = 1;
	return mirror->serial;
}

/*
 * The call with the newest serial was given a page that an older one linked: the page belongs to
 * both now, so that neither may take it back alone.
 */
void hs_share_page(struct hs_mirror *mirror, u32 index)
{
	struct hs_page *page = &mirror->table[index];

	if (page->serial == mirror->serial || !(page->state & HS_PAGE_LINKED))
		return;
	page->serial = 0;
	page->state &= ~HS_PAGE_UPGRADED;
}

/* Whether the device has the page for itself. */
bool hs_page_held(struct hs_mirror *mirror, u32 index)
{
	u64 held = HS_PAGE_LINKED | HS_PAGE_WRITE | HS_PAGE_EXCLUSIVE;

	return (mirror->table[index].state & held) == held;
}

u32 hs_undo_pages(struct hs_mirror *mirror, u32 first, u32 pages, u32 serial)
{
	u32 count = 0;
	u32 i;

	for (i = first; i < first + pages; i++) {
		struct hs_page *page = &mirror->table[i];

		if (!(page->state & HS_PAGE_LINKED) || page->serial != serial)
			continue;
		if (page->state & HS_PAGE_UPGRADED)
			hs_page_downgrade(mirror, i);
		else
			hs_unlink_pages(mirror, i, i);
		count++;
	}
	return count;
}

static int hs_page_refuse(struct hs_mirror *mirror, struct page *page, u32 *reason)
{
	if (is_pci_p2pdma_page(page)) {
		*reason = HMM_SDK_REASON_PEER_BUS;
		return -EOPNOTSUPP;
	}
	return 0;
}

/* Links one page, or raises its rights. 1: changed; 0: it had them. */
static int hs_link_page(struct hs_mirror *mirror, u32 index, unsigned long pfn, bool write,
			u64 extra, u32 *reason)
{
	struct hs_page *entry = &mirror->table[index];
	struct page *page = hmm_pfn_to_page(pfn);
	u64 order = hmm_pfn_to_map_order(pfn);
	u64 state = page_to_pfn(page) | HS_PAGE_LINKED | extra | order << HS_PAGE_ORDER_SHIFT;
	u64 old = entry->state;
	int ret;

	ret = hs_page_refuse(mirror, page, reason);
	if (ret)
		return ret;
	if (write)
		state |= HS_PAGE_WRITE;
	if (hs_pool_has(mirror->device->pool, page))
		state |= HS_PAGE_DEVICE;
	if (old & HS_PAGE_LINKED) {
		/* No invalidation came in between, so it must be the same page. */
		if (WARN_ON_ONCE((old ^ state) & HS_PAGE_PFN_MASK))
			return -EIO;
		if ((old & HS_PAGE_WRITE || !write) && (old & extra) == extra)
			return 0;
		/* A present IOPTE cannot be linked again. */
		hs_iova_unlink(mirror, index, 1, old);
		state |= (old & (HS_PAGE_WRITE | HS_PAGE_EXCLUSIVE)) | HS_PAGE_UPGRADED;
	}
	ret = hs_fails(HS_STEP_LINK) ? -ENOMEM : hs_iova_link(mirror, index, state);
	if (!ret) {
		entry->state = state;
		return 1;
	}
	*reason = HMM_SDK_REASON_LINK;
	if (old & HS_PAGE_LINKED && hs_iova_link(mirror, index, old)) {
		/* Neither the new nor the old rights: the driver is told that the page is gone. */
		hs_page_forget(mirror, entry);
		mirror->sequence++;
		hs_event_invalidate(mirror, HMM_SDK_KIND_CLEAR, index, 1, 0, 1);
		hs_events_publish(mirror);
	} else if (old & HS_PAGE_LINKED) {
		hs_iova_sync(mirror, index, 1);
	}
	return ret;
}

/*
 * Links every page with VALID in @pfns, or none: what this call linked before the page that fails
 * is taken back. Names its changes by a new serial.
 */
int hs_link_pages(struct hs_mirror *mirror, u32 first, u32 pages, const unsigned long *pfns,
		  bool write, u64 extra, u32 *changed, u32 *failed_page, u32 *reason)
{
	u32 serial = hs_next_serial(mirror);
	u32 run = 0, new = 0;
	int ret = 0;
	u32 i;

	*changed = 0;
	for (i = 0; i < pages && ret >= 0; i++) {
		struct hs_page *entry = &mirror->table[first + i];
		bool was = entry->state & HS_PAGE_LINKED;

		ret = 0;
		if (pfns[i] & HMM_PFN_VALID)
			ret = hs_link_page(mirror, first + i, pfns[i],
					   write && pfns[i] & HMM_PFN_WRITE, extra, reason);
		if (ret == 1) {
			entry->serial = serial;
			new += !was;
			mirror->linked += !was;
			++*changed;
			run++;
		} else if (run) {
			/* A run of links is one flush. */
			int error = hs_iova_sync(mirror, first + i - run, run);

			run = 0;
			if (ret >= 0 && error) {
				*reason = HMM_SDK_REASON_LINK;
				ret = error;
			}
		}
	}
	if (ret >= 0 && run) {
		ret = hs_iova_sync(mirror, first + pages - run, run);
		if (ret)
			*reason = HMM_SDK_REASON_LINK;
	}
	atomic64_add(new, &mirror->device->counters.pages_mapped);
	if (ret >= 0)
		return 0;
	*failed_page = min(i, pages) - 1;
	*changed = 0;
	hs_undo_pages(mirror, first, pages, serial);
	return ret;
}
