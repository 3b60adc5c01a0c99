// SPDX-License-Identifier: GPL-2.0
/*
 * hmm_sdk: mirrors of process memory for drivers in user space.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "hmm_sdk.h"

static struct miscdevice hs_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hmm_sdk",
	.fops = &hs_context_fops,
	.mode = 0600,
};

static int __init hs_init(void)
{
	int ret;

	ret = hs_coherent_init();
	if (ret)
		return ret;
	ret = hs_pci_register();
	if (ret)
		return ret;
	ret = misc_register(&hs_misc);
	if (ret)
		hs_pci_unregister();
	else
		hs_fail_init();
	return ret;
}

/* Every open file holds the module, so nothing is in use but pages left in device memory. */
static void __exit hs_exit(void)
{
	hs_fail_exit();
	misc_deregister(&hs_misc);
	hs_pci_unregister();
	hs_pools_free();
}

module_init(hs_init);
module_exit(hs_exit);

MODULE_DESCRIPTION("HMM SDK: mirrors of process memory for drivers in user space");
MODULE_AUTHOR("The HMM SDK authors");
MODULE_VERSION(HS_VERSION);
MODULE_LICENSE("GPL");
