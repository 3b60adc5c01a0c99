/** How a page fault ended (`vm_fault_t`). */
export const FAULT_DONE = 0
export const FAULT_OOM = 1
/** Beyond the end of a file, or poisoned: the process would get SIGBUS. */
export const FAULT_SIGBUS = 2
/** The page is being migrated: wait until it is unlocked. */
export const FAULT_WAIT = 3
/** A page of device memory: its device has to bring it back. */
export const FAULT_DEVICE = 4
/** A userfaultfd has to serve it: wait without mmap_lock (`waitUserfault`), or fail as for SIGBUS. */
export const FAULT_USERFAULT = 5
/** It raises an event, and others may run between its two passes: only while schedules are explored. */
export const FAULT_EVENT = 6
