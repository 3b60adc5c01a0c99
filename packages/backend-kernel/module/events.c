// SPDX-License-Identifier: GPL-2.0
/*
 * Events of a device: invalidations in order, and pending interrupts.
 *
 * The ring is allocated beforehand, so that an invalidate callback never allocates and never waits.
 * Events that were read stay in it until user space acknowledges that it dispatched them: until
 * then they make FAULT and MAP of their range fail with -ESTALE. Without room the invalidations of
 * a mirror become one, the hull of their ranges.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "hmm_sdk.h"

#define HS_SHARED_SLOT(slot) (HMM_SDK_SHARED_MIRRORS + 8 * (slot))

int hs_events_init(struct hs_events *events)
{
	BUILD_BUG_ON(HS_SHARED_SLOT(HS_MAX_MIRRORS) > PAGE_SIZE);
	BUILD_BUG_ON(HS_RING & (HS_RING - 1));
	spin_lock_init(&events->lock);
	init_waitqueue_head(&events->wait);
	INIT_LIST_HEAD(&events->hulls);
	events->ring = kvcalloc(HS_RING, sizeof(*events->ring), GFP_KERNEL_ACCOUNT);
	events->shared = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (events->ring && events->shared)
		return 0;
	hs_events_free(events);
	return -ENOMEM;
}

void hs_events_free(struct hs_events *events)
{
	kvfree(events->ring);
	free_page((unsigned long)events->shared);
	events->ring = NULL;
	events->shared = NULL;
}

void hs_hull_init(struct hs_hull *hull)
{
	INIT_LIST_HEAD(&hull->link);
}

static bool hs_events_unread(struct hs_events *events)
{
	return events->read != events->head || !list_empty(&events->hulls) ||
	       events->cpu_fault_pages || events->pending_vectors;
}

/* Under the lock, after every change. */
static void hs_events_update(struct hs_events *events)
{
	WRITE_ONCE(*(u64 *)(events->shared + HMM_SDK_SHARED_EVENT_SEQ), events->last);
	WRITE_ONCE(*(u32 *)(events->shared + HMM_SDK_SHARED_UNREAD), hs_events_unread(events));
}

static struct hmm_sdk_event *hs_events_slot(struct hs_events *events, u32 type, u32 mirror)
{
	struct hmm_sdk_event *event;

	if (events->head - events->tail == HS_RING)
		return NULL;
	event = &events->ring[events->head++ & (HS_RING - 1)];
	memset(event, 0, sizeof(*event));
	event->sequence = ++events->last;
	event->type = type;
	event->mirror = mirror;
	event->time = ktime_get_ns();
	return event;
}

static void hs_hull_merge(struct hs_events *events, struct hs_hull *hull, u32 kind, u64 first,
			  u64 last, u32 flags, u64 count)
{
	hull->sequence = ++events->last;
	hull->kind = kind;
	hull->count += count;
	if (!hull->pending) {
		hull->first = first;
		hull->last = last;
		hull->flags = flags;
	} else {
		hull->first = min(hull->first, first);
		hull->last = max(hull->last, last);
		/* All of them its own doing; any of them where the kernel cannot wait. */
		hull->flags = (hull->flags & flags & HMM_SDK_EVENT_SELF) |
			      ((hull->flags | flags) & HMM_SDK_EVENT_NONBLOCKABLE);
	}
	hull->flags |= HMM_SDK_EVENT_COALESCED;
	hull->pending = true;
	if (list_empty(&hull->link))
		list_add_tail(&hull->link, &events->hulls);
}

void hs_event_invalidate(struct hs_mirror *mirror, u32 kind, u64 first, u64 pages, u32 flags,
			 u64 count)
{
	struct hs_device *device = mirror->device;
	struct hs_events *events = &device->events;
	struct hmm_sdk_event *event = NULL;
	unsigned long irq;

	atomic64_inc(&device->counters.invalidations);
	spin_lock_irqsave(&events->lock, irq);
	/* Behind a hull that waits, so that the order within a mirror holds. */
	if (!mirror->hull.pending)
		event = hs_events_slot(events, HMM_SDK_EVENT_INVALIDATE, mirror->id);
	if (event) {
		event->kind = kind;
		event->flags = flags;
		event->first = first;
		event->pages = pages;
		event->count = count;
	} else {
		atomic64_inc(&device->counters.events_coalesced);
		hs_hull_merge(events, &mirror->hull, kind, first, first + pages - 1, flags, count);
	}
	hs_events_update(events);
	spin_unlock_irqrestore(&events->lock, irq);
	wake_up_all(&events->wait);
}

void hs_event_released(struct hs_mirror *mirror)
{
	struct hs_events *events = &mirror->device->events;
	unsigned long irq;

	spin_lock_irqsave(&events->lock, irq);
	if (mirror->hull.pending ||
	    !hs_events_slot(events, HMM_SDK_EVENT_RELEASED, mirror->id)) {
		mirror->hull.released_pending = true;
		if (list_empty(&mirror->hull.link))
			list_add_tail(&mirror->hull.link, &events->hulls);
	}
	hs_events_update(events);
	spin_unlock_irqrestore(&events->lock, irq);
	wake_up_all(&events->wait);
}

