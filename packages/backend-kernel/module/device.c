// SPDX-License-Identifier: GPL-2.0
/*
 * A device: one anonymous file, which only the process of the driver has. Its release frees all
 * that the driver made, whether the driver closed it or was killed.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "hmm_sdk.h"

static int hs_device_info(void *owner, void *argument)
{
	struct hmm_sdk_device_info *info = argument;
	struct hs_device *device = owner;

	if (info->flags)
		return -EINVAL;
	memset(info, 0, sizeof(*info));
	info->kind = device->kind;
	info->capabilities = device->capabilities;
	info->domain = device->domain;
	info->mirror_reason = device->mirror_reason;
	info->max_mirror_pages = device->max_mirror_pages;
	mutex_lock(&device->lock);
	info->max_mapping_bytes = hs_max_mapping_bytes(device);
	info->mask_bits = device->mask_bits;
	mutex_unlock(&device->lock);
	hs_pci_info(device, info);
	hs_pool_info(device, info);
	return 0;
}

static int hs_counters(void *owner, void *argument)
{
	struct hmm_sdk_counters *out = argument;
	struct hs_device *device = owner;
	struct hs_counters *counters = &device->counters;

	out->device_faults = atomic64_read(&counters->device_faults);
	out->pages_mapped = atomic64_read(&counters->pages_mapped);
	out->pages_unmapped = atomic64_read(&counters->pages_unmapped);
	out->invalidations = atomic64_read(&counters->invalidations);
	out->migrated_to_device = atomic64_read(&counters->migrated_to_device);
	out->migrated_to_system = atomic64_read(&counters->migrated_to_system);
	out->events_coalesced = atomic64_read(&counters->events_coalesced);
	out->events_dropped = atomic64_read(&counters->events_dropped);
	return 0;
}

static const struct hs_call hs_device_calls[] = {
	HS_CALL(DEVICE_INFO, hs_device_info),
	HS_CALL(SET_MASK, hs_set_mask),
	HS_CALL(BUFFER_ALLOC, hs_buffer_alloc),
	HS_CALL(COHERENT_ALLOC, hs_coherent_alloc),
	HS_CALL(BUFFER_FREE, hs_buffer_free),
	HS_CALL(BUFFER_READ, hs_buffer_read),
	HS_CALL(BUFFER_WRITE, hs_buffer_write),
	HS_CALL(DMA_MAP, hs_dma_map),
	HS_CALL(DMA_UNMAP, hs_dma_unmap),
	HS_CALL(DMA_SYNC, hs_dma_sync),
	HS_CALL(DMA_LIST_MAP, hs_dma_list_map),
	HS_CALL(DMA_LIST_SYNC, hs_dma_list_sync),
	HS_CALL(DMA_LIST_UNMAP, hs_dma_list_unmap),
	HS_CALL(SEGMENT_LIMITS, hs_segment_limits),
	HS_CALL(PEER_OPEN, hs_peer_open),
	HS_CALL(WINDOW_OPEN, hs_window_open),
	HS_CALL(WINDOW_LINK, hs_window_link),
	HS_CALL(WINDOW_SYNC, hs_window_sync),
	HS_CALL(WINDOW_UNLINK, hs_window_unlink),
	HS_CALL(WINDOW_CLOSE, hs_window_close),
	HS_CALL(REG_READ, hs_reg_read),
	HS_CALL(REG_WRITE, hs_reg_write),
	HS_CALL(IRQ_LISTEN, hs_irq_listen),
	HS_CALL(IRQ_UNMASK, hs_irq_unmask),
	HS_CALL(MIRROR_CREATE, hs_mirror_create),
	HS_CALL(MIRROR_CLOSE, hs_mirror_close),
	HS_CALL(READ_BEGIN, hs_read_begin),
	HS_CALL(READ_RETRY, hs_read_retry),
	HS_CALL(FAULT, hs_range_fault),
	HS_CALL(MAP, hs_map),
	HS_CALL(COMMIT_CHECK, hs_commit_check),
	HS_CALL(UNDO, hs_undo),
	HS_CALL(UNMAP, hs_unmap),
	HS_CALL(EXCLUSIVE, hs_exclusive),
	HS_CALL(MIGRATE, hs_migrate),
	HS_CALL(EVICT, hs_evict),
	HS_CALL(SET_CPU_FAULT_PAGES, hs_set_cpu_fault_pages),
	HS_CALL(ENGINE_READ, hs_engine_read),
	HS_CALL(ENGINE_WRITE, hs_engine_write),
	HS_CALL(ENGINE_FETCH_ADD, hs_engine_fetch_add),
	HS_CALL(REVOCATIONS, hs_revocations),
	HS_CALL(COUNTERS, hs_counters),
	HS_CALL(READ_EVENTS, hs_read_events),
};

static long hs_device_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	return hs_dispatch(hs_device_calls, ARRAY_SIZE(hs_device_calls), file->private_data,
			   request, (void __user *)argument);
}

static __poll_t hs_device_poll(struct file *file, poll_table *wait)
{
	struct hs_device *device = file->private_data;

	poll_wait(file, &device->events.wait, wait);
	return hs_events_pending(device) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* One page, for reading only, now and later. */
static int hs_device_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct hs_device *device = file->private_data;

	if (vma->vm_pgoff || vma_pages(vma) != 1 || vma->vm_flags & VM_WRITE ||
	    !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY, VM_MAYWRITE | VM_MAYEXEC);
	return vm_insert_page(vma, vma->vm_start, virt_to_page(device->events.shared));
}

/*
 * Order: the device stops, then nothing watches any more, then nothing is linked, then the memory
 * goes.
 */
