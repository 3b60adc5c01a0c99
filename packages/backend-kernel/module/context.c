// SPDX-License-Identifier: GPL-2.0
/*
 * A context: one open file of /dev/hmm_sdk.
 *
 * The processes that agree to be mirrored inherit the file, and may outlive the one that opened it.
 * So the context does not end with the file but when its opener closes it, or dies.
 */
#include <linux/anon_inodes.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/utsname.h>

#include "hmm_sdk.h"

struct hs_context *hs_context_get(struct hs_context *context)
{
	kref_get(&context->ref);
	return context;
}

static void hs_context_free(struct kref *ref)
{
	struct hs_context *context = container_of(ref, struct hs_context, ref);

	xa_destroy(&context->spaces);
	kfree(context);
}

void hs_context_put(struct hs_context *context)
{
	kref_put(&context->ref, hs_context_free);
}

static int hs_context_open(struct inode *inode, struct file *file)
{
	struct hs_context *context = kzalloc(sizeof(*context), GFP_KERNEL_ACCOUNT);

	if (!context)
		return -ENOMEM;
	kref_init(&context->ref);
	mutex_init(&context->lock);
	spin_lock_init(&context->event_lock);
	init_waitqueue_head(&context->wait);
	INIT_LIST_HEAD(&context->released);
	xa_init_flags(&context->spaces, XA_FLAGS_ALLOC1);
	get_random_bytes(&context->key, sizeof(context->key));
	context->owner = current->files;
	file->private_data = context;
	return nonseekable_open(inode, file);
}

static void hs_context_end(struct hs_context *context)
{
	struct hs_space *space;
	unsigned long id;

	mutex_lock(&context->lock);
	context->ended = true;
	xa_for_each(&context->spaces, id, space) {
		xa_erase(&context->spaces, id);
		context->nr_spaces--;
		hs_space_drop(space);
	}
	mutex_unlock(&context->lock);
	wake_up_all(&context->wait);
}

/* Called for every close of a descriptor; at exit too. */
static int hs_context_flush(struct file *file, fl_owner_t id)
{
	struct hs_context *context = file->private_data;

	if (id == context->owner)
		hs_context_end(context);
	return 0;
}

static int hs_context_release(struct inode *inode, struct file *file)
{
	struct hs_context *context = file->private_data;

	hs_context_end(context);
	hs_context_put(context);
	return 0;
}

static __poll_t hs_context_poll(struct file *file, poll_table *wait)
{
	struct hs_context *context = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &context->wait, wait);
	spin_lock(&context->event_lock);
	if (!list_empty(&context->released))
		mask |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&context->event_lock);
	if (READ_ONCE(context->ended))
		mask |= EPOLLHUP;
	return mask;
}

static int hs_get_info(void *owner, void *argument)
{
	struct hs_context *context = owner;
	struct hmm_sdk_info *info = argument;
	u32 abi = info->abi;
	u32 reason;

	if (info->flags)
		return -EINVAL;
	memset(info, 0, sizeof(*info));
	info->abi = HMM_SDK_ABI_VERSION;
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN))
		info->capabilities |= HMM_SDK_CAP_PHYSICAL;
	if (HS_HAS_MEMORY)
		info->capabilities |= HMM_SDK_CAP_MEMORY;
	if (hs_coherent_there())
		info->capabilities |= HMM_SDK_CAP_COHERENT;
	if (HS_HAS_EXCLUSIVE)
		info->capabilities |= HMM_SDK_CAP_EXCLUSIVE;
	if (HS_HAS_IOVA)
		info->capabilities |= HMM_SDK_CAP_DMA_IOVA;
	if (HS_HAS_UNLOCKED_FAULT)
		info->capabilities |= HMM_SDK_CAP_UNLOCKED_FAULT;
	if (hs_pci_allowed(&reason))
		info->capabilities |= HMM_SDK_CAP_PCI;
	if (IS_ENABLED(CONFIG_PCI_P2PDMA))
		info->capabilities |= HMM_SDK_CAP_PEER;
	info->kernel = LINUX_VERSION_CODE;
	info->page_shift = PAGE_SHIFT;
	info->max_spaces = HS_MAX_SPACES;
	info->max_devices = HS_MAX_DEVICES;
	info->max_mirrors = HS_MAX_MIRRORS;
	info->max_mirror_pages = HS_MAX_MIRROR_PAGES;
	info->max_fault_pages = HS_MAX_FAULT_PAGES;
	info->max_map_pages = HS_MAX_MAP_PAGES;
	info->max_exclusive_pages = HS_MAX_EXCLUSIVE_PAGES;
	info->max_migrate_pages = HS_MAX_MIGRATE_PAGES;
	info->max_engine_bytes = HS_MAX_ENGINE_BYTES;
	info->max_buffers = HS_MAX_BUFFERS;
	info->max_buffer_bytes = HS_MAX_BUFFER_BYTES;
	info->max_windows = HS_MAX_WINDOWS;
	info->max_window_pages = HS_MAX_WINDOW_PAGES;
	info->max_memory_pages = HS_MAX_MEMORY_PAGES;
	info->max_events = HS_MAX_EVENTS;
	strscpy(info->version, HS_VERSION, sizeof(info->version));
	strscpy(info->release, init_utsname()->release, sizeof(info->release));
	if (abi == HMM_SDK_ABI_VERSION)
		WRITE_ONCE(context->greeted, true);
	return 0;
}

