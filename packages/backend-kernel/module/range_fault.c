// SPDX-License-Identifier: GPL-2.0
/*
 * Range faults: hmm_range_fault() into an array of its own, translated to the entry layout of the
 * UAPI only under the mirror's lock, when the sequence still holds.
 */
#include <linux/ktime.h>
#include <linux/magic.h>
#include <linux/memremap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hmm_sdk.h"

#define HS_REQUEST_BITS (HMM_SDK_ENTRY_VALID | HMM_SDK_ENTRY_WRITE)

u64 hs_deadline(u64 given)
{
	return given ? given : ktime_get_ns() + HMM_RANGE_DEFAULT_TIMEOUT * NSEC_PER_MSEC;
}

/* Between two looks whether a signal came. */
#define HS_FAULT_SLICE (HZ / 10)

static unsigned long hs_time_left(u64 deadline)
{
	u64 now = ktime_get_ns();

	if (now >= deadline)
		return 0;
	return max_t(u64, nsecs_to_jiffies(min_t(u64, deadline - now, NSEC_PER_SEC * 86400)), 1);
}

static unsigned long hs_request_bits(u32 high)
{
	return (high & HMM_SDK_ENTRY_VALID ? HMM_PFN_REQ_FAULT : 0) |
	       (high & HMM_SDK_ENTRY_WRITE ? HMM_PFN_REQ_WRITE : 0);
}

static void hs_fault_range(struct hs_fault *fault, struct hmm_range *range)
{
	struct hs_mirror *mirror = fault->mirror;

	range->notifier = &mirror->notifier;
	range->start = (mirror->start_page + fault->first) << PAGE_SHIFT;
	range->end = range->start + ((unsigned long)fault->pages << PAGE_SHIFT);
	range->hmm_pfns = fault->pfns;
	range->dev_private_owner = fault->owner;
}

static bool hs_fault_held(const struct hs_fault *fault, u32 index)
{
	return fault->held && fault->held[index];
}

/* Whether what is there satisfies the request of one page. */
static bool hs_fault_satisfied(struct hs_fault *fault, unsigned long request, unsigned long pfn)
{
	request = (request & fault->mask) | fault->default_flags;
	if (!(request & HMM_PFN_REQ_FAULT))
		return true;
	if (!(pfn & HMM_PFN_VALID))
		return false;
	return !(request & HMM_PFN_REQ_WRITE) || pfn & HMM_PFN_WRITE;
}

/*
 * Only what is present, without waiting for anything. The sequence is one that read_begin returned
 * before and that did not move since, so no invalidation runs that began before it.
 */
static int hs_fault_nowait(struct hs_fault *fault)
{
	struct hs_mirror *mirror = fault->mirror;
	struct mm_struct *mm = mirror->notifier.mm;
	struct hmm_range range = { .notifier_seq = READ_ONCE(mirror->stable_seq) };
	unsigned long *found;
	int ret = -EAGAIN;
	u32 i;

	found = kvcalloc(fault->pages, sizeof(*found), GFP_KERNEL_ACCOUNT);
	if (!found)
		return -ENOMEM;
	hs_fault_range(fault, &range);
	range.hmm_pfns = found;
	if (READ_ONCE(mirror->notifier.invalidate_seq) == range.notifier_seq &&
	    mmap_read_trylock(mm)) {
		ret = hs_compat_range_fault_locked(&range);
		mmap_read_unlock(mm);
		if (ret == -EBUSY)
			ret = -EAGAIN;
	}
	for (i = 0; !ret && i < fault->pages; i++) {
		if (hs_fault_held(fault, i))
			found[i] = fault->held[i];
		if (!hs_fault_satisfied(fault, fault->pfns[i], found[i]))
			ret = -EAGAIN;
	}
	if (!ret)
		memcpy(fault->pfns, found, fault->pages * sizeof(*found));
	kvfree(found);
	fault->notifier_seq = range.notifier_seq;
	return ret;
}

/* A device-private page of one's own never fails: it is reported as it is, and not faulted. */
static bool hs_fault_is_own(unsigned long pfn)
{
	return pfn & HMM_PFN_VALID && is_device_private_page(hmm_pfn_to_page(pfn));
}