void hs_event_device_fault(struct hs_device *device, u64 address, u32 access, u32 source)
{
	struct hs_events *events = &device->events;
	struct hmm_sdk_event *event;
	unsigned long irq;

	atomic64_inc(&device->counters.device_faults);
	spin_lock_irqsave(&events->lock, irq);
	/* Half of the ring is kept for invalidations. */
	event = events->head - events->tail < HS_RING / 2 ?
		hs_events_slot(events, HMM_SDK_EVENT_DEVICE_FAULT, 0) : NULL;
	if (event) {
		event->address = address;
		event->kind = access;
		event->flags = source;
	} else {
		atomic64_inc(&device->counters.events_dropped);
	}
	hs_events_update(events);
	spin_unlock_irqrestore(&events->lock, irq);
	wake_up_all(&events->wait);
}

/* In hard interrupt context. */
void hs_event_interrupt(struct hs_device *device, u32 vector)
{
	struct hs_events *events = &device->events;
	unsigned long irq;

	spin_lock_irqsave(&events->lock, irq);
	if (events->listening && vector < HS_MAX_VECTORS) {
		events->interrupts[vector]++;
		events->pending_vectors |= 1U << vector;
		hs_events_update(events);
	}
	spin_unlock_irqrestore(&events->lock, irq);
	wake_up_all(&events->wait);
}

void hs_event_cpu_fault(struct hs_device *device, u64 pages)
{
	struct hs_events *events = &device->events;
	unsigned long irq;

	spin_lock_irqsave(&events->lock, irq);
	events->cpu_fault_pages += pages;
	hs_events_update(events);
	spin_unlock_irqrestore(&events->lock, irq);
	wake_up_all(&events->wait);
}

/* The mirror is closed: nobody is told about it any more. */
void hs_events_forget(struct hs_mirror *mirror)
{
	struct hs_events *events = &mirror->device->events;
	unsigned long irq;
	u32 i;

	spin_lock_irqsave(&events->lock, irq);
	list_del_init(&mirror->hull.link);
	mirror->hull.pending = false;
	mirror->hull.released_pending = false;
	for (i = events->tail; i != events->head; i++)
		if (events->ring[i & (HS_RING - 1)].mirror == mirror->id)
			events->ring[i & (HS_RING - 1)].type = 0;
	while (events->read != events->head && !events->ring[events->read & (HS_RING - 1)].type)
		events->read++;
	hs_events_update(events);
	spin_unlock_irqrestore(&events->lock, irq);
}

/* Under mirror->lock. */
void hs_events_publish(struct hs_mirror *mirror)
{
	u64 *slot = mirror->device->events.shared + HS_SHARED_SLOT(mirror->slot);

	/* Who reads the new number in the shared page also finds the event that moved it. */
	smp_store_release(slot, mirror->sequence);
}

static bool hs_overlap(u64 first, u64 last, u64 from, u64 to)
{
	return first <= to && from <= last;
}

/* Whether an invalidation of these pages came after the one with sequence @since. */
bool hs_events_newer(struct hs_mirror *mirror, u64 first, u64 pages, u64 since)
{
	struct hs_events *events = &mirror->device->events;
	struct hs_hull *hull = &mirror->hull;
	u64 last = first + pages - 1;
	bool newer = false;
	unsigned long irq;
	u32 i;

	spin_lock_irqsave(&events->lock, irq);
	if (events->last > since) {
		for (i = events->head; i != events->tail && !newer; i--) {
			struct hmm_sdk_event *event = &events->ring[(i - 1) & (HS_RING - 1)];

			if (event->sequence <= since)
				break;
			newer = event->type == HMM_SDK_EVENT_INVALIDATE &&
				event->mirror == mirror->id &&
				hs_overlap(event->first, event->first + event->pages - 1, first,
					   last);
		}
		if (hull->read_sequence > since)
			newer |= hs_overlap(hull->read_first, hull->read_last, first, last);
	}
	/* A hull that waits was not dispatched, whatever its place in the order will be. */
	if (hull->pending)
		newer |= hs_overlap(hull->first, hull->last, first, last);
	spin_unlock_irqrestore(&events->lock, irq);
	return newer;
}

/* User space has dispatched all events up to @seen. */
void hs_events_acknowledge(struct hs_device *device, u64 seen)
{
	struct hs_events *events = &device->events;
	unsigned long irq;

	spin_lock_irqsave(&events->lock, irq);
	while (events->tail != events->read &&
	       events->ring[events->tail & (HS_RING - 1)].sequence <= seen)
		events->tail++;
	spin_unlock_irqrestore(&events->lock, irq);
}