static const struct hs_call hs_context_calls[] = {
	HS_CALL(GET_INFO, hs_get_info),
	HS_CALL(SPACE_BIND, hs_space_bind),
	HS_CALL(SPACE_CLOSE, hs_space_close),
	HS_CALL(SPACE_EVENTS, hs_space_events),
};

/* Apart from the table, because the descriptor is given only when the caller got its number. */
static int hs_context_device_open(struct hs_context *context,
				  struct hmm_sdk_device_open __user *user)
{
	struct hmm_sdk_device_open argument;
	struct file *file = NULL;
	int ret, fd;

	if (copy_from_user(&argument, user, sizeof(argument)))
		return -EFAULT;
	argument.reason = HMM_SDK_REASON_NONE;
	argument.fd = -1;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = hs_device_open(context, &argument, &file);
	if (!ret)
		argument.fd = fd;
	if (copy_to_user(user, &argument, sizeof(argument)) && !ret) {
		ret = -EFAULT;
		fput(file);
	}
	if (ret) {
		put_unused_fd(fd);
		return ret;
	}
	fd_install(fd, file);
	return 0;
}

static long hs_context_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	struct hs_context *context = file->private_data;
	void __user *user = (void __user *)argument;

	if (READ_ONCE(context->ended))
		return -ESHUTDOWN;
	if (request != HMM_SDK_IOC_GET_INFO && _IOC_TYPE(request) == HMM_SDK_MAGIC &&
	    !READ_ONCE(context->greeted))
		return -EPROTO;
	if (request == HMM_SDK_IOC_DEVICE_OPEN)
		return hs_context_device_open(context, user);
	return hs_dispatch(hs_context_calls, ARRAY_SIZE(hs_context_calls), context, request, user);
}

/* Zeros, for processes to read. */
static u8 hs_bare_page[PAGE_SIZE] __aligned(PAGE_SIZE);

/*
 * What no device may mirror, to be read only: at offset IO memory as of a device's registers, at offset BARE
 * memory that has no struct page as far as the mapping says. Both are the same page again and again.
 */
static int hs_map_bare(struct vm_area_struct *vma)
{
	unsigned long pfn = vmalloc_to_pfn(hs_bare_page);
	bool io = vma->vm_pgoff == HMM_SDK_DRIVER_PAGES_IO;
	unsigned long address;
	int ret = 0;

	if ((!io && vma->vm_pgoff != HMM_SDK_DRIVER_PAGES_BARE) || vma->vm_flags & VM_WRITE)
		return -EINVAL;
	vm_flags_mod(vma, io ? 0 : VM_MIXEDMAP | VM_DONTEXPAND, VM_MAYWRITE);
	for (address = vma->vm_start; !ret && address < vma->vm_end; address += PAGE_SIZE) {
		if (io)
			ret = remap_pfn_range(vma, address, pfn, PAGE_SIZE, vma->vm_page_prot);
		else if (hs_compat_insert_mixed(vma, address, pfn) != VM_FAULT_NOPAGE)
			ret = -ENOMEM;
	}
	return ret;
}

/*
 * Pages of the module in the process: what a driver does with vm_insert_page(). They are there at once, and
 * nothing brings back one that goes (there is no fault handler).
 */
static int hs_context_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long address;
	struct page *page;
	int ret = 0;

	if (vma_pages(vma) > HMM_SDK_MAX_DRIVER_PAGES)
		return -EINVAL;
	if (vma->vm_pgoff)
		return hs_map_bare(vma);
	for (address = vma->vm_start; !ret && address < vma->vm_end; address += PAGE_SIZE) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!page)
			return -ENOMEM;
		ret = vm_insert_page(vma, address, page);
		/* The mapping has a reference of its own. */
		put_page(page);
	}
	return ret;
}

const struct file_operations hs_context_fops = {
	.owner = THIS_MODULE,
	.open = hs_context_open,
	.flush = hs_context_flush,
	.release = hs_context_release,
	.poll = hs_context_poll,
	.mmap = hs_context_mmap,
	.unlocked_ioctl = hs_context_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
