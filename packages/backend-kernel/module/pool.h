/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pool of device pages, for memory.c (pools), page.c (their pages) and migrate.c.
 */
#ifndef HMM_SDK_POOL_H
#define HMM_SDK_POOL_H

#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>

#include "hmm_sdk.h"

#if HS_HAS_MEMORY

/* Order of the blocks that move whole; 0 for none. A step of a migration is one block. */
#if IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) && \
	(IS_ENABLED(CONFIG_ARCH_HAS_PMD_SOFTLEAVES) || \
	 IS_ENABLED(CONFIG_ARCH_ENABLE_THP_MIGRATION))
#define HS_BLOCK_ORDER HPAGE_PMD_ORDER
#else
#define HS_BLOCK_ORDER 0
#endif

#define HS_MAX_BLOCKS (HS_MAX_MEMORY_PAGES >> HS_BLOCK_ORDER)

struct hs_pool {
	struct list_head link;
	struct dev_pagemap pagemap;
	unsigned long first_pfn;
	u32 pages;
	/*
	 * Behind each device-private page in use: a page of system memory. NULL in a pool of
	 * device-coherent pages, which are memory themselves.
	 */
	struct page **backing;
	/* Protects what follows. Taken when a page is freed, in whatever context. */
	spinlock_t lock;
	struct hs_device *device;
	u32 limit;
	/* Pages at @end and behind are not taken, so that whole blocks do not last for ever. */
	u32 end;
	u32 used;
	/* No page below it is free. */
	u32 hint;
	unsigned long in_use[BITS_TO_LONGS(HS_MAX_MEMORY_PAGES)];
	/* Whose a block was when it came: who can bring it back. */
	struct mm_struct *owners[HS_BLOCK_ORDER ? HS_MAX_BLOCKS : 1];
};

static inline struct hs_pool *hs_page_pool(struct page *page)
{
	return container_of(page_pgmap(page), struct hs_pool, pagemap);
}

static inline bool hs_pool_is_coherent(struct hs_pool *pool)
{
	return pool->pagemap.type == MEMORY_DEVICE_COHERENT;
}

/* What finds the pages of the pool in a process. */
static inline unsigned long hs_pool_select(struct hs_pool *pool)
{
	return hs_pool_is_coherent(pool) ? MIGRATE_VMA_SELECT_DEVICE_COHERENT :
					   MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
}

int hs_coherent_take(struct range *range);
void hs_coherent_give_back(void);

struct page *hs_pool_alloc(struct hs_pool *pool, unsigned int order);
void hs_pool_put_unused(struct page *page);
void hs_pool_folio_free(struct folio *folio);
void hs_pool_own_block(struct page *page, struct mm_struct *mm);
struct mm_struct *hs_pool_block_owner(struct hs_pool *pool, unsigned long index);
struct page *hs_pool_copy_out(struct page *page, unsigned int order, gfp_t gfp);
void hs_pool_copy_in(struct page *page, struct page *from, unsigned int order);

/* The entry of @page in the dst array of a migration, for an entry of its src array. */
static inline unsigned long hs_migrate_dst(struct page *page, unsigned int order, unsigned long src)
{
	return migrate_pfn(page_to_pfn(page)) | (src & MIGRATE_PFN_WRITE) |
	       (order ? MIGRATE_PFN_COMPOUND : 0);
}

#endif
#endif /* HMM_SDK_POOL_H */
