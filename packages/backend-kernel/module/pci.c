// SPDX-License-Identifier: GPL-2.0
/*
 * PCI devices: the driver that binds them, and what a user-space driver may do with one. Beside
 * VFIO and by its rules; VFIO itself takes the device out of the domain that mirrors need.
 */
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "hmm_sdk.h"

#define HS_EDU_VENDOR 0x1234
#define HS_EDU_DEVICE 0x11e8

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0444);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Open PCI devices even where interrupt messages are not isolated");

static bool untrusted_devices;
module_param(untrusted_devices, bool, 0644);
MODULE_PARM_DESC(untrusted_devices,
		 "Treat PCI devices as untrusted: what fills no page is bounced behind an IOMMU");

struct hs_bar {
	void __iomem *address;
	u64 bytes;
};

struct hs_pci;

/* What an interrupt handler is given: asking for the number of a vector takes a mutex. */
struct hs_vector {
	struct hs_pci *pci;
	u32 index;
};

struct hs_pci {
	struct list_head link;
	struct pci_dev *pdev;
	struct hs_device *device;
	struct hs_bar bars[PCI_STD_NUM_BARS];
	/* Between checking what a register write starts and writing it. */
	struct mutex lock;
	/* Whether it was before it was opened. */
	bool was_untrusted;
	int vectors;
	struct hs_vector vector[HS_MAX_VECTORS];
	bool intx;
	struct hs_peer peer;
	wait_queue_head_t closed;
};

static DEFINE_MUTEX(hs_pci_lock);
static LIST_HEAD(hs_pci_list);

/* ---- interrupts ---- */

static irqreturn_t hs_pci_interrupt(int irq, void *data)
{
	struct hs_vector *vector = data;
	struct hs_pci *pci = vector->pci;

	/* A line is masked until the driver has cleared the cause. */
	if (pci->intx && !pci_check_and_mask_intx(pci->pdev))
		return IRQ_NONE;
	hs_event_interrupt(pci->device, vector->index);
	return IRQ_HANDLED;
}

static void hs_pci_free_irqs(struct hs_pci *pci, int count)
{
	while (count--)
		free_irq(pci_irq_vector(pci->pdev, count), &pci->vector[count]);
	pci_free_irq_vectors(pci->pdev);
	pci->vectors = 0;
}

static int hs_pci_request_irqs(struct hs_pci *pci)
{
	struct pci_dev *pdev = pci->pdev;
	int count, ret, i;

	pci->intx = false;
	count = pci_alloc_irq_vectors(pdev, 1, HS_MAX_VECTORS, PCI_IRQ_MSI | PCI_IRQ_MSIX);
	if (count < 0 && pci_intx_mask_supported(pdev)) {
		count = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_INTX);
		pci->intx = count > 0;
	}
	/* A device without interrupts is a device all the same. */
	if (count < 0)
		return 0;
	for (i = 0; i < count; i++) {
		pci->vector[i] = (struct hs_vector){ .pci = pci, .index = i };
		ret = request_irq(pci_irq_vector(pdev, i), hs_pci_interrupt,
				  pci->intx ? IRQF_SHARED : 0, KBUILD_MODNAME, &pci->vector[i]);
		if (ret) {
			hs_pci_free_irqs(pci, i);
			return ret;
		}
	}
	pci->vectors = count;
	return 0;
}

int hs_irq_unmask(void *owner, void *argument)
{
	struct hmm_sdk_irq *irq = argument;
	struct hs_device *device = owner;

	if (irq->enable)
		return -EINVAL;
	if (!device->pci || !device->pci->vectors)
		return -EOPNOTSUPP;
	if (irq->vector >= device->pci->vectors)
		return -EINVAL;
	/* Still pending: it is an interrupt again. */
	if (device->pci->intx && !pci_check_and_unmask_intx(device->pci->pdev))
		hs_event_interrupt(device, 0);
	return 0;
}

/* ---- registers ---- */

static int hs_reg_check(struct hs_device *device, const struct hmm_sdk_register *reg,
			void __iomem **address)
{
	struct hs_bar *bar;

	if (!device->pci)
		return -EOPNOTSUPP;
	if (reg->bar >= PCI_STD_NUM_BARS || (reg->width != 4 && reg->width != 8))
		return -EINVAL;
	bar = &device->pci->bars[reg->bar];
	if (!bar->address || reg->offset % reg->width || reg->offset >= bar->bytes ||
	    bar->bytes - reg->offset < reg->width)
		return -EINVAL;
	*address = bar->address + reg->offset;
	return 0;
}

