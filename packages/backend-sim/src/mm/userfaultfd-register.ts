import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { checkHugetlbEdge } from './hugetlb.js'
import { protectUserfault } from './userfaultfd-protect.js'
import type { Userfaultfd } from './userfaultfd.js'
import { isolateVmas, mergeVma } from './vma-operations.js'
import {
  VM_IO,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_UFFD,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type Vma,
} from './vma.js'

/**
 * `UFFDIO_REGISTER`: faults of the mappings in `[start, end)` go to `context`. EINVAL if there are none,
 * or such that cannot; EBUSY if another one has a part.
 */
export function* registerUserfault(
  context: Userfaultfd,
  start: number,
  end: number,
  modes: { readonly missing: boolean; readonly writeProtect: boolean },
): Operation<void> {
  const { mm } = context
  yield* mm.lock.write()
  try {
    const vmas = mm.vmas.overlapping(start, end)
    if (vmas.length === 0) {
      throw new HmmError('EINVAL', { message: 'nothing is mapped there', retryable: false })
    }
    // What nobody serves needs nothing of the file (`vma_can_userfault`).
    const anyMemory = context.asynchronous && !modes.missing
    for (const vma of vmas) check(vma, context, start, end, anyMemory)
    const flags = (modes.missing ? VM_UFFD_MISSING : 0) | (modes.writeProtect ? VM_UFFD_WP : 0)
    for (const vma of isolateVmas(mm, start, end)) {
      vma.flags = (vma.flags & ~VM_UFFD) | flags
      vma.userfaultfd = context
      mergeVma(vma)
    }
  } finally {
    mm.lock.releaseWrite()
  }
}

function check(
  vma: Vma,
  context: Userfaultfd,
  start: number,
  end: number,
  anyMemory: boolean,
): void {
  if (
    (vma.flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP)) !== 0 ||
    (vma.file?.writesBack === true && !anyMemory)
  ) {
    throw new HmmError('EINVAL', { message: 'this memory is not served by userfaultfd' })
  }
  if (start > vma.start) checkHugetlbEdge(vma, start)
  if (end < vma.end) checkHugetlbEdge(vma, end)
  if (vma.userfaultfd !== undefined && vma.userfaultfd !== context) {
    throw new HmmError('EBUSY', {
      message: 'another userfaultfd serves a part of the range',
      hint: 'Close it first: a mapping has one.',
      retryable: false,
    })
  }
}

/** The last use of `context` ends (`userfaultfd_release`): its mappings are as others again. */
export function* releaseUserfault(context: Userfaultfd): Operation<void> {
  const { mm } = context
  if (!mm.alive) {
    context.release()
    return
  }
  yield* mm.lock.write()
  try {
    for (const vma of [...mm.vmas]) {
      if (vma.userfaultfd !== context) continue
      if ((vma.flags & VM_UFFD_WP) !== 0) yield* protectUserfault(vma, vma.start, vma.end, false)
      vma.flags &= ~VM_UFFD
      vma.userfaultfd = undefined
    }
    for (const vma of [...mm.vmas]) mergeVma(mm.vmas.find(vma.start)!)
  } finally {
    mm.lock.releaseWrite()
    context.release()
  }
}
