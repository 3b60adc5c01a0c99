// SPDX-License-Identifier: GPL-2.0
/*
 * Device pages: taken, filled, emptied and freed, singly or as a block of the size of a huge page.
 *
 * The CPU cannot reach a device-private page; behind each stands a page of system memory which plays the
 * memory of the device. Behind a block stands one folio, of which each page of the block holds a
 * reference: so a block that is split needs nothing done here, and one that comes back can always
 * become what stood behind it, even when the system has no huge page left.
 *
 * A device-coherent page is memory itself. There are no blocks of them: up to 7.3 a pin cannot move one out
 * of its way (migrate_device_coherent_folio() warns).
 */
#include <linux/bitmap.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>

#include "pool.h"

#if HS_HAS_MEMORY

static unsigned long hs_page_index(struct hs_pool *pool, struct page *page)
{
	return page_to_pfn(page) - pool->first_pfn;
}

struct page *hs_pool_backing(struct page *page)
{
	struct hs_pool *pool = hs_page_pool(page);

	return pool->backing ? pool->backing[hs_page_index(pool, page)] : page;
}

/* The lowest free pages are taken first: whole blocks stay free at the end. Negative: none. */
static long hs_pool_reserve(struct hs_pool *pool, u32 pages)
{
	unsigned long irq, index;
	long ret = -ENOMEM;

	spin_lock_irqsave(&pool->lock, irq);
	if (pool->used + pages <= pool->limit) {
		index = bitmap_find_next_zero_area(pool->in_use, pool->end, pool->hint, pages,
						   pages - 1);
		if (index + pages <= pool->end) {
			bitmap_set(pool->in_use, index, pages);
			pool->used += pages;
			if (pages == 1)
				pool->hint = index + 1;
			ret = index;
		}
	}
	spin_unlock_irqrestore(&pool->lock, irq);
	return ret;
}

static void hs_pool_unreserve(struct hs_pool *pool, unsigned long index, u32 pages)
{
	struct mm_struct *owner = NULL;
	unsigned long irq;

	spin_lock_irqsave(&pool->lock, irq);
	/* With its first page the block is none any more. */
	if (HS_BLOCK_ORDER && !(index % (1 << HS_BLOCK_ORDER)))
		swap(owner, pool->owners[index >> HS_BLOCK_ORDER]);
	bitmap_clear(pool->in_use, index, pages);
	pool->used -= pages;
	pool->hint = min_t(u32, pool->hint, index);
	spin_unlock_irqrestore(&pool->lock, irq);
	if (owner)
		mmdrop(owner);
}

/*
 * What is to stand behind a block may not be had without effort: then pages move one by one. Not
 * accounted: the process is charged for the device page (and for this one, once it comes back).
 */
static struct page *hs_pool_alloc_backing(unsigned int order)
{
	struct folio *folio;

	if (!order)
		return alloc_page(GFP_HIGHUSER | __GFP_NOWARN);
	if (hs_fails(HS_STEP_BLOCK))
		return NULL;
	folio = folio_alloc(GFP_HIGHUSER | __GFP_NOWARN | __GFP_NORETRY, order);
	if (!folio)
		return NULL;
	folio_ref_add(folio, (1 << order) - 1);
	return &folio->page;
}

/* A locked device page (or block) with one reference and memory behind it, or NULL. */
struct page *hs_pool_alloc(struct hs_pool *pool, unsigned int order)
{
	bool coherent = hs_pool_is_coherent(pool);
	struct page *backing = coherent ? NULL : hs_pool_alloc_backing(order);
	struct page *page;
	long index;
	u32 i;

	if (!backing && !coherent)
		return NULL;
	index = hs_pool_reserve(pool, 1 << order);
	if (index < 0) {
		for (i = 0; backing && i < 1 << order; i++)
			put_page(backing);
		return NULL;
	}
	for (i = 0; backing && i < 1 << order; i++)
		pool->backing[index + i] = backing + i;
	page = pfn_to_page(pool->first_pfn + index);
	/* It was perhaps inside a block once: it is a page of its own only after this. */
	zone_device_page_init(page, &pool->pagemap, order);
	if (order)
		folio_set_large_rmappable(page_folio(page));
	return page;
}

/* The block belongs to @mm, perhaps among others. */
void hs_pool_own_block(struct page *page, struct mm_struct *mm)
{
	struct hs_pool *pool = hs_page_pool(page);
	struct mm_struct **owner = &pool->owners[hs_page_index(pool, page) >> HS_BLOCK_ORDER];
	struct mm_struct *last;
	unsigned long irq;

	mmgrab(mm);
	spin_lock_irqsave(&pool->lock, irq);
	last = *owner;
	*owner = mm;
	spin_unlock_irqrestore(&pool->lock, irq);
	if (last)
		mmdrop(last);
}

/* A user of the address space that has the block at @index; NULL if there is none any more. */
struct mm_struct *hs_pool_block_owner(struct hs_pool *pool, unsigned long index)
{
	struct mm_struct *mm;
	unsigned long irq;

	spin_lock_irqsave(&pool->lock, irq);
	mm = pool->owners[index >> HS_BLOCK_ORDER];
	if (mm && !mmget_not_zero(mm))
		mm = NULL;
	spin_unlock_irqrestore(&pool->lock, irq);
	return mm;
}

/* Gives back a page that was allocated and then not needed. */
void hs_pool_put_unused(struct page *page)
{
	unlock_page(page);
	put_page(page);
}

/* The last reference is gone. */
void hs_pool_folio_free(struct folio *folio)
{
	struct hs_pool *pool = hs_page_pool(&folio->page);
	unsigned long index = hs_page_index(pool, &folio->page);
	u32 pages = folio_nr_pages(folio);
	u32 i;

	for (i = 0; pool->backing && i < pages; i++) {
		put_page(pool->backing[index + i]);
		pool->backing[index + i] = NULL;
	}
	hs_pool_unreserve(pool, index, pages);
}

/* Fills a new device page (or block) with the data of @from, or with zeros. */
void hs_pool_copy_in(struct page *page, struct page *from, unsigned int order)
{
	struct page *data = hs_pool_backing(page);
	u32 i;

	for (i = 0; i < 1 << order; i++) {
		if (from)
			copy_highpage(data + i, from + i);
		else
			clear_highpage(data + i);
		if (order)
			cond_resched();
	}
}

/* A locked system page (or block) with the data of the device page, or NULL. */
struct page *hs_pool_copy_out(struct page *page, unsigned int order, gfp_t gfp)
{
	struct page *data = hs_pool_backing(page);
	struct folio *folio = NULL;
	u32 i;

	if (!order || !hs_fails(HS_STEP_BLOCK))
		folio = folio_alloc(gfp | __GFP_NOWARN, order);

	if (!folio) {
		/* The last resort: what stands behind it. It is freed by whoever has it last. */
		folio = page_folio(data);
		if (data == page || folio_order(folio) != order)
			return NULL;
		folio_get(folio);
		folio_lock(folio);
		return data;
	}
	for (i = 0; i < 1 << order; i++) {
		copy_highpage(folio_page(folio, i), data + i);
		if (order)
			cond_resched();
	}
	folio_lock(folio);
	return &folio->page;
}

/* Whether the page is in that pool, which may be NULL. */
bool hs_pool_has(struct hs_pool *pool, struct page *page)
{
	return (is_device_private_page(page) || is_device_coherent_page(page)) &&
	       page_pgmap(page)->owner == pool;
}

#else

bool hs_pool_has(struct hs_pool *pool, struct page *page)
{
	return false;
}

struct page *hs_pool_backing(struct page *page)
{
	return page;
}

#endif