int hs_reg_read(void *owner, void *argument)
{
	struct hmm_sdk_register *reg = argument;
	struct hs_device *device = owner;
	void __iomem *address;
	int ret;

	ret = hs_reg_check(device, reg, &address);
	if (ret)
		return ret;
	mutex_lock(&device->pci->lock);
	reg->value = reg->width == 8 ? readq(address) : readl(address);
	mutex_unlock(&device->pci->lock);
	return 0;
}

/*
 * The edu device ends the machine when a transfer leaves its own buffer of 4 KiB, and in QEMU before
 * 8 when it reaches the last byte: so the write that starts such a one is refused.
 */
#define HS_EDU_SOURCE 0x80
#define HS_EDU_DESTINATION 0x88
#define HS_EDU_COUNT 0x90
#define HS_EDU_COMMAND 0x98
#define HS_EDU_START 1
#define HS_EDU_TO_RAM 2
#define HS_EDU_BUFFER 0x40000
#define HS_EDU_BUFFER_BYTES 4096

static int hs_edu_check(struct hs_pci *pci, const struct hmm_sdk_register *reg)
{
	void __iomem *base = pci->bars[0].address;
	u64 start, count;

	if (pci->pdev->vendor != HS_EDU_VENDOR || pci->pdev->device != HS_EDU_DEVICE ||
	    reg->bar != 0 || reg->offset != HS_EDU_COMMAND || !(reg->value & HS_EDU_START))
		return 0;
	start = readq(base + (reg->value & HS_EDU_TO_RAM ? HS_EDU_SOURCE : HS_EDU_DESTINATION));
	count = readq(base + HS_EDU_COUNT);
	if (!count || count >= HS_EDU_BUFFER_BYTES || start < HS_EDU_BUFFER ||
	    start - HS_EDU_BUFFER >= HS_EDU_BUFFER_BYTES - count)
		return -EINVAL;
	return 0;
}

int hs_reg_write(void *owner, void *argument)
{
	struct hmm_sdk_register *reg = argument;
	struct hs_device *device = owner;
	void __iomem *address;
	int ret;

	ret = hs_reg_check(device, reg, &address);
	if (ret)
		return ret;
	if (reg->width == 4 && reg->value > U32_MAX)
		return -EINVAL;
	mutex_lock(&device->pci->lock);
	ret = hs_edu_check(device->pci, reg);
	if (ret)
		;
	else if (reg->width == 8)
		writeq(reg->value, address);
	else
		writel(reg->value, address);
	mutex_unlock(&device->pci->lock);
	return ret;
}

/* ---- opening ---- */

bool hs_pci_allowed(u32 *reason)
{
	*reason = HMM_SDK_REASON_PERMISSION;
	if (!ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO))
		return false;
	*reason = HMM_SDK_REASON_LOCKDOWN;
	if (security_locked_down(LOCKDOWN_PCI_ACCESS))
		return false;
	*reason = HMM_SDK_REASON_NONE;
	return true;
}

static bool hs_pci_matches(struct hs_pci *pci, const struct hmm_sdk_device_open *argument)
{
	struct pci_dev *pdev = pci->pdev;
	u32 address = pci_domain_nr(pdev->bus) << 16 | pdev->bus->number << 8 | pdev->devfn;

	if (argument->flags & HMM_SDK_OPEN_BY_ADDRESS)
		return address == argument->pci_address;
	return pdev->vendor == argument->vendor && pdev->device == argument->device;
}

/* Open, or mapped by a peer. Under hs_pci_lock, or until it changes. */
static bool hs_pci_busy(struct hs_pci *pci)
{
	return READ_ONCE(pci->device) || READ_ONCE(pci->peer.users);
}

/* The first one that is free, or else a busy one. Under hs_pci_lock. */
static struct hs_pci *hs_pci_find(const struct hmm_sdk_device_open *argument)
{
	struct hs_pci *pci, *busy = NULL;