u64 hs_events_last(struct hs_device *device)
{
	struct hs_events *events = &device->events;
	unsigned long irq;
	u64 last;

	spin_lock_irqsave(&events->lock, irq);
	last = events->last;
	spin_unlock_irqrestore(&events->lock, irq);
	return last;
}

bool hs_events_pending(struct hs_device *device)
{
	struct hs_events *events = &device->events;
	unsigned long irq;
	bool unread;

	spin_lock_irqsave(&events->lock, irq);
	unread = hs_events_unread(events);
	spin_unlock_irqrestore(&events->lock, irq);
	return unread;
}

/*
 * Events that were coalesced get their place in the order only now: after all that were in the
 * ring, so that acknowledging a sequence acknowledges everything that was delivered before it.
 */
static bool hs_take_hull(struct hs_events *events, struct hmm_sdk_event *out)
{
	struct hs_mirror *mirror;
	struct hs_hull *hull;

	if (list_empty(&events->hulls))
		return false;
	hull = list_first_entry(&events->hulls, struct hs_hull, link);
	mirror = container_of(hull, struct hs_mirror, hull);
	memset(out, 0, sizeof(*out));
	out->sequence = ++events->last;
	out->mirror = mirror->id;
	out->time = ktime_get_ns();
	if (!hull->pending) {
		out->type = HMM_SDK_EVENT_RELEASED;
		hull->released_pending = false;
		list_del_init(&hull->link);
		return true;
	}
	out->type = HMM_SDK_EVENT_INVALIDATE;
	out->kind = hull->kind;
	out->flags = hull->flags;
	out->first = hull->first;
	out->pages = hull->last - hull->first + 1;
	out->count = hull->count;
	if (hull->read_sequence) {
		hull->read_first = min(hull->read_first, hull->first);
		hull->read_last = max(hull->read_last, hull->last);
	} else {
		hull->read_first = hull->first;
		hull->read_last = hull->last;
	}
	hull->read_sequence = out->sequence;
	hull->pending = false;
	hull->count = 0;
	if (!hull->released_pending)
		list_del_init(&hull->link);
	return true;
}

static bool hs_take_other(struct hs_events *events, struct hmm_sdk_event *out)
{
	u32 vector;

	memset(out, 0, sizeof(*out));
	out->time = ktime_get_ns();
	if (events->pending_vectors) {
		vector = __ffs(events->pending_vectors);
		out->type = HMM_SDK_EVENT_INTERRUPT;
		out->kind = vector;
		out->count = events->interrupts[vector];
		events->interrupts[vector] = 0;
		events->pending_vectors &= ~(1U << vector);
		return true;
	}
	if (events->cpu_fault_pages) {
		out->type = HMM_SDK_EVENT_CPU_FAULT;
		out->count = events->cpu_fault_pages;
		events->cpu_fault_pages = 0;
		return true;
	}
	return false;
}

static bool hs_take_event(struct hs_events *events, struct hmm_sdk_event *out)
{
	while (events->read != events->head) {
		*out = events->ring[events->read++ & (HS_RING - 1)];
		if (out->type)
			return true;
	}
	return hs_take_hull(events, out) || hs_take_other(events, out);
}

int hs_read_events(void *owner, void *argument)
{
	struct hmm_sdk_read_events *read = argument;
	struct hs_device *device = owner;
	struct hs_events *events = &device->events;
	struct hmm_sdk_event *batch;
	unsigned long irq;
	int ret = 0;

	read->count = 0;
	if (read->pad || !read->max || read->max > HS_MAX_EVENTS)
		return -EINVAL;
	hs_events_acknowledge(device, read->seen);
	batch = kvmalloc_array(read->max, sizeof(*batch), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return -ENOMEM;
	spin_lock_irqsave(&events->lock, irq);
	while (read->count < read->max && hs_take_event(events, &batch[read->count]))
		read->count++;
	read->more = hs_events_unread(events);
	read->event_seq = events->last;
	hs_events_update(events);
	spin_unlock_irqrestore(&events->lock, irq);
	if (copy_to_user(u64_to_user_ptr(read->events), batch, read->count * sizeof(*batch)))
		ret = -EFAULT;
	kvfree(batch);
	return ret;
}

int hs_irq_listen(void *owner, void *argument)
{
	struct hmm_sdk_irq *irq = argument;
	struct hs_device *device = owner;
	struct hs_events *events = &device->events;
	unsigned long flags;

	if (irq->vector || irq->enable > 1)
		return -EINVAL;
	if (!(device->capabilities & HMM_SDK_DEV_INTERRUPTS))
		return -EOPNOTSUPP;
	spin_lock_irqsave(&events->lock, flags);
	events->listening = irq->enable;
	if (!irq->enable) {
		memset(events->interrupts, 0, sizeof(events->interrupts));
		events->pending_vectors = 0;
	}
	hs_events_update(events);
	spin_unlock_irqrestore(&events->lock, flags);
	return 0;
}
