import type { Access, DeviceFault } from '@hmm-sdk/hmm-api'

/** What {@link groupFaults} needs to know of a fault. */
export type FaultKey = Pick<DeviceFault, 'context' | 'access'>

/** Faults of one channel on one page: one mapping answers all of them. */
export interface FaultGroup<F> {
  readonly channel: number
  /** Page index, or undefined if the address is nowhere. */
  readonly page: number | undefined
  /** The strongest access of all, which covers the others. */
  readonly access: Access
  readonly faults: readonly F[]
}

const STRENGTH: Readonly<Record<Access, number>> = { prefetch: 0, read: 1, write: 2, atomic: 3 }

/**
 * Sorts a batch of the fault buffer by channel, page and access, and puts together what one mapping
 * answers. Hundreds of threads of a GPU fault on the same page at once.
 */
export function groupFaults<F extends FaultKey>(
  batch: readonly F[],
  pageOf: (fault: F) => number | undefined,
): FaultGroup<F>[] {
  const sorted = batch
    .map((fault) => ({ fault, page: pageOf(fault) }))
    .sort(
      (left, right) =>
        left.fault.context - right.fault.context ||
        (left.page ?? -1) - (right.page ?? -1) ||
        STRENGTH[right.fault.access] - STRENGTH[left.fault.access],
    )
  const groups: (FaultGroup<F> & { readonly faults: F[] })[] = []
  for (const { fault, page } of sorted) {
    const last = groups.at(-1)
    if (last?.channel === fault.context && last.page === page) last.faults.push(fault)
    else groups.push({ channel: fault.context, page, access: fault.access, faults: [fault] })
  }
  return groups
}
