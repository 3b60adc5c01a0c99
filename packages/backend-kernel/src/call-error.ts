import { errnoName, HmmError, type Errno } from '@hmm-sdk/hmm-api'
import * as uapi from './uapi.js'

export const EPERM = 1
export const EIO = 5
export const EINTR = 4
export const EBADF = 9
export const EAGAIN = 11
export const EFAULT = 14
export const EBUSY = 16
export const ENODEV = 19
export const EINVAL = 22
export const EOPNOTSUPP = 95
export const ESHUTDOWN = 108
export const ESTALE = 116
export const EREMOTEIO = 121

/** `failed_page` when no page is to blame. */
const NO_PAGE = 0xffff_ffff

const MAP_AGAIN = 'Map the range again when the process has changed it.'
const DOMAIN_HINT =
  'Boot with intel_iommu=on (or amd_iommu=on), and write DMA to the type file of the IOMMU group.'

/** Message and hint of each reason of the module. */
const REASONS: Readonly<Record<number, readonly [message: string, hint: string | undefined]>> = {
  [uapi.REASON_NOT_TRANSLATING]: [
    'no translating IOMMU stands before the device: unmapping would revoke nothing',
    DOMAIN_HINT,
  ],
  [uapi.REASON_BOUNCE]: [
    'the device needs bounce buffers, which are copies and cannot be revoked',
    'Raise the DMA mask with dma.setMask, or boot without swiotlb=force.',
  ],
  [uapi.REASON_NOT_COHERENT]: [
    'device and CPU do not see the same data without cache maintenance',
    'Use buffers of your own with dma.map and sync for this device.',
  ],
  [uapi.REASON_ATS]: [
    'the device caches translations itself (ATS), so the IOMMU alone cannot revoke them',
    'Boot with pci=noats.',
  ],
  [uapi.REASON_NO_IOVA_API]: [
    'this kernel has no two-step IOVA mapping (it came with 6.16)',
    'Use Linux 7.2 or later for PCI devices; the software device works here too.',
  ],
  [uapi.REASON_NO_IOVA_SPACE]: [
    'no free range of DMA addresses of that size',
    'Watch a smaller range, or close what is not used.',
  ],
  [uapi.REASON_PEER_BUS]: [
    'a page is memory of a peer reached by bus address, which bypasses the IOMMU',
    'Map a range without peer memory.',
  ],
  [uapi.REASON_SECRET]: ['a page is secret memory (memfd_secret)', 'Map a range without it.'],
  [uapi.REASON_HOLE]: [
    'no mapping at that address, or one that cannot be accessed',
    'The process must map it with at least read protection first.',
  ],
  [uapi.REASON_READ_ONLY]: [
    'the process has mapped it read-only',
    "Map it for 'read', or let the process mprotect it.",
  ],
  [uapi.REASON_FAULT]: [
    'the page could not be faulted in',
    'A CPU access of the process there would raise SIGBUS or SIGSEGV too.',
  ],
  [uapi.REASON_LINK]: ['the IOMMU had no memory for its tables', 'Try again, or map fewer pages.'],
  [uapi.REASON_MASK]: [
    'not reachable under the DMA mask of the device',
    'Raise the mask with dma.setMask.',
  ],
  [uapi.REASON_PERMISSION]: [
    'PCI devices need CAP_SYS_RAWIO',
    'Run as root, or: sudo setcap cap_sys_rawio+ep "$(command -v node)"',
  ],
  [uapi.REASON_LOCKDOWN]: [
    'the kernel is locked down (Secure Boot)',
    'Use the software device, or boot without lockdown.',
  ],
  [uapi.REASON_IN_USE]: [
    'the device is open already',
    'A PCI device opens once at a time: close it where it is open.',
  ],
  [uapi.REASON_MSI]: [
    'interrupt messages of the device are not isolated by the IOMMU',
    'Boot with interrupt remapping (intremap=on).',
  ],
  [uapi.REASON_GROUP]: [
    'another driver holds a device of the same IOMMU group',
    'Unbind it, see /sys/bus/pci/devices/ADDRESS/iommu_group/devices.',
  ],
  [uapi.REASON_INVALIDATED]: [
    'invalidations kept coming in between',
    'Try again later, or give a longer deadlineMs.',
  ],
  [uapi.REASON_NOT_ANONYMOUS]: [
    'only anonymous memory can be exclusive',
    'Use private anonymous memory for what the device updates atomically.',
  ],
  [uapi.REASON_CONTENDED]: [
    'the CPU side keeps taking the pages back',
    'Try again when the process touches them less, or give a longer deadlineMs.',
  ],
  [uapi.REASON_UNKNOWN_DOMAIN]: [
    'the IOMMU domain of the device is not one that the DMA API owns',
    DOMAIN_HINT,
  ],
  [uapi.REASON_LIMIT]: ['a limit of the module is reached', 'Close what is not used.'],
  [uapi.REASON_MEMLOCK]: [
    'the locked-memory limit of this user is reached',
    'Raise RLIMIT_MEMLOCK (ulimit -l).',
  ],
  [uapi.REASON_BOUNCE_FULL]: [
    'no place in the bounce buffers (SWIOTLB)',
    'Unmap what is not used, map less at once, or boot with more of them: swiotlb=SLOTS.',
  ],
  [uapi.REASON_NOT_RESERVED]: [
    'the module was given no memory for device-coherent pages',
    'Boot with memmap=64M$ADDRESS, and load the module with coherent=64M@ADDRESS.',
  ],
  [uapi.REASON_PEER_ROUTE]: [
    'the devices are not below one switch, and their host bridge is not on the allow-list of the kernel',
    'Ask dma.peerRoute first; see pci_p2pdma_distance in the kernel log, and docs/dma.md.',
  ],
}

/** The text of a reason, for capabilities. */
export function reasonText(reason: number): { reason: string; hint: string } {
  const [message, hint] = REASONS[reason] ?? [`the module gave reason ${reason}`, undefined]
  return { reason: message, hint: hint ?? MAP_AGAIN }
}

/** The errno's name as the API knows it, where that differs from the number's own. */
function codeOf(errno: number): Errno {
  if (errno === ESHUTDOWN) return 'EBADF'
  return errnoName(errno)
}

/** What else is known about a failed call. */
export interface CallErrorDetails {
  readonly reason?: number | undefined
  /** `failed_page` of the struct. */
  readonly page?: number | undefined
  readonly message?: string | undefined
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/** The HmmError of a call that returned `result`, a negative errno. */
export function callError(result: number, details: CallErrorDetails = {}): HmmError {
  const code = codeOf(-result)
  const [reason, reasonHint] = REASONS[details.reason ?? uapi.REASON_NONE] ?? []
  const ended = -result === ESHUTDOWN ? 'the context of the module has ended' : undefined
  const unknown =
    code === 'EIO' && -result !== 5 ? `the module answered errno ${-result}` : undefined
  return new HmmError(code, {
    message: details.message ?? reason ?? ended ?? unknown,
    hint: details.hint ?? reasonHint,
    page: details.page === NO_PAGE ? undefined : details.page,
    cause: details.cause,
    ...(details.reason === uapi.REASON_BOUNCE_FULL ? { retryable: true } : {}),
  })
}

/** Throws the error of a negative result. */
export function check(result: number, details?: CallErrorDetails): void {
  if (result < 0) throw callError(result, details)
}
