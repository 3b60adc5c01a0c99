// SPDX-License-Identifier: GPL-2.0
#include "hmm_sdk.h"
int hs_migrate(void *owner, void *argument) { return -EOPNOTSUPP; }
