// SPDX-License-Identifier: GPL-2.0
#include "hmm_sdk.h"
struct hs_pool { int x; };
int hs_pool_acquire(struct hs_device *device, u32 pages) { return -EOPNOTSUPP; }
void hs_pool_release(struct hs_device *device) { }
void hs_pools_free(void) { }
void hs_pool_info(struct hs_device *device, struct hmm_sdk_device_info *info) { }
struct page *hs_pool_alloc(struct hs_pool *pool) { return NULL; }
struct page *hs_pool_backing(struct page *page) { return page; }
void *hs_pool_owner(struct hs_pool *pool) { return pool; }
int hs_evict(void *owner, void *argument) { return -EOPNOTSUPP; }
int hs_set_cpu_fault_pages(void *owner, void *argument) { return -EOPNOTSUPP; }
