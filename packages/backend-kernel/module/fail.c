// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of the module that can be made to fail, for tests of drivers: debugfs hmm_sdk/fail. Off until
 * root writes 1 to "enabled"; then each step counts how often it is passed, and fails once at the
 * pass that was asked for. The kernel's own fault injection is not built into distribution kernels.
 *
 *   enabled        1: count from zero; 0: off, nothing is armed any more
 *   STEP/passed    how often the step was passed since
 *   STEP/failed    how often it failed because it was asked to
 *   STEP/nth       write N: the N-th pass from now on fails, once; 0: none. Reads what is left.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/mutex.h>

#include "hmm_sdk.h"

#ifdef CONFIG_DEBUG_FS

static const char * const hs_step_names[HS_STEPS] = {
	[HS_STEP_ALLOC] = "alloc",
	[HS_STEP_NOTIFIER] = "notifier",
	[HS_STEP_IOVA] = "iova",
	[HS_STEP_LINK] = "link",
	[HS_STEP_FAULT] = "fault",
	[HS_STEP_EXCLUSIVE] = "exclusive",
	[HS_STEP_MIGRATE] = "migrate",
	[HS_STEP_BLOCK] = "block",
	[HS_STEP_BUFFER] = "buffer",
	[HS_STEP_MAP] = "map",
	[HS_STEP_TRANSFER] = "transfer",
	[HS_STEP_ANSWER] = "answer",
};

struct hs_fail {
	atomic64_t passed;
	atomic64_t failed;
	/* The pass that fails; 0 for none. */
	atomic64_t at;
};

DEFINE_STATIC_KEY_FALSE(hs_fail_enabled);
static DEFINE_MUTEX(hs_fail_lock);
static struct hs_fail hs_fail_steps[HS_STEPS];
static struct dentry *hs_fail_root;

bool hs_fails_now(enum hs_step step)
{
	struct hs_fail *fail = &hs_fail_steps[step];
	s64 pass = atomic64_inc_return(&fail->passed);

	/* Two passes never have the same number, so that it fails once. */
	if (atomic64_read(&fail->at) != pass || atomic64_cmpxchg(&fail->at, pass, 0) != pass)
		return false;
	atomic64_inc(&fail->failed);
	return true;
}

static int hs_enabled_get(void *data, u64 *value)
{
	*value = static_key_enabled(&hs_fail_enabled);
	return 0;
}

static int hs_enabled_set(void *data, u64 value)
{
	int i;

	if (value > 1)
		return -EINVAL;
	mutex_lock(&hs_fail_lock);
	for (i = 0; i < HS_STEPS; i++) {
		atomic64_set(&hs_fail_steps[i].at, 0);
		atomic64_set(&hs_fail_steps[i].passed, 0);
		atomic64_set(&hs_fail_steps[i].failed, 0);
	}
	if (value)
		static_branch_enable(&hs_fail_enabled);
	else
		static_branch_disable(&hs_fail_enabled);
	mutex_unlock(&hs_fail_lock);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(hs_enabled_fops, hs_enabled_get, hs_enabled_set, "%llu\n");

static int hs_passed_get(void *data, u64 *value)
{
	struct hs_fail *fail = data;

	*value = atomic64_read(&fail->passed);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(hs_passed_fops, hs_passed_get, NULL, "%llu\n");

static int hs_failed_get(void *data, u64 *value)
{
	struct hs_fail *fail = data;

	*value = atomic64_read(&fail->failed);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(hs_failed_fops, hs_failed_get, NULL, "%llu\n");

static int hs_nth_get(void *data, u64 *value)
{
	struct hs_fail *fail = data;
	s64 left = atomic64_read(&fail->at) - atomic64_read(&fail->passed);

	*value = left > 0 ? left : 0;
	return 0;
}

static int hs_nth_set(void *data, u64 value)
{
	struct hs_fail *fail = data;
	int ret = 0;

	if (value > U32_MAX)
		return -ERANGE;
	mutex_lock(&hs_fail_lock);
	if (!static_key_enabled(&hs_fail_enabled))
		ret = -ENODATA;
	else
		atomic64_set(&fail->at, value ? atomic64_read(&fail->passed) + value : 0);
	mutex_unlock(&hs_fail_lock);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(hs_nth_fops, hs_nth_get, hs_nth_set, "%llu\n");

/* Without debugfs, or where it is locked down, there is nothing to be switched on. */
void hs_fail_init(void)
{
	struct dentry *fail;
	int i;

	hs_fail_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
	fail = debugfs_create_dir("fail", hs_fail_root);
	debugfs_create_file_unsafe("enabled", 0600, fail, NULL, &hs_enabled_fops);
	for (i = 0; i < HS_STEPS; i++) {
		struct dentry *step = debugfs_create_dir(hs_step_names[i], fail);

		debugfs_create_file_unsafe("passed", 0400, step, &hs_fail_steps[i],
					   &hs_passed_fops);
		debugfs_create_file_unsafe("failed", 0400, step, &hs_fail_steps[i],
					   &hs_failed_fops);
		debugfs_create_file_unsafe("nth", 0600, step, &hs_fail_steps[i], &hs_nth_fops);
	}
}

void hs_fail_exit(void)
{
	debugfs_remove(hs_fail_root);
}

#endif
