// SPDX-License-Identifier: GPL-2.0
/*
 * Copies the argument of a request in, runs the request, copies it out again. It is copied out
 * after a failure too, for the fields that say what failed.
 */
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "hmm_sdk.h"

#define HS_ARGUMENT_BYTES 256

int hs_dispatch(const struct hs_call *calls, unsigned int count, void *owner, unsigned int request,
		void __user *argument)
{
	u64 copy[HS_ARGUMENT_BYTES / sizeof(u64)];
	unsigned int number = _IOC_NR(request);
	size_t bytes = _IOC_SIZE(request);
	const struct hs_call *call;
	int ret;

	if (number >= count)
		return -ENOTTY;
	call = &calls[array_index_nospec(number, count)];
	if (!call->run || call->request != request || WARN_ON_ONCE(bytes > sizeof(copy)))
		return -ENOTTY;
	if (copy_from_user(copy, argument, bytes))
		return -EFAULT;
	ret = call->run(owner, copy);
	if (copy_to_user(argument, copy, bytes) && !ret)
		ret = -EFAULT;
	return ret;
}
