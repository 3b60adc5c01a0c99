// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of peers: a BAR of one PCI device that another one maps. Whoever has both open gets it as a
 * buffer, and maps that by a list, where the DMA layer knows such pages. The buffer keeps the peer
 * bound and away from the next driver, not open: so two devices may map each other.
 */
#include <linux/file.h>
#include <linux/pci-p2pdma.h>
#include <linux/slab.h>

#include "hmm_sdk.h"

/* The kernel makes pages of no less. */
#define HS_PEER_GRAIN SZ_2M

static atomic_t hs_peers = ATOMIC_INIT(0);

bool hs_peer_any(void)
{
	return atomic_read(&hs_peers);
}

/*
 * When a device is bound: its first BAR that is memory, which is prefetchable. It stays the kernel's
 * until the device is unbound. A device without is a device all the same.
 */
void hs_peer_publish(struct hs_peer *peer, struct pci_dev *pdev)
{
	u32 memory = IORESOURCE_MEM | IORESOURCE_PREFETCH;
	u32 bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		u64 bytes = pci_resource_len(pdev, bar);

		if ((pci_resource_flags(pdev, bar) & memory) != memory || !bytes ||
		    bytes % HS_PEER_GRAIN || pci_resource_start(pdev, bar) % HS_PEER_GRAIN)
			continue;
		if (pci_p2pdma_add_resource(pdev, bar, 0, 0))
			return;
		peer->address = pci_alloc_p2pmem(pdev, bytes);
		if (!peer->address)
			return;
		peer->pdev = pdev;
		peer->bytes = bytes;
		peer->bar = bar;
		atomic_inc(&hs_peers);
		return;
	}
}

/* When it is unbound: no buffer shows it any more. */
void hs_peer_withdraw(struct hs_peer *peer)
{
	if (!peer->address)
		return;
	atomic_dec(&hs_peers);
	pci_free_p2pmem(peer->pdev, peer->address, peer->bytes);
}

/* The peer behind a descriptor, held. */
static struct hs_peer *hs_peer_hold(int fd)
{
	struct hs_device *device;
	struct file *file = hs_device_file(fd, &device);
	struct hs_peer *peer;

	if (!file)
		return ERR_PTR(-EBADF);
	/* The file keeps it bound until it is held. */
	peer = device->pci ? hs_pci_hold_peer(device->pci) : NULL;
	fput(file);
	return peer ?: ERR_PTR(-ENODEV);
}

/*
 * How the device reaches the memory: found by mapping a page of it, since the kernel does not tell
 * modules (pci_p2pdma_map_type()). Under device->lock.
 */
static int hs_peer_route(struct hs_device *device, struct hs_buffer *buffer,
			 struct hmm_sdk_peer_open *open)
{
	unsigned long attrs = hs_map_attrs(HMM_SDK_ATTR_SKIP_CPU_SYNC);
	struct scatterlist sg;
	struct sg_table table = { .sgl = &sg, .nents = 1, .orig_nents = 1 };
	int ret;

	if (hs_peer_is_own(device, buffer->peer)) {
		open->route = HMM_SDK_ROUTE_BUS;
		buffer->dma = pci_p2pmem_virt_to_bus(buffer->peer->pdev, buffer->address);
		return 0;
	}
	if (device->capabilities & HMM_SDK_DEV_BOUNCE) {
		open->reason = HMM_SDK_REASON_BOUNCE;
		return -EOPNOTSUPP;
	}
	if (pci_p2pdma_distance_many(buffer->peer->pdev, &device->dma_dev, 1, false) < 0) {
		open->reason = HMM_SDK_REASON_PEER_ROUTE;
		return -EREMOTEIO;
	}
	sg_init_one(&sg, buffer->address, PAGE_SIZE);
	ret = dma_map_sgtable(device->dma_dev, &table, DMA_TO_DEVICE, attrs);
	if (ret)
		return hs_map_error(device, ret, &open->reason);
	open->route = sg_dma_is_bus_address(&sg) ? HMM_SDK_ROUTE_BUS :
						   HMM_SDK_ROUTE_HOST_BRIDGE;
	buffer->translated = open->route == HMM_SDK_ROUTE_HOST_BRIDGE &&
			     device->capabilities & HMM_SDK_DEV_TRANSLATING;
	buffer->dma = sg_dma_address(&sg);
	dma_unmap_sgtable(device->dma_dev, &table, DMA_TO_DEVICE, attrs);
	return hs_check_reach(device, buffer, 0, buffer->bytes, &open->reason);
}

int hs_peer_open(void *owner, void *argument)
{
	struct hmm_sdk_peer_open *open = argument;
	struct hs_device *device = owner;
	struct hs_buffer *buffer;
	struct hs_peer *peer;
	u64 dma_page;
	int ret;

	open->reason = HMM_SDK_REASON_NONE;
	if (open->flags)
		return -EINVAL;
	if (!device->pci)
		return -EOPNOTSUPP;
	buffer = hs_fails(HS_STEP_ALLOC) ? NULL : kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return -ENOMEM;
	peer = hs_peer_hold(open->fd);
	if (IS_ERR(peer)) {
		kfree(buffer);
		return PTR_ERR(peer);
	}
	buffer->peer = peer;
	buffer->address = peer->address;
	buffer->bytes = peer->bytes;
	buffer->nr_pages = peer->bytes >> PAGE_SHIFT;
	open->bytes = peer->bytes;
	open->bar = peer->bar;
	mutex_lock(&device->lock);
	ret = hs_peer_route(device, buffer, open);
	mutex_unlock(&device->lock);
	if (!ret)
		ret = hs_buffer_publish(device, buffer, &open->buffer, &dma_page, &open->reason);
	if (ret)
		hs_buffer_release(device, buffer);
	return ret;
}
