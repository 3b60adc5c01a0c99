/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that are supported: 6.12, and 7.2 or later.
 */
#ifndef HMM_SDK_COMPAT_H
#define HMM_SDK_COMPAT_H

#include <linux/version.h>
#include <linux/hmm.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#include <linux/pfn_t.h>
#endif
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "hmm_sdk needs Linux 6.12, or 7.2 and later: this kernel is older"
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0) && LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#error "hmm_sdk needs Linux 6.12, or 7.2 and later: kernels between are not tested"
#endif

#if !IS_ENABLED(CONFIG_HMM_MIRROR)
#error "hmm_sdk needs a kernel with CONFIG_HMM_MIRROR (a driver such as nouveau selects it)"
#endif

#define HS_KERNEL_7_2 (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0))
#define HS_KERNEL_7_3 (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0))

/* Two-step DMA mapping. */
#define HS_HAS_IOVA HS_KERNEL_7_2
/* Device-private memory with folios. */
#define HS_HAS_MEMORY (HS_KERNEL_7_2 && IS_ENABLED(CONFIG_DEVICE_PRIVATE))
/* make_device_exclusive() for one page. */
#define HS_HAS_EXCLUSIVE HS_KERNEL_7_2
/* Faults may drop the mmap lock. */
#define HS_HAS_UNLOCKED_FAULT HS_KERNEL_7_3

static inline vm_fault_t hs_compat_insert_mixed(struct vm_area_struct *vma, unsigned long address,
						unsigned long pfn)
{
#if HS_KERNEL_7_2
	return vmf_insert_mixed(vma, address, pfn);
#else
	return vmf_insert_mixed(vma, address, __pfn_to_pfn_t(pfn, PFN_DEV));
#endif
}

#if !HS_HAS_IOVA
struct dma_iova_state {
	u64 addr;
	u64 __size;
};
#endif

/*
 * Up to 7.3 a range that begins inside a block of device memory gets the pages from the block's
 * begin on, as if it began there (hmm_vma_handle_absent_pmd()). A block is aligned: what its pages
 * are follows from the addresses.
 */
static inline void hs_compat_fix_blocks(struct hmm_range *range)
{
#if IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) && HS_HAS_MEMORY
	unsigned long mask = HPAGE_PMD_NR - 1;
	unsigned long first = range->start >> PAGE_SHIFT;
	unsigned long count = (range->end - range->start) >> PAGE_SHIFT;
	unsigned long i;

	for (i = 0; i < count; i++) {
		unsigned long pfn = range->hmm_pfns[i];

		if (!(pfn & HMM_PFN_VALID) || hmm_pfn_to_map_order(pfn) < HPAGE_PMD_ORDER ||
		    !is_device_private_page(hmm_pfn_to_page(pfn)))
			continue;
		range->hmm_pfns[i] = (pfn & ~mask) | ((first + i) & mask);
	}
#endif
}

/* hmm_range_fault(), with the mmap lock held. */
static inline int hs_compat_range_fault_locked(struct hmm_range *range)
{
	int ret = hmm_range_fault(range);

	if (!ret)
		hs_compat_fix_blocks(range);
	return ret;
}

/*
 * Faults what the range asks for. Takes the sequence itself, and repeats while invalidations come
 * in between, for up to @timeout jiffies: -EBUSY. The caller holds a reference of the address space
 * and not the mmap lock.
 */
static inline int hs_compat_range_fault(struct hmm_range *range, unsigned long timeout)
{
#if HS_HAS_UNLOCKED_FAULT
	int ret = hmm_range_fault_unlocked_timeout(range, timeout);

	if (!ret)
		hs_compat_fix_blocks(range);
	return ret;
#else
	struct mm_struct *mm = range->notifier->mm;
	unsigned long deadline = jiffies + timeout;
	int ret;

	do {
		range->notifier_seq = mmu_interval_read_begin(range->notifier);
		ret = mmap_read_lock_killable(mm);
		if (ret)
			return ret;
		ret = hs_compat_range_fault_locked(range);
		mmap_read_unlock(mm);
		if (ret == -EBUSY && fatal_signal_pending(current))
			return -EINTR;
	} while (ret == -EBUSY && time_before(jiffies, deadline));
	return ret;
#endif
}

#endif /* HMM_SDK_COMPAT_H */