static void hs_device_free(struct hs_device *device)
{
	struct hs_mirror *mirror;
	unsigned long id;

	if (device->pci)
		hs_pci_quiesce(device);
	xa_for_each(&device->mirrors, id, mirror)
		hs_mirror_shut(device, id, NULL);
	hs_windows_free(device);
	hs_mappings_free(device);
	hs_lists_free(device);
	hs_buffers_free(device);
	if (device->pool)
		hs_pool_release(device);
	if (device->pci)
		hs_pci_close(device);
	mtree_destroy(&device->targets);
	xa_destroy(&device->mirrors);
	xa_destroy(&device->windows);
	xa_destroy(&device->mappings);
	xa_destroy(&device->lists);
	xa_destroy(&device->buffers);
	hs_events_free(&device->events);
	if (device->account_mm)
		mmdrop(device->account_mm);
	atomic_dec(&device->context->nr_devices);
	hs_context_put(device->context);
	kfree(device);
}

static int hs_device_release(struct inode *inode, struct file *file)
{
	hs_device_free(file->private_data);
	return 0;
}

static const struct file_operations hs_device_fops = {
	.owner = THIS_MODULE,
	.release = hs_device_release,
	.poll = hs_device_poll,
	.mmap = hs_device_mmap,
	.unlocked_ioctl = hs_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* The file of a device by its descriptor, held, or NULL. */
struct file *hs_device_file(int fd, struct hs_device **device)
{
	struct file *file = fget(fd);

	if (file && file->f_op != &hs_device_fops) {
		fput(file);
		return NULL;
	}
	if (file)
		*device = file->private_data;
	return file;
}

u32 hs_next_id(struct hs_device *device)
{
	return ++device->next_id;
}

static struct hs_device *hs_device_alloc(struct hs_context *context)
{
	struct hs_device *device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);

	if (!device)
		return NULL;
	mutex_init(&device->lock);
	xa_init(&device->mirrors);
	xa_init(&device->buffers);
	xa_init(&device->mappings);
	xa_init(&device->lists);
	xa_init(&device->windows);
	mt_init_flags(&device->targets, MT_FLAGS_ALLOC_RANGE);
	hs_limits_reset(device);
	device->mask_bits = 64;
	device->cpu_fault_pages = 1;
	device->context = hs_context_get(context);
	atomic_inc(&context->nr_devices);
	if (current->mm) {
		mmgrab(current->mm);
		device->account_mm = current->mm;
	}
	return device;
}

static void hs_device_soft(struct hs_device *device)
{
	device->domain = HMM_SDK_DOMAIN_SOFT;
	device->max_mirror_pages = HS_MAX_MIRROR_PAGES;
	device->capabilities = HMM_SDK_DEV_MIRROR | HMM_SDK_DEV_STREAMING |
			       HMM_SDK_DEV_COHERENT_ALLOC | HMM_SDK_DEV_WINDOW |
			       HMM_SDK_DEV_ENGINE | HMM_SDK_DEV_TRANSLATING |
			       HMM_SDK_DEV_CACHE_COHERENT | HMM_SDK_DEV_EXACT_FAULT |
			       HMM_SDK_DEV_STRICT | HMM_SDK_DEV_LIST |
			       HMM_SDK_DEV_ATTRIBUTES;
	if (HS_HAS_EXCLUSIVE)
		device->capabilities |= HMM_SDK_DEV_EXCLUSIVE | HMM_SDK_DEV_ATOMICS;
}

static int hs_device_check(const struct hmm_sdk_device_open *argument)
{
	bool by_address = argument->flags & HMM_SDK_OPEN_BY_ADDRESS;
	bool coherent = argument->flags & HMM_SDK_OPEN_COHERENT;

	if (argument->flags & ~(HMM_SDK_OPEN_BY_ADDRESS | HMM_SDK_OPEN_COHERENT))
		return -EINVAL;
	switch (argument->kind) {
	case HMM_SDK_DEVICE_SOFT:
		if (by_address || argument->vendor || argument->device || argument->pci_address ||
		    argument->memory_pages > HS_MAX_MEMORY_PAGES ||
		    (coherent && !argument->memory_pages))
			return -EINVAL;
		return argument->memory_pages && !HS_HAS_MEMORY ? -EOPNOTSUPP : 0;
	case HMM_SDK_DEVICE_PCI:
		if (argument->memory_pages || coherent || argument->vendor > 0xffff ||
		    argument->device > 0xffff || (argument->pci_address && !by_address) ||
		    ((argument->vendor || argument->device) && by_address))
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

int hs_device_open(struct hs_context *context, struct hmm_sdk_device_open *argument,
		   struct file **file)
{
	struct hs_device *device;
	int ret;

	ret = hs_device_check(argument);
	if (ret)
		return ret;
	if (atomic_read(&context->nr_devices) >= HS_MAX_DEVICES) {
		argument->reason = HMM_SDK_REASON_LIMIT;
		return -ENOSPC;
	}
	device = hs_device_alloc(context);
	if (!device)
		return -ENOMEM;
	device->kind = argument->kind;
	ret = hs_events_init(&device->events);
	if (ret)
		goto err;
	if (argument->kind == HMM_SDK_DEVICE_PCI) {
		ret = hs_pci_open(device, argument, &argument->reason);
	} else {
		hs_device_soft(device);
		if (argument->memory_pages)
			ret = hs_pool_acquire(device, argument->memory_pages,
					      argument->flags & HMM_SDK_OPEN_COHERENT,
					      &argument->reason);
	}
	if (ret)
		goto err;
	*file = anon_inode_getfile("[hmm_sdk]", &hs_device_fops, device, O_RDWR);
	if (!IS_ERR(*file))
		return 0;
	ret = PTR_ERR(*file);
err:
	hs_device_free(device);
	return ret;
}