/* A fault of one page alone: whether it cannot be had. */
static bool hs_fault_fails(struct hs_fault *fault, u32 index, unsigned long request)
{
	unsigned long left = min_t(unsigned long, hs_time_left(fault->deadline), HS_FAULT_SLICE);
	unsigned long pfn = request;
	struct hmm_range range = {
		.default_flags = fault->default_flags,
		.pfn_flags_mask = fault->mask,
	};
	int ret;

	/* No time left would be "for ever" to hmm_range_fault_unlocked_timeout(). */
	if (!left)
		return false;
	hs_fault_range(fault, &range);
	range.start += (unsigned long)index << PAGE_SHIFT;
	range.end = range.start + PAGE_SIZE;
	range.hmm_pfns = &pfn;
	ret = hs_compat_range_fault(&range, left);
	return ret && ret != -EBUSY && ret != -EINTR;
}

/*
 * Which of the pages @found a fault failed at: the first one that does not have what was asked for.
 * But a page that came back from device memory for reading was to be faulted once more for writing
 * when another one failed: then it is the next page that is not there, if that one really fails.
 */
static u32 hs_fault_failed_page(struct hs_fault *fault, const unsigned long *requests,
				const unsigned long *found, int error)
{
	u32 first = U32_MAX;
	u32 i;

	for (i = 0; i < fault->pages; i++) {
		if (hs_fault_held(fault, i) || hs_fault_is_own(found[i]) ||
		    hs_fault_satisfied(fault, requests[i], found[i]))
			continue;
		if (first == U32_MAX)
			first = i;
		if (error != -EFAULT)
			return first;
		if (!(found[i] & HMM_PFN_VALID))
			return i == first || hs_fault_fails(fault, i, requests[i]) ? i : first;
	}
	return first;
}

/* Says which page a fault failed at, and why. */
static void hs_fault_blame(struct hs_fault *fault, const unsigned long *requests, int error)
{
	struct mm_struct *mm = fault->mirror->notifier.mm;
	struct hmm_range range = { 0 };
	unsigned long *found;

	fault->failed_page = U32_MAX;
	fault->reason = error == -EPERM ? HMM_SDK_REASON_READ_ONLY : HMM_SDK_REASON_FAULT;
	found = kvcalloc(fault->pages, sizeof(*found), GFP_KERNEL_ACCOUNT);
	if (!found)
		return;
	hs_fault_range(fault, &range);
	range.hmm_pfns = found;
	range.notifier_seq = mmu_interval_read_begin(range.notifier);
	if (!mmap_read_lock_killable(mm)) {
		if (hs_compat_range_fault_locked(&range))
			memset(found, 0, fault->pages * sizeof(*found));
		mmap_read_unlock(mm);
		fault->failed_page = hs_fault_failed_page(fault, requests, found, error);
		if (fault->failed_page < fault->pages && found[fault->failed_page] & HMM_PFN_ERROR)
			fault->reason = HMM_SDK_REASON_HOLE;
	}
	kvfree(found);
}

/*
 * Memory that the kernel itself does not map must not be linked: its content is not for devices,
 * and the software engine would fault on it. Called between read_begin and read_retry, so that a
 * mapping that comes later is found by the retry.
 */
static int hs_fault_refuse_secret(struct hs_fault *fault)
{
	struct hs_mirror *mirror = fault->mirror;
	struct mm_struct *mm = mirror->notifier.mm;
	unsigned long start = (mirror->start_page + fault->first) << PAGE_SHIFT;
	unsigned long end = start + ((unsigned long)fault->pages << PAGE_SHIFT);
	struct vm_area_struct *vma;
	int ret = 0;
	VMA_ITERATOR(vmi, mm, start);

	if (fault->nowait) {
		if (!mmap_read_trylock(mm))
			return -EAGAIN;
	} else if (mmap_read_lock_killable(mm)) {
		return -EINTR;
	}
	for_each_vma_range(vmi, vma, end) {
		unsigned long magic = vma->vm_file ?
				      file_inode(vma->vm_file)->i_sb->s_magic : 0;

		if (magic == SECRETMEM_MAGIC
#ifdef GUEST_MEMFD_MAGIC
		    || magic == GUEST_MEMFD_MAGIC
#endif
		    ) {
			fault->failed_page = (max(vma->vm_start, start) - start) >> PAGE_SHIFT;
			fault->reason = HMM_SDK_REASON_SECRET;
			ret = -EOPNOTSUPP;
			break;
		}
	}
	mmap_read_unlock(mm);
	return ret;
}

/*
 * Faults what lies between pages that are held, run by run. The first run's sequence covers all: if
 * it still holds in the end, nothing has changed since.
 */