	list_for_each_entry(pci, &hs_pci_list, link) {
		if (!hs_pci_matches(pci, argument))
			continue;
		if (!hs_pci_busy(pci))
			return pci;
		busy = pci;
	}
	return busy;
}

/* A device of the group with a driver of its own would share what this one can reach. */
static int hs_pci_foreign(struct device *dev, void *data)
{
	struct device_driver *driver = READ_ONCE(dev->driver);

	return driver && driver != data &&
	       !(dev_is_pci(dev) && to_pci_dev(dev)->hdr_type == PCI_HEADER_TYPE_BRIDGE);
}

static int hs_pci_check_group(struct pci_dev *pdev, u32 *reason)
{
	struct iommu_group *group = iommu_group_get(&pdev->dev);
	int ret = 0;

	if (!group)
		return 0;
	if (iommu_group_for_each_dev(group, pdev->dev.driver, hs_pci_foreign)) {
		*reason = HMM_SDK_REASON_GROUP;
		ret = -EOPNOTSUPP;
	} else if (!allow_unsafe_interrupts && !iommu_group_has_isolated_msi(group)) {
		*reason = HMM_SDK_REASON_MSI;
		ret = -EOPNOTSUPP;
	}
	iommu_group_put(group);
	return ret;
}

/* Whether what does not fill pages, or everything, is copied. */
static bool hs_pci_bounces(struct hs_device *device, struct pci_dev *pdev)
{
	if (!pdev->dev.dma_io_tlb_mem || !pdev->dev.dma_io_tlb_mem->nslabs)
		return false;
	if (device->capabilities & HMM_SDK_DEV_TRANSLATING)
		return pdev->untrusted;
	return is_swiotlb_force_bounce(&pdev->dev);
}

static u32 hs_pci_domain(struct pci_dev *pdev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&pdev->dev);

	if (!domain)
		return HMM_SDK_DOMAIN_NONE;
	switch (domain->type) {
	case IOMMU_DOMAIN_IDENTITY:
		return HMM_SDK_DOMAIN_IDENTITY;
	case IOMMU_DOMAIN_BLOCKED:
		return HMM_SDK_DOMAIN_BLOCKED;
	case IOMMU_DOMAIN_DMA:
		return HMM_SDK_DOMAIN_DMA;
	case IOMMU_DOMAIN_DMA_FQ:
		return HMM_SDK_DOMAIN_DMA_FQ;
	default:
		return HMM_SDK_DOMAIN_UNMANAGED;
	}
}

/* Why a mapping of this device could outlive its revocation. */
static u32 hs_pci_mirror_reason(struct hs_device *device, struct pci_dev *pdev)
{
	switch (device->domain) {
	case HMM_SDK_DOMAIN_DMA:
	case HMM_SDK_DOMAIN_DMA_FQ:
		break;
	case HMM_SDK_DOMAIN_NONE:
	case HMM_SDK_DOMAIN_IDENTITY:
		return HMM_SDK_REASON_NOT_TRANSLATING;
	default:
		return HMM_SDK_REASON_UNKNOWN_DOMAIN;
	}
	if (!HS_HAS_IOVA)
		return HMM_SDK_REASON_NO_IOVA_API;
#ifdef CONFIG_PCI_ATS
	if (pdev->ats_enabled)
		return HMM_SDK_REASON_ATS;
#endif
	if (dma_addressing_limited(&pdev->dev) || pdev->untrusted)
		return HMM_SDK_REASON_BOUNCE;
#if HS_HAS_IOVA && defined(CONFIG_DMA_NEED_SYNC)
	if (!dev_dma_skip_sync(&pdev->dev))
		return HMM_SDK_REASON_NOT_COHERENT;
#endif
	return HMM_SDK_REASON_NONE;
}

