// SPDX-License-Identifier: GPL-2.0
/*
 * A space: the address space of a process that agreed to be mirrored.
 *
 * The process binds itself, so nobody's rights over another process matter. The space keeps the
 * mm_struct only; a notifier tells when the memory is gone.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hmm_sdk.h"

/* The last user of the address space is gone. After the mirrors were told. */
static void hs_space_released(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct hs_space *space = container_of(notifier, struct hs_space, notifier);
	struct hs_context *context = space->context;

	spin_lock(&context->event_lock);
	if (!space->dropped && list_empty(&space->link))
		list_add_tail(&space->link, &context->released);
	spin_unlock(&context->event_lock);
	wake_up_all(&context->wait);
}

static const struct mmu_notifier_ops hs_space_ops = {
	.release = hs_space_released,
};

static void hs_space_free(struct kref *ref)
{
	struct hs_space *space = container_of(ref, struct hs_space, ref);

	mmdrop(space->mm);
	hs_context_put(space->context);
	kfree(space);
}

void hs_space_put(struct hs_space *space)
{
	kref_put(&space->ref, hs_space_free);
}

static bool hs_space_bound(struct hs_context *context, struct mm_struct *mm)
{
	struct hs_space *space;
	unsigned long id;

	xa_for_each(&context->spaces, id, space)
		if (space->mm == mm)
			return true;
	return false;
}

int hs_space_bind(void *owner, void *argument)
{
	struct hmm_sdk_space_bind *bind = argument;
	struct hs_context *context = owner;
	struct mm_struct *mm = current->mm;
	struct hs_space *space;
	int ret;

	bind->space = 0;
	if (bind->flags)
		return -EINVAL;
	if (!mm)
		return -ESRCH;
	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	if (!space)
		return -ENOMEM;
	kref_init(&space->ref);
	INIT_LIST_HEAD(&space->link);
	mmgrab(mm);
	space->mm = mm;
	space->context = hs_context_get(context);
	space->notifier.ops = &hs_space_ops;

	mutex_lock(&context->lock);
	if (context->ended)
		ret = -ESHUTDOWN;
	else if (context->nr_spaces >= HS_MAX_SPACES)
		ret = -ENOSPC;
	else if (hs_space_bound(context, mm))
		ret = -EEXIST;
	else
		ret = xa_alloc_cyclic(&context->spaces, &space->id, space,
				      XA_LIMIT(1, INT_MAX), &context->next_space,
				      GFP_KERNEL_ACCOUNT);
	if (ret >= 0) {
		ret = mmu_notifier_register(&space->notifier, mm);
		if (ret)
			xa_erase(&context->spaces, space->id);
		else
			context->nr_spaces++;
	}
	mutex_unlock(&context->lock);
	if (ret < 0) {
		hs_space_put(space);
		return ret;
	}
	bind->space = space->id;
	return 0;
}

/* Under context->lock; the space is out of the table. */
void hs_space_drop(struct hs_space *space)
{
	struct hs_context *context = space->context;

	spin_lock(&context->event_lock);
	space->dropped = true;
	list_del_init(&space->link);
	spin_unlock(&context->event_lock);
	mmu_notifier_unregister(&space->notifier, space->mm);
	hs_space_put(space);
}

int hs_space_close(void *owner, void *argument)
{
	struct hmm_sdk_space_close *close = argument;
	struct hs_context *context = owner;
	struct hs_space *space;

	if (close->flags)
		return -EINVAL;
	mutex_lock(&context->lock);
	space = xa_erase(&context->spaces, close->space);
	if (space) {
		context->nr_spaces--;
		hs_space_drop(space);
	}
	mutex_unlock(&context->lock);
	return space ? 0 : -EBADF;
}

struct hs_space *hs_space_find(struct hs_context *context, u32 id)
{
	struct hs_space *space;

	mutex_lock(&context->lock);
	space = xa_load(&context->spaces, id);
	if (space)
		kref_get(&space->ref);
	mutex_unlock(&context->lock);
	return space;
}

int hs_space_events(void *owner, void *argument)
{
	struct hmm_sdk_space_events *events = argument;
	struct hs_context *context = owner;
	struct hs_space *space;
	u32 ids[64];

	events->count = 0;
	if (!events->max || events->max > ARRAY_SIZE(ids))
		return -EINVAL;
	spin_lock(&context->event_lock);
	while (events->count < events->max && !list_empty(&context->released)) {
		space = list_first_entry(&context->released, struct hs_space, link);
		list_del_init(&space->link);
		space->dropped = true;
		ids[events->count++] = space->id;
	}
	spin_unlock(&context->event_lock);
	if (copy_to_user(u64_to_user_ptr(events->spaces), ids, events->count * sizeof(u32)))
		return -EFAULT;
	return 0;
}