static int hs_fault_runs(struct hs_fault *fault, struct hmm_range *range, unsigned long timeout)
{
	unsigned long seq = 0;
	bool faulted = false;
	u32 from, to, i;
	int ret = 0;

	if (!fault->held)
		return hs_compat_range_fault(range, timeout);
	for (from = 0; !ret && from < fault->pages; from = to) {
		bool held = hs_fault_held(fault, from);

		for (to = from + 1; to < fault->pages && hs_fault_held(fault, to) == held; to++)
			;
		if (held) {
			for (i = from; i < to; i++)
				fault->pfns[i] = fault->held[i];
			continue;
		}
		range->start = (fault->mirror->start_page + fault->first + from) << PAGE_SHIFT;
		range->end = range->start + ((unsigned long)(to - from) << PAGE_SHIFT);
		range->hmm_pfns = fault->pfns + from;
		ret = hs_compat_range_fault(range, timeout);
		if (!faulted)
			seq = range->notifier_seq;
		faulted = true;
	}
	range->notifier_seq = faulted ? seq : mmu_interval_read_begin(range->notifier);
	return ret;
}

/*
 * Faults the pages of one request. On success the results are in fault->pfns, to be used under the
 * mirror's lock if fault->notifier_seq still holds. The requests in fault->pfns are used up.
 */
int hs_fault_pages(struct hs_fault *fault)
{
	struct hs_mirror *mirror = fault->mirror;
	struct mm_struct *mm = mirror->space->mm;
	struct hmm_range range = {
		.default_flags = fault->default_flags,
		.pfn_flags_mask = fault->mask,
	};
	unsigned long *requests = NULL;
	unsigned long left;
	int ret;

	if (fault->mask && !fault->nowait) {
		requests = kvmalloc_array(fault->pages, sizeof(*requests), GFP_KERNEL_ACCOUNT);
		if (!requests)
			return -ENOMEM;
		memcpy(requests, fault->pfns, fault->pages * sizeof(*requests));
	}
	if (READ_ONCE(mirror->closing)) {
		ret = -EBADF;
		goto out;
	}
	if (hs_fails(HS_STEP_FAULT)) {
		fault->failed_page = 0;
		fault->reason = HMM_SDK_REASON_FAULT;
		ret = -ENOMEM;
		goto out;
	}
	ret = -ESRCH;
	if (!mmget_not_zero(mm))
		goto out;
	if (fault->nowait) {
		ret = hs_fault_nowait(fault);
	} else {
		hs_fault_range(fault, &range);
		ret = -EBUSY;
		while (ret == -EBUSY && !signal_pending(current)) {
			left = hs_time_left(fault->deadline);
			if (!left)
				break;
			if (requests)
				memcpy(fault->pfns, requests, fault->pages * sizeof(*requests));
			ret = hs_fault_runs(fault, &range,
					    min_t(unsigned long, left, HS_FAULT_SLICE));
		}
		if (ret == -EBUSY && signal_pending(current))
			ret = -EINTR;
		fault->notifier_seq = range.notifier_seq;
		if (!ret)
			WRITE_ONCE(mirror->stable_seq, range.notifier_seq);
		if (ret == -EFAULT || ret == -EPERM || ret == -EINVAL || ret == -ENOMEM) {
			unsigned long *asked = requests;

			if (!asked) {
				memset(fault->pfns, 0, fault->pages * sizeof(*fault->pfns));
				asked = fault->pfns;
			}
			hs_fault_blame(fault, asked, ret);
		} else if (ret == -EBUSY) {
			fault->reason = HMM_SDK_REASON_INVALIDATED;
		}
	}
	if (!ret)
		ret = hs_fault_refuse_secret(fault);
	mmput_async(mm);
out:
	kvfree(requests);
	return ret;
}

/* A page frame, or a number that only tells equal from different. */
static u64 hs_page_identity(struct hs_mirror *mirror, u64 pfn, bool physical)
{
	u64 mask = ((u64)HMM_SDK_ENTRY_PAGE_HIGH_MASK << 32) | U32_MAX;

	return (physical ? pfn : siphash_1u64(pfn, &mirror->device->context->key)) & mask;
}

/* Under the mirror's lock. */
static u64 hs_fault_entry(struct hs_mirror *mirror, unsigned long pfn, bool physical)
{
	u32 high = 0;
	u64 frame = pfn & ~HMM_PFN_FLAGS;

	if (pfn & HMM_PFN_ERROR)
		return (u64)HMM_SDK_ENTRY_ERROR << 32;
	if (!(pfn & HMM_PFN_VALID))
		return 0;
	high = HMM_SDK_ENTRY_VALID;
	if (pfn & HMM_PFN_WRITE)
		high |= HMM_SDK_ENTRY_WRITE;
	if (hs_pool_has(mirror->device->pool, hmm_pfn_to_page(pfn)))
		high |= HMM_SDK_ENTRY_DEVICE;
	high |= hmm_pfn_to_map_order(pfn) << HMM_SDK_ENTRY_ORDER_SHIFT;
	return ((u64)high << 32) | hs_page_identity(mirror, frame, physical);
}