/* Again after the mask has changed. */
void hs_pci_describe(struct hs_device *device)
{
	struct hs_pci *pci = device->pci;

	device->domain = hs_pci_domain(pci->pdev);
	device->mirror_reason = hs_pci_mirror_reason(device, pci->pdev);
	device->max_mirror_pages = HS_MAX_PCI_MIRROR_PAGES;
	device->capabilities = HMM_SDK_DEV_STREAMING | HMM_SDK_DEV_COHERENT_ALLOC |
			       HMM_SDK_DEV_REGISTERS | HMM_SDK_DEV_CACHE_COHERENT |
			       HMM_SDK_DEV_LIST | HMM_SDK_DEV_ATTRIBUTES;
	if (pci->vectors)
		device->capabilities |= HMM_SDK_DEV_INTERRUPTS;
	if (pci->intx)
		device->capabilities |= HMM_SDK_DEV_INTX;
	if (device->domain == HMM_SDK_DOMAIN_DMA || device->domain == HMM_SDK_DOMAIN_DMA_FQ) {
		device->capabilities |= HMM_SDK_DEV_TRANSLATING;
		if (HS_HAS_IOVA)
			device->capabilities |= HMM_SDK_DEV_WINDOW;
	}
	if (device->domain == HMM_SDK_DOMAIN_DMA)
		device->capabilities |= HMM_SDK_DEV_STRICT;
	if (hs_pci_bounces(device, pci->pdev))
		device->capabilities |= HMM_SDK_DEV_BOUNCE;
	if (device->mirror_reason == HMM_SDK_REASON_NONE)
		device->capabilities |= HMM_SDK_DEV_MIRROR;
	if (hs_peer_any())
		device->capabilities |= HMM_SDK_DEV_PEER;
}

static void hs_pci_unmap_bars(struct hs_pci *pci)
{
	int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (pci->bars[i].address)
			pci_iounmap(pci->pdev, pci->bars[i].address);
		pci->bars[i] = (struct hs_bar){ 0 };
	}
}

static int hs_pci_map_bars(struct hs_pci *pci)
{
	int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (!(pci_resource_flags(pci->pdev, i) & IORESOURCE_MEM) ||
		    !pci_resource_len(pci->pdev, i))
			continue;
		pci->bars[i].address = pci_iomap(pci->pdev, i, 0);
		if (!pci->bars[i].address) {
			hs_pci_unmap_bars(pci);
			return -ENOMEM;
		}
		pci->bars[i].bytes = pci_resource_len(pci->pdev, i);
	}
	return 0;
}

/* Under hs_pci_lock. */
static int hs_pci_start(struct hs_pci *pci, struct hs_device *device)
{
	struct pci_dev *pdev = pci->pdev;
	int ret;

	ret = pci_enable_device(pdev);
	if (ret)
		return ret;
	ret = pci_request_regions(pdev, KBUILD_MODNAME);
	if (ret)
		goto err_disable;
	ret = hs_pci_map_bars(pci);
	if (ret)
		goto err_regions;
	pci->was_untrusted = pdev->untrusted;
	if (untrusted_devices)
		pdev->untrusted = 1;
	device->mask_bits = 64;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret) {
		device->mask_bits = 32;
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	}
	if (ret)
		goto err_bars;
	/* Before the first interrupt can come. */
	pci->device = device;
	ret = hs_pci_request_irqs(pci);
	if (ret)
		goto err_owner;
	pci_set_master(pdev);
	return 0;
err_owner:
	pci->device = NULL;
err_bars:
	pdev->untrusted = pci->was_untrusted;
	hs_pci_unmap_bars(pci);
err_regions:
	pci_release_regions(pdev);
err_disable:
	pci_disable_device(pdev);
	return ret;
}

int hs_pci_open(struct hs_device *device, const struct hmm_sdk_device_open *argument, u32 *reason)
{
	struct hs_pci *pci;
	int ret;

	if (!hs_pci_allowed(reason))
		return -EPERM;
	mutex_lock(&hs_pci_lock);
	pci = hs_pci_find(argument);
	if (!pci) {
		ret = -ENODEV;
	} else if (hs_pci_busy(pci)) {
		*reason = HMM_SDK_REASON_IN_USE;
		ret = -EBUSY;
	} else {
		ret = hs_pci_check_group(pci->pdev, reason);
		if (!ret)
			ret = hs_pci_start(pci, device);
	}
	if (!ret) {
		device->pci = pci;
		device->dma_dev = &pci->pdev->dev;
		hs_limits_apply(device);
		hs_pci_describe(device);
	}
	mutex_unlock(&hs_pci_lock);
	return ret;
}

