import { readFileSync } from 'node:fs'
import { HmmError, supported, unsupported, type Capability } from '@hmm-sdk/hmm-api'

/** log2 of the bytes of the huge pages that can be mapped. */
export const HUGE_2M = 21
export const HUGE_1G = 30

const SIZES = '/sys/kernel/mm/hugepages'

/** How many huge pages of that size the system has reserved, in use or not. */
export function hugetlbCapability(shift: number, pageShift: number): Capability {
  const total = reserved(shift)
  if (total > 0) return supported({ total, pages: 2 ** (shift - pageShift) })
  const size = shift === HUGE_1G ? '1G' : '2M'
  return unsupported(`the system has reserved no huge pages of ${size}`, hintOf(shift))
}

/** ENOMEM of a huge mapping says what is missing. */
export function withHugetlbHint(error: unknown, shift: number): unknown {
  if (!HmmError.is(error, 'ENOMEM')) return error
  return new HmmError('ENOMEM', {
    ...error.details,
    message: `too few huge pages are free: ${reserved(shift)} are reserved on this system`,
    hint: hintOf(shift),
    retryable: false,
  })
}

function reserved(shift: number): number {
  try {
    return Number(readFileSync(`${folderOf(shift)}/nr_hugepages`, 'utf8'))
  } catch {
    return 0
  }
}

function hintOf(shift: number): string {
  return `As root: echo 64 > ${folderOf(shift)}/nr_hugepages (or hugepages= at boot, for large ones).`
}

function folderOf(shift: number): string {
  return `${SIZES}/hugepages-${2 ** (shift - 10)}kB`
}