static int hs_fault_requests(struct hs_fault *fault, u64 __user *user)
{
	u64 entry;
	u32 i;

	memset(fault->pfns, 0, fault->pages * sizeof(*fault->pfns));
	if (!fault->mask)
		return 0;
	for (i = 0; i < fault->pages; i++) {
		if (get_user(entry, user + i))
			return -EFAULT;
		fault->pfns[i] = hs_request_bits(entry >> 32);
	}
	return 0;
}

/* Under the mirror's lock, after a fault: 0, -EAGAIN to fault again, or the final failure. */
static int hs_fault_finish(struct hs_fault *fault, struct hmm_sdk_fault *argument, u64 *entries,
			   bool physical)
{
	struct hs_mirror *mirror = fault->mirror;
	u32 i;

	if (mirror->closing)
		return -EBADF;
	if (mirror->released)
		return -ESRCH;
	if (mmu_interval_read_retry(&mirror->notifier, fault->notifier_seq))
		return -EAGAIN;
	argument->event_seq = hs_events_last(mirror->device);
	if (hs_events_newer(mirror, fault->first, fault->pages, argument->seen))
		return -ESTALE;
	for (i = 0; i < fault->pages; i++)
		entries[i] = hs_fault_entry(mirror, fault->pfns[i], physical);
	argument->sequence = mirror->sequence;
	return 0;
}

static int hs_fault_rounds(struct hs_fault *fault, struct hmm_sdk_fault *argument, u64 *entries)
{
	bool physical = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct hs_mirror *mirror = fault->mirror;
	u64 __user *user = u64_to_user_ptr(argument->entries);
	int ret;

	/* What the caller has not dispatched yet may be why the fault would fail. */
	if (hs_events_newer(mirror, fault->first, fault->pages, argument->seen))
		return -ESTALE;
	do {
		if (signal_pending(current))
			return -EINTR;
		ret = hs_fault_requests(fault, user);
		if (!ret)
			ret = hs_fault_pages(fault);
		if (ret)
			return ret;
		if (!fault->nowait)
			mutex_lock(&mirror->lock);
		else if (!mutex_trylock(&mirror->lock))
			return -EAGAIN;
		ret = hs_fault_finish(fault, argument, entries, physical);
		mutex_unlock(&mirror->lock);
	} while (ret == -EAGAIN && !fault->nowait);
	return ret;
}

int hs_range_fault(void *owner, void *argument)
{
	struct hmm_sdk_fault *request = argument;
	struct hs_device *device = owner;
	struct hs_fault fault = { 0 };
	u64 *entries = NULL;
	int ret = -EINVAL;

	request->failed_page = U32_MAX;
	request->reason = HMM_SDK_REASON_NONE;
	request->event_seq = hs_events_last(device);
	if (request->flags & ~HMM_SDK_NOWAIT || request->default_flags & ~HS_REQUEST_BITS ||
	    request->mask & ~HS_REQUEST_BITS)
		return -EINVAL;
	fault.mirror = hs_mirror_get(device, request->mirror);
	if (!fault.mirror)
		return -EBADF;
	if (!hs_mirror_range_ok(fault.mirror, request->first, request->pages, HS_MAX_FAULT_PAGES))
		goto out;
	hs_events_acknowledge(device, request->seen);
	fault.first = request->first;
	fault.pages = request->pages;
	fault.default_flags = hs_request_bits(request->default_flags);
	fault.mask = hs_request_bits(request->mask);
	fault.nowait = request->flags & HMM_SDK_NOWAIT;
	fault.owner = hs_device_owner(device);
	fault.deadline = hs_deadline(request->deadline);
	fault.failed_page = U32_MAX;
	fault.pfns = kvmalloc_array(fault.pages, sizeof(*fault.pfns), GFP_KERNEL_ACCOUNT);
	entries = kvmalloc_array(fault.pages, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	ret = -ENOMEM;
	if (fault.pfns && entries)
		ret = hs_fault_rounds(&fault, request, entries);
	if (!ret && copy_to_user(u64_to_user_ptr(request->entries), entries,
				 fault.pages * sizeof(*entries)))
		ret = -EFAULT;
	request->failed_page = fault.failed_page;
	request->reason = fault.reason;
out:
	kvfree(fault.pfns);
	kvfree(entries);
	hs_mirror_put(fault.mirror);
	return ret;
}