/* No DMA and no interrupt after it. */
void hs_pci_quiesce(struct hs_device *device)
{
	struct hs_pci *pci = device->pci;

	pci_clear_master(pci->pdev);
	if (pci->vectors)
		hs_pci_free_irqs(pci, pci->vectors);
	/* Stops what the device still does by itself; not every device has a reset. */
	if (pci_try_reset_function(pci->pdev))
		pci_dbg(pci->pdev, "no reset\n");
}

/* Nothing is mapped any more. */
void hs_pci_close(struct hs_device *device)
{
	struct hs_pci *pci = device->pci;

	mutex_lock(&hs_pci_lock);
	hs_pci_unmap_bars(pci);
	pci_release_regions(pci->pdev);
	pci_disable_device(pci->pdev);
	pci->pdev->untrusted = pci->was_untrusted;
	WRITE_ONCE(pci->device, NULL);
	wake_up_all(&pci->closed);
	mutex_unlock(&hs_pci_lock);
}

/* Keeps the device bound, and from being opened again; NULL without memory for peers. */
struct hs_peer *hs_pci_hold_peer(struct hs_pci *pci)
{
	if (!pci->peer.address)
		return NULL;
	mutex_lock(&hs_pci_lock);
	WRITE_ONCE(pci->peer.users, pci->peer.users + 1);
	mutex_unlock(&hs_pci_lock);
	return &pci->peer;
}

void hs_pci_drop_peer(struct hs_peer *peer)
{
	struct hs_pci *pci = container_of(peer, struct hs_pci, peer);

	mutex_lock(&hs_pci_lock);
	WRITE_ONCE(peer->users, peer->users - 1);
	wake_up_all(&pci->closed);
	mutex_unlock(&hs_pci_lock);
}

bool hs_peer_is_own(struct hs_device *device, struct hs_peer *peer)
{
	return device->pci && &device->pci->peer == peer;
}

void hs_pci_info(struct hs_device *device, struct hmm_sdk_device_info *info)
{
	struct hs_pci *pci = device->pci;
	int i;

	if (!pci)
		return;
	info->vendor = pci->pdev->vendor;
	info->device = pci->pdev->device;
	info->pci_address = pci_domain_nr(pci->pdev->bus) << 16 | pci->pdev->bus->number << 8 |
			    pci->pdev->devfn;
	info->vectors = pci->vectors;
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		info->bars[i] = pci->bars[i].bytes;
}

/* ---- the driver ---- */

static int hs_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct hs_pci *pci = kzalloc(sizeof(*pci), GFP_KERNEL);

	if (!pci)
		return -ENOMEM;
	pci->pdev = pdev;
	mutex_init(&pci->lock);
	init_waitqueue_head(&pci->closed);
	pci_set_drvdata(pdev, pci);
	/* Whatever had it before. */
	pci_clear_master(pdev);
	hs_peer_publish(&pci->peer, pdev);
	mutex_lock(&hs_pci_lock);
	list_add_tail(&pci->link, &hs_pci_list);
	mutex_unlock(&hs_pci_lock);
	return 0;
}

/* Waits for the user-space driver, as VFIO does. */
static void hs_pci_remove(struct pci_dev *pdev)
{
	struct hs_pci *pci = pci_get_drvdata(pdev);

	mutex_lock(&hs_pci_lock);
	list_del_init(&pci->link);
	mutex_unlock(&hs_pci_lock);
	if (hs_pci_busy(pci))
		pci_info(pdev, "waiting until the driver in user space closes the device\n");
	wait_event(pci->closed, !hs_pci_busy(pci));
	/* Whoever closed it has let go of the lock, and so of @pci. */
	mutex_lock(&hs_pci_lock);
	mutex_unlock(&hs_pci_lock);
	hs_peer_withdraw(&pci->peer);
	kfree(pci);
}

static const struct pci_device_id hs_pci_ids[] = {
	{ PCI_DEVICE(HS_EDU_VENDOR, HS_EDU_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, hs_pci_ids);

static struct pci_driver hs_pci_driver = {
	.name = KBUILD_MODNAME,
	.id_table = hs_pci_ids,
	.probe = hs_pci_probe,
	.remove = hs_pci_remove,
};

int hs_pci_register(void)
{
	return pci_register_driver(&hs_pci_driver);
}

void hs_pci_unregister(void)
{
	pci_unregister_driver(&hs_pci_driver);
}
